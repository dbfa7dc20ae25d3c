package mlflow

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/riskkit/riskkit/registry"
)

// A RegisteredModel is a name in MLflow's model registry.
type RegisteredModel struct {
	Name, Description string
	Tags              map[string]string
	// Aliases says which version each alias names.
	Aliases map[string]string
}

type modelWire struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Tags        []pair `json:"tags"`
	Aliases     []struct {
		Alias   string `json:"alias"`
		Version text   `json:"version"`
	} `json:"aliases"`
}

func (w modelWire) model() RegisteredModel {
	m := RegisteredModel{Name: w.Name, Description: w.Description, Tags: mapOf(w.Tags), Aliases: map[string]string{}}
	for _, a := range w.Aliases {
		m.Aliases[a.Alias] = string(a.Version)
	}
	return m
}

// Model returns a registered model. Where there is none, the error wraps
// ErrNotFound.
func (c *Client) Model(ctx context.Context, name string) (RegisteredModel, error) {
	var out struct {
		Model modelWire `json:"registered_model"`
	}
	err := c.get(ctx, "registered-models/get", url.Values{"name": {name}}, &out)
	return out.Model.model(), err
}

// EnsureModel returns the registered model with the name of m, and makes it as
// m says where there is none.
func (c *Client) EnsureModel(ctx context.Context, m RegisteredModel) (RegisteredModel, error) {
	if err := checkModelName(m.Name); err != nil {
		return RegisteredModel{}, err
	}
	if err := checkPairs("tag", m.Tags, maxVersionTag); err != nil {
		return RegisteredModel{}, err
	}
	have, err := c.Model(ctx, m.Name)
	if !errors.Is(err, registry.ErrNotFound) {
		return have, err
	}
	err = c.post(ctx, "registered-models/create", map[string]any{"name": m.Name, "description": m.Description, "tags": pairsOf(m.Tags)}, nil)
	if err != nil && !errors.Is(err, registry.ErrConflict) {
		return RegisteredModel{}, err
	}
	return c.Model(ctx, m.Name)
}

// checkModelName returns an error unless name can name a registered model.
func checkModelName(name string) error {
	if strings.TrimSpace(name) == "" || strings.ContainsAny(name, `/:'"`) || len(name) > 256 {
		return fmt.Errorf("%w: registered model %.300q, want 1 to 256 bytes without '/', ':' and quotes", registry.ErrInput, name)
	}
	return nil
}

// SearchModels yields the registered models that match a filter in MLflow's
// language, such as name LIKE 'risk%'; all if it is empty.
func (c *Client) SearchModels(ctx context.Context, filter string) iter.Seq2[RegisteredModel, error] {
	return pages(func(token string) ([]RegisteredModel, string, error) {
		var out struct {
			Models []modelWire `json:"registered_models"`
			Next   string      `json:"next_page_token"`
		}
		err := c.get(ctx, "registered-models/search", searchQuery(filter, token), &out)
		var all []RegisteredModel
		for _, w := range out.Models {
			all = append(all, w.model())
		}
		return all, out.Next, err
	})
}

func searchQuery(filter, token string) url.Values {
	q := url.Values{"max_results": {"200"}}
	if filter != "" {
		q.Set("filter", filter)
	}
	if token != "" {
		q.Set("page_token", token)
	}
	return q
}

// SetModelTag sets a tag of a registered model.
func (c *Client) SetModelTag(ctx context.Context, name, key, value string) error {
	if err := checkPairs("tag", map[string]string{key: value}, maxVersionTag); err != nil {
		return err
	}
	return c.post(ctx, "registered-models/set-tag", map[string]string{"name": name, "key": key, "value": value}, nil)
}

// Alias returns the version that an alias names. Where there is none, the error
// wraps ErrNotFound.
func (c *Client) Alias(ctx context.Context, name, alias string) (ModelVersion, error) {
	if err := checkAlias(alias); err != nil {
		return ModelVersion{}, err
	}
	r := api(http.MethodGet, "registered-models/alias")
	r.query, r.alias = url.Values{"name": {name}, "alias": {alias}}, true
	var out versionAnswer
	err := c.do(ctx, r, &out)
	return out.Version.version(), err
}

// SetAlias lets an alias name a version, whatever it named before.
func (c *Client) SetAlias(ctx context.Context, name, alias, version string) error {
	if err := checkAlias(alias); err != nil {
		return err
	}
	return c.post(ctx, "registered-models/alias", map[string]string{"name": name, "alias": alias, "version": version}, nil)
}

// DeleteAlias takes an alias away. Where there is none, that is no error.
func (c *Client) DeleteAlias(ctx context.Context, name, alias string) error {
	if err := checkAlias(alias); err != nil {
		return err
	}
	r := api(http.MethodDelete, "registered-models/alias")
	r.json = map[string]string{"name": name, "alias": alias}
	return c.do(ctx, r, nil)
}

// checkAlias returns an error unless alias can be one in MLflow.
func checkAlias(alias string) error {
	ok := alias != "" && len(alias) <= 255 && !strings.EqualFold(alias, "latest")
	for _, r := range alias {
		ok = ok && (r == '_' || r == '-' || '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z')
	}
	if ok && (alias[0] == 'v' || alias[0] == 'V') && len(alias) > 1 {
		ok = strings.Trim(alias[1:], "0123456789") != ""
	}
	if !ok {
		return fmt.Errorf("%w: alias %.300q, want 1 to 255 ASCII letters, digits, '_' and '-', and neither \"latest\" nor 'v' and digits", registry.ErrInput, alias)
	}
	return nil
}
