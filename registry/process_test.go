package registry_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
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

	"github.com/riskkit/riskkit/registry"
)

var thorough = flag.Bool("thorough", false, "kill 200 processes, append 8000 events, and let more operations fail")

// often returns the number of times to try something.
func often(short, usual, thoroughly int) int {
	switch {
	case *thorough:
		return thoroughly
	case testing.Short():
		return short
	}
	return usual
}

// TestWriter is a process of the tests below; by itself it does nothing.
func TestWriter(t *testing.T) {
	dir := os.Getenv("RISKKIT_TEST_REGISTRY")
	if dir == "" {
		return
	}
	s, err := registry.OpenDir(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := writer{store: s, log: registry.New(s, nil), rng: rand.New(rand.NewPCG(uint64(os.Getpid()), 1)), me: fmt.Sprint("process ", os.Getpid())}
	if n := os.Getenv("RISKKIT_TEST_APPENDS"); n != "" {
		var events int
		fmt.Sscan(n, &events)
		err = w.append(events)
	} else {
		err = w.forever()
	}
	if err != nil {
		fmt.Println("fail", err)
		t.Fatal(err)
	}
}

// writer is what TestWriter does.
type writer struct {
	store *registry.Dir
	log   *registry.Log
	rng   *rand.Rand
	me    string
}

// append appends n events, every tenth of which registers a version.
func (w *writer) append(n int) error {
	ctx := context.Background()
	for i := range n {
		var err error
		if i%10 == 0 {
			_, err = w.log.Register(ctx, model, registry.Artifact{"model.bin": fmt.Append(nil, w.me, i)}, nil)
		} else {
			_, err = w.log.Annotate(ctx, model, registry.Annotation{Version: 1, Tags: map[string]string{"by": w.me, "n": fmt.Sprint(i)}, Actor: w.me})
		}
		if err != nil {
			return err
		}
	}
	fmt.Println("conflicts", w.log.Stats().Conflicts)
	return nil
}

// forever does at random what can be done, and says so once it is done.
func (w *writer) forever() error {
	ctx := context.Background()
	for {
		var err error
		var e registry.Event
		switch w.rng.IntN(8) {
		case 0, 1, 2:
			var v registry.Version
			content := fmt.Append(nil, w.me, w.rng.Uint64())
			v, err = w.log.Register(ctx, model, registry.Artifact{"model.bin": content, "card.md": content[1:]}, &registry.RegisterOptions{Actor: w.me, Key: fmt.Sprint(w.me, w.rng.Uint64())})
			e = registry.Event{Kind: registry.KindRegistered, Version: v.Number}
		case 3:
			e, err = w.log.Move(ctx, model, registry.Move{Version: 1 + w.rng.IntN(8), To: registry.Production, Actor: w.me})
		case 4:
			e, err = w.log.Move(ctx, model, registry.Move{Rollback: true, Actor: w.me})
		case 5:
			e, err = w.log.Move(ctx, model, registry.Move{Alias: "canary", Version: 1 + w.rng.IntN(8), Actor: w.me})
		case 6:
			_, err = w.log.Retain(ctx, registry.Retention{Versions: 5, Rollbacks: 2, Grace: 3 * time.Second, Actor: w.me})
			e.Kind = "retained"
		case 7:
			e.Kind, err = w.importing(ctx)
		}
		if errors.Is(err, registry.ErrConflict) || errors.Is(err, registry.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		fmt.Println("done", e.Seq, e.Kind, e.Version)
	}
}

// imported begins the names of models that importing copies.
const imported = "imported-"

// importing copies a model of three versions into the registry, and returns its
// name.
func (w *writer) importing(ctx context.Context) (registry.Kind, error) {
	name := fmt.Sprint(imported, w.rng.IntN(1<<30))
	src := registry.NewMem()
	from := registry.New(src, nil)
	for i := range 3 {
		if _, err := from.Register(ctx, name, registry.Artifact{"model.bin": fmt.Append(nil, w.me, i)}, nil); err != nil {
			return "", err
		}
	}
	_, err := registry.Copy(ctx, w.store, src, nil)
	return registry.Kind(name), err
}

// process is one that writes.
type process struct {
	cmd  *exec.Cmd
	out  io.ReadCloser
	mu   sync.Mutex
	said []string
	done chan struct{}
}

func start(t *testing.T, dir string, env ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(self, "-test.run=^TestWriter$"), done: make(chan struct{})}
	p.cmd.Env = append(append(os.Environ(), "RISKKIT_TEST_REGISTRY="+dir), env...)
	p.cmd.Stderr = os.Stderr
	if p.out, err = p.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		for lines := bufio.NewScanner(p.out); lines.Scan(); {
			p.mu.Lock()
			p.said = append(p.said, lines.Text())
			p.mu.Unlock()
		}
	}()
	t.Cleanup(p.kill)
	return p
}

// kill kills the process and waits until all that it said is heard.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
	_ = p.cmd.Wait()
}

func (p *process) heard() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.said...)
}

// TestKilled kills processes that write at random moments, while others write
// to the same directory. After each the registry must verify and have all that
// was acknowledged.
func TestKilled(t *testing.T) {
	n := often(5, 20, 200)
	rng := rand.New(rand.NewPCG(1, 2))
	const round = 20 // kills in one registry
	acknowledged := 0
	for n > 0 {
		dir, log := openDir(t)
		register(t, log, "the first")
		others := []*process{start(t, dir), start(t, dir)}
		all := others
		for range min(n, round) {
			n--
			victim := start(t, dir)
			all = append(all, victim)
			for len(victim.heard()) < 1 { // it writes
				select {
				case <-victim.done:
					t.Fatalf("a process ended by itself: %q", victim.heard())
				case <-time.After(time.Millisecond):
				}
			}
			time.Sleep(time.Duration(rng.IntN(50_000)) * time.Microsecond)
			victim.kill()
			acknowledged += verified(t, dir, victim)
		}
		for _, p := range others {
			p.kill()
		}
		verified(t, dir, all...)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d acknowledged events of killed processes, all there", acknowledged)
}

// verified checks a registry and that it has what processes were told is done.
func verified(t *testing.T, dir string, processes ...*process) (acknowledged int) {
	t.Helper()
	s, err := registry.OpenDir(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	log := registry.New(s, nil)
	if _, err := log.Verify(t.Context(), nil); err != nil {
		t.Fatalf("verifying: %v", err)
	}
	var history []registry.Event
	registered := map[int]bool{}
	for e, err := range log.History(t.Context(), model) {
		if err != nil {
			t.Fatal(err)
		}
		history = append(history, e)
		registered[e.Version] = registered[e.Version] || e.Kind == registry.KindRegistered
	}
	for _, p := range processes {
		for _, line := range p.heard() {
			if strings.HasPrefix(line, "fail") {
				t.Fatal(line)
			}
			var e registry.Event
			if _, err := fmt.Sscanf(line, "done %d %s %d", &e.Seq, &e.Kind, &e.Version); err != nil {
				continue // cut off in the middle, or not ours
			}
			acknowledged++
			there := e.Seq == 0 || e.Seq <= int64(len(history)) && history[e.Seq-1].Kind == e.Kind && history[e.Seq-1].Version == e.Version
			if e.Kind == registry.KindRegistered {
				there = registered[e.Version]
			}
			if name := string(e.Kind); strings.HasPrefix(name, imported) {
				s, err := log.State(t.Context(), name)
				there = err == nil && len(s.Versions) == 3
			}
			if !there {
				t.Errorf("acknowledged and not there: %q", line)
			}
		}
	}
	return acknowledged
}

// TestProcesses has eight processes append to one model.
func TestProcesses(t *testing.T) {
	const processes = 8
	n := often(20, 100, 1000)
	dir, log := openDir(t)
	register(t, log, "the first")
	began := time.Now()
	var all []*process
	for range processes {
		all = append(all, start(t, dir, fmt.Sprintf("RISKKIT_TEST_APPENDS=%d", n)))
	}
	for _, p := range all {
		<-p.done
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("a process failed: %v, it said %q", err, p.heard())
		}
	}
	took := time.Since(began)
	report, err := log.Verify(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := log.State(t.Context(), model)
	if err != nil {
		t.Fatal(err)
	}
	if want := processes*n + 1; report.Events != want || s.Seq != int64(want) {
		t.Errorf("%d events, want %d", report.Events, want)
	}
	if want := processes*((n+9)/10) + 1; len(s.Versions) != want {
		t.Errorf("%d versions, want %d", len(s.Versions), want)
	}
	t.Logf("%d events by %d processes in %v; the first said %q", report.Events, processes, took.Round(time.Millisecond), all[0].heard())
	if left, err := os.ReadDir(filepath.Join(dir, "tmp")); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v %v", left, err)
	}
}
