// Package mlflow keeps a registry in an MLflow tracking server, and shows it on
// that server's own pages, over its REST interface.
//
// It has three layers, each of use without the one above:
//
//   - [Client] speaks to the server: experiments, runs, artifacts, registered
//     models, versions and aliases. It is configured as MLflow's own clients
//     are, see [ClientFromEnv].
//   - [Store] is a registry.Store kept in the server, so its history is as safe
//     from two writers at once as on any other Store.
//   - [Registry] is a registry.Log on that Store which also writes each version
//     to MLflow's own model registry: a run with parameters, metrics, datasets
//     and files, a model version with description and tags, and its aliases.
//     MLflow's Python clients find it there.
//
// # What the server must have
//
// The server must keep its data in a database (--backend-store-uri) and serve
// artifacts itself (--serve-artifacts, which is the default): a Store on
// MLflow's old file backend could lose events to two writers at once. What a
// server cannot do is an error that wraps registry.ErrUnsupported. Aliases need
// MLflow 2.9.
//
// # Errors
//
// What the server answers is an [*Error], which matches registry.ErrNotFound,
// ErrConflict, ErrInput or ErrUnsupported. No error contains credentials.
//
// Everything in this package is safe for concurrent use.
package mlflow
