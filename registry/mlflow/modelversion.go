package mlflow

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/riskkit/riskkit/internal/pause"
	"github.com/riskkit/riskkit/registry"
)

// A ModelVersion is one version of a registered model.
type ModelVersion struct {
	Name, Version string
	Description   string
	// Source is where its files are, RunID the run that made them.
	Source, RunID string
	// Status is READY, PENDING_REGISTRATION or FAILED_REGISTRATION, with a
	// reason in StatusMessage.
	Status, StatusMessage string
	// Stage is None, Staging, Production or Archived, where the server speaks
	// of stages.
	Stage   string
	Created time.Time
	Tags    map[string]string
	Aliases []string
}

// A NewVersion says what version to create of a registered model.
type NewVersion struct {
	Name, Source, RunID string
	// ModelID is that of a logged model, which MLflow 3 has; usually empty.
	ModelID     string
	Description string
	Tags        map[string]string
}

type versionWire struct {
	Name          string   `json:"name"`
	Version       text     `json:"version"`
	Description   string   `json:"description"`
	Source        string   `json:"source"`
	RunID         string   `json:"run_id"`
	Status        string   `json:"status"`
	StatusMessage string   `json:"status_message"`
	Stage         string   `json:"current_stage"`
	Created       number   `json:"creation_timestamp"`
	Tags          []pair   `json:"tags"`
	Aliases       []string `json:"aliases"`
}

type versionAnswer struct {
	Version versionWire `json:"model_version"`
}

func (w versionWire) version() ModelVersion {
	return ModelVersion{
		Name: w.Name, Version: string(w.Version), Description: w.Description, Source: w.Source, RunID: w.RunID, Status: w.Status,
		StatusMessage: w.StatusMessage, Stage: w.Stage, Created: w.Created.millis(), Tags: mapOf(w.Tags), Aliases: w.Aliases,
	}
}

// CreateVersion makes the next version of a registered model, which need not be
// READY yet. Calling it again makes another one; so after an error there may be
// one or not.
func (c *Client) CreateVersion(ctx context.Context, n NewVersion) (ModelVersion, error) {
	if err := checkPairs("tag", n.Tags, maxVersionTag); err != nil {
		return ModelVersion{}, err
	}
	r := api(http.MethodPost, "model-versions/create")
	r.repeat = false
	in := map[string]any{"name": n.Name, "source": n.Source, "run_id": n.RunID, "description": n.Description, "tags": pairsOf(n.Tags)}
	if n.ModelID != "" {
		in["model_id"] = n.ModelID
	}
	r.json = in
	var out versionAnswer
	err := c.do(ctx, r, &out)
	return out.Version.version(), err
}

// ModelVersion returns a version. Where there is none, the error wraps
// ErrNotFound.
func (c *Client) ModelVersion(ctx context.Context, name, version string) (ModelVersion, error) {
	var out versionAnswer
	err := c.get(ctx, "model-versions/get", url.Values{"name": {name}, "version": {version}}, &out)
	return out.Version.version(), err
}

// AwaitReady returns a version as soon as it is READY. Where it failed, the
// error wraps ErrConflict.
func (c *Client) AwaitReady(ctx context.Context, name, version string) (ModelVersion, error) {
	for attempt := 0; ; attempt++ {
		v, err := c.ModelVersion(ctx, name, version)
		switch {
		case err != nil:
			return v, err
		case v.Status == "READY" || v.Status == "": // some servers do not say
			return v, nil
		case v.Status != "PENDING_REGISTRATION":
			return v, fmt.Errorf("%w: version %s of %s is %s in MLflow: %s", registry.ErrConflict, version, name, v.Status, c.scrub(clean(v.StatusMessage, 300)))
		}
		if err := pause.For(ctx, c.backoff(min(attempt, 6))); err != nil {
			return v, err
		}
	}
}

// SearchVersions yields the versions that match a filter in MLflow's language,
// such as name = 'risk'.
func (c *Client) SearchVersions(ctx context.Context, filter string) iter.Seq2[ModelVersion, error] {
	return pages(func(token string) ([]ModelVersion, string, error) {
		var out struct {
			Versions []versionWire `json:"model_versions"`
			Next     string        `json:"next_page_token"`
		}
		err := c.get(ctx, "model-versions/search", searchQuery(filter, token), &out)
		var all []ModelVersion
		for _, w := range out.Versions {
			all = append(all, w.version())
		}
		return all, out.Next, err
	})
}

// DescribeVersion changes the description of a version.
func (c *Client) DescribeVersion(ctx context.Context, name, version, description string) error {
	r := api(http.MethodPatch, "model-versions/update")
	r.json = map[string]string{"name": name, "version": version, "description": description}
	return c.do(ctx, r, nil)
}

// DeleteVersion deletes a version for good, with its aliases.
func (c *Client) DeleteVersion(ctx context.Context, name, version string) error {
	r := api(http.MethodDelete, "model-versions/delete")
	r.json = map[string]string{"name": name, "version": version}
	return c.do(ctx, r, nil)
}

// SetVersionTag sets a tag of a version.
func (c *Client) SetVersionTag(ctx context.Context, name, version, key, value string) error {
	if err := checkPairs("tag", map[string]string{key: value}, maxVersionTag); err != nil {
		return err
	}
	return c.post(ctx, "model-versions/set-tag", map[string]string{"name": name, "version": version, "key": key, "value": value}, nil)
}

// DeleteVersionTag takes a tag of a version away.
func (c *Client) DeleteVersionTag(ctx context.Context, name, version, key string) error {
	r := api(http.MethodDelete, "model-versions/delete-tag")
	r.json = map[string]string{"name": name, "version": version, "key": key}
	return c.do(ctx, r, nil)
}

// MoveStage moves a version to one of MLflow's stages: None, Staging, Production
// or Archived. What is in that stage stays there, unless archive is set.
func (c *Client) MoveStage(ctx context.Context, name, version, stage string, archive bool) error {
	switch {
	case stage != "None" && stage != "Staging" && stage != "Production" && stage != "Archived":
		return fmt.Errorf("%w: stage %.40q of MLflow, want None, Staging, Production or Archived", registry.ErrInput, stage)
	case archive && (stage == "None" || stage == "Archived"):
		return fmt.Errorf("%w: what is in stage %s cannot be archived", registry.ErrInput, stage)
	}
	in := map[string]any{"name": name, "version": version, "stage": stage, "archive_existing_versions": archive}
	return c.post(ctx, "model-versions/transition-stage", in, nil)
}
