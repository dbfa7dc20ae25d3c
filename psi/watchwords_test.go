package psi_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

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
