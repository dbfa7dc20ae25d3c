package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/riskkit/riskkit/registry/sqlstore/sqltest/pgserver"
)

const want = `run-1 is version 1, trained on labels-april
run-2 is version 2, trained on labels-may
run-2 is version 2, trained on labels-may
production is version 1: first weights
woken: production is version 2 now

#  event        version  where       instead of  actor            reason
1  registered   1                    0           training         new labels
2  registered   2                    0           training         new labels
3  promoted     1        production  0           on call          first model
4  promoted     2        production  1           on call          better recall
5  aliased      2        champion    0           on call          won the comparison
6  rolled_back  1        production  2           on call          too many false alarms
7  promoted     2        production  1           another program  alarms explained
`

func TestRun(t *testing.T) {
	server, err := pgserver.Start(context.Background())
	if errors.Is(err, pgserver.ErrUnset) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, model := range []string{"first", "second"} { // the tables are there the second time
		var out strings.Builder
		if err := run(t.Context(), server.DSN("postgres"), model, &out); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("output is\n%swant\n%s", out.String(), want)
		}
	}
}

func TestNoDatabase(t *testing.T) {
	if err := run(t.Context(), "", "model", new(strings.Builder)); err == nil || !strings.Contains(err.Error(), "DATABASE_URL") {
		t.Errorf("error is %v", err)
	}
}
