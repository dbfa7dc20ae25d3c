package psi_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/psi"
)

// numbered is a vocabulary that numbers every other word wNN.
type numbered struct{ psi.Vocabulary }

func (numbered) NumWords() int { return 50 }

func (numbered) WordID(word []byte) (id int, ok bool) {
	n, err := fmt.Sscanf(string(word), "w%d", &id)
	return id / 2, n == 1 && err == nil && id%2 == 0 && id < 100
}

func (numbered) Word(id int) string { return fmt.Sprintf("w%d", 2*id) }

// TestWatchWords counts the words of texts from several goroutines, those that
// the vocabulary numbers and those that it does not, and compares the report
// with that of one count of them all.
func TestWatchWords(t *testing.T) {
	training, plain := words(t, &psi.WordsOptions{Capacity: 1000}), words(t, &psi.WordsOptions{Capacity: 1000})
	rng := rand.New(rand.NewPCG(1, 1))
	text := func(from int) string {
		var s []string
		for range 10 {
			s = append(s, fmt.Sprintf("w%d", from+rng.IntN(60)))
		}
		return strings.Join(s, " ")
	}
	count := func(w *psi.Words, s string) {
		var ts tokens
		for _, word := range strings.Fields(s) {
			ts = append(ts, []byte(word))
		}
		w.Observe(ts, "")
	}
	for range 500 {
		count(training, text(0))
	}
	f, err := psi.NewTextFeatures(numbered{vocabulary(t)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := psi.NewMonitor(baseline(t, f, []string{text(0), text(0)}), f, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.WatchWords(psi.WordsWatch{Training: training}); err != nil {
		t.Fatal(err)
	}
	for window := range 3 {
		plain := plain
		if window > 0 {
			plain = words(t, &psi.WordsOptions{Capacity: 1000})
		}
		var texts []string
		for range 800 {
			texts = append(texts, text(20+5*window))
			count(plain, texts[len(texts)-1])
		}
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := g; i < len(texts); i += 4 {
					m.Observe(texts[i])
				}
			})
		}
		wg.Wait()
		r, err := m.Sweep(t.Context())
		if err != nil || r.Words == nil {
			t.Fatalf("report %+v, error %v", r, err)
		}
		want, err := psi.CompareWords(plain, training, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&want, r.Words); diff != "" || len(want.New) < 10 || len(want.Vanished) < 10 {
			t.Errorf("window %d: %d new (-plain +watched)\n%s", window, len(want.New), diff)
		}
	}
	bare, err := psi.NewMonitor(baseline(t, values(1), []string{"1", "2"}), values(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := bare.WatchWords(psi.WordsWatch{Training: training}); !errors.Is(err, psi.ErrFeatures) {
		t.Errorf("other features: error %v", err)
	}
	if err := m.WatchWords(psi.WordsWatch{}); !errors.Is(err, psi.ErrInput) {
		t.Errorf("without training: error %v", err)
	}
}

// TestWatchedMemoryIsFlat observes texts of ever new words: memory does not
// grow, and nothing is allocated, whatever the longest text was.
func TestWatchedMemoryIsFlat(t *testing.T) {
	if race.Enabled || testing.Short() {
		t.Skip("allocations are counted without the race detector, on 64 bits")
	}
	training := words(t, nil)
	training.Observe(tokens{[]byte("server")}, "")
	f, err := psi.NewTextFeatures(vocabulary(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := psi.NewMonitor(baseline(t, f, []string{"server", "down"}), f, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.WatchWords(psi.WordsWatch{Training: training, Words: &psi.WordsOptions{Capacity: 100}}); err != nil {
		t.Fatal(err)
	}
	n := 0
	text := func() string {
		n++
		return fmt.Sprintf("server new%x is%x down%x", n, 7*n, 11*n)
	}
	texts := make([]string, 1000)
	for range 10 {
		for i := range texts { // to fill what is bounded
			texts[i] = text()
			m.Observe(texts[i])
		}
	}
	i := 0
	if allocs := testing.AllocsPerRun(1000, func() { m.Observe(texts[i%1000]); i++ }); allocs > 0 {
		t.Errorf("%v allocations a text", allocs)
	}
	memory := func() uint64 {
		runtime.GC()
		runtime.GC() // what pools keep is let go of by the second
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := memory()
	m.Observe(strings.Repeat(text()+" ", 100_000))
	for range 100_000 {
		m.Observe(text())
	}
	if after := memory(); after > before+256<<10 {
		t.Errorf("%d bytes before, %d after", before, after)
	}
	runtime.KeepAlive(m)
}

// TestWatchWordsMeanwhile ends windows in both ways while goroutines observe:
// each text is in one window.
func TestWatchWordsMeanwhile(t *testing.T) {
	training := words(t, nil)
	training.Observe(tokens{[]byte("server")}, "")
	f, err := psi.NewTextFeatures(numbered{vocabulary(t)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := psi.NewMonitor(baseline(t, f, []string{"server", "down"}), f, &psi.CompareOptions{MinSample: 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.WatchWords(psi.WordsWatch{Training: training, Words: &psi.WordsOptions{Capacity: 50, KeepIDs: true}}); err != nil {
		t.Fatal(err)
	}
	const goroutines, each = 4, 300
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range each {
				m.Observe(fmt.Sprintf("w%d w%d new%d", g, i%100, i))
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	n := int64(0)
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
		}
		r, err := m.Sweep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != psi.StatusInsufficient {
			n += r.NRecent
		}
		n += m.Take().N()
	}
	if n != goroutines*each {
		t.Errorf("%d texts in all windows, want %d", n, goroutines*each)
	}
}
