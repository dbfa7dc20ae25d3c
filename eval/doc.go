// Package eval measures how good predictions of ordered levels are, and how
// sure that is.
//
// Levels are numbers from 0, the lowest, to the number of levels minus one.
// Functions are safe for concurrent use; states that something is added to are
// not.
//
// # What to use when
//
// An [Evaluation] takes one labelled prediction after the other, with a weight
// where examples were not all as likely to be labelled, and stays as small as
// it began. It merges with others, of other goroutines, replicas or days, and is
// kept as JSON or in a binary file, see [ParseEvaluation]. Its [Report] has what
// scikit-learn's classification_report has, and more:
//
//   - levels matter alike, however rare: macro-F1, balanced accuracy; some of them
//     together: [Matrix.Micro];
//   - against chance: [Matrix.MCC], [Matrix.Kappa], and, since a level missed by
//     two is worse than one missed by one, [Matrix.QuadraticKappa];
//   - what mistakes cost: [Matrix.MeanCost];
//   - whether probabilities can be believed: log loss, Brier score and its
//     [Murphy] parts, calibration error, [Evaluation.Reliability];
//   - whether a level's probability puts the right examples first, wherever the
//     thresholds are: ROC AUC, average precision where the level is rare, and
//     [Evaluation.Lift] where only so many can be looked at.
//
// [Evaluation.Intervals] says how sure each of them is, [Evaluation.Bootstrap]
// does for any other metric of the confusion matrix. [Slices] does all this for
// parts of the examples and finds those that are worse than the rest.
//
// Where there are no probabilities, [Confusion] counts a [Matrix], which has all
// that follows from levels alone. [ROCAUC], [AveragePrecision], [Lift] and
// [Reliability] take the examples themselves and are exact; an Evaluation has only
// counted in which of 64 bins a level's probability lies, and gives the bounds of
// what it cannot know.
//
// [Pairs] compares two versions on the same examples, [Arms] on different ones;
// their Compare gives every metric's difference with its interval, which is surer
// than the intervals of two versions tell. Both take weights, as an Evaluation
// does, and count for as many equal examples as vary like them, which is fewer.
// A [Gate] turns either into a [Verdict]:
// pass, fail or inconclusive, however often it is asked, and says how many
// examples it will take. Use GateOptions.Once for a fixed test set, the default
// while labels come in.
//
// An [Estimate] says how good answers are before labels come, a [Reference] how
// far it can be wrong; [Proxies] and a [Chart] watch rates that need no labels;
// [Judge] compares a window, its [Performance], with those before; a [Joiner] joins
// labels that come late, and can be kept as JSON. What none of the first three can see is [CannotSee].
//
// [Thresholds] chooses the cuts that turn a score into a level, [ThresholdCurve]
// lists what each would do, and [ChooseThresholds] says what to expect of a
// choice on other examples.
//
// # How sure the intervals are
//
// By simulation and summation, kept as tests (go test ./eval -thorough),
// intervals of 95% hold the true value in 94% to 96.5% of all cases on average
// over 50 to 10,000 examples and shares of 2% to 60%, and nowhere in less than
// 91%. They are the least sure where there are few possible outcomes: of a
// share of 2% among 50 examples, one expected, Wilson's interval holds it in
// 92.2%. Below ten examples of a level, read its intervals as a hint to label
// more. That of the calibration error holds it more often than it says.
package eval
