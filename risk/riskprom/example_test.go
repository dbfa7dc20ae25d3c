package riskprom_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskprom"
)

func ExampleNew() {
	reg := prometheus.NewRegistry()
	metrics, err := riskprom.New(reg, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	// A Service tells them what happens where they are among its Observers:
	//
	//	risk.NewService(ctx, &risk.ServiceOptions{Observers: risk.Observers{metrics}})
	//
	// And promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}) is what
	// Prometheus scrapes.
	metrics.ModelChanged(&risk.ServiceStatus{Version: "3", Digest: "sha256:9f86d081"})
	for range 2 {
		metrics.Scored(context.Background(), &risk.Scored{
			Assessment: risk.Assessment{Method: risk.MethodML, Score: 0.7, Level: "high"},
			Duration:   14 * time.Microsecond,
		})
	}
	all, err := reg.Gather()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range all {
		if f.GetName() == "risk_requests_total" || f.GetName() == "risk_model_info" {
			if _, err := expfmt.MetricFamilyToText(os.Stdout, f); err != nil {
				fmt.Println(err)
			}
		}
	}
	// Output:
	// # HELP risk_model_info 1 for each version that answers: the one in production, and the candidate of a rollout.
	// # TYPE risk_model_info gauge
	// risk_model_info{digest="sha256:9f86d081",role="production",version="3"} 1
	// # HELP risk_requests_total Documents assessed, by what decided.
	// # TYPE risk_requests_total counter
	// risk_requests_total{method="escalation"} 0
	// risk_requests_total{method="heuristic"} 0
	// risk_requests_total{method="ml"} 2
	// risk_requests_total{method="other"} 0
}
