package risk

import "sync"

// leaving counts goroutines that end by themselves, as a sync.WaitGroup does,
// which may not be added to while somebody waits for it to be empty.
type leaving struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when n is 0 again; nil before the first
}

// do runs f on a goroutine of its own.
func (l *leaving) do(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n++; l.n == 1 {
		l.none = make(chan struct{})
	}
	go func() {
		f()
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.n--; l.n == 0 {
			close(l.none)
		}
	}()
}

// left returns what is closed once nothing runs of what does now.
func (l *leaving) left() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.none == nil {
		l.none = make(chan struct{})
		close(l.none)
	}
	return l.none
}
