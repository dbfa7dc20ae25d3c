package main

import (
	"context"
	"flag"
	"fmt"
	"os/user"
	"strconv"
	"strings"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
)

// place says where a model is.
type place struct {
	registry, model string
}

func (p *place) declare(f *flag.FlagSet) {
	f.StringVar(&p.registry, "registry", "", "`directory` of the registry")
	f.StringVar(&p.model, "model", "incident-risk", "`name` of the model")
}

// open opens the registry.
func (p *place) open(o *registry.DirOptions) (*registry.Log, error) {
	if p.registry == "" {
		return nil, usage("-registry is needed")
	}
	store, err := registry.OpenDir(p.registry, o)
	if err != nil {
		return nil, fmt.Errorf("opening the registry: %w", err)
	}
	return registry.New(store, nil), nil
}

// which says which version of a model is meant.
type which struct {
	version int
	stage   string
}

func (w *which) declare(f *flag.FlagSet, otherwise string) {
	f.IntVar(&w.version, "version", 0, "`number` of the version; without it and -stage, "+otherwise)
	f.StringVar(&w.stage, "stage", "", "`stage` that the version is in: production or staging")
}

// ref returns what names the version, empty if nothing was said.
func (w *which) ref() (string, error) {
	switch {
	case w.version != 0 && w.stage != "":
		return "", usage("-version and -stage cannot both be given")
	case w.version < 0:
		return "", usage("-version is %d", w.version)
	case w.version > 0:
		return strconv.Itoa(w.version), nil
	case w.stage != "" && w.stage != string(registry.Production) && w.stage != string(registry.Staging):
		return "", usage("-stage is %q, want production or staging", w.stage)
	}
	return w.stage, nil
}

// find returns the version that is meant: if nothing was said, the one in
// production, else in staging, else the latest.
func (w *which) find(ctx context.Context, reg registry.Registry, model string) (registry.Version, error) {
	ref, err := w.ref()
	if err != nil {
		return registry.Version{}, err
	}
	if ref != "" {
		return reg.Resolve(ctx, model, ref)
	}
	state, err := registry.StateOf(ctx, reg, model)
	if err != nil {
		return registry.Version{}, err
	}
	for _, stage := range []registry.Stage{registry.Production, registry.Staging} {
		if v, ok := state.In(stage); ok {
			return v, nil
		}
	}
	return state.Resolve("latest")
}

// who says who does something and why.
type who struct {
	actor, reason string
}

func (w *who) declare(f *flag.FlagSet) {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	f.StringVar(&w.actor, "actor", name, "`name` of who does this, for the history")
	f.StringVar(&w.reason, "reason", "", "`text` that says why, for the history")
}

// data says where incidents are read from.
type data struct {
	file    string
	skipBad bool
}

func (d *data) declare(f *flag.FlagSet) {
	f.StringVar(&d.file, "data", "", "`file` of incidents as JSON lines, gzip or not")
	f.BoolVar(&d.skipBad, "skip-bad", false, "pass over bad lines and report them, instead of ending at the first")
}

// open returns the incidents; unlabelled says that they need no label.
func (d *data) open(unlabelled bool) (*risk.Dataset, error) {
	if d.file == "" {
		return nil, usage("-data is needed")
	}
	return risk.DatasetFile(d.file, &risk.DatasetOptions{Unlabelled: unlabelled, SkipBad: d.skipBad}), nil
}

// ngrams reads a range of n-grams: "1,2" or "1".
func ngrams(s string) (n [2]int, err error) {
	least, most, two := strings.Cut(s, ",")
	if !two {
		most = least
	}
	if n[0], err = strconv.Atoi(strings.TrimSpace(least)); err == nil {
		n[1], err = strconv.Atoi(strings.TrimSpace(most))
	}
	if err != nil || n[0] < 1 || n[1] < n[0] {
		return n, usage("-ngrams is %q, want two numbers such as 1,2", s)
	}
	return n, nil
}
