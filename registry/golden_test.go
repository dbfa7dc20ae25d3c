package registry_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/riskkit/riskkit/registry"
)

var update = flag.Bool("update", false, "write testdata/format2, testdata/rollout and the snapshots anew")

// TestOldFormats reads registries that older versions of this package wrote.
// What is in format1 was written before there were aliases, keys and
// signatures.
func TestOldFormats(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	if *update {
		writeFormat2(t, key)
		writeRollout(t)
	}
	for format, want := range map[string]string{
		"format1": "7 events, production 1, staging none, archived 3, latest 3",
		"format2": "10 events, production 2, staging none, champion 1, latest 3",
		"rollout": "11 events, production 1, staging none, rollout version 3 to 2.5% and pilot, latest 3",
	} {
		s, err := registry.OpenDir(filepath.Join("testdata", format), nil)
		if err != nil {
			t.Fatal(err)
		}
		o := &registry.LogOptions{}
		if format == "format2" {
			o.Trusted = []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}
		}
		log := registry.New(s, o)
		report, err := log.Verify(t.Context(), nil)
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		state, err := log.State(t.Context(), "incident-risk")
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%d events", report.Events)
		for _, stage := range []registry.Stage{registry.Production, registry.Staging} {
			if v, ok := state.In(stage); ok {
				got += fmt.Sprintf(", %s %d", stage, v.Number)
			} else {
				got += fmt.Sprintf(", %s none", stage)
			}
		}
		for _, v := range state.Versions {
			if v.Stage == registry.Archived {
				got += fmt.Sprintf(", archived %d", v.Number)
			}
		}
		if n, ok := state.Aliases["champion"]; ok {
			got += fmt.Sprintf(", champion %d", n)
		}
		if state.Rollout != nil {
			got += fmt.Sprintf(", rollout %v", state.Rollout)
		}
		snapshot := filepath.Join("testdata", format+".snapshot")
		if *update {
			if err := os.WriteFile(snapshot, registry.EncodeState(state), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		// Events vouch for the bytes of snapshots, so these stay what they were.
		if was, err := os.ReadFile(snapshot); err != nil || !bytes.Equal(was, registry.EncodeState(state)) {
			t.Errorf("%s: the snapshot has other bytes, error %v", format, err)
		} else if again, err := registry.DecodeState(was); err != nil {
			t.Errorf("%s: %v", format, err)
		} else if diff := cmp.Diff(state, again, cmp.AllowUnexported(registry.State{}, registry.ApprovalKey{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", format, diff)
		}
		latest, err := state.Resolve("latest")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got+fmt.Sprintf(", latest %d", latest.Number)); diff != "" {
			t.Errorf("%s: %s", format, diff)
		}
		if data, err := registry.ReadFile(t.Context(), log, latest, "model.bin"); err != nil || string(data) != "weights 3" {
			t.Errorf("%s: model is %q, error %v", format, data, err)
		}
	}
}

// writeFormat2 writes a registry with all that an event can have.
func writeFormat2(t *testing.T, key ed25519.PrivateKey) {
	t.Helper()
	log, done := openGolden(t, "format2", &registry.LogOptions{Signer: key})
	defer done()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		must(log.Register(t.Context(), "incident-risk", registry.Artifact{"model.bin": fmt.Appendf(nil, "weights %d", i+1)}, &registry.RegisterOptions{
			Actor: "training", Key: fmt.Sprint("run ", i), Lineage: &registry.Lineage{Data: "sha256:5b9c", Parent: i},
			Schema: &registry.Schema{Inputs: []registry.Column{{Name: "text", Type: "string"}}},
		}))
	}
	must(log.Move(t.Context(), "incident-risk", registry.Move{Version: 1, To: registry.Production, Actor: "ann"}))
	must(log.Move(t.Context(), "incident-risk", registry.Move{Version: 1, Alias: "champion", Actor: "ann"}))
	must(log.Protect(t.Context(), "incident-risk", registry.Protection{Stage: registry.Production, Actor: "ann"}))
	must(log.Approve(t.Context(), "incident-risk", registry.Approval{Version: 2, Stage: registry.Production, Actor: "bob"}))
	must(log.Move(t.Context(), "incident-risk", registry.Move{Version: 2, To: registry.Production, Actor: "ann"}))
	must(log.Annotate(t.Context(), "incident-risk", registry.Annotation{Version: 2, Description: "größer <als> zuvor", Tags: map[string]string{"seen": "yes"}}))
	must(log.Move(t.Context(), "incident-risk", registry.Move{Version: 1, Alias: "canary", Actor: "ann"}))
}

// writeRollout writes a registry with rollouts and evidence.
func writeRollout(t *testing.T) {
	t.Helper()
	log, done := openGolden(t, "rollout", &registry.LogOptions{})
	defer done()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		must(log.Register(t.Context(), "incident-risk", registry.Artifact{"model.bin": fmt.Appendf(nil, "weights %d", i+1)}, nil))
	}
	must(log.Move(t.Context(), "incident-risk", registry.Move{Version: 1, To: registry.Production, Actor: "ann", Evidence: json.RawMessage(`{"verdict":"pass"}`)}))
	for _, c := range []registry.RolloutChange{
		{Version: 2, ID: "june", Shadow: new(true), Actor: "ann"},
		{Shadow: new(false), BasisPoints: new(100), Actor: "ann", Evidence: json.RawMessage(`{"verdict":"pass","n":4096}`)},
		{Paused: new(true), Actor: "bob", Reason: "alarms"},
		{Abort: true, Actor: "bob"},
		{Version: 3, Tags: []string{"pilot"}, Actor: "ann"},
		{BasisPoints: new(500), Actor: "ann"},
		{BasisPoints: new(250), Actor: "ann"},
	} {
		must(log.Rollout(t.Context(), "incident-risk", c))
	}
}

// openGolden returns an empty registry in testdata, whose clock goes on by an
// hour an event, and what tidies it up.
func openGolden(t *testing.T, format string, o *registry.LogOptions) (*registry.Log, func()) {
	t.Helper()
	dir := filepath.Join("testdata", format)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	s, err := registry.OpenDir(dir, &registry.DirOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, time.November, 24, 8, 0, 0, 0, time.UTC)
	o.Now = func() time.Time { now = now.Add(time.Hour); return now }
	return registry.New(s, o), func() {
		for _, empty := range []string{"tmp", "locks"} {
			if err := os.RemoveAll(filepath.Join(dir, empty)); err != nil {
				t.Error(err)
			}
		}
	}
}
