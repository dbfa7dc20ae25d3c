package audit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// moody is a disk that fails now and then, by its own dice.
type moody struct {
	mu   sync.Mutex
	rng  *rand.Rand
	rate float64
}

func (m *moody) fail(string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rng.Float64() < m.rate {
		return []error{syscall.ENOSPC, syscall.EIO}[m.rng.IntN(2)]
	}
	return nil
}

func (m *moody) be(rate float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rate = rate
}

// TestRandomFaults restarts a log again and again on a disk that fails now and
// then, with sizes, times and policies as the dice say: the chain is whole at the
// end, nothing is there twice, what was acknowledged is there, and what is not
// there was counted.
func TestRandomFaults(t *testing.T) {
	seeds := 8
	if *thorough {
		seeds = 600
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(uint64(seed), 1))
		disk := &moody{rng: rand.New(rand.NewPCG(uint64(seed), 2))}
		dir := faultyDir(t, filepath.Join(t.TempDir(), "audit"), disk.fail)
		var mu sync.Mutex
		now := day
		tick := func(d time.Duration) time.Time {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(d)
			return now
		}
		o := Options{
			Sync: SyncPolicy(rng.IntN(2)), Full: Block, Interval: 2 * time.Millisecond, SegmentBytes: 2500, KeepText: seed%2 == 0,
			Now: func() time.Time { return tick(0) },
			OnError: func(err error) {
				if errors.Is(err, ErrCorrupt) {
					t.Errorf("seed %d: %v", seed, err)
				}
			},
		}
		if seed%4 == 3 {
			o.Retain = time.Hour
		}
		said, done, missing := map[string]bool{}, 0, int64(0)
		for range 6 {
			disk.be(0.3 * rng.Float64() * float64(rng.IntN(2)))
			l, err := Open(context.Background(), dir, "w", &o)
			if err != nil {
				continue // the disk failed
			}
			for range rng.IntN(30) {
				tick(time.Microsecond)
				switch rng.IntN(8) {
				case 0, 1:
					done++
					f := risk.Feedback{ID: fmt.Sprint("F", done), Level: "low", Time: tick(0)}
					if l.PutFeedback(context.Background(), f) == nil {
						said[f.ID] = true
						_ = l.PutFeedback(context.Background(), f) // is there
					}
				case 2:
					_, _ = l.Checkpoint(context.Background())
				case 3:
					disk.be(0.4 * rng.Float64() * float64(rng.IntN(2)))
				case 4:
					tick(time.Duration(rng.IntN(3)) * 10 * time.Minute)
				default:
					s := scored(done)
					s.Time = tick(0)
					done++
					l.Scored(context.Background(), s)
				}
			}
			_ = l.Close() // the disk may fail
			missing += l.Stats().Missing
		}
		disk.be(0)
		ok(t, open(t, dir, "w", o).Close())
		if _, err := Verify(t.Context(), dir, nil); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		found := map[string]bool{}
		for _, r := range all(t, Read(t.Context(), dir, &ReadOptions{Kinds: []Kind{KindScored, KindFeedback}})) {
			if found[r.ID] {
				t.Fatalf("seed %d: %s is there twice", seed, r.ID)
			}
			found[r.ID] = true
			delete(said, r.ID)
		}
		if o.Retain == 0 && (len(said) > 0 || int64(len(found))+missing < int64(done)) {
			t.Fatalf("seed %d: %d found, %d missing of %d; acknowledged and not there are %v", seed, len(found), missing, done, said)
		}
	}
}
