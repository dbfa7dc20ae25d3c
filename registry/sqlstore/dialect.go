package sqlstore

import (
	"fmt"
	"strings"

	"github.com/riskkit/riskkit/registry"
)

// A Dialect is the SQL that a database understands.
type Dialect int

// The dialects.
const (
	PostgreSQL Dialect = iota + 1
	SQLite
)

// String returns the name of the database.
func (d Dialect) String() string {
	switch d {
	case PostgreSQL:
		return "PostgreSQL"
	case SQLite:
		return "SQLite"
	}
	return fmt.Sprintf("Dialect(%d)", int(d))
}

// dialect is all that differs between databases.
type dialect struct {
	postgres bool // has schemas, locks and notifications; SQLite has pragmas

	bytes, alphabet, now, param string // parts of statements, see replacer

	begin    string // begins a transaction that writes
	durable  string // within it, makes its commit reach the disk
	hasTable string // counts the tables of a schema with a name
	append   string // adds an event, see Store.Append
	extra    string // ends the first migration
}

// insertEvent adds an event if it is the next one. The rest follows in append.
const insertEvent = `INSERT INTO {events} (log, seq, event)
	SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS {bytes})
	WHERE CAST($2 AS BIGINT) = 1 OR EXISTS (SELECT 1 FROM {events} WHERE log = CAST($1 AS TEXT) AND seq = CAST($2 AS BIGINT) - 1)
	ON CONFLICT DO NOTHING`

// dialect returns what d stands for.
func (d Dialect) dialect() (dialect, error) {
	switch d {
	case PostgreSQL:
		const durable = `set_config('synchronous_commit', CASE current_setting('synchronous_commit')
			WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)`
		return dialect{
			postgres: true,
			bytes:    "bytea",
			alphabet: `COLLATE "C"`,
			now:      "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000000) AS BIGINT)",
			param:    "$",
			begin:    "BEGIN ISOLATION LEVEL READ COMMITTED",
			durable:  "SELECT " + durable,
			hasTable: "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = $2",
			append: "WITH added AS (" + insertEvent + " RETURNING seq) SELECT pg_notify($4, ''), " +
				durable + " FROM added",
			// Models compress badly.
			extra: "ALTER TABLE {chunks} ALTER COLUMN data SET STORAGE EXTERNAL",
		}, nil
	case SQLite:
		return dialect{
			bytes:    "BLOB",
			now:      "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000",
			param:    "?",
			begin:    "BEGIN IMMEDIATE",
			hasTable: "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND ?1 = '' AND name = ?2",
			append:   insertEvent,
		}, nil
	}
	return dialect{}, fmt.Errorf("%w: dialect %d, want PostgreSQL or SQLite", registry.ErrInput, int(d))
}

// replacer puts the names of the tables and what else differs into a statement.
func (d dialect) replacer(schema, prefix string) *strings.Replacer {
	table := func(name string) string {
		if schema == "" {
			return quote(prefix + name)
		}
		return quote(schema) + "." + quote(prefix+name)
	}
	return strings.NewReplacer(
		"{events}", table("events"), "{blobs}", table("blobs"), "{chunks}", table("chunks"), "{schema}", table("schema"),
		"{first}", quote(prefix+"first"), // an index, which is where its table is
		"{bytes}", d.bytes, "{alphabet}", d.alphabet, "{now}", d.now, "$", d.param,
	)
}

// quote makes name one identifier, whatever is in it.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
