package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/registrytest"
)

// A node is a file or a directory of a memFS: what is there, and what of it
// would be there after a power failure.
type node struct {
	dir           bool
	names, synced map[string]*node
	data, durable []byte
	time          time.Time
}

func newFolder() *node {
	return &node{dir: true, names: map[string]*node{}, synced: map[string]*node{}}
}

// survives returns what a power failure leaves of n: of a directory the names
// that were there when it was synced last, of a file the bytes.
func (n *node) survives(seen map[*node]*node) *node {
	if m := seen[n]; m != nil {
		return m
	}
	m := &node{dir: n.dir, data: slices.Clone(n.durable), durable: slices.Clone(n.durable), names: map[string]*node{}, time: n.time}
	seen[n] = m
	for name, child := range n.synced {
		m.names[name] = child.survives(seen)
	}
	m.synced = maps.Clone(m.names)
	return m
}

// memFS is a file system in memory that loses what was not synced.
type memFS struct {
	mu   *sync.Mutex
	root *node
}

func newMemFS() memFS { return memFS{&sync.Mutex{}, newFolder()} }

// lost returns the file system as it is after a power failure.
func (m memFS) lost() memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	return memFS{&sync.Mutex{}, m.root.survives(map[*node]*node{})}
}

func (m memFS) open(string) (registry.FS, error) { return m, nil }

func (m memFS) find(name string) (*node, error) {
	n := m.root
	if name == "." {
		return n, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		if n = n.names[part]; n == nil {
			return nil, &fs.PathError{Op: "find", Path: name, Err: fs.ErrNotExist}
		}
	}
	return n, nil
}

func (m memFS) OpenFile(name string, flag int, _ fs.FileMode) (registry.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(name)
	if err != nil && flag&os.O_CREATE != 0 {
		parent, perr := m.find(path.Dir(name))
		if perr != nil {
			return nil, perr
		}
		n, err = &node{time: time.Now()}, nil
		parent.names[path.Base(name)] = n
	} else if err == nil && flag&os.O_EXCL != 0 {
		err = fs.ErrExist
	}
	if err != nil {
		return nil, err
	}
	return &memFile{m: m, n: n}, nil
}

func (m memFS) Lstat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(name)
	if err != nil {
		return nil, err
	}
	return memInfo{path.Base(name), n, int64(len(n.data))}, nil
}

func (m memFS) Stat(name string) (fs.FileInfo, error) { return m.Lstat(name) }

func (m memFS) MkdirAll(name string, _ fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.root
	for part := range strings.SplitSeq(name, "/") {
		if n.names[part] == nil {
			n.names[part] = newFolder()
		}
		n = n.names[part]
	}
	return nil
}

func (m memFS) place(from, to string, replace bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(from)
	if err != nil {
		return err
	}
	parent, err := m.find(path.Dir(to))
	if err != nil {
		return err
	}
	if parent.names[path.Base(to)] != nil && !replace {
		return fs.ErrExist
	}
	parent.names[path.Base(to)] = n
	return nil
}

func (m memFS) Link(from, to string) error { return m.place(from, to, false) }

func (m memFS) Rename(from, to string) error {
	if err := m.place(from, to, true); err != nil {
		return err
	}
	return m.Remove(from)
}

func (m memFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	parent, err := m.find(path.Dir(name))
	if err == nil && parent.names[path.Base(name)] == nil {
		err = fs.ErrNotExist
	}
	if err == nil {
		delete(parent.names, path.Base(name))
	}
	return err
}

func (m memFS) Close() error { return nil }

type memFile struct {
	m  memFS
	n  *node
	at int
}

func (f *memFile) Read(p []byte) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.at >= len(f.n.data) {
		return 0, io.EOF
	}
	n := copy(p, f.n.data[f.at:])
	f.at += n
	return n, nil
}

func (f *memFile) Write(p []byte) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.n.data = append(f.n.data, p...)
	return len(p), nil
}

func (f *memFile) Sync() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.n.durable, f.n.synced = slices.Clone(f.n.data), maps.Clone(f.n.names)
	return nil
}

func (f *memFile) Readdirnames(int) ([]string, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return slices.Collect(maps.Keys(f.n.names)), nil
}

func (f *memFile) Close() error { return nil }

type memInfo struct {
	name string
	n    *node
	size int64
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) ModTime() time.Time { return i.n.time }
func (i memInfo) IsDir() bool        { return i.n.dir }
func (i memInfo) Sys() any           { return nil }
func (i memInfo) Mode() fs.FileMode {
	if i.n.dir {
		return fs.ModeDir | 0o700
	}
	return 0o600
}

// onMem returns a store in what open opens.
func onMem(open func(string) (registry.FS, error)) (*registry.Dir, error) {
	return registry.OpenDir("memory", &registry.DirOptions{MayBeAbsent: true, Open: open})
}

// outlives is a Store that looks, when its next calls after a fault acknowledge
// something, whether a power failure would leave that.
type outlives struct {
	*registry.Dir
	disk  memFS
	looks int // to come
	fail  func() bool
	lost  error
}

func (o *outlives) fails() bool {
	fail := o.fail()
	if fail {
		o.looks = 3
	}
	return fail
}

// look calls f with the store as it is after a power failure.
func (o *outlives) look(acknowledged bool, f func(after *registry.Dir) error) error {
	if !acknowledged || o.looks == 0 || o.lost != nil {
		return nil
	}
	o.looks--
	after, err := onMem(o.disk.lost().open)
	if err == nil {
		o.lost = f(after)
	}
	return err
}

func (o *outlives) PutBlob(ctx context.Context, d registry.Digest, r io.Reader) error {
	err := o.Dir.PutBlob(ctx, d, r)
	return errors.Join(err, o.look(err == nil, func(after *registry.Dir) error {
		_, err := after.OpenBlob(ctx, d)
		return err
	}))
}

func (o *outlives) Append(ctx context.Context, log string, seq int64, event []byte) error {
	err := o.Dir.Append(ctx, log, seq, event)
	return errors.Join(err, o.look(err == nil, func(after *registry.Dir) error {
		l := registry.New(after, nil)
		s, err := l.State(ctx, log)
		if err == nil && s.Seq < seq {
			err = fmt.Errorf("event %d is not there, but %d", seq, s.Seq)
		}
		if err == nil {
			_, err = l.Verify(ctx, nil)
		}
		return err
	}))
}

// TestPowerFailures lets one operation of the file system fail each time, and
// looks after the next acknowledged calls what would be left if the power failed
// then.
func TestPowerFailures(t *testing.T) {
	for _, after := range []bool{false, true} {
		var all []*outlives
		err := registrytest.TestInterruptions(t.Context(), func(fail func() bool) (registry.Store, error) {
			o := &outlives{disk: newMemFS(), fail: fail}
			all = append(all, o)
			var err error
			o.Dir, err = onMem(func(string) (registry.FS, error) { return &failingFS{o.disk, o.fails, after, syscall.EIO}, nil })
			return o, err
		}, often(41, 11, 1))
		if err != nil {
			t.Errorf("failing after the operation %v: %v", after, err)
		}
		for i, o := range all {
			if o.lost != nil {
				t.Errorf("failing after the operation %v, fault %d: acknowledged, and lost by a power failure: %v", after, i+1, o.lost)
			}
		}
		t.Logf("%d faults", len(all)-1)
	}
}
