package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// childFlag comes first on the command line of a process that measures one
// configuration; then come the scale, the two files and the configuration.
const childFlag = "-measure-one"

// self measures riskkit in a process of its own: what it needs at most in
// memory is then that of this configuration.
func (p *plan) self(ctx context.Context, name string, scale int) (figures, error) {
	self, err := os.Executable()
	if err != nil {
		return figures{}, err
	}
	return figuresOf(exec.CommandContext(ctx, self, childFlag, strconv.Itoa(scale), p.train, p.test, name))
}

// child is that process.
func child(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 4 {
		return usage("%s is for the benchmark itself", childFlag)
	}
	scale, err := strconv.Atoi(args[0])
	if err != nil {
		return usage("%s %s: %v", childFlag, args[0], err)
	}
	chosen, err := choose(args[3:])
	if err != nil {
		return err
	}
	m, err := measure(ctx, &chosen[0], args[1], args[2], scale)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(m)
}

// figuresOf runs a process that prints a JSON object. Where it fails, the last
// line that it wrote to standard error says why.
func figuresOf(cmd *exec.Cmd) (figures, error) {
	var f figures
	out, err := cmd.Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		lines := strings.Split(strings.TrimSpace(string(failed.Stderr)), "\n")
		if last := strings.TrimPrefix(lines[len(lines)-1], "benchmark: "); last != "" {
			return f, errors.New(last)
		}
	}
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(out, &f); err != nil {
		return f, fmt.Errorf("reading its figures: %w", err)
	}
	return f, nil
}
