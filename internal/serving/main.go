// Command serving serves POST /risk twice, for run.sh to load: by riskhttp, and
// by a handler that decodes and encodes the same JSON as anybody would write it
// and does nothing else.
//
//	serving -registry DIR -risk ADDR -plain ADDR
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskhttp"
)

func main() {
	dir := flag.String("registry", "", "`folder` of the registry; the heuristic answers where there is none")
	own := flag.String("risk", "127.0.0.1:8601", "`address` of riskhttp")
	plain := flag.String("plain", "127.0.0.1:8602", "`address` of the handler that only decodes and encodes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dir, *own, *plain); err != nil {
		fmt.Fprintln(os.Stderr, "serving:", err)
		os.Exit(1)
	}
}

// run serves until ctx is done.
func run(ctx context.Context, dir, own, plain string) error {
	o := &risk.ServiceOptions{Model: "incident-risk"}
	if dir != "" {
		store, err := registry.OpenDir(dir, nil)
		if err != nil {
			return err
		}
		o.Registry, o.ML = registry.New(store, nil), true
	}
	svc, err := risk.NewService(ctx, o)
	if err != nil {
		return err
	}
	if st := svc.Status(); st.Error != "" {
		return errors.New(st.Error)
	}
	a, err := svc.Score(ctx, risk.Document{ID: "INC-1", Text: "The shop is down for all customers."})
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	for addr, handler := range map[string]http.Handler{own: riskhttp.New(svc, nil), plain: Plain(a)} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		server := &http.Server{Handler: handler}
		defer server.Close()
		go func() { failed <- server.Serve(l) }()
		fmt.Println("listening", l.Addr())
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// Plain returns a handler that decodes a document and answers a, whatever it
// says.
func Plain(a risk.Assessment) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var doc risk.Document
		if err := json.NewDecoder(r.Body).Decode(&doc); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer := a
		answer.ID = doc.ID
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	})
}
