package sqltest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riskkit/riskkit/registry"
)

// TestCrashes stops PostgreSQL in the middle of writing, again and again, as if
// its machine had failed. The server does not commit synchronously of its own
// accord, which loses what was acknowledged unless the Store asks for better.
func TestCrashes(t *testing.T) {
	crashes := 3
	if testing.Short() {
		crashes = 2
	}
	server, d := ownServer(t, "synchronous_commit=off", "wal_writer_delay=10s", "checkpoint_timeout=1h")
	db := d.open(t, 0)
	log := registry.New(d.store(t, db, nil), nil)
	if _, err := log.Register(t.Context(), model, registry.Artifact{"model.bin": nil}, nil); err != nil {
		t.Fatal(err)
	}
	const writers = 4
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed int
		acked  = map[string]bool{} // reasons of events
		blobs  = map[registry.Digest]bool{}
		stop   = make(chan struct{})
		beat   = make(chan struct{}) // one for each acknowledged event
	)
	for w := range writers {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				reason := fmt.Sprintf("%d %d", w, i)
				ok, digest := write(t.Context(), log, reason, i%16 == 0)
				mu.Lock()
				acked[reason] = ok
				if digest != nil {
					blobs[*digest] = ok
				}
				if !ok {
					failed++
				}
				mu.Unlock()
				if ok {
					select {
					case beat <- struct{}{}:
					case <-stop:
					}
				} else {
					time.Sleep(5 * time.Millisecond) // the server is down
				}
			}
		})
	}
	for range crashes {
		for range 150 {
			<-beat
		}
		if err := server.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 { // they find back
		<-beat
	}
	close(stop)
	wg.Wait()

	seen := map[string]int{}
	for e, err := range registry.New(d.store(t, db, nil), nil).History(t.Context(), model) {
		if err != nil {
			t.Fatal(err)
		}
		seen[e.Reason]++
	}
	got := 0
	for reason, ok := range acked {
		if ok {
			got++
		}
		if seen[reason] > 1 || ok && seen[reason] == 0 {
			t.Errorf("event %q is there %d times, acknowledged: %v", reason, seen[reason], ok)
		}
	}
	store := d.store(t, db, nil)
	whole := 0
	for digest, ok := range blobs {
		r, err := store.OpenBlob(t.Context(), digest)
		if errors.Is(err, registry.ErrNotFound) && !ok {
			continue
		}
		if err != nil {
			t.Errorf("blob acknowledged: %v: %v", ok, err)
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil || registry.DigestOf(data) != digest {
			t.Errorf("blob is not whole: %v", err)
		}
		r.Close()
		whole++
	}
	t.Logf("%d crashes: %d events acknowledged, %d there, %d attempts failed, %d blobs of %d whole", crashes, got, len(seen)-1, failed, whole, len(blobs))
	if failed == 0 {
		t.Error("no attempt failed: the crashes hit nobody")
	}
}

// write appends an event, of a version with a blob of some chunks or of an
// annotation, and returns whether that was acknowledged.
func write(ctx context.Context, log *registry.Log, reason string, version bool) (bool, *registry.Digest) {
	if !version {
		_, err := log.Annotate(ctx, model, registry.Annotation{Version: 1, Description: reason, Reason: reason})
		return err == nil, nil
	}
	data := []byte(strings.Repeat(reason+"\n", 1<<18))
	digest := registry.DigestOf(data)
	_, err := log.Register(ctx, model, registry.Artifact{"model.bin": data}, &registry.RegisterOptions{Reason: reason})
	return err == nil, &digest
}
