package registry

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
)

// sign signs the hash of an event.
func sign(signer crypto.Signer, hash Digest) (*Signature, error) {
	key, ok := signer.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: the signer's key is a %T, want an ed25519.PublicKey", ErrInput, signer.Public())
	}
	sig, err := signer.Sign(nil, signedMessage(hash), crypto.Hash(0))
	if err != nil {
		return nil, fmt.Errorf("registry: signing an event: %w", err)
	}
	return &Signature{key, sig}, nil
}

func signedMessage(hash Digest) []byte { return append([]byte(signedBytes), hash[:]...) }

// decodeSignature reads the key and the signature of an event.
func decodeSignature(text []byte) (*Signature, error) {
	text, head := bytes.CutPrefix(text, []byte(eventKey))
	key, sig, middle := bytes.Cut(text, []byte(eventSignature))
	s := &Signature{make([]byte, ed25519.PublicKeySize), make([]byte, ed25519.SignatureSize)}
	ok := head && middle && len(key) == 2*len(s.Key) && len(sig) == 2*len(s.Bytes)
	if ok {
		_, kerr := hex.Decode(s.Key, key)
		_, serr := hex.Decode(s.Bytes, sig)
		ok = kerr == nil && serr == nil && bytes.Equal(bytes.ToLower(text), text)
	}
	if !ok {
		return nil, fmt.Errorf("%w: key or signature of an event are no lower-case hexadecimal digits", ErrCorrupt)
	}
	return s, nil
}

// valid reports whether s signs hash.
func (s *Signature) valid(hash Digest) bool {
	return ed25519.Verify(s.Key, signedMessage(hash), s.Bytes)
}

// trust returns an error that wraps ErrUntrusted unless e is signed by one of
// the keys, if there are any.
func (l *Log) trust(e *Event) error {
	if len(l.o.Trusted) == 0 {
		return nil
	}
	if e.Signature == nil {
		return fmt.Errorf("%w: event %d of model %q is not signed", ErrUntrusted, e.Seq, e.Model)
	}
	for _, key := range l.o.Trusted {
		if key.Equal(e.Signature.Key) {
			if !e.Signature.valid(e.Hash) {
				return fmt.Errorf("%w: the signature of event %d of model %q is wrong", ErrUntrusted, e.Seq, e.Model)
			}
			return nil
		}
	}
	return fmt.Errorf("%w: event %d of model %q is signed with the key %x", ErrUntrusted, e.Seq, e.Model, []byte(e.Signature.Key))
}
