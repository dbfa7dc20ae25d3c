package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// script measures scikit-learn at the same work.
//
//go:embed sklearn_bench.py
var script string

// threads are variables that say how many threads numpy's libraries use. More
// than one makes scikit-learn's fits slower, not faster, on a busy machine,
// where those that are done wait for the others by turning on the spot.
var threads = []string{"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}

// sklearn measures scikit-learn in a process of its own.
func (p *plan) sklearn(ctx context.Context, name string) (figures, error) {
	cmd := exec.CommandContext(ctx, p.python, "-", p.train, p.test, name)
	cmd.Stdin = strings.NewReader(script)
	cmd.Env = os.Environ()
	for _, t := range threads {
		cmd.Env = append(cmd.Env, t+"=1")
	}
	return figuresOf(cmd)
}

// checkPython returns an error unless python has scikit-learn.
func checkPython(ctx context.Context, python string) error {
	_, err := figuresOf(exec.CommandContext(ctx, python, "-c", "import sklearn; print('{}')"))
	if err != nil {
		return fmt.Errorf("scikit-learn by %s (try pip install scikit-learn): %w", python, err)
	}
	return nil
}
