package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/corpus"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/audit"
)

// asRiskctl makes the test binary run as riskctl, so that tests can start and
// kill real processes of it.
const asRiskctl = "RUN_AS_RISKCTL"

func TestMain(m *testing.M) {
	if os.Getenv(asRiskctl) != "" {
		main()
	}
	os.Exit(m.Run())
}

// process returns riskctl with arguments as a process yet to be started.
func process(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), asRiskctl+"=1", risk.EnvML+"=")
	return cmd
}

// call runs a command in this process.
func call(t testing.TB, stdin string, args ...string) (code int, out, err string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, streams{strings.NewReader(stdin), &o, &e})
	return code, o.String(), e.String()
}

// must runs a command that must succeed and returns what it printed.
func must(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	code, out, err := call(t, stdin, args...)
	if code != 0 {
		t.Fatalf("riskctl %q ended with %d: %s", args, code, err)
	}
	return out
}

// decode reads JSON that a command printed.
func decode[V any](t testing.TB, out string) V {
	t.Helper()
	var v V
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	return v
}

// incidents writes a data file.
func incidents(t testing.TB, all []corpus.Incident) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "incidents.jsonl")
	var b bytes.Buffer
	for _, x := range all {
		if err := json.NewEncoder(&b).Encode(x); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// keys returns the names in a JSON object in their order.
func keys(t testing.TB, out string) []string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(out))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name.(string))
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// TestWay walks the whole way through the commands.
func TestWay(t *testing.T) {
	train, recent, shifted := incidents(t, corpus.Usual(1, 300)), incidents(t, corpus.Usual(2, 200)), incidents(t, corpus.Shifted(3, 200))
	reg := filepath.Join(t.TempDir(), "registry")
	at := []string{"-registry", reg, "-model", "incident-risk"}
	with := func(command string, more ...string) []string {
		return append(append([]string{command}, at...), more...)
	}

	out := must(t, "", with("train", "-data", train, "-sublinear", "-json", "-actor", "tester", "-reason", "first")...)
	want := []string{"model", "version", "digest", "documents", "features", "vectorise_seconds", "fit_seconds", "objective", "model_bytes", "metrics"}
	if diff := cmp.Diff(want, keys(t, out)); diff != "" {
		t.Errorf("train prints (-want +got):\n%s", diff)
	}
	first := decode[trained](t, out)
	if first.Version != 1 || first.Documents != 300 || first.Metrics.N != 300 {
		t.Errorf("trained %+v", first)
	}
	again := decode[trained](t, must(t, "", with("train", "-data", train, "-sublinear", "-json")...))
	if again.Version != 2 || again.Digest != first.Digest {
		t.Errorf("trained again: version %d, digest %s, first %s", again.Version, again.Digest, first.Digest)
	}
	if other := must(t, "", with("train", "-data", train, "-ngrams", "1")...); !strings.HasPrefix(other, "version 3 of incident-risk is in staging, trained on 300 incidents") {
		t.Errorf("train prints %q", other)
	}

	must(t, "", with("promote", "-version", "1", "-expect", "0")...)
	if e := decode[registry.Event](t, must(t, "", with("promote", "-json", "-actor", "someone", "-reason", "smaller")...)); e.Version != 3 || e.From != 1 || e.Stage != "production" {
		t.Errorf("promoted %+v", e)
	}
	if code, _, err := call(t, "", with("promote", "-version", "2", "-expect", "1")...); code != 1 || !strings.Contains(err, "holds version 3") {
		t.Errorf("a stale promotion ended with %d: %s", code, err)
	}
	if code, _, err := call(t, "", with("rollback", "-expect", "1")...); code != 1 || !strings.Contains(err, "holds version 3") {
		t.Errorf("a stale rollback ended with %d: %s", code, err)
	}
	if out := must(t, "", with("rollback", "-expect", "3", "-actor", "night shift", "-reason", "worse")...); out != "version 1 of incident-risk is in production, in the place of version 3\n" {
		t.Errorf("rollback prints %q", out)
	}
	events := decode[[]registry.Event](t, must(t, "", with("history", "-json")...))
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, fmt.Sprint(e.Kind, " ", e.Version))
	}
	if diff := cmp.Diff([]string{"registered 1", "registered 2", "registered 3", "promoted 1", "promoted 3", "rolled_back 1"}, kinds); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	for i, want := range map[int]string{0: "tester: first", 4: "someone: smaller", 5: "night shift: worse"} {
		if got := events[i].Actor + ": " + events[i].Reason; got != want {
			t.Errorf("event %d was by %q, want %q", i+1, got, want)
		}
	}
	for filter, want := range map[string]int{"-version 1": 3, "-stage production": 3, "-actor tester": 1, "-version 3 -stage staging": 1, "-reason wors": 1} {
		if got := decode[[]registry.Event](t, must(t, "", with("history", append(strings.Fields(filter), "-json")...)...)); len(got) != want {
			t.Errorf("history %s has %d events, want %d", filter, len(got), want)
		}
	}
	for _, filter := range []string{"-stage production", "-version 1", "-actor tester", "-reason first"} {
		if got := decode[[]registry.Version](t, must(t, "", with("versions", append(strings.Fields(filter), "-json")...)...)); len(got) != 1 || got[0].Number != 1 {
			t.Errorf("versions %s are %+v", filter, got)
		}
	}
	if table := must(t, "", with("history")...); strings.Count(table, "\n") != 7 || !strings.Contains(table, "rolled_back") {
		t.Errorf("history prints\n%s", table)
	}
	vs := decode[[]registry.Version](t, must(t, "", with("versions", "-json")...))
	if len(vs) != 3 || vs[0].Stage != "production" || vs[2].Stage != "" {
		t.Errorf("versions %+v", vs)
	}
	if table := must(t, "", with("versions")...); strings.Count(table, "\n") != 4 {
		t.Errorf("versions prints\n%s", table)
	}

	out = must(t, "", with("evaluate", "-data", recent, "-json")...)
	if diff := cmp.Diff([]string{"n", "macro_f1", "accuracy", "log_loss", "brier", "ece", "mce", "murphy", "levels", "macro", "weighted", "confusion", "intervals"}, keys(t, out)[3:]); diff != "" {
		t.Errorf("evaluate prints (-want +got):\n%s", diff)
	}
	model := decode[evaluated](t, out)
	base := decode[evaluated](t, must(t, "", "evaluate", "-heuristic", "-data", recent, "-json"))
	if model.Version != "1" || model.MacroF1 < 0.75 || base.MacroF1 > model.MacroF1 || base.Method != "heuristic" {
		t.Errorf("model %+v, heuristic %+v", model, base)
	}
	if i := model.Intervals; !i.MacroF1.Contains(model.MacroF1) || !i.Accuracy.Contains(model.Accuracy) || i.Accuracy.Low <= 0 {
		t.Errorf("macro-F1 %v and accuracy %v in %+v", model.MacroF1, model.Accuracy, i)
	}
	sliced := decode[evaluated](t, must(t, "", with("evaluate", "-data", recent, "-slices", "-json")...))
	if len(sliced.Slices) == 0 || sliced.MacroF1 != model.MacroF1 {
		t.Errorf("slices %+v", sliced.Slices)
	}
	if out := must(t, "", with("evaluate", "-data", recent, "-slices")...); !strings.Contains(out, "quadratic kappa") || !strings.Contains(out, " slices ") {
		t.Errorf("evaluate prints\n%s", out)
	}
	if pinned := decode[evaluated](t, must(t, "", with("evaluate", "-data", recent, "-json", "-version", "3")...)); pinned.Version != "3" {
		t.Errorf("pinned to 3: %+v", pinned)
	}

	for file, want := range map[string]string{train: "stable", recent: "stable", shifted: "alert"} {
		out := must(t, "", with("sweep", "-data", file, "-sample", "150", "-json")...)
		s := decode[swept](t, out)
		if string(s.Status) != want || s.NBaseline != 300 || s.NRecent != 150 || len(s.Features) != 64 {
			t.Errorf("sweep of %s: %+v, want %s", file, s.Report, want)
		}
		if out2 := must(t, "", with("sweep", "-data", file, "-sample", "150", "-json")...); out2 != out {
			t.Error("the same sweep gives another answer")
		}
	}
	if out := must(t, "", with("sweep", "-data", shifted)...); !strings.HasPrefix(out, "alert: 200 incidents against 300 that version 1 was trained on") || !strings.Contains(out, "text_length: 1") {
		t.Errorf("sweep prints\n%s", out)
	}

	lines := `{"id":"a","text":"The checkout is down for all customers."}` + "\n" + `{"id":"b","text":"There is a typo in the help text."}` + "\n"
	for name, c := range map[string]struct {
		args   []string
		env    string
		method string
	}{
		"off": {nil, "", "heuristic"}, "by flag": {[]string{"-ml"}, "", "ml"}, "by environment": {nil, "true", "ml"}, "by version": {[]string{"-version", "2"}, "", "ml"},
	} {
		t.Setenv(risk.EnvML, c.env)
		out := must(t, lines, with("score", append(c.args, "-json", "-explain", "2")...)...)
		answers := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if len(answers) != 2 {
			t.Fatalf("%s: score prints %q", name, out)
		}
		if diff := cmp.Diff([]string{"risk_score", "risk_label", "risk_score_method", "risk_model_version", "risk_threshold"}, keys(t, answers[0])[:5]); diff != "" {
			t.Errorf("%s: score prints (-want +got):\n%s", name, diff)
		}
		a, b := decode[risk.Assessment](t, answers[0]), decode[risk.Assessment](t, answers[1])
		if string(a.Method) != c.method || a.ID != "a" || a.Level != "high" || b.Level != "low" || a.Probabilities.Of("high") < b.Probabilities.Of("high") || len(a.Explanation) == 0 {
			t.Errorf("%s: assessments %+v and %+v", name, a, b)
		}
	}
	t.Setenv(risk.EnvML, "")
	if out := must(t, "", with("score", "-ml", "-text", "The checkout is down for all customers.", "-explain", "1")...); !strings.HasPrefix(out, "high, score 0.") || !strings.Contains(out, "(ml 1, threshold") {
		t.Errorf("score prints %q", out)
	}
	for _, text := range []string{"", "  ", "disk \xff"} {
		if code, _, err := call(t, "", "score", "-text", text); code != 2 || !strings.Contains(err, "-text is empty") {
			t.Errorf("score of %q ended with %d: %s", text, code, err)
		}
	}
	if code, out, err := call(t, "", with("score", "-text", "outage")...); code != 0 || !strings.Contains(err, "the model is off") || !strings.Contains(out, "heuristic") {
		t.Errorf("score without the model ended with %d: %s%s", code, out, err)
	}
	code, out, errs := call(t, "", "score", "-ml", "-registry", filepath.Join(t.TempDir(), "absent"), "-text", "outage")
	if code != 0 || !strings.Contains(out, "heuristic") || !strings.Contains(errs, "the heuristic answers: ") {
		t.Errorf("score without a registry ended with %d: %s%s", code, out, errs)
	}
}

// TestTrainFlags wants each flag to make a difference to what is trained.
func TestTrainFlags(t *testing.T) {
	untimed := corpus.Usual(1, 150)
	for i := range untimed {
		untimed[i].CreatedAt = time.Time{}
	}
	data := incidents(t, untimed)
	digests := map[string]string{}
	for _, flags := range []string{"", "-sublinear", "-min-df 3", "-ngrams 1,3", "-C 3", "-seed 1"} {
		out := must(t, "", append([]string{"train", "-json", "-registry", t.TempDir(), "-data", data}, strings.Fields(flags)...)...)
		digest := decode[trained](t, out).Digest
		if other, ok := digests[digest]; ok {
			t.Errorf("training with %q gives the same as with %q", flags, other)
		}
		digests[digest] = flags
	}
}

// TestUsage checks exit statuses: 2 where the command line makes no sense, 1
// where the command fails, with the reason on standard error.
func TestUsage(t *testing.T) {
	data := incidents(t, corpus.Usual(1, 60))
	dir := t.TempDir()
	absent := filepath.Join(dir, "absent")
	bad := filepath.Join(dir, "bad.jsonl")
	if err := os.WriteFile(bad, []byte(`{"text":"a","label":"low"}`+"\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line string
		code int
		want string // on standard error
	}{
		{"", 2, "usage: riskctl COMMAND"},
		{"fly", 2, `no command "fly"`},
		{"train -registry " + dir, 2, "-data is needed"},
		{"train -data " + data, 2, "-registry is needed"},
		{"train -data x -registry y -ngrams 2,1", 2, "-ngrams"},
		{"train -data x -registry y -ngrams one", 2, "-ngrams"},
		{"train -wings", 2, "flag provided but not defined"},
		{"train -C x", 2, "invalid value"},
		{"promote -registry " + dir + " now", 2, `unexpected "now"`},
		{"evaluate -data x -registry y -version 1", 1, "y"},
		{"evaluate -data x -registry " + dir + " -version 1 -stage staging", 2, "cannot both"},
		{"sweep -data x -registry " + dir + " -sample -1", 2, "-sample"},
		{"serve -reload -1s", 2, "-reload"},
		{"serve -stage archived", 2, "-stage"},
		{"score -ml -text outage", 2, "need -registry"},
		{"score -version 9 -text outage", 2, "need -registry"},
		{"score -registry " + dir + " -version 9 -text outage", 1, "not found"},
		{"score -explain -3 -text outage", 2, "-explain"},
		{"promote -registry " + dir + " -expect -7", 2, "-expect"},
		{"promote -registry " + dir + " -version -1", 2, "-version"},
		{"promote -registry " + dir + " -version 1 -stage nowhere", 2, "-stage"},
		{"versions -registry " + dir + " -stage foo", 2, "-stage"},
		{"history -registry " + dir + " -version -1", 2, "-version"},
		{"train -data x -registry y -min-df 0", 2, "-min-df"},
		{"history -registry " + absent, 1, "no such file"},
		{"history -registry " + dir, 1, `not found: model "incident-risk"`},
		{"history -registry " + dir + " -model ../x", 1, "model name"},
		{"rollback -registry " + dir, 1, "not found"},
		{"rollback -registry " + dir + " -stage staging", 2, "-stage"},
		{"train -data " + absent + " -registry " + dir, 1, "no such file"},
		{"train -data " + bad + " -registry " + dir, 1, bad + ":2: not JSON"},
		{"train -data " + data + " -registry " + dir + " -model Upper", 1, "model name"},
		{"train -data " + data + " -registry " + dir + " -C -1", 2, "-C is -1"},
		{"evaluate -heuristic -data " + bad, 1, ":2: not JSON"},
		{"score -registry " + dir + " -version -1", 2, "-version is -1"},
		{"serve -addr localhost:-1", 1, "invalid port"},
	} {
		code, out, err := call(t, "", strings.Fields(c.line)...)
		if code != c.code || !strings.Contains(err, c.want) || out != "" {
			t.Errorf("riskctl %s: ended with %d, printed %q and %q, want %d with %q", c.line, code, out, err, c.code, c.want)
		}
	}
	for _, c := range commands {
		code, out, err := call(t, "", c.name, "-h")
		if code != 0 || err != "" || !strings.Contains(out, "usage: riskctl "+c.name) || !strings.Contains(out, "-json") {
			t.Errorf("riskctl %s -h ended with %d: %s%s", c.name, code, out, err)
		}
	}
	if code, out, _ := call(t, "", "-h"); code != 0 || !strings.Contains(out, "serve") {
		t.Errorf("riskctl -h ended with %d: %s", code, out)
	}
	code, _, err := call(t, "", "evaluate", "-heuristic", "-skip-bad", "-data", bad)
	if code != 0 || !strings.Contains(err, "1 bad lines were passed over") || !strings.Contains(err, bad+":2") {
		t.Errorf("skipping ended with %d: %s", code, err)
	}
	lows := corpus.Usual(1, 60)
	for i := range lows {
		lows[i].Label = strings.Replace(lows[i].Label, "low", "Low", 1)
	}
	code, _, err = call(t, "", "train", "-registry", dir, "-skip-bad", "-data", incidents(t, lows))
	if code != 1 || !strings.Contains(err, "bad lines were passed over") || !strings.Contains(err, `unknown label: "Low"`) || !strings.Contains(err, `0 have level "low"`) {
		t.Errorf("training without a level ended with %d: %s", code, err)
	}
	if code, out, err := call(t, `{"text":"disk full"}`+"\nnonsense\n", "score"); code != 1 || !strings.Contains(out, "disk full") && strings.Count(out, "\n") == 0 || !strings.Contains(err, "standard input:2") {
		t.Errorf("score of a bad line ended with %d: %s%s", code, out, err)
	}
}

// TestKilled kills train, promote and rollback at random moments, fifty times:
// the registry opens each time, with all that was acknowledged, and every file
// of every version whole.
func TestKilled(t *testing.T) {
	data := incidents(t, corpus.Usual(1, 120))
	dir := filepath.Join(t.TempDir(), "registry")
	args := func(command string, more ...string) []string {
		return append([]string{command, "-registry", dir}, more...)
	}
	must(t, "", args("train", "-data", data)...)
	must(t, "", args("promote")...)
	must(t, "", args("train", "-data", data)...)
	must(t, "", args("promote")...)
	acknowledged := int64(4)
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	killed, took := 0, map[string]time.Duration{}
	for round := 0; killed < 50; round++ {
		if round > 400 {
			t.Fatalf("only %d of %d processes could be killed in time", killed, round)
		}
		command := []string{"train", "promote", "rollback"}[round%3]
		more := []string{}
		switch command {
		case "train":
			more = []string{"-data", data}
		case "promote":
			more = []string{"-version", fmt.Sprint(1 + rng.IntN(2))}
		}
		cmd := process(t, args(command, more...)...)
		start := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if round >= 3 { // the first of each runs to its end, to know how long it takes
			time.Sleep(time.Duration(rng.Float64() * 1.1 * float64(took[command])))
			if err := cmd.Process.Kill(); err != nil && err != os.ErrProcessDone {
				t.Fatal(err)
			}
		}
		err := cmd.Wait()
		if round < 3 {
			took[command] = time.Since(start)
		}
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			killed++
		}
		events := check(t, dir)
		if err == nil {
			acknowledged++
		}
		if events < acknowledged {
			t.Fatalf("%d events were acknowledged, %d are there", acknowledged, events)
		}
		acknowledged = events // an event whose writer was killed before it could say so counts too
	}
	t.Logf("%d processes killed; %d events", killed, acknowledged)
}

// check opens a registry and reads all there is; it returns the number of
// events.
func check(t testing.TB, dir string) int64 {
	t.Helper()
	store, err := registry.OpenDir(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	reg := registry.New(store, nil)
	n := int64(0)
	for e, err := range reg.History(t.Context(), "incident-risk") {
		if err != nil {
			t.Fatal(err)
		}
		n = e.Seq
	}
	state, err := reg.State(t.Context(), "incident-risk")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range state.Versions {
		if _, err := risk.OpenModel(t.Context(), reg, v); err != nil {
			t.Fatal(err)
		}
		for _, f := range v.Files {
			if _, err := registry.ReadFile(t.Context(), reg, v, f.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	return n
}

// server is riskctl serve as a process.
type server struct {
	cmd *exec.Cmd
	url string

	mu  sync.Mutex
	log strings.Builder
	end chan struct{} // closed when the log has ended
}

func startServer(t testing.TB, args ...string) *server {
	t.Helper()
	s := &server{cmd: process(t, append([]string{"serve", "-addr", "127.0.0.1:0"}, args...)...), end: make(chan struct{})}
	s.cmd.Env = append(s.cmd.Env, risk.EnvML+"=true")
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	addr := make(chan string, 1)
	go func() {
		defer close(s.end)
		listening := regexp.MustCompile(`msg=listening addr=(\S+)`)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			s.mu.Lock()
			s.log.WriteString(lines.Text() + "\n")
			s.mu.Unlock()
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				addr <- m[1]
			}
		}
	}()
	select {
	case a := <-addr:
		s.url = "http://" + a
	case <-time.After(30 * time.Second):
		t.Fatalf("the server does not listen: %s", s.logged())
	}
	return s
}

func (s *server) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// stop stops the server gracefully.
func (s *server) stop(t testing.TB) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.end
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("the server stopped with %v: %s", err, s.logged())
	}
}

func (s *server) post(t testing.TB, path, body string) (code int, answer string) {
	t.Helper()
	resp, err := http.Post(s.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(b)
}

func (s *server) status(t testing.TB) risk.ServiceStatus {
	t.Helper()
	resp, err := http.Get(s.url + "/risk/status")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("status is %d, %s, error %v", resp.StatusCode, b, err)
	}
	return decode[risk.ServiceStatus](t, string(b))
}

// TestServeOnNoise overwrites every file of the registry with noise, again and
// again, while a thousand requests are answered; then it starts on the ruins.
func TestServeOnNoise(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "registry")
	must(t, "", "train", "-registry", dir, "-data", incidents(t, corpus.Usual(1, 120)))
	must(t, "", "promote", "-registry", dir)
	s := startServer(t, "-registry", dir, "-reload", "5ms")
	if st := s.status(t); st.Method != risk.MethodML || st.Version != "1" || st.Error != "" {
		t.Errorf("status %+v", st)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var noise sync.WaitGroup
	noise.Go(func() {
		for rng := rand.NewChaCha8([32]byte{1}); ctx.Err() == nil; {
			err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
				if err != nil || e.IsDir() {
					return err
				}
				b := make([]byte, 1+rng.Uint64()%4000)
				_, _ = rng.Read(b)
				return os.WriteFile(path, b, 0o600)
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	var requests sync.WaitGroup
	for range 4 {
		requests.Go(func() {
			for i := range 250 {
				code, answer := s.post(t, "/risk", `{"id":"`+fmt.Sprint(i)+`","text":"The checkout is down for all customers."}`)
				var a risk.Assessment
				if err := json.Unmarshal([]byte(answer), &a); err != nil || code != 200 || a.Method != risk.MethodML || a.Level != "high" || a.ID != fmt.Sprint(i) {
					t.Errorf("answer is %d, %s, error %v", code, answer, err)
				}
			}
		})
	}
	requests.Wait()
	// What is in memory was verified when it was loaded, and stays.
	if st := s.status(t); st.Method != risk.MethodML || st.Version != "1" || st.Fallbacks != 0 {
		t.Errorf("status on noise %+v", st)
	}
	cancel()
	noise.Wait()
	s.stop(t)

	s = startServer(t, "-registry", dir)
	code, answer := s.post(t, "/risk?explain=3", `{"id":"7","text":"There is an outage, and data loss."}`)
	a := decode[risk.Assessment](t, answer)
	if code != 200 || a.Method != risk.MethodHeuristic || a.FallbackReason != risk.ReasonUnavailable || a.Level != "high" || len(a.Explanation) != 2 {
		t.Errorf("answer on ruins is %d, %s", code, answer)
	}
	if st := s.status(t); !st.ML || st.Method != risk.MethodHeuristic || !strings.Contains(st.Error, "corrupt") {
		t.Errorf("status on ruins %+v", st)
	}
	s.stop(t)
	if log := s.logged(); !strings.Contains(log, "the model cannot be loaded") || !strings.Contains(log, "corrupt") {
		t.Errorf("log on ruins is\n%s", log)
	}
}

// TestServeSlowly sends requests byte by byte: one that takes too long is cut
// off, and one that is under way when the server is told to stop is answered.
func TestServeSlowly(t *testing.T) {
	begin := func(s *server, header string) net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "POST /risk HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 16\r\n"+header+"\r\n"); err != nil {
			t.Fatal(err)
		}
		return c
	}
	s := startServer(t, "-timeout", "300ms")
	c := begin(s, "")
	if answer, err := io.ReadAll(c); err != nil || !strings.Contains(string(answer), "408 Request Timeout") {
		t.Errorf("a request that does not come in is answered by %q, error %v", answer, err)
	}
	s.stop(t)

	s = startServer(t)
	c = begin(s, "Expect: 100-continue\r\n")
	const goOn = "HTTP/1.1 100 Continue\r\n\r\n" // comes once the body is wanted: the request is under way
	first := make([]byte, len(goOn))
	if _, err := io.ReadFull(c, first); err != nil || string(first) != goOn {
		t.Fatalf("a request is asked for its body by %q, error %v", first, err)
	}
	if _, err := io.WriteString(c, `{"text":`); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.stop(t)
	}()
	for deadline := time.Now().Add(10 * time.Second); ; { // until it takes no more
		probe, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil || time.Now().After(deadline) {
			break
		}
		_ = probe.Close()
	}
	if _, err := io.WriteString(c, ` "fire"}`); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 12)
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "HTTP/1.1 200" {
		t.Errorf("a request under way is answered by %q, error %v", buf, err)
	}
	<-stopped
}

// TestServe promotes and rolls back under a running server, and sends it what
// it cannot use.
func TestServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "registry")
	data := incidents(t, corpus.Usual(1, 120))
	log := filepath.Join(t.TempDir(), "audit")
	s := startServer(t, "-registry", dir, "-reload", "10ms", "-audit", log) // there is no registry yet
	answered := func(want string) {
		t.Helper()
		var answer string
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
			_, answer = s.post(t, "/risk", `{"text":"The checkout is down for all customers."}`)
			if decode[risk.Assessment](t, answer).ModelVersion == want {
				return
			}
		}
		t.Errorf("answer is %s, want one of version %s; log:\n%s", answer, want, s.logged())
	}
	answered("lexicon-1")
	must(t, "", "train", "-registry", dir, "-data", data)
	must(t, "", "promote", "-registry", dir)
	answered("1")
	must(t, "", "train", "-registry", dir, "-data", data, "-C", "1")
	must(t, "", "promote", "-registry", dir)
	answered("2")
	must(t, "", "rollback", "-registry", dir)
	answered("1")
	for body, want := range map[string]int{
		``:                              400,
		`nonsense`:                      400,
		`{"text":"a"} {"text":"b"}`:     400,
		`[]`:                            400,
		`{"id":"1"}`:                    400,
		`{"text":" "}`:                  400,
		`{"text":1}`:                    400,
		"{\"text\":\"disk \xff full\"}": 400,
		`{"text":"` + strings.Repeat("x", 1<<20) + `"}`:    413,
		`{"text":"` + strings.Repeat("x", 1<<20-20) + `"}`: 200,
		`{"text":"数据库故障","tags":["a"]}`:                    200,
		`{"text":"数据库故障","more":1}`:                        400,
	} {
		if code, answer := s.post(t, "/risk", body); code != want || !json.Valid([]byte(answer)) {
			t.Errorf("%.40q: answer is %d, %.200s, want %d", body, code, answer, want)
		}
	}
	for _, n := range []string{"-1", "101", "x"} {
		if code, answer := s.post(t, "/risk?explain="+n, `{"text":"a"}`); code != 400 || !strings.Contains(answer, "explain") {
			t.Errorf("explain=%s: answer is %d, %s", n, code, answer)
		}
	}
	if code, _ := s.post(t, "/healthz", ""); code != http.StatusMethodNotAllowed {
		t.Errorf("POST /healthz is %d", code)
	}
	resp, err := http.Get(s.url + "/risk")
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET /risk is %d", resp.StatusCode)
	}
	if code, answer := s.post(t, "/risk/feedback", `{"id":"1","level":"low","assessed":"high"}`); code != 200 {
		t.Errorf("feedback: answer is %d, %s", code, answer)
	}
	s.stop(t)
	kept := must(t, "", "audit", "-log", log, "-kinds", "feedback")
	if r := decode[audit.Record](t, kept); r.Feedback == nil || r.Feedback.Level != "low" {
		t.Errorf("the audit log has %s", kept)
	}
	must(t, "", "audit", "-log", log, "-verify")
}
