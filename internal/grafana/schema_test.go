package grafana_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// check returns what Grafana's schema has against a dashboard, nothing if all
// fields are known and there.
func check(data []byte) string {
	plugins.RegisterDefaultPlugins() // the schemas of panels
	//lint:ignore SA1019 this is the form that every Grafana imports
	var d dashboard.Dashboard
	var all []string
	for _, err := range []error{d.UnmarshalJSONStrict(data), d.Validate()} {
		if err != nil {
			all = append(all, err.Error())
		}
	}
	return strings.TrimSpace(strings.Join(all, "\n"))
}

// TestSchema wants nothing against the dashboard, and something where a field
// of a panel is misspelt.
func TestSchema(t *testing.T) {
	data, err := os.ReadFile("../../docs/grafana/riskkit.json")
	if err != nil {
		t.Fatal(err)
	}
	if problems := check(data); problems != "" {
		t.Error(problems)
	}
	for _, change := range [][2]string{{`"lineWidth"`, `"lineWitdh"`}, {`"gridPos"`, `"gridPosition"`}} {
		bad := strings.Replace(string(data), change[0], change[1], 1)
		if bad == string(data) || !json.Valid([]byte(bad)) {
			t.Fatalf("%s cannot be changed", change[0])
		}
		if check([]byte(bad)) == "" {
			t.Errorf("%s for %s is not found", change[1], change[0])
		}
	}
}
