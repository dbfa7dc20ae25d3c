package pyfunc_test

import (
	"testing"

	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/pyfunc"
	"github.com/riskkit/riskkit/tfidf"
)

// begin is how the scripts begin: they load all folders.
const begin = `
import glob, importlib, json, os, sys
folders = json.load(sys.stdin.buffer)
def load(folder):
    sys.path.insert(0, folder + "/code")
    (file,) = glob.glob(glob.escape(folder) + "/code/*.py")
    return importlib.import_module(os.path.basename(file)[:-3])._load_pyfunc(folder + "/data/model.json")
def refused(kind, mention, call, *args):
    try:
        answer = call(*args)
    except kind as e:
        assert mention in str(e), str(e)
    else:
        raise AssertionError(f"{args} gives {answer}, want {kind} with {mention}")
m, other, hashed = map(load, folders)
down, typo = m.assess("The shop is down"), m.assess("A typo")
assert down["score"] != typo["score"], (down, typo)
assert other.assess("The shop is down")["score"] != down["score"], down
`

// withoutPandas gives predict all that it takes, and what it does not.
const withoutPandas = begin + `
assert "pandas" not in sys.modules
texts = ["The shop is down", "A typo"]
for given in texts, tuple(texts), {"text": texts}, {"report": texts}, [{"text": s} for s in texts], [{"id": 1, "text": s} for s in texts], \
        [[s] for s in texts], iter(texts):
    assert m.predict(given) == [down, typo], given
assert m.predict("A typo") == m.predict({"text": "A typo"}, params={}) == [typo]
assert m.predict([]) == []
refused(TypeError, "text 1 is None", m.predict, ["A typo", None])
refused(TypeError, "text 0 is b'A typo'", m.predict, [b"A typo"])
refused(TypeError, "text 0 is ['a', 'b']", m.predict, [["a", "b"]])
refused(ValueError, "['a', 'b']", m.predict, [{"a": "A typo", "b": ""}])
# Two surrogates that are no pair are what they are in JSON read by Go.
assert hashed.assess("down \ud83d\ud83d") == hashed.assess("down \ufffd\ufffd") != hashed.assess("down ")

# The oldest Python that the loader is for.
import ast
with open(glob.glob(glob.escape(folders[0]) + "/code/*.py")[0]) as f:
    ast.parse(f.read(), feature_version=(3, 8))

# A file of another model, and a damaged one.
loader = importlib.import_module(type(m).__module__)
refused(ValueError, "fetch it again", loader._load_pyfunc, folders[1] + "/data/model.json")
name = folders[0] + "/data/model.json"
with open(name, "r+b") as f:
    f.seek(100)
    byte = f.read(1)
    f.seek(100)
    f.write(bytes([byte[0] ^ 1]))
refused(ValueError, "SHA-256", loader._load_pyfunc, name)
refused(OSError, "nowhere", loader._load_pyfunc, folders[0] + "/nowhere")
refused(ValueError, "format 2", loader.Model, {"format": 2})
print("{}")
`

// withPandas gives predict what pandas and NumPy have.
const withPandas = begin + `
import numpy, pandas
texts = ["The shop is down", "A typo"]
for given in pandas.DataFrame({"text": texts}), pandas.DataFrame({"report": texts}), pandas.DataFrame({"id": [1, 2], "text": texts}), \
        pandas.Series(texts), pandas.Series(texts, dtype="string"), texts, numpy.array(texts), numpy.array([[s] for s in texts]):
    answer = m.predict(given)
    assert list(answer.columns) == list(down) == m.columns, answer
    assert answer.to_dict("records") == [down, typo], answer
assert list(m.predict(pandas.DataFrame({"text": texts}, index=["a", "b"])).index) == ["a", "b"]
assert list(m.predict(pandas.Series(texts, index=[7, 9])).index) == [7, 9]
empty = m.predict(pandas.DataFrame({"text": []}))
assert len(empty) == 0 and list(empty.columns) == m.columns, empty
refused(TypeError, "text 1 is nan", m.predict, pandas.DataFrame({"text": ["a", float("nan")]}))
refused(ValueError, "['a', 'b']", m.predict, pandas.DataFrame({"a": texts, "b": texts}))
print("{}")
`

// folders writes three models and returns their folders.
func folders(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, m := range []*risk.Model{golden(t), trained(t, &risk.TrainOptions{Categories: 10, Folds: 2}),
		assembled(t, hashing(t, tfidf.HashingOptions{Analyzer: tfidf.Char, NumFeatures: 100}), 3, false, nil, nil)} {
		files, err := pyfunc.Files(m, nil)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		write(t, dir, files)
		all = append(all, dir)
	}
	return all
}

func TestInputs(t *testing.T) {
	run(t, folders(t), new(struct{}), plainPython(t), "-I", "-S", "-B", "-c", withoutPandas)
}

func TestInputsOfPandas(t *testing.T) {
	run(t, folders(t), new(struct{}), mlflowPython(t), "-I", "-B", "-c", withPandas)
}
