package audit

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/riskkit/riskkit/internal/race"
)

// TestAllocations wants none on the request path.
func TestAllocations(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool drops values under the race detector")
	}
	for _, policy := range []SyncPolicy{SyncInterval, SyncEach, SyncNone} {
		dir := directory(t)
		l := open(t, dir, "w", Options{Key: []byte("k"), Sync: policy, Full: Block})
		s := scored(1)
		n := 20_000 // fills all buffers a few times
		if policy == SyncEach {
			n = 50
		}
		for range n {
			l.Scored(t.Context(), s)
		}
		ctx := t.Context()
		if got := testing.AllocsPerRun(n, func() { l.Scored(ctx, s) }); got > 0 {
			t.Errorf("policy %d: %v allocations", policy, got)
		}
		ok(t, l.Close())
	}
}

// BenchmarkScored records answers from several goroutines, through to the file,
// with nothing left out.
func BenchmarkScored(b *testing.B) {
	for _, c := range []struct {
		name string
		sync SyncPolicy
		key  []byte
	}{{"none", SyncNone, nil}, {"interval", SyncInterval, nil}, {"interval, hash", SyncInterval, []byte("k")}, {"each", SyncEach, []byte("k")}} {
		for _, goroutines := range []int{1, 4, 64} {
			b.Run(fmt.Sprintf("%s/%d", c.name, goroutines), func(b *testing.B) {
				dir := directory(b)
				l := open(b, dir, "w", Options{Key: c.key, Sync: c.sync, Full: Block})
				s := scored(1)
				b.ReportAllocs()
				b.ResetTimer()
				began := time.Now()
				var wg sync.WaitGroup
				for g := range goroutines {
					wg.Go(func() {
						for range b.N/goroutines + min(1, max(0, b.N%goroutines-g)) {
							l.Scored(b.Context(), s)
						}
					})
				}
				wg.Wait()
				ok(b, l.Close()) // waits for the writer
				b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "records/s")
				if st := l.Stats(); st.Missing > 0 || st.Written < int64(b.N) {
					b.Errorf("%d records, %+v", b.N, st)
				}
			})
		}
	}
}

// BenchmarkPath is what a request pays for a record that is kept, on one
// goroutine and on two at once. The writer works in between.
func BenchmarkPath(b *testing.B) {
	const n = 800 // less than makes the writer look
	for _, goroutines := range []int{1, 2} {
		b.Run(fmt.Sprint(goroutines), func(b *testing.B) {
			l := open(b, directory(b), "w", Options{Interval: time.Hour, SegmentAge: 2 * time.Hour})
			s := scored(1)
			b.ReportAllocs()
			for b.Loop() {
				var wg sync.WaitGroup
				for range goroutines {
					wg.Go(func() {
						for range n {
							l.Scored(b.Context(), s)
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				_, err := l.Checkpoint(b.Context())
				ok(b, err)
				b.StartTimer()
			}
			b.StopTimer()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*b.N), "ns/record")
			ok(b, l.Close())
			if l.Stats().Missing > 0 {
				b.Errorf("%+v", l.Stats())
			}
		})
	}
}

// BenchmarkRead reads records back.
func BenchmarkRead(b *testing.B) {
	dir := directory(b)
	l := open(b, dir, "w", Options{Key: []byte("k"), Full: Block})
	const n = 10_000
	for i := range n {
		l.Scored(b.Context(), scored(i))
	}
	ok(b, l.Close())
	for b.Loop() {
		if got := len(all(b, Read(b.Context(), dir, nil))); got != n+2 {
			b.Fatal(got)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
