package audit_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/audit"
)

func Example() {
	ctx := context.Background()
	root, err := os.MkdirTemp("", "audit-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(root)
	dir, err := audit.OpenDir(root, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dir.Close()

	log, err := audit.Open(ctx, dir, "web-1", &audit.Options{Key: []byte("only the host knows"), KeepText: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	doc := risk.Document{ID: "INC-7", Text: "the database is down and customers cannot pay"}
	heuristic, err := risk.NewHeuristic(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := heuristic.Score(ctx, doc)
	if err != nil {
		fmt.Println(err)
		return
	}
	log.Scored(ctx, &risk.Scored{Document: doc, Assessment: answer, Time: noon}) // a Service does this
	if err := log.PutFeedback(ctx, risk.Feedback{ID: "INC-7", Level: "high", Time: noon.Add(time.Hour)}); err != nil {
		fmt.Println(err)
		return
	}
	if err := log.Close(); err != nil {
		fmt.Println(err)
		return
	}

	report, err := audit.Verify(ctx, dir, nil)
	fmt.Println(report.Chains[0].Last, "records, error", err)
	for r, err := range audit.Read(ctx, dir, &audit.ReadOptions{Kinds: []audit.Kind{audit.KindScored}}) {
		fmt.Println(r.EventID(), r.ID, r.Assessment.Method, err)
	}
	for l, err := range audit.JoinFeedback(ctx, dir, nil) {
		fmt.Printf("%s: %q is %s, error %v\n", l.Scored.ID, l.Example().Text, l.Example().Label, err)
	}
	// Output:
	// 4 records, error <nil>
	// web-1/2 INC-7 heuristic <nil>
	// INC-7: "the database is down and customers cannot pay" is high, error <nil>
}
