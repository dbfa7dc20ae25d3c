package eval

import (
	"fmt"

	"github.com/riskkit/riskkit/internal/jsonobj"
)

// A Report holds the metrics of an Evaluation. All are shares in [0,1] but for
// LogLoss, in nats, and the Brier score of more than two levels. With weights,
// all are of the weighted examples but for N, Confusion and Support, which
// count. Further metrics are methods of its Matrix.
type Report struct {
	N int64 `json:"n"`
	// MacroF1 is the mean of the levels' F1, Macro.F1.
	MacroF1 float64 `json:"macro_f1"`
	// Accuracy is the share of examples whose level was predicted, which is also
	// the micro average of precision, recall and F1 over all levels; see
	// Matrix.Micro for some of them.
	Accuracy float64 `json:"accuracy"`
	// LogLoss is the mean of -ln of the true level's probability, which is
	// first brought into [2^-52, 1-2^-52], as scikit-learn does.
	LogLoss float64 `json:"log_loss"`
	// Brier is the mean squared distance of the probabilities from the truth,
	// the sum over the levels, in [0,2]; with two levels half of it, in [0,1].
	Brier float64 `json:"brier"`
	// ECE is the expected calibration error: over 15 equal-width bins of the
	// greatest probability, the mean distance between that probability and the
	// share of examples whose most probable level was the true one, weighted by
	// their number (Guo et al., On Calibration of Modern Neural Networks,
	// 2017).
	ECE float64 `json:"ece"`
	// MCE is the maximum calibration error, the greatest distance in one of
	// these bins, in [0,1]. A bin with few examples can make it great by chance.
	MCE float64 `json:"mce,omitempty"`
	// Murphy is the Brier score taken apart.
	Murphy Murphy `json:"murphy,omitzero"`
	// Levels has each level's own metrics, the lowest first.
	Levels LevelReports `json:"levels"`
	// Macro is the mean over the levels, Weighted the mean weighted by support.
	Macro    Average `json:"macro"`
	Weighted Average `json:"weighted"`
	// Confusion counts the examples of each true level (row) for which each
	// level (column) was predicted.
	Confusion [][]int64 `json:"confusion"`
	// Weights is Confusion in weights, nil where all of them are 1.
	Weights Matrix `json:"weights,omitempty"`
}

// Matrix returns the confusion matrix that the metrics are computed from:
// Weights, or Confusion where there are none. The error wraps ErrInput where
// that of a Report from elsewhere is not a square of numbers of at least 0.
func (r *Report) Matrix() (Matrix, error) {
	m := r.Weights
	if m == nil {
		for _, counts := range r.Confusion {
			row := make([]float64, len(counts))
			for d, n := range counts {
				row[d] = float64(n)
			}
			m = append(m, row)
		}
	}
	return m, m.check()
}

// An Average holds precision, recall and F1. What would be a division by 0 is
// 0, as scikit-learn has it by default.
type Average struct {
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

func (a *Average) add(b Average, weight float64) {
	a.Precision += weight * b.Precision
	a.Recall += weight * b.Recall
	a.F1 += weight * b.F1
}

// A LevelReport holds one level's metrics and the number of its examples.
type LevelReport struct {
	Level string `json:"-"`
	Average
	Support int64 `json:"support"`
	// ROCAUC and AveragePrecision are those of the level's probability against
	// all other levels; nil where they are not defined, without examples of the
	// level, or, for ROCAUC, of any other.
	ROCAUC           *Binned `json:"roc_auc,omitempty"`
	AveragePrecision *Binned `json:"average_precision,omitempty"`
}

// LevelReports are the reports of all levels, the lowest first. As JSON they
// are an object from level to report, in that order.
type LevelReports []LevelReport

// MarshalJSON writes an object in the order of the levels.
func (l LevelReports) MarshalJSON() ([]byte, error) {
	return jsonobj.Marshal(func(yield func(string, LevelReport) bool) {
		for _, r := range l {
			if !yield(r.Level, r) {
				return
			}
		}
	})
}

// UnmarshalJSON reads an object from level to report, keeping its order.
func (l *LevelReports) UnmarshalJSON(data []byte) error {
	*l = nil
	if err := jsonobj.Unmarshal(data, func(level string, r LevelReport) {
		r.Level = level
		*l = append(*l, r)
	}); err != nil {
		return fmt.Errorf("eval: levels: %w", err)
	}
	return nil
}
