// Package riskkit is the map of a library that scores the risk of incident text
// inside a Go service, notices when the texts drift away from what the model
// learned, and moves from one model version to the next without serving worse
// than before. There is no code here; the packages are
//
//   - risk: the Scorer, the heuristic that always answers, the trained Model,
//     Train, and the Service that a host puts in its path;
//   - tfidf: text to sparse TF-IDF vectors, with scikit-learn's meaning;
//   - logreg: logistic regression on sparse rows, paths, calibration maps;
//   - psi: drift features, baselines, the population stability index, sweeps;
//   - eval: metrics equal to scikit-learn's, thresholds, paired comparison;
//   - registry: versions, stages, history, promote and roll back, on a Store in
//     memory or in a directory;
//   - registry/sqlstore, registry/blobstore (a module of its own) and
//     registry/mlflow: Stores on PostgreSQL and SQLite, on S3, GCS and Azure, and
//     in an MLflow server;
//   - registry/registrytest: what every Store and every Registry must do;
//   - risk/pyfunc: a model as MLflow's Python loads it.
//
// The leaves (tfidf, logreg, psi, eval and registry) do not import each other;
// risk is where they meet. Start with examples/quickstart, which walks the
// whole way in one file, and with risk's own documentation.
package riskkit
