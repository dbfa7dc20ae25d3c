//go:build race

// Package race says whether the race detector is on. Tests that count
// allocations ask, because sync.Pool drops values at random under it.
package race

// Enabled is true under the race detector.
const Enabled = true
