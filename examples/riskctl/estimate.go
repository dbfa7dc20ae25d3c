package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/risk"
)

// estimated is what estimate prints of a window.
type estimated struct {
	Model    string              `json:"model"`
	Version  string              `json:"version"`
	Period   string              `json:"period"`
	Estimate eval.EstimateReport `json:"estimate"`
	// Labelled is how many incidents have a label, and Real what these say; it
	// is left out where there are none.
	Labelled int                    `json:"labelled"`
	Real     *eval.Report           `json:"real,omitempty"`
	Proxies  eval.ProxyReport       `json:"proxies"`
	Signals  map[string]eval.Signal `json:"signals"`
	// Judgement is by labels where all incidents have one, else by the estimate.
	Judgement eval.Judgement `json:"judgement"`
}

func estimate(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		p          place
		w          which
		d          data
		c          cut
		labelled   = f.String("labelled", "", "`file` of labelled incidents that the version did not learn from, to calibrate on")
		from       = f.String("from", "", "`day` such as 2024-04-01 from which incidents of -labelled are taken; without it, from the first")
		to         = f.String("to", "", "`day` before which they are taken; without it, to the last")
		confidence = f.Float64("confidence", 0.95, "`share` of intervals that hold the real figure")
		asJSON     = f.Bool("json", false, "print JSON, a window a line")
	)
	p.declare(f)
	w.declare(f, "the one in production, else in staging, else the latest")
	d.declare(f)
	c.declare(f)
	return func(ctx context.Context, s streams) error {
		if err := c.check(); err != nil {
			return err
		}
		during, err := days(*from, *to)
		if err != nil {
			return err
		}
		incidents, err := d.open(true)
		if err != nil {
			return err
		}
		if *labelled == "" {
			return usage("-labelled is needed")
		}
		m, err := p.load(ctx, &w)
		if err != nil {
			return err
		}
		reference := risk.DatasetFile(*labelled, &risk.DatasetOptions{SkipBad: d.skipBad})
		e, err := risk.FitEstimator(ctx, m, during(reference.Examples()), nil)
		if err != nil {
			return fmt.Errorf("calibrating on %s: %w", *labelled, err)
		}
		h, err := risk.NewHeuristic(nil)
		if err != nil {
			return err
		}
		x := &estimating{cut: c, model: m, heuristic: h, estimator: e}
		before, err := x.read(ctx, during(reference.Examples()))
		if err != nil {
			return err
		}
		reportSkipped(s.err, reference.Skipped())
		recent, err := x.read(ctx, incidents.Examples())
		reportSkipped(s.err, incidents.Skipped())
		if x.timeless > 0 {
			fmt.Fprintf(s.err, "%d incidents have no created_at and are in no window; -count needs none\n", x.timeless)
		}
		if err != nil {
			return err
		}
		all, err := x.judge(before, recent, *confidence)
		if err != nil {
			return err
		}
		for i := range all {
			all[i].Model, all[i].Version = p.model, m.Version()
		}
		if !*asJSON {
			return printEstimates(s.out, all)
		}
		for _, one := range all {
			if err := printJSON(s.out, one); err != nil {
				return err
			}
		}
		return nil
	}
}

// days returns what keeps the examples of a stretch of time.
func days(from, to string) (func(iter.Seq2[risk.Example, error]) iter.Seq2[risk.Example, error], error) {
	var bounds [2]time.Time
	for i, s := range []string{from, to} {
		if s == "" {
			continue
		}
		var err error
		if bounds[i], err = time.Parse(time.DateOnly, s); err != nil {
			return nil, usage("%q is no day, want one such as 2024-04-01", s)
		}
	}
	return func(examples iter.Seq2[risk.Example, error]) iter.Seq2[risk.Example, error] {
		return func(yield func(risk.Example, error) bool) {
			for x, err := range examples {
				if err == nil && (x.CreatedAt.Before(bounds[0]) || to != "" && !x.CreatedAt.Before(bounds[1])) {
					continue
				}
				if !yield(x, err) {
					return
				}
			}
		}
	}, nil
}

// estimating cuts incidents into windows and counts in each.
type estimating struct {
	cut
	model     *risk.Model
	heuristic *risk.Heuristic
	estimator *risk.Estimator
	timeless  int
}

// window is what one window counted.
type window struct {
	period
	n, labelled int
	state       *eval.Estimate
	real        *eval.Evaluation
	proxies     *eval.Proxies
}

func (x *estimating) window(p period) (*window, error) {
	levels := x.estimator.Scale()
	w := &window{period: p}
	var errs [3]error
	w.state, errs[0] = x.estimator.NewEstimate()
	w.real, errs[1] = eval.New(levels)
	w.proxies, errs[2] = eval.NewProxies(levels)
	return w, errors.Join(errs[:]...)
}

// read counts incidents, and returns the windows in order of time.
func (x *estimating) read(ctx context.Context, examples iter.Seq2[risk.Example, error]) ([]*window, error) {
	var all []*window
	at := map[time.Time]*window{}
	for e, err := range examples {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		var w *window
		switch {
		case x.period == nil: // by count
			if len(all) > 0 && all[len(all)-1].n < x.count {
				w = all[len(all)-1]
			}
		case e.CreatedAt.IsZero():
			x.timeless++
			continue
		default:
			w = at[x.period(e.CreatedAt.UTC()).from]
		}
		if w == nil {
			var p period
			if x.period != nil {
				p = x.period(e.CreatedAt.UTC())
			} else {
				p.name = fmt.Sprintf("from %d", len(all)*x.count+1)
			}
			if w, err = x.window(p); err != nil {
				return nil, err
			}
			all = append(all, w)
			at[p.from] = w
		}
		if err := x.add(ctx, w, e); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(all, func(a, b *window) int { return a.from.Compare(b.from) })
	return all, nil
}

// add counts an incident in its window.
func (x *estimating) add(ctx context.Context, w *window, e risk.Example) error {
	a, err := x.model.Score(ctx, e.Document)
	if err != nil {
		return err
	}
	if err := x.estimator.Add(w.state, &a); err != nil {
		return err
	}
	other, err := x.heuristic.Score(ctx, e.Document)
	if err != nil {
		return err
	}
	w.n++
	w.proxies.HeuristicSaid(a.Level == other.Level)
	if err := risk.CountAnswer(w.proxies, &a); err != nil {
		return err
	}
	if e.Label == "" {
		return nil
	}
	w.labelled++
	scale := x.estimator.Scale()
	p := make([]float64, len(scale))
	for k, l := range scale {
		p[k] = a.Probabilities.Of(l)
	}
	return w.real.Add(scale.Index(e.Label), scale.Index(a.Level), p)
}

// judge reports on recent windows beside those before, in which all have
// labels.
func (x *estimating) judge(before, recent []*window, confidence float64) ([]estimated, error) {
	whole, err := x.window(period{})
	if err != nil {
		return nil, err
	}
	history := map[string][]eval.Tally{}
	for _, w := range before {
		if err := errors.Join(whole.real.Merge(w.real), whole.proxies.Merge(w.proxies)); err != nil {
			return nil, err
		}
		for _, t := range w.proxies.Tallies() {
			history[t.Name] = append(history[t.Name], t.Tally)
		}
	}
	charts := map[string]*eval.Chart{}
	for name, tallies := range history {
		c, err := eval.NewChart(tallies)
		if errors.Is(err, eval.ErrEmpty) {
			continue // no feedback, say
		}
		if err != nil {
			return nil, err
		}
		charts[name] = c
	}
	training, _, err := labels(whole.real, "the labelled incidents", confidence)
	if err != nil {
		return nil, err
	}
	var lastGood *eval.Performance
	var all []estimated
	for _, w := range recent {
		one := estimated{Period: w.name, Labelled: w.labelled, Signals: map[string]eval.Signal{}}
		if one.Estimate, err = x.estimator.Report(w.state, confidence); err != nil {
			return nil, err
		}
		if one.Proxies, err = w.proxies.Report(whole.proxies, confidence); err != nil {
			return nil, err
		}
		for _, t := range w.proxies.Tallies() {
			if c := charts[t.Name]; c != nil {
				if one.Signals[t.Name], err = c.Add(t.Tally); err != nil {
					return nil, err
				}
			}
		}
		now := one.Estimate.Performance(w.name)
		if w.labelled > 0 {
			known, r, err := labels(w.real, w.name, confidence)
			if err != nil {
				return nil, err
			}
			if one.Real = &r; w.labelled == w.n {
				now = known
			}
		}
		if one.Judgement, err = eval.Judge(now, &training, lastGood, one.Signals, nil); err != nil {
			return nil, err
		}
		if one.Judgement.Status == eval.StatusStable {
			lastGood = &now
		}
		all = append(all, one)
	}
	return all, nil
}

// labels returns how good labels say that a window was.
func labels(e *eval.Evaluation, name string, confidence float64) (eval.Performance, eval.Report, error) {
	r, err := e.Report()
	if err != nil {
		return eval.Performance{}, r, err
	}
	p, err := e.Performance(name, &eval.IntervalOptions{Confidence: confidence})
	return p, r, err
}
