package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/internal/corpus"
)

func TestCompare(t *testing.T) {
	data, recent := incidents(t, corpus.Usual(1, 150)), incidents(t, corpus.Usual(2, 300))
	reg := filepath.Join(t.TempDir(), "registry")
	must(t, "", "train", "-registry", reg, "-data", data, "-ngrams", "1")
	must(t, "", "promote", "-registry", reg)
	must(t, "", "train", "-registry", reg, "-data", data, "-C", "0.01")

	c := decode[compared](t, must(t, "", "compare", "-registry", reg, "-data", recent, "-a", "heuristic", "-b", "1", "-json", "-flips", "2"))
	if c.NA != 300 || c.Verdict.Outcome != eval.Pass || c.Differences[0].Better() != 1 || len(c.Flips.Better.Examples) != 2 || c.Verdict.N != 300 {
		t.Errorf("compared %+v", c)
	}
	if worse := decode[compared](t, must(t, "", "compare", "-registry", reg, "-data", recent, "-a", "1", "-b", "heuristic", "-json")); worse.Verdict.Outcome != eval.Fail {
		t.Errorf("compared %+v", worse)
	}
	out := must(t, "", "compare", "-registry", reg, "-data", recent, "-repeated", "-min", "301")
	for _, want := range []string{"incident-risk: a is production, b is staging, on 300 incidents", "recall of high", "95% INTERVAL", "only a right: ",
		"inconclusive: samples: 300 labelled examples, at least 301 are asked for", "are needed for it to pass"} {
		if !strings.Contains(out, want) {
			t.Errorf("compare prints no %q:\n%s", want, out)
		}
	}
	if again := must(t, "", "compare", "-registry", reg, "-data", recent, "-repeated", "-min", "301"); again != out {
		t.Errorf("again it prints\n%s\nbefore\n%s", again, out)
	}
	for _, x := range []struct {
		line string
		code int
		want string
	}{
		{"-a 1 -b 1", 2, "both"},
		{"-a 1 -b 9", 1, "version b: registry: not found"},
		{"-a 0 -b 1", 2, `"0" is no version`},
		{"-a 1 -b 2 -flips -1", 2, "-flips"},
		{"-a 1 -b 2 -alpha 1", 2, "alpha"},
		{"-a 1 -b 2 -margin NaN", 2, "margin"},
	} {
		code, out, err := call(t, "", append([]string{"compare", "-registry", reg, "-data", recent}, strings.Fields(x.line)...)...)
		if code != x.code || !strings.Contains(err, x.want) || out != "" {
			t.Errorf("compare %s: ended with %d, printed %q and %q", x.line, code, out, err)
		}
	}
	if code, _, err := call(t, "", "compare", "-registry", reg); code != 2 || !strings.Contains(err, "-data is needed") {
		t.Errorf("compare without -data: ended with %d: %s", code, err)
	}
}
