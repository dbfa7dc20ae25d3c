// Package sqlstore keeps a registry in a PostgreSQL or SQLite database, next to
// whatever else a host has in it.
//
// It speaks SQL through database/sql and brings no driver: the host opens the
// database with the one it likes, closes it, and decides how many connections
// there may be. [Open] makes the tables that are missing, and may be called by
// any number of processes at once.
//
// # Tables
//
// All names begin with a prefix, riskkit_ unless Options say otherwise:
//
//	riskkit_events  (log, seq, event)     one row an event
//	riskkit_blobs   (digest, size, put_at)  put_at in microseconds since 1970
//	riskkit_chunks  (digest, n, data)     the bytes of the blobs, a mebibyte a row
//	riskkit_schema  (version)             which migrations were made
//
// A blob is written in one transaction, so it is whole or absent. That
// transaction is open while its bytes are read; on SQLite nobody else can write
// in the meantime, so do not put from a slow reader there.
//
// # PostgreSQL
//
// An acknowledged call is on disk even where the server or the role has
// synchronous_commit off; fsync is the server's own affair. Version 9.5 or later
// is needed. Appending notifies those who Wait; for them database/sql has no call,
// so Options.Notified makes the driver's own. With pgx:
//
//	func(ctx context.Context, driverConn any) error {
//		_, err := driverConn.(*stdlib.Conn).Conn().WaitForNotification(ctx)
//		return err
//	}
//
// # SQLite
//
// The database must be a file on a local disk. Open switches it to the
// write-ahead log, which stays so, and connections that this package writes with
// get synchronous=FULL and keep it. While another process writes, calls try
// again for Options.Patience, on top of the busy timeout that the driver may
// have. Version 3.24 or later is needed.
//
// # Errors
//
// Errors wrap those of package registry as a [registry.Store] should, and
// otherwise what the driver returned. Whether an append took place that failed
// because the connection or the context ended can only be told by reading.
package sqlstore
