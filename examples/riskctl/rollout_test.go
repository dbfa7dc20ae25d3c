package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/riskkit/riskkit/registry"
)

// TestRollout starts, widens, pauses, resumes, aborts and promotes.
func TestRollout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "registry")
	store, err := registry.OpenDir(dir, &registry.DirOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{"a", "b", "c"} {
		if _, err := registry.New(store, nil).Register(t.Context(), "incident-risk", registry.Artifact{"model.bin": []byte(data)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	verdict, bad := filepath.Join(t.TempDir(), "verdict.json"), filepath.Join(t.TempDir(), "bad.json")
	for file, data := range map[string]string{verdict: "{\n  \"verdict\": \"pass\"\n}\n", bad: "pass"} {
		if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"promote -version 1", 0, "version 1 of incident-risk is in production\n"},
		{"rollout", 0, "nothing of incident-risk is rolled out\n"},
		{"rollout -percent 5", 1, "no rollout"},
		{"rollout -version 1 -percent 5", 1, "is in production"},
		{"rollout -version 2 -percent 101", 2, "-percent"},
		{"rollout -version 2 -percent 0.001", 2, "-percent"},
		{"rollout -version 2 -percent NaN", 2, "-percent"},
		{"rollout -pause -resume", 2, "-resume"},
		{"rollout -version 2 -shadow -expect 0 -id june", 0, "incident-risk is rolled out: version 2 to 0%, in shadow\n"},
		{"rollout -version 3", 1, "rollout already"},
		{"rollout -shadow=false -percent 0.29 -tags pilot,intern -evidence " + verdict, 0, "incident-risk is rolled out: version 2 to 0.29% and intern, pilot\n"},
		{"rollout", 0, "0.29"},
		{"rollout -json", 0, `"basis_points":29`},
		{"rollout -percent 10 -expect 3", 1, "-expect"},
		{"rollout -percent 10 -expect 2 -tags=", 0, "incident-risk is rolled out: version 2 to 10%\n"},
		{"rollout -pause", 0, "incident-risk is rolled out: version 2 to 10%, paused\n"},
		{"versions", 0, "2        rollout"},
		{"rollout -resume", 0, "incident-risk is rolled out: version 2 to 10%\n"},
		{"history", 0, "version 2 to 0.29% and intern, pilot"},
		{"history -json", 0, `"evidence":{"verdict":"pass"}`},
		{"rollout -abort -evidence " + bad, 1, "not JSON"},
		{"rollout -abort -evidence nowhere", 1, "nowhere"},
		{"rollout -abort", 0, "the rollout of version 2 of incident-risk is aborted\n"},
		{"rollout -abort", 1, "no rollout"},
		{"rollout -version 2 -percent 100 -json", 0, `"kind":"rollout_started"`},
		{"promote -version 2 -json -evidence " + verdict, 0, `"evidence":{"verdict":"pass"}`},
		{"rollout", 0, "nothing of incident-risk is rolled out\n"},
		{"verify", 0, "12 events"},
	} {
		args := strings.Fields(c.args)
		place := []string{args[0], "-registry", dir}
		code, out, errs := call(t, "", append(place, args[1:]...)...)
		if code != c.code || code == 0 && !strings.Contains(out, c.want) || code != 0 && !strings.Contains(errs, c.want) {
			t.Errorf("%s: status %d, out %q, err %q, want %d and %q", c.args, code, out, errs, c.code, c.want)
		}
	}
}
