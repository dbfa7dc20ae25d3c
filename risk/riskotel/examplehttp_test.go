package riskotel_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskhttp"
	"github.com/riskkit/riskkit/risk/riskotel"
)

// service is one deeper than a Scorer beside it, whose Score and Explain so come
// first.
type service struct{ *risk.Service }

// traced is a riskhttp.Service: it scores in spans, and has the Service's
// Feedback and Status.
type traced struct {
	*riskotel.Scorer
	service
}

func ExampleNewScorer_http() {
	svc, err := risk.NewService(context.Background(), nil) // the heuristic
	if err != nil {
		fmt.Println(err)
		return
	}
	defer svc.Close(context.Background())
	spans := tracetest.NewInMemoryExporter() // in a service one that sends them on
	provider := trace.NewTracerProvider(trace.WithSyncer(spans))
	scorer := riskotel.NewScorer(svc, &riskotel.Options{TracerProvider: provider})
	server := httptest.NewServer(riskhttp.New(traced{scorer, service{svc}}, nil))
	defer server.Close()

	resp, err := http.Post(server.URL+"/risk/batch", "application/x-ndjson",
		strings.NewReader("{\"id\": \"INC-7\", \"text\": \"The shop is down\"}\n{\"id\": \"INC-8\", \"text\": \"A typo\"}\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		fmt.Println(err)
	}
	for _, span := range spans.GetSpans() {
		fmt.Println(span.Name, span.Attributes[0].Value.AsString())
	}
	// Output:
	// risk.score INC-7
	// risk.score INC-8
}
