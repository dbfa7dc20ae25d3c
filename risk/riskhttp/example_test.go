package riskhttp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskhttp"
)

func ExampleNew() {
	svc, err := risk.NewService(context.Background(), nil) // the heuristic
	if err != nil {
		fmt.Println(err)
		return
	}
	h := riskhttp.New(svc, &riskhttp.Options{NewID: func() string { return "r-1" }})
	mux := http.NewServeMux()
	mux.Handle("/risk", h) // behind whatever says who may ask
	mux.Handle("/risk/", h)
	mux.Handle("/healthz", h)
	mux.Handle("/readyz", h)
	server := httptest.NewServer(mux) // a host has its own http.Server, with timeouts
	defer server.Close()

	post := func(path, media, body string) {
		w, err := http.Post(server.URL+path, media, strings.NewReader(body))
		if err != nil {
			fmt.Println(err)
			return
		}
		defer w.Body.Close()
		answer, err := io.ReadAll(w.Body)
		if err != nil {
			fmt.Println(err)
		}
		fmt.Printf("%d %s\n", w.StatusCode, strings.TrimSpace(string(answer)))
	}
	post("/risk/feedback", "application/json", `{"id": "INC-7", "level": "high", "assessed": "medium"}`)
	post("/risk", "application/json", `{"id": "INC-7", "text": 7}`)
	post("/risk/batch", "application/x-ndjson", "{\"text\": \"\"}\n{\"txt\": \"The shop is down\"}\n")
	// Output:
	// 200 {"id":"INC-7","agreement":"raises"}
	// 400 {"type":"https://github.com/riskkit/riskkit/blob/main/docs/http.md#body","title":"The body is not what it has to be","status":400,"detail":"/text: want a string, found a number (byte 24)","instance":"/risk","request_id":"r-1","errors":[{"pointer":"/text","offset":24,"detail":"want a string, found a number"}]}
	// 200 {"line":1,"error":{"type":"https://github.com/riskkit/riskkit/blob/main/docs/http.md#body","title":"The body is not what it has to be","status":400,"detail":"/text: the text is empty (byte 9)","errors":[{"pointer":"/text","offset":9,"detail":"the text is empty"}]}}
	// {"line":2,"error":{"type":"https://github.com/riskkit/riskkit/blob/main/docs/http.md#body","title":"The body is not what it has to be","status":400,"detail":"there is no field \"txt\", only id, text, tags, created_at (byte 1)","errors":[{"pointer":"","offset":1,"detail":"there is no field \"txt\", only id, text, tags, created_at"}]}}
}
