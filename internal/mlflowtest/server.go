// Package mlflowtest runs MLflow servers for tests.
package mlflowtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The environment variables that name a Python interpreter with MLflow 3, and
// one with MLflow 2.
const (
	Env  = "RISKKIT_MLFLOW"
	Env2 = "RISKKIT_MLFLOW2"
)

// A Server is a real MLflow server on the loopback interface, with a database
// in SQLite, in a folder of its own.
type Server struct {
	Python, URI string
	stop        func()
}

// Servers are those that the tests of a package share. The zero value is ready.
type Servers struct {
	mu sync.Mutex
	by map[string]*Server
}

// Start returns the server of the interpreter that an environment variable
// names. Without the variable the test is skipped; with it, it fails unless the
// server runs.
func (s *Servers) Start(t testing.TB, env string) *Server {
	t.Helper()
	python := os.Getenv(env)
	if python == "" {
		t.Skipf("%s is not set: it names a Python interpreter that has mlflow, and this test needs its server", env)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by[env] == nil {
		server, err := Launch(python)
		if err != nil {
			t.Fatalf("starting the MLflow server of %s: %v", python, err)
		}
		if s.by == nil {
			s.by = map[string]*Server{}
		}
		s.by[env] = server
	}
	return s.by[env]
}

// Stop stops all of them, for a TestMain to call.
func (s *Servers) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, server := range s.by {
		server.Stop()
	}
	s.by = nil
}

// quiet is added to the environment of what runs.
var quiet = []string{"MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR=false"}

// supervise runs MLflow, and ends its process group when its input ends: at the
// latest when the test dies.
const supervise = `
import os, subprocess, sys, threading
server = subprocess.Popen([sys.executable, "-m", "mlflow", *sys.argv[1:]], stdin=subprocess.DEVNULL)
def watch():
    sys.stdin.buffer.read()
    os.killpg(0, 9) if hasattr(os, "killpg") else server.kill()
threading.Thread(target=watch, daemon=True).start()
sys.exit(server.wait())
`

// Launch starts a server of its own with more flags, and waits until it answers.
func Launch(python string, flags ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", "riskkit-mlflow-")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	logs, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer logs.Close()
	args := []string{
		"-c", supervise, "server", "--host", "127.0.0.1", "--port", port, "--workers", "2",
		"--backend-store-uri", "sqlite:///" + filepath.ToSlash(filepath.Join(dir, "mlflow.db")), "--artifacts-destination", filepath.Join(dir, "artifacts"),
	}
	cmd := exec.Command(python, append(args, flags...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, logs, logs
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(python)+string(os.PathListSeparator)+os.Getenv("PATH"))
	cmd.Env = append(cmd.Env, quiet...)
	kill := grouped(cmd)
	if _, err := cmd.StdinPipe(); err != nil { // it ends with this process
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(ended)
	}()
	s := &Server{Python: python, URI: "http://127.0.0.1:" + port}
	s.stop = sync.OnceFunc(func() {
		kill()
		<-ended
		os.RemoveAll(dir)
	})
	if err := s.ready(ended); err != nil {
		text, _ := os.ReadFile(logs.Name())
		s.Stop()
		return nil, fmt.Errorf("%w; its log ends in %s", err, text[max(0, len(text)-2000):])
	}
	return s, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// ready waits until s answers.
func (s *Server) ready(ended <-chan struct{}) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(3 * time.Minute); ; {
		resp, err := client.Get(s.URI + "/health")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(resp.Status)
		}
		select {
		case <-ended:
			return errors.New("it ended")
		case <-time.After(100 * time.Millisecond): // there is nothing else to wait for
			if time.Now().After(deadline) {
				return err
			}
		}
	}
}

// Stop ends the server with all its processes and removes its folder.
func (s *Server) Stop() { s.stop() }

// Script runs a Python script with MLflow's own client and returns what it
// prints.
func (s *Server) Script(t testing.TB, code string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Python, append([]string{"-W", "ignore", "-c", code}, args...)...)
	cmd.Env = append(append(os.Environ(), "MLFLOW_TRACKING_URI="+s.URI), quiet...)
	cmd.Dir = t.TempDir()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return string(out)
}
