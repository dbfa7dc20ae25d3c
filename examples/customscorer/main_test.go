package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "high 0.80 by ml 1\n"; got != want {
		t.Errorf("it prints %q, want %q", got, want)
	}
}
