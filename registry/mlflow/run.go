package mlflow

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// A Run is one run of an experiment.
type Run struct {
	ID, ExperimentID, Name string
	// ArtifactURI is where its artifacts are.
	ArtifactURI string
	// Status is RUNNING, SCHEDULED, FINISHED, FAILED or KILLED.
	Status     string
	Start, End time.Time
	// Deleted says that it is in the bin.
	Deleted      bool
	Params, Tags map[string]string
	// Metrics are the last value of each.
	Metrics  []Metric
	Datasets []Dataset
}

// A NewRun says what run to create.
type NewRun struct {
	ExperimentID, Name string
	Start              time.Time // zero means now
	Tags               map[string]string
}

type runWire struct {
	Info struct {
		ID           string `json:"run_id"`
		UUID         string `json:"run_uuid"`
		ExperimentID text   `json:"experiment_id"`
		Name         string `json:"run_name"`
		ArtifactURI  string `json:"artifact_uri"`
		Status       text   `json:"status"`
		Start        number `json:"start_time"`
		End          number `json:"end_time"`
		Stage        string `json:"lifecycle_stage"`
	} `json:"info"`
	Data struct {
		Metrics []metricWire `json:"metrics"`
		Params  []pair       `json:"params"`
		Tags    []pair       `json:"tags"`
	} `json:"data"`
	Inputs struct {
		Datasets []datasetWire `json:"dataset_inputs"`
	} `json:"inputs"`
}

func (w runWire) run() Run {
	r := Run{
		ID: w.Info.ID, ExperimentID: string(w.Info.ExperimentID), Name: w.Info.Name, ArtifactURI: w.Info.ArtifactURI,
		Status: string(w.Info.Status), Start: w.Info.Start.millis(), End: w.Info.End.millis(), Deleted: w.Info.Stage == "deleted",
		Params: mapOf(w.Data.Params), Tags: mapOf(w.Data.Tags),
	}
	if r.ID == "" {
		r.ID = w.Info.UUID // before MLflow 1.0 it was called so
	}
	for _, m := range w.Data.Metrics {
		r.Metrics = append(r.Metrics, m.metric())
	}
	for _, d := range w.Inputs.Datasets {
		r.Datasets = append(r.Datasets, d.dataset())
	}
	return r
}

// CreateRun makes a run, which is RUNNING. Calling it again makes another one;
// so after an error there may be one or not.
func (c *Client) CreateRun(ctx context.Context, n NewRun) (Run, error) {
	if err := checkPairs("tag", n.Tags, maxTag); err != nil {
		return Run{}, err
	}
	if n.Start.IsZero() {
		n.Start = time.Now()
	}
	r := api(http.MethodPost, "runs/create")
	r.repeat = false
	r.json = map[string]any{"experiment_id": n.ExperimentID, "run_name": n.Name, "start_time": n.Start.UnixMilli(), "tags": pairsOf(n.Tags)}
	var out struct {
		Run runWire `json:"run"`
	}
	err := c.do(ctx, r, &out)
	return out.Run.run(), err
}

// Run returns a run. Where there is none, the error wraps ErrNotFound.
func (c *Client) Run(ctx context.Context, id string) (Run, error) {
	var out struct {
		Run runWire `json:"run"`
	}
	err := c.get(ctx, "runs/get", url.Values{"run_id": {id}}, &out)
	return out.Run.run(), err
}

// FinishRun ends a run with a status such as FINISHED or FAILED.
func (c *Client) FinishRun(ctx context.Context, id, status string, end time.Time) error {
	return c.post(ctx, "runs/update", map[string]any{"run_id": id, "status": status, "end_time": end.UnixMilli()}, nil)
}

// DeleteRun puts a run in the bin.
func (c *Client) DeleteRun(ctx context.Context, id string) error {
	return c.post(ctx, "runs/delete", map[string]any{"run_id": id}, nil)
}

// SearchRuns yields the runs of some experiments that match a filter in
// MLflow's language, such as tags.data = 'may'; all that are not deleted if it
// is empty.
func (c *Client) SearchRuns(ctx context.Context, experimentIDs []string, filter string) iter.Seq2[Run, error] {
	return pages(func(token string) ([]Run, string, error) {
		var out struct {
			Runs []runWire `json:"runs"`
			Next string    `json:"next_page_token"`
		}
		in := map[string]any{"experiment_ids": experimentIDs, "filter": filter, "max_results": 100, "order_by": []string{"attributes.start_time ASC"}}
		if token != "" {
			in["page_token"] = token
		}
		err := c.post(ctx, "runs/search", in, &out)
		var runs []Run
		for _, w := range out.Runs {
			runs = append(runs, w.run())
		}
		return runs, out.Next, err
	})
}

// maxPages bounds how many pages are read of a server that never ends.
const maxPages = 100_000

// pages yields what next returns, page by page.
func pages[T any](next func(token string) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		token := ""
		for range maxPages {
			page, after, err := next(token)
			if err != nil {
				yield(zero, err)
				return
			}
			for _, x := range page {
				if !yield(x, nil) {
					return
				}
			}
			if after == "" || after == token {
				return
			}
			token = after
		}
	}
}
