package riskprom_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/risk"
)

// dashboard is what a test needs to know of docs/grafana/riskkit.json.
type dashboard struct {
	Panels []struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ H, W, X, Y int }
		Targets []query
	}
	Annotations struct {
		List []struct{ Name, Expr string }
	}
	Templating struct {
		List []struct {
			Name  string
			Query any
		}
	}
}

type query struct {
	Expr, RefID, LegendFormat string
	panel                     string
}

func readDashboard(t *testing.T) *dashboard {
	t.Helper()
	data, err := os.ReadFile("../../docs/grafana/riskkit.json")
	if err != nil {
		t.Fatal(err)
	}
	d := new(dashboard)
	if err := json.Unmarshal(data, d); err != nil {
		t.Fatal(err)
	}
	return d
}

// queries returns those of all panels.
func (d *dashboard) queries() (all []query) {
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			q.panel = p.Title
			all = append(all, q)
		}
	}
	return all
}

// TestDashboard wants panels that do not overlap, each with queries, and no
// variable that is not declared.
func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	declared := []string{"__rate_interval"}
	for _, v := range d.Templating.List {
		declared = append(declared, v.Name)
	}
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%s: id %d is another's", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s lies on %s at %d, %d", p.Title, other, x, y)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if (p.Type == "row") != (len(p.Targets) == 0) {
			t.Errorf("%s has %d queries", p.Title, len(p.Targets))
		}
	}
	for _, q := range d.queries() {
		for _, v := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(q.Expr, -1) {
			if !slices.Contains(declared, v[1]) {
				t.Errorf("%s: there is no variable %s", q.panel, v[1])
			}
		}
	}
}

// TestNames wants every metric that the dashboard, the alerts and the
// documentation speak of to be one that is scraped, and every one that is
// scraped to be documented.
func TestNames(t *testing.T) {
	m, reg := start(t)
	m.ModelChanged(&risk.ServiceStatus{Version: "1"})
	s, err := psi.NewScheduler(&scripted{{Status: psi.StatusStable}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = s.SweepNow(t.Context())
	m.WatchDrift(s)
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	scraped := map[string]bool{"risk_data_drift_psi": true} // of which there are none here
	for _, f := range all {
		scraped[f.GetName()] = true
	}
	for _, file := range []string{"../../docs/grafana/riskkit.json", rules, "../../docs/metrics.md", "doc.go"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		named := map[string]bool{}
		for _, name := range regexp.MustCompile(`\brisk_[a-z_]+[a-z]\b`).FindAllString(string(data), -1) {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				if base := strings.TrimSuffix(name, suffix); scraped[base] {
					name = base
				}
			}
			if named[name] = true; !scraped[name] {
				t.Errorf("%s: there is no %s", file, name)
			}
		}
		if strings.HasSuffix(file, ".md") {
			for name := range scraped {
				if !named[name] {
					t.Errorf("%s: %s is missing", file, name)
				}
			}
		}
	}
}
