package riskprom_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskprom"
)

// start returns Metrics in a registry that checks what it collects.
func start(t testing.TB) (*riskprom.Metrics, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	m, err := riskprom.New(reg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m, reg
}

// family returns what a registry has under a name, nil for nothing.
func family(t testing.TB, reg prometheus.Gatherer, name string) []*dto.Metric {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == name {
			return f.GetMetric()
		}
	}
	return nil
}

// value returns a counter or gauge whose labels have the values, NaN for none.
func value(t testing.TB, reg prometheus.Gatherer, name string, labels ...string) float64 {
	t.Helper()
	for _, m := range family(t, reg, name) {
		var got []string
		for _, l := range m.GetLabel() {
			got = append(got, l.GetValue())
		}
		if slices.Equal(got, labels) {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return math.NaN()
}

// answer is one that took d.
func answer(method risk.Method, score float64, d time.Duration) *risk.Scored {
	return &risk.Scored{Assessment: risk.Assessment{Method: method, Score: score, Level: "low"}, Duration: d}
}

// TestExposition compares what is scraped before and after one of everything
// with files. The numbers in them are those of the events below.
func TestExposition(t *testing.T) {
	m, reg := start(t)
	compare := func(file string) {
		t.Helper()
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := testutil.GatherAndCompare(reg, bytes.NewReader(want)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	compare("testdata/zero.txt")

	ctx := t.Context()
	m.Scored(ctx, answer(risk.MethodML, 0.5, 12*time.Microsecond))
	m.Scored(ctx, answer(risk.MethodHeuristic, 1, 3*time.Second))
	fallback := answer(risk.MethodHeuristic, 0, -time.Second)
	fallback.Assessment.FallbackReason = risk.ReasonTimeout
	m.Scored(ctx, fallback)
	escalated := answer(risk.MethodEscalation, 0.25, time.Millisecond)
	escalated.Assessment.Escalation = risk.EscalationChanged
	m.Scored(ctx, escalated)
	m.Scored(ctx, answer("host", math.NaN(), 0))
	m.Shadowed(ctx, &risk.Shadowed{Production: risk.Assessment{Level: "low"}, Candidate: risk.Assessment{Level: "high"}})
	m.Shadowed(ctx, &risk.Shadowed{Production: risk.Assessment{Level: "low"}, Candidate: risk.Assessment{Level: "low"}})
	m.Shadowed(ctx, &risk.Shadowed{Dropped: true})
	m.Shadowed(ctx, &risk.Shadowed{Err: errors.New("no answer")})
	m.Feedback(ctx, &risk.Feedback{ID: "1", Level: "high", Assessed: "low"})
	m.Feedback(ctx, &risk.Feedback{ID: "2", Level: "high"})
	m.Failed(risk.StageAudit, errors.New("disk full"))
	m.Failed(risk.StageLoad, errors.New("away"))
	m.Failed("elsewhere", errors.New("?"))
	m.BreakerChanged(risk.StageModel, risk.BreakerOpen)
	m.BreakerChanged("elsewhere", risk.BreakerOpen)
	m.ModelChanged(&risk.ServiceStatus{Version: "7", Digest: "sha256:aa", Rollout: &risk.RolloutStatus{Version: "8", Digest: "sha256:bb\xff", Share: 0.1}})
	compare("testdata/counted.txt")
}

// TestModelChanged wants series of versions that answer no more to vanish.
func TestModelChanged(t *testing.T) {
	m, reg := start(t)
	status := func(version string, r *risk.RolloutStatus) {
		m.ModelChanged(&risk.ServiceStatus{Version: version, Rollout: r})
	}
	for _, step := range []struct {
		name    string
		version string
		rollout *risk.RolloutStatus
		ratio   float64
		infos   string
	}{
		{"none", "", nil, 0, ""},
		{"first", "1", nil, 0, "production 1"},
		{"canary", "1", &risk.RolloutStatus{Version: "2", Share: 0.25}, 0.25, "candidate 2, production 1"},
		{"canary that cannot be loaded", "1", &risk.RolloutStatus{Version: "2", Share: 0.25, Error: "corrupt"}, 0, "production 1"},
		{"promoted", "2", nil, 0, "production 2"},
		{"switched off", "", nil, 0, ""},
	} {
		status(step.version, step.rollout)
		var infos []string
		for _, x := range family(t, reg, "risk_model_info") {
			infos = append(infos, x.GetLabel()[1].GetValue()+" "+x.GetLabel()[2].GetValue())
		}
		slices.Sort(infos)
		if got := strings.Join(infos, ", "); got != step.infos {
			t.Errorf("%s: versions %q, want %q", step.name, got, step.infos)
		}
		if got := value(t, reg, "risk_canary_ratio"); got != step.ratio {
			t.Errorf("%s: share %v, want %v", step.name, got, step.ratio)
		}
	}
}

// TestHistograms wants the buckets and sums of histograms of client_golang that
// see the same values, those at the bounds and beside them among them.
func TestHistograms(t *testing.T) {
	m, reg := start(t)
	scores := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "s", Buckets: prometheus.LinearBuckets(0.05, 0.05, 20)})
	var bounds []float64
	for _, ns := range []float64{1e3, 1e4, 1e5, 1e6, 1e7, 1e8} {
		bounds = append(bounds, ns/1e9, 2*ns/1e9, 5*ns/1e9)
	}
	durations := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "d", Buckets: append(bounds, 1)})
	r := rand.New(rand.NewPCG(1, 1))
	see := func(score float64, d time.Duration) {
		m.Scored(t.Context(), answer(risk.MethodML, score, d))
		scores.Observe(score)
		durations.Observe(d.Seconds())
	}
	for range 10_000 {
		see(r.Float64(), time.Duration(math.Pow(10, 10*r.Float64())))
	}
	for i := range 21 {
		at := float64(i) / 20
		see(at, time.Duration(i)*50*time.Millisecond)
		see(max(0, math.Nextafter(at, 0)), time.Duration(i)*time.Microsecond)
		see(min(1, math.Nextafter(at, 1)), time.Duration(i)*time.Microsecond+1)
	}
	compare := func(name string, got *dto.Histogram, want prometheus.Metric) {
		t.Helper()
		var w dto.Metric
		if err := want.Write(&w); err != nil {
			t.Fatal(err)
		}
		h := w.GetHistogram()
		if got.GetSampleCount() != h.GetSampleCount() || math.Abs(got.GetSampleSum()-h.GetSampleSum()) > 1e-9*h.GetSampleSum() {
			t.Errorf("%s: %d and %v, want %d and %v", name, got.GetSampleCount(), got.GetSampleSum(), h.GetSampleCount(), h.GetSampleSum())
		}
		if len(got.GetBucket()) != len(h.GetBucket()) {
			t.Fatalf("%s: %d buckets, want %d", name, len(got.GetBucket()), len(h.GetBucket()))
		}
		for i, b := range got.GetBucket() {
			// client_golang's linear bounds are sums of steps, ours are twentieths.
			wb := h.GetBucket()[i]
			if math.Abs(b.GetUpperBound()-wb.GetUpperBound()) > 1e-12 {
				t.Errorf("%s: bound %v, want %v", name, b.GetUpperBound(), wb.GetUpperBound())
			}
			slack := uint64(0)
			if name == "scores" && b.GetUpperBound() != wb.GetUpperBound() {
				slack = 3 // the values at the bound and beside it
			}
			if d := max(b.GetCumulativeCount(), wb.GetCumulativeCount()) - min(b.GetCumulativeCount(), wb.GetCumulativeCount()); d > slack {
				t.Errorf("%s: %d up to %v, want %d", name, b.GetCumulativeCount(), b.GetUpperBound(), wb.GetCumulativeCount())
			}
		}
	}
	for _, x := range family(t, reg, "risk_score_value") {
		if x.GetLabel()[0].GetValue() == "ml" {
			compare("scores", x.GetHistogram(), scores)
		}
	}
	compare("durations", family(t, reg, "risk_score_duration_seconds")[0].GetHistogram(), durations)
}

// TestConcurrent counts from many goroutines while scrapes go on: nothing is
// lost, and no counter ever goes back.
func TestConcurrent(t *testing.T) {
	m, reg := start(t)
	const goroutines, each = 50, 400
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for i := range each {
				s := answer(risk.MethodML, 0.5, time.Microsecond)
				if i%4 == 0 {
					s.Assessment.FallbackReason = risk.ReasonPanic
				}
				m.Scored(t.Context(), s)
				m.Failed(risk.StageModel, nil)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	last := 0.0
	for going := true; going; {
		select {
		case <-done:
			going = false
		default:
		}
		now := value(t, reg, "risk_requests_total", "ml")
		if now < last {
			t.Fatalf("%v requests after %v", now, last)
		}
		last = now
	}
	for _, want := range []struct {
		name, label string
		n           float64
	}{
		{"risk_requests_total", "ml", goroutines * each},
		{"risk_fallbacks_total", "panic", goroutines * each / 4},
		{"risk_errors_total", "model", goroutines * each},
	} {
		if got := value(t, reg, want.name, want.label); got != want.n {
			t.Errorf("%s{%s} is %v, want %v", want.name, want.label, got, want.n)
		}
	}
	h := family(t, reg, "risk_score_duration_seconds")[0].GetHistogram()
	if want := goroutines * each; h.GetSampleCount() != uint64(want) || math.Abs(h.GetSampleSum()-float64(want)*1e-6) > 1e-9 {
		t.Errorf("%d durations that are %v, want %d", h.GetSampleCount(), h.GetSampleSum(), want)
	}
}

// TestRegistration wants errors for what cannot be registered, and nothing left
// behind.
func TestRegistration(t *testing.T) {
	if _, err := riskprom.New(nil, nil); !errors.Is(err, riskprom.ErrRegister) {
		t.Errorf("without a Registerer: %v", err)
	}
	reg := prometheus.NewRegistry()
	if _, err := riskprom.New(reg, &riskprom.Options{Scale: risk.Scale{"one"}}); !errors.Is(err, riskprom.ErrRegister) || !errors.Is(err, risk.ErrScale) {
		t.Errorf("bad scale: %v", err)
	}
	m, err := riskprom.New(reg, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = riskprom.New(reg, nil)
	if already := (prometheus.AlreadyRegisteredError{}); !errors.Is(err, riskprom.ErrRegister) || !errors.As(err, &already) {
		t.Errorf("twice: %v", err)
	} else if !strings.Contains(err.Error(), "WrapRegistererWith") {
		t.Errorf("twice: %v does not say what to do", err)
	}
	for _, model := range []string{"a", "b"} {
		if _, err := riskprom.New(prometheus.WrapRegistererWith(prometheus.Labels{"model": model}, prometheus.WrapRegistererWithPrefix("x_", reg)), nil); err != nil {
			t.Errorf("told apart by a label: %v", err)
		}
	}
	m.Unregister()
	if family(t, reg, "risk_requests_total") != nil {
		t.Error("it is scraped still")
	}
	if _, err := riskprom.New(reg, nil); err != nil {
		t.Errorf("once more: %v", err)
	}
	taken := prometheus.NewRegistry()
	taken.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "risk_canary_ratio", Help: "Another's."}))
	if _, err := riskprom.New(taken, nil); !errors.Is(err, riskprom.ErrRegister) {
		t.Errorf("a name that is taken: %v", err)
	}
}

// TestAllocations wants none on the path of a request.
func TestAllocations(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool drops values at random under the race detector")
	}
	m, _ := start(t)
	ctx := context.Background()
	s := answer(risk.MethodML, 0.5, time.Microsecond)
	s.Assessment.FallbackReason, s.Assessment.Escalation = risk.ReasonOverload, risk.EscalationBudget
	shadowed := &risk.Shadowed{Production: s.Assessment}
	verdict := &risk.Feedback{ID: "1", Level: "low", Assessed: "low"}
	if n := testing.AllocsPerRun(1000, func() {
		m.Scored(ctx, s)
		m.Shadowed(ctx, shadowed)
		m.Feedback(ctx, verdict)
		m.Failed(risk.StageAudit, nil)
		m.BreakerChanged(risk.StageModel, risk.BreakerOpen)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
