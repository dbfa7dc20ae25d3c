package risk

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"iter"
	"slices"
	"time"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/tfidf"
)

// TrainOptions say how a Model is trained. The zero value means the defaults.
type TrainOptions struct {
	// Scale is what labels are on. nil means DefaultScale.
	Scale Scale
	// Features say how texts become features. nil means words and pairs of
	// words that occur in at least two texts, with sublinear counts.
	Features *tfidf.Options
	// C is the inverse strength of the L2 penalty. 0 means 10.
	C float64
	// Balanced gives each level the same weight, however many examples it has.
	Balanced bool
	// Folds is the number of parts in which examples are held out to calibrate
	// and to choose thresholds. 0 means 5.
	Folds int
	// Seed draws the folds where they are not parts of time.
	Seed uint64
	// Objective is what thresholds are chosen for. nil means eval.MacroF1.
	Objective eval.Objective
	// Lexicon has the risky terms that drift features count. nil means
	// DefaultLexicon.
	Lexicon *Lexicon
	// DriftTerms is the number of terms whose presence is watched for drift, at
	// most psi.MaxTerms: those that move scores the most. 0 means 50, below 0
	// none.
	DriftTerms int
	// Progress, if not nil, is told when a step begins and when all are done,
	// never twice at once.
	Progress func(Progress)
	// Now measures how long steps take. nil means time.Now.
	Now func() time.Time
}

// Progress says that Done of Total steps of training are done; Step names what
// is under way.
type Progress struct {
	Step        string
	Done, Total int
}

// The ways to hold examples out.
const (
	FoldsByTime    = "time"   // parts of time, the examples in order of CreatedAt
	FoldsByChance  = "chance" // drawn by the seed, each with its share of every level
	defaultFolds   = 5
	defaultC       = 10
	defaultTerms   = 50
	foldTolerance  = 1e-4 // of the fits that only calibrate
	finalTolerance = 1e-6
)

// The errors of Train.
var (
	ErrTrain = errors.New("risk: cannot train")
	ErrLabel = errors.New("risk: unknown label")
)

// Train learns a Model from labelled examples: it fits features and classifier,
// holds each fold of the examples out in turn to learn what probabilities are
// worth where the text is new, calibrates them and chooses the thresholds on
// that, and counts the drift baseline. nil opts means the defaults.
//
// Where all examples have a CreatedAt, folds are parts of time, because what
// comes is later than what was learned; otherwise, or where a level occurs in
// one part alone, they are drawn by the seed. Each level needs at least two
// examples.
//
// Train may read examples more than once; they must be the same each time.
// Texts are kept in memory. The same examples and options always give the same
// Model and report, durations aside, to the last bit on the same architecture.
// Folds are fitted side by side on as many goroutines as GOMAXPROCS allows, all
// of which have ended when Train returns. Errors wrap ErrTrain, ErrLabel, those
// of tfidf, logreg and eval, that of the examples, or ctx's.
func Train(ctx context.Context, examples iter.Seq2[Example, error], opts *TrainOptions) (*Model, *TrainReport, error) {
	t, err := newTrainer(opts)
	if err != nil {
		return nil, nil, err
	}
	if err := t.read(ctx, examples); err != nil {
		return nil, nil, err
	}
	fit, err := t.fit(ctx, nil, finalTolerance)
	if err != nil {
		return nil, nil, err
	}
	t.next("holding out")
	held, err := t.holdOut(ctx)
	if err != nil {
		return nil, nil, err
	}
	t.begin("calibrating")
	temperature, thresholds, err := t.calibrate(held)
	if err != nil {
		return nil, nil, err
	}
	drift, err := t.drift(fit)
	if err != nil {
		return nil, nil, err
	}
	m, err := NewModel(ModelConfig{
		Scale: t.o.Scale, Features: fit.vectorizer, Classifier: fit.classifier,
		Calibrator: temperature, Thresholds: thresholds, Drift: drift,
	})
	if err != nil {
		return nil, nil, err
	}
	t.next("done")
	return m, &t.report, nil
}

// trainer is one Train in progress.
type trainer struct {
	o      TrainOptions
	texts  []string
	times  []time.Time
	y      []int
	report TrainReport
	done   int
}

func newTrainer(opts *TrainOptions) (*trainer, error) {
	t := new(trainer)
	if opts != nil {
		t.o = *opts
	}
	o := &t.o
	if o.Scale == nil {
		o.Scale = DefaultScale()
	}
	if err := o.Scale.Validate(); err != nil {
		return nil, err
	}
	if o.Features == nil {
		o.Features = &tfidf.Options{NGrams: [2]int{1, 2}, MinDF: 2, Sublinear: true}
	}
	o.C = cmp.Or(o.C, defaultC)
	o.Folds = cmp.Or(o.Folds, defaultFolds)
	o.DriftTerms = cmp.Or(o.DriftTerms, defaultTerms)
	if o.Folds < 2 || o.DriftTerms > psi.MaxTerms {
		return nil, fmt.Errorf("%w: %d folds and %d drift terms, want at least 2 and at most %d", ErrTrain, o.Folds, o.DriftTerms, psi.MaxTerms)
	}
	if o.Objective == nil {
		o.Objective = eval.MacroF1{}
	}
	if err := o.Objective.Check(len(o.Scale)); err != nil {
		return nil, err
	}
	if o.Lexicon == nil {
		var err error
		if o.Lexicon, err = DefaultLexicon(); err != nil {
			return nil, err
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return t, nil
}

// begin tells of a step that begins. It must not be called twice at once.
func (t *trainer) begin(step string) {
	if t.o.Progress != nil {
		t.o.Progress(Progress{Step: step, Done: t.done, Total: 3 + t.o.Folds})
	}
}

// next tells that a step is done and another begins.
func (t *trainer) next(step string) {
	t.done++
	t.begin(step)
}

// read takes the examples in.
func (t *trainer) read(ctx context.Context, examples iter.Seq2[Example, error]) error {
	r := &t.report
	r.Labels = make([]int, len(t.o.Scale))
	t.begin("reading")
	digest := sha256.New()
	timed := true
	for x, err := range examples {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		rank := t.o.Scale.Index(x.Label)
		if rank < 0 {
			return fmt.Errorf("%w: example %d, id %q, has label %q, want one of %q", ErrLabel, r.Documents+1, x.ID, x.Label, []string(t.o.Scale))
		}
		for _, s := range []string{x.ID, x.Text, x.Label} {
			writeString(digest, s)
		}
		r.Documents++
		r.Labels[rank]++
		t.texts, t.times, t.y = append(t.texts, x.Text), append(t.times, x.CreatedAt), append(t.y, rank)
		timed = timed && !x.CreatedAt.IsZero()
	}
	if r.Documents == 0 {
		return fmt.Errorf("%w: there are no examples", ErrTrain)
	}
	for k, n := range r.Labels {
		if n < 2 {
			return fmt.Errorf("%w: of %d examples %d have level %q, want at least 2", ErrTrain, r.Documents, n, t.o.Scale[k])
		}
	}
	if timed {
		r.First, r.Last = slices.MinFunc(t.times, time.Time.Compare), slices.MaxFunc(t.times, time.Time.Compare)
	}
	r.DataDigest = fmt.Sprintf("sha256:%x", digest.Sum(nil))
	r.Seed, r.C, r.Balanced, r.Folds = t.o.Seed, t.o.C, t.o.Balanced, t.o.Folds
	t.next("fitting")
	return nil
}

// writeString hashes a string and where it ends.
func writeString(h hash.Hash, s string) {
	h.Write(binary.AppendUvarint(nil, uint64(len(s))))
	h.Write([]byte(s))
}

// fitted is what a fit of some examples gives.
type fitted struct {
	vectorizer *tfidf.Vectorizer
	classifier *logreg.Model
	result     logreg.Result
	// mean has the mean value of each feature over the examples.
	mean                   []float64
	vectoriseTime, fitTime time.Duration
}

// fit fits features and classifier on the examples that are not left out; nil
// leaves none out.
func (t *trainer) fit(ctx context.Context, leftOut func(i int) bool, tolerance float64) (*fitted, error) {
	var f fitted
	start := t.o.Now()
	texts := func(yield func(int, string) bool) {
		for i, s := range t.texts {
			if (leftOut == nil || !leftOut(i)) && !yield(i, s) {
				return
			}
		}
	}
	var err error
	f.vectorizer, err = tfidf.Fit(func(yield func(string) bool) {
		for _, s := range texts {
			if ctx.Err() != nil || !yield(s) {
				return
			}
		}
	}, t.o.Features)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	rows := logreg.NewRows(f.vectorizer.NumFeatures())
	f.mean = make([]float64, f.vectorizer.NumFeatures())
	var y []int
	var ind []int32
	var val []float64
	for i, s := range texts {
		ind, val = f.vectorizer.AppendFeatures(ind[:0], val[:0], s)
		if err := rows.Append(ind, val); err != nil {
			return nil, err
		}
		for k, j := range ind {
			f.mean[j] += val[k]
		}
		y = append(y, t.y[i])
	}
	for j := range f.mean {
		f.mean[j] /= float64(len(y))
	}
	f.vectoriseTime = t.o.Now().Sub(start)
	start = t.o.Now()
	f.classifier, f.result, err = logreg.Fit(ctx, rows, y, len(t.o.Scale), &logreg.Options{
		C: t.o.C, Balanced: t.o.Balanced, Tolerance: tolerance,
	})
	f.fitTime = t.o.Now().Sub(start)
	if err != nil {
		return nil, err
	}
	if leftOut == nil {
		r := &t.report
		r.Options, r.Features = f.vectorizer.Options(), f.vectorizer.NumFeatures()
		r.Status, r.Objective, r.Gap = f.result.Status.String(), f.result.Objective, f.result.Gap
		r.Vectorise, r.Fit = f.vectoriseTime, f.fitTime
	}
	return &f, nil
}

// calibrate learns the temperature and the thresholds from the probabilities of
// held-out examples, and measures how good they then are.
func (t *trainer) calibrate(held []float64) (logreg.Temperature, []float64, error) {
	k, r := len(t.o.Scale), &t.report
	temperature, err := logreg.FitTemperature(held, t.y, k, nil)
	if err != nil {
		return 0, nil, err
	}
	scores := make([]float64, len(t.y))
	for i := range scores {
		p := held[i*k : (i+1)*k]
		temperature.Apply(p)
		scores[i] = t.o.Scale.Severity(p)
	}
	thresholds, err := eval.Thresholds(scores, t.y, k, t.o.Objective)
	if err != nil {
		return 0, nil, err
	}
	e, err := eval.New(t.o.Scale)
	if err != nil {
		return 0, nil, err
	}
	for i, y := range t.y {
		rank, _ := Cut(thresholds, scores[i])
		if err := e.Add(y, rank, held[i*k:(i+1)*k]); err != nil {
			return 0, nil, err
		}
	}
	r.Temperature, r.Thresholds, r.ThresholdsFor = float64(temperature), thresholds, t.o.Objective.String()
	r.Metrics, err = e.Report()
	return temperature, thresholds, err
}
