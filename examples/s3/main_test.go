package main

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the expected output anew")

const golden = "testdata/output.txt"

// TestOutput wants the same output every time.
func TestOutput(t *testing.T) {
	for range 2 {
		var b bytes.Buffer
		if err := start(t.Context(), &b, ""); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.String(); got != string(want) {
			t.Errorf("output is\n%s\nwant\n%s", got, want)
		}
	}
}

// TestAddress runs the example twice in the same bucket, opened by its address.
func TestAddress(t *testing.T) {
	s, err := serve()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	t.Setenv("AWS_ACCESS_KEY_ID", "nobody")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "checks-this")
	address := "s3://" + bucketName + "?region=us-east-1&use_path_style=true&disable_https=true&endpoint=http://" + s.listener.Addr().String()
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	// The times are of now.
	plain := func(s string) string {
		return regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`).ReplaceAllString(s, "")
	}
	for range 2 {
		var b bytes.Buffer
		if err := start(t.Context(), &b, address); err != nil {
			t.Fatal(err)
		}
		first, rest, _ := strings.Cut(b.String(), "\n")
		if !strings.HasPrefix(first, "The registry is in s3://models/riskkit-example-") || strings.Contains(b.String(), "checks-this") {
			t.Errorf("output begins with %q", first)
		}
		if plain(rest) != plain(string(want)) {
			t.Errorf("output is\n%s\nwant\n%s", rest, want)
		}
	}
}
