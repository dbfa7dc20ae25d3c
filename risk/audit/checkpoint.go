package audit

import (
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"time"
)

// maxCheckpoint bounds a checkpoint's file, in bytes.
const maxCheckpoint = 4096

// signedBytes begins what is signed, so that a signature is good for nothing
// else.
const signedBytes = "riskkit audit checkpoint 1\n"

// A Checkpoint says where a writer's chain stood. Whoever has one, kept where the
// log's owner cannot change it, can tell by Verify that nothing up to there was
// changed since; without one the whole chain could have been written anew.
type Checkpoint struct {
	Writer string    `json:"writer"`
	Seq    int64     `json:"seq"`
	Hash   Hash      `json:"hash"`
	Time   time.Time `json:"time"`
	// Key and Signature are ed25519's; empty where the log does not sign.
	Key       []byte `json:"key,omitempty"`
	Signature []byte `json:"signature,omitempty"`
}

// message is what is signed.
func (c Checkpoint) message() ([]byte, error) {
	c.Key, c.Signature = nil, nil
	text, err := json.Marshal(c)
	return append([]byte(signedBytes), text...), err
}

// sign signs c.
func (c *Checkpoint) sign(signer crypto.Signer) error {
	key, ok := signer.Public().(ed25519.PublicKey)
	if !ok {
		return fmt.Errorf("%w: the signer's key is a %T, want an ed25519.PublicKey", ErrInput, signer.Public())
	}
	message, err := c.message()
	if err == nil {
		c.Key = key
		c.Signature, err = signer.Sign(nil, message, crypto.Hash(0))
	}
	if err != nil {
		return fmt.Errorf("audit: signing a checkpoint: %w", err)
	}
	return nil
}

// CheckSignature returns an error that wraps ErrUntrusted unless c is signed by
// one of the keys.
func (c *Checkpoint) CheckSignature(trusted []ed25519.PublicKey) error {
	for _, key := range trusted {
		if key.Equal(ed25519.PublicKey(c.Key)) {
			if message, err := c.message(); err != nil || !ed25519.Verify(key, message, c.Signature) {
				return fmt.Errorf("%w: the signature of record %d of writer %q is wrong", ErrUntrusted, c.Seq, c.Writer)
			}
			return nil
		}
	}
	return fmt.Errorf("%w: that of record %d of writer %q is signed with the key %x", ErrUntrusted, c.Seq, c.Writer, c.Key)
}

// decodeCheckpoint reads a checkpoint.
func decodeCheckpoint(data []byte) (Checkpoint, error) {
	var c Checkpoint
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("%w: the checkpoint: %w", ErrCorrupt, err)
	}
	return c, nil
}
