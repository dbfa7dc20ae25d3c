package registrytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/riskkit/riskkit/registry"
)

// A step is one of a story that a registry is told.
type step struct {
	name string
	do   func(context.Context, *registry.Log) error
}

// story is told by TestFaults: every kind of event, and a Retain that deletes.
func story() []step {
	register := func(n int, o registry.RegisterOptions) step {
		o.Key = fmt.Sprint("run ", n)
		return step{"register " + o.Key, func(ctx context.Context, l *registry.Log) error {
			_, err := l.Register(ctx, model, artifact(n), &o)
			return err
		}}
	}
	move := func(m registry.Move) step {
		return step{fmt.Sprintf("move %+v", m), func(ctx context.Context, l *registry.Log) error {
			_, err := l.Move(ctx, model, m)
			return err
		}}
	}
	roll := func(name string, c registry.RolloutChange) step {
		return step{name, func(ctx context.Context, l *registry.Log) error {
			_, err := l.Rollout(ctx, model, c)
			return err
		}}
	}
	return []step{
		register(1, registry.RegisterOptions{Stage: registry.Staging}),
		move(registry.Move{Version: 1, To: registry.Production}),
		register(2, registry.RegisterOptions{Lineage: &registry.Lineage{Parent: 1}}),
		register(3, registry.RegisterOptions{}),
		move(registry.Move{Alias: "champion", Version: 2}),
		{"protect", func(ctx context.Context, l *registry.Log) error {
			_, err := l.Protect(ctx, model, registry.Protection{Stage: registry.Production})
			return err
		}},
		{"approve", func(ctx context.Context, l *registry.Log) error {
			_, err := l.Approve(ctx, model, registry.Approval{Version: 3, Stage: registry.Production, Actor: "bob"})
			return err
		}},
		roll("start a rollout", registry.RolloutChange{Version: 3, BasisPoints: new(100), Actor: "ann"}),
		roll("widen it", registry.RolloutChange{BasisPoints: new(5000), Actor: "ann", Evidence: json.RawMessage(`{"n":1000}`)}),
		move(registry.Move{Version: 3, To: registry.Production, Actor: "ann"}),
		roll("start a shadow", registry.RolloutChange{Version: 2, Shadow: new(true)}),
		roll("abort it", registry.RolloutChange{Abort: true}),
		move(registry.Move{Rollback: true}),
		move(registry.Move{Alias: "champion"}),
		{"annotate", func(ctx context.Context, l *registry.Log) error {
			_, err := l.Annotate(ctx, model, registry.Annotation{Version: 1, Tags: map[string]string{"incident": "none"}})
			return err
		}},
		register(4, registry.RegisterOptions{}),
		{"retain", func(ctx context.Context, l *registry.Log) error {
			_, err := l.Retain(ctx, registry.Retention{Versions: 1, Rollbacks: 1, Reason: "old"})
			if errors.Is(err, registry.ErrUnsupported) {
				return nil
			}
			return err
		}},
	}
}
