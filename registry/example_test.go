package registry_test

import (
	"context"
	"fmt"

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
