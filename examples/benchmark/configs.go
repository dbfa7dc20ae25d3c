package main

import (
	"slices"
	"strings"

	"github.com/riskkit/riskkit/tfidf"
)

// config is one model to be measured; sklearn_bench.py has the same.
type config struct {
	name     string
	features tfidf.Options
	c        float64
	balanced bool
}

var configs = []config{
	{name: "unigram", c: 1},
	{name: "bigram", features: tfidf.Options{NGrams: [2]int{1, 2}, MinDF: 2, Sublinear: true}, c: 10},
	{name: "trigram-balanced", features: tfidf.Options{NGrams: [2]int{1, 3}, MinDF: 2, Sublinear: true}, c: 3, balanced: true},
	{name: "trigram", features: tfidf.Options{NGrams: [2]int{1, 3}, MinDF: 2, Sublinear: true}, c: 3},
}

// choose returns the configurations that are named, all if none is.
func choose(names []string) ([]config, error) {
	if len(names) == 0 {
		return configs, nil
	}
	var known []string
	for _, c := range configs {
		known = append(known, c.name)
	}
	var chosen []config
	for i, name := range names {
		k := slices.Index(known, name)
		switch {
		case k < 0:
			return nil, usage("there is no configuration %q, only %s", name, strings.Join(known, ", "))
		case slices.Index(names, name) < i:
			return nil, usage("configuration %s is named twice", name)
		}
		chosen = append(chosen, configs[k])
	}
	return chosen, nil
}
