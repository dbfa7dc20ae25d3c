// Package registrytest tells whether a registry.Store or a registry.Registry
// keeps its contract.
//
// The suites return an error that joins all they found wrong, each with its
// reason, and nil if that is nothing. So they run in a test as well as outside
// of one:
//
//	if err := registrytest.TestStore(t.Context(), open); err != nil {
//		t.Error(err)
//	}
package registrytest

import (
	"errors"
	"fmt"
)

// findings collects what a suite finds wrong.
type findings struct {
	errs []error
}

// wrong notes a finding under the rule that was broken.
func (f *findings) wrong(rule, format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf("%s: %w", rule, fmt.Errorf(format, args...)))
}

func (f *findings) err() error { return errors.Join(f.errs...) }
