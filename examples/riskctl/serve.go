package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/riskkit/riskkit/risk"
)

// The limits of the server.
const (
	maxBody      = 1 << 20
	maxExplained = 100
	idleTime     = time.Minute
)

func serve(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		v      serving
		addr   = f.String("addr", "127.0.0.1:8080", "`host:port` to listen on; port 0 takes a free one")
		reload = f.Duration("reload", 10*time.Second, "`time` between looks for another version; 0 for none")
		limit  = f.Duration("timeout", 10*time.Second, "`time` that a request may take to come in, to be answered, and to end when the server stops")
		asJSON = f.Bool("json", false, "log JSON on standard output, instead of text on standard error")
	)
	v.declare(f)
	return func(ctx context.Context, s streams) error {
		if *reload < 0 || *limit <= 0 {
			return usage("-reload is %v and -timeout is %v", *reload, *limit)
		}
		log := slog.New(slog.NewTextHandler(s.err, nil))
		if *asJSON {
			log = slog.New(slog.NewJSONHandler(s.out, nil))
		}
		svc, err := v.service(ctx)
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", *addr)
		if err != nil {
			return err
		}
		say(log, svc.Status(), risk.ServiceStatus{})
		log.Info("listening", "addr", l.Addr().String())
		server := &http.Server{
			Handler:     handler(svc),
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

// handler answers POST /risk and GET /healthz.
func handler(svc *risk.Service) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /risk", func(w http.ResponseWriter, r *http.Request) {
		doc, code, reason := document(w, r)
		if reason != "" {
			reply(w, code, map[string]string{"error": reason})
			return
		}
		n := 0
		if s := r.URL.Query().Get("explain"); s != "" {
			var err error
			if n, err = strconv.Atoi(s); err != nil || n < 0 || n > maxExplained {
				reply(w, http.StatusBadRequest, map[string]string{"error": "explain is not a number from 0 to " + strconv.Itoa(maxExplained)})
				return
			}
		}
		a, err := svc.Score(r.Context(), doc)
		if err == nil && n > 0 {
			a, err = svc.Explain(r.Context(), doc, n)
		}
		if err != nil {
			reply(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
			return
		}
		reply(w, http.StatusOK, a)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, struct {
			Status string `json:"status"`
			risk.ServiceStatus
		}{"ok", svc.Status()})
	})
	return mux
}

// document reads the body of a request, or says what is wrong with it.
func document(w http.ResponseWriter, r *http.Request) (doc risk.Document, code int, reason string) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return doc, http.StatusRequestEntityTooLarge, "the body is over 1 MiB"
	case err != nil:
		return doc, http.StatusBadRequest, "the body cannot be read: " + err.Error()
	case !utf8.Valid(body):
		return doc, http.StatusBadRequest, "the body is not UTF-8"
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return doc, http.StatusBadRequest, `the body is not JSON like {"id": "...", "text": "..."}: ` + err.Error()
	}
	if strings.TrimSpace(doc.Text) == "" {
		return doc, http.StatusBadRequest, "the text is empty"
	}
	return doc, 0, ""
}

// reply writes v as JSON. That it cannot be written is the caller's doing, who
// has gone away.
func reply(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = printJSON(w, v)
}
