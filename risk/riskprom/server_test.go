package riskprom_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskprom"
)

// rules are the alerts, by the path from here.
const rules = "../../docs/prometheus/riskkit.rules.yml"

// program returns the path of a Prometheus, as the environment says.
func program(t *testing.T) string {
	t.Helper()
	path := os.Getenv("RISKKIT_PROMETHEUS")
	if path == "" {
		t.Skip("RISKKIT_PROMETHEUS does not say where a prometheus is, with promtool beside it")
	}
	return path
}

// TestRules has promtool check the alerts, and play what makes them fire.
func TestRules(t *testing.T) {
	promtool := filepath.Join(filepath.Dir(program(t)), "promtool")
	for _, args := range [][]string{
		{"check", "rules", rules},
		{"test", "rules", "testdata/rules_test.yml", "testdata/rules_days_test.yml"},
	} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestPrometheus has a Prometheus scrape this process while it scores, and
// answer every query of the dashboard with numbers.
func TestPrometheus(t *testing.T) {
	path := program(t)
	m, reg := start(t)
	target := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}))
	defer target.Close()
	s := startServer(t, path, target.URL)
	ctx, cancel := context.WithCancel(t.Context())
	worked := make(chan struct{})
	go func() { defer close(worked); work(ctx, m) }()
	defer func() { cancel(); <-worked }()

	s.until(`increase(risk_requests_total{method="ml"}[5s]) > 0`)
	s.until(`ALERTS{alertname="RiskAuditErrors", alertstate="firing"}`)
	d := readDashboard(t)
	stands := strings.NewReplacer("$__rate_interval", "5s", "$job", ".+", "$instance", ".+")
	for _, q := range d.queries() {
		if n, err := s.query(stands.Replace(q.Expr)); err != nil || n == 0 {
			t.Errorf("%s: %s has %d numbers: %v", q.panel, q.Expr, n, err)
		}
	}
	for _, a := range d.Annotations.List {
		if _, err := s.query(stands.Replace(a.Expr)); err != nil {
			t.Errorf("%s: %v", a.Name, err)
		}
	}
	var groups struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	if err := s.get("rules", nil, &groups); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			if n++; r.Health != "ok" {
				t.Errorf("rule %s is %s: %s", r.Name, r.Health, r.LastError)
			}
		}
	}
	if n < 10 {
		t.Errorf("%d rules are loaded", n)
	}
}

// work tells m of everything that there is, many times a second, until ctx is
// done.
func work(ctx context.Context, m *riskprom.Metrics) {
	report := psi.Report{Status: psi.StatusAlert, Features: []psi.FeatureReport{{Name: "text_length", PSI: 0.3}, {Name: "digits", PSI: 0.02}}}
	reports := scripted{report, report, report}
	if scheduler, err := psi.NewScheduler(&reports, nil); err == nil {
		_, _ = scheduler.SweepNow(ctx) // the queries show whether it is there
		m.WatchDrift(scheduler)
	}
	m.ModelChanged(&risk.ServiceStatus{Version: "7", Digest: "sha256:aa", Rollout: &risk.RolloutStatus{Version: "8", Digest: "sha256:bb", Share: 0.1}})
	methods := []risk.Method{risk.MethodML, risk.MethodHeuristic, risk.MethodEscalation, "host"}
	reasons, results := risk.FallbackReasons(), risk.EscalationResults()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		s := answer(methods[i%4], float64(i%100)/100, time.Duration(i%100)*time.Microsecond)
		switch i % 4 {
		case 1:
			s.Assessment.FallbackReason = reasons[i/4%len(reasons)]
			m.Failed(risk.Stages()[i/4%len(risk.Stages())], nil)
		case 2:
			s.Assessment.Escalation = results[i/4%len(results)]
		}
		m.Scored(ctx, s)
		m.Shadowed(ctx, &risk.Shadowed{Dropped: i%10 == 0, Candidate: risk.Assessment{Level: []string{"low", "high"}[i%2]}, Production: risk.Assessment{Level: "low"}})
		m.Feedback(ctx, &risk.Feedback{ID: "1", Level: []string{"low", "medium", "high"}[i%3], Assessed: "medium"})
		m.BreakerChanged(risk.StageModel, risk.BreakerState(i/100%3))
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// server is a Prometheus that runs.
type server struct {
	t   *testing.T
	url string
}

// startServer starts a Prometheus that scrapes target, reads the rules, and
// stops with the test.
func startServer(t *testing.T, path, target string) *server {
	t.Helper()
	dir := t.TempDir()
	abs, err := filepath.Abs(rules)
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`
global: {scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 500ms}
rule_files: [%q]
scrape_configs: [{job_name: riskkit, static_configs: [{targets: [%q]}]}]
`, abs, strings.TrimPrefix(target, "http://"))
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	out := new(strings.Builder)
	cmd := exec.Command(path, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // its data is of no use
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Prometheus says:\n%s", out)
		}
	})
	return &server{t, "http://" + addr}
}

// get decodes what the API answers.
func (s *server) get(path string, query url.Values, data any) error {
	resp, err := http.Get(s.url + "/api/v1/" + path + "?" + query.Encode())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer := struct {
		Error string
		Data  any
	}{Data: data}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", resp.Status, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Status, answer.Error)
	}
	return nil
}

// query returns how many numbers an expression has now; NaN is none.
func (s *server) query(expr string) (n int, err error) {
	var data struct {
		Result []struct{ Value [2]any }
	}
	if err := s.get("query", url.Values{"query": {expr}}, &data); err != nil {
		return 0, err
	}
	for _, r := range data.Result {
		if r.Value[1] != "NaN" {
			n++
		}
	}
	return n, nil
}

// until waits for an expression to have numbers, at most a minute.
func (s *server) until(expr string) {
	s.t.Helper()
	var n int
	var err error
	for range 600 {
		if n, err = s.query(expr); n > 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.t.Fatalf("%s has no numbers after a minute: %v", expr, err)
}
