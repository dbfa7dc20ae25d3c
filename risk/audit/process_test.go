package audit

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riskkit/riskkit/risk"
)

const dirEnv, syncEnv = "RISKKIT_TEST_AUDIT", "RISKKIT_TEST_AUDIT_SYNC"

// TestWriter is a process of TestKilled; by itself it does nothing. It says what
// is acknowledged, or with an interval, what happened when.
func TestWriter(t *testing.T) {
	root := os.Getenv(dirEnv)
	if root == "" {
		return
	}
	dir, err := OpenDir(root, nil)
	ok(t, err)
	o := &Options{Key: []byte("k"), Full: Block, SegmentBytes: 20_000}
	if os.Getenv(syncEnv) == "each" {
		o.Sync = SyncEach
	} else {
		o.Interval = 100 * time.Millisecond
	}
	o.OnError = func(err error) { fmt.Println("fail", err) }
	l, err := Open(t.Context(), dir, "w", o)
	ok(t, err)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				s := scored(i)
				s.Document.ID = fmt.Sprintf("%d-%d-%d", os.Getpid(), g, i)
				if o.Sync != SyncEach {
					time.Sleep(200 * time.Microsecond)
				}
				if i%7 == 3 {
					ok(t, l.PutFeedback(t.Context(), risk.Feedback{ID: s.Document.ID, Level: "low"}))
					fmt.Println("feedback", s.Document.ID)
				} else {
					l.Scored(t.Context(), s)
					fmt.Println("scored", s.Document.ID, time.Now().UnixNano())
				}
			}
		})
	}
	wg.Wait()
}

// TestKilled kills processes that write, at random moments. What they were told
// is written must be there, with an interval of 100 ms what is older than a second,
// for the disk of a busy machine may be late (TestInterval is exact); the chain
// must verify.
func TestKilled(t *testing.T) {
	kills := map[string]int{"each": 50, "interval": 4}
	if *thorough {
		kills = map[string]int{"each": 200, "interval": 50}
	} else if testing.Short() {
		kills = map[string]int{"each": 8, "interval": 2}
	}
	self, err := os.Executable()
	ok(t, err)
	for _, policy := range []string{"each", "interval"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, 2))
			root := filepath.Join(t.TempDir(), "audit")
			dir, err := OpenDir(root, &DirOptions{Create: true})
			ok(t, err)
			defer dir.Close()
			said := map[string]bool{}
			acknowledged, lost := 0, 0
			for range kills[policy] {
				cmd := exec.Command(self, "-test.run=^TestWriter$")
				cmd.Env = append(os.Environ(), dirEnv+"="+root, syncEnv+"="+policy)
				cmd.Stderr = os.Stderr
				out, err := cmd.StdoutPipe()
				ok(t, err)
				ok(t, cmd.Start())
				lines := bufio.NewReader(out)
				if _, err := lines.Peek(1); err != nil {
					t.Fatalf("a process ended by itself: %v", err)
				}
				wait := time.Duration(rng.IntN(40_000)) * time.Microsecond
				if policy == "interval" {
					wait += 1200 * time.Millisecond
				}
				time.Sleep(wait)
				ok(t, cmd.Process.Kill())
				text, err := io.ReadAll(lines)
				ok(t, err)
				_ = cmd.Wait() // killed
				alive := int64(0)
				for line := range strings.Lines(string(text)) {
					var what, id string
					var at int64
					if n, _ := fmt.Sscanf(line, "%s %s %d", &what, &id, &at); n == 3 {
						alive = max(alive, at)
					}
				}
				for line := range strings.Lines(string(text)) {
					var what, id string
					var at int64
					n, _ := fmt.Sscanf(line, "%s %s %d", &what, &id, &at)
					switch {
					case what == "fail":
						t.Fatal(line)
					case !strings.HasSuffix(line, "\n") || n < 2: // cut off
					case policy == "each" || what == "feedback" || alive-at > int64(time.Second):
						said[what+" "+id] = true
						acknowledged++
					}
				}
			}
			ok(t, open(t, dir, "w", Options{}).Close())
			report, err := Verify(t.Context(), dir, nil)
			ok(t, err)
			torn := 0
			for _, r := range all(t, Read(t.Context(), dir, nil)) {
				delete(said, string(r.Kind)+" "+r.ID)
				if r.Kind == KindTorn {
					torn++
				}
				if r.Kind == KindGap {
					lost++
				}
			}
			if len(said) > 0 || acknowledged == 0 || lost > 0 {
				t.Errorf("%s: %d of %d are not there, %d gaps: %.300v", policy, len(said), acknowledged, lost, said)
			}
			t.Logf("%s: %d kills, %d acknowledged, all there; %d records in %d segments, %d torn tails", policy, kills[policy], acknowledged, report.Chains[0].Last, report.Chains[0].Segments, torn)
		})
	}
}

// TestTorn cuts the last segment at each byte, as a failure of power may: what is
// whole stays, what is not is kept beside, and the chain goes on.
func TestTorn(t *testing.T) {
	h := longer(t, 2)
	whole := h.content[0]
	step := 41
	if *thorough {
		step = 1
	}
	for i := 0; i < len(whole); i += step {
		root := filepath.Join(t.TempDir(), "audit")
		ok(t, os.MkdirAll(filepath.Join(root, "w"), 0o700))
		name := filepath.Join(root, "w", fmt.Sprintf(segmentName, 1))
		ok(t, os.WriteFile(name, whole[:i], 0o600))
		dir, err := OpenDir(root, nil)
		ok(t, err)
		for range 2 {
			l := open(t, dir, "w", Options{Now: func() time.Time { return day }})
			l.Scored(context.Background(), scored(5))
			ok(t, l.Close())
		}
		report, err := Verify(t.Context(), dir, nil)
		if err != nil {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
		lines := strings.Count(string(whole[:i]), "\n")
		torn := i - (strings.LastIndex(string(whole[:i]), "\n") + 1)
		var cut int64
		kept := 0
		for _, r := range all(t, Read(t.Context(), dir, nil)) {
			if r.Kind == KindTorn {
				cut = r.Torn.Bytes
			}
			if r.Time.Before(day.Add(5*time.Millisecond)) && r.Kind == KindScored || r.Kind == KindFeedback {
				kept++
			}
		}
		if want := max(0, min(lines-1, 3)); cut != int64(torn) || kept != want || report.Chains[0].Open {
			t.Fatalf("cut to %d bytes: %d torn, want %d; %d records, want %d; %+v", i, cut, torn, kept, want, report)
		}
		if torn > 0 {
			beside, err := filepath.Glob(filepath.Join(root, "w", "*.torn"))
			ok(t, err)
			data, err := os.ReadFile(beside[0])
			if err != nil || string(data) != string(whole[i-torn:i]) {
				t.Fatalf("beside is %q, error %v", data, err)
			}
		}
		ok(t, dir.Close())
	}
}
