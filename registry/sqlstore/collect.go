package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"iter"
	"time"

	"github.com/riskkit/riskkit/registry"
)

// Blobs yields all blobs in order of their digests. Times are those of the
// database's clock.
func (s *Store) Blobs(ctx context.Context) iter.Seq2[registry.Blob, error] {
	return func(yield func(registry.Blob, error) bool) {
		last := []byte{}
		fetch := func(limit int) ([]registry.Blob, bool, error) {
			page, more, err := query(ctx, s, nil, scanBlob,
				"SELECT digest, size, put_at FROM {blobs} WHERE digest > $1 ORDER BY digest LIMIT $2", last, limit)
			if len(page) > 0 {
				last = bytes.Clone(page[len(page)-1].Digest[:])
			}
			return page, more, fail(ctx, err, "listing the blobs")
		}
		pages(ctx, fetch)(yield)
	}
}

func scanBlob(rows *sql.Rows) (b registry.Blob, size int, err error) {
	var digest []byte
	var micros int64
	if err = rows.Scan(&digest, &b.Size, &micros); err != nil {
		return b, 0, err
	}
	if copy(b.Digest[:], digest) != len(b.Digest) || len(digest) != len(b.Digest) {
		return b, 0, fmt.Errorf("%w: blob with a digest of %d bytes", registry.ErrCorrupt, len(digest))
	}
	b.Time = time.UnixMicro(micros).UTC()
	return b, len(digest), nil
}

// DeleteBlob deletes the blob d, unless it was put at before or later, by the
// database's clock.
func (s *Store) DeleteBlob(ctx context.Context, d registry.Digest, before time.Time) error {
	err := s.transact(ctx, func(tx *sql.Conn) error {
		// On PostgreSQL this waits for a PutBlob of d, and then sees its time.
		result, err := tx.ExecContext(ctx, s.sql("DELETE FROM {blobs} WHERE digest = $1 AND put_at < $2"), d[:], before.UnixMicro())
		if err != nil {
			return err
		}
		deleted, err := result.RowsAffected()
		if err != nil {
			return err
		}
		if deleted > 0 {
			_, err = tx.ExecContext(ctx, s.sql("DELETE FROM {chunks} WHERE digest = $1"), d[:])
			return err
		}
		var left int
		if err := tx.QueryRowContext(ctx, s.sql("SELECT count(*) FROM {blobs} WHERE digest = $1"), d[:]).Scan(&left); err != nil {
			return err
		}
		if left > 0 {
			return fmt.Errorf("%w: it was put again at %v or later", registry.ErrConflict, before)
		}
		return registry.ErrNotFound
	})
	return fail(ctx, err, "deleting blob %v", d)
}
