package main

import (
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/tfidf"
)

// reference is a scorer as it is written without much ado, and what riskkit's
// speed is measured against: its terms are looked up as strings in a map. Its
// probabilities are those of the models that it is made of.
type reference struct {
	terms       map[string]int
	idf         []float64
	weights     [][]float64 // of each feature, for each class
	intercept   []float64
	least, most int // the range of n-grams
	sublinear   bool
}

func newReference(v *tfidf.Vectorizer, m *logreg.Model) *reference {
	o := v.Options()
	r := &reference{
		terms: make(map[string]int, v.NumFeatures()), idf: make([]float64, v.NumFeatures()),
		weights: make([][]float64, v.NumFeatures()), intercept: make([]float64, m.NumClasses()),
		least: o.NGrams[0], most: o.NGrams[1], sublinear: o.Sublinear,
	}
	for i := range v.NumFeatures() {
		r.terms[v.FeatureName(i)], r.idf[i] = i, v.IDF(i)
		r.weights[i] = make([]float64, m.NumClasses())
		for k := range r.weights[i] {
			r.weights[i][k] = m.Coef(k, i)
		}
	}
	for k := range r.intercept {
		r.intercept[k] = m.Intercept(k)
	}
	return r
}

// proba returns the probability of each class.
func (r *reference) proba(text string) []float64 {
	ids := r.features(words(text))
	slices.Sort(ids)
	p := make([]float64, len(r.intercept))
	square := 0.0
	for i := 0; i < len(ids); {
		id, count := ids[i], 0
		for ; i < len(ids) && ids[i] == id; i++ {
			count++
		}
		value := float64(count)
		if r.sublinear && count > 1 {
			value = 1 + math.Log(value)
		}
		value *= r.idf[id]
		square += value * value
		for k, w := range r.weights[id] {
			p[k] += w * value
		}
	}
	for k := range p {
		if square > 0 {
			p[k] /= math.Sqrt(square)
		}
		p[k] += r.intercept[k]
	}
	softmax(p)
	return p
}

// features returns the features that n-grams of words are, each as often as it
// occurs.
func (r *reference) features(words [][]byte) []int {
	ids := make([]int, 0, len(words)*(r.most-r.least+1))
	var term []byte
	for i, word := range words {
		term = append(term[:0], word...)
		for n := 1; ; n++ {
			if n >= r.least {
				if id, ok := r.terms[string(term)]; ok {
					ids = append(ids, id)
				}
			}
			if n == r.most || i+n == len(words) {
				break
			}
			term = append(append(term, ' '), words[i+n]...)
		}
	}
	return ids
}

func softmax(z []float64) {
	top, sum := slices.Max(z), 0.0
	for k := range z {
		z[k] = math.Exp(z[k] - top)
		sum += z[k]
	}
	for k := range z {
		z[k] /= sum
	}
}

// words returns what Python's (?u)\b\w\w+\b finds in text.lower().
func words(text string) [][]byte {
	b := make([]byte, len(text))
	for i := range b {
		c := text[i]
		if c >= utf8.RuneSelf {
			b = []byte(lower(text))
			break
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b[i] = c
	}
	found := make([][]byte, 0, len(b)/5)
	start, length := 0, 0 // of the word at hand, the length in characters
	for i := 0; i < len(b); {
		word, size := 'a' <= b[i] && b[i] <= 'z' || '0' <= b[i] && b[i] <= '9' || b[i] == '_', 1
		if b[i] >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRune(b[i:])
			word = unicode.IsLetter(r) || unicode.IsNumber(r)
		}
		if word && length == 0 {
			start = i
		}
		if word {
			length++
		} else {
			if length >= 2 {
				found = append(found, b[start:i])
			}
			length = 0
		}
		i += size
	}
	if length >= 2 {
		found = append(found, b[start:])
	}
	return found
}

// lower is Python's str.lower. It is unicode.ToLower but for two letters.
func lower(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == 'İ':
			b.WriteString("i\u0307")
		case r == 'Σ' && finalSigma(text[:i], text[i+len("Σ"):]):
			b.WriteRune('ς')
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// finalSigma reports whether a capital sigma ends a word: a letter with case
// comes before it and none after it, but for characters that case ignores (The
// Unicode Standard, table 3-17).
func finalSigma(before, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(strings.TrimRightFunc(before, caseIgnorable))
	next, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(after, caseIgnorable))
	return cased(last) && !cased(next)
}

func cased(r rune) bool {
	return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Uppercase, unicode.Other_Lowercase)
}

func caseIgnorable(r rune) bool {
	return strings.ContainsRune("'.:\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A", r) ||
		unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk)
}
