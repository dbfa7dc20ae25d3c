// Package sqltest tests the SQL sink of package audit with real drivers: SQLite
// through modernc.org/sqlite and PostgreSQL through pgx, on a server that package
// pgserver starts. Nothing in it is for import.
package sqltest
