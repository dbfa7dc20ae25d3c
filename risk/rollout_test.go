package risk_test

import (
	"context"
	"flag"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/tfidf"
)

func rollout(t testing.TB, reg *registry.Log, c registry.RolloutChange) {
	t.Helper()
	if _, err := reg.Rollout(t.Context(), "incident-risk", c); err != nil {
		t.Fatal(err)
	}
}

// ptr returns a pointer to v.
func ptr[T any](v T) *T { return &v }

// arms asks a service about n keys and returns those that the candidate
// answered.
func arms(t testing.TB, s *risk.Service, n int) map[string]bool {
	t.Helper()
	got := map[string]bool{}
	for i := range n {
		id := fmt.Sprintf("customer-%d", i)
		a, err := s.Score(t.Context(), risk.Document{ID: id, Text: "disk full"})
		if err != nil {
			t.Fatal(err)
		}
		if a.Arm == risk.ArmCandidate != (a.ModelVersion == "2") {
			t.Fatalf("assessment %+v", a)
		}
		if a.Arm == risk.ArmCandidate {
			got[id] = true
		}
	}
	return got
}

// TestServiceRollout takes a candidate from shadow to production and back, seen
// by two replicas.
func TestServiceRollout(t *testing.T) {
	_, reg := stocked(t)
	seen := new(recorder)
	a := service(t, risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: true, Observers: risk.Observers{seen}})
	b := service(t, risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: true})
	both := func(c registry.RolloutChange) {
		t.Helper()
		rollout(t, reg, c)
		for _, s := range []*risk.Service{a, b} {
			if err := s.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	n := 100_000
	if race.Enabled || testing.Short() {
		n = 3000
	}
	both(registry.RolloutChange{Version: 2, Shadow: ptr(true)})
	if got := arms(t, a, 50); len(got) > 0 {
		t.Errorf("a candidate in shadow answers %d", len(got))
	}
	for start := time.Now(); seen.shadowed.Load() < 50; {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("the candidate in shadow scored %d of 50", seen.shadowed.Load())
		}
		runtime.Gosched()
	}
	if st := a.Status().Rollout; st == nil || st.Pairs == nil || st.Pairs.Pairs != 50 || !st.Shadow || st.Share != 0 {
		t.Errorf("status %+v", st)
	}
	var before map[string]bool
	for _, bp := range []int{100, 1000, 5000, 10000} {
		both(registry.RolloutChange{Shadow: ptr(false), BasisPoints: &bp})
		got := arms(t, a, n)
		if share := 100 * float64(len(got)) / float64(n); n == 100_000 && math.Abs(share-float64(bp)/100) > 0.5 {
			t.Errorf("the candidate answers %.2f%%, want %d%%", share, bp/100)
		}
		for id := range before {
			if !got[id] {
				t.Fatalf("%s has left the candidate as it was widened to %d basis points", id, bp)
			}
		}
		before = got
		other := arms(t, b, 1000)
		for id := range other {
			if !got[id] {
				t.Fatalf("the replicas do not agree on %s", id)
			}
		}
	}
	both(registry.RolloutChange{BasisPoints: ptr(0), Tags: []string{"beta"}})
	x, err := a.Score(t.Context(), risk.Document{Text: "disk full", Tags: []string{"x", "beta"}})
	if err != nil || x.Arm != risk.ArmCandidate || x.Rollout == "" {
		t.Errorf("by tag: %+v, error %v", x, err)
	}
	if x, _ = a.Score(t.Context(), risk.Document{Text: "disk full"}); x.Arm != risk.ArmProduction {
		t.Errorf("without key and tag: %+v", x)
	}
	both(registry.RolloutChange{BasisPoints: ptr(10000), Paused: ptr(true)})
	if got := arms(t, a, 100); len(got) > 0 {
		t.Errorf("a paused candidate answers %d", len(got))
	}
	both(registry.RolloutChange{Paused: ptr(false)})
	// A restart goes on where the log is.
	if got := arms(t, service(t, risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: true}), 100); len(got) != 100 {
		t.Errorf("after a restart the candidate answers %d of 100", len(got))
	}
	move(t, reg, registry.Move{Version: 2, To: registry.Production})
	if err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := a.Status(); st.Version != "2" || st.Rollout != nil {
		t.Errorf("after the promotion: %+v", st)
	}
	// Back to what is still loaded, though its files are gone.
	move(t, reg, registry.Move{Rollback: true})
	if err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := a.Status(); st.Version != "1" || seen.changes.Load() < 8 {
		t.Errorf("after the rollback: %+v, %d changes told", st, seen.changes.Load())
	}
	for _, s := range []*risk.Service{a, b} {
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// recorder is an Observer that counts.
type recorder struct {
	risk.NopObserver
	scored, shadowed, changes, failed atomic.Int64
}

func (r *recorder) Scored(context.Context, *risk.Scored)     { r.scored.Add(1) }
func (r *recorder) Shadowed(context.Context, *risk.Shadowed) { r.shadowed.Add(1) }
func (r *recorder) Failed(risk.Stage, error)                 { r.failed.Add(1) }
func (r *recorder) ModelChanged(*risk.ServiceStatus)         { r.changes.Add(1) }

// TestServiceRefuses has a version that cannot be loaded tried once, not in a
// loop, and one whose answers are others than at training refused.
func TestServiceRefuses(t *testing.T) {
	_, reg := stocked(t)
	var opened atomic.Int64
	now, seen := time.Unix(1e9, 0), new(recorder)
	s := service(t, risk.ServiceOptions{
		Registry: reg, Model: "incident-risk", ML: true, Observers: risk.Observers{seen}, Now: func() time.Time { return now },
		Open: func(ctx context.Context, r registry.Registry, v registry.Version) (risk.Scorer, error) {
			opened.Add(1)
			return risk.OpenModel(ctx, r, v)
		},
	})
	v := must(reg.Resolve(t.Context(), "incident-risk", "2"))
	files := registry.Artifact{}
	for _, f := range v.Files {
		files[f.Name] = must(registry.ReadFile(t.Context(), reg, v, f.Name))
	}
	first := must(reg.Resolve(t.Context(), "incident-risk", "1"))
	files[risk.GoldenFile] = must(registry.ReadFile(t.Context(), reg, first, risk.GoldenFile)) // of another model
	if _, err := reg.Register(t.Context(), "incident-risk", files, &registry.RegisterOptions{Stage: registry.Production}); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		wantError(t, "reload", s.Reload(t.Context()), risk.ErrModel, "smoke test")
	}
	if n := opened.Load(); n != 2 || s.Status().Version != "1" || s.Status().Error == "" {
		t.Errorf("opened %d times, status %+v", n, s.Status())
	}
	now = now.Add(time.Hour)
	wantError(t, "later", s.Reload(t.Context()), risk.ErrModel, "smoke test")
	if n := opened.Load(); n != 3 || seen.failed.Load() != 2 { // or an alert would end by itself
		t.Errorf("opened %d times after an hour, %d failures were told", n, seen.failed.Load())
	}
	if err := s.SetML(t.Context(), false); err != nil || score(t, s).Method != risk.MethodHeuristic || s.Status().ML {
		t.Errorf("switched off: status %+v, error %v", s.Status(), err)
	}
	move(t, reg, registry.Move{Rollback: true})
	if err := s.SetML(t.Context(), true); err != nil || score(t, s).ModelVersion != "1" {
		t.Errorf("switched on: status %+v, error %v", s.Status(), err)
	}
}

var thorough = flag.Bool("thorough", false, "swap a thousand times, which takes a minute")

// TestServiceSwaps swaps versions again and again under load, each of them loaded
// from its files, since others have been in production since: no request fails,
// the slowest are about as fast as without, and nothing is left over.
func TestServiceSwaps(t *testing.T) {
	_, stock := stocked(t)
	reg := registry.New(registry.NewMem(), nil) // whose events take no time
	const versions = 4                          // one more than stay loaded
	for v := range versions {
		if _, err := reg.Register(t.Context(), "incident-risk", files(t, stock, 1+v%2), nil); err != nil {
			t.Fatal(err)
		}
	}
	move(t, reg, registry.Move{Version: 1, To: registry.Production})
	var loads atomic.Int64
	s := service(t, risk.ServiceOptions{
		Registry: reg, Model: "incident-risk", ML: true,
		Open: func(ctx context.Context, r registry.Registry, v registry.Version) (risk.Scorer, error) {
			loads.Add(1)
			return risk.OpenModel(ctx, r, v)
		},
	})
	doc := risk.Document{ID: "1", Text: "The checkout is down for all customers. Sales have stopped."}
	rounds, swaps := 25, 8 // in each
	switch {
	case *thorough:
		rounds = 125
	case race.Enabled || testing.Short():
		rounds, swaps = 5, 4
	}
	goroutines := runtime.NumGoroutine()
	// under runs do while a goroutine on each processor scores, so that loading has
	// to share with them, and returns the 99th percentile of their answers.
	took := make([][]time.Duration, runtime.GOMAXPROCS(0))
	for i := range took {
		took[i] = make([]time.Duration, 0, 1<<20)
	}
	under := func(do func()) time.Duration {
		var wg sync.WaitGroup
		stop := make(chan struct{})
		for i := range took {
			wg.Go(func() {
				mine := took[i][:0]
				defer func() { took[i] = mine }()
				for {
					select {
					case <-stop:
						return
					default:
					}
					start := time.Now()
					a, err := s.Score(t.Context(), doc)
					mine = append(mine, time.Since(start))
					if err != nil || a.Method != risk.MethodML {
						t.Errorf("assessment %+v, error %v", a, err)
						return
					}
				}
			})
		}
		do()
		close(stop)
		wg.Wait()
		all := slices.Sorted(func(yield func(time.Duration) bool) {
			for _, mine := range took {
				for _, d := range mine {
					if !yield(d) {
						return
					}
				}
			}
		})
		return all[len(all)*99/100]
	}
	next := 0
	swap := func() {
		for range swaps {
			next++
			move(t, reg, registry.Move{Version: 1 + next%versions, To: registry.Production})
			if err := s.Reload(t.Context()); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Millisecond) // else all there is would be loading
		}
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := uint64(0)
	var with, without []time.Duration
	for round := range rounds {
		start := time.Now() // rounds are short and alternate, for machines have moods
		with = append(with, under(swap))
		long := time.Since(start)
		without = append(without, under(func() { time.Sleep(long) }))
		if round == 0 {
			before = heap()
		}
	}
	after := heap()
	if n := loads.Load(); n < int64(rounds*swaps) {
		t.Errorf("%d swaps loaded %d versions", rounds*swaps, n)
	}
	middle := func(d []time.Duration) time.Duration { return slices.Sorted(slices.Values(d))[len(d)/2] }
	ratio := float64(middle(with)) / float64(middle(without))
	t.Logf("%d swaps: p99 %v while versions are swapped, %v else: %.2f times; heap %d kB, %d kB before",
		rounds*swaps, middle(with), middle(without), ratio, after/1000, before/1000)
	most := 3.0 // for other tests run beside
	if *thorough {
		most = 1.5
	}
	if ratio > most && !race.Enabled {
		t.Errorf("p99 is %v with swaps, %v without", middle(with), middle(without))
	}
	if after > before+before/4+4<<20 {
		t.Errorf("heap grew from %d to %d bytes", before, after)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	ended(t, goroutines, "swaps")
}

// opinion is an Escalator that always says the same level.
type opinion string

func (o opinion) Escalate(context.Context, risk.Document, risk.Assessment) (risk.Opinion, error) {
	return risk.Opinion{Level: string(o), Reason: "seen before"}, nil
}

// TestServiceEscalation has a second opinion decide, by the cuts of whoever
// answered first, and one that makes no sense decide nothing.
func TestServiceEscalation(t *testing.T) {
	_, reg := stocked(t)
	for _, ml := range []bool{true, false} {
		for _, o := range []opinion{"low", "medium", "high", "catastrophic"} {
			seen := new(recorder)
			s := service(t, risk.ServiceOptions{
				Registry: reg, Model: "incident-risk", ML: ml, Observers: risk.Observers{seen},
				Escalator: o, Escalation: risk.EscalationOptions{Levels: risk.DefaultScale()},
			})
			a := score(t, s)
			want := risk.EscalationChanged
			switch o {
			case "high":
				want = risk.EscalationConfirmed
			case "catastrophic":
				want = risk.EscalationInvalid
			}
			if !a.Escalated || a.Escalation != want || (a.Method == risk.MethodEscalation) != (want == risk.EscalationChanged) ||
				want == risk.EscalationChanged && a.Level != string(o) || want != risk.EscalationChanged && a.Level != "high" {
				t.Errorf("model %v, opinion %s: %+v", ml, o, a)
			}
			if (seen.failed.Load() > 0) != (want == risk.EscalationInvalid) || seen.scored.Load() != 1 {
				t.Errorf("model %v, opinion %s: %d failures and %d answers were told", ml, o, seen.failed.Load(), seen.scored.Load())
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestServiceTakesBrokenTerms serves a model that learned from texts that are not
// UTF-8, parts of which are among its terms.
func TestServiceTakesBrokenTerms(t *testing.T) {
	examples := usual(1, 60)
	for i := range examples {
		examples[i].Text += " \xff\xfe\xff"
	}
	m, r, err := risk.Train(t.Context(), risk.ExampleSlice(examples), &risk.TrainOptions{
		Features: &tfidf.Options{Analyzer: tfidf.Char, NGrams: [2]int{1, 1}}, C: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	reg := registry.New(registry.NewMem(), nil)
	if _, err := reg.Register(t.Context(), "incident-risk", must(risk.NewArtifact(m, r)), &registry.RegisterOptions{Stage: registry.Production}); err != nil {
		t.Fatal(err)
	}
	s := service(t, risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: true})
	if a := score(t, s); a.Method != risk.MethodML {
		t.Errorf("assessment %+v, status %+v", a, s.Status())
	}
}
