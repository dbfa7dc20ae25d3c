package registrytest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"

	"github.com/riskkit/riskkit/registry"
)

// TestRegistry checks a Registry. open returns a new, empty registry each time
// it is called.
func TestRegistry(ctx context.Context, open func() (registry.Registry, error)) error {
	var f findings
	for _, c := range []struct {
		rule  string
		check func(*registryCase)
	}{
		{"what is not there is not found", (*registryCase).empty},
		{"a version is what was registered", (*registryCase).versions},
		{"versions are numbered without gaps or doubles", (*registryCase).numbers},
		{"a move happens only as expected", (*registryCase).expected},
		{"an alias names a version, as expected", (*registryCase).aliases},
		{"registering again with a key changes nothing", (*registryCase).keys},
		{"a version keeps its lineage and schema", (*registryCase).lineage},
		{"what is protected moves with an approval", (*registryCase).approvals},
		{"a rollout is one at a time, as expected, and ends", (*registryCase).rollouts},
		{"what is protected is rolled out with an approval", (*registryCase).approvedRollouts},
		{"evidence is kept with the event", (*registryCase).evidence},
		{"a watch sees each event once", (*registryCase).watch},
		{"bad names are refused", (*registryCase).names},
		{"any history folds as a plain model of it does", (*registryCase).random},
	} {
		r, err := open()
		if err != nil {
			return fmt.Errorf("opening a registry: %w", err)
		}
		c.check(&registryCase{storeCase{findings: &f, ctx: ctx, rule: c.rule}, r})
	}
	return f.err()
}

// registryCase is one rule being checked on a registry of its own.
type registryCase struct {
	storeCase
	registry.Registry
}

const model = "incident-risk"

func artifact(n int) registry.Artifact {
	return registry.Artifact{"model.bin": fmt.Appendf(nil, "model %d", n), "card.md": []byte("# Model"), "empty": nil}
}

func (c *registryCase) register(n int) registry.Version {
	v, err := c.Register(c.ctx, model, artifact(n), &registry.RegisterOptions{
		Actor: "trainer", Reason: "weekly", Description: "on labels until May", Tags: map[string]string{"data": "d1"},
	})
	c.must(err, "registering version %d", n)
	return v
}

func (c *registryCase) move(m registry.Move) registry.Event {
	e, err := c.Move(c.ctx, model, m)
	c.must(err, "moving %+v", m)
	return e
}

// resolves notes if ref is not version n; 0 means that nothing is there.
func (c *registryCase) resolves(ref string, n int) {
	v, err := c.Resolve(c.ctx, model, ref)
	if n == 0 {
		c.is(err, registry.ErrNotFound, "resolving %q", ref)
		return
	}
	if c.must(err, "resolving %q", ref); v.Number != n {
		c.wrong("%q is version %d, want %d", ref, v.Number, n)
	}
}

func (c *registryCase) empty() {
	for _, ref := range []string{"production", "staging", "latest", "1"} {
		c.resolves(ref, 0)
	}
	_, err := collect(c.History(c.ctx, model))
	c.is(err, registry.ErrNotFound, "reading the history")
	_, err = c.Move(c.ctx, model, registry.Move{Version: 1, To: registry.Production})
	c.is(err, registry.ErrNotFound, "moving a version")
}

func (c *registryCase) versions() {
	v := c.register(1)
	w := c.register(1)
	x := c.register(2)
	if v.Digest != w.Digest || v.Digest == x.Digest {
		c.wrong("digests of equal artifacts are %v and %v, of another %v", v.Digest, w.Digest, x.Digest)
	}
	for name, want := range artifact(1) {
		got, err := registry.ReadFile(c.ctx, c.Registry, v, name)
		if c.must(err, "reading %s", name); string(got) != string(want) {
			c.wrong("%s is %q, want %q", name, got, want)
		}
	}
	if v.Model != model || v.Number != 1 || v.Actor != "trainer" || v.CreatedAt.IsZero() || len(v.Files) != 3 ||
		v.Description != "on labels until May" || len(v.Tags) != 1 || v.Tags["data"] != "d1" || v.Stage != "" {
		c.wrong("version is %+v", v)
	}
	_, err := c.Open(c.ctx, v, "other")
	c.is(err, registry.ErrNotFound, "opening a file that is not there")
	c.resolves("1", 1)
	c.resolves("latest", 3)
	c.resolves("4", 0)
	staged, err := c.Register(c.ctx, model, artifact(3), &registry.RegisterOptions{Stage: registry.Staging})
	if c.must(err, "registering into staging"); staged.Stage != registry.Staging {
		c.wrong("registered into staging, it is in %q", staged.Stage)
	}
	c.resolves("staging", 4)
	c.resolves("production", 0)
	_, err = c.Resolve(c.ctx, model, "nobody")
	c.is(err, registry.ErrNotFound, "resolving an alias that is not there")
	_, err = c.Resolve(c.ctx, model, "No such thing!")
	c.is(err, registry.ErrInput, "resolving nonsense")
	_, err = c.Register(c.ctx, model, nil, nil)
	c.is(err, registry.ErrInput, "registering nothing")
}

func (c *registryCase) numbers() {
	const writers, each = 4, 10
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	seen := map[int]bool{}
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				v, err := c.Register(c.ctx, model, artifact(w*each+i), nil)
				mu.Lock()
				errs = append(errs, err)
				seen[v.Number] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	c.must(errors.Join(errs...), "registering")
	for n := 1; n <= writers*each; n++ {
		if !seen[n] {
			c.wrong("of %d versions none is number %d", writers*each, n)
		}
	}
}

func (c *registryCase) expected() {
	c.register(1)
	c.register(2)
	c.move(registry.Move{Version: 1, To: registry.Production, Expect: new(0), Actor: "operator", Reason: "first"})
	_, err := c.Move(c.ctx, model, registry.Move{Version: 2, To: registry.Production, Expect: new(2)})
	var conflict *registry.ConflictError
	if c.is(err, registry.ErrConflict, "a stale expectation"); errors.As(err, &conflict) && (conflict.Actual != 1 || conflict.Expected != 2) {
		c.wrong("conflict is %+v", conflict)
	}
	e := c.move(registry.Move{Version: 2, To: registry.Production, Expect: new(1)})
	if e.Kind != registry.KindPromoted || e.Version != 2 || e.From != 1 {
		c.wrong("promotion is %+v", e)
	}
	_, err = c.Move(c.ctx, model, registry.Move{Version: 2, To: registry.Archived})
	c.is(err, registry.ErrConflict, "archiving production")
	_, err = c.Move(c.ctx, model, registry.Move{Version: 3, To: registry.Production})
	c.is(err, registry.ErrNotFound, "promoting what is not there")
	_, err = c.Move(c.ctx, model, registry.Move{Version: 2, To: "nowhere"})
	c.is(err, registry.ErrInput, "moving nowhere")
	_, err = c.Move(c.ctx, model, registry.Move{Rollback: true, Expect: new(1)})
	c.is(err, registry.ErrConflict, "a stale expectation of a rollback")
	c.resolves("production", 2)
	e = c.move(registry.Move{Rollback: true, Expect: new(2), Actor: "operator", Reason: "worse"})
	if e.Kind != registry.KindRolledBack || e.Version != 1 || e.From != 2 {
		c.wrong("rollback is %+v", e)
	}
	_, err = c.Move(c.ctx, model, registry.Move{Rollback: true})
	c.is(err, registry.ErrConflict, "rolling back the first version")
	c.resolves("production", 1)
	events, err := collect(c.History(c.ctx, model))
	c.must(err, "reading the history")
	var got []string
	for i, e := range events {
		if e.Seq != int64(i+1) || e.Time.IsZero() || i > 0 && (e.Previous != events[i-1].Hash || e.Time.Before(events[i-1].Time)) {
			c.wrong("event %d does not follow the one before: %+v", i+1, e)
		}
		got = append(got, fmt.Sprintf("%s %d by %s: %s", e.Kind, e.Version, e.Actor, e.Reason))
	}
	if want := []string{
		"registered 1 by trainer: weekly", "registered 2 by trainer: weekly",
		"promoted 1 by operator: first", "promoted 2 by : ", "rolled_back 1 by operator: worse",
	}; !slices.Equal(got, want) {
		c.wrong("history is %q, want %q", got, want)
	}
}

func (c *registryCase) names() {
	for _, name := range []string{"", ".", "..", "a/b", `a\b`, "../a", "Upper", "ünicode", "-a", "a b", "a\x00", string(make([]byte, 200))} {
		_, err := c.Register(c.ctx, name, artifact(1), nil)
		c.is(err, registry.ErrInput, "registering model %q", name)
		_, err = c.Resolve(c.ctx, name, "latest")
		c.is(err, registry.ErrInput, "resolving in model %q", name)
		if name != "Upper" {
			_, err = c.Register(c.ctx, model, registry.Artifact{name: nil}, nil)
			c.is(err, registry.ErrInput, "registering file %q", name)
		}
	}
	for _, o := range []registry.RegisterOptions{{Actor: "\xff"}, {Reason: "\xff"}, {Description: "\xff"}, {Tags: map[string]string{"\xff": ""}}, {Reason: string(make([]byte, 2<<20))}} {
		_, err := c.Register(c.ctx, model, artifact(1), &o)
		c.is(err, registry.ErrInput, "registering with text that cannot be kept, %.20q", o.Reason)
	}
	_, err := c.Register(c.ctx, model, artifact(1), &registry.RegisterOptions{Stage: "nowhere"})
	c.is(err, registry.ErrInput, "registering into stage nowhere")
}

// random drives the registry and a plain model of it by the same moves.
func (c *registryCase) random() {
	rng := rand.New(rand.NewPCG(1, 1))
	var (
		versions   int
		stage      = map[int]registry.Stage{}
		staging    int
		production []int // what is there is the last
		ever       = map[int]bool{}
	)
	leave := func(v int) {
		if staging == v {
			staging = 0
		}
		delete(stage, v)
	}
	current := func() int {
		if len(production) == 0 {
			return 0
		}
		return production[len(production)-1]
	}
	for range 300 {
		if versions == 0 || rng.IntN(6) == 0 {
			versions++
			c.register(versions)
			continue
		}
		v := 1 + rng.IntN(versions)
		m := registry.Move{Version: v, To: registry.Production}
		var ok bool
		switch rng.IntN(5) {
		case 0:
			m.To = registry.Staging
			if ok = v != current() && staging != v; ok {
				delete(stage, staging)
				leave(v)
				staging, stage[v] = v, registry.Staging
			}
		case 1:
			m.To = registry.Archived
			if ok = v != current() && stage[v] != registry.Archived; ok {
				leave(v)
				stage[v] = registry.Archived
			}
		case 2:
			if ok = v != current(); ok {
				leave(v)
				production = append(production, v)
				ever[v] = true
			}
		case 3: // to a named version
			m = registry.Move{Version: v, Rollback: true}
			if ok = v != current() && ever[v]; ok {
				leave(v)
				cut := len(production)
				for i, p := range production {
					if p == v {
						cut = i
					}
				}
				production = append(production[:cut], v)
			}
		case 4: // to the one before
			m = registry.Move{Rollback: true}
			if ok = len(production) > 1; ok {
				production = production[:len(production)-1]
				leave(current())
			}
		}
		if _, err := c.Move(c.ctx, model, m); ok && err != nil || !ok && !errors.Is(err, registry.ErrConflict) {
			c.wrong("%+v with production %v, staging %d, stages %v: error is %v", m, production, staging, stage, err)
			return
		}
		c.resolves("production", current())
		c.resolves("staging", staging)
	}
	s, err := registry.StateOf(c.ctx, c.Registry, model)
	if err != nil {
		c.wrong("reading the state: %w", err)
		return
	}
	for _, v := range s.Versions {
		want := stage[v.Number]
		if v.Number == current() {
			want = registry.Production
		}
		if v.Stage != want {
			c.wrong("version %d is in stage %q, want %q", v.Number, v.Stage, want)
		}
		c.resolves(strconv.Itoa(v.Number), v.Number)
	}
	if len(s.Versions) != versions {
		c.wrong("%d versions, want %d", len(s.Versions), versions)
	}
}
