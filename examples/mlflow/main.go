// Mlflow keeps a registry in an MLflow tracking server: it trains two models and
// registers them, promotes one after the other, rolls back, and prints the
// history and where MLflow shows it all. What it logs, mlflow.pyfunc loads in
// Python, and predicts the same numbers.
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
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/pyfunc"
)

func main() {
	var o options
	flag.StringVar(&o.model, "model", "incident-risk-demo", "`name` of the model")
	flag.StringVar(&o.experiment, "experiment", "riskkit", "`experiment` to keep the registry in")
	flag.StringVar(&o.data, "data", "examples/quickstart/data/incidents.jsonl", "`file` of labelled incidents")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, os.Getenv, o); err != nil {
		fmt.Fprintln(os.Stderr, "mlflow:", err)
		os.Exit(1)
	}
}

type options struct {
	model, experiment, data string
}

func run(ctx context.Context, out io.Writer, getenv func(string) string, o options) error {
	client, err := mlflow.ClientFromEnv(getenv)
	if err != nil {
		return err
	}
	defer client.CloseIdle()
	reg, err := mlflow.Open(ctx, client, &mlflow.Options{Store: &mlflow.StoreOptions{Experiment: o.experiment}, Publish: publish})
	if err != nil {
		return err
	}
	examples, err := risk.Collect(risk.DatasetFile(o.data, nil).Examples())
	if err != nil {
		return err
	}
	model := o.model
	for i, known := range [][]risk.Example{examples[:len(examples)/2], examples} {
		m, report, err := risk.Train(ctx, risk.ExampleSlice(known), &risk.TrainOptions{Seed: uint64(i + 1)})
		if err != nil {
			return err
		}
		artifact, err := risk.NewArtifact(m, report)
		if err != nil {
			return err
		}
		v, err := reg.Register(ctx, model, artifact, &registry.RegisterOptions{
			Stage: registry.Staging, Actor: "training job", Reason: "new labels", Description: fmt.Sprintf("Trained on %d incidents.", len(known)),
			Lineage: &registry.Lineage{Data: report.DataDigest, Seed: report.Seed},
		})
		if err := logged(out, err); err != nil {
			return err
		}
		fmt.Fprintf(out, "registered version %d, trained on %d incidents\n", v.Number, len(known))
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
	fmt.Fprintf(out, "\nin production is version %d. Look at it on MLflow's page:\n  /#/models/%s\nor in Python:\n  mlflow.pyfunc.load_model(\"models:/%s@production\")\n", v.Number, model, model)
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

// publish shows the model card and the metrics of a version, and makes its model
// one that mlflow.pyfunc loads.
func publish(ctx context.Context, v registry.Version, read func(string) ([]byte, error)) (*mlflow.Publication, error) {
	pub, err := mlflow.Publish(v, read)
	if err != nil {
		return nil, err
	}
	files, err := pyfunc.VersionFiles(ctx, v, read, nil)
	if err != nil {
		return nil, err
	}
	for name, data := range files { // beside the version's own, which stay in data/
		pub.Files[name] = data
	}
	data, err := read(risk.MetricsFile)
	if err != nil {
		return nil, err
	}
	var report struct {
		C       float64
		Metrics struct {
			MacroF1 float64 `json:"macro_f1"`
			LogLoss float64 `json:"log_loss"`
			ECE     float64 `json:"ece"`
		}
	}
	if err := json.Unmarshal(data, &report); err != nil {
		return nil, err
	}
	pub.Params["C"] = fmt.Sprint(report.C)
	pub.Metrics = map[string]float64{"macro_f1": report.Metrics.MacroF1, "log_loss": report.Metrics.LogLoss, "ece": report.Metrics.ECE}
	card, err := read(risk.CardFile)
	if err != nil {
		return nil, err
	}
	pub.Card = string(card)
	return pub, nil
}
