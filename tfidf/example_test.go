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
