package grafana_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestShows wants every metric that docs/metrics.md has a row of on the
// dashboard, but those that only alerts and their readers need.
func TestShows(t *testing.T) {
	metrics, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("../../docs/grafana/riskkit.json")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `(risk_[a-z_]+)").FindAllStringSubmatch(string(metrics), -1)
	if len(rows) < 20 {
		t.Errorf("docs/metrics.md has %d metrics", len(rows))
	}
	for _, row := range rows {
		alone := regexp.MustCompile(`\b` + row[1] + `(_bucket|_sum)?\b`)
		if !alone.Match(data) && !strings.HasSuffix(row[1], "_is") && !strings.HasPrefix(row[1], "risk_data_drift_sweep") {
			t.Errorf("the dashboard does not show %s", row[1])
		}
	}
}
