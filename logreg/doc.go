// Package logreg fits multinomial logistic regressions with an L2 penalty on
// sparse rows.
//
// [Fit] reads any gonum matrix, [Rows] without a copy, and minimises the
// objective that scikit-learn's LogisticRegression does, to a tolerance that
// the solver certifies itself: [Result] says how the fit ended and how far it
// can be from the optimum at most. [FitTemperature] learns from held-out
// predictions how sure the probabilities ought to be.
package logreg
