// Serve is a whole scoring service: a model that follows the registry, metrics
// for Prometheus, sweeps for drift, an audit log that takes feedback, and a
// graceful stop.
//
//	go run . -registry DIR -audit DIR
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/audit"
	"github.com/riskkit/riskkit/risk/riskhttp"
	"github.com/riskkit/riskkit/risk/riskprom"
)

func main() {
	var c config
	flag.StringVar(&c.addr, "addr", "127.0.0.1:8080", "`host:port` to listen on")
	flag.StringVar(&c.registry, "registry", "models", "`directory` of the registry")
	flag.StringVar(&c.audit, "audit", "audit", "`directory` of the audit log")
	flag.StringVar(&c.model, "model", "incident-risk", "`name` of the model")
	flag.DurationVar(&c.sweep, "sweep", time.Hour, "`time` between sweeps for drift")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := c.run(ctx, slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

type config struct {
	addr, registry, audit, model string
	sweep                        time.Duration
}

// run serves until ctx is done, and then lets what is under way end.
func (c *config) run(ctx context.Context, log *slog.Logger) (err error) {
	store, err := registry.OpenDir(c.registry, &registry.DirOptions{MayBeAbsent: true})
	if err != nil {
		return err
	}
	reg := prometheus.NewRegistry()
	metrics, err := riskprom.New(reg, nil)
	if err != nil {
		return err
	}
	observers := risk.Observers{risk.NewLogObserver(log), metrics}

	dir, err := audit.OpenDir(c.audit, &audit.DirOptions{Create: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	trail, err := audit.Open(ctx, dir, "serve", &audit.Options{
		KeepText: true, // retraining needs it; leave it out where texts are personal
		OnError:  func(err error) { observers.Failed(risk.StageAudit, err) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, trail.Close()) }()

	svc, err := risk.NewService(ctx, &risk.ServiceOptions{
		Registry: registry.New(store, nil), Model: c.model, ML: true,
		Observers: append(observers, trail), Feedback: trail,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.Close(context.WithoutCancel(ctx))) }()
	sweeps, err := psi.NewScheduler(svc, &psi.SchedulerOptions{Interval: c.sweep})
	if err != nil {
		return err
	}
	metrics.WatchDrift(sweeps)

	mux := http.NewServeMux()
	handler := riskhttp.New(svc, &riskhttp.Options{Drift: sweeps})
	for _, path := range []string{"/risk", "/risk/", "/healthz", "/readyz"} {
		mux.Handle(path, handler) // behind whatever says who may ask
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}))
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	l, err := net.Listen("tcp", c.addr)
	if err != nil {
		return err
	}
	log.Info("listening", "addr", l.Addr().String())

	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { c.ended(log, "following the registry", svc.Watch(ctx)) })
	wg.Go(func() { c.ended(log, "sweeping", sweeps.Run(ctx)) })
	stopped := make(chan error, 1)
	wg.Go(func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		stopped <- server.Shutdown(grace)
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// ended logs that something ended before its time.
func (c *config) ended(log *slog.Logger, what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		log.Error(what+" has ended", "error", err)
	}
}
