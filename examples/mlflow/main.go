// Mlflow keeps a registry in an MLflow tracking server: it registers two
// versions of a model, promotes one after the other, rolls back, and prints the
// history and where MLflow shows it all.
//
//	mlflow server --host 127.0.0.1 --port 5000 --backend-store-uri sqlite:///mlflow.db
//	MLFLOW_TRACKING_URI=http://127.0.0.1:5000 go run ./examples/mlflow
//
// User, password, token and certificates are taken from the variables that
// MLflow's own clients know.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/mlflow"
)

func main() {
	model := flag.String("model", "incident-risk-demo", "name of the model")
	experiment := flag.String("experiment", "riskkit", "experiment to keep the registry in")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, os.Getenv, *experiment, *model); err != nil {
		fmt.Fprintln(os.Stderr, "mlflow:", err)
		os.Exit(1)
	}
}

// weights stand for a trained model and what it was measured at.
type weights struct {
	Version string  `json:"version"`
	F1      float64 `json:"f1"`
}

func run(ctx context.Context, out io.Writer, getenv func(string) string, experiment, model string) error {
	client, err := mlflow.ClientFromEnv(getenv)
	if err != nil {
		return err
	}
	defer client.CloseIdle()
	reg, err := mlflow.Open(ctx, client, &mlflow.Options{Store: &mlflow.StoreOptions{Experiment: experiment}, Publish: publish})
	if err != nil {
		return err
	}
	for i, w := range []weights{{"spring", 0.81}, {"summer", 0.84}} {
		data, err := json.Marshal(w)
		if err != nil {
			return err
		}
		v, err := reg.Register(ctx, model, registry.Artifact{"model.json": data}, &registry.RegisterOptions{
			Stage: registry.Staging, Actor: "training job", Reason: "new labels", Description: "Trained on the labels of " + w.Version + ".",
			Tags:    map[string]string{"season": w.Version},
			Lineage: &registry.Lineage{Data: registry.DigestOf(data).String(), Run: "nightly-" + w.Version, Seed: uint64(i + 1)},
			Schema:  &registry.Schema{Inputs: []registry.Column{{Name: "text", Type: "string"}}, Outputs: []registry.Column{{Name: "score", Type: "double"}}},
		})
		if err := logged(out, err); err != nil {
			return err
		}
		fmt.Fprintf(out, "registered version %d, %v\n", v.Number, v.Digest)
		_, err = reg.Move(ctx, model, registry.Move{Version: v.Number, To: registry.Production, Actor: "on call", Reason: "better recall"})
		if err := logged(out, err); err != nil {
			return err
		}
	}
	_, err = reg.Move(ctx, model, registry.Move{Rollback: true, Actor: "on call", Reason: "too many false alarms"})
	if err := logged(out, err); err != nil {
		return err
	}

	fmt.Fprintln(out, "\nhistory:")
	for e, err := range reg.History(ctx, model) {
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%3d %-12s version %d (%s) by %s: %s\n", e.Seq, e.Kind, e.Version, e.Stage, e.Actor, e.Reason)
	}
	v, err := reg.Resolve(ctx, model, string(registry.Production))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nin production is version %d. Look at it on MLflow's page:\n  /#/models/%s\nor in Python:\n  MlflowClient().get_model_version_by_alias(%q, \"production\")\n", v.Number, model, model)
	return nil
}

// logged passes errors on, but for those that say that the log has it and that
// MLflow's pages lag behind: the next Sync mends those.
func logged(out io.Writer, err error) error {
	var behind *mlflow.SyncError
	if errors.As(err, &behind) {
		fmt.Fprintln(out, behind)
		return nil
	}
	return err
}

// publish shows the metric of a version beside its files.
func publish(_ context.Context, v registry.Version, read func(string) ([]byte, error)) (*mlflow.Publication, error) {
	data, err := read("model.json")
	if err != nil {
		return nil, err
	}
	var w weights
	if err := json.Unmarshal(data, &w); err != nil {
		return nil, err
	}
	pub, err := mlflow.Publish(v, read)
	if err != nil {
		return nil, err
	}
	pub.Metrics = map[string]float64{"f1": w.F1}
	return pub, nil
}
