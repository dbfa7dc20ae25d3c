// Package pyfunc turns a trained [risk.Model] into an MLflow model: the files
// of a folder that Python's mlflow.pyfunc.load_model loads, and MLflow serves,
// with the same answers as in Go.
//
// [Files] makes them of a Model, [VersionFiles] of a registered version:
//
//	MLmodel                       what MLflow reads first
//	data/model.json               vocabulary, weights, calibration, thresholds
//	code/riskkit_loader_HASH.py   what reads data/model.json and predicts
//	requirements.txt, conda.yaml, python_env.yaml
//
// The loader is short and plain Python that needs the standard library alone.
// Nothing is pickled, and what is in data/model.json is only read, after its
// SHA-256 has been compared with the one that the loader was written for. The
// name of the loader has a hash of its content and of the model's, so that any
// number of models can be loaded into one process.
//
// In Python
//
//	model = mlflow.pyfunc.load_model("models:/incident-risk@production")
//	model.predict(pandas.DataFrame({"text": ["The shop is down"]}))
//
// returns a DataFrame with the columns score, level, p_LEVEL for each level of
// the scale, and, where the Model tells categories, categories: a list of
// {"name", "share"}, the strongest first. Numbers are those of Score but for
// rounding, some 1e-15. A level can therefore differ where a score is that
// close to a threshold, and an answer where a character is new to the Unicode
// of one of the two languages.
package pyfunc
