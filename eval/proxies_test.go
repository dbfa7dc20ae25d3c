package eval_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/riskkit/riskkit/eval"
)

func newProxies(t testing.TB) *eval.Proxies {
	t.Helper()
	p, err := eval.NewProxies([]string{"low", "medium", "high"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// busy has n answers of a time when more are severe.
func busy(t testing.TB, rng *rand.Rand, n int, more float64) *eval.Proxies {
	t.Helper()
	p := newProxies(t)
	for range n {
		score := math.Pow(rng.Float64(), 1/(1+more))
		level := int(3 * score * 0.999)
		if err := p.Answer(level, score, 0.34+0.66*rng.Float64(), score > 0.9); err != nil {
			t.Fatal(err)
		}
		p.HeuristicSaid(rng.IntN(4) > 0)
		p.ShadowSaid(rng.IntN(10) > 0)
		if rng.IntN(3) == 0 {
			if err := p.OperatorSaid(level, min(2, level+rng.IntN(2)*rng.IntN(2))); err != nil {
				t.Fatal(err)
			}
		}
	}
	return p
}

func rate(t testing.TB, r eval.ProxyReport, name string) eval.ProxyRate {
	t.Helper()
	for _, x := range r.Rates {
		if x.Name == name {
			return x
		}
	}
	t.Fatalf("there is no rate %q", name)
	return eval.ProxyRate{}
}

func TestProxies(t *testing.T) {
	p := newProxies(t)
	for _, a := range []struct {
		level      int
		score      float64
		confidence float64
		escalated  bool
	}{{0, 0, 1, false}, {1, 0.5, 0.49, true}, {2, 1, 0.5, true}, {2, 0.9, 0.9, false}} {
		if err := p.Answer(a.level, a.score, a.confidence, a.escalated); err != nil {
			t.Fatal(err)
		}
	}
	p.HeuristicSaid(true)
	p.HeuristicSaid(false)
	p.ShadowSaid(false)
	if err := errors.Join(p.OperatorSaid(2, 2), p.OperatorSaid(2, 1), p.OperatorSaid(0, 0)); err != nil {
		t.Fatal(err)
	}
	r, err := p.Report(nil, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]eval.Tally{ // counted by hand
		"escalated": {Hits: 2, N: 4}, "level low": {Hits: 1, N: 4}, "level medium": {Hits: 1, N: 4}, "level high": {Hits: 2, N: 4},
		"unsure": {Hits: 1, N: 4}, "heuristic disagrees": {Hits: 1, N: 2}, "shadow disagrees": {Hits: 1, N: 1},
		"feedback": {Hits: 3, N: 4}, "agreed": {Hits: 2, N: 3}, "overridden low": {Hits: 0, N: 1}, "overridden medium": {}, "overridden high": {Hits: 1, N: 2},
	} {
		got := rate(t, r, name)
		if got.Tally != want {
			t.Errorf("%s is %+v, want %+v", name, got.Tally, want)
		}
		if w, err := eval.Wilson(float64(want.Hits), float64(want.N), 0.95); err != nil || got.Interval != w || got.Value != want.Rate() {
			t.Errorf("%s is %+v, want the interval %+v", name, got.Estimated, w)
		}
	}
	if len(r.Rates) != 12 || r.CannotSee == "" || r.Shifts != nil {
		t.Errorf("%+v", r)
	}
}

// TestProxiesMove holds that an equal time moves nothing, in all but a few of
// many, and that a busier one is seen.
func TestProxiesMove(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	moved, times := 0, runs(200)
	var p [3]int
	for range times {
		r, err := busy(t, rng, 400, 0).Report(busy(t, rng, 400, 0), 0.95)
		if err != nil {
			t.Fatal(err)
		}
		any := false
		for _, x := range r.Rates {
			any = any || x.Moved
		}
		if any {
			moved++
		}
		for i, s := range r.Shifts {
			if s.P < 0.05 {
				p[i]++
			}
		}
	}
	t.Logf("of %d equal times %d have a rate that moved; shifts of levels, scores and confidences below 0.05: %v", times, moved, p)
	// 5% of 200 and three standard errors.
	if limit := float64(times)*0.05 + 3*math.Sqrt(float64(times)*0.05*0.95) + 1; float64(moved) > limit || float64(max(p[0], p[1], p[2])) > limit {
		t.Errorf("of %d equal times %d have a rate that moved, shifts %v, want at most %.0f", times, moved, p, limit)
	}
	rng = rand.New(rand.NewPCG(1, 3)) // whatever the number of runs
	r, err := busy(t, rng, 1000, 0.5).Report(busy(t, rng, 5000, 0), 0.95)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"escalated", "level low", "level high"} {
		if x := rate(t, r, name); !x.Moved || x.Baseline == nil {
			t.Errorf("%s did not move: %+v", name, x)
		}
	}
	if rate(t, r, "unsure").Moved || rate(t, r, "heuristic disagrees").Moved {
		t.Error("what stays as it was has moved")
	}
	if r.Shifts[0].P > 1e-6 || r.Shifts[1].P > 1e-6 || r.Shifts[1].PSI < 0.05 || r.Shifts[2].P < 1e-4 {
		t.Errorf("shifts %+v", r.Shifts)
	}
}

// TestProxyShift follows PSI and χ² by hand; with two degrees of freedom the
// probability of χ² is exp(-χ²/2).
func TestProxyShift(t *testing.T) {
	fill := func(counts ...int) *eval.Proxies {
		p := newProxies(t)
		for level, n := range counts {
			for range n {
				if err := p.Answer(level, 0.5, 0.5, false); err != nil {
					t.Fatal(err)
				}
			}
		}
		return p
	}
	r, err := fill(30, 50, 20).Report(fill(60, 100, 40), 0.95)
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Shifts[0]; s.PSI > 1e-15 || s.ChiSquare > 1e-12 || s.Freedom != 2 || math.Abs(s.P-1) > 1e-9 {
		t.Errorf("the same shares: %+v", s)
	}
	r, err = fill(40, 30, 30).Report(fill(30, 50, 20), 0.95)
	if err != nil {
		t.Fatal(err)
	}
	want := 0.1*math.Log(40./30) + 0.2*math.Log(50./30) + 0.1*math.Log(30./20)
	chi2 := 100./70 + 400./80 + 100./50
	if s := r.Shifts[0]; math.Abs(s.PSI-want) > 1e-12 || math.Abs(s.ChiSquare-chi2) > 1e-12 || math.Abs(s.P-math.Exp(-chi2/2)) > 1e-12 {
		t.Errorf("shift %+v, want PSI %v and χ² %v", s, want, chi2)
	}
	if s := r.Shifts[1]; s.Freedom != 0 || s.P != 1 {
		t.Errorf("scores that are all alike: %+v", s)
	}
}

func TestProxiesMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	a, b, c := busy(t, rng, 50, 0), busy(t, rng, 70, 1), busy(t, rng, 20, 0)
	sum := func(parts ...*eval.Proxies) *eval.Proxies {
		s := newProxies(t)
		for _, p := range parts {
			data, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			var read eval.Proxies
			if err := errors.Join(json.Unmarshal(data, &read), s.Merge(&read)); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	want := sum(a, b, c)
	if want.Answers != 140 {
		t.Errorf("%d answers", want.Answers)
	}
	if diff := cmp.Diff(want, sum(c, sum(b, a))); diff != "" {
		t.Errorf("(-one order +another):\n%s", diff)
	}
}

func TestProxiesRefuse(t *testing.T) {
	if _, err := eval.NewProxies([]string{"a"}); !errors.Is(err, eval.ErrInput) {
		t.Errorf("one level: %v", err)
	}
	p := newProxies(t)
	if _, err := p.Report(nil, 0.95); !errors.Is(err, eval.ErrEmpty) {
		t.Errorf("no answers: %v", err)
	}
	for name, err := range map[string]error{
		"level": p.Answer(3, 0, 0, false), "score": p.Answer(0, math.NaN(), 0, false), "confidence": p.Answer(0, 0, 1.1, false),
		"operator": p.OperatorSaid(0, 3), "answered": p.OperatorSaid(-1, 0),
	} {
		if !errors.Is(err, eval.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(newProxies(t), p); diff != "" {
		t.Errorf("what was refused was counted:\n%s", diff)
	}
	good := busy(t, rand.New(rand.NewPCG(5, 6)), 10, 0)
	for name, spoil := range map[string]func(*eval.Proxies){
		"levels":    func(p *eval.Proxies) { p.Levels = p.Levels[:2] },
		"escalated": func(p *eval.Proxies) { p.Escalated = 11 },
		"predicted": func(p *eval.Proxies) { p.Predicted[0] = -1 },
		"scores":    func(p *eval.Proxies) { p.Scores = nil },
		"sum":       func(p *eval.Proxies) { p.Answers++ },
		"shadow":    func(p *eval.Proxies) { p.Shadow.Hits = 11 },
		"feedback":  func(p *eval.Proxies) { p.Feedback[1] = nil },
	} {
		data, err := json.Marshal(good)
		if err != nil {
			t.Fatal(err)
		}
		var bad eval.Proxies
		if err := json.Unmarshal(data, &bad); err != nil {
			t.Fatal(err)
		}
		spoil(&bad)
		if _, err := bad.Report(nil, 0.95); !errors.Is(err, eval.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := good.Report(&bad, 0.95); !errors.Is(err, eval.ErrInput) {
			t.Errorf("baseline with bad %s: %v", name, err)
		}
		if err := good.Merge(&bad); !errors.Is(err, eval.ErrInput) {
			t.Errorf("merging bad %s: %v", name, err)
		}
	}
	if _, err := good.Report(nil, 1); !errors.Is(err, eval.ErrInput) {
		t.Errorf("confidence 1: %v", err)
	}
}

func FuzzProxiesJSON(f *testing.F) {
	data, err := json.Marshal(busy(f, rand.New(rand.NewPCG(7, 8)), 20, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(strings.Replace(string(data), `"answers":20`, `"answers":-20`, 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var p eval.Proxies
		if json.Unmarshal(data, &p) != nil {
			return
		}
		r, err := p.Report(&p, 0.95)
		if err != nil {
			return
		}
		for _, x := range r.Rates {
			if !(x.Low <= x.Value && x.Value <= x.High) || x.Moved {
				t.Errorf("%+v beside itself", x)
			}
		}
	})
}

// TestChart follows a chart by hand: the rate is (100+0.5)/(1000+1), the
// deviation of 100 more sqrt(p(1-p)/100), 0.03005.
func TestChart(t *testing.T) {
	c, err := eval.NewChart([]eval.Tally{{Hits: 100, N: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	p := 100.5 / 1001
	limits := eval.Interval{Low: p - 3*math.Sqrt(p*(1-p)*0.011), High: p + 3*math.Sqrt(p*(1-p)*0.011)}
	if diff := cmp.Diff(limits, c.Limits(100), cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	for i, w := range []struct {
		hits int64
		out  bool
	}{{10, false}, {18, false}, {18, false}, {18, true}} {
		// In deviations they are -0.01, then 2.65; the average -0.003, 0.53, 0.95
		// and 1.29; and its limit 2.962 sqrt((1-0.8^2t)/9 + (1-0.8^t)²/10): 0.83 in
		// the second window, 0.96 in the third, 1.06 in the fourth.
		s, err := c.Add(eval.Tally{Hits: w.hits, N: 100})
		if err != nil {
			t.Fatal(err)
		}
		if s.Out != w.out || s.Out != (s.Reason != "") {
			t.Errorf("window %d: %+v", i, s)
		}
	}
	if s, err := c.Add(eval.Tally{Hits: 30, N: 100}); err != nil || !s.Out || s.Limits.Contains(s.Rate) {
		t.Errorf("30 of 100: %+v, %v", s, err)
	}
	if s, err := c.Add(eval.Tally{}); err != nil || s.Out {
		t.Errorf("nothing: %+v, %v", s, err)
	}
	for _, w := range [][]eval.Tally{nil, {{Hits: 2, N: 1}}, {{Hits: -1, N: 1}}} {
		if _, err := eval.NewChart(w); err == nil {
			t.Errorf("%v makes a chart", w)
		}
	}
	if _, err := c.Add(eval.Tally{Hits: 1}); !errors.Is(err, eval.ErrInput) {
		t.Errorf("one of none: %v", err)
	}
	for _, c := range []eval.Chart{{}, {Hits: -5, N: 10, Spread: 1}, {Hits: 5, N: 4, Spread: 1}, {N: 4}, {N: 4, Spread: 1, Pull: -1}, {Hits: 5, N: 10, Spread: 1e308, Average: 1e308}} {
		if _, err := c.Add(eval.Tally{Hits: 1, N: 2}); !errors.Is(err, eval.ErrInput) {
			t.Errorf("%+v: %v", c, err)
		}
		if got := c.Limits(10); got != (eval.Interval{Low: 0, High: 1}) {
			t.Errorf("%+v: limits %+v", c, got)
		}
	}
}

// TestChartSpread holds that windows which vary more than chance explains widen
// the limits as much.
func TestChartSpread(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	windows := func(n int, extra float64) (w []eval.Tally) {
		for range n {
			p := min(0.9, max(0.01, 0.2+extra*rng.NormFloat64()))
			var tally eval.Tally
			for range 1000 {
				tally.N++
				if rng.Float64() < p {
					tally.Hits++
				}
			}
			w = append(w, tally)
		}
		return w
	}
	sd := math.Sqrt(0.2 * 0.8 / 1000)
	for extra, want := range map[float64]float64{0: 1, 0.03: math.Hypot(sd, 0.03) / sd} {
		c, err := eval.NewChart(windows(100, extra))
		if err != nil {
			t.Fatal(err)
		}
		// The moving range of 100 windows has a relative error of about 9%.
		if math.Abs(c.Spread-want) > 0.27*want {
			t.Errorf("spread is %v, want %v", c.Spread, want)
		}
	}
}

// TestChartRunLength holds how long charts last where all is well, and how soon
// they see a small change that stays.
func TestChartRunLength(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 11))
	length := func(rate float64) (mean float64) {
		times := runs(200)
		for range times {
			c := &eval.Chart{Hits: 20_000_000, N: 100_000_000, Windows: 1, Spread: 1}
			n := 0
			for n < 5000 {
				n++
				// As good as a binomial of 2,500, and faster.
				hits := int64(math.Round(2500*rate + math.Sqrt(2500*rate*(1-rate))*rng.NormFloat64()))
				if s, err := c.Add(eval.Tally{Hits: hits, N: 2500}); err != nil {
					t.Fatal(err)
				} else if s.Out {
					break
				}
			}
			mean += float64(n) / float64(times)
		}
		return mean
	}
	well, worse := length(0.2), length(0.208) // by one deviation
	t.Logf("%.0f windows until a false alarm, %.1f until a change by one deviation is seen", well, worse)
	if testing.Short() {
		return
	}
	if well < 150 || well > 320 || worse > 15 {
		t.Errorf("%.0f windows until a false alarm, want about 215; %.1f until a change by one deviation is seen, want about 10", well, worse)
	}
}

// TestChartOfOneWindow counts the charts of one window of 2,000 that raise a
// false alarm in a year of months: their rate is uncertain itself.
func TestChartOfOneWindow(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 13))
	draw := func(n float64) eval.Tally {
		const rate = 0.1
		return eval.Tally{Hits: int64(math.Round(n*rate + math.Sqrt(n*rate*(1-rate))*rng.NormFloat64())), N: int64(n)}
	}
	times, alarmed := runs(1000), 0
	for range times {
		c, err := eval.NewChart([]eval.Tally{draw(2000)})
		if err != nil {
			t.Fatal(err)
		}
		for range 12 {
			s, err := c.Add(draw(1000))
			if err != nil {
				t.Fatal(err)
			}
			if s.Out {
				alarmed++
				break
			}
		}
	}
	t.Logf("%d of %d charts raise an alarm", alarmed, times)
	if float64(alarmed) > 0.06*float64(times)+3 {
		t.Errorf("%d of %d charts raise an alarm, want at most one in twenty", alarmed, times)
	}
}
