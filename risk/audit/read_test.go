package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/risk"
)

// three returns a log of n answers by three writers in small segments, in order
// of time across them, and feedback on some.
func three(t testing.TB, n int) *Dir {
	t.Helper()
	dir := directory(t)
	rng := rand.New(rand.NewPCG(8, 8))
	var logs []*Log
	for i := range 3 {
		logs = append(logs, open(t, dir, fmt.Sprintf("w%d", i), Options{Sync: SyncEach, SegmentBytes: 4000, KeepText: true, Now: func() time.Time { return day }}))
	}
	for i := range n {
		logs[rng.IntN(3)].Scored(t.Context(), scored(i))
	}
	for _, l := range logs {
		ok(t, l.Close())
	}
	return dir
}

func ids(records []Record) (list []string) {
	for _, r := range records {
		list = append(list, r.ID)
	}
	return list
}

// TestRead merges three chains, whole and for times.
func TestRead(t *testing.T) {
	const n = 100
	dir := three(t, n)
	for _, c := range []struct{ from, to int }{{0, n}, {0, 0}, {10, 60}, {n - 1, n}, {n, n + 50}, {30, 31}} {
		o := &ReadOptions{Kinds: []Kind{KindScored}, From: scored(c.from).Time, To: scored(c.to).Time}
		var want []string
		for i := c.from; i < min(n, c.to); i++ {
			want = append(want, scored(i).Document.ID)
		}
		if diff := cmp.Diff(want, ids(all(t, Read(t.Context(), dir, o)))); diff != "" {
			t.Errorf("from %d to %d (-want +got):\n%s", c.from, c.to, diff)
		}
	}
	got := all(t, Read(t.Context(), dir, nil))
	for writer := range 3 {
		seq := int64(0)
		for _, r := range got {
			if r.Writer == fmt.Sprintf("w%d", writer) {
				if seq++; r.Seq != seq {
					t.Fatalf("record %d after %d", r.Seq, seq-1)
				}
			}
		}
	}
	one := all(t, Read(t.Context(), dir, &ReadOptions{Writers: []string{"w1"}, Kinds: []Kind{KindScored}}))
	if len(one) == 0 || len(one) >= n || slices.ContainsFunc(one, func(r Record) bool { return r.Writer != "w1" }) {
		t.Errorf("of one writer: %q", ids(one))
	}
	for r := range Read(t.Context(), dir, nil) { // leaves early
		if r.Seq > 3 {
			break
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range Read(ctx, dir, nil) {
		is(t, err, context.Canceled)
	}
}

// TestReadDamaged goes on with the chains that are whole.
func TestReadDamaged(t *testing.T) {
	h := hold(t, three(t, 60))
	i := slices.IndexFunc(h.segments, func(s Segment) bool { return s.Writer == "w1" })
	content := bytes.Clone(h.content[i])
	content[len(content)/2] ^= 1
	errs, writers := 0, map[string]int{}
	for r, err := range Read(t.Context(), h.with(i, content), nil) {
		if err != nil {
			is(t, err, ErrCorrupt)
			errs++
			continue
		}
		writers[r.Writer]++
	}
	if errs != 1 || writers["w0"] < 10 || writers["w1"] > 10 || writers["w2"] < 10 {
		t.Errorf("%d errors, records %v", errs, writers)
	}
}

// TestReadListed lists segments that are gone once they are opened, and ones that
// are not what their name says.
func TestReadListed(t *testing.T) {
	h := small(t)
	left := &held{segments: h.segments[1:], content: h.content[1:]}
	gone := listed{left, append([]Segment{{Writer: "w", First: 1}, {Writer: "w", First: 2}}, left.segments...)}
	for _, o := range []*ReadOptions{{Kinds: []Kind{KindScored}}, {Kinds: []Kind{KindScored}, To: day.AddDate(1, 0, 0)}} {
		if got := ids(all(t, Read(t.Context(), gone, o))); !slices.Equal(got, []string{"INC-1", "INC-2"}) {
			t.Errorf("%q", got)
		}
	}
	for i := range 3 {
		n := 0
		for _, err := range Read(t.Context(), h.with(i, h.content[(i+1)%3]), nil) {
			if err != nil {
				is(t, err, ErrCorrupt)
				n++
			}
		}
		if n != 1 {
			t.Errorf("segment %d is another: %d errors", i, n)
		}
	}
}

// listed is a Source that lists other segments than it has.
type listed struct {
	*held
	list []Segment
}

func (l listed) Segments(context.Context) ([]Segment, error) { return slices.Clone(l.list), nil }

// TestFollow reads a log that grows.
func TestFollow(t *testing.T) {
	dir := directory(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan string, 100)
		go func() {
			defer close(got)
			for r, err := range Read(ctx, dir, &ReadOptions{Follow: time.Second, Kinds: []Kind{KindScored}}) {
				if err != nil {
					t.Error(err)
				}
				got <- r.ID
			}
		}()
		for round := range 3 {
			l := open(t, dir, "w", Options{SegmentBytes: 1500})
			for i := range 10 {
				l.Scored(ctx, scored(10*round+i))
				time.Sleep(700 * time.Millisecond)
			}
			ok(t, l.Close())
			time.Sleep(10 * time.Second)
		}
		cancel()
		i := 0
		for id := range got {
			if want := fmt.Sprintf("INC-%d", i); id != want {
				t.Fatalf("%s, want %s", id, want)
			}
			i++
		}
		if i != 30 {
			t.Errorf("%d records", i)
		}
	})
}

// TestJoin holds the join against one said plainly, over two writers.
func TestJoin(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for range 4 {
		dir := directory(t)
		logs := []*Log{open(t, dir, "a", Options{SegmentBytes: 3000, KeepText: true}), open(t, dir, "b", Options{KeepText: true})}
		const horizon = 500 * time.Millisecond
		type event struct {
			id       string
			at       time.Time
			feedback string
		}
		var events []event
		for i := range 150 { // in order of time, all of them different
			e := event{id: fmt.Sprint(rng.IntN(12)), at: day.Add(time.Duration(i) * 10 * time.Millisecond)}
			if rng.IntN(3) == 0 {
				e.feedback = []string{"low", "medium", "high"}[rng.IntN(3)]
			}
			events = append(events, e)
			l := logs[rng.IntN(2)]
			if e.feedback != "" {
				ok(t, l.PutFeedback(t.Context(), risk.Feedback{ID: e.id, Level: e.feedback, Actor: fmt.Sprint(i), Time: e.at}))
				continue
			}
			s := scored(i)
			s.Document.ID, s.Time = e.id, e.at
			l.Scored(t.Context(), s)
		}
		for _, l := range logs {
			ok(t, l.Close())
		}
		judged := map[int]event{} // by answer, the last feedback that joins it
		for _, f := range events {
			if f.feedback == "" {
				continue
			}
			last := -1
			for i, a := range events {
				if a.feedback == "" && a.id == f.id && a.at.Before(f.at) {
					last = i
				}
			}
			if last >= 0 && f.at.Sub(events[last].at) <= horizon {
				judged[last] = f
			}
		}
		var want, got []string
		for i, f := range judged {
			want = append(want, fmt.Sprint(f.at.UnixMilli(), f.id, events[i].at.UnixMilli(), f.feedback))
		}
		slices.Sort(want)
		for _, l := range all(t, JoinFeedback(t.Context(), dir, &LabelledOptions{Horizon: horizon})) {
			got = append(got, fmt.Sprint(l.Given.UnixMilli(), l.Scored.ID, l.Scored.Time.UnixMilli(), l.Example().Label))
			if l.Example().Text == "" || l.Feedback.Level != l.Example().Label {
				t.Errorf("%+v", l)
			}
		}
		if !slices.IsSorted(got) {
			t.Error("not in order")
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) < 5 {
			t.Errorf("pairs (-want +got):\n%s", diff)
		}
	}
}

// TestStrayFiles passes over what is not of the log.
func TestStrayFiles(t *testing.T) {
	root := filepath.Join(t.TempDir(), "audit")
	dir, err := OpenDir(root, &DirOptions{Create: true})
	ok(t, err)
	defer dir.Close()
	l := open(t, dir, "w", Options{})
	l.Scored(t.Context(), scored(1))
	ok(t, l.Close())
	for _, name := range []string{"README", "w/notes.txt", "w/1.jsonl", "w/00000000000000000000.jsonl", "w/.tmp", "w/x.jsonl"} {
		ok(t, os.WriteFile(filepath.Join(root, name), []byte("not a segment"), 0o600))
	}
	if n := len(all(t, Read(t.Context(), dir, nil))); n != 3 {
		t.Errorf("%d records", n)
	}
	if _, err := Verify(t.Context(), dir, nil); err != nil {
		t.Error(err)
	}
	if _, err := OpenDir(filepath.Join(root, "missing"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}
