// Package logreg fits logistic regressions on sparse rows: multinomial or one
// class against the rest, with an L2, L1 or elastic-net penalty or none.
//
// [Fit] reads any gonum matrix, [Rows] without a copy, and minimises the
// objective that scikit-learn's LogisticRegression does, to a tolerance that
// the solver certifies itself: [Result] says how the fit ended and how far it
// can be from the optimum at most. [FitPath] fits for several strengths of the
// penalty, [CrossValidate] says which serves the best on rows held out,
// [FitLabels] fits labels of which a row may have several, and an [Online] goes
// on learning from single examples.
//
// [FitCalibration] learns from held-out predictions what probabilities are
// worth: a [Temperature], [Sigmoids] or [Isotonics].
package logreg
