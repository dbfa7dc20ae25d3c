package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// measured is what is printed of a configuration.
type measured struct {
	Config  string `json:"config"`
	Riskkit string `json:"riskkit"` // the version of Go
	Scale   int    `json:"scale,omitempty"`
	training
	*answers
	Peak float64 `json:"peak_rss_mb,omitempty"`
}

// examples are texts and the ranks of their levels.
type examples struct {
	texts []string
	y     []int
}

// read returns the incidents of a file.
func read(ctx context.Context, name string) (x examples, err error) {
	for e, err := range risk.DatasetFile(name, nil).Examples() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return x, err
		}
		x.texts, x.y = append(x.texts, e.Text), append(x.y, risk.DefaultScale().Index(e.Label))
	}
	if len(x.texts) == 0 {
		return x, fmt.Errorf("%s has no incidents", name)
	}
	return x, nil
}

// measure measures a configuration, its answers only at scale 1.
func measure(ctx context.Context, c *config, trainFile, testFile string, scale int) (*measured, error) {
	runtime.GOMAXPROCS(1) // scikit-learn has one thread, too
	train, err := read(ctx, trainFile)
	if err != nil {
		return nil, err
	}
	var test examples
	if scale == 1 {
		if test, err = read(ctx, testFile); err != nil {
			return nil, err
		}
	}
	m := &measured{Config: c.name, Riskkit: runtime.Version()}
	if scale > 1 {
		m.Scale, train = scale, scaled(train, scale)
	}
	v, classifier, t, err := c.train(ctx, train)
	if err != nil {
		return nil, err
	}
	m.training = t
	if scale > 1 {
		m.Peak = peak()
		return m, nil
	}
	m.answers = &answers{Bytes: v.Size() + 8*(v.NumFeatures()+1)*classifier.NumClasses()}
	if err := m.answers.judge(v, classifier, test); err != nil {
		return nil, err
	}
	first := test.texts[:min(500, len(test.texts))]
	if err := m.answers.latency(ctx, v, classifier, first); err != nil {
		return nil, err
	}
	m.Peak = peak()
	ref := newReference(v, classifier)
	m.answers.Reference = mean(single(first, func(s string) { ref.proba(s) }))
	return m, nil
}

// timed returns the seconds that do takes, on a heap without garbage.
func timed(do func()) float64 {
	runtime.GC()
	start := time.Now()
	do()
	return time.Since(start).Seconds()
}

// peak returns the most memory that this process had, in MiB, where Linux says
// it, and elsewhere 0.
func peak() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(rest, "\n")
	kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(line, "kB")), 64)
	if err != nil {
		return 0
	}
	return kib / 1024
}
