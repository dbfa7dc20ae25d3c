package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/audit"
	"github.com/riskkit/riskkit/risk/riskhttp"
)

// idleTime is how long a connection may wait for its next request.
const idleTime = time.Minute

func serve(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		v      serving
		addr   = f.String("addr", "127.0.0.1:8080", "`host:port` to listen on; port 0 takes a free one")
		reload = f.Duration("reload", 10*time.Second, "`time` between looks for another version; 0 for none")
		limit  = f.Duration("timeout", 10*time.Second, "`time` that a request, or a line of a batch, may take to come in, to be answered, and to end when the server stops")
		record = f.String("audit", "", "`directory` to record answers and feedback in; without one, feedback is counted and forgotten")
		asJSON = f.Bool("json", false, "log JSON on standard output, instead of text on standard error")
	)
	v.declare(f)
	return func(ctx context.Context, s streams) (err error) {
		if *reload < 0 || *limit <= 0 {
			return usage("-reload is %v and -timeout is %v", *reload, *limit)
		}
		log := slog.New(slog.NewTextHandler(s.err, nil))
		if *asJSON {
			log = slog.New(slog.NewJSONHandler(s.out, nil))
		}
		var trail *audit.Log
		if *record != "" {
			dir, err := audit.OpenDir(*record, &audit.DirOptions{Create: true})
			if err != nil {
				return err
			}
			defer dir.Close()
			trail, err = audit.Open(ctx, dir, "riskctl", &audit.Options{OnError: func(err error) { log.Error("the audit log", "error", err) }})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, trail.Close()) }()
		}
		svc, err := v.service(ctx, trail)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, svc.Close(context.WithoutCancel(ctx))) }()
		l, err := net.Listen("tcp", *addr)
		if err != nil {
			return err
		}
		say(log, svc.Status(), risk.ServiceStatus{})
		log.Info("listening", "addr", l.Addr().String())
		server := &http.Server{
			Handler:     riskhttp.New(svc, &riskhttp.Options{ReadTimeout: *limit, WriteTimeout: *limit}),
			ReadTimeout: *limit, WriteTimeout: 2 * *limit, IdleTimeout: idleTime, MaxHeaderBytes: 16 << 10,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		}
		// A first signal stops the server gracefully, a second one at once.
		// Other commands can be killed at any moment.
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
		context.AfterFunc(ctx, stop)
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() { follow(ctx, log, svc, *reload) })
		stopped := make(chan error, 1)
		wg.Go(func() {
			<-ctx.Done()
			grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), *limit)
			defer cancel()
			stopped <- server.Shutdown(grace)
		})
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			stop()
			return err
		}
		err = <-stopped
		log.Info("stopped")
		return err
	}
}

// follow reloads the model now and then until ctx is done.
func follow(ctx context.Context, log *slog.Logger, svc *risk.Service, every time.Duration) {
	if every == 0 {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			before := svc.Status()
			_ = svc.Reload(ctx) // the status has the error
			say(log, svc.Status(), before)
		}
	}
}

// say logs what a status says that the one before did not.
func say(log *slog.Logger, now, before risk.ServiceStatus) {
	switch {
	case now.Error != before.Error && now.Error != "":
		log.Error("the model cannot be loaded", "error", now.Error, "answering", now.Method, "version", now.Version)
	case now.Error != before.Error:
		log.Info("the model can be loaded again", "version", now.Version)
	}
	if now.Fallbacks > before.Fallbacks {
		log.Warn("the heuristic answered in the place of the model", "times", now.Fallbacks-before.Fallbacks, "last", now.LastFallback)
	}
	if now.Method != before.Method || now.Version != before.Version {
		log.Info("answering", "method", now.Method, "ml_enabled", now.ML, "model", now.Model, "version", now.Version, "digest", now.Digest)
	}
}
