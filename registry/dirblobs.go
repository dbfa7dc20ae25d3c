package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"time"
)

func blobPath(d Digest) string {
	s := hex.EncodeToString(d[:])
	return path.Join(blobsDir, s[:2], s)
}

// PutBlob stores what r yields under a digest. A blob that is there already is
// written again, which mends it if it was damaged.
func (d *Dir) PutBlob(ctx context.Context, digest Digest, r io.Reader) error {
	return d.in(ctx, func(root FS) error {
		return writeFile(root, blobPath(digest), func(w io.Writer) error {
			if h, ok := r.(*hashed); ok && h.digest == digest {
				return h.write(ctx, w)
			}
			sum := sha256.New()
			if _, err := io.Copy(io.MultiWriter(w, sum), contextReader{ctx, r}); err != nil {
				return err
			}
			if have := Digest(sum.Sum(nil)); have != digest {
				return fmt.Errorf("%w: storing blob %v, its content has %v", ErrCorrupt, digest, have)
			}
			return nil
		}, root.Rename)
	})
}

// OpenBlob opens the blob with a digest.
func (d *Dir) OpenBlob(ctx context.Context, digest Digest) (f io.ReadCloser, err error) {
	err = d.in(ctx, func(root FS) error {
		f, err = openRegular(root, blobPath(digest))
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: blob %v", ErrNotFound, digest)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Blobs yields all blobs.
func (d *Dir) Blobs(ctx context.Context) iter.Seq2[Blob, error] {
	return func(yield func(Blob, error) bool) {
		stopped := false
		err := d.in(ctx, func(root FS) error {
			dirs, err := readNames(root, blobsDir)
			if err != nil {
				return err
			}
			for _, dir := range dirs {
				if info, err := root.Lstat(path.Join(blobsDir, dir)); err != nil || !info.IsDir() {
					continue // not one of ours
				}
				names, err := readNames(root, path.Join(blobsDir, dir))
				if err != nil {
					return err
				}
				for _, name := range names {
					if err := ctx.Err(); err != nil {
						return err
					}
					var b Blob
					if n, err := hex.Decode(b.Digest[:], []byte(name[:min(len(name), 2*len(b.Digest))])); err != nil || n != len(b.Digest) {
						continue
					}
					if blobPath(b.Digest) != path.Join(blobsDir, dir, name) {
						continue
					}
					info, err := root.Lstat(path.Join(blobsDir, dir, name))
					if errors.Is(err, fs.ErrNotExist) {
						continue // deleted meanwhile
					}
					if err != nil {
						return err
					}
					b.Size, b.Time = info.Size(), info.ModTime()
					if stopped = !yield(b, nil); stopped {
						return nil
					}
				}
			}
			return nil
		})
		if err != nil && !stopped {
			yield(Blob{}, err)
		}
	}
}

// DeleteBlob deletes a blob unless it was put at before or later. Between that
// look and the deletion there is a moment in which another process may put it
// again; Register looks whether its files are still there.
func (d *Dir) DeleteBlob(ctx context.Context, digest Digest, before time.Time) error {
	return d.in(ctx, func(root FS) error {
		name := blobPath(digest)
		info, err := root.Lstat(name)
		if err == nil && !info.ModTime().Before(before) {
			return fmt.Errorf("%w: blob %v was put at %v", ErrConflict, digest, info.ModTime())
		}
		if err == nil {
			err = root.Remove(name)
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: blob %v", ErrNotFound, digest)
		}
		return err
	})
}
