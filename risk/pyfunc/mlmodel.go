package pyfunc

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
)

// signature is MLflow's signature of a model: two lists of columns as JSON.
type signature struct{ inputs, outputs []byte }

// column is a column of a signature; Items is for an array.
type column struct {
	Name     string `json:"name,omitempty"`
	Type     string `json:"type"`
	Items    *items `json:"items,omitempty"`
	Required bool   `json:"required"`
}

// items is what an array of objects holds.
type items struct {
	Type       string            `json:"type"`
	Properties map[string]column `json:"properties"`
}

// scalars are the types of MLflow that are no arrays, objects or maps.
var scalars = []string{"boolean", "integer", "long", "float", "double", "string", "binary", "datetime"}

// newSignature returns the signature that s asks for, or else the one of the
// loader.
func newSignature(s *registry.Schema, c *risk.ModelConfig) (signature, error) {
	if s == nil {
		s = &registry.Schema{}
	}
	inputs, err := columns(s.Inputs)
	if err != nil {
		return signature{}, err
	}
	outputs, err := columns(s.Outputs)
	if err != nil {
		return signature{}, err
	}
	if len(inputs) == 0 {
		inputs = []column{{Name: "text", Type: "string", Required: true}}
	}
	at := slices.IndexFunc(inputs, func(c column) bool { return c.Name == "text" })
	if at < 0 && len(inputs) == 1 {
		at = 0
	}
	if at < 0 || inputs[at].Type != "string" {
		return signature{}, fmt.Errorf("%w: pyfunc: the schema's inputs are %v, want a column \"text\" of type string, or that type alone", registry.ErrInput, s.Inputs)
	}
	if len(outputs) == 0 {
		outputs = answers(c)
	}
	var made signature
	if made.inputs, err = json.Marshal(inputs); err != nil {
		return signature{}, err
	}
	made.outputs, err = json.Marshal(outputs)
	return made, err
}

// columns returns the columns of a Schema as MLflow writes them.
func columns(of []registry.Column) ([]column, error) {
	var all []column
	for _, c := range of {
		switch {
		case c.Name == "" || slices.ContainsFunc(all, func(o column) bool { return o.Name == c.Name }):
			return nil, fmt.Errorf("%w: pyfunc: column %q of the schema has no name, or that of another", registry.ErrInput, c.Name)
		case !slices.Contains(scalars, c.Type):
			return nil, fmt.Errorf("%w: pyfunc: column %q of the schema has type %q, want one of %q", registry.ErrInput, c.Name, c.Type, scalars)
		}
		all = append(all, column{Name: c.Name, Type: c.Type, Required: !c.Optional})
	}
	return all, nil
}

// answers returns the columns that the loader answers with.
func answers(c *risk.ModelConfig) []column {
	out := []column{{Name: "score", Type: "double", Required: true}, {Name: "level", Type: "string", Required: true}}
	for _, level := range c.Scale {
		out = append(out, column{Name: "p_" + level, Type: "double", Required: true})
	}
	if len(c.Tags) > 0 {
		out = append(out, column{Name: "categories", Type: "array", Required: true, Items: &items{
			Type: "object",
			Properties: map[string]column{
				"name": {Type: "string", Required: true}, "share": {Type: "double", Required: true},
			},
		}})
	}
	return out
}

// mlmodel returns the file MLmodel.
func mlmodel(o *Options, s signature, module, digest string) []byte {
	var b []byte
	line := func(indent int, key, value string) {
		b = fmt.Appendf(b, "%*s%s:", 2*indent, "", key)
		if value != "" {
			b = append(append(b, ' '), quoted(value)...)
		}
		b = append(b, '\n')
	}
	line(0, "artifact_path", o.Path)
	if o.RunID != "" {
		line(0, "run_id", o.RunID)
	}
	if !o.Time.IsZero() {
		line(0, "utc_time_created", o.Time.UTC().Format("2006-01-02 15:04:05.000000"))
	}
	line(0, "flavors", "")
	line(1, "python_function", "")
	line(2, "loader_module", module)
	line(2, "code", codeDir)
	line(2, "data", dataFile)
	line(2, "python_version", o.Python)
	line(2, "env", "")
	line(3, "conda", condaEnv)
	line(3, "virtualenv", venvEnv)
	line(1, "riskkit", "")
	b = fmt.Appendf(b, "    format: %d\n", format)
	line(2, "sha256", digest)
	line(0, "signature", "")
	line(1, "inputs", string(s.inputs))
	line(1, "outputs", string(s.outputs))
	return b
}

// quoted returns s as a double-quoted scalar of YAML, ASCII alone, so that no
// reader takes offence at a character.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case ' ' <= r && r <= '~':
			b.WriteRune(r)
		case r <= 0xFFFF:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// conda and virtualenv return the files that say what MLflow has to install to
// serve the model.
func conda(python string) []byte {
	return fmt.Appendf(nil, "name: riskkit\nchannels:\n- conda-forge\ndependencies:\n- python=%s\n- pip\n- pip:\n  - mlflow\n", python)
}

func virtualenv(python string) []byte {
	return fmt.Appendf(nil, "python: %q\nbuild_dependencies: []\ndependencies:\n- -r requirements.txt\n", python)
}
