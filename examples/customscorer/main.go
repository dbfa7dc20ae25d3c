// Customscorer puts a model of the host's own into a risk.Service: the registry
// says which version answers, the heuristic stands behind it.
//
//	go run ./examples/customscorer
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"strings"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
)

// weights is a model: what each word adds to the score.
type weights struct {
	Words   map[string]float64
	version string
}

// Score assesses doc.
func (w weights) Score(_ context.Context, doc risk.Document) (risk.Assessment, error) {
	score := 0.1
	for _, word := range strings.Fields(strings.ToLower(doc.Text)) {
		score = min(1, score+w.Words[word])
	}
	rank, cut := risk.Cut([]float64{0.4, 0.7}, score)
	return risk.Assessment{ID: doc.ID, Score: score, Level: risk.DefaultScale()[rank], Threshold: cut, Method: risk.MethodML, ModelVersion: w.version}, nil
}

// open loads a version of it.
func open(ctx context.Context, r registry.Registry, v registry.Version) (risk.Scorer, error) {
	data, err := registry.ReadFile(ctx, r, v, "weights.json")
	w := &weights{version: fmt.Sprint(v.Number)}
	return w, cmp.Or(err, json.Unmarshal(data, &w.Words))
}

func main() {
	ctx, reg := context.Background(), registry.New(registry.NewMem(), nil)
	files := registry.Artifact{"weights.json": []byte(`{"outage": 0.5, "customers": 0.2}`)}
	_, err := reg.Register(ctx, "words", files, &registry.RegisterOptions{Stage: registry.Production})
	check(err)
	svc, err := risk.NewService(ctx, &risk.ServiceOptions{Registry: reg, Model: "words", ML: true, Open: open})
	check(err)
	a, err := svc.Score(ctx, risk.Document{ID: "INC-1", Text: "Outage for all customers"})
	check(err)
	fmt.Printf("%s %.2f by %s %s\n", a.Level, a.Score, a.Method, a.ModelVersion)
	check(svc.Close(ctx))
}

func check(err error) {
	if err != nil {
		log.Fatal("customscorer: ", err)
	}
}
