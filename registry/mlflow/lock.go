package mlflow

import (
	"context"
	"sync"
)

// locks are mutexes by name whose Lock can be given up. The zero value is ready.
type locks struct {
	mu sync.Mutex
	by map[string]chan struct{}
}

// lock waits for the lock of a name, and returns what unlocks it.
func (l *locks) lock(ctx context.Context, name string) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	if l.by == nil {
		l.by = map[string]chan struct{}{}
	}
	c := l.by[name]
	if c == nil {
		c = make(chan struct{}, 1)
		l.by[name] = c
	}
	l.mu.Unlock()
	select {
	case c <- struct{}{}:
		return func() { <-c }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
