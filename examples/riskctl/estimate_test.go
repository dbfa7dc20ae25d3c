package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/riskkit/riskkit/internal/corpus"
)

// TestEstimate estimates weeks of usual incidents and one of others, with labels
// and without, by a version trained on usual ones.
func TestEstimate(t *testing.T) {
	reg := filepath.Join(t.TempDir(), "registry")
	must(t, "", "train", "-registry", reg, "-data", incidents(t, corpus.Usual(1, 300)))
	from := time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC) // a Monday
	labelled := incidents(t, dated(corpus.Usual(2, 6*504), from.AddDate(0, 0, -42)))
	all := slices.Concat(dated(corpus.Usual(3, 2*504), from), dated(corpus.Shifted(4, 504), from.AddDate(0, 0, 14)))
	data := incidents(t, all)
	at := []string{"estimate", "-registry", reg, "-labelled", labelled, "-every", "week", "-data"}
	estimates := func(args ...string) (all []estimated) {
		t.Helper()
		for line := range strings.Lines(must(t, "", append(at, append(args, "-json")...)...)) {
			all = append(all, decode[estimated](t, line))
		}
		return all
	}

	got := estimates(data)
	if len(got) != 3 {
		t.Fatalf("%d windows", len(got))
	}
	for i, want := range []struct{ period, status string }{{"2025-W49", "stable"}, {"2025-W50", "stable"}, {"2025-W51", "alert"}} {
		x := got[i]
		if x.Period != want.period || string(x.Judgement.Status) != want.status || x.Estimate.N != 504 || x.Labelled != 504 || x.Real == nil {
			t.Errorf("window %d: %s %s of %d, %d labelled: %q", i, x.Period, x.Judgement.Status, x.Estimate.N, x.Labelled, x.Judgement.Reasons)
		}
	}
	for _, x := range got[:2] {
		if !x.Estimate.Accuracy.Contains(x.Real.Accuracy) || !x.Estimate.MacroF1.Contains(x.Real.MacroF1) {
			t.Errorf("%s: accuracy %+v, really %v; macro-F1 %+v, really %v", x.Period, x.Estimate.Accuracy, x.Real.Accuracy, x.Estimate.MacroF1, x.Real.MacroF1)
		}
	}
	if !got[2].Judgement.Retrain || !got[2].Signals["unsure"].Out && !got[2].Signals["heuristic disagrees"].Out {
		t.Errorf("another world: %+v, %+v", got[2].Judgement, got[2].Signals)
	}
	shown := must(t, "", append(at, data)...)
	for _, want := range []string{"2025-W51", "alert", "train again", "HEURISTIC DISAGREES", "concept drift"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not in\n%s", want, shown)
		}
	}

	// Without labels, and with half of them.
	for every, want := range map[int]int{1: 0, 2: 252} {
		text, err := os.ReadFile(data)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		n := 0
		for line := range strings.Lines(string(text)) {
			x := decode[map[string]any](t, line)
			if n++; n%every == 0 {
				delete(x, "label")
			}
			out, err := json.Marshal(x)
			if err != nil {
				t.Fatal(err)
			}
			b.Write(append(out, '\n'))
		}
		some := filepath.Join(t.TempDir(), "some.jsonl")
		if err := os.WriteFile(some, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		for i, x := range estimates(some) {
			if x.Labelled != want || (x.Real != nil) != (want > 0) || x.Estimate.Accuracy != got[i].Estimate.Accuracy || x.Judgement.Retrain || x.Judgement.CannotSee == "" {
				t.Errorf("%d labels: %d labelled, really %v, %+v, %+v", want, x.Labelled, x.Real, x.Estimate.Accuracy, x.Judgement)
			}
		}
		if out := must(t, "", append(at, some)...); want == 0 && !strings.Contains(out, "no labels were seen") {
			t.Errorf("estimate prints\n%s", out)
		}
	}

	// By count, and calibrated on a part.
	at = []string{"estimate", "-registry", reg, "-labelled", labelled, "-count", "600", "-data"}
	if got := estimates(data, "-from", "2025-11-10", "-to", "2025-11-24"); len(got) != 3 || got[0].Estimate.N != 600 || got[2].Period != "from 1201" || got[0].Estimate.Reference != 1008 {
		t.Errorf("by count: %+v", got)
	}
	for args, want := range map[string]string{
		"-data " + data:         "-labelled is needed",
		"-labelled " + labelled: "-data is needed",
		"-data " + data + " -labelled " + labelled + " -from yesterday":  "no day",
		"-data " + data + " -labelled " + labelled + " -confidence 2":    "confidence",
		"-data " + data + " -labelled " + labelled + " -from 2026-01-01": "labelled examples for 10 blocks",
	} {
		code, _, err := call(t, "", append([]string{"estimate", "-registry", reg}, strings.Fields(args)...)...)
		if code == 0 || !strings.Contains(err, want) {
			t.Errorf("%s ends with %d: %s", args, code, err)
		}
	}
}
