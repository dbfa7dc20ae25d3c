package mlflow

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/riskkit/riskkit/registry"
)

// Sync brings what MLflow shows of model in line with its log: it makes the runs
// and versions that are missing, and sets descriptions, tags, aliases and
// stages. What others made it leaves alone. Where nothing is to be done it does
// nothing; it can be called as often as one likes, and by several at once.
//
// MLflow numbers versions itself. As long as nobody else makes versions of this
// model there, its numbers are ours. Otherwise the tag riskkit.version says
// which is which.
func (r *Registry) Sync(ctx context.Context, model string) error { return r.sync(ctx, model, 0, nil) }

// sync is Sync where the files of version number are at hand.
func (r *Registry) sync(ctx context.Context, model string, number int, a registry.Artifact) error {
	unlock, err := r.syncing.lock(ctx, model)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := r.Log.State(ctx, model)
	for err == nil {
		seq := s.Seq
		if err = r.align(ctx, s, number, a); err != nil {
			break
		}
		// Somebody may have moved on meanwhile, and shown it before us. Who
		// shows something last must have shown the last state.
		if s, err = r.Log.State(ctx, model); err == nil && s.Seq == seq {
			return nil
		}
	}
	return err
}

// A page is what MLflow's model registry has of a model.
type page struct {
	model RegisteredModel
	ours  map[int]ModelVersion // by our number
}

// page reads what MLflow has of the model of s, which it makes there if it must.
func (r *Registry) page(ctx context.Context, s *registry.State) (*page, error) {
	m, err := r.c.EnsureModel(ctx, RegisteredModel{
		Name: r.o.Prefix + s.Model, Tags: map[string]string{tagModel: s.Model},
		Description: "The versions and their history are kept by riskkit, with their runs in the experiment " + r.store.logExperiment(s.Model) +
			". Promote and roll back with riskkit: it does not see changes made on this page.",
	})
	if err != nil {
		return nil, err
	}
	p := &page{m, map[int]ModelVersion{}}
	for v, err := range r.c.SearchVersions(ctx, fmt.Sprintf("name = '%s'", m.Name)) {
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(v.Tags[tagVersion])
		if err != nil || n < 1 || n > len(s.Versions) || v.Tags[tagDigest] != s.Versions[n-1].Digest.String() {
			continue // somebody else's
		}
		if have, ok := p.ours[n]; !ok || older(v.Version, have.Version) {
			p.ours[n] = v
		}
	}
	return p, nil
}

// older reports whether MLflow made version a before version b.
func older(a, b string) bool {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) < 0
}

// align brings MLflow's page in line with s.
func (r *Registry) align(ctx context.Context, s *registry.State, number int, a registry.Artifact) error {
	p, err := r.page(ctx, s)
	if err != nil {
		return err
	}
	for _, v := range s.Versions { // in order, so that MLflow's numbers are ours
		files := a
		if v.Number != number {
			files = nil
		}
		have, ok := p.ours[v.Number]
		if !ok {
			if have, err = r.create(ctx, p, v, files); err != nil {
				return fmt.Errorf("version %d: %w", v.Number, err)
			}
			p.ours[v.Number] = have
		}
		if err := r.alignVersion(ctx, have, v, files); err != nil {
			return fmt.Errorf("version %d: %w", v.Number, err)
		}
	}
	return r.alignAliases(ctx, p, s)
}

// alignVersion brings description, tags and stage of a version in line with v.
func (r *Registry) alignVersion(ctx context.Context, have ModelVersion, v registry.Version, a registry.Artifact) error {
	want, before := versionTags(v), shownBy(have.Tags[tagShown])
	if before.Description != descriptionID(v) && !v.Collected {
		pub, err := r.publication(ctx, v, a)
		if err != nil {
			return err
		}
		if err := r.c.DescribeVersion(ctx, have.Name, have.Version, describe(pub, v)); err != nil {
			return err
		}
	}
	for _, key := range before.Tags {
		if _, there := have.Tags[key]; there && want[key] == "" {
			if err := r.c.DeleteVersionTag(ctx, have.Name, have.Version, key); err != nil && !errors.Is(err, registry.ErrNotFound) {
				return err
			}
		}
	}
	// The names of the tags are written before the tags, so that none is forgotten.
	for _, key := range append([]string{tagShown}, sortedKeys(want)...) {
		if want[key] == have.Tags[key] {
			continue
		}
		if err := r.c.SetVersionTag(ctx, have.Name, have.Version, key, want[key]); err != nil {
			return err
		}
		have.Tags[key] = want[key]
	}
	return r.alignStage(ctx, have, v)
}

// alignStage moves a version to MLflow's own stage, if that is wanted.
func (r *Registry) alignStage(ctx context.Context, have ModelVersion, v registry.Version) error {
	want := map[registry.Stage]string{registry.Staging: "Staging", registry.Production: "Production", registry.Archived: "Archived"}[v.Stage]
	if want == "" {
		want = "None"
	}
	if now := cmp.Or(have.Stage, "None"); !r.stages && r.hasAliases() || now == want {
		return nil
	}
	return r.c.MoveStage(ctx, have.Name, have.Version, want, false)
}

func (r *Registry) hasAliases() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.aliases
}

// alignAliases brings MLflow's aliases in line with s, of which the stages are
// aliases too.
func (r *Registry) alignAliases(ctx context.Context, p *page, s *registry.State) error {
	want := map[string]string{}
	for alias, n := range s.Aliases {
		want[alias] = p.ours[n].Version
	}
	for _, stage := range []registry.Stage{registry.Staging, registry.Production} {
		if v, ok := s.In(stage); ok {
			want[string(stage)] = p.ours[v.Number].Version
		}
	}
	var before []string
	_ = json.Unmarshal([]byte(p.model.Tags[tagAliases]), &before) // what cannot be read is not ours
	name := p.model.Name
	set, names := p.model.Tags[tagAliases], sortedKeys(want)
	note := func(aliases []string) error {
		text := jsonText(aliases)
		if len(aliases) == 0 && set == "" || text == set {
			return nil
		}
		set = text
		return r.c.SetModelTag(ctx, name, tagAliases, text)
	}
	if !r.hasAliases() {
		return nil
	}
	all := slices.Concat(before, names)
	slices.Sort(all)
	if err := note(slices.Compact(all)); err != nil { // before they are there, so that none is forgotten
		return err
	}
	for _, alias := range names {
		if p.model.Aliases[alias] == want[alias] {
			continue
		}
		err := r.c.SetAlias(ctx, name, alias, want[alias])
		if errors.Is(err, registry.ErrUnsupported) {
			return r.withoutAliases(ctx, p, s)
		}
		if err != nil {
			return fmt.Errorf("alias %s: %w", alias, err)
		}
	}
	for _, alias := range before {
		if _, there := p.model.Aliases[alias]; !there || want[alias] != "" {
			continue
		}
		if err := r.c.DeleteAlias(ctx, name, alias); err != nil {
			return fmt.Errorf("alias %s: %w", alias, err)
		}
	}
	return note(names)
}

// withoutAliases notes that the server has none, and moves stages instead.
func (r *Registry) withoutAliases(ctx context.Context, p *page, s *registry.State) error {
	r.mu.Lock()
	r.aliases = false
	r.mu.Unlock()
	for _, v := range s.Versions {
		if err := r.alignStage(ctx, p.ours[v.Number], v); err != nil {
			return fmt.Errorf("version %d: %w", v.Number, err)
		}
	}
	return nil
}

// jsonText returns v, which strings are made of, in JSON.
func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}
