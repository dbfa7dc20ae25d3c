// Package pgserver runs PostgreSQL servers for tests: real ones, each with a
// data folder of its own, that sync what they commit.
//
// The environment variable RISKKIT_POSTGRES_BIN names the folder with initdb and
// pg_ctl, such as /usr/lib/postgresql/15/bin. PostgreSQL refuses to run as root;
// there it runs as the user postgres.
package pgserver

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Env is the environment variable that names the folder with the programs.
const Env = "RISKKIT_POSTGRES_BIN"

// ErrUnset says that the environment variable is not set, so a test should skip.
var ErrUnset = errors.New("pgserver: set " + Env + " to the folder with initdb and pg_ctl, such as /usr/lib/postgresql/15/bin")

// A Server is a PostgreSQL server on the loopback interface. It is made by
// Start. Its methods are for one goroutine, but for DSN.
type Server struct {
	bin, dir string
	port     int
	password string
	settings []string
	running  bool
}

// Start makes a server with settings such as "wal_level=minimal" and starts it.
// Where the environment variable is not set, the error wraps ErrUnset. Close
// must be called in the end.
func Start(ctx context.Context, settings ...string) (*Server, error) {
	bin := os.Getenv(Env)
	if bin == "" {
		return nil, ErrUnset
	}
	dir, err := os.MkdirTemp("", "riskkit-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir, password: rand.Text(), settings: settings}
	if err := s.init(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// init makes the data folder and starts the server for the first time.
func (s *Server) init(ctx context.Context) error {
	file := filepath.Join(s.dir, "password")
	if err := os.WriteFile(file, []byte(s.password), 0o600); err != nil {
		return err
	}
	if err := handOver(s.dir, file); err != nil {
		return err
	}
	err := s.run(ctx, "initdb", "--pgdata", s.data(), "--username", "postgres", "--pwfile", file,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	if err != nil {
		return err
	}
	return s.Restart(ctx)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Restart starts the server after a Stop, on the same port. From the first time
// on the port stays; should another program take it meanwhile, it is an error.
func (s *Server) Restart(ctx context.Context) error {
	if s.port != 0 {
		return s.start(ctx)
	}
	var err error
	for range 5 { // a port that was free may not be any more
		if s.port, err = freePort(); err != nil {
			return err
		}
		if err = s.start(ctx); err == nil {
			return nil
		}
	}
	return err
}

// start starts the server on its port.
func (s *Server) start(ctx context.Context) error {
	options := "-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=on -c port=" + strconv.Itoa(s.port)
	for _, setting := range s.settings {
		options += " -c " + setting
	}
	err := s.run(ctx, "pg_ctl", "start", "--wait", "--silent", "--pgdata", s.data(),
		"--log", filepath.Join(s.dir, "log"), "--options", options)
	s.running = s.running || err == nil
	return err
}

// Stop stops the server as if its machine had failed: at once, without saving
// anything. It must recover when it is started again.
func (s *Server) Stop(ctx context.Context) error {
	err := s.run(ctx, "pg_ctl", "stop", "--wait", "--silent", "--mode", "immediate", "--pgdata", s.data())
	if err == nil {
		s.running = false
	}
	return err
}

// Close stops the server and deletes its data.
func (s *Server) Close() error {
	var err error
	if s.running {
		err = s.Stop(context.Background())
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// DSN returns how to connect to a database of the server, with its password; the
// one that is always there is "postgres".
func (s *Server) DSN(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", s.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Password returns the password of the superuser, for tests that it is told to
// nobody.
func (s *Server) Password() string { return s.password }

// run runs one of PostgreSQL's programs.
func (s *Server) run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, program), args...)
	cmd.Dir = s.dir
	if err := asUser(cmd); err != nil {
		return err
	}
	// Not a pipe: the server that pg_ctl starts would keep it open.
	out, err := os.CreateTemp("", "riskkit-postgres-output-")
	if err != nil {
		return err
	}
	defer func() {
		out.Close()
		os.Remove(out.Name())
	}()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		return fmt.Errorf("pgserver: %s: %w: %s", program, err, bytes.TrimSpace(text))
	}
	return nil
}

// freePort returns a port that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
