#!/usr/bin/env python3
"""Writes how scikit-learn calibrates probabilities, for logreg's tests.

usage: calibration_fixture.py OUTPUT.json     (pip install scikit-learn==1.9.1)

The data are those of scikit-learn's own tests, whose names the cases bear (sklearn/tests/test_isotonic.py and
test_calibration.py), and some drawn from a seeded generator; the results are computed here. Where a test draws many
numbers they are rounded first, to keep the file small, and fitted as rounded. Platt's sigmoid is fitted twice: as
scikit-learn does, and to the root of the gradient of the same loss, because its L-BFGS stops a little earlier.
"""
import json
import sys

import numpy as np
import scipy
import sklearn
from scipy.optimize import root
from scipy.special import expit, softmax
from sklearn._loss import HalfBinomialLoss
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import _fit_calibrator, _sigmoid_calibration, _TemperatureScaling
from sklearn.datasets import make_classification
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.utils import get_tags


def listed(a):
    return None if a is None else np.asarray(a).tolist()


def sigmoid(name, scores, positive, weights=None):
    scores, positive = np.asarray(scores, float), np.asarray(positive, int)
    weights = None if weights is None else np.asarray(weights, float)
    a, b = _sigmoid_calibration(scores, positive, weights)
    w = np.ones(len(scores)) if weights is None else weights
    target = np.where(positive > 0, (w[positive > 0].sum() + 1) / (w[positive > 0].sum() + 2),
                      1 / (w[positive <= 0].sum() + 2))
    scale = np.abs(scores).max()

    def gradient(ab):
        g = HalfBinomialLoss().gradient(y_true=target, raw_prediction=-(ab[0] * scores / scale + ab[1]), sample_weight=w)
        return [g @ scores / scale, g.sum()]

    tight = root(gradient, [a * scale, b], tol=1e-14)
    assert np.abs(gradient(tight.x)).max() < 1e-11 * w.sum(), (name, tight)
    return dict(name=name, scores=listed(scores), positive=listed(positive > 0), weights=listed(weights),
                sklearn=[a, b], optimum=[tight.x[0] / scale, tight.x[1]])


def isotonic(name, x, y, weights=None, at=None):
    x, y = np.asarray(x, float), np.asarray(y, float)
    fit = IsotonicRegression(out_of_bounds="clip").fit(x, y, sample_weight=weights)
    if at is None:
        span = x.max() - x.min()
        at = np.unique(np.r_[x, np.linspace(x.min() - span / 10 - 1, x.max() + span / 10 + 1, 23)])
    return dict(name=name, x=listed(x), y=listed(y), weights=listed(weights), x_thresholds=listed(fit.X_thresholds_),
                y_thresholds=listed(fit.y_thresholds_), at=listed(at), predicted=listed(fit.predict(at)))


def temperature(name, p, y, weights=None):
    p = np.asarray(p, float)
    assert np.allclose(p.sum(1), 1)
    fit = _TemperatureScaling().fit(p, y, weights)
    return dict(name=name, classes=p.shape[1], p=listed(p), y=listed(y), weights=listed(weights), beta=float(fit.beta_),
                predicted=listed(fit.predict(p[:5])))


class Given(ClassifierMixin, BaseEstimator):
    """A classifier whose scores are its features."""

    def __init__(self, classes):
        self.classes_ = np.arange(classes)

    def __sklearn_is_fitted__(self):
        return True


class GivenProba(Given):
    def predict_proba(self, x):
        return x


class GivenDecision(Given):
    def decision_function(self, x):
        score = np.log(x + 1e-12) - np.log(1 - x + 1e-12)
        return score[:, 1] if x.shape[1] == 2 else score


def calibrated(name, method, p, y, weights=None):
    """Fits on all but the last 20 rows and predicts those, and rows that are sure."""
    k = p.shape[1]
    clf = (GivenProba if method == "isotonic" else GivenDecision)(k)
    assert get_tags(clf).estimator_type == "classifier"
    predictions = clf.predict_proba(p) if method == "isotonic" else clf.decision_function(p)
    if k == 2:
        predictions = (predictions[:, 1] if predictions.ndim == 2 else predictions)[:, np.newaxis]
    n = len(p) - 20
    fit = _fit_calibrator(clf, predictions[:n], y[:n], clf.classes_, method, np, None if weights is None else weights[:n])
    at = np.vstack([p[n:], np.eye(k), np.full((1, k), 1 / k)])
    return dict(name=name, method=method, classes=k, p=listed(p[:n]), y=listed(y[:n]),
                weights=None if weights is None else listed(weights[:n]), at=listed(at),
                predicted=listed(fit.predict_proba(at)))


def held_out(rng, n, k, sharpness):
    """n rows of k probabilities that are too sure, and classes drawn from what they ought to be."""
    logits = rng.normal(size=(n, k)) * 1.5
    p = np.round(softmax(sharpness * logits, axis=1), 6)
    p[:, -1] = np.round(1 - p[:, :-1].sum(1), 6)
    p = np.clip(p, 0, 1)
    return p, (logits + rng.gumbel(size=(n, k))).argmax(1)


def sigmoids(rng):
    yield sigmoid("test_sigmoid_calibration", [5, -4, 1.0], [1, 0, 0])
    draw = np.random.RandomState(seed=42)
    y = draw.randint(0, 2, size=100)
    yield sigmoid("test_sigmoid_calibration_max_abs_prediction_threshold", np.round(draw.uniform(-2, 2, 100), 6), y)
    y = np.array([1] * 134 + [0] * 66)
    yield sigmoid("test_calibrated_classifier_cv_works_with_large_confidence_scores",
                  np.round(1e5 * y + np.random.default_rng(42).normal(size=200), 3), y)
    f = np.round(rng.normal(size=80) * 3, 4)
    y = rng.random(80) < expit(1.5 * f - 1)
    yield sigmoid("drawn", f, y)
    yield sigmoid("weighted", f, y, np.round(rng.random(80) * 5, 3))
    yield sigmoid("weights of 0", f, y, rng.integers(0, 3, 80))
    yield sigmoid("far from 0", f / 10 + 40, y)
    yield sigmoid("thousands", f * 1000, y)
    yield sigmoid("the wrong way", -f, y)
    yield sigmoid("one kind", f, np.ones(80))
    yield sigmoid("parted", np.arange(12), np.arange(12) > 5)


def isotonics(rng):
    x, w = [1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7]
    y = [1, 41, 51, 1, 2, 5, 24]
    yield isotonic("test_isotonic_sample_weight", x, y, w)
    order = np.random.RandomState(0).permutation(7)
    yield isotonic("test_permutation_invariance", *(np.array(a)[order] for a in (x, y, w)))
    yield isotonic("test_isotonic_regression", np.arange(7), [3, 7, 5, 9, 8, 7, 10])
    yield isotonic("test_isotonic_regression, pooled to one", np.arange(3), [10, 0, 2])
    yield isotonic("test_isotonic_regression, all x equal", np.ones(3), [10, 0, 2])
    yield isotonic("test_isotonic_regression_oob_clip", np.arange(7), [3, 7, 5, 9, 8, 7, 10], at=[-10, 0, 3.3, 6, 16])
    yield isotonic("test_isotonic_regression_ties_min", [1, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6])
    yield isotonic("test_isotonic_regression_ties_max", [1, 2, 3, 4, 5, 5], [1, 2, 3, 4, 5, 6])
    yield isotonic("test_isotonic_regression_ties_secondary_", [8, 8, 8, 10, 10, 10, 12, 12, 12, 14, 14],
                   [21, 23.5, 23, 24, 21, 25, 21.5, 22, 19, 23.5, 25])
    yield isotonic("test_isotonic_regression_with_ties_in_differently_sized_groups", [0, 1, 1, 2, 3, 4], [0, 0, 1, 0, 0, 1])
    yield isotonic("test_isotonic_duplicate_min_entry", [0, 0, 1], [0, 0, 1])
    yield isotonic("test_isotonic_dtype", np.arange(5), [2, 1, 4, 3, 5], [0.9] * 5)
    yield isotonic("test_make_unique_tolerance", [0, 1e-16, 1, 1 + 1e-14], [0, 1e-16, 1, 1 + 1e-14])
    yield isotonic("test_isotonic_make_unique_tolerance", [0, 1, 1 + 1e-16, 2], [0, 1, 2, 3], at=[0, 0.5, 1, 1.5, 2])
    yield isotonic("test_isotonic_non_regression_inf_slope", [0.0, 4.1e-320, 4.4e-314, 1.0], [0.42, 0.42, 0.44, 0.44],
                   at=[0, 2.1e-319, 5.4e-316, 1e-10])
    draw = np.random.RandomState(42)
    n = np.arange(100)
    yield isotonic("test_isotonic_sample_weight_parameter_default_value", n, draw.randint(-50, 50, size=100) + 50.0 * np.log(1 + n))
    draw = np.random.RandomState(42)
    x = np.linspace(-3, 3, 50)
    y, w = x + draw.uniform(size=50), draw.uniform(size=50)
    w[5:8] = 0
    yield isotonic("test_isotonic_zero_weight_loop", x, y, w)
    draw = np.random.RandomState(42)
    yield isotonic("test_isotonic_thresholds", draw.normal(size=30), draw.normal(size=30))
    draw = np.random.RandomState(123)
    x = np.round(20.0 * draw.rand(1000) - 10, 4)
    y, w = np.less(draw.rand(1000), expit(x)).astype(int), np.round(draw.rand(1000), 3)
    w[draw.rand(1000) < 0.1] = 0
    yield isotonic("test_fast_predict", x, y, w, np.round(20.0 * draw.rand(200) - 10, 4))
    yield isotonic("many ties", np.round(rng.random(300), 2), rng.integers(0, 2, 300), rng.integers(0, 4, 300))


def temperatures(rng):
    for k in [2, 3, 5]:
        x, y = make_classification(n_samples=1000, n_features=10, n_informative=10, n_redundant=0, n_classes=k,
                                   n_clusters_per_class=1, class_sep=2.0, random_state=42)
        x_train, x_cal, y_train, y_cal = train_test_split(x, y, random_state=42)
        clf = LogisticRegression(C=np.inf, tol=1e-8, max_iter=200, random_state=0).fit(x_train, y_train)
        p = np.round(clf.predict_proba(x_cal), 6)
        yield temperature(f"test_temperature_scaling[{k}]", p, y_cal)
        if k == 5:
            yield temperature("test_temperature_scaling[5], every second weighs 2", p, y_cal, np.tile([1, 2], 125))
        if k == 3:
            yield temperature("test_temperature_scaling[3], where it was trained", np.round(clf.predict_proba(x_train), 9),
                              y_train)
    for sharpness in [0.05, 0.5, 4]:
        p, y = held_out(rng, 60, 3, sharpness)
        yield temperature(f"logits times {sharpness}", p, y)
        yield temperature(f"logits times {sharpness}, weighted", p, y, np.round(rng.random(60) * 3, 3))
    p, y = held_out(rng, 40, 2, 1)
    p[:3] = [[0, 1], [1, 0], [0, 1]]
    yield temperature("sure, and wrong", p, np.r_[[0, 1, 1], y[3:]])
    yield temperature("always wrong", [[0.9, 0.1], [0.2, 0.8]], [1, 0])


def main():
    rng = np.random.default_rng(17)
    maps = []
    for method in ["sigmoid", "isotonic"]:
        for k in [2, 3, 5]:
            p, y = held_out(rng, 100, k, 3)
            maps.append(calibrated(f"{method} of {k}", method, p, y))
            maps.append(calibrated(f"{method} of {k}, weighted", method, p, y, np.round(rng.random(100) * 2, 3)))
        p, y = held_out(rng, 80, 4, 3)
        maps.append(calibrated(f"{method}, a class that does not occur", method, p, np.where(y == 3, 0, y)))
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(dict(origin=f"scikit-learn {sklearn.__version__} calibration and isotonic, SciPy {scipy.__version__}, "
                       "internal/sklearn/calibration_fixture.py",
                       sigmoids=list(sigmoids(rng)), isotonics=list(isotonics(rng)), temperatures=list(temperatures(rng)),
                       calibrated=maps), f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
