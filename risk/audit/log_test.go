package audit

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/risk"
)

// TestLog records one of each, closes, and goes on in a second process.
func TestLog(t *testing.T) {
	before := runtime.NumGoroutine()
	dir := directory(t)
	key := []byte("a key of the host's")
	o := Options{Config: "sha256:c0ffee", Key: key, Now: func() time.Time { return day.Add(time.Hour) }}
	l := open(t, dir, "web-1", o)
	for i := range 3 {
		l.Scored(t.Context(), scored(i))
	}
	s := scored(9)
	l.Shadowed(t.Context(), &risk.Shadowed{Document: s.Document, Time: s.Time, Rollout: "r-1", Production: s.Assessment, Candidate: scored(8).Assessment})
	l.Shadowed(t.Context(), &risk.Shadowed{Document: s.Document, Time: s.Time, Rollout: "r-1", Production: s.Assessment, Err: errors.New("it hangs")})
	l.Shadowed(t.Context(), &risk.Shadowed{Document: s.Document, Time: s.Time, Rollout: "r-1", Production: s.Assessment, Dropped: true})
	l.ModelChanged(&risk.ServiceStatus{ML: true, Version: "8"})
	verdict := risk.Feedback{ID: "INC-1", Level: "low", Actor: "on call", Time: day.Add(2 * time.Hour)}
	for range 3 {
		ok(t, l.PutFeedback(t.Context(), verdict))
	}
	ok(t, l.Close())
	ok(t, l.Close())
	l.Scored(t.Context(), scored(1)) // is not recorded
	is(t, l.PutFeedback(t.Context(), verdict), ErrClosed)

	o.Config = "sha256:decaf"
	l = open(t, dir, "web-1", o)
	later := verdict
	later.Time = day.Add(3 * time.Hour) // the same request again
	ok(t, l.PutFeedback(t.Context(), later))
	ok(t, l.PutFeedback(t.Context(), verdict))
	ok(t, l.Close())

	l = open(t, dir, "web-1", o)
	later.Level = "high"
	ok(t, l.PutFeedback(t.Context(), later))
	ok(t, l.PutFeedback(t.Context(), verdict)) // was there already
	later.Level, later.Time = "low", day.Add(4*time.Hour)
	ok(t, l.PutFeedback(t.Context(), later)) // back again
	ok(t, l.Close())
	ended(t, before)

	records := all(t, Read(t.Context(), dir, nil))
	var kinds []Kind
	for i, r := range records {
		kinds = append(kinds, r.Kind)
		if r.Seq != int64(i+1) || r.Writer != "web-1" || r.Kind == KindScored && r.Config != "sha256:c0ffee" {
			t.Errorf("record %d: %+v", i, r)
		}
	}
	want := []Kind{
		KindOpened, KindScored, KindScored, KindScored, KindShadowed, KindShadowed, KindShadowed, KindModel, KindFeedback, KindSealed,
		KindOpened, KindFeedback, KindFeedback, KindSealed,
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Fatalf("kinds (-want +got):\n%s", diff)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(scored(2).Document.Text))
	r := records[3]
	if r.ID != "INC-2" || r.Time != scored(2).Time || !cmp.Equal(*r.Assessment, scored(2).Assessment) || r.Duration != 1234 || r.Text != "" || r.Tags != nil ||
		!bytes.Equal(r.TextHMAC[:], mac.Sum(nil)) || r.EventID() != "web-1/4" {
		t.Errorf("scored: %+v", r)
	}
	if c := records[4].Candidate; c == nil || c.ID != "INC-9" || c.Score != scored(8).Assessment.Score || records[5].Error != "it hangs" || records[5].Candidate != nil || !records[6].NotAsked {
		t.Errorf("shadowed: %+v", records[4:7])
	}
	if *records[8].Feedback != verdict || records[7].Model.Version != "8" {
		t.Errorf("feedback %+v, model %+v", records[8].Feedback, records[7].Model)
	}
	report, err := Verify(t.Context(), dir, nil)
	if err != nil || len(report.Chains) != 1 || report.Chains[0].Last != int64(len(want)) || report.Chains[0].Segments != 2 || report.Chains[0].Open {
		t.Errorf("report %+v, error %v", report, err)
	}
}

// TestText keeps texts, redacted.
func TestText(t *testing.T) {
	dir := directory(t)
	reported := 0
	l := open(t, dir, "web-1", Options{KeepText: true, OnError: func(error) { reported++ }, Redact: func(text string) string {
		if text == "panic" {
			panic("no text")
		}
		return text[:4] + "…"
	}})
	s := scored(1)
	s.Assessment.EscalationReason = "because"
	l.Scored(t.Context(), s)
	if s.Assessment.EscalationReason != "because" {
		t.Error("the caller's answer is changed")
	}
	s.Document.Text, s.Assessment.EscalationReason = "panic", ""
	l.Scored(t.Context(), s)
	ok(t, l.Close())
	records := all(t, Read(t.Context(), dir, &ReadOptions{Kinds: []Kind{KindScored}}))
	if r := records[0]; r.Text != "disk…" || len(r.Tags) != 2 || !r.CreatedAt.Equal(day) || r.TextHMAC != (Hash{}) || r.Document().Text != r.Text {
		t.Errorf("record %+v", r)
	}
	if records[1].Text != "" || reported != 1 {
		t.Errorf("text %q after a panic, %d errors", records[1].Text, reported)
	}
	if r := records[0].Assessment; r.EscalationReason != "beca…" {
		t.Errorf("reason %q", r.EscalationReason)
	}
	l = open(t, dir, "web-2", Options{})
	s.Assessment.EscalationReason = "the disk is full"
	l.Scored(t.Context(), s)
	ok(t, l.Close())
	records = all(t, Read(t.Context(), dir, &ReadOptions{Writers: []string{"web-2"}, Kinds: []Kind{KindScored}}))
	if r := records[0].Assessment; r.EscalationReason != "" {
		t.Errorf("reason %q is kept without texts", r.EscalationReason)
	}
}

// TestOpenErrors opens what cannot be.
func TestOpenErrors(t *testing.T) {
	dir := directory(t)
	for _, name := range []string{"", ".hidden", "a/b", "ä", "..", string(bytes.Repeat([]byte("x"), 65))} {
		_, err := Open(t.Context(), dir, name, nil)
		is(t, err, ErrInput)
	}
	for _, o := range []Options{{Sync: 7}, {Full: -1}, {Buffer: -1}, {Interval: -1}} {
		_, err := Open(t.Context(), dir, "w", &o)
		is(t, err, ErrInput)
	}
	l := open(t, dir, "w", Options{})
	_, err := Open(t.Context(), dir, "w", nil)
	is(t, err, ErrLocked)
	ok(t, open(t, dir, "w2", Options{}).Close())
	ok(t, l.Close())
	ok(t, open(t, dir, "w", Options{}).Close())
	if records := all(t, Read(t.Context(), dir, nil)); len(records) != 0 {
		t.Errorf("%d records of nothing", len(records))
	}
}

// TestStrange records what JSON cannot say, or only in other words.
func TestStrange(t *testing.T) {
	dir := directory(t)
	l := open(t, dir, "w", Options{Config: "\xff\"\n", KeepText: true})
	s := scored(1)
	s.Time, s.Document.ID, s.Document.Text = time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), "\xff", "a\nb\x00\u2028"
	s.Assessment.Score, s.Assessment.Threshold = math.NaN(), math.Inf(-1)
	l.Scored(t.Context(), s)
	l.ModelChanged(&risk.ServiceStatus{Rollout: &risk.RolloutStatus{Share: math.NaN()}})
	l.Shadowed(t.Context(), &risk.Shadowed{Err: errPanics{}})
	is(t, l.PutFeedback(t.Context(), risk.Feedback{ID: "x", Time: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)}), ErrInput)
	ok(t, l.PutFeedback(t.Context(), risk.Feedback{ID: "\xff\n", Reason: "<\"\u2029>", Time: day.In(time.FixedZone("", 3601))}))
	ok(t, l.Close())
	_, err := Verify(t.Context(), dir, nil)
	ok(t, err)
	if n := len(all(t, Read(t.Context(), dir, nil))); n != 6 {
		t.Errorf("%d records", n)
	}
	_, err = Open(t.Context(), dir, "w", &Options{Config: string(make([]byte, 5000))})
	is(t, err, ErrInput)
}

type errPanics struct{}

func (errPanics) Error() string { panic("no words") }

// watched is a Sink that knows how much of the last segment is synced.
type watched struct {
	Sink
	mu     sync.Mutex
	synced Segment
}

type watchedAppender struct {
	Appender
	s *watched
}

func (s *watched) Lock(ctx context.Context, writer string) (Appender, error) {
	a, err := s.Sink.Lock(ctx, writer)
	return &watchedAppender{a, s}, err
}

func (a *watchedAppender) Sync(ctx context.Context, s Segment) error {
	err := a.Appender.Sync(ctx, s)
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	a.s.synced = s
	return err
}

// TestInterval finds that what is recorded is synced after the interval.
func TestInterval(t *testing.T) {
	dir := directory(t)
	synctest.Test(t, func(t *testing.T) {
		sink := &watched{Sink: dir}
		l := open(t, sink, "w", Options{Interval: time.Second})
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range 50 {
			time.Sleep(time.Duration(rng.IntN(1e9)))
			l.Scored(t.Context(), scored(i))
			time.Sleep(time.Second)
			synctest.Wait()
			if n := len(all(t, Read(t.Context(), dir, &ReadOptions{Kinds: []Kind{KindScored}}))); n != i+1 {
				t.Fatalf("%d records of %d after the interval", n, i+1)
			}
			segments, err := dir.Segments(t.Context())
			ok(t, err)
			sink.mu.Lock()
			if len(segments) != 1 || segments[0] != sink.synced {
				t.Errorf("written are %v, synced %v", segments, sink.synced)
			}
			sink.mu.Unlock()
		}
		ok(t, l.Close())
	})
}

// TestEach finds what is acknowledged at once.
func TestEach(t *testing.T) {
	dir := directory(t)
	l := open(t, dir, "w", Options{Sync: SyncEach, Interval: time.Hour})
	for i := range 5 {
		l.Scored(t.Context(), scored(i))
		if n := len(all(t, Read(t.Context(), dir, &ReadOptions{Kinds: []Kind{KindScored}}))); n != i+1 {
			t.Errorf("%d records after %d", n, i+1)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l.Scored(ctx, scored(6)) // does not wait and is recorded
	c, err := l.Checkpoint(t.Context())
	ok(t, err)
	if c.Seq != 7 {
		t.Errorf("checkpoint %+v", c)
	}
	ok(t, l.Close())
}
