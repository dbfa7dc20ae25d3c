//go:build linux

package riskhttp_test

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/riskkit/riskkit/risk/riskhttp"
)

var thorough = flag.Bool("thorough", false, "open ten thousand connections instead of three hundred")

// clientEnv tells a second process of the test where the server is, because both
// ends of ten thousand connections are more files than one process may open.
const clientEnv = "RISKHTTP_TEST_SERVER"

// TestConnections opens many connections and counts what each costs the server:
// idle after a request, with a large body that stops in its middle, and after
// all are gone.
func TestConnections(t *testing.T) {
	n := 300
	if *thorough {
		n = 10_000
	}
	if addr := os.Getenv(clientEnv); addr != "" {
		client(t, addr, n)
		return
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur < uint64(n)+200 {
		t.Skipf("%d files may be open, error %v; ulimit -n allows more", files.Cur, err)
	}
	goroutines := runtime.NumGoroutine()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const most = 16 << 20
	s := &http.Server{ // as docs/http.md has it, with time for slow machines
		Handler:           riskhttp.New(&fake{}, &riskhttp.Options{MaxMemory: most, ReadTimeout: time.Minute}),
		ReadHeaderTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	cmd := exec.Command(os.Args[0], "-test.run=^TestConnections$", fmt.Sprintf("-thorough=%v", *thorough))
	cmd.Env = append(os.Environ(), clientEnv+"="+l.Addr().String())
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	before, says := memory(), bufio.NewScanner(stdout)
	for _, limit := range []int64{24 << 10, 32<<10 + most/int64(n), 0} {
		if !says.Scan() || !strings.HasPrefix(says.Text(), "now ") {
			t.Fatalf("the clients say %q", says.Text())
		}
		each := (memory() - before) / int64(n)
		t.Logf("%d connections, %s: %d bytes each", n, says.Text()[4:], each)
		if limit > 0 && each > limit {
			t.Errorf("want at most %d", limit)
		}
		if _, err := io.WriteString(stdin, "\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	_ = s.Close()
	<-done
	for deadline := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond) // what has returned may still be on its way out
	}
	if now := runtime.NumGoroutine(); now > goroutines {
		t.Errorf("%d goroutines before, %d after", goroutines, now)
	}
}

// memory returns the bytes that the process has in use: heap and stacks.
func memory() int64 {
	runtime.GC()
	runtime.GC() // pools keep until the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// client is the other process. After each step it waits for a line.
func client(t *testing.T, addr string, n int) {
	step := bufio.NewReader(os.Stdin)
	say := func(what string) {
		fmt.Println("now", what)
		_, _ = step.ReadString('\n')
	}
	post := func(conn net.Conn, length int, body string) {
		if _, err := fmt.Fprintf(conn, begin+"%s", "/risk", "application/json", length, body); err != nil {
			t.Fatal(err)
		}
	}
	small := `{"text":"the shop is down"}`
	var conns []net.Conn
	for range n {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		post(conn, len(small), small)
		if w, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || w.StatusCode != 200 {
			t.Fatalf("%+v, %v", w, err)
		}
	}
	say("idle")
	large := `{"text":"` + strings.Repeat("x", 20_000)
	for _, conn := range conns {
		post(conn, 1<<20, large)
	}
	time.Sleep(200 * time.Millisecond) // the server reads what there is
	say("in the middle of a body of 1 MiB")
	for _, conn := range conns {
		_ = conn.Close()
	}
	say("gone")
}
