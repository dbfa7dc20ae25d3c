//go:build !race

package tfidf_test

const raceEnabled = false
