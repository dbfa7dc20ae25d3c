package risk_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/audit"
)

// bad is a Scorer that does what a host's model should not.
type bad func(ctx context.Context, doc risk.Document) (risk.Assessment, error)

func (b bad) Score(ctx context.Context, doc risk.Document) (risk.Assessment, error) {
	return b(ctx, doc)
}

// opens returns what opens version n as a scorer that is good until broken is
// set, and others as they are.
func opens(n int, broken *atomic.Bool, s bad) func(context.Context, registry.Registry, registry.Version) (risk.Scorer, error) {
	return func(ctx context.Context, r registry.Registry, v registry.Version) (risk.Scorer, error) {
		m, err := risk.OpenModel(ctx, r, v)
		if err != nil || v.Number != n {
			return m, err
		}
		return bad(func(ctx context.Context, doc risk.Document) (risk.Assessment, error) {
			if broken.Load() {
				return s(ctx, doc)
			}
			return m.Score(ctx, doc)
		}), nil
	}
}

// rude is an Observer that panics at everything.
type rude struct{ risk.NopObserver }

func (rude) Scored(context.Context, *risk.Scored)     { panic("metrics are broken") }
func (rude) ModelChanged(*risk.ServiceStatus)         { panic("metrics are broken") }
func (rude) Failed(risk.Stage, error)                 { panic("metrics are broken") }
func (rude) Shadowed(context.Context, *risk.Shadowed) { panic("metrics are broken") }

// hanging is an Escalator that never answers.
type hanging struct{}

func (hanging) Escalate(ctx context.Context, _ risk.Document, _ risk.Assessment) (risk.Opinion, error) {
	<-ctx.Done()
	return risk.Opinion{}, ctx.Err()
}

// hangs is a Registry that does not answer once broken is set.
type hangs struct {
	*registry.Log
	broken *atomic.Bool
}

func (h hangs) State(ctx context.Context, model string) (*registry.State, error) {
	if h.broken.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.Log.State(ctx, model)
}

// liar is a Registry that says anything.
type liar struct {
	registry.Registry
	n atomic.Int64
}

func (l *liar) State(context.Context, string) (*registry.State, error) {
	switch l.n.Add(1) % 4 {
	case 0:
		return nil, errors.New("the registry is on fire")
	case 1:
		return &registry.State{}, nil
	case 2:
		panic("the registry panics")
	}
	return &registry.State{Versions: []registry.Version{{Number: 7, Model: "other"}}, Aliases: map[string]int{"production": 1}}, nil
}

// jumpy is a clock that goes anywhere.
type jumpy struct{ n atomic.Int64 }

func (j *jumpy) now() time.Time {
	hours := []time.Duration{0, 24, -24, 1e5, -1e5, 3}[j.n.Add(1)%6]
	return time.Unix(1.7e9, 0).Add(hours * time.Hour)
}

// TestNeverWrong breaks one thing after the other around a service under load.
// Every request gets a valid answer within its deadline.
func TestNeverWrong(t *testing.T) {
	const (
		deadline = 400 * time.Millisecond
		share    = 3000 // basis points of the rollout
	)
	slow := func(context.Context, risk.Document) (risk.Assessment, error) {
		time.Sleep(2 * time.Second) // it does not listen to ctx
		return risk.Assessment{}, errors.New("late")
	}
	// broken is set when the service runs and the fault is to begin.
	type fault struct {
		options func(o *risk.ServiceOptions, broken *atomic.Bool)
		begin   func(t *testing.T, dir string, reg *registry.Log)
		ml      bool // whether the model still has to answer for production
	}
	model := func(n int, s bad) func(*risk.ServiceOptions, *atomic.Bool) {
		return func(o *risk.ServiceOptions, broken *atomic.Bool) { o.Open = opens(n, broken, s) }
	}
	nan := func(_ context.Context, d risk.Document) (risk.Assessment, error) {
		return risk.Assessment{ID: d.ID, Score: math.NaN(), Level: "low", Method: risk.MethodML}, nil
	}
	panics := func(context.Context, risk.Document) (risk.Assessment, error) { panic("a bug in the model") }
	for name, f := range map[string]fault{
		"nothing":       {ml: true},
		"registry away": {begin: func(t *testing.T, dir string, _ *registry.Log) { _ = os.Rename(dir, dir+".away") }, ml: true},
		"registry hanging": {options: func(o *risk.ServiceOptions, broken *atomic.Bool) {
			o.Registry = hangs{o.Registry.(*registry.Log), broken}
		}, ml: true},
		"registry lying":    {options: func(o *risk.ServiceOptions, _ *atomic.Bool) { o.Registry = &liar{Registry: o.Registry} }},
		"artifacts corrupt": {begin: corruptBlobs, ml: true},
		"model slow":        {options: model(1, slow)},
		"model panics":      {options: model(1, panics)},
		"model returns NaN": {options: model(1, nan)},
		"model on another scale": {options: model(1, func(context.Context, risk.Document) (risk.Assessment, error) {
			return risk.Assessment{Score: 0.5, Level: "catastrophic", Method: risk.MethodML}, nil
		})},
		"candidate slow":   {options: model(2, slow), ml: true},
		"candidate panics": {options: model(2, panics), ml: true},
		"candidate is NaN": {options: model(2, nan), ml: true},
		"observers panic":  {options: func(o *risk.ServiceOptions, _ *atomic.Bool) { o.Observers = risk.Observers{rude{}, rude{}} }, ml: true},
		"escalation hangs": {options: func(o *risk.ServiceOptions, _ *atomic.Bool) {
			o.Escalator, o.Escalation = hanging{}, risk.EscalationOptions{Levels: risk.DefaultScale(), Timeout: time.Minute}
		}, ml: true},
		"escalation panics": {options: func(o *risk.ServiceOptions, _ *atomic.Bool) {
			o.Escalator, o.Escalation = nil, risk.EscalationOptions{Levels: risk.DefaultScale()}
			o.Escalator = panickyEscalator{}
		}, ml: true},
		"audit disk full, fsync each": {options: func(o *risk.ServiceOptions, broken *atomic.Bool) {
			o.Observers = risk.Observers{fullDisk(t, broken, &audit.Options{Sync: audit.SyncEach, Full: audit.Block})}
		}, ml: true},
		"audit disk full, buffered": {options: func(o *risk.ServiceOptions, broken *atomic.Bool) {
			o.Observers = risk.Observers{fullDisk(t, broken, nil)}
		}, ml: true},
		"keys panic": {options: func(o *risk.ServiceOptions, _ *atomic.Bool) {
			o.Key = func(risk.Document) string { panic("no key") }
		}, ml: true},
		"clock jumps": {options: func(o *risk.ServiceOptions, _ *atomic.Bool) { o.Now = new(jumpy).now }, ml: true},
		"candidate's version deleted": {begin: func(t *testing.T, dir string, reg *registry.Log) {
			if _, err := reg.Rollout(context.Background(), "incident-risk", registry.RolloutChange{Abort: true}); err != nil {
				t.Error(err)
			}
			move(t, reg, registry.Move{Version: 2, To: registry.Archived})
			_ = os.RemoveAll(filepath.Join(dir, "blobs"))
		}, ml: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, reg := stocked(t)
			bp := share
			if _, err := reg.Rollout(t.Context(), "incident-risk", registry.RolloutChange{Version: 2, BasisPoints: &bp}); err != nil {
				t.Fatal(err)
			}
			var broken atomic.Bool
			o := risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: true, RetryAfter: time.Millisecond, LoadTimeout: time.Second, Getenv: noEnv}
			if f.options != nil {
				f.options(&o, &broken)
			}
			s, err := risk.NewService(t.Context(), &o)
			if err != nil {
				t.Fatal(err)
			}
			var wg, reloads sync.WaitGroup
			stop := make(chan struct{})
			reloads.Go(func() { // what a watch would do, and more often
				for {
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
						_ = s.Reload(context.Background())
					}
				}
			})
			const callers = 4
			calls := 400
			if race.Enabled {
				calls = 100
			}
			var answered, byModel, late atomic.Int64
			for c := range callers {
				wg.Go(func() {
					for i := range calls {
						if c == 0 && i == calls/4 {
							broken.Store(true)
							if f.begin != nil {
								f.begin(t, dir, reg)
							}
						}
						id := fmt.Sprintf("INC-%d-%d", c, i)
						began := time.Now()
						ctx, cancel := context.WithTimeout(context.Background(), deadline)
						a, err := s.Score(ctx, risk.Document{ID: id, Text: "The checkout is down for all customers. Sales have stopped."})
						if time.Since(began) > deadline+50*time.Millisecond { // which a busy machine may need to wake it
							late.Add(1)
						}
						cancel()
						if err != nil || a.ID != id || !(a.Score >= 0 && a.Score <= 1) || risk.DefaultScale().Index(a.Level) < 0 || a.ModelVersion == "" ||
							a.Method == risk.MethodHeuristic && a.FallbackReason == "" {
							t.Errorf("assessment %+v, error %v", a, err)
							return
						}
						answered.Add(1)
						if a.Method == risk.MethodML {
							byModel.Add(1)
						}
					}
				})
			}
			wg.Wait()
			close(stop)
			reloads.Wait()
			// A few may be late where the machine is, never because they wait for
			// what is broken: that would be all of them.
			if n := late.Load(); n > int64(callers*calls/20) {
				t.Errorf("%d of %d answers came after their deadline", n, callers*calls)
			}
			if share := float64(byModel.Load()) / float64(answered.Load()); f.ml && share < 0.95 || share == 0 && name != "registry lying" {
				t.Errorf("a model gave %.0f%% of the answers; status %+v", 100*share, s.Status())
			}
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := s.Close(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// fullDisk returns an audit log on a disk that is full once broken is set.
func fullDisk(t *testing.T, broken *atomic.Bool, o *audit.Options) *audit.Log {
	dir, err := audit.OpenDir(t.TempDir(), &audit.DirOptions{OpenFS: func(root string) (audit.FS, error) {
		disk, err := audit.OpenFS(root)
		return full{disk, broken}, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	log, err := audit.Open(t.Context(), dir, "matrix", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = log.Close() // the disk is still full
		_ = dir.Close()
		if stats := log.Stats(); stats.Errors == 0 || stats.Missing == 0 {
			t.Errorf("a full disk went by unseen: %+v", stats)
		}
	})
	return log
}

// full is a disk whose files take nothing more once broken is set.
type full struct {
	audit.FS
	broken *atomic.Bool
}

func (f full) OpenFile(name string, flag int, perm fs.FileMode) (audit.File, error) {
	file, err := f.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return fullFile{file, f.broken}, nil
}

type fullFile struct {
	audit.File
	broken *atomic.Bool
}

func (f fullFile) Write(p []byte) (int, error) {
	if f.broken.Load() {
		return 0, syscall.ENOSPC
	}
	return f.File.Write(p)
}

// panickyEscalator is an Escalator that panics.
type panickyEscalator struct{}

func (panickyEscalator) Escalate(context.Context, risk.Document, risk.Assessment) (risk.Opinion, error) {
	panic("no opinion")
}

// corruptBlobs overwrites all blobs and puts a third version into production.
func corruptBlobs(t *testing.T, dir string, reg *registry.Log) {
	if err := filepath.WalkDir(filepath.Join(dir, "blobs"), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		return os.WriteFile(path, []byte("noise"), 0o600)
	}); err != nil {
		t.Error(err)
	}
	if _, err := reg.Register(context.Background(), "incident-risk", registry.Artifact{risk.ModelFile: []byte("noise")}, &registry.RegisterOptions{Stage: registry.Production}); err != nil {
		t.Error(err)
	}
}
