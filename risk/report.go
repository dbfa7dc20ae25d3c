package risk

import (
	"time"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/tfidf"
)

// A TrainReport tells what a Model was made of and how good it is.
type TrainReport struct {
	Documents int `json:"documents"`
	// Labels counts the examples of each level, in the order of the scale.
	Labels []int `json:"labels"`
	// First and Last are the times of the oldest and the newest example, zero
	// if any has no time.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// DataDigest is the SHA-256 of all ids, texts and labels in order.
	DataDigest string `json:"data_digest"`
	Seed       uint64 `json:"seed"`
	// Recipe and C are what was given or chosen, of Candidates.
	Recipe     Recipe      `json:"recipe"`
	C          float64     `json:"c"`
	Balanced   bool        `json:"balanced"`
	Candidates []Candidate `json:"candidates"`
	// Options are those of the features, all stop words filled in.
	Options tfidf.Options `json:"options"`
	// Features is the number of features. Folds is the number of parts in which
	// examples were held out, by time or by chance.
	Features int    `json:"features"`
	Folds    int    `json:"folds"`
	FoldsBy  string `json:"folds_by"`
	// Status, Objective and Gap say how the fit ended; see logreg.Result.
	Status    string  `json:"status"`
	Objective float64 `json:"objective"`
	Gap       float64 `json:"gap"`
	// Calibration is how probabilities are calibrated.
	Calibration logreg.Calibration `json:"calibration"`
	Thresholds  []float64          `json:"thresholds"`
	// ThresholdsFor is the objective that the thresholds were chosen for.
	ThresholdsFor string `json:"thresholds_for"`
	// Metrics are measured on the held-out examples, on which calibration and
	// thresholds were chosen too: expect a little less on new ones.
	Metrics eval.Report `json:"metrics"`
	// Categories tells how good the categories are.
	Categories []CategoryReport `json:"categories,omitempty"`
	// Raising and Lowering are the terms that moved the scores of the examples
	// the most.
	Raising  []string `json:"raising"`
	Lowering []string `json:"lowering"`
	// Vectorise and Fit are how long these steps took on all examples. They are
	// not stored with a version, which must not depend on the machine.
	Vectorise time.Duration `json:"-"`
	Fit       time.Duration `json:"-"`
}
