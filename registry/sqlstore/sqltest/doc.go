// Package sqltest runs the conformance suites of registrytest, and tests of
// migrations, many processes, crashes, notifications and damage, on package
// sqlstore with real drivers: SQLite through modernc.org/sqlite and PostgreSQL
// through pgx, on servers that package pgserver starts. Nothing in it is for
// import but that.
package sqltest
