package registrytest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/riskkit/riskkit/registry"
)

// rollouts runs on registries that know them.
func (c *registryCase) rollouts() {
	r, ok := c.Registry.(interface {
		registry.Stater
		Rollout(context.Context, string, registry.RolloutChange) (registry.Event, error)
	})
	if !ok {
		return
	}
	roll := func(change registry.RolloutChange) (registry.Event, error) { return r.Rollout(c.ctx, model, change) }
	do := func(change registry.RolloutChange) registry.Event {
		e, err := roll(change)
		c.must(err, "changing a rollout of version %d, now %v", change.Version, e.Rollout)
		return e
	}
	now := func() registry.Rollout {
		s, err := r.State(c.ctx, model)
		if c.must(err, "reading the state"); s == nil || s.Rollout == nil {
			return registry.Rollout{}
		}
		return *s.Rollout
	}
	_, err := roll(registry.RolloutChange{Version: 1})
	c.is(err, registry.ErrNotFound, "a rollout in a model that is not there")
	for n := range 4 {
		c.register(n)
	}
	c.move(registry.Move{Version: 1, To: registry.Production})
	c.move(registry.Move{Version: 4, To: registry.Archived})
	_, err = roll(registry.RolloutChange{BasisPoints: new(100)})
	c.is(err, registry.ErrConflict, "widening where there is no rollout")
	_, err = roll(registry.RolloutChange{Abort: true})
	c.is(err, registry.ErrConflict, "aborting where there is no rollout")
	_, err = roll(registry.RolloutChange{Version: 1})
	c.is(err, registry.ErrConflict, "a rollout of what is in production")
	_, err = roll(registry.RolloutChange{Version: 4})
	c.is(err, registry.ErrConflict, "a rollout of what is archived")
	_, err = roll(registry.RolloutChange{Version: 5})
	c.is(err, registry.ErrNotFound, "a rollout of what is not there")
	_, err = roll(registry.RolloutChange{Version: 2, BasisPoints: new(10001)})
	c.is(err, registry.ErrInput, "a rollout to more than all")

	e := do(registry.RolloutChange{Version: 2, Shadow: new(true), Expect: &registry.Rollout{}, Actor: "ann", Reason: "new labels"})
	first := now()
	if e.Kind != registry.KindRolloutStarted || e.Version != 2 || e.Actor != "ann" || e.Reason != "new labels" || e.Rollout == nil || first.ID == "" ||
		first.ID != e.Rollout.ID || first.Version != 2 || !first.Shadow || !first.Started.Equal(e.Time) {
		c.wrong("a new rollout is %+v by event %+v", first, e)
	}
	_, err = roll(registry.RolloutChange{Version: 3})
	c.is(err, registry.ErrConflict, "a second rollout")
	do(registry.RolloutChange{Shadow: new(false), BasisPoints: new(500), Tags: []string{"pilot", "intern", "pilot"}, Expect: &first})
	second := now()
	if second.ID != first.ID || second.BasisPoints != 500 || !slices.Equal(second.Tags, []string{"intern", "pilot"}) || second.Shadow || !second.Started.Equal(first.Started) {
		c.wrong("a widened rollout is %+v", second)
	}
	_, err = roll(registry.RolloutChange{Paused: new(true), Expect: &first})
	var conflict *registry.RolloutConflictError
	if c.is(err, registry.ErrConflict, "a stale expectation of a rollout"); !errors.As(err, &conflict) || conflict.Expected.ID != first.ID || conflict.State.Rollout.BasisPoints != 500 {
		c.wrong("conflict is %+v", conflict)
	}
	do(registry.RolloutChange{Paused: new(true), Expect: &second})
	if r := now(); !r.Paused || r.BasisPoints != 500 || r.ID != first.ID {
		c.wrong("a paused rollout is %+v", r)
	}
	_, err = roll(registry.RolloutChange{Paused: new(true)})
	c.is(err, registry.ErrConflict, "pausing what is paused")

	var wg sync.WaitGroup
	won := make([]error, 6)
	paused := now()
	for i := range won {
		wg.Go(func() {
			_, won[i] = roll(registry.RolloutChange{Paused: new(false), BasisPoints: new(1000 + i), Expect: &paused})
		})
	}
	wg.Wait()
	n := 0
	for _, err := range won {
		if err == nil {
			n++
		} else {
			c.is(err, registry.ErrConflict, "widening at the same time")
		}
	}
	if n != 1 {
		c.wrong("of %d that widened the same rollout at the same time, %d did", len(won), n)
	}

	e = do(registry.RolloutChange{Abort: true, Evidence: json.RawMessage(`{ "errors": 12 }`)})
	if e.Kind != registry.KindRolloutAborted || e.Version != 2 || string(e.Evidence) != `{"errors":12}` || now().ID != "" {
		c.wrong("aborted by %+v, the rollout is %+v", e, now())
	}
	// What production does ends it.
	starts := func(version int) {
		if do(registry.RolloutChange{Version: version, BasisPoints: new(1)}); now().Version != version || now().ID == first.ID {
			c.wrong("another rollout is %+v, the first had the ID %s", now(), first.ID)
		}
	}
	ended := func(how string, m registry.Move) {
		if c.move(m); now().ID != "" {
			c.wrong("after %s the rollout is %+v", how, now())
		}
	}
	starts(2)
	c.move(registry.Move{Version: 2, To: registry.Staging})
	c.move(registry.Move{Version: 3, To: registry.Archived})
	if now().Version != 2 {
		c.wrong("moves that do not matter ended the rollout")
	}
	ended("its promotion", registry.Move{Version: 2, To: registry.Production})
	starts(1)
	ended("a rollback", registry.Move{Version: 1, Rollback: true})
	starts(2)
	ended("another's promotion", registry.Move{Version: 3, To: registry.Production})
	starts(2)
	ended("its archiving", registry.Move{Version: 2, To: registry.Archived})
}

// approvedRollouts runs on registries that know both.
func (c *registryCase) approvedRollouts() {
	r, ok := c.Registry.(interface {
		Protect(context.Context, string, registry.Protection) (registry.Event, error)
		Approve(context.Context, string, registry.Approval) (registry.Event, error)
		Rollout(context.Context, string, registry.RolloutChange) (registry.Event, error)
	})
	if !ok {
		return
	}
	c.register(1) // by trainer
	c.register(2)
	c.move(registry.Move{Version: 1, To: registry.Production, Actor: "ann"})
	_, err := r.Protect(c.ctx, model, registry.Protection{Stage: registry.Production, Actor: "ann"})
	c.must(err, "protecting production")
	for _, step := range []struct {
		what   string
		change registry.RolloutChange
		denied bool
	}{
		{"starting to a share", registry.RolloutChange{Version: 2, BasisPoints: new(100)}, true},
		{"starting to a tag", registry.RolloutChange{Version: 2, Tags: []string{"pilot"}}, true},
		{"starting paused", registry.RolloutChange{Version: 2, BasisPoints: new(100), Paused: new(true)}, true},
		{"starting to nobody", registry.RolloutChange{Version: 2}, false},
		{"shadow", registry.RolloutChange{Shadow: new(true), BasisPoints: new(100)}, false},
		{"out of shadow", registry.RolloutChange{Shadow: new(false)}, true},
		{"", registry.RolloutChange{}, false}, // bob approves
		{"out of shadow with an approval", registry.RolloutChange{Shadow: new(false)}, false},
		{"widening", registry.RolloutChange{BasisPoints: new(200)}, false},
	} {
		if step.what == "" {
			_, err = r.Approve(c.ctx, model, registry.Approval{Version: 2, Stage: registry.Production, Actor: "bob"})
			c.must(err, "approving")
			continue
		}
		step.change.Actor = "ann"
		if _, err := r.Rollout(c.ctx, model, step.change); step.denied {
			c.is(err, registry.ErrDenied, "%s", step.what)
		} else {
			c.must(err, "%s", step.what)
		}
	}
	by := func(actor string, change registry.RolloutChange) error {
		change.Actor = actor
		_, err := r.Rollout(c.ctx, model, change)
		return err
	}
	c.is(by("bob", registry.RolloutChange{BasisPoints: new(300)}), registry.ErrDenied, "widening what one approved oneself")
	c.must(by("bob", registry.RolloutChange{BasisPoints: new(150)}), "narrowing")
	c.must(by("bob", registry.RolloutChange{Paused: new(true)}), "pausing")
	c.must(by("bob", registry.RolloutChange{Paused: new(false)}), "resuming")
	c.move(registry.Move{Version: 2, To: registry.Production, Actor: "ann"}) // the approval is still there
	c.must(by("bob", registry.RolloutChange{Version: 1, Shadow: new(true)}), "starting in shadow")
	c.must(by("bob", registry.RolloutChange{Abort: true}), "aborting")
}

func (c *registryCase) evidence() {
	c.register(1)
	c.register(2)
	for _, bad := range []string{"{", "1 2", `{"a":1}]`, "\"\xff\"", string(make([]byte, 10)), `"` + string(slices.Repeat([]byte("a"), 64<<10)) + `"`} {
		_, err := c.Move(c.ctx, model, registry.Move{Version: 1, To: registry.Production, Evidence: json.RawMessage(bad)})
		c.is(err, registry.ErrInput, "moving with evidence %.20q", bad)
	}
	given, kept := json.RawMessage("{\n  \"verdict\": \"pass\",\n  \"lower\": -0.001, \"note\": \"größer <als> zuvor\"\n}\n"), `{"verdict":"pass","lower":-0.001,"note":"größer <als> zuvor"}`
	moves := []registry.Move{
		{Version: 1, To: registry.Production}, {Version: 2, To: registry.Production}, {Rollback: true}, {Version: 2, To: registry.Archived}, {Version: 1, Alias: "champion"},
	}
	for _, m := range moves {
		m.Evidence = given
		if e := c.move(m); string(e.Evidence) != kept {
			c.wrong("evidence of %+v is %q, want %q", m, e.Evidence, kept)
		}
	}
	n := 0
	events, err := collect(c.History(c.ctx, model))
	c.must(err, "reading the history")
	for _, e := range events {
		if string(e.Evidence) == kept {
			n++
		}
	}
	if n != len(moves) {
		c.wrong("%d events have the evidence, want %d", n, len(moves))
	}
}
