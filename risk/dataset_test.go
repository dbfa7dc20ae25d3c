package risk_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/risk"
)

func dataset(data string, opts *risk.DatasetOptions) *risk.Dataset {
	return risk.NewDataset("data.jsonl", func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(data)), nil }, opts)
}

func zipped(t testing.TB, data string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const good = `{"id":"1","text":"disk full","label":"low","tags":["disk"],"created_at":"2025-09-01T06:00:00Z"}`

func TestDataset(t *testing.T) {
	long := `{"text":"` + strings.Repeat("x", risk.MaxLine) + `","label":"low"}`
	full := `{"text":"` + strings.Repeat("x", risk.MaxLine-25) + `","label":"low"}` // 1 MiB and no byte more
	if len(full) != risk.MaxLine {
		t.Fatal(len(full))
	}
	for name, c := range map[string]struct {
		line   string
		reason string // empty for a good line
		opts   risk.DatasetOptions
	}{
		"good":              {line: `{"id":"2","text":"disk full","label":"high"}`},
		"unknown field":     {line: `{"id":"2","text":"disk full","label":"high","extra":1}`},
		"no id":             {line: `{"text":"disk full","label":"high"}`},
		"other script":      {line: `{"text":"数据库","label":"high"}`},
		"full":              {line: full},
		"not JSON":          {line: `{"text":"disk`, reason: "not JSON of an incident: unexpected end"},
		"not an object":     {line: `[1]`, reason: "not JSON of an incident"},
		"wrong type":        {line: `{"id":3,"text":"disk full","label":"high"}`, reason: "not JSON of an incident"},
		"wrong time":        {line: `{"text":"disk full","label":"high","created_at":"soon"}`, reason: "not JSON of an incident"},
		"two on a line":     {line: `{"text":"a","label":"low"}{"text":"b","label":"low"}`, reason: "not JSON of an incident"},
		"unknown label":     {line: `{"text":"disk full","label":"High"}`, reason: `unknown label: "High", want one of`},
		"no label":          {line: `{"text":"disk full"}`, reason: "no label"},
		"unlabelled":        {line: `{"text":"disk full"}`, opts: risk.DatasetOptions{Unlabelled: true}},
		"unlabelled, wrong": {line: `{"text":"disk full","label":"x"}`, opts: risk.DatasetOptions{Unlabelled: true}, reason: "unknown label"},
		"other scale":       {line: `{"text":"disk full","label":"x"}`, opts: risk.DatasetOptions{Scale: risk.Scale{"x", "low"}}},
		"no text":           {line: `{"label":"high"}`, reason: "empty text"},
		"white text":        {line: `{"text":" \t\n ","label":"high"}`, reason: "empty text"},
		"not UTF-8":         {line: "{\"text\":\"disk \xff\",\"label\":\"high\"}", reason: "not UTF-8"},
		"too long":          {line: long, reason: "over 1 MiB"},
		"duplicate":         {line: `{"id":"1","text":"disk full","label":"high"}`, reason: `duplicate id: "1", first in line 1`},
	} {
		for _, ending := range []string{"", "\n", "\r\n", "\n\n \n"} {
			data := good + "\n" + c.line + ending
			for _, data := range []string{data, zipped(t, data)} {
				d := dataset(data, &c.opts)
				all, err := risk.Collect(d.Examples())
				if c.reason == "" {
					if err != nil || len(all) != 2 || d.Skipped().Lines != 0 {
						t.Errorf("%s: %d examples, error %v", name, len(all), err)
					}
					continue
				}
				var bad *risk.LineError
				if !errors.As(err, &bad) || bad.File != "data.jsonl" || bad.Line != 2 || !strings.HasPrefix(bad.Reason, c.reason) {
					t.Errorf("%s: error is %v, want line 2, %q", name, err, c.reason)
				}
				opts := c.opts
				opts.SkipBad = true
				d = dataset(data+"\n"+`{"text":"after","label":"low"}`, &opts)
				if data[0] == '\x1f' {
					continue
				}
				for range 2 { // each pass counts anew
					all, err = risk.Collect(d.Examples())
					if err != nil || len(all) != 2 || all[1].Text != "after" || d.Skipped().Lines != 1 || d.Skipped().First[0].Line != 2 {
						t.Errorf("%s, skipped: %d examples, skipped %+v, error %v", name, len(all), d.Skipped(), err)
					}
				}
			}
		}
	}
}

func TestDatasetSkipped(t *testing.T) {
	var b strings.Builder
	for i := range 30 {
		fmt.Fprintf(&b, "{\"text\":\"a\",\"label\":\"low\"}\n{\"text\":\"\",\"label\":\"low\"}\n")
		if i%2 == 0 {
			b.WriteString("nonsense\n")
		}
	}
	d := dataset(b.String(), &risk.DatasetOptions{SkipBad: true})
	all, err := risk.Collect(d.Examples())
	s := d.Skipped()
	if err != nil || len(all) != 30 || s.Lines != 45 || len(s.First) != 10 {
		t.Errorf("%d examples, skipped %+v, error %v", len(all), s, err)
	}
	if diff := cmp.Diff(map[string]int{"empty text": 30, "not JSON of an incident": 15}, s.Reasons); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

func TestDatasetStops(t *testing.T) {
	whole := zipped(t, strings.Repeat(`{"text":"disk full","label":"low"}`+"\n", 1000))
	for name, data := range map[string]string{
		"cut":     whole[:len(whole)-20],
		"damaged": whole[:len(whole)-6] + "\x00\x00" + whole[len(whole)-4:],
		"no gzip": "\x1f\x8b\xff\xff",
	} {
		// What cannot be read cannot be skipped.
		_, err := risk.Collect(dataset(data, &risk.DatasetOptions{SkipBad: true}).Examples())
		if err == nil || !strings.Contains(err.Error(), "data.jsonl") {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if _, err := risk.Collect(risk.DatasetFile(filepath.Join(t.TempDir(), "missing"), nil).Examples()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: error is %v", err)
	}
	for range dataset(good, nil).Examples() {
		break
	}
	if all, err := risk.Collect(dataset("\ufeff"+good, nil).Examples()); err != nil || len(all) != 1 {
		t.Errorf("a byte order mark: %d examples, error %v", len(all), err)
	}
	d := dataset(good+"\n"+good+"\n"+good, &risk.DatasetOptions{SkipBad: true})
	if _, err := risk.Collect(d.Examples()); err != nil || d.Skipped().Lines != 2 || !strings.Contains(d.Skipped().First[1].Error(), "first in line 1") {
		t.Errorf("three of one id: skipped %+v, error %v", d.Skipped(), err)
	}
	for _, data := range []string{"", "\n\n"} {
		if all, err := risk.Collect(dataset(data, nil).Examples()); err != nil || len(all) != 0 {
			t.Errorf("an empty file has %d examples, error %v", len(all), err)
		}
	}
}

func TestDatasetFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "data.jsonl.gz")
	if err := os.WriteFile(name, []byte(zipped(t, good)), 0o600); err != nil {
		t.Fatal(err)
	}
	d := risk.DatasetFile(name, nil)
	for range 2 {
		all, err := risk.Collect(d.Examples())
		if err != nil || len(all) != 1 || all[0].ID != "1" || all[0].Tags[0] != "disk" || all[0].CreatedAt.Year() != 2025 {
			t.Errorf("examples %+v, error %v", all, err)
		}
	}
}

// FuzzDataset reads anything: with and without skipping, what is good before
// the first bad line must be the same, and nothing may be lost.
func FuzzDataset(f *testing.F) {
	f.Add([]byte(good + "\n" + good + "\n{}\n"))
	f.Add([]byte(zipped(f, good)))
	f.Add([]byte("\xff\n\n{\"text\":\"a\",\"label\":\"low\"}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		strict := 0
		var err error
		for _, err = range dataset(string(data), nil).Examples() {
			if err == nil {
				strict++
			}
		}
		d := dataset(string(data), &risk.DatasetOptions{SkipBad: true})
		lenient := 0
		for x, err := range d.Examples() {
			if err == nil {
				lenient++
				if strings.TrimSpace(x.Text) == "" || x.Label == "" {
					t.Fatalf("example %+v", x)
				}
			}
		}
		if lenient < strict || err == nil && (lenient != strict || d.Skipped().Lines != 0) {
			t.Fatalf("%d examples, with skipping %d, skipped %d, error %v", strict, lenient, d.Skipped().Lines, err)
		}
	})
}
