package durable

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestMakeDir(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"a", "a", "b/c/d", "b/../e/", ".", filepath.Join(t.TempDir(), "x", "y")} {
		if err := MakeDir(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if info, err := os.Stat(name); err != nil || !info.IsDir() {
			t.Errorf("%s is not there: %v", name, err)
		}
	}
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"file", "file/a"} {
		if err := MakeDir(name); err == nil {
			t.Errorf("%s is made", name)
		}
	}
}

// open is a directory that cannot be synced or closed.
type open struct {
	sync, close error
	closed      int
}

func (o *open) Sync() error  { return o.sync }
func (o *open) Close() error { o.closed++; return o.close }

func TestSyncDir(t *testing.T) {
	a, b := errors.New("a"), errors.New("b")
	for _, x := range []struct{ sync, close, want error }{{nil, nil, nil}, {a, nil, a}, {nil, b, b}, {a, b, a}} {
		if runtime.GOOS == "windows" {
			x.want = x.close
		}
		o := &open{sync: x.sync, close: x.close}
		if err := SyncDir(o); err != x.want || o.closed != 1 {
			t.Errorf("%v and %v: %v, closed %d times", x.sync, x.close, err, o.closed)
		}
	}
}
