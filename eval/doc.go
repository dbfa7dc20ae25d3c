// Package eval measures how good predictions of ordered levels are.
//
// An [Evaluation] takes one labelled prediction after the other and reports
// precision, recall and F1 for each level, their averages, accuracy, log loss,
// Brier score, expected calibration error and the confusion matrix, equal to
// scikit-learn's. [Thresholds] chooses the cuts that turn a score into a level.
// [McNemar] says whether two models' answers to the same examples differ by
// more than chance.
//
// Levels are numbers from 0, the lowest, to the number of levels minus one.
// Unless it says otherwise, a function is safe for concurrent use; an
// Evaluation is not.
package eval
