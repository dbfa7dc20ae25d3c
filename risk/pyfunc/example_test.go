package pyfunc_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/pyfunc"
	"github.com/riskkit/riskkit/tfidf"
)

// shop returns a model that tells a few words apart.
func shop() (*risk.Model, *risk.TrainReport, error) {
	var examples []risk.Example
	for _, service := range []string{"shop", "portal", "app", "archive"} {
		for level, text := range map[string]string{"low": "a typo in the %", "medium": "the % is slow", "high": "the % is down"} {
			text = strings.ReplaceAll(text, "%", service)
			examples = append(examples, risk.Example{Document: risk.Document{Text: text}, Label: level})
		}
	}
	slices.SortFunc(examples, func(a, b risk.Example) int { return strings.Compare(a.Text, b.Text) })
	return risk.Train(context.Background(), risk.ExampleSlice(examples), &risk.TrainOptions{
		Features: &tfidf.Options{}, C: 1, Calibration: logreg.CalibrationNone, Folds: 2,
		Now: func() time.Time { return time.Time{} },
	})
}

func ExampleFiles() {
	m, _, err := shop()
	if err != nil {
		fmt.Println(err)
		return
	}
	files, err := pyfunc.Files(m, &pyfunc.Options{Python: "3.12"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		hash := strings.LastIndexByte(name, '_') + 1
		if strings.HasSuffix(name, ".py") {
			name = name[:hash] + "HASH.py"
		}
		fmt.Println(name)
	}
	// Output:
	// MLmodel
	// code/riskkit_loader_HASH.py
	// conda.yaml
	// data/model.json
	// python_env.yaml
	// requirements.txt
}

// A Publication is what a tracking server wants to know of a version, such as
// that of registry/mlflow.
type Publication struct{ Files map[string][]byte }

// ExampleVersionFiles is the function that makes the files when a version is
// published.
func ExampleVersionFiles() {
	publish := func(ctx context.Context, v registry.Version, read func(file string) ([]byte, error)) (*Publication, error) {
		files, err := pyfunc.VersionFiles(ctx, v, read, nil)
		if err != nil {
			return nil, err
		}
		return &Publication{Files: files}, nil
	}

	ctx := context.Background()
	m, report, err := shop()
	if err != nil {
		fmt.Println(err)
		return
	}
	a, err := risk.NewArtifact(m, report)
	if err != nil {
		fmt.Println(err)
		return
	}
	reg := registry.New(registry.NewMem(), nil)
	v, err := reg.Register(ctx, "incident-risk", a, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := publish(ctx, v, func(file string) ([]byte, error) { return registry.ReadFile(ctx, reg, v, file) })
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(p.Files), "files")
	// Output:
	// 6 files
}
