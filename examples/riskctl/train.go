package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/tfidf"
)

// trained is what train prints.
type trained struct {
	Model            string      `json:"model"`
	Version          int         `json:"version"`
	Digest           string      `json:"digest"`
	Documents        int         `json:"documents"`
	Features         int         `json:"features"`
	VectoriseSeconds float64     `json:"vectorise_seconds"`
	FitSeconds       float64     `json:"fit_seconds"`
	Objective        float64     `json:"objective"`
	ModelBytes       int         `json:"model_bytes"`
	Metrics          eval.Report `json:"metrics"`
}

func train(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		p           place
		d           data
		by          who
		grams       = f.String("ngrams", "1,2", "`range` of word n-grams: the least and the most words; without this, -min-df, -sublinear and -naive-bayes, features are chosen on incidents held out")
		minDF       = f.Float64("min-df", 2, "least `number` of texts that a term must occur in, below 1 a share of them")
		sublinear   = f.Bool("sublinear", false, "use 1 + ln(count) for the count of a term")
		naiveBayes  = f.Float64("naive-bayes", 0, "use the presence of terms, scaled by naive-Bayes log-count ratios raised to this `power`")
		recency     = f.Float64("recency", 0, "make an incident weigh half as much as one that comes this `share` of all incidents later; with -ngrams and the like")
		c           = f.Float64("C", 0, "inverse `strength` of the L2 penalty; 0 for one that is chosen on incidents held out")
		calibration = f.String("calibration", "", "`kind` of calibration: none, temperature, sigmoid or isotonic; chosen on incidents held out if empty")
		categories  = f.Int("categories", 0, "least `number` of incidents with a tag for it to be told as a category; 0 for no categories")
		seed        = f.Uint64("seed", 0, "`number` that draws the folds where incidents carry no times")
		asJSON      = f.Bool("json", false, "print JSON")
	)
	p.declare(f)
	d.declare(f)
	by.declare(f)
	return func(ctx context.Context, s streams) error {
		n, err := ngrams(*grams)
		if err != nil {
			return err
		}
		incidents, err := d.open(false)
		if err != nil {
			return err
		}
		if !(*c >= 0) || !(*minDF > 0) || !(*recency >= 0) || !(*naiveBayes >= 0) || *categories < 0 {
			return usage("-C is %v, -min-df %v, -recency %v and -categories %d, want positive numbers, or 0 but for -min-df, as for -naive-bayes", *c, *minDF, *recency, *categories)
		}
		opts := &risk.TrainOptions{
			C: *c, Calibration: logreg.Calibration(*calibration), Categories: *categories, Seed: *seed, Progress: progress(s.err),
		}
		f.Visit(func(given *flag.Flag) {
			switch given.Name {
			case "ngrams", "min-df", "sublinear", "naive-bayes", "recency":
				opts.Features = &tfidf.Options{NGrams: n, MinDF: *minDF, Sublinear: *sublinear, Binary: *naiveBayes > 0, NoIDF: *naiveBayes > 0}
				opts.NaiveBayes, opts.Recency = *naiveBayes, *recency
			}
		})
		reg, err := p.open(&registry.DirOptions{Create: true})
		if err != nil {
			return err
		}
		// A name or a registry that cannot be used is better found out now.
		if _, err := reg.State(ctx, p.model); err != nil && !errors.Is(err, registry.ErrNotFound) {
			return err
		}
		m, report, err := risk.Train(ctx, incidents.Examples(), opts)
		clearLine(s.err)
		reportSkipped(s.err, incidents.Skipped())
		if err != nil {
			return err
		}
		artifact, err := risk.NewArtifact(m, report)
		if err != nil {
			return err
		}
		v, err := reg.Register(ctx, p.model, artifact, &registry.RegisterOptions{
			Stage: registry.Staging, Actor: by.actor, Reason: by.reason,
			Tags: map[string]string{"data_digest": report.DataDigest},
		})
		if err != nil {
			return err
		}
		t := trained{
			Model: p.model, Version: v.Number, Digest: v.Digest.String(), Documents: report.Documents, Features: report.Features,
			VectoriseSeconds: report.Vectorise.Seconds(), FitSeconds: report.Fit.Seconds(), Objective: report.Objective,
			ModelBytes: len(artifact[risk.ModelFile]), Metrics: report.Metrics,
		}
		if *asJSON {
			return printJSON(s.out, t)
		}
		fmt.Fprintf(s.out, "version %d of %s is in staging, trained on %d incidents with %d features (%.1f MB)\n",
			t.Version, t.Model, t.Documents, t.Features, float64(t.ModelBytes)/1e6)
		fmt.Fprintf(s.out, "%s, C = %g, %s calibration, ", report.Describe(), report.C, report.Calibration)
		if n := len(report.Candidates); n > 1 {
			fmt.Fprintf(s.out, "the best of %d candidates", n)
		} else {
			fmt.Fprint(s.out, "as asked for")
		}
		fmt.Fprintf(s.out, "\nvectorised in %.2f s, fitted in %.2f s (%s); %s\n\non incidents held out by %s:\n",
			t.VectoriseSeconds, t.FitSeconds, report.Status, t.Digest, report.FoldsBy)
		return printReport(s.out, report.Metrics)
	}
}
