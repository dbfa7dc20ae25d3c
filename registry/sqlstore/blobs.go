package sqlstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"

	"github.com/riskkit/riskkit/registry"
)

// chunkSize is how many bytes of a blob are written as one row. It can be
// changed: readers take chunks as they are.
const chunkSize = 1 << 20

// PutBlob stores what r yields under d, in one transaction that ends when r
// does; r must not wait for a connection of the same pool. A blob that is there
// already is written again, which mends it if it was damaged.
func (s *Store) PutBlob(ctx context.Context, d registry.Digest, r io.Reader) error {
	in := chunks{ctx: ctx, r: r, sum: sha256.New()}
	// What is no larger than a chunk is read before the transaction begins.
	chunk, err := in.next()
	if err == nil && in.ended {
		err = in.check(d)
	}
	if err == nil {
		err = s.transact(ctx, func(tx *sql.Conn) error { return s.write(ctx, tx, d, chunk, &in) })
	}
	return fail(ctx, err, "storing blob %v", d)
}

// write writes the blob d, which begins with chunk and goes on with in.
func (s *Store) write(ctx context.Context, tx *sql.Conn, d registry.Digest, chunk []byte, in *chunks) error {
	exec := func(statement string, args ...any) error {
		_, err := tx.ExecContext(ctx, s.sql(statement), args...)
		return err
	}
	// The row of the blob comes first: others who write or delete it wait there.
	err := exec("INSERT INTO {blobs} (digest, size, put_at) VALUES ($1, 0, 0) ON CONFLICT (digest) DO UPDATE SET size = 0", d[:])
	if err == nil {
		err = exec("DELETE FROM {chunks} WHERE digest = $1", d[:])
	}
	for n := 0; err == nil && len(chunk) > 0; n++ {
		if err = exec("INSERT INTO {chunks} (digest, n, data) VALUES ($1, $2, $3)", d[:], n, chunk); err == nil {
			chunk, err = in.next()
		}
	}
	if err == nil {
		err = in.check(d)
	}
	if err == nil {
		err = exec("UPDATE {blobs} SET size = $2, put_at = {now} WHERE digest = $1", d[:], in.size)
	}
	return err
}

// chunks cuts what a Reader yields into pieces.
type chunks struct {
	ctx   context.Context
	r     io.Reader
	sum   hash.Hash
	size  int64
	ended bool
	buf   bytes.Buffer
}

// next returns the next chunk, valid until the next call, and nothing at the
// end.
func (c *chunks) next() ([]byte, error) {
	if err := c.ctx.Err(); err != nil || c.ended {
		return nil, err
	}
	c.buf.Reset()
	n, err := io.CopyN(io.MultiWriter(&c.buf, c.sum), c.r, chunkSize)
	c.size += n
	if c.ended = err == io.EOF; c.ended {
		err = nil
	}
	return c.buf.Bytes(), err
}

// check returns an error that wraps registry.ErrCorrupt where what was read is
// not d.
func (c *chunks) check(d registry.Digest) error {
	if have := registry.Digest(c.sum.Sum(nil)); have != d {
		return fmt.Errorf("%w: its content has %v", registry.ErrCorrupt, have)
	}
	return nil
}

// OpenBlob opens the blob d. The reader asks for one chunk after the other with
// ctx and holds no connection in between; it is for one goroutine.
func (s *Store) OpenBlob(ctx context.Context, d registry.Digest) (io.ReadCloser, error) {
	b := &blob{ctx: ctx, s: s, d: d}
	err := s.retry(ctx, func() error {
		return s.db.QueryRowContext(ctx, s.sql("SELECT size FROM {blobs} WHERE digest = $1"), d[:]).Scan(&b.left)
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = registry.ErrNotFound
	}
	if err != nil {
		return nil, fail(ctx, err, "opening blob %v", d)
	}
	return b, nil
}

// blob reads a blob.
type blob struct {
	ctx   context.Context
	s     *Store
	d     registry.Digest
	n     int    // the next chunk
	left  int64  // bytes of it and those behind it
	chunk []byte // of the one before, what was not read yet
	err   error
}

// Read reads from the blob. Where a chunk is missing the error wraps
// registry.ErrCorrupt.
func (b *blob) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(b.chunk) == 0 && b.err == nil {
		if b.left == 0 {
			b.err = io.EOF
		} else {
			b.err = fail(b.ctx, b.fetch(), "reading chunk %d of blob %v", b.n, b.d)
		}
	}
	if b.err != nil {
		return 0, b.err
	}
	n := copy(p, b.chunk)
	b.chunk = b.chunk[n:]
	return n, nil
}

// fetch gets the next chunk.
func (b *blob) fetch() error {
	err := b.s.retry(b.ctx, func() error {
		return b.s.db.QueryRowContext(b.ctx, b.s.sql(
			"SELECT c.data FROM {blobs} b LEFT JOIN {chunks} c ON c.digest = b.digest AND c.n = $2 WHERE b.digest = $1"),
			b.d[:], b.n).Scan(&b.chunk)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%w: it was deleted meanwhile", registry.ErrNotFound)
	case err != nil:
		return err
	case len(b.chunk) == 0:
		return fmt.Errorf("%w: the chunk is missing, %d bytes are", registry.ErrCorrupt, b.left)
	case int64(len(b.chunk)) > b.left:
		return fmt.Errorf("%w: the chunk has %d bytes, at most %d are left", registry.ErrCorrupt, len(b.chunk), b.left)
	}
	b.left -= int64(len(b.chunk))
	b.n++
	return nil
}

// Close ends reading.
func (b *blob) Close() error {
	b.chunk, b.err = nil, fs.ErrClosed
	return nil
}
