module github.com/riskkit/riskkit

go 1.26

require (
	github.com/bbalet/stopwords v1.0.0
	github.com/google/go-cmp v0.7.0
	github.com/kljensen/snowball v0.10.0
	gonum.org/v1/gonum v0.17.0
)

require golang.org/x/text v0.23.0 // indirect
