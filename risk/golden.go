package risk

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/riskkit/riskkit/registry"
)

// GoldenFile is the file of a registered model with what it answered to a few
// texts when it was trained.
const GoldenFile = "golden.json"

const (
	maxGolden       = 1 << 20 // bytes
	goldenTolerance = 1e-9    // of scores and probabilities, which processors round differently
)

// golden is an answer that a model gave.
type golden struct {
	Text          string        `json:"text"`
	Score         float64       `json:"risk_score"`
	Level         string        `json:"risk_label"`
	Probabilities Probabilities `json:"probabilities"`
}

// goldenTexts are texts of ours and, unless f is nil, some of terms of the
// model.
func goldenTexts(f FeatureExtractor) []string {
	texts := []string{
		"",
		"The weekly report is late again, nothing urgent.",
		"Checkout is down: every payment fails, customers cannot log in, and data may be lost!",
		"Zahlungen schlagen fehl; naïve Größe \u2014 数据库 故障 100% 24/7",
		"disk_usage 97 % on db-03, p99 latency 12000 ms, see INC-1234 / INC-1235",
	}
	if f == nil {
		return texts
	}
	const more, terms = 5, 12
	n := f.NumFeatures()
	for i := range more {
		var b strings.Builder
		for j := range min(n, terms) {
			b.WriteString(f.FeatureName((i*terms + j) * n / (more * terms)))
			b.WriteByte(' ')
		}
		texts = append(texts, strings.ToValidUTF8(b.String(), "\uFFFD")) // as JSON has it
	}
	return texts
}

// golden returns the content of GoldenFile.
func (m *Model) golden() ([]byte, error) {
	var all []golden
	for _, s := range goldenTexts(m.c.Features) {
		a, err := m.Score(context.Background(), Document{Text: s})
		if err != nil {
			return nil, err
		}
		all = append(all, golden{s, a.Score, a.Level, a.Probabilities})
	}
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("risk: %s: %w", GoldenFile, err)
	}
	return b, nil
}

// smokeTest has a model that was just loaded answer the texts of its GoldenFile,
// which warms it too. Where the answers are others than when it was trained the
// error wraps ErrModel. A version without the file, or with none in it, answers
// texts of ours, as it likes as long as it makes sense.
func smokeTest(ctx context.Context, r registry.Registry, v registry.Version, s Scorer, scale Scale) error {
	var all []golden
	if f, err := v.File(GoldenFile); err == nil {
		if f.Size > maxGolden {
			return fmt.Errorf("%w: %s has %d bytes, at most %d make sense", ErrModel, GoldenFile, f.Size, maxGolden)
		}
		data, err := registry.ReadFile(ctx, r, v, GoldenFile)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, &all); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrModel, GoldenFile, err)
		}
	}
	if len(all) == 0 {
		for _, s := range goldenTexts(nil) {
			all = append(all, golden{Text: s})
		}
	}
	for i, g := range all {
		a, err := s.Score(ctx, Document{Text: g.Text})
		if err == nil {
			err = a.check(scale)
		}
		if err == nil && g.Level != "" {
			err = g.differs(&a)
		}
		if err != nil {
			return fmt.Errorf("%w: it fails the smoke test with text %d: %w", ErrModel, i, err)
		}
	}
	return nil
}

// differs says how an answer is another than g.
func (g *golden) differs(a *Assessment) error {
	if !(math.Abs(a.Score-g.Score) <= goldenTolerance) {
		return fmt.Errorf("score is %v, was %v", a.Score, g.Score)
	}
	for level, p := range g.Probabilities.All() {
		if q := a.Probabilities.Of(level); !(math.Abs(p-q) <= goldenTolerance) {
			return fmt.Errorf("probability of %q is %v, was %v", level, q, p)
		}
	}
	if a.Level != g.Level && math.Abs(a.Score-a.Threshold) > goldenTolerance {
		return fmt.Errorf("level is %q, was %q", a.Level, g.Level)
	}
	return nil
}
