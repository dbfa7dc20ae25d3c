package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/corpus"
)

// asBenchmark makes the test binary run as the benchmark, which starts itself,
// or, where it is a file, as a python that prints the figures in it.
const asBenchmark = "RUN_AS_BENCHMARK"

func TestMain(m *testing.M) {
	as := os.Getenv(asBenchmark)
	switch {
	case as == "":
		os.Exit(m.Run())
	case len(os.Args) > 1 && os.Args[1] == "-c":
		fmt.Println("{}")
	case len(os.Args) > 1 && os.Args[1] == "-":
		b, err := os.ReadFile(as)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Stdout.Write(b)
	default:
		main()
	}
	os.Exit(0)
}

// incidents writes a data file.
func incidents(t testing.TB, all []corpus.Incident) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "incidents.jsonl")
	var b bytes.Buffer
	for _, x := range all {
		if err := json.NewEncoder(&b).Encode(x); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// call runs the benchmark with processes of its own, all of them this one.
func call(t testing.TB, args ...string) (code int, out, errs string) {
	t.Helper()
	if os.Getenv(asBenchmark) == "" {
		t.Setenv(asBenchmark, "yes")
	}
	t.Setenv("GORACE", "atexit_sleep_ms=0") // or each waits a second at its end
	var o, e bytes.Buffer
	code = run(t.Context(), args, &o, &e)
	return code, o.String(), e.String()
}

// lines reads JSON objects, one a line.
func lines(t testing.TB, out string) (all []figures) {
	t.Helper()
	for line := range strings.Lines(out) {
		var f figures
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

// onLinux returns names without what only Linux tells.
func onLinux(names ...string) []string {
	if runtime.GOOS != "linux" {
		return slices.DeleteFunc(names, func(s string) bool { return s == "peak_rss_mb" })
	}
	return names
}

// TestRun measures all configurations on a few incidents.
func TestRun(t *testing.T) {
	train, test := incidents(t, corpus.Usual(1, 150)), incidents(t, corpus.Usual(2, 60))
	code, out, errs := call(t, train, test)
	if code != 0 {
		t.Fatalf("it ended with %d: %s", code, errs)
	}
	all := lines(t, out)
	if len(all) != len(configs) {
		t.Fatalf("%d lines for %d configurations: %s", len(all), len(configs), out)
	}
	for i, f := range all {
		if diff := cmp.Diff(onLinux("config", "riskkit", "documents", "features", "nnz", "vectorise_s", "fit_s", "iterations",
			"objective", "gap", "batch_docs_per_s", "single_p50_us", "single_mean_us", "single_p99_us", "single_allocs",
			"reference_single_mean_us", "macro_f1", "accuracy", "log_loss", "ece", "model_bytes", "peak_rss_mb"), f.names); diff != "" {
			t.Errorf("figures (-want +got):\n%s", diff)
		}
		if f.values["config"] != configs[i].name || f.values["riskkit"] != runtime.Version() {
			t.Errorf("line %d is of %v, %v", i, f.values["config"], f.values["riskkit"])
		}
		within := func(name string, least, most float64) {
			if v := f.number(name); !(v >= least && v <= most) {
				t.Errorf("%s: %s is %v, want %v to %v", configs[i].name, name, v, least, most)
			}
		}
		within("documents", 150, 150)
		within("features", 50, 5000)
		within("nnz", 1000, 1e5)
		within("gap", 0, 1e-6)
		within("macro_f1", 0.4, 1)
		within("accuracy", 0.4, 1)
		within("log_loss", 0, math.Log(3))
		within("ece", 0, 0.5)
		within("single_mean_us", 0.1, 1e5)
		within("single_p99_us", f.number("single_p50_us"), 1e6)
		within("reference_single_mean_us", 0.1, 1e5)
		within("batch_docs_per_s", 100, 1e8)
		within("model_bytes", 24*f.number("features"), 200*f.number("features"))
		for _, name := range onLinux("vectorise_s", "fit_s", "iterations", "objective", "peak_rss_mb") {
			within(name, 1e-9, 1e9)
		}
	}
}

// TestScale trains on copies.
func TestScale(t *testing.T) {
	file := incidents(t, corpus.Usual(1, 100))
	code, out, errs := call(t, "-scale", "3", file, file, "bigram")
	if code != 0 {
		t.Fatalf("it ended with %d: %s", code, errs)
	}
	all := lines(t, out)
	if len(all) != 2 {
		t.Fatalf("%d lines: %s", len(all), out)
	}
	f := all[1]
	if diff := cmp.Diff(onLinux("config", "riskkit", "scale", "documents", "features", "nnz", "vectorise_s", "fit_s", "iterations",
		"objective", "gap", "peak_rss_mb", "vectorise_growth", "fit_growth"), f.names); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
	if n := f.number("documents"); n != 300 || f.number("scale") != 3 {
		t.Errorf("scale %v with %v documents, want 3 with 300", f.number("scale"), n)
	}
	if got, want := f.number("fit_growth"), f.number("fit_s")/all[0].number("fit_s"); got != want {
		t.Errorf("the fit grows by %v, want %v", got, want)
	}
	if !strings.Contains(errs, "riskkit on 3 times the incidents") || !strings.Contains(errs, "fit, 3 times") {
		t.Errorf("no table in %s", errs)
	}
}

// TestScaled looks at the copies themselves.
func TestScaled(t *testing.T) {
	var x examples
	for i, c := range corpus.Usual(1, 200) {
		x.texts, x.y = append(x.texts, c.Text), append(x.y, i%3)
	}
	all := scaled(x, 4)
	if diff := cmp.Diff(all, scaled(x, 4), cmp.AllowUnexported(examples{})); diff != "" {
		t.Errorf("another time the copies differ:\n%s", diff)
	}
	if len(all.texts) != 800 || !slices.Equal(all.texts[:200], x.texts) {
		t.Fatalf("%d texts, or the first are others", len(all.texts))
	}
	made := regexp.MustCompile(`^new[0-9]+$`)
	words, others, fresh := 0, 0, 0
	for i := 200; i < 800; i++ {
		if all.y[i] != x.y[i%200] {
			t.Fatalf("text %d has level %d, want %d", i, all.y[i], x.y[i%200])
		}
		was, is := strings.Fields(x.texts[i%200]), strings.Fields(all.texts[i])
		if len(was) != len(is) {
			t.Fatalf("text %d has %d words, want %d", i, len(is), len(was))
		}
		for k := range was {
			words++
			switch {
			case made.MatchString(is[k]):
				fresh++
			case is[k] != was[k]:
				others++
			}
		}
	}
	// Of those replaced a few happen to be the same again.
	if a, b := float64(others)/float64(words), float64(fresh)/float64(words); a < 0.08 || a > 0.12 || b < 0.005 || b > 0.015 {
		t.Errorf("of the words %.3f are others and %.3f new, want about 0.10 and 0.01", a, b)
	}
}

// TestSklearn has a python that knows all figures.
func TestSklearn(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	answer := filepath.Join(t.TempDir(), "figures.json")
	const theirs = `{"config":"unigram","sklearn":"0.0","features":12345,"fit_s":1e6,"single_p50_us":1e9}`
	if err := os.WriteFile(answer, []byte(theirs), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(asBenchmark, answer)
	file := incidents(t, corpus.Usual(1, 60))
	code, out, errs := call(t, "-with-sklearn", self, "-runs", "2", file, file, "unigram")
	if code != 0 {
		t.Fatalf("it ended with %d: %s", code, errs)
	}
	all := lines(t, out)
	if len(all) != 2 || all[1].values["sklearn"] != "0.0" || all[1].number("features") != 12345 {
		t.Errorf("want a line of riskkit and one of scikit-learn: %s", out)
	}
	for _, want := range []string{
		"unigram, run 1 of 2: riskkit\nunigram, run 1 of 2: scikit-learn\nunigram, run 2 of 2: riskkit\n",
		"riskkit against scikit-learn", "12345\n",
	} {
		if !strings.Contains(errs, want) {
			t.Errorf("there is no %q in %s", want, errs)
		}
	}
}

// TestScript wants the same configurations on both sides.
func TestScript(t *testing.T) {
	var got, want []string
	for _, m := range regexp.MustCompile(`(?m)^    "([a-z-]+)": \(`).FindAllStringSubmatch(script, -1) {
		got = append(got, m[1])
	}
	for _, c := range configs {
		want = append(want, c.name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sklearn_bench.py has other configurations (-want +got):\n%s", diff)
	}
}

// TestWrong calls it in ways that make no sense, and on files that are not
// there.
func TestWrong(t *testing.T) {
	dir := t.TempDir()
	file, bad := incidents(t, corpus.Usual(1, 30)), filepath.Join(dir, "bad.jsonl")
	if err := os.WriteFile(bad, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "two files are needed"},
		{[]string{file}, 2, "two files are needed"},
		{[]string{"-runs", "0", file, file}, 2, "-runs is 0"},
		{[]string{"-runs", "x", file, file}, 2, "-runs"},
		{[]string{"-scale", "-1", file, file, "unigram"}, 2, "-scale is -1"},
		{[]string{"-scale", "2", file, file}, 2, "name the configurations"},
		{[]string{"-nothing", file, file}, 2, "-nothing"},
		{[]string{file, file, "quadgram"}, 2, "only unigram, bigram, trigram-balanced, trigram"},
		{[]string{file, file, "bigram", "bigram"}, 2, "twice"},
		{[]string{childFlag, "1"}, 2, "for the benchmark itself"},
		{[]string{filepath.Join(dir, "none"), file, "unigram"}, 1, "unigram: riskkit: opening examples"},
		{[]string{file, bad, "unigram"}, 1, "bad.jsonl:1: empty text"},
		{[]string{"-with-sklearn", filepath.Join(dir, "none"), file, file}, 1, "pip install scikit-learn"},
		{[]string{"-h"}, 0, ""},
	} {
		code, out, errs := call(t, c.args...)
		if code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%q ended with %d and %q, want %d and %q", c.args, code, errs, c.code, c.want)
		}
		if c.code == 0 && !strings.Contains(out, "-with-sklearn python") {
			t.Errorf("no help in %q", out)
		}
	}
}

// TestMedians holds medians and quantiles against numpy.percentile's.
func TestMedians(t *testing.T) {
	runs := lines(t, `{"a":3,"b":"x"}
{"a":1,"b":"y"}
{"a":8,"b":"z"}
{"a":4,"b":"w"}`)
	m, err := json.Marshal(medians(runs))
	if err != nil || string(m) != `{"a":3.5,"b":"x"}` {
		t.Errorf("medians are %s, error %v", m, err)
	}
	// numpy.percentile([1, 3, 4, 8], [0, 50, 99, 100])
	for q, want := range map[float64]float64{0: 1, 0.5: 3.5, 0.99: 7.88, 1: 8} {
		if got := quantile([]float64{1, 3, 4, 8}, q); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}
