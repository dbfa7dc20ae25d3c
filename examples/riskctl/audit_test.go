package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/audit"
)

// TestAudit prints a log of two writers, verifies it, and finds what was changed.
func TestAudit(t *testing.T) {
	root := filepath.Join(t.TempDir(), "audit")
	dir, err := audit.OpenDir(root, &audit.DirOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	public, private, err := ed25519.GenerateKey(bytes.NewReader(make([]byte, 64)))
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for w, name := range []string{"web-1", "web-2"} {
		log, err := audit.Open(t.Context(), dir, name, &audit.Options{Config: "c" + name, Signer: private})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			log.Scored(t.Context(), &risk.Scored{
				Document:   risk.Document{ID: fmt.Sprintf("INC-%d-%d", w, i)},
				Assessment: risk.Assessment{Score: 0.25, Level: "low"}, Time: day.AddDate(0, 0, i).Add(time.Duration(w) * time.Hour),
			})
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	at := []string{"audit", "-log", root}
	printed := func(args ...string) (ids []string) {
		t.Helper()
		for line := range strings.Lines(must(t, "", append(at, args...)...)) {
			r := decode[map[string]any](t, line)
			ids = append(ids, fmt.Sprint(r["event"], " ", r["id"], " ", r["config"]))
		}
		return ids
	}
	if got := printed("-kinds", "scored", "-from", "2026-03-03", "-to", "2026-03-04T00:30:00Z"); strings.Join(got, "; ") !=
		"web-1/3 INC-0-1 cweb-1; web-2/3 INC-1-1 cweb-2; web-1/4 INC-0-2 cweb-1" {
		t.Errorf("printed %q", got)
	}
	if got := printed("-writers", "web-2"); len(got) != 5 {
		t.Errorf("printed %q", got)
	}
	checkpoint := filepath.Join(t.TempDir(), "kept.json")
	text, err := os.ReadFile(filepath.Join(root, "web-1", "checkpoint.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(checkpoint, text, 0o600); err != nil {
		t.Fatal(err)
	}
	key := base64.StdEncoding.EncodeToString(public)
	if out := must(t, "", append(at, "-verify", "-checkpoint", checkpoint, "-trust", key)...); !strings.HasSuffix(out, "all is as it was written\n") || strings.Count(out, "sealed") != 2 {
		t.Errorf("verify prints %s", out)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"audit"}, 2, "-log"},
		{append(at, "-from", "yesterday"), 2, "yesterday"},
		{append(at, "-verify", "-trust", "AAAA"), 2, "32"},
		{append(at, "-verify", "-trust", base64.StdEncoding.EncodeToString(make([]byte, 32))), 1, "untrusted"},
		{[]string{"audit", "-log", root + "x"}, 1, "no such"},
	} {
		if code, _, errs := call(t, "", c.args...); code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%q ended with %d: %s", c.args, code, errs)
		}
	}
	segment := filepath.Join(root, "web-2", "00000000000000000001.jsonl")
	text, err = os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("0.25"), []byte("0.75"), 1)
	if err := os.WriteFile(segment, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := call(t, "", append(at, "-verify")...); code != 1 || !strings.Contains(errs, `segment 1 of writer "web-2", record 2`) {
		t.Errorf("after a change it ended with %d: %s", code, errs)
	}
}
