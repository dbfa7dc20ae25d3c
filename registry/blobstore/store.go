package blobstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"

	"gocloud.dev/blob"

	"github.com/riskkit/riskkit/registry"
)

// A Store is a registry.Store, and a registry.Collector, in a bucket. It is
// made by New and safe for concurrent use. It keeps no connection and no
// goroutine of its own, so there is nothing to close but the bucket.
type Store struct {
	bucket *blob.Bucket
	o      Options
	probe  probe
}

// Options configure a Store. The zero value means the defaults.
type Options struct {
	// Prefix is the folder of the bucket that the registry is in, such as
	// "teams/fraud": names of ASCII letters, digits, '.', '_' and '-', each
	// beginning with a letter or digit, with '/' between them. Empty means the
	// bucket as a whole.
	Prefix string
	// Name is what errors call the bucket, such as "s3://models". Empty means
	// that they do not name it.
	Name string
}

// New returns the store in a bucket, without a request to it. The bucket is the
// caller's, who closes it when the store is not used any more. Where opts make
// no sense, the error wraps registry.ErrInput. nil opts means the defaults.
func New(bucket *blob.Bucket, opts *Options) (*Store, error) {
	s := &Store{bucket: bucket, probe: newProbe()}
	if opts != nil {
		s.o = *opts
	}
	if bucket == nil {
		return nil, fmt.Errorf("%w: no bucket", registry.ErrInput)
	}
	if err := checkPrefix(s.o.Prefix); err != nil {
		return nil, err
	}
	return s, nil
}

const (
	modelsDir = "models"
	blobsDir  = "blobs"
	probeKey  = "tmp/probe"
	eventExt  = ".json"

	maxName   = 128
	maxPrefix = 512
)

// key returns the key of the object with a path.
func (s *Store) key(elem ...string) string { return path.Join(s.o.Prefix, path.Join(elem...)) }

func (s *Store) blobKey(d registry.Digest) string {
	digits := hex.EncodeToString(d[:])
	return s.key(blobsDir, digits[:2], digits)
}

func (s *Store) eventKey(log string, seq int64) string {
	return s.key(modelsDir, log, fmt.Sprintf("%012d%s", seq, eventExt))
}

// checkPrefix returns an error unless prefix can begin a key.
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	ok := len(prefix) <= maxPrefix
	for name := range strings.SplitSeq(prefix, "/") {
		ok = ok && validName(name)
	}
	if !ok {
		return fmt.Errorf("%w: prefix %.600q, want at most %d bytes: names of ASCII letters, digits, '.', '_' and '-', beginning with a letter or digit, with '/' between them and not at the end",
			registry.ErrInput, prefix, maxPrefix)
	}
	return nil
}

func validName(name string) bool {
	for i, c := range []byte(name) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("._-", rune(c))) {
			return false
		}
	}
	return 1 <= len(name) && len(name) <= maxName
}

// failed returns the error of a request as a caller should see it: it is that
// of ctx if ctx is done, it says which bucket it is of, and its text has no
// query of an address, which can be a signature that others could use.
func (s *Store) failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if done := ctx.Err(); done != nil && !errors.Is(err, done) {
		err = fmt.Errorf("%w: %w", done, err)
	}
	var of *url.Error
	if errors.As(err, &of) {
		if plain, query, has := strings.Cut(of.URL, "?"); has && query != "" {
			err = &quiet{strings.ReplaceAll(err.Error(), of.URL, plain), err}
		}
	}
	if s.o.Name != "" {
		err = fmt.Errorf("bucket %s: %w", s.o.Name, err)
	}
	return err
}

// quiet is an error with another text.
type quiet struct {
	text string
	err  error
}

func (q *quiet) Error() string { return q.text }
func (q *quiet) Unwrap() error { return q.err }
