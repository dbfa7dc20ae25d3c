package audit

import (
	"context"
	"fmt"
)

// guard calls what is the host's. That it panics is an error.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("audit: a hook or the sink panicked: %v", p)
		}
	}()
	return f()
}

// guarded is an Appender that does not panic: it is called on the Log's goroutine,
// where a panic would be the end of the process.
type guarded struct{ a Appender }

func (g guarded) Append(ctx context.Context, s Segment, data []byte) error {
	return guard(func() error { return g.a.Append(ctx, s, data) })
}

func (g guarded) Sync(ctx context.Context, s Segment) error {
	return guard(func() error { return g.a.Sync(ctx, s) })
}

func (g guarded) Cut(ctx context.Context, s Segment, torn []byte) error {
	return guard(func() error { return g.a.Cut(ctx, s, torn) })
}

func (g guarded) Delete(ctx context.Context, s Segment) error {
	return guard(func() error { return g.a.Delete(ctx, s) })
}

func (g guarded) PutCheckpoint(ctx context.Context, data []byte) error {
	return guard(func() error { return g.a.PutCheckpoint(ctx, data) })
}

func (g guarded) Close() error { return guard(g.a.Close) }
