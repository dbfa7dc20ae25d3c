package riskhttp

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/risk"
)

// one answers POST /risk.
func (h *handler) one(x *exchange) *Problem {
	n, p := explained(x.r)
	if p != nil {
		return p
	}
	if p := x.body(); p != nil {
		return p
	}
	doc, f := x.reader.document(x.in, h.o.MaxText)
	if f != nil {
		return f.problem()
	}
	ctx := x.ctx()
	a, err := h.assess(ctx, doc, n)
	if err == nil {
		x.out, err = appendAssessment(x.out[:0], &a)
	}
	if err != nil {
		return x.failed(ctx, err)
	}
	x.reply(200, typeJSON)
	return nil
}

// assess scores doc and, unless n is 0, has the answer explained by n terms.
func (h *handler) assess(ctx context.Context, doc risk.Document, n int) (risk.Assessment, error) {
	return risk.Explain(ctx, h.service, doc, n)
}

// A Verdict is the answer of POST /risk/feedback.
type Verdict struct {
	ID        string         `json:"id"`
	Agreement risk.Agreement `json:"agreement"`
}

// feedback answers POST /risk/feedback.
func (h *handler) feedback(x *exchange) *Problem {
	if x.r.URL.RawQuery != "" {
		return badQuery.problem("there are no parameters here")
	}
	if p := x.body(); p != nil {
		return p
	}
	f, fault := x.reader.feedback(x.in)
	if fault != nil {
		return fault.problem()
	}
	ctx := x.ctx()
	agreement, err := h.service.Feedback(ctx, f)
	switch {
	case errors.Is(err, risk.ErrFeedback):
		return badFeedback.problem(err.Error())
	case err != nil:
		return x.failed(ctx, err)
	}
	return x.json(Verdict{f.ID, agreement})
}

// Status is the answer of GET /risk/status.
type Status struct {
	risk.ServiceStatus
	Drift *DriftStatus `json:"drift,omitempty"`
}

// DriftStatus tells of drift. All but Standing is of the last sweep, and zero
// before there was one.
type DriftStatus struct {
	// Standing is the status that counts; see psi.Scheduler.
	Standing psi.Status `json:"standing"`
	Time     time.Time  `json:"time,omitzero"`
	Status   psi.Status `json:"status,omitempty"`
	// PSI is by feature.
	PSI   map[string]float64 `json:"psi,omitempty"`
	Error string             `json:"error,omitempty"`
}

// status answers GET /risk/status.
func (h *handler) status(x *exchange) *Problem {
	s := Status{ServiceStatus: h.service.Status()}
	if h.o.Drift != nil {
		d := &DriftStatus{Standing: h.o.Drift.Status()}
		if sweeps := h.o.Drift.Sweeps(); len(sweeps) > 0 {
			last := sweeps[len(sweeps)-1]
			d.Time, d.Status, d.Error, d.PSI = last.Time, last.Report.Status, last.Error, map[string]float64{}
			for _, f := range last.Report.Features {
				d.PSI[f.Name] = f.PSI
			}
		}
		s.Drift = d
	}
	return x.json(s)
}

// openapi answers GET /risk/openapi.json.
func (h *handler) openapi(x *exchange) *Problem {
	x.out = append(x.out[:0], openapi...)
	x.reply(200, typeJSON)
	return nil
}

// alive answers GET /healthz.
func (h *handler) alive(x *exchange) *Problem { return x.json(Health{"ok"}) }

// Health is the answer of GET /healthz, "ok", and of GET /readyz, "ready".
type Health struct {
	Status string `json:"status"`
}

// ready answers GET /readyz.
func (h *handler) ready(x *exchange) *Problem {
	if h.o.Ready != nil {
		if err := h.o.Ready(x.ctx()); err != nil {
			return notReady.problem(err.Error())
		}
	}
	return x.json(Health{"ready"})
}

// json answers by v.
func (x *exchange) json(v any) *Problem {
	b, err := json.Marshal(v)
	if err != nil {
		return x.failed(x.ctx(), err)
	}
	x.out = append(x.out[:0], b...)
	x.reply(200, typeJSON)
	return nil
}
