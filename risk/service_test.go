package risk_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
)

func noEnv(string) string { return "" }

// stock returns the artifacts of two models, which tests share; they do not
// change.
var stock = sync.OnceValue(func() (all []registry.Artifact) {
	for seed := range uint64(2) {
		m, r, err := risk.Train(context.Background(), risk.ExampleSlice(usual(seed, 120)), nil)
		if err != nil {
			panic(err)
		}
		all = append(all, must(risk.NewArtifact(m, r)))
	}
	return all
})

// stocked returns a registry in a directory with two versions, the first in
// production.
func stocked(t testing.TB) (dir string, reg *registry.Log) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "registry")
	store, err := registry.OpenDir(dir, &registry.DirOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	reg = registry.New(store, nil)
	for _, a := range stock() {
		if _, err := reg.Register(t.Context(), "incident-risk", a, nil); err != nil {
			t.Fatal(err)
		}
	}
	move(t, reg, registry.Move{Version: 1, To: registry.Production})
	return dir, reg
}

func move(t testing.TB, reg registry.Registry, m registry.Move) {
	t.Helper()
	if _, err := reg.Move(t.Context(), "incident-risk", m); err != nil {
		t.Fatal(err)
	}
}

func service(t testing.TB, o risk.ServiceOptions) *risk.Service {
	t.Helper()
	if o.Getenv == nil {
		o.Getenv = noEnv
	}
	s, err := risk.NewService(t.Context(), &o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func score(t testing.TB, s risk.Scorer) risk.Assessment {
	t.Helper()
	a, err := s.Score(t.Context(), risk.Document{ID: "1", Text: "The checkout is down for all customers. Sales have stopped."})
	if err != nil {
		t.Fatal(err)
	}
	if a.Level == "" || a.ModelVersion == "" || a.Score < 0 || a.Score > 1 || a.ID != "1" {
		t.Errorf("assessment %+v", a)
	}
	return a
}

// TestServiceSwitch has the model on and off.
func TestServiceSwitch(t *testing.T) {
	_, reg := stocked(t)
	for name, c := range map[string]struct {
		option bool
		env    string
		want   risk.Method
	}{
		"off": {false, "", risk.MethodHeuristic}, "option": {true, "", risk.MethodML}, "environment": {false, "true", risk.MethodML},
		"1": {false, "1", risk.MethodML}, "false": {false, "false", risk.MethodHeuristic}, "nonsense": {false, "yes please", risk.MethodHeuristic},
		"option over environment": {true, "false", risk.MethodML},
	} {
		s := service(t, risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: c.option, Getenv: func(name string) string {
			if name == "RISK_ML_ENABLED" {
				return c.env
			}
			return ""
		}})
		a := score(t, s)
		if a.Method != c.want || a.FallbackReason != "" || s.Status().Method != c.want || s.Status().ML != (c.want == risk.MethodML) || (s.Status().Error != "") != (name == "nonsense") {
			t.Errorf("%s: assessment %+v, status %+v", name, a, s.Status())
		}
		if _, err := s.Drift().Sweep(t.Context()); errors.Is(err, risk.ErrNoDrift) == (c.want == risk.MethodML) {
			t.Errorf("%s: sweep has the error %v", name, err)
		}
		if err := s.Reload(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Setenv("RISK_ML_ENABLED", "true")
	s, err := risk.NewService(t.Context(), &risk.ServiceOptions{Registry: reg, Model: "incident-risk"})
	if err != nil || score(t, s).Method != risk.MethodML {
		t.Errorf("by the real environment: status %+v, error %v", s.Status(), err)
	}
	if s, err = risk.NewService(t.Context(), nil); err != nil || score(t, s).FallbackReason != risk.ReasonUnavailable || s.Status().Error == "" {
		t.Errorf("no registry: status %+v, error %v", s.Status(), err)
	}
}

// TestServiceWithoutModel breaks the model in many ways before the service
// starts: it starts all the same, the heuristic answers, and the status says
// why.
func TestServiceWithoutModel(t *testing.T) {
	noise := func(t testing.TB, dir, under string) {
		t.Helper()
		if err := filepath.WalkDir(filepath.Join(dir, under), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b := make([]byte, 5000)
			_, _ = rand.Read(b)
			return os.WriteFile(path, b, 0o600)
		}); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		ruin  func(t testing.TB, dir string)
		model string
		ref   string
		scale risk.Scale
		why   string
	}{
		"noise in the log":   {ruin: func(t testing.TB, dir string) { noise(t, dir, "models") }, why: "corrupt"},
		"noise in the blobs": {ruin: func(t testing.TB, dir string) { noise(t, dir, "blobs") }, why: "corrupt"},
		"no blobs":           {ruin: func(t testing.TB, dir string) { _ = os.RemoveAll(filepath.Join(dir, "blobs")) }, why: "not found"},
		"no registry":        {ruin: func(t testing.TB, dir string) { _ = os.RemoveAll(dir) }, why: "no such file"},
		"a file instead": {ruin: func(t testing.TB, dir string) {
			_ = os.RemoveAll(dir)
			_ = os.WriteFile(dir, nil, 0o600)
		}, why: "not a directory"},
		"no such model": {model: "other", why: "not found"},
		"bad name":      {model: "../x", why: "model name"},
		"no such stage": {ref: "staging", why: "no version"},
		"no such ref":   {ref: "nonsense", why: "names no version"},
		"wrong scale":   {scale: risk.Scale{"low", "high"}, why: "is on"},
	} {
		dir, reg := stocked(t)
		if c.ruin != nil {
			c.ruin(t, dir)
			reg = freshLog(t, dir, reg)
		}
		if c.model == "" {
			c.model = "incident-risk"
		}
		o := risk.ServiceOptions{Registry: reg, Model: c.model, Ref: c.ref, ML: true}
		if c.scale != nil {
			l := small()
			l.Scale, l.Thresholds = c.scale, []float64{0.5}
			h, err := risk.NewHeuristic(l)
			if err != nil {
				t.Fatal(err)
			}
			o.Heuristic = h
		}
		s := service(t, o)
		a, st := score(t, s), s.Status()
		if a.Method != risk.MethodHeuristic || a.FallbackReason != risk.ReasonUnavailable || !strings.Contains(st.Error, c.why) || st.Method != risk.MethodHeuristic || !st.ML {
			t.Errorf("%s: assessment %+v, status %+v, want %q", name, a, st, c.why)
		}
		if e, err := s.Explain(t.Context(), risk.Document{Text: "outage"}, 3); err != nil || e.FallbackReason != risk.ReasonUnavailable || len(e.Explanation) == 0 {
			t.Errorf("%s: explanation %+v, error %v", name, e, err)
		}
		if err := s.Reload(t.Context()); err == nil {
			t.Errorf("%s: reload has no error", name)
		}
	}
}

// freshLog returns a Log on a directory that has not read it before, or log
// where it cannot be opened.
func freshLog(t testing.TB, dir string, log *registry.Log) *registry.Log {
	t.Helper()
	if store, err := registry.OpenDir(dir, nil); err == nil {
		return registry.New(store, nil)
	}
	return log
}

// TestServiceReload moves versions under a service.
func TestServiceReload(t *testing.T) {
	dir, reg := stocked(t)
	s := service(t, risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: true})
	version := func(want string) {
		t.Helper()
		if a := score(t, s); a.ModelVersion != want || s.Status().Version != want || !strings.HasPrefix(a.ModelDigest, "sha256:") {
			t.Errorf("version is %s, status %+v, want %s", a.ModelVersion, s.Status(), want)
		}
	}
	reload := func() {
		t.Helper()
		if err := s.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	version("1")
	monitor := s.Drift()
	reload()
	if s.Drift() != monitor {
		t.Error("reloading the same version began a new window")
	}
	move(t, reg, registry.Move{Version: 2, To: registry.Production})
	version("1")
	reload()
	version("2")
	if s.Drift() == monitor {
		t.Error("a new version kept the old one's monitor")
	}
	move(t, reg, registry.Move{Rollback: true})
	reload()
	version("1")
	// A version that cannot be loaded does not take the place of one that
	// works.
	v, err := reg.Register(t.Context(), "incident-risk", registry.Artifact{risk.ModelFile: []byte("noise")}, &registry.RegisterOptions{Stage: registry.Production})
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, "reload", s.Reload(t.Context()), risk.ErrModel, "version 3")
	version("1")
	if st := s.Status(); v.Number != 3 || !strings.Contains(st.Error, "version 3") {
		t.Errorf("status %+v", st)
	}
	move(t, reg, registry.Move{Version: 2, Rollback: true})
	reload()
	version("2")
	if st := s.Status(); st.Error != "" {
		t.Errorf("status %+v", st)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(t.Context()); err == nil {
		t.Error("reload without a directory has no error")
	}
	version("2")
	pinned := service(t, risk.ServiceOptions{Registry: restocked(t), Model: "incident-risk", Ref: "2", ML: true})
	if a := score(t, pinned); a.ModelVersion != "2" {
		t.Errorf("pinned to 2, version is %s", a.ModelVersion)
	}
}

// TestServiceWatch moves versions under a service that watches the registry.
func TestServiceWatch(t *testing.T) {
	dir, reg := stocked(t)
	store, err := registry.OpenDir(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := service(t, risk.ServiceOptions{Registry: registry.New(store, &registry.LogOptions{Poll: time.Millisecond}), Model: "incident-risk", ML: true})
	ctx, cancel := context.WithCancel(t.Context())
	before := runtime.NumGoroutine()
	done := make(chan error, 1)
	go func() { done <- s.Watch(ctx) }()
	until := func(what string, ok func(risk.ServiceStatus) bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); !ok(s.Status()); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: status is %+v", what, s.Status())
			}
		}
	}
	move(t, reg, registry.Move{Version: 2, To: registry.Production})
	until("promoted", func(st risk.ServiceStatus) bool { return st.Version == "2" })
	move(t, reg, registry.Move{Rollback: true})
	until("rolled back", func(st risk.ServiceStatus) bool { return st.Version == "1" })
	if err := os.Rename(dir, dir+" away"); err != nil {
		t.Fatal(err)
	}
	until("the registry is away", func(st risk.ServiceStatus) bool { return st.Error != "" && st.Version == "1" })
	if err := os.Rename(dir+" away", dir); err != nil {
		t.Fatal(err)
	}
	move(t, reg, registry.Move{Version: 2, To: registry.Production})
	until("the registry is back", func(st risk.ServiceStatus) bool { return st.Error == "" && st.Version == "2" })
	cancel()
	if err := <-done; err != nil {
		t.Errorf("a watch that was cancelled returns %v", err)
	}
	ended(t, before, "watch")
	if err := service(t, risk.ServiceOptions{}).Watch(t.Context()); err != nil {
		t.Errorf("without a registry: %v", err)
	}
	only := struct{ registry.Registry }{reg}
	wantError(t, "watching what cannot be watched", service(t, risk.ServiceOptions{Registry: only, Model: "incident-risk", ML: true}).Watch(t.Context()), risk.ErrService, "Reload")
}

func restocked(t testing.TB) registry.Registry {
	_, reg := stocked(t)
	return reg
}

// TestServiceUnderLoad swaps versions while many score; it is meant for -race.
func TestServiceUnderLoad(t *testing.T) {
	_, reg := stocked(t)
	before := runtime.NumGoroutine()
	s := service(t, risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: true})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if a := score(t, s); a.Method != risk.MethodML || a.FallbackReason != "" {
					t.Errorf("assessment %+v", a)
				}
			}
		})
	}
	for i := range 20 {
		move(t, reg, registry.Move{Version: 2 - i%2, To: registry.Production})
		if err := s.Reload(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := s.Drift().Sweep(t.Context()); err != nil {
			t.Error(err)
		}
	}
	cancel()
	wg.Wait()
	ended(t, before, "under load")
}

// panicking is a Registry that panics.
type panicking struct{ registry.Registry }

// TestServiceOnPanic has a registry that panics, at the start and later.
func TestServiceOnPanic(t *testing.T) {
	s := service(t, risk.ServiceOptions{Registry: panicking{}, Model: "incident-risk", ML: true})
	if a := score(t, s); a.FallbackReason != risk.ReasonUnavailable || !strings.Contains(s.Status().Error, "panicked while loading") {
		t.Errorf("assessment %+v, status %+v", a, s.Status())
	}
	wantError(t, "reload", s.Reload(t.Context()), risk.ErrPanic, "")
}

// TestServiceSeesNoise overwrites the registry that a service has its model
// from: the model goes on answering, and the status says what happened.
func TestServiceSeesNoise(t *testing.T) {
	dir, reg := stocked(t)
	s := service(t, risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: true})
	if err := os.WriteFile(filepath.Join(dir, "models", "incident-risk", "000000000003.json"), []byte("noise"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, "reload", s.Reload(t.Context()), registry.ErrCorrupt, "event 3")
	if a := score(t, s); a.Method != risk.MethodML || !strings.Contains(s.Status().Error, "event 3") {
		t.Errorf("assessment %+v, status %+v", a, s.Status())
	}
}

func TestServiceDrift(t *testing.T) {
	s := service(t, risk.ServiceOptions{Registry: restocked(t), Model: "incident-risk", ML: true, Drift: &psi.CompareOptions{MinSample: 150}})
	for _, x := range shifted(1, 200) {
		if _, err := s.Score(t.Context(), x.Document); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Explain(t.Context(), x.Document, 3); err != nil { // counts too
			t.Fatal(err)
		}
	}
	r, err := s.Drift().Sweep(t.Context())
	if err != nil || r.Status != psi.StatusAlert || r.NRecent != 400 || r.NBaseline != 120 {
		t.Errorf("sweep %+v, error %v", r, err)
	}
}

func TestServiceOptionErrors(t *testing.T) {
	for name, o := range map[string]risk.ServiceOptions{
		"scale":         {Scale: risk.Scale{"one"}, Heuristic: scorerFunc(nil)},
		"another scale": {Scale: risk.Scale{"p3", "p2", "p1"}},
		"drift":         {Drift: &psi.CompareOptions{MinSample: -1}},
	} {
		_, err := risk.NewService(t.Context(), &o)
		wantError(t, name, err, risk.ErrService, "")
	}
}

// TestFallback has a first scorer that goes wrong in every way.
func TestFallback(t *testing.T) {
	broken := errors.New("broken")
	valid := risk.Assessment{Score: 0.5, Level: "medium", Method: risk.MethodML, ModelVersion: "9"}
	for name, c := range map[string]struct {
		first  func(risk.Document) (risk.Assessment, error)
		reason risk.FallbackReason
		err    error
	}{
		"fine":     {func(risk.Document) (risk.Assessment, error) { return valid, nil }, "", nil},
		"error":    {func(risk.Document) (risk.Assessment, error) { return valid, broken }, risk.ReasonError, broken},
		"panic":    {func(risk.Document) (risk.Assessment, error) { panic("ouch") }, risk.ReasonPanic, risk.ErrPanic},
		"no level": {func(risk.Document) (risk.Assessment, error) { return risk.Assessment{Score: 0.5}, nil }, risk.ReasonInvalid, risk.ErrInvalid},
		"level": {func(risk.Document) (risk.Assessment, error) {
			return risk.Assessment{Score: 0.5, Level: "severe"}, nil
		}, risk.ReasonInvalid, risk.ErrInvalid},
		"score": {func(risk.Document) (risk.Assessment, error) {
			return risk.Assessment{Score: 1.5, Level: "high"}, nil
		}, risk.ReasonInvalid, risk.ErrInvalid},
		"NaN": {func(risk.Document) (risk.Assessment, error) {
			return risk.Assessment{Score: math.NaN(), Level: "high"}, nil
		}, risk.ReasonInvalid, risk.ErrInvalid},
		"NaN threshold": {func(risk.Document) (risk.Assessment, error) {
			return risk.Assessment{Level: "high", Threshold: math.NaN()}, nil
		}, risk.ReasonInvalid, risk.ErrInvalid},
		"endless threshold": {func(risk.Document) (risk.Assessment, error) {
			return risk.Assessment{Level: "high", Threshold: math.Inf(1)}, nil
		}, risk.ReasonInvalid, risk.ErrInvalid},
		"NaN category": {func(risk.Document) (risk.Assessment, error) {
			return risk.Assessment{Level: "high", Categories: []risk.Category{{Name: "data", Share: math.NaN()}}}, nil
		}, risk.ReasonInvalid, risk.ErrInvalid},
		"NaN contribution": {func(risk.Document) (risk.Assessment, error) {
			return risk.Assessment{Level: "high", Explanation: []risk.Contribution{{Term: "down", Contribution: math.NaN()}}}, nil
		}, risk.ReasonInvalid, risk.ErrInvalid},
		"probability": {func(risk.Document) (risk.Assessment, error) {
			return risk.Assessment{Level: "high", Probabilities: risk.NewProbabilities(risk.Scale{"high"}, []float64{2})}, nil
		}, risk.ReasonInvalid, risk.ErrInvalid},
	} {
		var reason risk.FallbackReason
		var told error
		f := &risk.Fallback{First: scorerFunc(c.first), Second: heuristic(t), Scale: risk.DefaultScale(), OnFallback: func(r risk.FallbackReason, err error) {
			reason, told = r, err
		}}
		a, err := f.Score(t.Context(), risk.Document{Text: "outage"})
		if err != nil {
			t.Fatal(err)
		}
		want := risk.MethodHeuristic
		if c.reason == "" {
			want = risk.MethodML
		}
		if a.Method != want || a.FallbackReason != c.reason || reason != c.reason || !errors.Is(told, c.err) {
			t.Errorf("%s: assessment %+v, told %q, %v", name, a, reason, told)
		}
		if e, err := risk.Explain(t.Context(), f, risk.Document{Text: "outage"}, 3); err != nil || e.FallbackReason != c.reason {
			t.Errorf("%s: explanation %+v, error %v", name, e, err)
		}
	}
	both := &risk.Fallback{
		First:  scorerFunc(func(risk.Document) (risk.Assessment, error) { return risk.Assessment{}, errors.New("first") }),
		Second: scorerFunc(func(risk.Document) (risk.Assessment, error) { return risk.Assessment{}, broken }),
		Scale:  risk.DefaultScale(),
	}
	if _, err := both.Score(t.Context(), risk.Document{}); !errors.Is(err, broken) {
		t.Errorf("both broken: error is %v", err)
	}
}
