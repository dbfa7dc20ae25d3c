package mlflow

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"slices"
	"sync"

	"github.com/riskkit/riskkit/registry"
)

// A Store keeps a registry in an MLflow server:
//
//	experiment riskkit              the runs below, and the blobs as blobs/ab/abcdef… in its artifacts
//	  run "log of NAME"             one for each model
//	    parameter 000000000001 …    its events: their digests, and a word that no other event has
//	    events/000000000001-….json  and their bytes
//	experiment riskkit/NAME         made at once with a tag that says which run the log of NAME is
//
// MLflow never changes a parameter, and its database has one value for each, so
// of many who write the same position at once one gets it. It never renames an
// experiment into one that is there either, so all agree on the run of a log.
// An event's bytes are there before the event; those that nobody wins with stay
// behind and do no harm.
//
// Up to some 10,000 events a log it works well; each call reads the names of all
// of them. Blobs cannot be listed, so a Store is no Collector. It is made by
// NewStore.
type Store struct {
	c          *Client
	experiment string
	tempDir    string

	appending locks // by log
	recent    recent

	mu   sync.Mutex
	root Experiment         // once it is known
	logs map[string]*logRun // likewise
}

// StoreOptions configure a Store. The zero value means the defaults.
type StoreOptions struct {
	// Experiment is the name of the experiment that all is kept in, and the
	// beginning of the names of those of the models. Empty means riskkit.
	Experiment string
	// TempDir is where blobs of over 4 MiB wait until their digest is known.
	// Empty means os.TempDir.
	TempDir string
}

// maxInMemory is the size up to which a blob waits in memory.
const maxInMemory = 4 << 20

// NewStore returns the store in an MLflow server. It sends nothing yet; what the
// store needs there is made by the first call that writes. nil opts means the
// defaults.
func NewStore(c *Client, opts *StoreOptions) (*Store, error) {
	s := &Store{c: c, experiment: "riskkit", logs: map[string]*logRun{}}
	if opts != nil {
		s.tempDir = opts.TempDir
		if opts.Experiment != "" {
			s.experiment = opts.Experiment
		}
	}
	if c == nil {
		return nil, fmt.Errorf("%w: a store without a client", registry.ErrInput)
	}
	if len(s.experiment) > 300 || slices.ContainsFunc([]rune(s.experiment), func(r rune) bool { return r < ' ' || r == '\'' || r == '"' || r == '%' }) {
		return nil, fmt.Errorf("%w: experiment %.320q, want at most 300 bytes without quotes and '%%'", registry.ErrInput, s.experiment)
	}
	return s, nil
}

// rootExperiment returns the experiment that all is kept in; if it is not to be
// made and not there, the error wraps ErrNotFound.
func (s *Store) rootExperiment(ctx context.Context, create bool) (Experiment, error) {
	s.mu.Lock()
	e := s.root
	s.mu.Unlock()
	if e.ID != "" {
		return e, ctx.Err()
	}
	var err error
	if create {
		e, err = s.c.EnsureExperiment(ctx, s.experiment)
	} else if e, err = s.c.Experiment(ctx, s.experiment); err == nil {
		err = e.usable()
	}
	if err != nil {
		return e, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.root = e
	return e, nil
}

func blobPath(d registry.Digest) string {
	h := hex.EncodeToString(d[:])
	return "blobs/" + h[:2] + "/" + h
}

// PutBlob stores what r yields under a digest, which is compared before anything
// is sent. A blob that is there already is read: if it is whole it stays, if it
// is damaged it is written again.
func (s *Store) PutBlob(ctx context.Context, d registry.Digest, r io.Reader) error {
	body, size, done, err := s.spool(ctx, d, r)
	if err != nil {
		return err
	}
	defer done()
	e, err := s.rootExperiment(ctx, true)
	if err != nil {
		return err
	}
	have, err := s.OpenBlob(ctx, d)
	if err == nil {
		_, err = io.Copy(io.Discard, have)
		if err = errors.Join(err, have.Close()); err == nil {
			return nil
		}
	}
	if ctx.Err() != nil {
		return err
	}
	return s.c.PutArtifact(ctx, e.ArtifactURI, blobPath(d), body, size)
}

// spool reads all of r, into a file if it is long, and compares its digest. done
// gives up what it took.
func (s *Store) spool(ctx context.Context, d registry.Digest, r io.Reader) (body io.ReaderAt, size int64, done func(), err error) {
	r = contextReader{ctx, r}
	sum := sha256.New()
	var head bytes.Buffer
	size, err = io.Copy(io.MultiWriter(&head, sum), io.LimitReader(r, maxInMemory))
	if err != nil {
		return nil, 0, nil, err
	}
	body, done = bytes.NewReader(head.Bytes()), func() {}
	if size == maxInMemory { // there may be more
		f, err := os.CreateTemp(s.tempDir, "riskkit-blob-")
		if err != nil {
			return nil, 0, nil, err
		}
		done = func() {
			f.Close()
			os.Remove(f.Name()) // a file that stays does no harm
		}
		_, err = f.Write(head.Bytes())
		var n int64
		if err == nil {
			n, err = io.Copy(io.MultiWriter(f, sum), r)
		}
		if err != nil {
			done()
			return nil, 0, nil, err
		}
		body, size = f, size+n
	}
	if have := registry.Digest(sum.Sum(nil)); have != d {
		done()
		return nil, 0, nil, fmt.Errorf("%w: storing blob %v, its content has %v", registry.ErrCorrupt, d, have)
	}
	return body, size, done, nil
}

// OpenBlob opens the blob with a digest. The reader ends with an error that
// wraps ErrCorrupt if the bytes are others.
func (s *Store) OpenBlob(ctx context.Context, d registry.Digest) (io.ReadCloser, error) {
	e, err := s.rootExperiment(ctx, false)
	if err != nil {
		return nil, err
	}
	r, err := s.c.OpenArtifact(ctx, e.ArtifactURI, blobPath(d))
	if err != nil {
		return nil, fmt.Errorf("blob %v: %w", d, err)
	}
	return &verifier{r, d, sha256.New()}, nil
}

// verifier compares the digest of what is read through it.
type verifier struct {
	io.ReadCloser
	digest registry.Digest
	hash   hash.Hash
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	v.hash.Write(p[:n])
	if err != io.EOF {
		return n, err
	}
	if have := registry.Digest(v.hash.Sum(nil)); have != v.digest {
		return n, fmt.Errorf("%w: blob %v has content with %v", registry.ErrCorrupt, v.digest, have)
	}
	return n, err
}

// Logs yields the names of all logs in order of the alphabet.
func (s *Store) Logs(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		names, err := s.logNames(ctx)
		if err != nil {
			yield("", err)
			return
		}
		for _, name := range names {
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			if !yield(name, nil) {
				return
			}
		}
	}
}

// logNames returns the names of the logs that have an event.
func (s *Store) logNames(ctx context.Context) ([]string, error) {
	e, err := s.rootExperiment(ctx, false)
	if errors.Is(err, registry.ErrNotFound) && !e.Deleted {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	filter := fmt.Sprintf("params.`%s` LIKE '%s%%'", eventKey(1), digestPrefix)
	for run, err := range s.c.SearchRuns(ctx, []string{e.ID}, filter) {
		if err != nil {
			return nil, err
		}
		if name := run.Tags[tagLog]; registry.CheckName(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// contextReader is a Reader that fails when ctx is done.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
