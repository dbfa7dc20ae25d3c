package risk_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
)

// stuck is a Registry whose files cannot be had while it is shut: they hang,
// heeding their context or not.
type stuck struct {
	*registry.Log
	shut  atomic.Bool
	deaf  bool
	asked chan struct{} // one to a file that hangs
	free  chan struct{} // closed to let go
}

func newStuck(reg *registry.Log, deaf bool) *stuck {
	return &stuck{Log: reg, deaf: deaf, asked: make(chan struct{}, 100), free: make(chan struct{})}
}

func (r *stuck) Open(ctx context.Context, v registry.Version, file string) (io.ReadCloser, error) {
	if r.shut.Load() {
		r.asked <- struct{}{}
		if r.deaf {
			<-r.free
		} else {
			select {
			case <-r.free:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	return r.Log.Open(ctx, v, file)
}

// TestServiceWhileLoading has a version hang while it is loaded: answers go on,
// the model can be switched off at once, another Reload and Close give up when
// their contexts end, and what is loaded in the end does not come into use.
func TestServiceWhileLoading(t *testing.T) {
	_, reg := stocked(t)
	r := newStuck(reg, true)
	before := runtime.NumGoroutine()
	s := service(t, risk.ServiceOptions{Registry: r, Model: "incident-risk", ML: true})
	move(t, reg, registry.Move{Version: 2, To: registry.Production})
	r.shut.Store(true)
	loading := make(chan error, 1)
	go func() { loading <- s.Reload(context.Background()) }()
	<-r.asked
	if a := score(t, s); a.ModelVersion != "1" {
		t.Errorf("while loading: %+v", a)
	}
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	wantError(t, "another reload", s.Reload(soon), context.DeadlineExceeded, "under way")
	if err := s.SetML(t.Context(), false); err != nil {
		t.Error(err)
	}
	if a := score(t, s); a.Method != risk.MethodHeuristic || a.FallbackReason != "" || s.Status().ML {
		t.Errorf("switched off: %+v, status %+v", a, s.Status())
	}
	soon, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	wantError(t, "close", s.Close(soon), context.DeadlineExceeded, "being loaded")
	close(r.free)
	if err := <-loading; err != nil {
		t.Error(err)
	}
	if a := score(t, s); a.Method != risk.MethodHeuristic {
		t.Errorf("after it was loaded: %+v", a)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	ended(t, before, "while loading")
}

// TestServiceLoadTimeout has a registry hang at the start: the service is there
// all the same, in time, and leaves the version alone for a while.
func TestServiceLoadTimeout(t *testing.T) {
	_, reg := stocked(t)
	r := newStuck(reg, false)
	r.shut.Store(true)
	s := service(t, risk.ServiceOptions{Registry: r, Model: "incident-risk", ML: true, LoadTimeout: 10 * time.Millisecond})
	if a := score(t, s); a.FallbackReason != risk.ReasonUnavailable {
		t.Errorf("assessment %+v", a)
	}
	wantError(t, "reload", s.Reload(t.Context()), context.DeadlineExceeded, "version 1")
	if n := len(r.asked); n != 1 {
		t.Errorf("loading was tried %d times", n)
	}
	// A caller who gives up says nothing of the version.
	_, reg = stocked(t)
	r = newStuck(reg, false)
	s = service(t, risk.ServiceOptions{Registry: r, Model: "incident-risk", ML: true})
	move(t, reg, registry.Move{Version: 2, To: registry.Production})
	r.shut.Store(true)
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	wantError(t, "gave up", s.Reload(soon), context.DeadlineExceeded, "version 2")
	r.shut.Store(false)
	if err := s.Reload(t.Context()); err != nil || score(t, s).ModelVersion != "2" {
		t.Errorf("after a reload that was given up: error %v", err)
	}
}

// TestServiceWatchTriesAgain has files be away for a while when versions change:
// a watching service comes to it by itself, with nothing more in the log.
func TestServiceWatchTriesAgain(t *testing.T) {
	for name, change := range map[string]func(reg *registry.Log){
		"production": func(reg *registry.Log) { move(t, reg, registry.Move{Version: 2, To: registry.Production}) },
		"candidate": func(reg *registry.Log) {
			rollout(t, reg, registry.RolloutChange{Version: 2, BasisPoints: ptr(10000)})
		},
	} {
		dir, reg := stocked(t)
		r := &away{Log: registry.New(must(registry.OpenDir(dir, nil)), &registry.LogOptions{Poll: time.Millisecond})}
		s := service(t, risk.ServiceOptions{Registry: r, Model: "incident-risk", ML: true, RetryAfter: 5 * time.Millisecond})
		before := runtime.NumGoroutine()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Watch(ctx) }()
		r.gone.Store(true)
		change(reg)
		for r.asked.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		r.gone.Store(false)
		for deadline := time.Now().Add(10 * time.Second); score(t, s).ModelVersion != "2"; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %+v", name, s.Status())
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		ended(t, before, name)
	}
}

// away is a Registry whose files are gone for a while.
type away struct {
	*registry.Log
	gone  atomic.Bool
	asked atomic.Int64
}

func (r *away) Open(ctx context.Context, v registry.Version, file string) (io.ReadCloser, error) {
	if r.gone.Load() {
		r.asked.Add(1)
		return nil, errors.New("the files are away")
	}
	return r.Log.Open(ctx, v, file)
}

// TestServiceKeepsPrevious switches the model off and on again after a
// promotion: the version before is still there to return to, without its files.
func TestServiceKeepsPrevious(t *testing.T) {
	_, reg := stocked(t)
	r := &away{Log: reg}
	s := service(t, risk.ServiceOptions{Registry: r, Model: "incident-risk", ML: true})
	move(t, reg, registry.Move{Version: 2, To: registry.Production})
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.gone.Store(true)
	for _, on := range []bool{false, true} {
		if err := s.SetML(t.Context(), on); err != nil {
			t.Fatal(err)
		}
	}
	move(t, reg, registry.Move{Rollback: true})
	if err := s.Reload(t.Context()); err != nil || score(t, s).ModelVersion != "1" || r.asked.Load() > 0 {
		t.Errorf("rollback: error %v, %d files asked for", err, r.asked.Load())
	}
}

// TestServiceOwnParts has a Model of a host's own features hang: the answer is in
// time though no Deadline was asked for.
func TestServiceOwnParts(t *testing.T) {
	_, reg := stocked(t)
	hang := make(chan struct{})
	s := service(t, risk.ServiceOptions{
		Registry: reg, Model: "incident-risk", ML: true,
		Open: func(ctx context.Context, r registry.Registry, v registry.Version) (risk.Scorer, error) {
			m, err := risk.OpenModel(ctx, r, v)
			if err != nil {
				return nil, err
			}
			c := m.Config()
			c.Features, c.Drift = hangingFeatures{c.Features, hang}, nil
			return risk.NewModel(c)
		},
	})
	if a := score(t, s); a.Method != risk.MethodML {
		t.Errorf("%+v, status %+v", a, s.Status())
	}
	a, err := s.Score(t.Context(), risk.Document{Text: "hang"})
	if err != nil || a.FallbackReason != risk.ReasonTimeout {
		t.Errorf("%+v, error %v", a, err)
	}
	close(hang)
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// hangingFeatures is a FeatureExtractor that hangs at one text.
type hangingFeatures struct {
	risk.FeatureExtractor
	release chan struct{}
}

func (h hangingFeatures) AppendFeatures(ind []int32, val []float64, text string) ([]int32, []float64) {
	if text == "hang" {
		<-h.release
	}
	return h.FeatureExtractor.AppendFeatures(ind, val, text)
}

// TestServiceHostScorers has a host's scorer that forgets the document's ID, and
// one that answers nonsense in a version whose file of golden answers is empty.
func TestServiceHostScorers(t *testing.T) {
	_, reg := stocked(t)
	s := service(t, risk.ServiceOptions{
		Registry: reg, Model: "incident-risk", ML: true,
		Open: func(_ context.Context, _ registry.Registry, v registry.Version) (risk.Scorer, error) {
			level := "high"
			if v.Number > 2 {
				level = "dire"
			}
			return scorerFunc(func(risk.Document) (risk.Assessment, error) {
				return risk.Assessment{Score: 0.5, Level: level, Method: risk.MethodML, ModelVersion: "1"}, nil
			}), nil
		},
	})
	v, err := reg.Register(t.Context(), "incident-risk", registry.Artifact{risk.GoldenFile: []byte("[]")}, &registry.RegisterOptions{Stage: registry.Production})
	if err != nil || v.Number != 3 {
		t.Fatal(v.Number, err)
	}
	wantError(t, "no golden answers", s.Reload(t.Context()), risk.ErrModel, "smoke test")
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	move(t, reg, registry.Move{Rollback: true})
	m := must(risk.OpenModel(t.Context(), reg, must(reg.Resolve(t.Context(), "incident-risk", "1"))))
	s = service(t, risk.ServiceOptions{
		Registry: reg, Model: "incident-risk", ML: true,
		Open: func(context.Context, registry.Registry, registry.Version) (risk.Scorer, error) {
			return scorerFunc(func(d risk.Document) (risk.Assessment, error) {
				a, err := m.Score(context.Background(), d)
				a.ID = ""
				return a, err
			}), nil
		},
	})
	if a := score(t, s); a.Method != risk.MethodML { // which looks at the ID
		t.Errorf("%+v, status %+v", a, s.Status())
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
