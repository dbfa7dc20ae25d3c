package tfidf_test

import (
	"fmt"
	"slices"

	"github.com/riskkit/riskkit/tfidf"
)

func Example() {
	texts := []string{
		"The database is down.",
		"The database is slow today.",
		"The login page is slow.",
	}
	v, err := tfidf.Fit(slices.Values(texts), &tfidf.Options{NGrams: [2]int{1, 2}, StopWords: []string{"the", "is"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ind, val := v.AppendFeatures(nil, nil, "Slow database, slow login")
	for k, i := range ind {
		fmt.Printf("%s %.3f\n", v.FeatureName(int(i)), val[k])
	}
	// Output:
	// database 0.344
	// database slow 0.452
	// login 0.452
	// slow 0.688
}

func ExampleUnion() {
	texts := []string{"database slow", "login slow"}
	words, err := tfidf.Fit(slices.Values(texts), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	chars, err := tfidf.Fit(slices.Values(texts), &tfidf.Options{Analyzer: tfidf.CharWB, NGrams: [2]int{3, 3}})
	if err != nil {
		fmt.Println(err)
		return
	}
	u, err := tfidf.NewUnion(
		tfidf.Part{Name: "words", Extractor: words},
		tfidf.Part{Name: "chars", Extractor: chars, Weight: 0.5},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	ind, val := u.AppendFeatures(nil, nil, "slowly") // a word that is new
	for k, i := range ind {
		fmt.Printf("%q %.3f\n", u.FeatureName(int(i)), val[k])
	}
	// Output:
	// "chars__ sl" 0.289
	// "chars__low" 0.289
	// "chars__slo" 0.289
}

func ExampleHashing() {
	h, err := tfidf.NewHashing(&tfidf.HashingOptions{NumFeatures: 1 << 18, Norm: tfidf.NormNone})
	if err != nil {
		fmt.Println(err)
		return
	}
	ind, val := h.AppendFeatures(nil, nil, "slow database, slow login")
	for k, i := range ind {
		fmt.Println(h.FeatureName(int(i)), val[k])
	}
	// Output:
	// #104436 1
	// #210949 -1
	// #225678 2
}
