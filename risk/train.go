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
	"math"
	"slices"
	"time"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/tfidf"
)

// TrainOptions say how a Model is trained. The zero value means the defaults:
// what is not given is chosen on examples that are held out.
type TrainOptions struct {
	// Scale is what labels are on. nil means DefaultScale.
	Scale Scale
	// Features say how texts become features. nil means that they, NaiveBayes
	// and Recency are chosen; see Recipes.
	Features *tfidf.Options
	// NaiveBayes scales each feature by how much it tells about the levels, the
	// root mean square over them of the logarithm of how much more often texts
	// of the level have it than others, raised to this power, before the
	// classifier is fitted (Wang and Manning, Baselines and Bigrams, 2012). The
	// Model is a linear one all the same. 0 scales nothing.
	NaiveBayes float64
	// Recency makes newer examples weigh more: one weighs half as much as one
	// that comes Recency times the number of examples later. 0 means that all
	// weigh the same, as they do where some have no time.
	Recency float64
	// C is the inverse strength of the L2 penalty. 0 means that it is chosen.
	C float64
	// Balanced gives each level the same weight, however many examples it has.
	Balanced bool
	// Calibration says how probabilities are calibrated. Empty means that it is
	// chosen.
	Calibration logreg.Calibration
	// Folds is the number of parts in which examples are held out. 0 means 5.
	Folds int
	// Seed draws the folds where they are not parts of time.
	Seed uint64
	// Objective is what thresholds are chosen for. nil means eval.MacroF1.
	Objective eval.Objective
	// Categories is the least number of examples that must have a tag for it to
	// become a category that the Model tells, at most MaxCategories of them. 0
	// means none. The weights of each take 8 bytes a feature.
	Categories int
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
	defaultTerms   = 50
	foldTolerance  = 1e-4 // of the fits that only choose and calibrate
	finalTolerance = 1e-6
)

// The errors of Train.
var (
	ErrTrain = errors.New("risk: cannot train")
	ErrLabel = errors.New("risk: unknown label")
)

// Train learns a Model from labelled examples. It holds each fold of them out in
// turn, to choose what opts leave open by what fits best where the text is new,
// to calibrate the probabilities there and to choose the thresholds; fits
// features and classifier on all; and counts the drift baseline. nil opts means
// the defaults.
//
// Where all examples have a CreatedAt, folds are parts of time, because what
// comes is later than what was learned; otherwise, or where a level occurs in
// one part alone, they are drawn by the seed. Each level needs at least two
// examples.
//
// Train reads examples twice; they must be the same each time. It keeps their
// terms in memory, 4 bytes each, and not the texts. The same examples and
// options always give the same Model and report, durations aside, to the last
// bit on the same architecture. Fits run side by side on as many goroutines as
// GOMAXPROCS allows, all of which have ended when Train returns. Errors wrap
// ErrTrain, ErrLabel, those of tfidf, logreg and eval, that of the examples, or
// ctx's.
func Train(ctx context.Context, examples iter.Seq2[Example, error], opts *TrainOptions) (*Model, *TrainReport, error) {
	t, err := newTrainer(opts)
	if err != nil {
		return nil, nil, err
	}
	if err := t.read(ctx, examples); err != nil {
		return nil, nil, err
	}
	held, err := t.search(ctx)
	if err != nil {
		return nil, nil, err
	}
	t.begin("fitting")
	fit, err := t.fit(ctx)
	if err != nil {
		return nil, nil, err
	}
	config := ModelConfig{Scale: t.o.Scale, Features: fit.vectorizer, Classifier: fit.classifier}
	t.next("calibrating")
	if config.Calibrator, config.Thresholds, err = t.calibrate(held); err != nil {
		return nil, nil, err
	}
	if t.tags != nil {
		if config.Tags, config.TagClassifier, err = t.categories(ctx, fit); err != nil {
			return nil, nil, err
		}
	}
	t.next("counting the baseline")
	if config.Drift, err = t.drift(ctx, examples, fit); err != nil {
		return nil, nil, err
	}
	m, err := NewModel(config)
	if err != nil {
		return nil, nil, err
	}
	t.next("done")
	return m, &t.report, nil
}

// trainer is one Train in progress.
type trainer struct {
	o       TrainOptions
	recipes []Recipe
	corpus  *tfidf.Corpus
	times   []time.Time
	y       []int
	tags    [][]string // of each example; nil where no categories are wanted
	rank    []int      // of each example in time, the oldest 0; nil where some have no time
	fold    []int      // of each example
	scores  []float64  // of each example, where it was held out
	ranks   []int      // likewise, of its level
	report  TrainReport
	done    int

	readTime time.Duration // that the corpus took
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
	t.recipes = Recipes()
	if o.Features != nil {
		t.recipes = []Recipe{{Features: *o.Features, NaiveBayes: o.NaiveBayes, Recency: o.Recency}}
	}
	o.Folds = cmp.Or(o.Folds, defaultFolds)
	o.DriftTerms = cmp.Or(o.DriftTerms, defaultTerms)
	if o.Folds < 2 || o.DriftTerms > psi.MaxTerms {
		return nil, fmt.Errorf("%w: %d folds and %d drift terms, want at least 2 and at most %d", ErrTrain, o.Folds, o.DriftTerms, psi.MaxTerms)
	}
	if o.C < 0 || math.IsNaN(o.C) || math.IsInf(o.C, 0) || !(o.Recency >= 0) || !(o.NaiveBayes >= 0 && o.NaiveBayes <= 10) {
		return nil, fmt.Errorf("%w: C is %v, Recency %v and NaiveBayes %v, want numbers from 0 on", ErrTrain, o.C, o.Recency, o.NaiveBayes)
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
	// The recipes differ in the n-grams that they take of the same words.
	all := t.recipes[0].Features
	for _, r := range t.recipes {
		all.NGrams = [2]int{min(all.NGrams[0], r.Features.NGrams[0]), max(all.NGrams[1], r.Features.NGrams[1])}
	}
	var err error
	t.corpus, err = tfidf.NewCorpus(&all)
	return t, err
}

// begin tells of a step that begins. It must not be called twice at once.
func (t *trainer) begin(step string) {
	if t.o.Progress != nil {
		t.o.Progress(Progress{Step: step, Done: t.done, Total: 4 + t.o.Folds*len(t.recipes)})
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
		writeExample(digest, &x)
		r.Documents++
		r.Labels[rank]++
		start := t.o.Now()
		t.corpus.Add(x.Text)
		t.readTime += t.o.Now().Sub(start)
		t.times, t.y = append(t.times, x.CreatedAt), append(t.y, rank)
		if t.o.Categories > 0 {
			t.tags = append(t.tags, slices.Clone(x.Tags))
		}
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
		order := upTo(r.Documents)
		slices.SortStableFunc(order, func(a, b int) int { return t.times[a].Compare(t.times[b]) })
		t.rank = make([]int, r.Documents)
		for rank, i := range order {
			t.rank[i] = rank
		}
	}
	r.DataDigest = digestOf(digest)
	r.Seed, r.Balanced, r.Folds = t.o.Seed, t.o.Balanced, t.o.Folds
	if err := t.folds(); err != nil {
		return err
	}
	t.next("holding out")
	return nil
}

// writeExample hashes what is learned from an example.
func writeExample(h hash.Hash, x *Example) {
	for _, s := range []string{x.ID, x.Text, x.Label} {
		writeString(h, s)
	}
}

func digestOf(h hash.Hash) string { return fmt.Sprintf("sha256:%x", h.Sum(nil)) }

// writeString hashes a string and where it ends.
func writeString(h hash.Hash, s string) {
	h.Write(binary.AppendUvarint(nil, uint64(len(s))))
	h.Write([]byte(s))
}
