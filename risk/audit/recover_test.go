package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// laid writes h into a directory, as somebody may who does not hold its lock.
func laid(t testing.TB, h *held) *Dir {
	t.Helper()
	root := filepath.Join(t.TempDir(), "audit")
	ok(t, os.MkdirAll(filepath.Join(root, "w"), 0o700))
	for i, s := range h.segments {
		ok(t, os.WriteFile(filepath.Join(root, "w", fmt.Sprintf(segmentName, s.First)), h.content[i], 0o600))
	}
	ok(t, os.WriteFile(filepath.Join(root, "w", checkpointName), h.checkpoints["w"], 0o600))
	dir, err := OpenDir(root, nil)
	ok(t, err)
	t.Cleanup(func() { ok(t, dir.Close()) })
	return dir
}

// TestRecoverDamaged damages sealed segments, each byte of the last one's end
// among them, and has a Log go on with them, twice. That must not hide it.
func TestRecoverDamaged(t *testing.T) {
	h := small(t)
	last := len(h.segments) - 1
	damages := map[string]*held{}
	for i, whole := range h.content {
		end := bytes.LastIndexByte(whole[:len(whole)-1], '\n') // of the line before the last
		for at := 0; at < len(whole); at++ {
			if at%191 != 0 && (i != last || at < end || at%11 != 0 && !*thorough) {
				continue
			}
			content := bytes.Clone(whole)
			content[at] ^= 1
			damages[fmt.Sprintf("segment %d, byte %d", i, at)] = h.with(i, content)
			if i == last && at > 0 { // or else it is empty, and told of as such
				damages[fmt.Sprintf("segment %d, cut to %d bytes", i, at)] = h.with(i, whole[:at])
			}
		}
	}
	for n := range h.segments {
		c := *h
		c.segments, c.content = h.segments[:n], h.content[:n]
		damages[fmt.Sprintf("only %d segments", n)] = &c
	}
	for what, damaged := range damages {
		dir := laid(t, damaged)
		for range 2 {
			l := open(t, dir, "w", Options{OnError: func(err error) { is(t, err, ErrCorrupt) }})
			l.Scored(context.Background(), scored(5))
			ok(t, l.Close())
		}
		if _, err := Verify(t.Context(), dir, nil); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: after two restarts the error is %v", what, err)
		}
		n := 0
		for r := range Read(t.Context(), dir, &ReadOptions{From: scored(5).Time, Kinds: []Kind{KindScored}}) {
			n += strings.Count(r.ID, "INC-5")
		}
		if n != 2 && !strings.Contains(what, "byte") { // a chain that is damaged is read up to there
			t.Errorf("%s: %d of 2 new answers are there", what, n)
		}
		for i, s := range damaged.segments { // nothing is cut, or mended
			if content, err := rest(t.Context(), dir, Segment{s.Writer, s.First, 1 << 20}, 0); err != nil || !bytes.Equal(content, damaged.content[i]) {
				t.Errorf("%s: segment %d has other content, error %v", what, i, err)
			}
		}
	}
	// A checkpoint that makes no sense is told of, and the log goes on.
	for _, file := range []string{"", "null", "{", `{"writer":"v","seq":9}`} {
		c := *h
		c.checkpoints = map[string][]byte{"w": []byte(file)}
		dir, told := laid(t, &c), 0
		l := open(t, dir, "w", Options{OnError: func(err error) { told++; is(t, err, ErrCorrupt) }})
		l.Scored(context.Background(), scored(5))
		ok(t, l.Close())
		_, err := Verify(t.Context(), dir, nil)
		ok(t, err)
		if told != 1 {
			t.Errorf("checkpoint %q: %d errors", file, told)
		}
	}
}

// growing is a Source of which the log grows while its checkpoint is read.
type growing struct {
	Source
	grow func()
}

func (g growing) Checkpoint(ctx context.Context, writer string) ([]byte, error) {
	g.grow()
	return g.Source.Checkpoint(ctx, writer)
}

// TestVerifyGrowing verifies a log that seals a segment meanwhile.
func TestVerifyGrowing(t *testing.T) {
	dir := directory(t)
	l := open(t, dir, "w", Options{SegmentBytes: 1, Sync: SyncEach})
	l.Scored(t.Context(), scored(0))
	report, err := Verify(t.Context(), growing{dir, func() { l.Scored(t.Context(), scored(1)) }}, nil)
	if ok(t, err); report.Chains[0].Segments != 2 {
		t.Errorf("%+v", report)
	}
	ok(t, l.Close())
}

// TestVerifyBoundary has checkpoints of records that stand before the first
// segment that is left.
func TestVerifyBoundary(t *testing.T) {
	dir := directory(t)
	var told []Checkpoint
	now := day
	o := Options{SegmentBytes: 1, Sync: SyncEach, Retain: time.Hour, Now: func() time.Time { return now }, OnCheckpoint: func(c Checkpoint) { told = append(told, c) }}
	l := open(t, dir, "w", o)
	empty, err := l.Checkpoint(t.Context())
	ok(t, err)
	for i := range 2 {
		l.Scored(t.Context(), scored(i))
	}
	ok(t, l.Close())
	now = now.Add(24 * time.Hour)
	ok(t, open(t, dir, "w", o).Close()) // the two expire
	verify := func(c ...Checkpoint) error {
		_, err := Verify(t.Context(), dir, &VerifyOptions{Checkpoints: c})
		return err
	}
	report, err := Verify(t.Context(), dir, nil)
	if ok(t, err); report.Chains[0].First != 7 {
		t.Fatalf("%+v", report)
	}
	ok(t, verify(told...))
	ok(t, verify(empty))
	end := told[len(told)-2]
	if end.Seq != 6 {
		t.Fatalf("%+v", told)
	}
	end.Hash[0]++
	is(t, verify(end), ErrCorrupt)
	_, err = Verify(t.Context(), &held{}, &VerifyOptions{Checkpoints: []Checkpoint{empty}})
	ok(t, err) // it says that nothing was recorded
}

// TestFuture takes feedback that says it is of other times: it is kept, and no
// longer than the rest.
func TestFuture(t *testing.T) {
	dir := directory(t)
	now := day
	o := Options{Retain: time.Hour, Now: func() time.Time { return now }}
	times := []time.Time{day, day.AddDate(100, 0, 0), day.AddDate(5000, 0, 0), day.AddDate(-2000, 0, 0)}
	l := open(t, dir, "w", o)
	for i, at := range times {
		ok(t, l.PutFeedback(t.Context(), risk.Feedback{ID: fmt.Sprint(i), Level: "low", Time: at}))
	}
	ok(t, l.Close())
	found := all(t, Read(t.Context(), dir, &ReadOptions{Kinds: []Kind{KindFeedback}}))
	for _, r := range found {
		if !r.Time.Equal(r.Feedback.Time) {
			t.Errorf("feedback of %v has the time %v", r.Feedback.Time, r.Time)
		}
	}
	if len(found) != len(times) {
		t.Errorf("%d records", len(found))
	}
	for range 2 { // by the footer, and by the Log that sealed it
		now = now.Add(2 * time.Hour)
		l := open(t, dir, "w", o)
		ok(t, l.PutFeedback(t.Context(), risk.Feedback{ID: "x", Level: "low", Time: day.AddDate(100, 0, 0)}))
		ok(t, l.Close())
	}
	segments, err := dir.Segments(t.Context())
	if ok(t, err); len(segments) != 1 || segments[0].First == 1 {
		t.Errorf("there are %v", segments)
	}
}

// panics is a Sink whose Appender panics, but when it is closed.
type panics struct {
	Sink
	now bool
}

func (s *panics) Lock(ctx context.Context, writer string) (Appender, error) {
	a, err := s.Sink.Lock(ctx, writer)
	return &panicsAppender{a, s}, err
}

type panicsAppender struct {
	Appender
	s *panics
}

func (a *panicsAppender) Append(ctx context.Context, s Segment, data []byte) error {
	if a.s.now {
		panic("no such table")
	}
	return a.Appender.Append(ctx, s, data)
}

func (a *panicsAppender) Sync(ctx context.Context, s Segment) error {
	if a.s.now {
		panic("no such table")
	}
	return a.Appender.Sync(ctx, s)
}

// TestPanickingSink outlives a sink of the host's that panics.
func TestPanickingSink(t *testing.T) {
	sink := &panics{directory(t), false}
	told := 0
	l := open(t, sink, "w", Options{Sync: SyncEach, OnError: func(error) { told++ }})
	l.Scored(t.Context(), scored(0))
	sink.now = true
	l.Scored(t.Context(), scored(1))
	if err := l.PutFeedback(t.Context(), risk.Feedback{ID: "1", Level: "low"}); err == nil {
		t.Error("feedback is acknowledged")
	}
	sink.now = false
	l.Scored(t.Context(), scored(2))
	ok(t, l.Close())
	_, err := Verify(t.Context(), sink, nil)
	ok(t, err)
	missing := int64(0)
	records := all(t, Read(t.Context(), sink, nil))
	for _, r := range records {
		missing += r.Missing
	}
	if missing != 2 || told < 2 || len(records) != 5 {
		t.Errorf("%d missing, %d errors, %d records", missing, told, len(records))
	}
}
