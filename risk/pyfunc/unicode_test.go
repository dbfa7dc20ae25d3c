package pyfunc_test

import (
	"testing"
	"unicode"

	"github.com/riskkit/riskkit/internal/text"
	"github.com/riskkit/riskkit/risk/pyfunc"
	"github.com/riskkit/riskkit/tfidf"
)

// everywhere prints what the loader makes of each character that Python knows
// and that is not for private use: which are of words, which are white space, and what others become.
const everywhere = `
import json, sys, unicodedata
sys.path.insert(0, json.load(sys.stdin.buffer) + "/code")
import glob, importlib, os
loader = importlib.import_module(os.path.basename(glob.glob(sys.path[0] + "/*.py")[0])[:-3])
def analyzer(kind, n):
    return loader._analyzer({"analyzer": kind, "short_words": True, "ngrams": [n, n], "case": "keep", "accents": "keep", "stop_words": []})
word, char = analyzer("word", 1), analyzer("char", 1)
folds = {"lower": ("python", "keep"), "simple": ("simple", "keep"), "unicode": ("keep", "unicode"), "ascii": ("keep", "ascii")}
folds = {name: loader._folder(*f) for name, f in folds.items()}
out = {"version": unicodedata.unidata_version, "known": [], "words": [], "spaces": [], "folds": {name: {} for name in folds}}
for i in range(0x110000):
    c = chr(i)
    if unicodedata.category(c) in ("Cn", "Cs", "Co"):
        continue
    out["known"].append(i)
    if list(char(c + c)) == [" "]:
        out["spaces"].append(i)
    for name, fold in folds.items():
        if fold(c) != c:
            out["folds"][name][i] = fold(c)
out["words"] = [ord(c) for c in word(" ".join(map(chr, out["known"])))]
json.dump(out, sys.stdout)
`

// TestEveryCharacter compares what Go and the loader make of each character that
// both know.
func TestEveryCharacter(t *testing.T) {
	files, err := pyfunc.Files(golden(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, files)
	var python struct {
		Version              string
		Known, Words, Spaces []rune
		Folds                map[string]map[rune]string
	}
	run(t, dir, &python, plainPython(t), "-I", "-S", "-B", "-c", everywhere)
	set := func(runes []rune) map[rune]bool {
		m := map[rune]bool{}
		for _, r := range runes {
			m[r] = true
		}
		return m
	}
	words, spaces := set(python.Words), set(python.Spaces)
	collapses := vectorizer(t, tfidf.Options{Analyzer: tfidf.Char, Vocabulary: []string{" "}, Case: tfidf.CaseKeep})
	folds := map[string]func(s string) []byte{
		"lower":  func(s string) []byte { return text.AppendLower(nil, s) },
		"simple": func(s string) []byte { return text.AppendSimpleLower(nil, s) },
	}
	if python.Version == "14.0.0" { // that of the table of accents
		folds["unicode"] = func(s string) []byte { return text.AppendStripped(nil, []byte(s), false) }
		folds["ascii"] = func(s string) []byte { return text.AppendStripped(nil, []byte(s), true) }
	}
	compared := 0
	for _, r := range python.Known {
		if !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cc, unicode.Cf) {
			continue
		}
		compared++
		if got := text.IsWordRune(r); got != words[r] {
			t.Errorf("%U is a word character: %t, in Python %t", r, got, words[r])
		}
		if ind, _ := collapses.AppendFeatures(nil, nil, string([]rune{r, r})); len(ind) > 0 != spaces[r] {
			t.Errorf("%U is white space: %t, in Python %t", r, len(ind) > 0, spaces[r])
		}
		for name, fold := range folds {
			want, changed := python.Folds[name][r]
			if !changed {
				want = string(r)
			}
			if got := string(fold(string(r))); got != want {
				t.Errorf("%s of %U is %q, in Python %q", name, r, got, want)
			}
		}
	}
	t.Logf("Unicode %s in Python, %s in Go: %d characters compared", python.Version, unicode.Version, compared)
	if compared < 140000 || len(words) < 100000 || len(spaces) != 29 {
		t.Errorf("%d characters compared, %d of words, %d white space", compared, len(words), len(spaces))
	}
}
