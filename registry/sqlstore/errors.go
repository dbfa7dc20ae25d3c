package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/riskkit/riskkit/internal/pause"
	"github.com/riskkit/riskkit/registry"
)

// fail says what went wrong, and that it was the context if that is done.
func fail(ctx context.Context, err error, doing string, args ...any) error {
	if err == nil {
		return nil
	}
	if done := ctx.Err(); done != nil && !errors.Is(err, done) {
		err = fmt.Errorf("%w: %w", done, err)
	} else if damaged(err) && !errors.Is(err, registry.ErrCorrupt) {
		err = fmt.Errorf("%w: %w", registry.ErrCorrupt, err)
	}
	return fmt.Errorf("sqlstore: %s: %w", fmt.Sprintf(doing, args...), err)
}

// The drivers' errors have these methods, but no type in common.
type (
	sqlStater interface{ SQLState() string } // of PostgreSQL
	coder     interface{ Code() int }        // of SQLite
)

// Of the result codes of SQLite the low byte is the primary one.
const (
	sqliteBusy, sqliteLocked      = 5, 6
	sqliteCorrupt, sqliteNotADB   = 11, 26
	busyText, lockedText          = "database is locked", "database table is locked"
	serializationFailure          = "40001"
	deadlockDetected              = "40P01"
	dataCorrupted, indexCorrupted = "XX001", "XX002"
)

// again reports whether err says that a statement had no effect, and may have
// one if it is tried again.
func again(err error) bool {
	var state sqlStater
	if errors.As(err, &state) {
		return state.SQLState() == serializationFailure || state.SQLState() == deadlockDetected
	}
	var code coder
	if errors.As(err, &code) {
		primary := code.Code() & 0xff
		return primary == sqliteBusy || primary == sqliteLocked
	}
	// SQLite's own words, which drivers without a code pass on.
	return err != nil && (strings.Contains(err.Error(), busyText) || strings.Contains(err.Error(), lockedText))
}

// damaged reports whether err says that the database is.
func damaged(err error) bool {
	var state sqlStater
	if errors.As(err, &state) {
		return state.SQLState() == dataCorrupted || state.SQLState() == indexCorrupted
	}
	var code coder
	if errors.As(err, &code) {
		primary := code.Code() & 0xff
		return primary == sqliteCorrupt || primary == sqliteNotADB
	}
	return false
}

// retry calls f until it has no error that trying again may help against, or
// the Store's patience ends.
func (s *Store) retry(ctx context.Context, f func() error) error {
	start := time.Now()
	for attempt := 0; ; attempt++ {
		err := f()
		if err == nil || !again(err) {
			return err
		}
		if time.Since(start) > s.o.Patience {
			return fmt.Errorf("tried %d times in %v: %w", attempt+1, s.o.Patience, err)
		}
		if err := pause.For(ctx, rand.N(time.Millisecond<<min(attempt, 6))); err != nil {
			return err
		}
	}
}
