package registry_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/riskkit/riskkit/registry"
)

// blobFile returns the path of a blob.
func blobFile(dir string, d registry.Digest) string {
	hex := strings.TrimPrefix(d.String(), "sha256:")
	return filepath.Join(dir, "blobs", hex[:2], hex)
}

// TestVerifyNamesTheByte damages one byte of each kind of file and cuts files
// short: Verify must say where.
func TestVerifyNamesTheByte(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(bytes.NewReader(make([]byte, 32)))
	rng := rand.New(rand.NewPCG(1, 3))
	dir := filepath.Join(t.TempDir(), "registry")
	s, err := registry.OpenDir(dir, &registry.DirOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	log, signed := registry.New(s, nil), registry.New(s, &registry.LogOptions{Signer: key})
	large := make([]byte, 9<<20) // blocks of 128 KiB
	for i := range large {
		large[i] = byte(rng.Uint32())
	}
	v, err := log.Register(t.Context(), model, registry.Artifact{"large.bin": large, "small.txt": []byte("a small one")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signed.Move(t.Context(), model, registry.Move{Version: 1, To: registry.Production, Reason: "signed"}); err != nil {
		t.Fatal(err)
	}
	if report, err := log.Verify(t.Context(), nil); err != nil || report != (registry.VerifyReport{
		Models: 1, Events: 2, Signed: 1, Versions: 1, Files: 2, Bytes: int64(len(large)) + 11,
	}) {
		t.Fatalf("%+v, error %v", report, err)
	}
	event := filepath.Join(dir, "models", model, "000000000001.json")
	signedEvent := filepath.Join(dir, "models", model, "000000000002.json")
	for name, want := range map[string]registry.Damage{
		event:                            {Model: model, Seq: 1},
		signedEvent:                      {Model: model, Seq: 2},
		blobFile(dir, v.Files[0].Digest): {Model: model, Version: 1, File: "large.bin"},
		blobFile(dir, v.Files[1].Digest): {Model: model, Version: 1, File: "small.txt"},
	} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		check := func(damaged []byte, offset, length int64) {
			t.Helper()
			if err := os.WriteFile(name, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := registry.New(s, nil).Verify(t.Context(), nil)
			var d *registry.Damage
			if !errors.As(err, &d) {
				t.Errorf("%s: error is %v", filepath.Base(name), err)
				return
			}
			want.Offset, want.Length, want.Err = offset, length, d.Err
			if *d != want || !errors.Is(err, registry.ErrCorrupt) && !errors.Is(err, registry.ErrUntrusted) {
				t.Errorf("damage is %+v, want %+v", *d, want)
			}
		}
		for range 40 {
			at := rng.IntN(len(data))
			damaged := slices.Clone(data)
			damaged[at] ^= 1 << rng.IntN(8)
			// Of key and signature it is known only that they do not fit.
			if key := bytes.Index(damaged, []byte(`","key":"`)); name == signedEvent && at >= key+9 && at < len(data)-3 && isHex(damaged[at]) && key > 0 {
				check(damaged, int64(key), int64(len(data)-3-key))
			} else {
				check(damaged, int64(at), 1)
			}
		}
		cut := rng.IntN(len(data))
		check(data[:cut], int64(cut), 1)
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := log.Verify(t.Context(), &registry.VerifyOptions{Models: []string{model, "misspelt"}}); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a model that is not there: error is %v", err)
	}
	// A longer blob, one with a block of zeros, and one that is missing.
	blob := blobFile(dir, v.Files[0].Digest)
	zeros := slices.Clone(large)
	clear(zeros[300_000:400_000])
	for _, c := range []struct {
		what           string
		content        []byte
		offset, length int64
	}{
		{"longer", append(slices.Clone(large), 'x'), int64(len(large)), 1},
		{"zeros", zeros, 2 * 128 << 10, 128 << 10},
	} {
		if err := os.WriteFile(blob, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := log.Verify(t.Context(), nil)
		var d *registry.Damage
		if !errors.As(err, &d) || d.Offset != c.offset || d.Length != c.length {
			t.Errorf("%s: error is %v, want bytes from %d, %d", c.what, err, c.offset, c.length)
		}
	}
	if err := os.Remove(blob); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Verify(t.Context(), nil); !errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), "large.bin of version 1") {
		t.Errorf("a missing file: error is %v", err)
	}
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }

// TestSignatures has events that are signed, not signed, signed by another, and
// whose signature is damaged.
func TestSignatures(t *testing.T) {
	newKey := func(seed byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32)) }
	own, other := newKey(1), newKey(2)
	trusted := []ed25519.PublicKey{own.Public().(ed25519.PublicKey)}
	for _, c := range []struct {
		name   string
		signer ed25519.PrivateKey
		ok     bool
	}{{"own", own, true}, {"another", other, false}, {"none", nil, false}} {
		store := registry.NewMem()
		o := &registry.LogOptions{}
		if c.signer != nil {
			o.Signer = c.signer
		}
		register(t, registry.New(store, o), "model")
		strict := registry.New(store, &registry.LogOptions{Signer: own, Trusted: trusted})
		_, err := strict.Resolve(t.Context(), model, "latest")
		_, verr := strict.Verify(t.Context(), nil)
		if c.ok && (err != nil || verr != nil) || !c.ok && (!errors.Is(err, registry.ErrUntrusted) || !errors.Is(verr, registry.ErrUntrusted)) {
			t.Errorf("signed by %s: errors are %v, %v", c.name, err, verr)
		}
		if v, err := registry.New(store, nil).Resolve(t.Context(), model, "latest"); err != nil || v.Number != 1 {
			t.Errorf("signed by %s, any key is good: version %d, error %v", c.name, v.Number, err)
		}
		if _, err := strict.Move(t.Context(), model, registry.Move{Version: 1, To: registry.Production}); (err == nil) != c.ok {
			t.Errorf("signed by %s: moving: %v", c.name, err)
		}
		// Without a trusted signer of one's own, nothing is appended.
		if _, err := registry.New(registry.NewMem(), &registry.LogOptions{Signer: other, Trusted: trusted}).Register(t.Context(), model, registry.Artifact{"a": nil}, nil); !errors.Is(err, registry.ErrUntrusted) {
			t.Errorf("appending what one would not trust: error is %v", err)
		}
	}
	store := registry.NewMem()
	register(t, registry.New(store, &registry.LogOptions{Signer: own}), "model")
	for event, err := range store.Events(t.Context(), model, 1) {
		if err != nil {
			t.Fatal(err)
		}
		for i := bytes.Index(event, []byte(`","key"`)); i < len(event); i++ {
			damaged := slices.Clone(event)
			damaged[i] ^= 1
			store := registry.NewMem()
			if err := store.Append(t.Context(), model, 1, damaged); err != nil {
				t.Fatal(err)
			}
			if _, err := registry.New(store, &registry.LogOptions{Trusted: trusted}).State(t.Context(), model); !errors.Is(err, registry.ErrUntrusted) && !errors.Is(err, registry.ErrCorrupt) {
				t.Errorf("byte %d of the event is damaged: error is %v", i, err)
			}
			if _, err := registry.New(store, nil).Verify(t.Context(), nil); err == nil {
				t.Errorf("byte %d of the event is damaged, and Verify finds nothing", i)
			}
		}
	}
}
