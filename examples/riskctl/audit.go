package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/riskkit/riskkit/risk/audit"
)

// audits verifies an audit log or prints it.
func audits(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		o      audit.ReadOptions
		v      audit.VerifyOptions
		dir    = f.String("log", "", "`directory` of the log")
		check  = f.Bool("verify", false, "check every byte of the log, and print no records")
		kinds  = f.String("kinds", "", "`list` of the kinds to print, such as scored,feedback; all by default")
		asJSON = f.Bool("json", false, "with -verify, print JSON; records always are")
		who    = f.String("writers", "", "`list` of the writers whose records to print; all by default")
	)
	f.Func("from", "print what happened at this `time` or later: 2026-03-02 or 2026-03-02T08:00:00Z", moment(&o.From))
	f.Func("to", "print what happened before this `time`", moment(&o.To))
	follow := f.Bool("follow", false, "wait for more, until interrupted")
	f.Func("checkpoint", "with -verify, `file` of a checkpoint that was kept elsewhere; may be given again", func(name string) error {
		data, err := os.ReadFile(name)
		var c audit.Checkpoint
		if err == nil {
			err = json.Unmarshal(data, &c)
		}
		v.Checkpoints = append(v.Checkpoints, c)
		return err
	})
	f.Func("trust", "with -verify, ed25519 public `key` in base64 that checkpoints must be signed with; may be given again", func(text string) error {
		key, err := base64.StdEncoding.DecodeString(text)
		if err == nil && len(key) != ed25519.PublicKeySize {
			err = fmt.Errorf("a key has %d bytes, want %d", len(key), ed25519.PublicKeySize)
		}
		v.Trusted = append(v.Trusted, key)
		return err
	})
	return func(ctx context.Context, s streams) error {
		if *dir == "" {
			return usage("-log is needed")
		}
		log, err := audit.OpenDir(*dir, nil)
		if err != nil {
			return err
		}
		defer log.Close()
		if *check {
			return verifyAudit(ctx, log, &v, s.out, *asJSON)
		}
		o.Writers = list(*who)
		for _, k := range list(*kinds) {
			o.Kinds = append(o.Kinds, audit.Kind(k))
		}
		if *follow {
			o.Follow = poll
			var stop func()
			ctx, stop = signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
			defer stop()
		}
		for r, err := range audit.Read(ctx, log, &o) {
			if err != nil {
				return err
			}
			if err := printJSON(s.out, printed{r.EventID(), r.Config, r}); err != nil {
				return err
			}
		}
		return nil
	}
}

// printed is how a record is printed: with what stands in front of its segment.
type printed struct {
	Event  string `json:"event"`
	Config string `json:"config,omitempty"`
	audit.Record
}

// list splits a list; that of nothing is nil.
func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// moment reads a time, or a day in UTC.
func moment(t *time.Time) func(string) error {
	return func(s string) (err error) {
		if *t, err = time.Parse(time.DateOnly, s); err != nil {
			*t, err = time.Parse(time.RFC3339Nano, s)
		}
		return err
	}
}

// verifyAudit checks a log and says what it has.
func verifyAudit(ctx context.Context, log audit.Source, o *audit.VerifyOptions, w io.Writer, asJSON bool) error {
	report, err := audit.Verify(ctx, log, o)
	if asJSON {
		return errors.Join(err, printJSON(w, report))
	}
	rows := [][]string{{"WRITER", "FIRST", "LAST", "SEGMENTS", "BYTES", "END", "HASH"}}
	for _, c := range report.Chains {
		end := "sealed"
		if c.Open {
			end = "open"
		}
		if c.Torn > 0 {
			end = fmt.Sprintf("open, %d bytes torn", c.Torn)
		}
		rows = append(rows, []string{c.Writer, fmt.Sprint(c.First), fmt.Sprint(c.Last), fmt.Sprint(c.Segments), fmt.Sprint(c.Bytes), end, c.Hash.String()})
	}
	if terr := table(w, rows); err == nil {
		err = terr
	}
	if err == nil {
		_, err = fmt.Fprintln(w, "all is as it was written")
	}
	return err
}
