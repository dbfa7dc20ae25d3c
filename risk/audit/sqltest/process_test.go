package sqltest

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
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
	var told atomic.Bool // to stop
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		told.Store(true)
	}()
	for n := 0; !told.Load(); time.Sleep(20 * time.Millisecond) { // the other has a chance
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
		for mine := 0; !lost.Load() && mine < 10; mine++ {
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

// TestTwoProcesses has two processes take one writer's name from each other a few
// times: the one that has lost it is told so, what was acknowledged is there, once,
// and the chain is whole.
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
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		var (
			cmds  [2]*exec.Cmd
			stdin [2]io.Closer
			lines [2]io.Reader
		)
		for i := range cmds {
			cmd := exec.CommandContext(ctx, self, "-test.run=^TestWriter$")
			cmd.Env = append(os.Environ(), driverEnv+"="+driver, dsnEnv+"="+dsn, fmt.Sprintf("%s=%d", dialectEnv, int(d)))
			cmd.Stderr = os.Stderr
			if stdin[i], err = cmd.StdinPipe(); err != nil {
				t.Fatal(err)
			}
			if lines[i], err = cmd.StdoutPipe(); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			cmds[i] = cmd
		}
		var (
			wg          sync.WaitGroup
			mu          sync.Mutex
			kept        = map[string]int{}
			turns, last = 0, -1
			enough      = 4
		)
		for i, cmd := range cmds {
			wg.Go(func() {
				for s := bufio.NewScanner(lines[i]); s.Scan(); {
					id, ok := strings.CutPrefix(s.Text(), "kept ")
					if !ok {
						continue
					}
					mu.Lock()
					kept[id]++
					if i != last {
						turns, last = turns+1, i
					}
					if turns == enough {
						_, _ = stdin[0].Close(), stdin[1].Close()
					}
					mu.Unlock()
				}
				if err := cmd.Wait(); err != nil {
					t.Errorf("process %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if turns < enough {
			t.Errorf("the processes took turns %d times", turns)
		}
		report, err := audit.Verify(t.Context(), sink, nil)
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range audit.Read(t.Context(), sink, &audit.ReadOptions{Kinds: []audit.Kind{audit.KindFeedback}}) {
			if err != nil {
				t.Fatal(err)
			}
			kept[r.ID]--
		}
		for id, n := range kept {
			if n > 0 {
				t.Errorf("%s was acknowledged and is not there", id)
			}
			if n < -1 {
				t.Errorf("%s is there %d times", id, -n)
			}
		}
		t.Logf("%d records, %d segments, %d turns", report.Chains[0].Last, report.Chains[0].Segments, turns)
	})
}
