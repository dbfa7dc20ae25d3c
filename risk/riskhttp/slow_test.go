package riskhttp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskhttp"
)

// pipes is a listener of connections in memory, so that time can be faked.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	if c, ok := <-p.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.conns) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// dial connects and sends the beginning of a request.
func (p *pipes) dial(t *testing.T, begin string) (net.Conn, *bufio.Reader) {
	t.Helper()
	ours, theirs := net.Pipe()
	p.conns <- theirs
	if _, err := io.WriteString(ours, begin); err != nil {
		t.Fatal(err)
	}
	return ours, bufio.NewReader(ours)
}

// bubble runs test with a server and a clock that goes on when all wait.
func bubble(t *testing.T, test func(t *testing.T, p *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{conns: make(chan net.Conn)}
		s := &http.Server{ // as docs/http.md has it
			Handler:           riskhttp.New(&fake{}, nil),
			ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
		}
		done := make(chan error, 1)
		go func() { done <- s.Serve(p) }()
		test(t, p)
		if err := s.Shutdown(t.Context()); err != nil { // hangs, and so fails, where a connection does
			t.Error(err)
		}
		<-done
	})
}

// drip sends a byte every second until the connection is closed.
func drip(conn net.Conn) {
	for {
		if _, err := conn.Write([]byte(" ")); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

const begin = "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"

// TestSlowBody has bodies come in a byte every second.
func TestSlowBody(t *testing.T) {
	bubble(t, func(t *testing.T, p *pipes) {
		var all sync.WaitGroup
		for _, path := range []string{"/risk", "/risk/feedback"} {
			for range 20 {
				all.Go(func() {
					started := time.Now()
					conn, r := p.dial(t, fmt.Sprintf(begin, path, "application/json", 1000))
					all.Go(func() { drip(conn) })
					w, err := http.ReadResponse(r, nil)
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, w.Body)
					if took := time.Since(started); w.StatusCode != 408 || !w.Close || took != 10*time.Second {
						t.Errorf("a slow body is answered by %d after %v", w.StatusCode, took)
					}
					_ = conn.Close()
				})
			}
		}
		all.Wait()
	})
}

// TestUnwantedBody has a body that is not wanted, and does not come in, not keep
// the connection.
func TestUnwantedBody(t *testing.T) {
	bubble(t, func(t *testing.T, p *pipes) {
		started := time.Now()
		conn, r := p.dial(t, fmt.Sprintf(begin, "/nothing", "application/json", 1000))
		w, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, w.Body)
		if _, err := r.ReadByte(); err != io.EOF || w.StatusCode != 404 || time.Since(started) > 2*time.Second {
			t.Errorf("%d, and the connection ends after %v by %v", w.StatusCode, time.Since(started), err)
		}
		_ = conn.Close()
	})
}

// TestSlowService has a body that came in on time wait for its answer.
func TestSlowService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{conns: make(chan net.Conn)}
		svc := &fake{}
		svc.score = func(ctx context.Context, _ risk.Document) {
			select {
			case <-ctx.Done():
				t.Error("the context ended by the deadline of the body")
			case <-time.After(time.Minute):
			}
		}
		s := &http.Server{Handler: riskhttp.New(svc, nil)}
		done := make(chan error, 1)
		go func() { done <- s.Serve(p) }()
		for path, media := range map[string]string{"/risk": "application/json", "/risk/batch": "application/x-ndjson"} {
			body := `{"text":"a"}`
			conn, r := p.dial(t, fmt.Sprintf(begin, path, media, len(body))+body)
			w, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(w.Body); err != nil || w.StatusCode != 200 || !strings.Contains(string(b), "risk_score") {
				t.Errorf("%s: %d %s, %v", path, w.StatusCode, b, err)
			}
			_ = conn.Close()
		}
		_ = s.Close()
		<-done
	})
}

// TestSlowBatch has lines come in slowly, too slowly, and answers not taken.
func TestSlowBatch(t *testing.T) {
	line := `{"text":"a"}` + "\n"
	read := func(t *testing.T, s *bufio.Scanner) (x riskhttp.Result) {
		t.Helper()
		if !s.Scan() || json.Unmarshal(s.Bytes(), &x) != nil {
			t.Fatalf("line %q, error %v", s.Bytes(), s.Err())
		}
		return x
	}
	bubble(t, func(t *testing.T, p *pipes) {
		conn, r := p.dial(t, fmt.Sprintf(begin, "/risk/batch", "application/x-ndjson", 100*len(line)))
		var answers *bufio.Scanner
		for i := range 10 { // longer than a line may take, together
			if _, err := io.WriteString(conn, line); err != nil {
				t.Fatal(err)
			}
			if answers == nil {
				w, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				answers = bufio.NewScanner(w.Body)
			}
			if x := read(t, answers); x.Line != i+1 || x.Assessment == nil {
				t.Errorf("line %d is answered by %+v", i+1, x)
			}
			time.Sleep(9 * time.Second)
		}
		started := time.Now()
		var slow sync.WaitGroup
		slow.Go(func() { drip(conn) }) // a line that never ends
		if x := read(t, answers); x.Line != 11 || x.Error == nil || x.Error.Status != 408 || time.Since(started) > 10*time.Second {
			t.Errorf("a slow line is answered by %+v after %v", x, time.Since(started))
		}
		if answers.Scan() {
			t.Errorf("after the end there is %q", answers.Bytes())
		}
		_ = conn.Close()
		slow.Wait()
	})
	bubble(t, func(t *testing.T, p *pipes) {
		conn, _ := p.dial(t, fmt.Sprintf(begin, "/risk/batch", "application/x-ndjson", 1<<30))
		started := time.Now()
		for { // nobody reads the answers: sooner or later the server takes no more
			if _, err := io.WriteString(conn, line); err != nil {
				break
			}
		}
		if took := time.Since(started); took > 21*time.Second {
			t.Errorf("a client that takes no answers is given up after %v", took)
		}
		_ = conn.Close()
	})
}

// TestNoReader has a client send requests and take no answers: the timeout of the
// server ends that, and the body's of the handler does not put it off.
func TestNoReader(t *testing.T) {
	bubble(t, func(t *testing.T, p *pipes) {
		body := `{"text":"a"}`
		conn, _ := p.dial(t, fmt.Sprintf(begin, "/risk", "application/json", len(body))+body)
		started := time.Now()
		for {
			if _, err := io.WriteString(conn, " "); err != nil {
				break
			}
		}
		if took := time.Since(started); took > 31*time.Second {
			t.Errorf("a client that takes no answers is given up after %v", took)
		}
		_ = conn.Close()
	})
}

// TestHugeBody has bodies without end refused when that is known.
func TestHugeBody(t *testing.T) {
	h := riskhttp.New(&fake{}, &riskhttp.Options{MaxBody: 10_000})
	for name, request := range map[string]string{
		"a terabyte announced": "Content-Length: 1099511627776\r\nExpect: 100-continue\r\n\r\n",
		"in chunks":            "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1000\r\n"+strings.Repeat("x", 4096)+"\r\n", 3),
	} {
		w := served(t, h, "POST /risk HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+request)
		if w.StatusCode != 413 || !w.Close {
			t.Errorf("%s: %d, close %v", name, w.StatusCode, w.Close)
		}
	}
	if w := do(h, "POST", "/risk", `{"text":"`+strings.Repeat("x", 10_000-len(`{"text":""}`))+`"}`); w.Code != 200 {
		t.Errorf("a body of the greatest size is answered by %d", w.Code)
	}
}

// TestMemory has a thousand bodies stop in their middle.
func TestMemory(t *testing.T) {
	const most, clients = 8 << 20, 1000
	h := riskhttp.New(&fake{}, &riskhttp.Options{MaxMemory: most, ReadTimeout: -1})
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapInuse + m.StackInuse)
	}
	chunk := []byte(`{"text":"` + strings.Repeat("x", 100_000))
	before := heap()
	goOn := make(chan struct{})
	codes := make(chan int, 2*clients)
	var all, stopped sync.WaitGroup
	post := func(path, media string) {
		defer all.Done()
		sent, counted := 0, false
		r := httptest.NewRequest(http.MethodPost, path, readerFunc(func(p []byte) (int, error) {
			if n := copy(p, chunk[sent:]); n > 0 {
				sent += n
				return n, nil
			}
			if !counted {
				counted = true
				stopped.Done()
				<-goOn
			}
			return copy(p, `"}`), io.EOF
		}))
		r.Header.Set("Content-Type", media)
		w := httptest.NewRecorder()
		h.ServeHTTP(duplex{w}, r)
		codes <- w.Code
		if !counted {
			stopped.Done()
		}
	}
	for i := range clients {
		all.Add(1)
		stopped.Add(1)
		if i%2 == 0 {
			go post("/risk", "application/json")
		} else {
			go post("/risk/batch", "application/x-ndjson")
		}
	}
	stopped.Wait()
	during := heap() - before
	if w := do(h, "POST", "/risk", `{"text":"small ones are answered all the while"}`); w.Code != 200 {
		t.Errorf("a small body is answered by %d", w.Code)
	}
	close(goOn)
	all.Wait()
	close(codes)
	count := map[int]int{}
	for c := range codes {
		count[c]++
	}
	// A body of 100 kB needs 124 KiB beyond its first 4: 66 at once, and some that have stopped growing earlier.
	if count[200]+count[503] != clients || count[200] < 40 || count[200] > most/(60<<10) {
		t.Errorf("answers by status: %v", count)
	}
	if limit := int64(most + clients*32<<10); during > limit {
		t.Errorf("%d bodies that do not come in hold %d KiB, want at most %d", clients, during>>10, limit>>10)
	}
	t.Logf("%d bodies that do not come in hold %d KiB; answers by status: %v", clients, during>>10, count)
	if w := do(h, "POST", "/risk", string(chunk)+`"}`); w.Code != 200 {
		t.Errorf("afterwards a large body is answered by %d: memory is not given back", w.Code)
	}
}
