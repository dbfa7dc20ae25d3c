package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/audit"
)

// stock returns a registry with two versions, the first in production.
func stock(t *testing.T, dir string) *registry.Log {
	t.Helper()
	store, err := registry.OpenDir(dir, &registry.DirOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	reg := registry.New(store, nil)
	for _, c := range []float64{1, 4} {
		m, r, err := risk.Train(t.Context(), risk.DatasetFile("../quickstart/data/incidents.jsonl", nil).Examples(), &risk.TrainOptions{C: c})
		if err != nil {
			t.Fatal(err)
		}
		a, err := risk.NewArtifact(m, r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := reg.Register(t.Context(), "incident-risk", a, nil); err != nil {
			t.Fatal(err)
		}
	}
	move(t, reg, registry.Move{Version: 1, To: registry.Production})
	return reg
}

func move(t *testing.T, reg *registry.Log, m registry.Move) {
	t.Helper()
	if _, err := reg.Move(t.Context(), "incident-risk", m); err != nil {
		t.Fatal(err)
	}
}

// process is a running serve.
type process struct {
	cmd *exec.Cmd
	url string
	log sync.WaitGroup
	out bytes.Buffer
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "serve")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := &process{cmd: exec.Command(bin, append([]string{"-addr", "127.0.0.1:0"}, args...)...)}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	addr := make(chan string, 1)
	p.log.Go(func() {
		listening := regexp.MustCompile(`msg=listening addr=(\S+)`)
		for in := bufio.NewScanner(stderr); in.Scan(); {
			p.out.WriteString(in.Text() + "\n")
			if m := listening.FindStringSubmatch(in.Text()); m != nil {
				addr <- m[1]
			}
		}
		close(addr)
	})
	a, ok := <-addr
	if !ok {
		p.log.Wait()
		t.Fatalf("it did not start:\n%s", &p.out)
	}
	p.url = "http://" + a
	return p
}

// load asks for answers until a time is over and returns how many there were: by
// wrk where RISKKIT_WRK says where that is, else by a few goroutines.
func (p *process) load(t *testing.T, d time.Duration) int {
	if wrk := os.Getenv("RISKKIT_WRK"); wrk != "" {
		out, err := exec.CommandContext(t.Context(), wrk, "-t1", "-c32", "-d"+d.String(), "--latency", "-s", "testdata/post.lua", p.url).CombinedOutput()
		if err != nil || bytes.Contains(out, []byte("Non-2xx")) || bytes.Contains(out, []byte("Socket errors")) {
			t.Errorf("wrk: %v\n%s", err, out)
			return 0
		}
		t.Logf("wrk:\n%s", out)
		m := regexp.MustCompile(`(\d+) requests in`).FindSubmatch(out)
		if m == nil {
			return 0
		}
		n, _ := strconv.Atoi(string(m[1]))
		return n
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	n := 0
	for range 2 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for end := time.Now().Add(d); time.Now().Before(end); {
				mu.Lock()
				n++
				id := n
				mu.Unlock()
				body := fmt.Sprintf(`{"id": "INC-%d", "text": "The checkout is down for all customers."}`, id)
				r, err := http.Post(p.url+"/risk", "application/json", strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				_ = r.Body.Close()
				if r.StatusCode != http.StatusOK {
					t.Errorf("status %s", r.Status)
				}
			}
		})
	}
	wg.Wait()
	return n
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, r.Status, err)
	}
	return b
}

// until waits until the status is as it has to be.
func (p *process) until(t *testing.T, what string, ok func(risk.ServiceStatus) bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		body := get(t, p.url+"/risk/status")
		var st risk.ServiceStatus
		if err := json.Unmarshal(body, &st); err != nil {
			t.Fatal(err)
		}
		if ok(st) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: the status is %s", what, body)
		}
	}
}

// metric returns the sum of the series of a metric that a text holds.
func metric(text []byte, series string) (sum float64) {
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(name, series) {
			v, _ := strconv.ParseFloat(value, 64)
			sum += v
		}
	}
	return sum
}

// TestServe puts a running service under load, has it meet a version that is
// noise, promotes another, rolls back, and reads what it tells of all that.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	reg := stock(t, filepath.Join(dir, "models"))
	p := start(t, "-registry", filepath.Join(dir, "models"), "-audit", filepath.Join(dir, "audit"), "-sweep", "1s")
	p.until(t, "at the start", func(st risk.ServiceStatus) bool { return st.Version == "1" })

	var wg sync.WaitGroup
	asked := 0
	done := make(chan struct{})
	wg.Go(func() {
		for {
			asked += p.load(t, 2*time.Second)
			select {
			case <-done:
				return
			default:
			}
		}
	})
	if _, err := reg.Register(t.Context(), "incident-risk", registry.Artifact{risk.ModelFile: []byte("noise")}, &registry.RegisterOptions{Stage: registry.Production}); err != nil {
		t.Fatal(err)
	}
	p.until(t, "noise in production", func(st risk.ServiceStatus) bool { return st.Version == "1" && st.Error != "" })
	move(t, reg, registry.Move{Rollback: true})
	p.until(t, "rolled back", func(st risk.ServiceStatus) bool { return st.Version == "1" && st.Error == "" })
	share := 5000
	if _, err := reg.Rollout(t.Context(), "incident-risk", registry.RolloutChange{Version: 2, BasisPoints: &share}); err != nil {
		t.Fatal(err)
	}
	p.until(t, "a canary", func(st risk.ServiceStatus) bool { return st.Rollout != nil && st.Rollout.Share == 0.5 })
	time.Sleep(2 * time.Second) // for it to be asked
	move(t, reg, registry.Move{Version: 2, To: registry.Production})
	p.until(t, "promoted", func(st risk.ServiceStatus) bool { return st.Version == "2" && st.Rollout == nil })
	move(t, reg, registry.Move{Rollback: true})
	p.until(t, "rolled back again", func(st risk.ServiceStatus) bool { return st.Version == "1" })
	close(done)
	wg.Wait()

	r, err := http.Post(p.url+"/risk/feedback", "application/json", strings.NewReader(`{"id": "INC-1", "level": "high", "assessed": "medium", "actor": "ann"}`))
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("feedback: %v, %v", r, err)
	}
	_ = r.Body.Close()
	text := get(t, p.url+"/metrics")
	for series, least := range map[string]float64{
		`risk_requests_total{method="ml"}`: float64(asked), `risk_errors_total{stage="load"}`: 1, `risk_feedback_total{agreement="raises"}`: 1,
		`risk_model_info{`: 1, `risk_data_drift_psi{`: 0, `risk_score_duration_seconds_count`: float64(asked),
	} {
		if got := metric(text, series); got < least {
			t.Errorf("%s is %v, want at least %v", series, got, least)
		}
	}
	if n := metric(text, `risk_requests_total{method="heuristic"}`); n != 0 {
		t.Errorf("the heuristic answered %v times", n)
	}
	for _, name := range []string{"last_data_drift_psi_text_length", "risk_data_drift_psi", "risk_data_drift_last_run_timestamp_seconds", "risk_canary_ratio"} {
		if !bytes.Contains(text, []byte("\n"+name)) {
			t.Errorf("there is no %s among the metrics", name)
		}
	}
	total := int64(metric(text, `risk_requests_total{`))

	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.log.Wait()
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v:\n%s", err, &p.out)
	}
	checkAudit(t, filepath.Join(dir, "audit"), total)
}

// checkAudit verifies the audit log and counts what is in it.
func checkAudit(t *testing.T, root string, total int64) {
	t.Helper()
	dir, err := audit.OpenDir(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if _, err := audit.Verify(context.Background(), dir, nil); err != nil {
		t.Error(err)
	}
	kinds := map[audit.Kind]int64{}
	arms := map[risk.Arm]int{}
	missing := int64(0)
	for r, err := range audit.Read(context.Background(), dir, nil) {
		if err != nil {
			t.Fatal(err)
		}
		kinds[r.Kind]++
		switch r.Kind {
		case audit.KindScored:
			arms[r.Assessment.Arm]++
		case audit.KindGap:
			missing += r.Missing
		}
	}
	t.Logf("the audit log has %v, by arm %v, and says that %d are missing", kinds, arms, missing)
	if kinds[audit.KindScored]+missing != total || kinds[audit.KindFeedback] != 1 || arms[risk.ArmCandidate] == 0 {
		t.Errorf("the audit log has %v, by arm %v, and says that %d are missing, of %d answers", kinds, arms, missing, total)
	}
}
