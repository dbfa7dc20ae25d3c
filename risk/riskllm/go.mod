module github.com/riskkit/riskkit/risk/riskllm

go 1.26

require github.com/riskkit/riskkit v0.0.0

require (
	github.com/bbalet/stopwords v1.0.0 // indirect
	github.com/kljensen/snowball v0.10.0 // indirect
	golang.org/x/text v0.23.0 // indirect
	gonum.org/v1/gonum v0.17.0 // indirect
)

replace github.com/riskkit/riskkit => ../..
