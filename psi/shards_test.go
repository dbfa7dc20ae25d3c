package psi

import (
	"runtime"
	"testing"
	"time"
)

// TestShardsAreNotShared has one goroutine keep a shard while another comes and
// goes, so that the pool forgets its own: it never gets that of the first, and
// there are not ever more.
func TestShardsAreNotShared(t *testing.T) {
	b, err := NewBuilder(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Numeric("size", 1)
	base, err := b.Baseline()
	if err != nil {
		t.Fatal(err)
	}
	s := &shards{baseline: base}
	kept := s.get()
	for range 50 {
		l := s.get()
		if l.shard == kept.shard {
			t.Fatal("two goroutines have one shard")
		}
		s.put(l)
		l = nil
		free := func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.free) == len(s.all)-1
		}
		for began := time.Now(); !free(); time.Sleep(time.Millisecond) {
			runtime.GC()
			if time.Since(began) > 10*time.Second {
				t.Fatalf("%d of %d shards are free", len(s.free), len(s.all))
			}
		}
	}
	if len(s.all) > 2 {
		t.Errorf("%d shards for two goroutines", len(s.all))
	}
	runtime.KeepAlive(kept)
}
