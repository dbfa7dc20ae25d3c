package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/riskkit/riskkit/registry"
)

// TestUpkeep moves aliases, has a promotion approved, and verifies, copies and
// retains.
func TestUpkeep(t *testing.T) {
	dir, other := filepath.Join(t.TempDir(), "registry"), filepath.Join(t.TempDir(), "copy")
	store, err := registry.OpenDir(dir, &registry.DirOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if _, err := registry.New(store, nil).Register(t.Context(), "incident-risk", registry.Artifact{"model.bin": fmt.Append(nil, i)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"alias -alias champion -version 2 -expect 0", 0, "version 2 of incident-risk is champion\n"},
		{"alias -alias champion -version 1 -expect 2", 0, "version 1 of incident-risk is champion, in the place of version 2\n"},
		{"alias -alias champion -version 2 -expect 2", 1, "holds version 1"},
		{"alias -version 2", 2, "-alias"},
		{"promote -version 1 -actor ann", 0, "version 1 of incident-risk is in production\n"},
		{"protect -stage production -actor ann", 0, "production of incident-risk is protected\n"},
		{"protect -stage nowhere", 1, "nowhere"},
		{"promote -version 2 -actor ann", 1, "is protected"},
		{"approve -stage production -version 2 -actor bob", 0, "bob approves version 2 of incident-risk for production\n"},
		{"promote -version 2 -actor ann", 0, "version 2 of incident-risk is in production, in the place of version 1\n"},
		{"verify", 0, "all is as it was written: 1 models, 11 events (0 signed), 5 versions, 5 files of 5 bytes\n"},
		{"copy -to " + other, 0, "1 models: 11 events and 5 blobs of 5 bytes are new in the copy\n"},
		{"copy -to " + other, 0, "1 models: 0 events and 0 blobs of 0 bytes are new in the copy\n"},
		{"copy", 2, "-to"},
		{"retain -versions 1 -grace 1ns -dry-run", 0, "version 3 would be archived\nversion 4 would be archived\nversion 3 would be collected\nversion 4 would be collected\n2 blobs of 2 bytes would be deleted, 0 temporary files\n"},
		{"retain -versions 1 -grace 1ns", 0, "version 3 archived\nversion 4 archived\nversion 3 collected\nversion 4 collected\n2 blobs of 2 bytes deleted, 0 temporary files\n"},
		{"retain -versions 0", 2, "-versions"},
		{"verify -json", 0, `"files":3`},
	} {
		time.Sleep(time.Millisecond) // so that the blobs are old enough
		args := strings.Fields(c.args)
		args = append([]string{args[0], "-registry", dir, "-model", "incident-risk"}, args[1:]...)
		if args[0] == "copy" {
			args = append([]string{"copy", "-registry", dir}, strings.Fields(c.args)[1:]...)
		}
		code, out, errs := call(t, "", args...)
		if code != c.code || code == 0 && !strings.HasSuffix(c.want, "\n") && !strings.Contains(out, c.want) ||
			code == 0 && strings.HasSuffix(c.want, "\n") && out != c.want || code != 0 && !strings.Contains(errs, c.want) {
			t.Errorf("%s: status %d, out %q, err %q, want %d and %q", c.args, code, out, errs, c.code, c.want)
		}
	}
	if out := must(t, "", "versions", "-registry", dir, "-at", time.Now().Add(time.Hour).Format(time.RFC3339)); strings.Count(out, "\n") != 6 {
		t.Errorf("versions -at prints\n%s", out)
	}
	if code, _, errs := call(t, "", "versions", "-registry", dir, "-at", "yesterday"); code != 2 || !strings.Contains(errs, "-at") {
		t.Errorf("versions -at yesterday ended with %d: %s", code, errs)
	}
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs", "*", "*"))
	if err != nil || len(blobs) != 3 {
		t.Fatal(blobs, err)
	}
	if err := os.WriteFile(blobs[0], []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := call(t, "", "verify", "-registry", dir); code != 1 || !strings.Contains(errs, "model.bin of version") || !strings.Contains(errs, "byte 0") {
		t.Errorf("verify of damage ended with %d: %s", code, errs)
	}
}
