package registry_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/riskkit/riskkit/registry"
)

// TestRetain has thirty versions, of which some are needed, and two models that
// share files.
func TestRetain(t *testing.T) {
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) {
			store, err := open()
			if err != nil {
				t.Fatal(err)
			}
			now := time.Now()
			log := registry.New(store, &registry.LogOptions{Now: func() time.Time { return now }})
			for i := range 30 {
				register(t, log, fmt.Sprint("model ", i+1)) // the last is in staging
			}
			other, err := log.Register(t.Context(), "other", registry.Artifact{"same.bin": []byte("model 9")}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{3, 5, 7, 8} {
				promote(t, log, n)
			}
			if _, err := log.Move(t.Context(), model, registry.Move{Alias: "champion", Version: 11}); err != nil {
				t.Fatal(err)
			}
			if _, err := log.Move(t.Context(), model, registry.Move{Version: 1, To: registry.Archived}); err != nil {
				t.Fatal(err)
			}
			r := registry.Retention{Versions: 15, Rollbacks: 2, Archived: time.Hour, Age: time.Minute, Actor: "janitor", Reason: "old"}
			retain := func(r registry.Retention, archived, collected []int, blobs int) {
				t.Helper()
				for _, dry := range []bool{true, false} {
					before, err := log.State(t.Context(), model)
					if err != nil {
						t.Fatal(err)
					}
					r.DryRun = dry
					report, err := log.Retain(t.Context(), r)
					if err != nil {
						t.Fatal(err)
					}
					versions := func(events []registry.Event) (all []int) {
						for _, e := range events {
							all = append(all, e.Version)
						}
						return all
					}
					if !slices.Equal(versions(report.Archived), archived) || !slices.Equal(versions(report.Collected), collected) || report.Blobs != blobs {
						t.Errorf("dry run %v: archived %v, collected %v and %d blobs, want %v, %v, %d", dry,
							versions(report.Archived), versions(report.Collected), report.Blobs, archived, collected, blobs)
					}
					if after, err := log.State(t.Context(), model); err != nil || dry && after.Seq != before.Seq {
						t.Errorf("dry run %v: %d events were added, error %v", dry, after.Seq-before.Seq, err)
					}
					if _, err := log.Verify(t.Context(), nil); err != nil {
						t.Error(err)
					}
				}
			}
			// Needed are 5, 7, 8 (production and two rollbacks), 11 (champion),
			// and the newest 15, from 16 on. All are too young at first.
			retain(r, nil, nil, 0)
			now = now.Add(2 * time.Minute)
			old := []int{2, 3, 4, 6, 9, 10, 12, 13, 14, 15}
			retain(r, old, nil, 0)
			now = now.Add(time.Hour)
			// Their files are given up, but the blobs are not old enough.
			retain(r, nil, append([]int{1}, old...), 0)
			now = now.Add(23 * time.Hour)
			// Of the eleven, one is also the other model's.
			retain(r, nil, nil, 10)
			retain(r, nil, nil, 0)
			s, err := log.State(t.Context(), model)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range s.Versions {
				_, err := registry.ReadFile(t.Context(), log, v, "model.bin")
				if gone := slices.Contains(old, v.Number) || v.Number == 1; gone != errors.Is(err, registry.ErrNotFound) || gone != v.Collected || !gone && err != nil {
					t.Errorf("version %d: collected %v, error %v", v.Number, v.Collected, err)
				}
			}
			if data, err := registry.ReadFile(t.Context(), log, other, "same.bin"); err != nil || string(data) != "model 9" {
				t.Errorf("the other model's file is %q, error %v", data, err)
			}
			for _, m := range []registry.Move{{Version: 4, To: registry.Staging}, {Version: 3, Rollback: true}, {Version: 2, Alias: "canary"}} {
				if _, err := log.Move(t.Context(), model, m); !errors.Is(err, registry.ErrConflict) {
					t.Errorf("moving %+v, whose files are gone: error is %v", m, err)
				}
			}
			// An alias can go where the files are, and the same content can be
			// registered again.
			if v := register(t, log, "model 4"); v.Number != 31 {
				t.Errorf("registered again, it is version %d", v.Number)
			}
			for range 2 {
				if _, err := log.Move(t.Context(), model, registry.Move{Rollback: true}); err != nil {
					t.Error(err)
				}
			}
			if _, err := log.Verify(t.Context(), nil); err != nil {
				t.Error(err)
			}
			if _, err := log.Retain(t.Context(), registry.Retention{Models: []string{"nobody"}}); !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("a model that is not there: error is %v", err)
			}
		})
	}
}

// TestRetainLeavesProtected has protected the stage that Retain would move to.
func TestRetainLeavesProtected(t *testing.T) {
	log := registry.New(registry.NewMem(), nil)
	for i := range 5 {
		register(t, log, fmt.Sprint(i))
	}
	if _, err := log.Protect(t.Context(), model, registry.Protection{Stage: registry.Archived}); err != nil {
		t.Fatal(err)
	}
	if report, err := log.Retain(t.Context(), registry.Retention{Versions: 1}); err != nil || len(report.Archived) > 0 {
		t.Errorf("archived %v, error %v", report.Archived, err)
	}
}

// TestRetainWindow has versions that were in production more than once: the two
// that a rollback can return to are two different ones.
func TestRetainWindow(t *testing.T) {
	now := time.Now()
	log := registry.New(registry.NewMem(), &registry.LogOptions{Now: func() time.Time { return now }})
	for i := range 5 {
		register(t, log, fmt.Sprint(i))
	}
	for _, n := range []int{4, 1, 2, 3, 2, 3} {
		promote(t, log, n)
	}
	report, err := log.Retain(t.Context(), registry.Retention{Versions: 1, Rollbacks: 2})
	if err != nil || len(report.Archived) != 1 || report.Archived[0].Version != 4 {
		t.Errorf("archived %v, want version 4 alone; error %v", report.Archived, err)
	}
}

// TestRetainOfVanished takes the logs away, as a file system that was not mounted
// would: their blobs must stay.
func TestRetainOfVanished(t *testing.T) {
	dir, log := openDir(t)
	register(t, log, "model")
	other, err := log.Register(t.Context(), "other", registry.Artifact{"model.bin": []byte("other")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	tomorrow := &registry.LogOptions{Now: func() time.Time { return time.Now().Add(48 * time.Hour) }}
	store, err := registry.OpenDir(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	knowing := registry.New(store, tomorrow)
	if _, err := knowing.State(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		folder string
		log    *registry.Log
	}{{"models", registry.New(store, tomorrow)}, {"models/other", knowing}} {
		folder := filepath.Join(dir, c.folder)
		if err := os.Rename(folder, folder+"-away"); err != nil {
			t.Fatal(err)
		}
		if report, err := c.log.Retain(t.Context(), registry.Retention{}); !errors.Is(err, registry.ErrCorrupt) || report.Blobs > 0 {
			t.Errorf("without %s: %d blobs deleted, error %v", c.folder, report.Blobs, err)
		}
		if report, err := knowing.Verify(t.Context(), nil); !errors.Is(err, registry.ErrCorrupt) {
			t.Errorf("without %s: verified %+v, error %v", c.folder, report, err)
		}
		if err := os.Rename(folder+"-away", folder); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := registry.ReadFile(t.Context(), knowing, other, "model.bin"); err != nil {
		t.Error(err)
	}
	if _, err := registry.New(registry.NewMem(), nil).Retain(t.Context(), registry.Retention{}); err != nil {
		t.Errorf("of an empty registry: %v", err)
	}
}

// TestKeyOfCollected registers with a key whose version has no files any more.
func TestKeyOfCollected(t *testing.T) {
	log := registry.New(registry.NewMem(), nil)
	a, o := registry.Artifact{"model.bin": []byte("model")}, &registry.RegisterOptions{Key: "run 1"}
	if _, err := log.Register(t.Context(), model, a, o); err != nil {
		t.Fatal(err)
	}
	register(t, log, "next")
	if report, err := log.Retain(t.Context(), registry.Retention{Versions: 1}); err != nil || len(report.Collected) != 1 {
		t.Fatalf("collected %v, error %v", report.Collected, err)
	}
	if v, err := log.Register(t.Context(), model, a, o); !errors.Is(err, registry.ErrConflict) {
		t.Errorf("version %d, error %v", v.Number, err)
	}
	if v, err := log.Register(t.Context(), model, a, &registry.RegisterOptions{Key: "run 2"}); err != nil || v.Number != 3 {
		t.Errorf("with another key it is version %d, error %v", v.Number, err)
	}
}

// TestTooManyFiles registers so many files that their event would be larger than
// stores take.
func TestTooManyFiles(t *testing.T) {
	a := registry.Artifact{}
	for i := range 90_000 {
		a[fmt.Sprintf("%0100d", i)] = nil
	}
	if _, err := registry.New(registry.NewMem(), nil).Register(t.Context(), model, a, nil); !errors.Is(err, registry.ErrInput) {
		t.Errorf("error is %v", err)
	}
}
