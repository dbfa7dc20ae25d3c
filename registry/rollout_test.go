package registry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/riskkit/riskkit/registry"
)

// three returns a registry with three versions, of which the first is in
// production.
func three(t testing.TB, s registry.Store) *registry.Log {
	t.Helper()
	log := registry.New(s, nil)
	for _, data := range []string{"a", "b", "c"} {
		register(t, log, data)
	}
	promote(t, log, 1)
	return log
}

func roll(t testing.TB, log *registry.Log, c registry.RolloutChange) *registry.Rollout {
	t.Helper()
	if _, err := log.Rollout(t.Context(), model, c); err != nil {
		t.Fatal(err)
	}
	s, err := log.State(t.Context(), model)
	if err != nil {
		t.Fatal(err)
	}
	return s.Rollout
}

func TestTakes(t *testing.T) {
	// Of scikit-learn, see docs/mlops.md: in june, customer 42 is in bucket 3548.
	const key, bucket = "customer 42", 3548
	for _, c := range []struct {
		rollout *registry.Rollout
		key     string
		tags    []string
		want    bool
	}{
		{nil, key, []string{"pilot"}, false},
		{&registry.Rollout{ID: "june"}, key, nil, false},
		{&registry.Rollout{ID: "june", BasisPoints: bucket}, key, nil, false},
		{&registry.Rollout{ID: "june", BasisPoints: bucket + 1}, key, nil, true},
		{&registry.Rollout{ID: "june", BasisPoints: 10000}, key, nil, true},
		{&registry.Rollout{ID: "june", BasisPoints: 10000}, "", nil, false},
		{&registry.Rollout{ID: "june", BasisPoints: 10000}, "", []string{"disk"}, false},
		{&registry.Rollout{ID: "june", Tags: []string{"intern", "pilot"}}, "", []string{"disk", "pilot"}, true},
		{&registry.Rollout{ID: "june", Tags: []string{"intern", "pilot"}}, key, []string{"Pilot", ""}, false},
		{&registry.Rollout{ID: "june", BasisPoints: 10000, Tags: []string{"pilot"}, Paused: true}, key, []string{"pilot"}, false},
		{&registry.Rollout{ID: "june", BasisPoints: 10000, Tags: []string{"pilot"}, Shadow: true}, key, []string{"pilot"}, false},
	} {
		if got := c.rollout.Takes(c.key, c.tags); got != c.want {
			t.Errorf("%v takes %q with tags %q: %v, want %v", c.rollout, c.key, c.tags, got, c.want)
		}
	}
}

// TestWidening widens a rollout step by step, pauses and resumes it, and moves
// no key out; two replicas agree on every key.
func TestWidening(t *testing.T) {
	store := registry.NewMem()
	log, replica := three(t, store), registry.New(store, nil)
	r := roll(t, log, registry.RolloutChange{Version: 2})
	in := map[string]bool{}
	for _, share := range []int{1, 100, 500, 2500, 5000, 9999, 10000} {
		roll(t, log, registry.RolloutChange{BasisPoints: new(share)})
		roll(t, log, registry.RolloutChange{Paused: new(true)})
		now := roll(t, log, registry.RolloutChange{Paused: new(false)})
		s, err := replica.State(t.Context(), model)
		if err != nil || now.ID != r.ID || now.BasisPoints != share {
			t.Fatal(now, err)
		}
		for i := range 20000 {
			key := fmt.Sprint("customer ", i)
			took := now.Takes(key, nil)
			if in[key] && !took || took != s.Rollout.Takes(key, nil) {
				t.Fatalf("at %d basis points %q is out again", share, key)
			}
			in[key] = took
		}
	}
	for key, took := range in {
		if !took {
			t.Fatalf("at all basis points %q is not in", key)
		}
	}
}

// TestRolloutIDs has IDs of the host's own, and others that differ.
func TestRolloutIDs(t *testing.T) {
	log := three(t, registry.NewMem())
	seen := map[string]bool{}
	for range 20 {
		r := roll(t, log, registry.RolloutChange{Version: 2})
		if len(r.ID) != 16 || seen[r.ID] {
			t.Errorf("ID %q, before it %v", r.ID, seen)
		}
		seen[r.ID] = true
		roll(t, log, registry.RolloutChange{Abort: true})
	}
	if r := roll(t, log, registry.RolloutChange{Version: 2, ID: "june"}); r.ID != "june" {
		t.Errorf("ID %q, want june", r.ID)
	}
	for _, c := range []registry.RolloutChange{
		{ID: "july"}, {ID: "july", BasisPoints: new(1)}, {Abort: true, BasisPoints: new(1)}, {Abort: true, Version: 2}, {BasisPoints: new(-1)}, {BasisPoints: new(10001)},
		{Tags: []string{""}}, {Tags: []string{"\xff"}}, {Tags: []string{strings.Repeat("a", 257)}}, {Tags: many(101)},
	} {
		if _, err := log.Rollout(t.Context(), model, c); !errors.Is(err, registry.ErrInput) {
			t.Errorf("%+v: error is %v", c, err)
		}
	}
	roll(t, log, registry.RolloutChange{Tags: many(100)})
	roll(t, log, registry.RolloutChange{Abort: true})
	for _, id := range []string{"a b", "-a", "a\x00", "ü", strings.Repeat("a", 129)} {
		if _, err := log.Rollout(t.Context(), model, registry.RolloutChange{Version: 2, ID: id}); !errors.Is(err, registry.ErrInput) {
			t.Errorf("ID %q: error is %v", id, err)
		}
	}
}

func many(n int) (tags []string) {
	for i := range n {
		tags = append(tags, fmt.Sprint(i))
	}
	return tags
}

// TestRolloutAt asks what was rolled out at a time, and in a copy.
func TestRolloutAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := registry.NewMem()
		log := three(t, store)
		began := time.Now()
		step := func(c registry.RolloutChange) {
			time.Sleep(time.Hour)
			roll(t, log, c)
		}
		step(registry.RolloutChange{Version: 2, BasisPoints: new(100)})
		step(registry.RolloutChange{BasisPoints: new(1000), Tags: []string{"pilot"}})
		step(registry.RolloutChange{Tags: []string{}})
		time.Sleep(time.Hour)
		promote(t, log, 3)
		copied := registry.NewMem()
		if _, err := registry.Copy(t.Context(), copied, store, nil); err != nil {
			t.Fatal(err)
		}
		for name, log := range map[string]*registry.Log{"original": log, "copy": registry.New(copied, nil)} {
			for after, want := range map[time.Duration]string{
				0: "no rollout", time.Hour: "version 2 to 1%", 2 * time.Hour: "version 2 to 10% and pilot", 3 * time.Hour: "version 2 to 10%", 4 * time.Hour: "no rollout",
			} {
				s, err := log.At(t.Context(), model, began.Add(after))
				if err != nil || s.Rollout.String() != want {
					t.Errorf("%s, after %v there was %v, error %v, want %s", name, after, s.Rollout, err, want)
				}
				if s != nil && s.Rollout != nil && !s.Rollout.Started.Equal(began.Add(time.Hour)) {
					t.Errorf("%s, after %v it had started at %v", name, after, s.Rollout.Started)
				}
			}
		}
	})
}

// TestRolloutSnapshot folds rollouts from a snapshot as from the first event on,
// and Retain leaves the version of one alone.
func TestRolloutSnapshot(t *testing.T) {
	mem := registry.NewMem()
	log := registry.New(mem, nil)
	busy(t, log, 400)
	roll(t, log, registry.RolloutChange{Version: 3, ID: "june", BasisPoints: new(100), Tags: []string{"pilot", "intern"}, Shadow: new(true)})
	busyTags(t, log, 200)
	want, err := log.At(t.Context(), model, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	got, err := registry.New(counting{mem, &read}, nil).State(t.Context(), model)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(registry.State{}, registry.ApprovalKey{}), cmpopts.EquateEmpty()); diff != "" || got.Rollout == nil || read > 300 {
		t.Errorf("%d events were read, the rollout is %v: %s", read, got.Rollout, diff)
	}
	if _, err := log.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	report, err := log.Retain(t.Context(), registry.Retention{Versions: 1, Rollbacks: 1})
	if err != nil || len(report.Archived) == 0 {
		t.Fatal(report, err)
	}
	if s, err := log.State(t.Context(), model); err != nil || s.Rollout == nil || s.Versions[2].Stage == registry.Archived {
		t.Errorf("after Retain there is %v, error %v", s.Rollout, err)
	}
}

// busyTags appends n events that move nothing.
func busyTags(t testing.TB, log *registry.Log, n int) {
	t.Helper()
	for i := range n {
		if _, err := log.Annotate(t.Context(), model, registry.Annotation{Version: 1, Tags: map[string]string{"n": fmt.Sprint(i)}}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestForgedRollouts appends events that no Log writes, under their right hash.
func TestForgedRollouts(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"as it was", "", "", ""},
		{"another version inside", `"rollout":{"id":"june","version":2`, `"rollout":{"id":"june","version":3`, "has the rollout"},
		{"a share above all", `"basis_points":500`, `"basis_points":10500`, "cannot be"},
		{"a bad ID", `"id":"june"`, `"id":"ju ne"`, "cannot be"},
		{"tags out of order", `["a","b"]`, `["b","a"]`, "cannot be"},
		{"a time of its own", `"tags"`, `"started":"2026-01-01T00:00:00Z","tags"`, "has the rollout"},
		{"no rollout", `"rollout":{`, `"other":{`, "has the rollout no rollout"},
		{"a change of none", `rollout_started`, `rollout_changed`, "has the rollout"},
		{"an abort of none", `rollout_started`, `rollout_aborted`, "aborts a rollout"},
		{"of what is in production", `"version":2`, `"version":1`, "in production"},
		{"of no version", `"version":2`, `"version":0`, "version 0"},
		{"a change to another ID", `"rollout_changed","model":"incident-risk","version":2,"rollout":{"id":"june"`, `"rollout_changed","model":"incident-risk","version":2,"rollout":{"id":"july"`, "has the rollout"},
		{"a change to another version", `"rollout_changed","model":"incident-risk","version":2,"rollout":{"id":"june","version":2`, `"rollout_changed","model":"incident-risk","version":3,"rollout":{"id":"june","version":3`, "has the rollout"},
		{"a start of the second", `"rollout_changed"`, `"rollout_started"`, "has the rollout"},
	} {
		source := registry.NewMem()
		log := three(t, source)
		roll(t, log, registry.RolloutChange{Version: 2, ID: "june", BasisPoints: new(500), Tags: []string{"b", "a"}})
		kind := "rollout_started"
		if strings.Contains(c.old, "rollout_changed") {
			kind = "rollout_changed"
			roll(t, log, registry.RolloutChange{BasisPoints: new(600)})
		}
		forged := registry.NewMem()
		seq := int64(0)
		for event, err := range source.Events(t.Context(), model, 1) {
			if err != nil {
				t.Fatal(err)
			}
			seq++
			if raw := event[len(`{"format":1,"event":`):bytes.LastIndex(event, []byte(`,"hash"`))]; bytes.Contains(raw, []byte(kind)) {
				if !bytes.Contains(raw, []byte(c.old)) {
					t.Fatalf("%s: %s has no %s", c.name, raw, c.old)
				}
				if c.old != "" {
					raw = bytes.ReplaceAll(raw, []byte(c.old), []byte(c.new))
				}
				event = fmt.Appendf(nil, "{\"format\":1,\"event\":%s,\"hash\":\"%v\"}\n", raw, registry.DigestOf(raw))
			}
			if err := forged.Append(t.Context(), model, seq, event); err != nil {
				t.Fatal(err)
			}
		}
		_, err := registry.New(forged, nil).State(t.Context(), model)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, registry.ErrCorrupt) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error is %v, want %q", c.name, err, c.want)
		}
	}
}

// FuzzEvidence gives any bytes as evidence: what is kept is the same JSON.
func FuzzEvidence(f *testing.F) {
	log := three(f, registry.NewMem())
	for _, s := range []string{`{"verdict": "pass"}`, "null", " 1e400 ", `"\u2028` + "\u2028<\"", "\"\xff\"", strings.Repeat("[", 10000) + strings.Repeat("]", 10000), "1,2"} {
		f.Add([]byte(s))
	}
	n := 1
	f.Fuzz(func(t *testing.T, evidence []byte) {
		next := 3 - n
		e, err := log.Move(t.Context(), model, registry.Move{Version: next, To: registry.Production, Evidence: evidence})
		if err != nil {
			if !errors.Is(err, registry.ErrInput) {
				t.Fatal(err)
			}
			return
		}
		n = next
		var want bytes.Buffer
		if len(evidence) > 0 {
			if err := json.Compact(&want, evidence); err != nil {
				t.Fatal(err)
			}
		}
		if want.String() != string(e.Evidence) {
			t.Fatalf("evidence is %q, want %q", e.Evidence, want.String())
		}
	})
}
