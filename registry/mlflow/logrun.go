package mlflow

import (
	"context"
	"errors"
	"fmt"

	"github.com/riskkit/riskkit/registry"
)

// Tags of runs and experiments.
const (
	tagLog    = "riskkit.log"     // of a log's run: the log's name
	tagLogRun = "riskkit.log.run" // of a log's experiment: the log's run
)

// A logRun is the run that a log is kept in, and the experiment of its model.
type logRun struct {
	runID, uri   string
	experimentID string
}

// run returns the run of a log. Where there is none, it makes one or, if it is
// not to, returns nil.
//
// Two who make it at once each make a run, and then an experiment of the same
// name with a tag that names that run. MLflow takes the experiment and its tags
// as one, from one of the two alone; both read who that was. Nobody changes the
// tag later. So there is one answer for ever, whatever dies in between.
func (s *Store) run(ctx context.Context, log string, create bool) (*logRun, error) {
	s.mu.Lock()
	l := s.logs[log]
	s.mu.Unlock()
	if l != nil {
		return l, ctx.Err()
	}
	if err := registry.CheckName(log); err != nil {
		return nil, err
	}
	e, err := s.c.Experiment(ctx, s.logExperiment(log))
	if errors.Is(err, registry.ErrNotFound) {
		if !create {
			return nil, nil
		}
		e, err = s.elect(ctx, log)
	}
	if err == nil {
		err = e.usable()
	}
	if err != nil {
		return nil, err
	}
	run, err := s.c.Run(ctx, e.Tags[tagLogRun])
	switch {
	case e.Tags[tagLogRun] == "" || errors.Is(err, registry.ErrNotFound) || err == nil && run.Tags[tagLog] != log:
		return nil, fmt.Errorf("%w: experiment %q of MLflow does not say which run the log is, or that is gone; it was made or changed by somebody else", registry.ErrCorrupt, e.Name)
	case err != nil:
		return nil, err
	}
	l = &logRun{runID: run.ID, uri: run.ArtifactURI, experimentID: e.ID}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs[log] = l
	return l, nil
}

func (s *Store) logExperiment(log string) string { return s.experiment + "/" + log }

// elect makes the run and the experiment of a log, or finds that somebody else
// did.
func (s *Store) elect(ctx context.Context, log string) (Experiment, error) {
	root, err := s.rootExperiment(ctx, true)
	if err != nil {
		return Experiment{}, err
	}
	run, err := s.c.CreateRun(ctx, NewRun{ExperimentID: root.ID, Name: "log of " + log, Tags: map[string]string{
		tagLog:       log,
		tagRunSource: "riskkit",
		tagNote:      "The history of model " + log + ", kept by riskkit: its events are this run's parameters and artifacts. Do not delete or change it.",
	}})
	if err != nil {
		return Experiment{}, err
	}
	_, err = s.c.CreateExperiment(ctx, s.logExperiment(log), map[string]string{tagLogRun: run.ID})
	if err != nil && !errors.Is(err, registry.ErrConflict) {
		return Experiment{}, err
	}
	e, err := s.c.Experiment(ctx, s.logExperiment(log))
	if err == nil && e.Tags[tagLogRun] != run.ID {
		err = s.c.DeleteRun(ctx, run.ID) // somebody else was first; nobody knows of this run
	}
	return e, err
}
