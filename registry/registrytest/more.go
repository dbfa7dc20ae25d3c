package registrytest

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/riskkit/riskkit/registry"
)

func (c *registryCase) aliases() {
	for n := range 3 {
		c.register(n)
	}
	alias := func(n int, expect *int) (registry.Event, error) {
		return c.Move(c.ctx, model, registry.Move{Alias: "champion", Version: n, Expect: expect, Actor: "operator", Reason: "best"})
	}
	e, err := alias(2, new(0))
	if c.must(err, "setting an alias"); e.Kind != registry.KindAliased || e.Alias != "champion" || e.Version != 2 || e.From != 0 {
		c.wrong("setting an alias is %+v", e)
	}
	c.resolves("champion", 2)
	_, err = alias(3, new(1))
	var conflict *registry.ConflictError
	if c.is(err, registry.ErrConflict, "a stale expectation of an alias"); errors.As(err, &conflict) &&
		(conflict.Actual != 2 || conflict.State == nil || conflict.State.Aliases["champion"] != 2) {
		c.wrong("conflict is %+v", conflict)
	}
	_, err = alias(2, nil)
	c.is(err, registry.ErrConflict, "setting an alias to what it is")
	_, err = alias(4, nil)
	c.is(err, registry.ErrNotFound, "an alias of what is not there")
	_, err = alias(3, new(2))
	c.must(err, "moving an alias")
	c.move(registry.Move{Version: 3, To: registry.Production})
	c.move(registry.Move{Version: 2, To: registry.Production})
	c.resolves("champion", 3) // stages and aliases do not mind each other
	e, err = alias(0, new(3))
	if c.must(err, "removing an alias"); e.Kind != registry.KindUnaliased || e.From != 3 {
		c.wrong("removing an alias is %+v", e)
	}
	c.resolves("champion", 0)
	_, err = alias(0, nil)
	c.is(err, registry.ErrConflict, "removing an alias that is not there")
	for _, name := range []string{"latest", "production", "archived", "v7", "7", "Upper", "a.b", "a/b", "champiön", "-a", strings.Repeat("a", 200)} {
		_, err := c.Move(c.ctx, model, registry.Move{Alias: name, Version: 1})
		c.is(err, registry.ErrInput, "alias %q", name)
	}
	_, err = c.Move(c.ctx, model, registry.Move{Alias: "a", To: registry.Production, Version: 1})
	c.is(err, registry.ErrInput, "moving a stage and an alias at once")
}

func (c *registryCase) keys() {
	o := &registry.RegisterOptions{Key: "run-7", Stage: registry.Staging}
	v, err := c.Register(c.ctx, model, artifact(1), o)
	c.must(err, "registering with a key")
	c.register(2)
	w, err := c.Register(c.ctx, model, artifact(1), o)
	if c.must(err, "registering again"); w.Number != v.Number || v.Key != "run-7" {
		c.wrong("registered again, version %d is version %d with key %q", v.Number, w.Number, w.Key)
	}
	_, err = c.Register(c.ctx, model, artifact(3), o)
	c.is(err, registry.ErrConflict, "registering other files with the same key")
	numbers := make([]int, 6)
	errs := make([]error, len(numbers))
	var wg sync.WaitGroup
	for i := range numbers {
		wg.Go(func() {
			v, err := c.Register(c.ctx, model, artifact(4), &registry.RegisterOptions{Key: "run-8"})
			numbers[i], errs[i] = v.Number, err
		})
	}
	wg.Wait()
	c.must(errors.Join(errs...), "registering with one key at the same time")
	if slices.Min(numbers) != 3 || slices.Max(numbers) != 3 {
		c.wrong("registered with one key at the same time, versions are %v", numbers)
	}
}

func (c *registryCase) lineage() {
	c.register(1)
	lineage := &registry.Lineage{Data: "sha256:d1", Code: "v1.2.3", Run: "nightly-7", Seed: 1<<63 + 1, Parent: 1}
	schema := &registry.Schema{Inputs: []registry.Column{{Name: "text", Type: "string"}}, Outputs: []registry.Column{{Name: "score", Type: "double", Optional: true}}}
	_, err := c.Register(c.ctx, model, artifact(2), &registry.RegisterOptions{Lineage: lineage, Schema: schema})
	c.must(err, "registering with lineage")
	v, err := c.Resolve(c.ctx, model, "2")
	if c.must(err, "resolving"); !reflect.DeepEqual(v.Lineage, lineage) || !reflect.DeepEqual(v.Schema, schema) {
		c.wrong("lineage is %+v, schema %+v", v.Lineage, v.Schema)
	}
	_, err = c.Register(c.ctx, model, artifact(3), &registry.RegisterOptions{Lineage: &registry.Lineage{Parent: 3}})
	c.is(err, registry.ErrInput, "registering with a parent that is not there")
}

// approvals runs on registries that know them.
func (c *registryCase) approvals() {
	r, ok := c.Registry.(interface {
		Protect(context.Context, string, registry.Protection) (registry.Event, error)
		Approve(context.Context, string, registry.Approval) (registry.Event, error)
	})
	if !ok {
		return
	}
	c.register(1) // by trainer
	c.register(2)
	c.move(registry.Move{Version: 1, To: registry.Production, Actor: "ann"})
	_, err := r.Protect(c.ctx, model, registry.Protection{Stage: registry.Production, Actor: "ann"})
	c.must(err, "protecting production")
	promote := func(actor string) error {
		_, err := c.Move(c.ctx, model, registry.Move{Version: 2, To: registry.Production, Actor: actor})
		return err
	}
	approve := func(version int, actor string) {
		_, err := r.Approve(c.ctx, model, registry.Approval{Version: version, Stage: registry.Production, Actor: actor})
		c.must(err, "approving")
	}
	c.is(promote("ann"), registry.ErrDenied, "promoting without an approval")
	approve(1, "bob")
	c.is(promote("ann"), registry.ErrDenied, "promoting with an approval of another version")
	approve(2, "ann")
	c.is(promote("ann"), registry.ErrDenied, "promoting what one approved")
	approve(2, "trainer")
	c.is(promote("ann"), registry.ErrDenied, "promoting what its author approved")
	_, err = c.Register(c.ctx, model, artifact(3), &registry.RegisterOptions{Stage: registry.Production})
	c.is(err, registry.ErrDenied, "registering into what is protected")
	approve(2, "bob")
	c.must(promote("ann"), "promoting with an approval")
	c.move(registry.Move{Rollback: true, Actor: "ann"}) // needs none
	c.is(promote("ann"), registry.ErrDenied, "promoting again with a used approval")
	_, err = r.Protect(c.ctx, model, registry.Protection{Stage: registry.Production, Off: true, Actor: "ann"})
	c.is(err, registry.ErrDenied, "taking the protection away")
	approve(0, "bob")
	_, err = r.Protect(c.ctx, model, registry.Protection{Stage: registry.Production, Off: true, Actor: "ann"})
	c.must(err, "taking the protection away with an approval")
	c.must(promote("ann"), "promoting what is not protected")
}

// watch runs on registries that know how.
func (c *registryCase) watch() {
	r, ok := c.Registry.(registry.Watcher)
	if !ok {
		return
	}
	c.register(1)
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	next, stop := iter.Pull2(r.Watch(ctx, model, 0))
	defer stop()
	for n := int64(1); n <= 3; n++ {
		e, err, ok := next()
		if !ok || err != nil || e.Seq != n {
			c.wrong("event %d of a watch is %d, error %w; or it did not come in %v", n, e.Seq, err, patience)
			return
		}
		c.register(int(n + 1)) // before it is waited for
	}
	var wg sync.WaitGroup
	wg.Go(func() { c.register(5) }) // while it is
	for n := int64(4); n <= 5; n++ {
		if e, err, ok := next(); !ok || err != nil || e.Seq != n {
			c.wrong("event %d of a watch is %d, error %w; or it did not come in %v", n, e.Seq, err, patience)
		}
	}
	wg.Wait()
	cancel()
	if e, err, ok := next(); ok {
		c.wrong("a watch whose context is done yields event %d, error %v", e.Seq, err)
	}
}
