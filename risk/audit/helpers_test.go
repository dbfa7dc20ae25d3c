package audit

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/riskkit/riskkit/risk"
)

var thorough = flag.Bool("thorough", false, "kill 300 processes, and let every operation of the disk fail")

// day is when what tests record happened.
var day = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// scored returns an answer like those of a Service.
func scored(i int) *risk.Scored {
	rng := rand.New(rand.NewPCG(uint64(i), 7))
	p := []float64{rng.Float64() / 2, rng.Float64() / 4, 0}
	p[2] = 1 - p[0] - p[1]
	id := fmt.Sprintf("INC-%d", i)
	return &risk.Scored{
		Document: risk.Document{ID: id, Text: fmt.Sprintf("disk %d of the payment database is full, checkout answers slowly since noon", i), Tags: []string{"disk", "db"}, CreatedAt: day},
		Assessment: risk.Assessment{
			ID: id, Score: 0.5*p[1] + p[2], Level: "high", Method: risk.MethodML, ModelVersion: "7", Threshold: 0.61, Probabilities: risk.NewProbabilities(risk.DefaultScale(), p),
			ModelDigest: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Rollout: "r-2026-03", Arm: risk.ArmProduction,
		},
		Time: day.Add(time.Duration(i) * time.Millisecond), Duration: 1234 * time.Nanosecond,
	}
}

// all collects what an iterator yields; an error ends the test.
func all[V any](t testing.TB, seq iter.Seq2[V, error]) []V {
	t.Helper()
	var list []V
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

// ok ends the test at an error.
func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// is fails unless err wraps want.
func is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error is %v, want %v", err, want)
	}
}

// directory returns a Dir in an empty directory.
func directory(t testing.TB) *Dir {
	t.Helper()
	d, err := OpenDir(filepath.Join(t.TempDir(), "audit"), &DirOptions{Create: true})
	ok(t, err)
	t.Cleanup(func() { ok(t, d.Close()) })
	return d
}

// open opens a Log that reports no errors.
func open(t testing.TB, sink Sink, writer string, o Options) *Log {
	t.Helper()
	if o.OnError == nil {
		o.OnError = func(err error) { t.Errorf("OnError: %v", err) }
	}
	l, err := Open(t.Context(), sink, writer, &o)
	ok(t, err)
	return l
}

// ended fails unless there are no more goroutines than before, soon.
func ended(t testing.TB, before int) {
	t.Helper()
	now := runtime.NumGoroutine()
	for deadline := time.Now().Add(10 * time.Second); now > before && time.Now().Before(deadline); now = runtime.NumGoroutine() {
		time.Sleep(time.Millisecond) // what has returned may still be on its way out
	}
	if now > before {
		t.Errorf("%d goroutines before, %d after", before, now)
	}
}

// held is a Source in memory.
type held struct {
	segments    []Segment
	content     [][]byte
	checkpoints map[string][]byte
}

// hold reads all of a source.
func hold(t testing.TB, src Source) *held {
	t.Helper()
	h := &held{checkpoints: map[string][]byte{}}
	var err error
	h.segments, err = src.Segments(t.Context())
	ok(t, err)
	for _, s := range h.segments {
		data, err := rest(t.Context(), src, s, 0)
		ok(t, err)
		h.content = append(h.content, data)
		h.checkpoints[s.Writer], err = src.Checkpoint(t.Context(), s.Writer)
		ok(t, err)
	}
	return h
}

func (h *held) Segments(context.Context) ([]Segment, error) {
	list := append([]Segment(nil), h.segments...)
	for i := range list {
		list[i].Size = int64(len(h.content[i]))
	}
	return list, nil
}

func (h *held) OpenSegment(_ context.Context, s Segment, from int64) (io.ReadCloser, error) {
	for i, x := range h.segments {
		if x.Writer == s.Writer && x.First == s.First {
			return io.NopCloser(bytes.NewReader(h.content[i][from:])), nil
		}
	}
	return nil, fs.ErrNotExist
}

func (h *held) Checkpoint(_ context.Context, writer string) ([]byte, error) {
	return h.checkpoints[writer], nil
}

// with returns h with other content in one segment.
func (h *held) with(i int, content []byte) *held {
	c := *h
	c.content = append([][]byte(nil), h.content...)
	c.content[i] = content
	return &c
}

// faulty is a file system of which some operations fail.
type faulty struct {
	FS
	fail func(op string) error
}

// faultyDir returns a Dir on one.
func faultyDir(t testing.TB, root string, fail func(op string) error) *Dir {
	t.Helper()
	d, err := OpenDir(root, &DirOptions{Create: true, OpenFS: func(root string) (FS, error) {
		disk, err := OpenFS(root)
		return &faulty{disk, fail}, err
	}})
	ok(t, err)
	t.Cleanup(func() { ok(t, d.Close()) })
	return d
}

func (f *faulty) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	op := "open"
	if flag&os.O_CREATE != 0 {
		op = "create"
	}
	if err := f.fail(op); err != nil {
		return nil, err
	}
	file, err := f.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f}, nil
}

func (f *faulty) Rename(from, to string) error {
	if err := f.fail("rename"); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

func (f *faulty) Remove(name string) error {
	if err := f.fail("remove"); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

type faultyFile struct {
	File
	f *faulty
}

// Write writes half of p where it fails.
func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.f.fail("write"); err != nil {
		n, werr := f.File.Write(p[:len(p)/2])
		if err == io.ErrShortWrite { // which tells nobody
			return n, werr
		}
		return n, err
	}
	return f.File.Write(p)
}

func (f *faultyFile) Sync() error {
	if err := f.f.fail("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Truncate(n int64) error {
	if err := f.f.fail("truncate"); err != nil {
		return err
	}
	return f.File.Truncate(n)
}
