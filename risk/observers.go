package risk

import (
	"context"
	"fmt"
)

// Observers is the Observer that tells several, one after the other. One that
// panics disturbs neither the answer nor the others; they are told that it
// Failed.
type Observers []Observer

// isolated returns Observers of o, for its panics.
func isolated(o Observer) Observers {
	if all, ok := o.(Observers); ok {
		return all
	}
	return Observers{o}
}

// each calls tell for each observer.
func (o Observers) each(tell func(Observer)) {
	for i := range o {
		o.one(i, tell)
	}
}

func (o Observers) one(i int, tell func(Observer)) {
	defer func() {
		if p := recover(); p != nil {
			o.panicked(i, p)
		}
	}()
	tell(o[i])
}

// panicked tells all but observer i that it panicked.
func (o Observers) panicked(i int, p any) {
	err := fmt.Errorf("%w: observer %d, %T: %v", ErrPanic, i, o[i], p)
	for j, other := range o {
		if j != i {
			func() {
				defer func() { _ = recover() }() // nobody is left to tell
				other.Failed(StageObserver, err)
			}()
		}
	}
}

// Scored tells all.
func (o Observers) Scored(ctx context.Context, s *Scored) {
	for i := range o {
		o.scored(i, ctx, s)
	}
}

// scored is one(i, …) without a closure: it is called for each answer.
func (o Observers) scored(i int, ctx context.Context, s *Scored) {
	defer func() {
		if p := recover(); p != nil {
			o.panicked(i, p)
		}
	}()
	o[i].Scored(ctx, s)
}

// Shadowed tells all.
func (o Observers) Shadowed(ctx context.Context, s *Shadowed) {
	o.each(func(x Observer) { x.Shadowed(ctx, s) })
}

// Feedback tells all.
func (o Observers) Feedback(ctx context.Context, f *Feedback) {
	o.each(func(x Observer) { x.Feedback(ctx, f) })
}

// ModelChanged tells all.
func (o Observers) ModelChanged(st *ServiceStatus) { o.each(func(x Observer) { x.ModelChanged(st) }) }

// BreakerChanged tells all.
func (o Observers) BreakerChanged(stage Stage, state BreakerState) {
	o.each(func(x Observer) { x.BreakerChanged(stage, state) })
}

// Failed tells all.
func (o Observers) Failed(stage Stage, err error) { o.each(func(x Observer) { x.Failed(stage, err) }) }
