package mlflow

import "sync"

// maxRecent is how many events of a log are remembered.
const maxRecent = 64

// recent remembers the last events of each log that were read or appended. They
// stay there for ever, so they need not be read again. The zero value is ready.
type recent struct {
	mu  sync.Mutex
	log map[string]*recentLog
}

type recentLog struct {
	last   int64
	events map[int64]recentEvent
}

type recentEvent struct {
	value string // the parameter
	event []byte
}

// last returns the position of the last event of a log that is known.
func (r *recent) last(log string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.log[log]; l != nil {
		return l.last
	}
	return 0
}

// get returns the event whose parameter is value, nil if it is not remembered.
func (r *recent) get(log string, seq int64, value string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.log[log]; l != nil && l.events[seq].value == value {
		return l.events[seq].event
	}
	return nil
}

// add remembers an event, if it is among the last.
func (r *recent) add(log string, seq int64, value string, event []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.log == nil {
		r.log = map[string]*recentLog{}
	}
	l := r.log[log]
	if l == nil {
		l = &recentLog{events: map[int64]recentEvent{}}
		r.log[log] = l
	}
	if l.last = max(l.last, seq); seq > l.last-maxRecent {
		l.events[seq] = recentEvent{value, event}
	}
	if len(l.events) <= maxRecent {
		return
	}
	for seq := range l.events {
		if seq <= l.last-maxRecent {
			delete(l.events, seq)
		}
	}
}
