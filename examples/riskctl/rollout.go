package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/riskkit/riskkit/registry"
)

func rollout(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		p       place
		by      who
		rests   evidence
		version = f.Int("version", 0, "`number` of the version to start a rollout of; without it the rollout that there is")
		id      = f.String("id", "", "`name` of a new rollout, which decides what keys come first; without it a new one")
		percent = f.Float64("percent", 0, "`share` of the keys that go to the version, 0 to 100 with up to two decimals")
		tags    = f.String("tags", "", "`tags`, with commas between them, of which documents with one go to the version; empty for none")
		shadow  = f.Bool("shadow", false, "let the version only score beside production; -shadow=false lets it answer")
		pause   = f.Bool("pause", false, "let all go to production for now")
		resume  = f.Bool("resume", false, "let the version have its share again")
		abort   = f.Bool("abort", false, "end the rollout: all goes to production")
		expect  = f.Int("expect", -1, "`number` of the version that must be rolled out now, 0 for none; -1 for any")
		asJSON  = f.Bool("json", false, "print JSON")
	)
	p.declare(f)
	by.declare(f)
	rests.declare(f)
	return func(ctx context.Context, s streams) error {
		c := registry.RolloutChange{Version: *version, ID: *id, Abort: *abort, Actor: by.actor, Reason: by.reason}
		change := c.Version != 0 || c.ID != "" || c.Abort
		f.Visit(func(set *flag.Flag) {
			switch set.Name {
			case "percent":
				c.BasisPoints = new(int(math.Round(*percent * 100)))
			case "tags":
				c.Tags = strings.FieldsFunc(*tags, func(r rune) bool { return r == ',' })
			case "shadow":
				c.Shadow = shadow
			case "pause":
				c.Paused = pause
			case "resume":
				c.Paused = new(!*resume)
			default:
				return
			}
			change = true
		})
		switch share := *percent * 100; {
		case *version < 0 || *expect < -1:
			return usage("-version is %d and -expect %d", *version, *expect)
		case !(0 <= share && share <= 10000) || math.Abs(share-math.Round(share)) > 1e-6:
			return usage("-percent is %v, want 0 to 100 with up to two decimals", *percent)
		case *pause && *resume:
			return usage("-pause and -resume cannot both be given")
		}
		reg, err := p.open(nil)
		if err != nil {
			return err
		}
		state, err := reg.State(ctx, p.model)
		if err != nil {
			return err
		}
		if !change {
			return printRollout(s, state, *asJSON)
		}
		if c.Evidence, err = rests.read(); err != nil {
			return err
		}
		if *expect >= 0 {
			now := registry.Rollout{}
			if state.Rollout != nil {
				now = *state.Rollout
			}
			if now.Version != *expect {
				return fmt.Errorf("%w: there is %v, not what -expect says", registry.ErrConflict, state.Rollout)
			}
			c.Expect = &now
		}
		e, err := reg.Rollout(ctx, p.model, c)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(s.out, e)
		}
		if e.Rollout == nil {
			fmt.Fprintf(s.out, "the rollout of version %d of %s is aborted\n", e.Version, e.Model)
			return nil
		}
		fmt.Fprintf(s.out, "%s is rolled out: %s\n", e.Model, printable(e.Rollout.String()))
		return nil
	}
}

// printRollout says what is rolled out.
func printRollout(s streams, state *registry.State, asJSON bool) error {
	if asJSON {
		return printJSON(s.out, state.Rollout)
	}
	r := state.Rollout
	if r == nil {
		fmt.Fprintf(s.out, "nothing of %s is rolled out\n", state.Model)
		return nil
	}
	return table(s.out, [][]string{
		{"VERSION", "PERCENT", "TAGS", "SHADOW", "PAUSED", "STARTED", "ID"},
		{
			fmt.Sprint(r.Version), fmt.Sprint(float64(r.BasisPoints) / 100), orDash(strings.Join(r.Tags, ",")), yesNo(r.Shadow), yesNo(r.Paused),
			r.Started.Format(time.DateTime), r.ID,
		},
	})
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// evidence says what a decision rests on.
type evidence struct{ file string }

func (v *evidence) declare(f *flag.FlagSet) {
	f.StringVar(&v.file, "evidence", "", "`file` of JSON that says what this rests on, for the history")
}

// read returns the evidence, nil if there is none.
func (v *evidence) read() (json.RawMessage, error) {
	if v.file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(v.file)
	if err != nil {
		return nil, fmt.Errorf("reading the evidence: %w", err)
	}
	return data, nil
}
