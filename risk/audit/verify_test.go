package audit

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// small returns a log of three small sealed segments.
func small(t testing.TB) *held {
	t.Helper()
	dir := directory(t)
	o := Options{SegmentBytes: 1, Sync: SyncEach, Now: func() time.Time { return day }}
	l := open(t, dir, "w", o)
	for i := range 3 { // each is a batch and so a segment of its own
		l.Scored(t.Context(), scored(i))
	}
	ok(t, l.Close())
	h := hold(t, dir)
	if len(h.segments) != 3 {
		t.Fatalf("%d segments", len(h.segments))
	}
	return h
}

// longer returns a log of one segment with n answers and a feedback.
func longer(t testing.TB, n int) *held {
	t.Helper()
	dir := directory(t)
	l := open(t, dir, "w", Options{Config: "c", Key: []byte("k"), Now: func() time.Time { return day }})
	for i := range n {
		l.Scored(t.Context(), scored(i))
	}
	ok(t, l.PutFeedback(t.Context(), risk.Feedback{ID: "INC-1", Level: "low", Time: day.Add(time.Hour)}))
	ok(t, l.Close())
	return hold(t, dir)
}

// damaged fails unless Verify finds a Damage in segment i.
func damaged(t *testing.T, h *held, i int, what func() string) *Damage {
	t.Helper()
	_, err := Verify(t.Context(), h, nil)
	var d *Damage
	if !errors.As(err, &d) || !errors.Is(err, ErrCorrupt) {
		t.Fatalf("%s: error is %v", what(), err)
	}
	if i >= 0 && d.Segment.First != h.segments[i].First {
		t.Fatalf("%s: found in %v, want segment %d", what(), d, h.segments[i].First)
	}
	return d
}

// TestVerifyBytes changes, cuts out and puts in each single byte of a sealed
// segment.
func TestVerifyBytes(t *testing.T) {
	h := longer(t, 2)
	whole := h.content[0]
	_, err := Verify(t.Context(), h, nil)
	ok(t, err)
	var starts []int // of lines
	for i := range whole {
		if i == 0 || whole[i-1] == '\n' {
			starts = append(starts, i)
		}
	}
	line := func(i int) int { // the start of the line that byte i is in
		at := 0
		for _, s := range starts {
			if s <= i {
				at = s
			}
		}
		return at
	}
	var wg sync.WaitGroup
	for part := range 2 {
		wg.Go(func() {
			for i := part; i < len(whole); i += 2 {
				changes := []byte{whole[i] ^ 1, whole[i] ^ 0x20, '\n'}
				if *thorough {
					changes = nil
					for c := range 256 {
						changes = append(changes, byte(c))
					}
				}
				for _, c := range changes {
					if c == whole[i] {
						continue
					}
					b := bytes.Clone(whole)
					b[i] = c
					d := damaged(t, h.with(0, b), 0, func() string { return fmt.Sprintf("byte %d is %q instead of %q", i, c, whole[i]) })
					if d.Offset != int64(line(i)) {
						t.Errorf("byte %d is %q: found at %d, its line begins at %d: %v", i, c, d.Offset, line(i), d)
						return
					}
				}
				damaged(t, h.with(0, append(bytes.Clone(whole[:i]), whole[i+1:]...)), 0, func() string { return fmt.Sprint("without byte ", i) })
				for _, c := range []byte{whole[i], '\n'} {
					damaged(t, h.with(0, append(append(bytes.Clone(whole[:i]), c), whole[i:]...)), 0, func() string { return fmt.Sprintf("%q before byte %d", c, i) })
				}
			}
		})
	}
	wg.Wait()
	for i := range len(whole) { // cut, and what is left of it
		damaged(t, h.with(0, whole[:i]), 0, func() string { return fmt.Sprintf("cut to %d bytes", i) })
		if i > 0 {
			damaged(t, h.with(0, whole[i:]), 0, func() string { return fmt.Sprintf("without the first %d bytes", i) })
		}
	}
	for _, c := range []string{"\n", "x", string(whole)} {
		damaged(t, h.with(0, append(bytes.Clone(whole), c...)), 0, func() string { return fmt.Sprintf("%.10q at the end", c) })
	}
}

// TestVerifyLines swaps, cuts out, copies and moves whole records.
func TestVerifyLines(t *testing.T) {
	h := longer(t, 6)
	lines := bytes.SplitAfter(h.content[0], []byte("\n"))
	lines = lines[:len(lines)-1]
	with := func(l ...[]byte) *held { return h.with(0, bytes.Join(l, nil)) }
	edit := func(f func(l [][]byte) [][]byte) *held { return with(f(append([][]byte(nil), lines...))...) }
	for i := range lines {
		for j := range i { // neighbours and others
			damaged(t, edit(func(l [][]byte) [][]byte { l[i], l[j] = l[j], l[i]; return l }), 0, func() string { return fmt.Sprintf("records %d and %d swapped", j, i) })
		}
		d := damaged(t, edit(func(l [][]byte) [][]byte { return append(l[:i], l[i+1:]...) }), 0, func() string { return fmt.Sprintf("without record %d", i) })
		if d.Seq != int64(i+1) {
			t.Errorf("without record %d: %v", i+1, d)
		}
		damaged(t, edit(func(l [][]byte) [][]byte { return append(l[:i+1], append([][]byte{lines[i]}, lines[i+1:]...)...) }), 0, func() string { return fmt.Sprintf("record %d twice", i) })
		damaged(t, edit(func(l [][]byte) [][]byte { return l[:i] }), 0, func() string { return fmt.Sprintf("only %d records", i) })
		damaged(t, edit(func(l [][]byte) [][]byte { return append(l, lines[i]) }), 0, func() string { return fmt.Sprintf("record %d at the end", i) })
	}
}

// TestVerifySegments deletes, swaps and replaces whole segments.
func TestVerifySegments(t *testing.T) {
	h := small(t)
	report, err := Verify(t.Context(), h, nil)
	ok(t, err)
	if c := report.Chains[0]; c.First != 1 || c.Last != 9 || c.Segments != 3 || c.Open {
		t.Errorf("chain %+v", c)
	}
	without := func(i int) *held {
		c := *h
		c.segments = append(append([]Segment(nil), h.segments[:i]...), h.segments[i+1:]...)
		c.content = append(append([][]byte(nil), h.content[:i]...), h.content[i+1:]...)
		return &c
	}
	for i := range 3 {
		damaged(t, without(i), -1, func() string { return fmt.Sprintf("without segment %d", i) })
		for j := range 3 {
			if i != j {
				damaged(t, h.with(i, h.content[j]), i, func() string { return fmt.Sprintf("segment %d is %d", i, j) })
			}
		}
	}
	other := *h // of another writer, by name
	other.segments = append([]Segment(nil), h.segments...)
	for i := range other.segments {
		other.segments[i].Writer = "v"
	}
	damaged(t, &other, 0, func() string { return "another writer's" })
	// Rewritten as a whole with another text it is whole: only a checkpoint kept
	// elsewhere tells.
	anew := longer(t, 3)
	h = longer(t, 4)
	kept, err := decodeCheckpoint(h.checkpoints["w"])
	ok(t, err)
	if _, err := Verify(t.Context(), anew, nil); err != nil {
		t.Error(err)
	}
	_, err = Verify(t.Context(), anew, &VerifyOptions{Checkpoints: []Checkpoint{kept}})
	is(t, err, ErrCorrupt)
	_, err = Verify(t.Context(), &held{}, &VerifyOptions{Checkpoints: []Checkpoint{kept}})
	is(t, err, ErrCorrupt)
	if report, err := Verify(t.Context(), &held{}, nil); err != nil || len(report.Chains) != 0 {
		t.Errorf("an empty log: %+v, %v", report, err)
	}
}

// TestCheckpoints signs them, hands them on, and tells others' from ours.
func TestCheckpoints(t *testing.T) {
	public, private, err := ed25519.GenerateKey(bytes.NewReader(make([]byte, 64)))
	ok(t, err)
	stranger, forger, err := ed25519.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{7}, 64)))
	ok(t, err)
	dir := directory(t)
	var told []Checkpoint
	l := open(t, dir, "w", Options{Signer: private, OnCheckpoint: func(c Checkpoint) { told = append(told, c) }})
	l.Scored(t.Context(), scored(1))
	c, err := l.Checkpoint(t.Context())
	ok(t, err)
	l.Scored(t.Context(), scored(2))
	ok(t, l.Close())
	if len(told) != 2 || told[0].Seq != 2 || told[1].Seq != 4 || c.Seq != 2 || c.Hash != told[0].Hash {
		t.Fatalf("checkpoints %+v, %+v", c, told)
	}
	trust := &VerifyOptions{Checkpoints: told, Trusted: []ed25519.PublicKey{public}}
	_, err = Verify(t.Context(), dir, trust)
	ok(t, err)
	_, err = Verify(t.Context(), dir, &VerifyOptions{Trusted: []ed25519.PublicKey{stranger}})
	is(t, err, ErrUntrusted)
	for what, change := range map[string]func(*Checkpoint){
		"seq": func(c *Checkpoint) { c.Seq++ }, "hash": func(c *Checkpoint) { c.Hash[0]++ }, "time": func(c *Checkpoint) { c.Time = c.Time.Add(1) },
		"writer": func(c *Checkpoint) { c.Writer = "v" }, "signature": func(c *Checkpoint) { c.Signature[0]++ }, "none": func(c *Checkpoint) { c.Signature = nil },
	} {
		bad := told[0]
		bad.Signature = bytes.Clone(bad.Signature)
		change(&bad)
		if err := bad.CheckSignature(trust.Trusted); !errors.Is(err, ErrUntrusted) {
			t.Errorf("%s changed: %v", what, err)
		}
	}
	// The file beside the log is one of its anchors.
	h := hold(t, dir)
	for _, c := range []Checkpoint{{Writer: "w", Seq: 5}, {Writer: "w", Seq: 3}, {Writer: "v"}} {
		h.checkpoints["w"], err = json.Marshal(c)
		ok(t, err)
		_, err = Verify(t.Context(), h, nil)
		is(t, err, ErrCorrupt)
	}
	forged := Checkpoint{Writer: "w", Seq: 4, Hash: told[1].Hash}
	ok(t, forged.sign(forger))
	h.checkpoints["w"], err = json.Marshal(forged)
	ok(t, err)
	_, err = Verify(t.Context(), h, trust)
	is(t, err, ErrUntrusted)
}

// BenchmarkVerify reads segments of 16 MB.
func BenchmarkVerify(b *testing.B) {
	dir := directory(b)
	l := open(b, dir, "w", Options{Key: []byte("k"), Full: Block, SegmentBytes: 16 << 20})
	s := scored(1)
	for range 150_000 {
		l.Scored(b.Context(), s)
	}
	ok(b, l.Close())
	for _, procs := range []int{1, runtime.GOMAXPROCS(0)} {
		b.Run(fmt.Sprint(procs), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			for b.Loop() {
				report, err := Verify(b.Context(), dir, nil)
				ok(b, err)
				b.SetBytes(report.Chains[0].Bytes)
			}
		})
	}
}

// FuzzScanner reads anything as a segment. What it lets pass is as the writer
// writes it.
func FuzzScanner(f *testing.F) {
	h := longer(f, 2)
	f.Add(h.content[0])
	f.Add(h.content[0][:len(h.content[0])/2])
	f.Add([]byte("\n{\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := newScanner(bytes.NewReader(data))
		passed := 0
		for {
			line, _, err := in.next()
			if err != nil {
				break
			}
			passed += len(line)
		}
		if int64(passed) != in.at || passed > len(data) {
			t.Errorf("%d bytes passed, the next line is at %d of %d", passed, in.at, len(data))
		}
		held := &held{segments: []Segment{{Writer: "w", First: 1}}, content: [][]byte{data}}
		if _, err := Verify(t.Context(), held, nil); err != nil {
			is(t, err, ErrCorrupt)
		}
		for _, err := range Read(t.Context(), held, nil) {
			if err != nil {
				is(t, err, ErrCorrupt)
			}
		}
	})
}
