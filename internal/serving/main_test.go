package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/riskkit/riskkit/risk"
)

func ExamplePlain() {
	w := httptest.NewRecorder()
	Plain(risk.Assessment{Level: "high"}).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/risk", strings.NewReader(`{"id":"7","text":"fire"}`)))
	fmt.Println(w.Code, w.Body)
	// Output: 200 {"risk_score":0,"risk_label":"high","risk_score_method":"","risk_model_version":"","risk_threshold":0,"id":"7","escalated":false}
}
