package sqltest

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/sqlstore"
)

// jobEnv makes the test binary one of several processes that work on a model.
const jobEnv = "RISKKIT_SQLTEST_JOB"

// job is what such a process does.
type job struct {
	Dialect     sqlstore.Dialect
	Driver, DSN string
	Worker      int
	Events      int // to append
}

// done is what it says of it.
type done struct {
	Versions []int // that it registered
	Stats    registry.Stats
}

const model = "incident-risk"

// work does a job as soon as standard input ends, and writes done.
func work(ctx context.Context, env string) error {
	var j job
	if err := json.Unmarshal([]byte(env), &j); err != nil {
		return err
	}
	db, err := sql.Open(j.Driver, j.DSN)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	store, err := sqlstore.Open(ctx, db, j.Dialect, nil)
	if err != nil {
		return err
	}
	log := registry.New(store, nil)
	var d done
	for i := range j.Events {
		reason := fmt.Sprintf("%d %d", j.Worker, i)
		if i%50 == 0 {
			v, err := log.Register(ctx, model, registry.Artifact{"model.bin": []byte(reason)}, &registry.RegisterOptions{Reason: reason})
			if err != nil {
				return err
			}
			d.Versions = append(d.Versions, v.Number)
			continue
		}
		if _, err := log.Annotate(ctx, model, registry.Annotation{Version: 1, Description: reason, Reason: reason}); err != nil {
			return err
		}
	}
	d.Stats = log.Stats()
	return json.NewEncoder(os.Stdout).Encode(d)
}

// TestManyProcesses has processes make the tables at once and append to one
// model as fast as they can.
func TestManyProcesses(t *testing.T) {
	const processes = 8
	events := 1000
	switch {
	case testing.Short():
		events = 60
	case race.Enabled: // slows SQLite down, which is Go, too
		events = 150
	}
	each(t, func(t *testing.T, fresh newDB) {
		d := fresh(t)
		start, took := time.Now(), time.Duration(0)
		all := make([]done, processes)
		run(t, processes, func(w int) job { return job{d.dialect, d.driver, d.dsn, w, events} }, func(w int, out []byte) {
			if err := json.Unmarshal(out, &all[w]); err != nil {
				t.Error(err)
			}
			took = time.Since(start)
		})
		var total registry.Stats
		var numbers []int
		for _, d := range all {
			total.Appends += d.Stats.Appends
			total.Conflicts += d.Stats.Conflicts
			numbers = append(numbers, d.Versions...)
		}
		t.Logf("%d events of %d processes in %v: %.0f a second, %d conflicts", total.Appends, processes, took.Round(time.Millisecond),
			float64(total.Appends)/took.Seconds(), total.Conflicts)
		slices.Sort(numbers)
		for i, n := range numbers {
			if n != i+1 {
				t.Fatalf("the version numbers given out are %v", numbers)
			}
		}
		log := registry.New(d.store(t, d.open(t, 0), nil), nil)
		seen := map[string]int{}
		for e, err := range log.History(t.Context(), model) { // which checks the chain
			if err != nil {
				t.Fatal(err)
			}
			seen[e.Reason]++
		}
		for w := range processes {
			for i := range events {
				if reason := fmt.Sprintf("%d %d", w, i); seen[reason] != 1 {
					t.Errorf("event %q is there %d times", reason, seen[reason])
				}
			}
		}
		if want := processes * events; len(seen) != want || int(total.Appends) != want {
			t.Errorf("%d events there, %d acknowledged, want %d", len(seen), total.Appends, want)
		}
		state, err := log.State(t.Context(), model)
		if err != nil || len(state.Versions) != len(numbers) || state.Seq != int64(len(seen)) {
			t.Errorf("state has %d versions and %d events, error %v", len(state.Versions), state.Seq, err)
		}
	})
}

// run starts processes, lets them begin together, and gives each's output to
// finished, one after the other.
func run(t *testing.T, processes int, jobOf func(w int) job, finished func(w int, out []byte)) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	type process struct {
		cmd      *exec.Cmd
		in       io.Closer
		out, err bytes.Buffer
	}
	all := make([]process, processes)
	for w := range all {
		p := &all[w]
		env, err := json.Marshal(jobOf(w))
		if err != nil {
			t.Fatal(err)
		}
		p.cmd = exec.CommandContext(t.Context(), self)
		p.cmd.Env = append(os.Environ(), jobEnv+"="+string(env))
		p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
		if p.in, err = p.cmd.StdinPipe(); err == nil {
			err = p.cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for w := range all {
		all[w].in.Close()
	}
	for w := range all {
		if err := all[w].cmd.Wait(); err != nil {
			t.Error(errors.Join(fmt.Errorf("process %d: %w", w, err), errors.New(all[w].err.String())))
			continue
		}
		finished(w, all[w].out.Bytes())
	}
}
