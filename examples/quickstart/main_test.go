package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/corpus"
)

var update = flag.Bool("update", false, "write the data and the expected output anew")

// golden compares got with a file, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// TestData holds the embedded incidents against what made them.
func TestData(t *testing.T) {
	for name, incidents := range map[string][]corpus.Incident{
		"incidents.jsonl": corpus.Usual(1, 480),
		"usual.jsonl":     corpus.Usual(2, 240),
		"shifted.jsonl":   corpus.Shifted(3, 240),
	} {
		var b bytes.Buffer
		for _, x := range incidents {
			if err := json.NewEncoder(&b).Encode(x); err != nil {
				t.Fatal(err)
			}
		}
		golden(t, filepath.Join("data", name), b.Bytes())
	}
}

// TestRun wants the same output every time.
func TestRun(t *testing.T) {
	for range 2 {
		var b bytes.Buffer
		if err := run(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", "output.txt"), b.Bytes())
	}
}
