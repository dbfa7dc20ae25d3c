package registry_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riskkit/riskkit/registry"
)

func Example() {
	ctx := context.Background()
	reg := registry.New(registry.NewMem(), nil)
	for _, weights := range []string{"first weights", "second weights"} {
		_, err := reg.Register(ctx, "incident-risk", registry.Artifact{"model.bin": []byte(weights)},
			&registry.RegisterOptions{Stage: registry.Staging, Actor: "nightly training", Reason: "new labels"})
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	for _, m := range []registry.Move{
		{Version: 1, To: registry.Production, Expect: new(0), Actor: "on call", Reason: "first model"},
		{Version: 2, To: registry.Production, Expect: new(1), Actor: "on call", Reason: "better recall"},
		{Version: 1, To: registry.Staging, Expect: new(2)}, // staging is empty by now
		{Rollback: true, Actor: "on call", Reason: "too many false alarms"},
	} {
		if _, err := reg.Move(ctx, "incident-risk", m); err != nil {
			fmt.Println(err)
		}
	}
	for e, err := range reg.History(ctx, "incident-risk") {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%d %s version %d (%s): %s, %s\n", e.Seq, e.Kind, e.Version, e.Stage, e.Actor, e.Reason)
	}
	// Output:
	// registry: staging of model "incident-risk" holds no version, not version 2 as expected; look again before moving on
	// 1 registered version 1 (staging): nightly training, new labels
	// 2 registered version 2 (staging): nightly training, new labels
	// 3 promoted version 1 (production): on call, first model
	// 4 promoted version 2 (production): on call, better recall
	// 5 rolled_back version 1 (production): on call, too many false alarms
}

// What a release manager does in a year: an alias for the canary, an approval by
// a second person, the question of what served last night, a check of every
// byte, and a copy.
func ExampleLog() {
	ctx := context.Background()
	clock := time.Date(2026, time.November, 24, 8, 0, 0, 0, time.UTC)
	store := registry.NewMem()
	reg := registry.New(store, &registry.LogOptions{Now: func() time.Time { return clock }})
	const model = "incident-risk"
	register := func(run, weights string) {
		v, err := reg.Register(ctx, model, registry.Artifact{"model.bin": []byte(weights)}, &registry.RegisterOptions{
			Actor: "training", Key: run, Lineage: &registry.Lineage{Data: "sha256:5b9c", Code: "v1.4.0", Run: run},
		})
		fmt.Println("version", v.Number, err)
	}
	register("run 1", "first weights")
	register("run 2", "second weights")
	register("run 2", "second weights") // the answer to the last call was lost
	steps := []func() error{
		func() error {
			_, err := reg.Move(ctx, model, registry.Move{Version: 1, To: registry.Production, Actor: "ann"})
			return err
		},
		func() error {
			_, err := reg.Move(ctx, model, registry.Move{Alias: "canary", Version: 2, Expect: new(0), Actor: "ann"})
			return err
		},
		func() error {
			_, err := reg.Protect(ctx, model, registry.Protection{Stage: registry.Production, Actor: "ann"})
			return err
		},
		func() error { // refused
			_, err := reg.Move(ctx, model, registry.Move{Version: 2, To: registry.Production, Actor: "ann"})
			return err
		},
		func() error {
			_, err := reg.Approve(ctx, model, registry.Approval{Version: 2, Stage: registry.Production, Actor: "bob"})
			return err
		},
		func() error {
			_, err := reg.Move(ctx, model, registry.Move{Version: 2, To: registry.Production, Actor: "ann"})
			return err
		},
	}
	for _, step := range steps {
		clock = clock.Add(time.Hour)
		if err := step(); err != nil {
			fmt.Println("denied:", errors.Is(err, registry.ErrDenied))
		}
	}
	before, err := reg.At(ctx, model, clock.Add(-time.Minute))
	if err != nil {
		fmt.Println(err)
		return
	}
	was, _ := before.In(registry.Production)
	is, err := reg.Resolve(ctx, model, "production")
	fmt.Println("production was version", was.Number, "and is version", is.Number, err)
	copied := registry.NewMem()
	report, err := registry.Copy(ctx, copied, store, nil)
	fmt.Println("copied", report.Events, "events", err)
	checked, err := registry.New(copied, nil).Verify(ctx, nil)
	fmt.Println("verified", checked.Events, "events", err)
	// Output:
	// version 1 <nil>
	// version 2 <nil>
	// version 2 <nil>
	// denied: true
	// production was version 1 and is version 2 <nil>
	// copied 7 events <nil>
	// verified 7 events <nil>
}
