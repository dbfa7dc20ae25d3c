package main

import (
	"context"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/tfidf"
)

// answers is how fast and how good a model's answers are. Levels are the most
// probable ones, and probabilities are not calibrated, as scikit-learn's are
// not.
type answers struct {
	Batch     float64 `json:"batch_docs_per_s"`
	P50       float64 `json:"single_p50_us"`
	Mean      float64 `json:"single_mean_us"`
	P99       float64 `json:"single_p99_us"`
	Allocs    float64 `json:"single_allocs"`
	Reference float64 `json:"reference_single_mean_us"`
	MacroF1   float64 `json:"macro_f1"`
	Accuracy  float64 `json:"accuracy"`
	LogLoss   float64 `json:"log_loss"`
	ECE       float64 `json:"ece"`
	Bytes     int     `json:"model_bytes"`
}

// rounds is how often, at least, what is quick is measured.
const rounds = 5

// judge measures the answers to all texts: how many there are in a second, the
// median of several passes, and how good they are.
func (a *answers) judge(v *tfidf.Vectorizer, m *logreg.Model, test examples) error {
	scale := risk.DefaultScale()
	var ind []int32
	var val, proba []float64
	pass := func() {
		proba = proba[:0]
		for _, s := range test.texts {
			ind, val = v.AppendUnordered(ind[:0], val[:0], s)
			proba = m.AppendProba(proba, ind, val)
		}
	}
	pass()
	runtime.GC()
	var passes []float64
	for begin := time.Now(); len(passes) < rounds || time.Since(begin) < time.Second/5; {
		start := time.Now()
		pass()
		passes = append(passes, time.Since(start).Seconds())
	}
	a.Batch = float64(len(test.texts)) / median(passes)

	e, err := eval.New(scale)
	if err != nil {
		return err
	}
	for i, y := range test.y {
		p := proba[i*len(scale) : (i+1)*len(scale)]
		if err := e.Add(y, slices.Index(p, slices.Max(p)), p); err != nil {
			return err
		}
	}
	r, err := e.Report()
	if err != nil {
		return err
	}
	a.MacroF1, a.Accuracy, a.LogLoss, a.ECE = r.MacroF1, r.Accuracy, r.LogLoss, r.ECE
	return nil
}

// latency measures how long answers to one text at a time take.
func (a *answers) latency(ctx context.Context, v *tfidf.Vectorizer, m *logreg.Model, texts []string) error {
	model, err := risk.NewModel(risk.ModelConfig{Features: v, Classifier: m, Thresholds: []float64{1. / 3, 2. / 3}})
	if err != nil {
		return err
	}
	score := func(s string) {
		if _, e := model.Score(ctx, risk.Document{Text: s}); e != nil {
			err = e
		}
	}
	micros := single(texts, score)
	a.P50, a.Mean, a.P99 = quantile(micros, 0.5), mean(micros), quantile(micros, 0.99)
	a.Allocs = allocs(texts, score)
	return err
}

// single returns the median time of do for each text in microseconds, in
// ascending order, after a round to warm up.
func single(texts []string, do func(s string)) []float64 {
	runtime.GC()
	times := make([][rounds]float64, len(texts))
	for round := -1; round < rounds; round++ {
		for i, s := range texts {
			start := time.Now()
			do(s)
			if took := time.Since(start); round >= 0 {
				times[i][round] = float64(took.Nanoseconds()) / 1e3
			}
		}
	}
	micros := make([]float64, len(texts))
	for i := range times {
		micros[i] = median(times[i][:])
	}
	slices.Sort(micros)
	return micros
}

// allocs returns how many allocations do makes for a text, to two digits: what
// else goes on in the process makes one now and then.
func allocs(texts []string, do func(s string)) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		for _, s := range texts {
			do(s)
		}
	}
	runtime.ReadMemStats(&after)
	return math.Round(100*float64(after.Mallocs-before.Mallocs)/float64(rounds*len(texts))) / 100
}
