package risk

import (
	"sync"
	"sync/atomic"
	"time"
)

// shadowQueue holds the documents of some goroutines that wait for a candidate,
// at most as many as ring has room for. Its memory is used again: to push does
// not allocate once tags and categories have found room.
type shadowQueue struct {
	wake chan struct{} // of the worker, which sleeps while nothing waits

	mu      sync.Mutex // guards what follows
	ring    []waiting
	first   int
	n       int
	closed  bool
	dropped atomic.Int64
	_       pad
}

// waiting is a document that waits, and the answer that its caller got.
type waiting struct {
	doc    Document
	answer Assessment
	time   time.Time
}

// push adds a copy of what a caller has, unless there is no room.
func (q *shadowQueue) push(doc *Document, a *Assessment, now time.Time) bool {
	q.mu.Lock()
	if q.closed || q.n == len(q.ring) {
		q.mu.Unlock()
		return false
	}
	x := &q.ring[(q.first+q.n)%len(q.ring)]
	tags, categories := x.doc.Tags[:0], x.answer.Categories[:0]
	*x = waiting{*doc, *a, now}
	x.doc.Tags = append(tags, doc.Tags...)
	x.answer.Categories = append(categories, a.Categories...)
	x.answer.Explanation = nil
	q.n++
	q.mu.Unlock()
	q.nudge()
	return true
}

// pop moves the oldest to x and leaves its memory to the queue.
func (q *shadowQueue) pop(x *Shadowed) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return false
	}
	w := &q.ring[q.first]
	tags, categories := w.doc.Tags, w.answer.Categories
	*x = Shadowed{Document: w.doc, Production: w.answer, Time: w.time}
	x.Document.Tags = append([]string(nil), tags...)
	x.Production.Categories = append([]Category(nil), categories...)
	clear(tags) // what they point to goes, their room stays
	clear(categories)
	*w = waiting{doc: Document{Tags: tags[:0]}, answer: Assessment{Categories: categories[:0]}}
	q.first = (q.first + 1) % len(q.ring)
	q.n--
	return true
}

// closeEmpty closes the queue if nothing waits in it, and says whether it is
// closed.
func (q *shadowQueue) closeEmpty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = q.closed || q.n == 0
	return q.closed
}

// nudge wakes the worker.
func (q *shadowQueue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
