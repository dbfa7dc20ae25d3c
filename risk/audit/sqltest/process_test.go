package sqltest

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/audit"
)

const driverEnv, dsnEnv, dialectEnv = "RISKKIT_TEST_AUDIT_DRIVER", "RISKKIT_TEST_AUDIT_DSN", "RISKKIT_TEST_AUDIT_DIALECT"

// TestWriter is a process of TestTwoProcesses; by itself it does nothing. It takes
// the name again whenever it has lost it, and says what is acknowledged.
func TestWriter(t *testing.T) {
	dialect, err := strconv.Atoi(os.Getenv(dialectEnv))
	if err != nil {
		return
	}
	db, err := sql.Open(os.Getenv(driverEnv), os.Getenv(dsnEnv))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	sink, err := audit.OpenSQL(t.Context(), db, audit.Dialect(dialect), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for began := time.Now(); time.Since(began) < 3*time.Second; {
		var lost atomic.Bool
		l, err := audit.Open(t.Context(), sink, "w", &audit.Options{SegmentBytes: 5000, OnError: func(err error) {
			if lost.Store(true); !errors.Is(err, audit.ErrLocked) {
				t.Error(err)
			}
		}})
		if errors.Is(err, audit.ErrLocked) {
			continue // taken over while it was opened
		}
		if err != nil {
			t.Fatal(err)
		}
		for mine := 0; !lost.Load() && mine < 40; mine++ {
			id := fmt.Sprintf("%d-%d", os.Getpid(), n)
			n++
			if err := l.PutFeedback(t.Context(), risk.Feedback{ID: id, Level: "low"}); err == nil {
				fmt.Println("kept", id)
			} else if !errors.Is(err, audit.ErrLocked) {
				t.Error(err)
			}
		}
		if err := l.Close(); err != nil && !errors.Is(err, audit.ErrLocked) {
			t.Error(err)
		}
	}
}

// TestTwoProcesses has two processes take one writer's name from each other: the
// one that has lost it is told so, what was acknowledged is there, once, and the
// chain is whole.
func TestTwoProcesses(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, open func() *sql.DB, driver, dsn string, d audit.Dialect) {
		sink, err := audit.OpenSQL(t.Context(), open(), d, nil)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]bytes.Buffer, 2)
		var wg sync.WaitGroup
		for i := range out {
			wg.Go(func() {
				cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestWriter$")
				cmd.Env = append(os.Environ(), driverEnv+"="+driver, dsnEnv+"="+dsn, fmt.Sprintf("%s=%d", dialectEnv, int(d)))
				cmd.Stdout, cmd.Stderr = &out[i], os.Stderr
				if err := cmd.Run(); err != nil {
					t.Errorf("%v:\n%s", err, &out[i])
				}
			})
		}
		wg.Wait()
		kept := map[string]int{}
		for i := range out {
			mine := 0
			for line := range strings.Lines(out[i].String()) {
				if id, ok := strings.CutPrefix(strings.TrimSpace(line), "kept "); ok {
					kept[id]++
					mine++
				}
			}
			if mine == 0 {
				t.Errorf("process %d got nothing in", i)
			}
		}
		report, err := audit.Verify(t.Context(), sink, nil)
		if err != nil {
			t.Fatal(err)
		}
		turns, last := 0, ""
		for r, err := range audit.Read(t.Context(), sink, &audit.ReadOptions{Kinds: []audit.Kind{audit.KindFeedback}}) {
			if err != nil {
				t.Fatal(err)
			}
			kept[r.ID]--
			if pid, _, _ := strings.Cut(r.ID, "-"); pid != last {
				turns, last = turns+1, pid
			}
		}
		for id, n := range kept {
			if n > 0 {
				t.Errorf("%s was acknowledged and is not there", id)
			}
			if n < -1 {
				t.Errorf("%s is there %d times", id, -n)
			}
		}
		if turns < 3 {
			t.Errorf("the processes took turns %d times", turns)
		}
		t.Logf("%d records, %d segments, %d turns", report.Chains[0].Last, report.Chains[0].Segments, turns)
	})
}
