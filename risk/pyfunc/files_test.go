package pyfunc_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/pyfunc"
	"github.com/riskkit/riskkit/tfidf"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden returns the model that the golden files are of. It is read rather than
// trained, because not every processor trains it to the same bit.
func golden(t testing.TB) *risk.Model {
	t.Helper()
	name := filepath.Join("testdata", "model.bin")
	if *update {
		r := risk.Recipes()[0]
		r.Features.MinDF = 15
		data, err := trained(t, &risk.TrainOptions{
			Features: &r.Features, NaiveBayes: r.NaiveBayes, C: 1, Calibration: logreg.CalibrationSigmoid, Categories: 10, Folds: 2,
		}).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := risk.ReadModel(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// made is when versions of tests were made.
var made = time.Date(2026, 11, 24, 9, 0, 0, 123456789, time.FixedZone("CET", 3600))

// TestGolden compares all files but the loader with those in testdata.
func TestGolden(t *testing.T) {
	m := golden(t)
	opts := &pyfunc.Options{RunID: "0123456789abcdef", Time: made}
	files, err := pyfunc.Files(m, opts)
	if err != nil {
		t.Fatal(err)
	}
	again, err := pyfunc.Files(m, opts)
	if err != nil || !maps.EqualFunc(files, again, bytes.Equal) {
		t.Errorf("made again, the files differ, error %v", err)
	}
	code := ""
	for name := range files {
		if strings.HasPrefix(name, "code/") {
			code = name
		}
	}
	loader, err := os.ReadFile("loader.py")
	if err != nil {
		t.Fatal(err)
	}
	digest := fmt.Sprintf("SHA256 = \"%x\"", sha256.Sum256(files["data/model.json"]))
	if want := bytes.Replace(loader, []byte(`SHA256 = ""`), []byte(digest), 1); !bytes.Equal(files[code], want) || bytes.Equal(want, loader) {
		t.Errorf("%q is not the loader with %s", code, digest)
	}
	if want := fmt.Sprintf("code/riskkit_loader_%x.py", sha256.Sum256(files[code]))[:len(code)-3] + ".py"; code != want || len(code) != len("code/riskkit_loader_.py")+16 {
		t.Errorf("the loader is %q, want %q", code, want)
	}
	delete(files, code)
	dir := filepath.Join("testdata", "golden")
	if *update {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		write(t, dir, files)
	}
	want := map[string][]byte{}
	if err := fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			want[name], err = os.ReadFile(filepath.Join(dir, name))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for name := range maps.Keys(files) {
		if !bytes.Equal(files[name], want[name]) {
			t.Errorf("%s is\n%.3000s\nwant\n%.3000s", name, files[name], want[name])
		}
	}
	if len(files) != len(want) {
		t.Errorf("files %q, want %q", slices.Sorted(maps.Keys(files)), slices.Sorted(maps.Keys(want)))
	}
}

// TestOptions looks at what options change in MLmodel.
func TestOptions(t *testing.T) {
	m := golden(t)
	for _, c := range []struct {
		opts      *pyfunc.Options
		has, lack []string
	}{
		{nil, []string{"artifact_path: \"model\"\n", "    python_version: \"3.11\"\n", `p_high`}, []string{"run_id", "utc_time_created"}},
		{&pyfunc.Options{RunID: "a\"b: #\n🔥\ufeff\xff", Path: "x/y", Time: made, Python: "3.12.4"}, []string{
			`run_id: "a\"b: #\u000a\U0001f525\ufeff\ufffd"` + "\n", `utc_time_created: "2026-11-24 08:00:00.123456"` + "\n", `artifact_path: "x/y"`, `"3.12.4"`,
		}, nil},
		{&pyfunc.Options{Schema: &registry.Schema{
			Inputs:  []registry.Column{{Name: "id", Type: "long", Optional: true}, {Name: "text", Type: "string"}},
			Outputs: []registry.Column{{Name: "score", Type: "double"}},
		}}, []string{
			`inputs: "[{\"name\":\"id\",\"type\":\"long\",\"required\":false},{\"name\":\"text\",\"type\":\"string\",\"required\":true}]"`,
			`outputs: "[{\"name\":\"score\",\"type\":\"double\",\"required\":true}]"`,
		}, []string{"p_high"}},
		{&pyfunc.Options{Schema: &registry.Schema{Inputs: []registry.Column{{Name: "report", Type: "string"}}}}, []string{`\"report\"`, "p_high"}, []string{`\"text\"`}},
	} {
		files, err := pyfunc.Files(m, c.opts)
		if err != nil {
			t.Fatal(err)
		}
		text := string(files["MLmodel"])
		for _, s := range c.has {
			if !strings.Contains(text, s) {
				t.Errorf("%+v: no %q in\n%s", c.opts, s, text)
			}
		}
		for _, s := range c.lack {
			if strings.Contains(text, s) {
				t.Errorf("%+v: %q in\n%s", c.opts, s, text)
			}
		}
	}
}

// Parts that are not of this module.
type (
	otherClassifier struct{ risk.Classifier }
	otherTags       struct{ risk.TagClassifier }
	otherCalibrator struct{ risk.Calibrator }
)

func TestErrors(t *testing.T) {
	m := golden(t)
	with := func(change func(c *risk.ModelConfig)) *risk.Model {
		c := m.Config()
		change(&c)
		changed, err := risk.NewModel(c)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	column := func(name, kind string) *pyfunc.Options {
		return &pyfunc.Options{Schema: &registry.Schema{Inputs: []registry.Column{{Name: name, Type: kind}, {Name: "text", Type: "double"}}}}
	}
	stems := vectorizer(t, tfidf.Options{StemLanguage: "english"})
	drift, err := psi.NewTextFeatures(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	infinite := make([]float64, m.Features().NumFeatures())
	infinite[0] = math.Inf(1)
	for name, c := range map[string]struct {
		model   *risk.Model
		opts    *pyfunc.Options
		want    error
		mention string
	}{
		"no model":         {nil, nil, registry.ErrInput, "no model"},
		"a version":        {m, &pyfunc.Options{Python: "3.12\n- evil"}, registry.ErrInput, "Python"},
		"type":             {m, column("id", "int64"), registry.ErrInput, `"int64"`},
		"no name":          {m, column("", "string"), registry.ErrInput, "no name"},
		"two names":        {m, column("text", "string"), registry.ErrInput, `"text"`},
		"text is a number": {m, column("id", "string"), registry.ErrInput, `column "text" of type string`},
		"classifier": {with(func(c *risk.ModelConfig) { c.Classifier = otherClassifier{c.Classifier} }), nil,
			registry.ErrUnsupported, "a classifier of type pyfunc_test.otherClassifier"},
		"tag classifier": {with(func(c *risk.ModelConfig) { c.TagClassifier = otherTags{c.TagClassifier} }), nil,
			registry.ErrUnsupported, "tag classifier of type pyfunc_test.otherTags"},
		"calibrator": {with(func(c *risk.ModelConfig) { c.Calibrator = otherCalibrator{c.Calibrator} }), nil,
			registry.ErrUnsupported, "type pyfunc_test.otherCalibrator"},
		"features":         {assembled(t, drift, 3, false, nil, nil), nil, registry.ErrUnsupported, "*psi.TextFeatures"},
		"stems":            {assembled(t, stems, 3, false, nil, nil), nil, registry.ErrUnsupported, `StemLanguage "english"`},
		"stems in a union": {assembled(t, unionOf(t, "w", stems), 3, false, nil, nil), nil, registry.ErrUnsupported, `part "w": `},
		"infinite weights": {with(func(c *risk.ModelConfig) {
			lr, err := c.Classifier.(*logreg.Model).Rescaled(infinite)
			if err != nil {
				t.Fatal(err)
			}
			c.Classifier = lr
		}), nil, registry.ErrUnsupported, "JSON"},
	} {
		files, err := pyfunc.Files(c.model, c.opts)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.mention) || files != nil {
			t.Errorf("%s: %d files, error %v, want %v with %q", name, len(files), err, c.want, c.mention)
		}
	}
}

func unionOf(t testing.TB, name string, x tfidf.Extractor) *tfidf.Union {
	t.Helper()
	u, err := tfidf.NewUnion(tfidf.Part{Name: name, Extractor: x})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestVersionFiles makes the files of a registered version.
func TestVersionFiles(t *testing.T) {
	ctx := t.Context()
	m := golden(t)
	data, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	reg := registry.New(registry.NewMem(), nil)
	v, err := reg.Register(ctx, "incident-risk", registry.Artifact{risk.ModelFile: data}, &registry.RegisterOptions{
		Schema: &registry.Schema{Inputs: []registry.Column{{Name: "report", Type: "string"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	read := func(file string) ([]byte, error) { return registry.ReadFile(ctx, reg, v, file) }
	for _, opts := range []*pyfunc.Options{nil, {RunID: "r"}, {Schema: &registry.Schema{}, Time: made}} {
		same := &pyfunc.Options{Schema: v.Schema, Time: v.CreatedAt}
		if opts != nil && opts.RunID != "" {
			same.RunID = opts.RunID
		}
		if opts != nil && opts.Schema != nil {
			same = opts
		}
		want, err := pyfunc.Files(m, same)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := pyfunc.VersionFiles(ctx, v, read, opts); err != nil || !maps.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("%+v: not the files of the model, error %v\n%s\nwant\n%s", opts, err, got["MLmodel"], want["MLmodel"])
		}
	}
	failed := errors.New("no disk")
	if _, err := pyfunc.VersionFiles(ctx, v, func(string) ([]byte, error) { return nil, failed }, nil); !errors.Is(err, failed) {
		t.Errorf("reading fails with %v, want %v", err, failed)
	}
	if _, err := pyfunc.VersionFiles(ctx, v, func(string) ([]byte, error) { return data[1:], nil }, nil); !errors.Is(err, risk.ErrModel) {
		t.Errorf("a broken model: %v, want %v", err, risk.ErrModel)
	}
	if _, err := pyfunc.VersionFiles(ctx, registry.Version{Model: "m", Number: 1}, read, nil); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a version without files: %v, want %v", err, registry.ErrNotFound)
	}
	for _, before := range []bool{true, false} {
		over, cancel := context.WithCancel(ctx)
		if before {
			cancel()
		}
		_, err := pyfunc.VersionFiles(over, v, func(file string) ([]byte, error) {
			if before {
				t.Error("read after the context was cancelled")
			}
			cancel()
			return read(file)
		}, nil)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled before %t: %v, want %v", before, err, context.Canceled)
		}
	}
}

// TestBrokenText says that a text with bytes that are not UTF-8 gives in Go what
// Python has for what comes of it on its way there.
func TestBrokenText(t *testing.T) {
	m := trained(t, &risk.TrainOptions{Folds: 2, C: 1, Features: &tfidf.Options{ShortWords: true, NGrams: [2]int{1, 2}}})
	for _, s := range broken {
		s += " " + usual(1, 1)[0].Text
		a, err := m.Score(t.Context(), risk.Document{Text: s})
		if err != nil {
			t.Fatal(err)
		}
		if b, err := m.Score(t.Context(), risk.Document{Text: repaired(s)}); err != nil || a.Score != b.Score {
			t.Errorf("%q has score %v, %q has %v, error %v", s, a.Score, repaired(s), b.Score, err)
		}
	}
}
