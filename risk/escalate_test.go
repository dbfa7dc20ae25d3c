package risk_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// escalatorFunc is an Escalator made of a function.
type escalatorFunc func(context.Context, risk.Document, risk.Assessment) (risk.Opinion, error)

func (f escalatorFunc) Escalate(ctx context.Context, d risk.Document, a risk.Assessment) (risk.Opinion, error) {
	return f(ctx, d, a)
}

// escalation returns the Escalation of s, between levels at 0.4 and 0.7 unless o
// says where.
func escalation(t testing.TB, s risk.Scorer, e risk.Escalator, o risk.EscalationOptions) *risk.Escalation {
	t.Helper()
	if o.Thresholds == nil {
		o.Thresholds = func(risk.Assessment) []float64 { return fixedCuts }
	}
	x, err := risk.NewEscalation(s, e, &o)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

var fixedCuts = []float64{0.4, 0.7}

// always is a Scorer of one answer.
func always(a risk.Assessment) risk.Scorer {
	return scorerFunc(func(risk.Document) (risk.Assessment, error) { return a, nil })
}

func says(level string) risk.Escalator {
	return escalatorFunc(func(context.Context, risk.Document, risk.Assessment) (risk.Opinion, error) {
		return risk.Opinion{Level: level, Reason: "because", Tokens: 10}, nil
	})
}

func TestEscalationDoubts(t *testing.T) {
	proba := func(p ...float64) risk.Probabilities { return risk.NewProbabilities(risk.DefaultScale(), p) }
	for name, c := range map[string]struct {
		o    risk.EscalationOptions
		a    risk.Assessment
		want bool
	}{
		"never unless told":      {a: risk.Assessment{Score: 0.4, Level: "medium"}},
		"just outside the band":  {o: risk.EscalationOptions{Band: 0.05}, a: risk.Assessment{Score: 0.3499, Level: "low"}},
		"within it, below":       {o: risk.EscalationOptions{Band: 0.05}, a: risk.Assessment{Score: 0.36, Level: "low"}, want: true},
		"below the upper cut":    {o: risk.EscalationOptions{Band: 0.05}, a: risk.Assessment{Score: 0.66, Level: "medium", Threshold: 0.4}, want: true},
		"sure enough":            {o: risk.EscalationOptions{MinConfidence: 0.5}, a: risk.Assessment{Level: "low", Probabilities: proba(0.5, 0.3, 0.2)}},
		"not sure":               {o: risk.EscalationOptions{MinConfidence: 0.51}, a: risk.Assessment{Level: "low", Probabilities: proba(0.5, 0.3, 0.2)}, want: true},
		"no probabilities known": {o: risk.EscalationOptions{MinConfidence: 0.9}, a: risk.Assessment{Level: "low"}},
		"a level":                {o: risk.EscalationOptions{Levels: []string{"high"}}, a: risk.Assessment{Score: 0.95, Level: "high"}, want: true},
		"another level":          {o: risk.EscalationOptions{Levels: []string{"high"}}, a: risk.Assessment{Score: 0.05, Level: "low"}},
	} {
		x := escalation(t, always(c.a), says(c.a.Level), c.o)
		a, err := x.Score(t.Context(), risk.Document{})
		if err != nil || a.Escalated != c.want {
			t.Errorf("%s: escalated %v, error %v", name, a.Escalated, err)
		}
		if c.want && a.Escalation != risk.EscalationConfirmed || !c.want && a.Escalation != "" {
			t.Errorf("%s: result %q", name, a.Escalation)
		}
		if err := x.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestEscalationResults(t *testing.T) {
	type seen struct {
		result risk.EscalationResult
		err    error
	}
	fails := func(err error) risk.Escalator {
		return escalatorFunc(func(context.Context, risk.Document, risk.Assessment) (risk.Opinion, error) {
			return risk.Opinion{}, err
		})
	}
	hang := make(chan struct{})
	nobody, err := risk.NewBudget(&risk.BudgetOptions{CallsPerDay: -1, CallsPerMinute: 1, TokensPerCall: -1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nobody.Take(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		e    risk.Escalator
		o    risk.EscalationOptions
		want []seen // of calls one after the other
	}{
		"confirmed":     {e: says("medium"), want: []seen{{risk.EscalationConfirmed, nil}}},
		"changed":       {e: says("high"), want: []seen{{risk.EscalationChanged, nil}}},
		"off the scale": {e: says("urgent"), want: []seen{{risk.EscalationInvalid, risk.ErrInvalid}}},
		"empty":         {e: says(""), want: []seen{{risk.EscalationInvalid, risk.ErrInvalid}}},
		"no such score": {
			e: says("low"), o: risk.EscalationOptions{Thresholds: func(risk.Assessment) []float64 { return []float64{0, 0.5} }},
			want: []seen{{risk.EscalationInvalid, risk.ErrInvalid}},
		},
		"thresholds of another scale": {
			e: says("low"), o: risk.EscalationOptions{Thresholds: func(risk.Assessment) []float64 { return []float64{0.5} }},
			want: []seen{{risk.EscalationInvalid, risk.ErrInvalid}},
		},
		"error, then the breaker": {
			e: fails(errBroken), o: risk.EscalationOptions{Breaker: risk.BreakerOptions{Failures: 2}},
			want: []seen{{risk.EscalationError, errBroken}, {risk.EscalationError, errBroken}, {risk.EscalationBreaker, risk.ErrBreaker}},
		},
		"panic": {
			e:    escalatorFunc(func(context.Context, risk.Document, risk.Assessment) (risk.Opinion, error) { panic("on purpose") }),
			want: []seen{{risk.EscalationError, risk.ErrPanic}},
		},
		"hangs, then too many do": {
			e: escalatorFunc(func(context.Context, risk.Document, risk.Assessment) (risk.Opinion, error) {
				<-hang
				return risk.Opinion{}, nil
			}),
			o:    risk.EscalationOptions{MaxRunning: 1},
			want: []seen{{risk.EscalationTimeout, risk.ErrTimeout}, {risk.EscalationBudget, risk.ErrOverload}},
		},
		"over budget": {
			e: says("high"), o: risk.EscalationOptions{Budget: nobody, Breaker: risk.BreakerOptions{Failures: 1}},
			want: []seen{{risk.EscalationBudget, risk.ErrBudget}, {risk.EscalationBudget, risk.ErrBudget}},
		},
	} {
		var told []risk.Escalated
		c.o.Levels = risk.DefaultScale()
		c.o.Timeout = 20 * time.Millisecond
		c.o.OnEscalated = func(_ context.Context, e *risk.Escalated) { told = append(told, *e) }
		x := escalation(t, instant{}, c.e, c.o)
		for i, want := range c.want {
			a, err := x.Score(t.Context(), risk.Document{ID: "9"})
			if err != nil || !a.Escalated || a.Escalation != want.result || a.ID != "9" {
				t.Errorf("%s, call %d: %+v, error %v, want %v", name, i, a, err, want.result)
			}
			if changed := want.result == risk.EscalationChanged; !changed && (a.Level != "medium" || a.Score != 0.5 || a.Method != risk.MethodML) || changed && (a.Level != "high" || a.Score != 0.7 || a.Threshold != 0.7 || a.Method != risk.MethodEscalation) {
				t.Errorf("%s, call %d: %+v", name, i, a)
			}
			if len(told) != i+1 || told[i].Result != want.result || !errors.Is(told[i].Err, want.err) || told[i].First.Level != "medium" {
				t.Errorf("%s, call %d: told of %+v", name, i, told)
			}
		}
		if name == "hangs, then too many do" {
			close(hang)
		}
		if err := x.Close(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEscalationReason says what of an opinion an answer keeps.
func TestEscalationReason(t *testing.T) {
	for name, c := range map[string]struct {
		op   risk.Opinion
		err  error
		want string
	}{
		"changed":       {op: risk.Opinion{Level: "high", Reason: "Customers cannot pay."}, want: "Customers cannot pay."},
		"confirmed":     {op: risk.Opinion{Level: "medium", Reason: "A part is slow."}, want: "A part is slow."},
		"none":          {op: risk.Opinion{Level: "high"}},
		"long":          {op: risk.Opinion{Level: "high", Reason: strings.Repeat("é", 501)}, want: strings.Repeat("é", 500)},
		"cut in two":    {op: risk.Opinion{Level: "high", Reason: "x" + strings.Repeat("é", 501)}, want: "x" + strings.Repeat("é", 499)},
		"much of it":    {op: risk.Opinion{Level: "high", Reason: strings.Repeat("a\xff", 900)}, want: strings.Repeat("a\uFFFD", 250)},
		"not UTF-8":     {op: risk.Opinion{Level: "high", Reason: "a\xffb"}, want: "a\uFFFDb"},
		"off the scale": {op: risk.Opinion{Level: "dire", Reason: "So I say."}, want: `the opinion's level "dire" is not on the scale`},
		"error":         {err: errBroken},
	} {
		x := escalation(t, instant{}, escalatorFunc(func(context.Context, risk.Document, risk.Assessment) (risk.Opinion, error) {
			return c.op, c.err
		}), risk.EscalationOptions{Levels: risk.DefaultScale()})
		a, err := x.Score(t.Context(), risk.Document{ID: "9"})
		if err != nil || a.EscalationReason != c.want && (name != "off the scale" || !strings.Contains(a.EscalationReason, c.want)) {
			t.Errorf("%s: reason %q, error %v, want %q", name, a.EscalationReason, err, c.want)
		}
		if err := x.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestEscalationScoreAndLevelAgree tries random scales, scores and opinions.
func TestEscalationScoreAndLevelAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	budget, err := risk.NewBudget(&risk.BudgetOptions{CallsPerMinute: -1, TokensPerMinute: -1, CallsPerDay: -1, TokensPerDay: -1})
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for range 400 {
		scale := risk.Scale{"a", "b", "c", "d", "e"}[:2+rng.IntN(4)]
		cuts := make([]float64, len(scale)-1)
		for i := range cuts {
			cuts[i] = float64(rng.IntN(9)) / 8 // some are the same, some at the ends
			if rng.IntN(2) == 0 {
				cuts[i] = rng.Float64()
			}
		}
		slices.Sort(cuts)
		a := risk.Assessment{Score: float64(rng.IntN(9)) / 8, Method: risk.MethodML}
		rank, threshold := risk.Cut(cuts, a.Score)
		a.Level, a.Threshold = scale[rank], threshold
		to := rng.IntN(len(scale))
		x := escalation(t, always(a), says(scale[to]), risk.EscalationOptions{
			Scale: scale, Levels: scale, Budget: budget, Thresholds: func(risk.Assessment) []float64 { return cuts },
		})
		got, err := x.Score(t.Context(), risk.Document{})
		if err != nil || !(got.Score >= 0 && got.Score <= 1) {
			t.Fatalf("%+v, error %v", got, err)
		}
		r, th := risk.Cut(cuts, got.Score)
		if scale[r] != got.Level || th != got.Threshold {
			t.Fatalf("cuts %v, from %v to %s: score %v, level %s, threshold %v", cuts, a.Score, scale[to], got.Score, got.Level, got.Threshold)
		}
		// A level that some score belongs to is reached.
		reachable := to == len(scale)-1 || (to == 0 && cuts[0] > 0) || (to > 0 && cuts[to-1] < cuts[to])
		if reachable != (got.Level == scale[to]) {
			t.Fatalf("cuts %v, from %v to %s: %+v", cuts, a.Score, scale[to], got)
		}
		if got.Escalation == risk.EscalationChanged {
			changed++
		}
		if err := x.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if changed < 100 {
		t.Errorf("only %d were changed", changed)
	}
}

// TestEscalationLeavesTime has the caller's deadline come before the opinion.
func TestEscalationLeavesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := escalatorFunc(func(ctx context.Context, _ risk.Document, _ risk.Assessment) (risk.Opinion, error) {
			<-ctx.Done()
			return risk.Opinion{}, ctx.Err()
		})
		x := escalation(t, instant{}, slow, risk.EscalationOptions{Levels: []string{"medium"}, Breaker: risk.BreakerOptions{Failures: 1}})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		a, err := x.Score(ctx, risk.Document{})
		if err != nil || a.Escalation != risk.EscalationTimeout || ctx.Err() != nil {
			t.Errorf("%+v, error %v, context %v", a, err, ctx.Err())
		}
		if x.Breaker() != risk.BreakerClosed {
			t.Error("the caller's time counts against the escalator")
		}
		a, err = x.Score(t.Context(), risk.Document{})
		if err != nil || a.Escalation != risk.EscalationTimeout || x.Breaker() != risk.BreakerOpen {
			t.Errorf("%+v, error %v, breaker %v", a, err, x.Breaker())
		}
		if err := x.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestEscalationOptionErrors(t *testing.T) {
	cuts := func(risk.Assessment) []float64 { return fixedCuts }
	for name, c := range map[string]struct {
		s       risk.Scorer
		o       risk.EscalationOptions
		mention string
	}{
		"no thresholds":     {s: instant{}, mention: "thresholds"},
		"other scale":       {s: cutter{}, o: risk.EscalationOptions{Scale: risk.Scale{"a", "b"}}, mention: "2 thresholds between 2 levels"},
		"bad scale":         {s: cutter{}, o: risk.EscalationOptions{Scale: risk.Scale{"a"}}, mention: "1 levels"},
		"unknown level":     {s: instant{}, o: risk.EscalationOptions{Thresholds: cuts, Levels: []string{"urgent"}}, mention: "urgent"},
		"band":              {s: instant{}, o: risk.EscalationOptions{Thresholds: cuts, Band: -0.1}, mention: "Band"},
		"confidence":        {s: instant{}, o: risk.EscalationOptions{Thresholds: cuts, MinConfidence: 1.1}, mention: "MinConfidence"},
		"band not a number": {s: instant{}, o: risk.EscalationOptions{Thresholds: cuts, Band: math.NaN()}, mention: "Band"},
	} {
		_, err := risk.NewEscalation(c.s, says("low"), &c.o)
		wantError(t, name, err, risk.ErrEscalation, c.mention)
	}
	if _, err := risk.NewEscalation(cutter{}, says("low"), nil); err != nil {
		t.Error(err)
	}
}

// cutter is a Scorer that tells its thresholds.
type cutter struct{ instant }

func (cutter) Thresholds() []float64 { return fixedCuts }
