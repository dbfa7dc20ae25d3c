#!/usr/bin/env python3
"""Writes what scikit-learn's metrics say of random and degenerate predictions, for eval's tests.

usage: eval_fixture.py OUTPUT.json     (pip install scikit-learn==1.9.1 statsmodels==0.15.0)

What scikit-learn does not have is computed here from its definition: the expected and the maximum calibration
error in 15 equal-width bins of the top class, and the lift. McNemar's exact test is SciPy's binomial test of the
discordant pairs, Wilson's interval that of statsmodels.
"""
import json
import sys
import warnings

import numpy as np
import scipy
import sklearn
import statsmodels
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score, average_precision_score, balanced_accuracy_score, brier_score_loss, classification_report,
    cohen_kappa_score, confusion_matrix, log_loss, matthews_corrcoef,
    precision_recall_fscore_support, roc_auc_score)
from statsmodels.stats.proportion import proportion_confint

warnings.simplefilter("ignore")


def calibration(proba, truth, weights, bins=15):
    conf, hit, expected, most = proba.max(1), proba.argmax(1) == truth, 0.0, 0.0
    for b in range(bins):
        m = (conf > b / bins) & (conf <= (b + 1) / bins)
        if weights[m].sum() > 0:
            gap = abs(np.average(conf[m], weights=weights[m]) - np.average(hit[m], weights=weights[m]))
            expected += weights[m].sum() / weights.sum() * gap
            most = max(most, gap)
    return float(expected), float(most)


def lift(score, positive, weights, share):
    left, found = share * weights.sum(), 0.0
    for s in sorted(set(score), reverse=True):
        tied = score == s
        part = min(1.0, left / weights[tied].sum()) if weights[tied].sum() > 0 else 0.0
        found += part * weights[tied & positive].sum()
        left -= weights[tied].sum()
        if left <= 0:
            break
    return float(found / weights[positive].sum() / share)


def one_vs_rest(truth, proba, weights):
    """The areas of each class, None where they are not defined, and the lift of the top tenth and third."""
    roc, ap, lifts = [], [], []
    for c in range(proba.shape[1]):
        positive, score = truth == c, proba[:, c]
        p, n = weights[positive].sum(), weights[~positive].sum()
        roc.append(roc_auc_score(positive, score, sample_weight=weights) if p > 0 and n > 0 else None)
        ap.append(average_precision_score(positive, score, sample_weight=weights) if p > 0 else None)
        lifts.append([lift(score, positive, weights, s) for s in (0.1, 1 / 3)] if p > 0 else None)
    return dict(roc_auc=roc, average_precision=ap, lift=lifts)


def curves(truth, proba):
    out = []
    for c in range(proba.shape[1]):
        for strategy in ["uniform", "quantile"]:
            for bins in [1, 4, 10]:
                observed, predicted = calibration_curve(truth == c, proba[:, c], n_bins=bins, strategy=strategy)
                out.append(dict(level=c, bins=bins, equal_count=strategy == "quantile",
                                observed=observed.tolist(), predicted=predicted.tolist()))
    return out


def case(name, truth, predicted, proba, weights=None):
    k = proba.shape[1]
    labels = list(range(k))
    w = np.ones(len(truth)) if weights is None else weights
    report = classification_report(truth, predicted, labels=labels, output_dict=True, zero_division=0, sample_weight=w)
    average = lambda r: dict(precision=r["precision"], recall=r["recall"], f1=r["f1-score"])
    brier = (brier_score_loss(truth, proba[:, 1], labels=labels, pos_label=1, sample_weight=w) if k == 2
             else brier_score_loss(truth, proba, labels=labels, sample_weight=w))
    matrix = lambda **a: confusion_matrix(truth, predicted, labels=labels, sample_weight=w, **a).tolist()
    ece, mce = calibration(proba, truth, w)
    kappa = lambda **a: float(np.nan_to_num(cohen_kappa_score(truth, predicted, labels=labels, sample_weight=w, **a)))
    c = dict(name=name, truth=truth.tolist(), predicted=predicted.tolist(), proba=proba.tolist(), report=dict(
        n=len(truth), macro_f1=report["macro avg"]["f1-score"], accuracy=accuracy_score(truth, predicted, sample_weight=w),
        log_loss=log_loss(truth, proba, labels=labels, sample_weight=w), brier=float(brier), ece=ece, mce=mce,
        levels={str(c): average(report[str(c)]) | dict(support=int((truth == c).sum())) for c in labels},
        macro=average(report["macro avg"]), weighted=average(report["weighted avg"]),
        confusion=confusion_matrix(truth, predicted, labels=labels).tolist()))
    c["metrics"] = dict(
        balanced_accuracy=balanced_accuracy_score(truth, predicted, sample_weight=w),
        mcc=matthews_corrcoef(truth, predicted, sample_weight=w), kappa=kappa(), quadratic_kappa=kappa(weights="quadratic"))
    c["normalized"] = dict(true=matrix(normalize="true"), pred=matrix(normalize="pred"), all=matrix(normalize="all"))
    c |= one_vs_rest(truth, proba, w)
    some = labels[:1] + labels[2:]  # classification_report has a micro average of some levels, and accuracy of all
    micro = precision_recall_fscore_support(truth, predicted, labels=some, average="micro", zero_division=0, sample_weight=w)
    c["micro"] = dict(levels=some, average=dict(zip(["precision", "recall", "f1"], map(float, micro)))) if k > 2 else None
    if k > 2 and None not in c["roc_auc"]:
        c["averaged"] = {a: roc_auc_score(truth, proba, multi_class="ovr", average=a, labels=labels, sample_weight=w)
                         for a in ["macro", "weighted"]}
    if weights is None:
        c["curves"] = curves(truth, proba)
    else:
        c["weights"] = w.tolist()
        c["report"]["weights"] = matrix()
    return c


def from_its_tests():
    """The examples of scikit-learn's own tests: metrics/tests/test_classification.py, test_ranking.py and
    tests/test_calibration.py. Where they have levels alone, probabilities lean to the predicted one."""
    leaning = lambda predicted, k: 0.1 + (1 - 0.1 * k) * np.eye(k)[predicted]
    upper = lambda p: np.column_stack([1 - np.array(p), p])
    runs = lambda *n: np.repeat(np.arange(len(n)), n)
    for name, truth, predicted, k, weights in [
            ("test_cohen_kappa, two levels", runs(40, 60), np.concatenate([runs(20, 20), runs(10, 50)]), 2, None),
            ("test_cohen_kappa, three levels", runs(46, 44, 10), runs(52, 32, 16), 3, None),
            ("test_cohen_kappa, quadratic", runs(46, 44, 10), runs(50, 40, 10), 3, None),
            ("test_cohen_kappa_undefined, one level", np.full(10, 2), np.full(10, 2), 3, None),
            ("test_cohen_kappa_undefined, another", runs(5, 5), np.full(10, 2), 3, None),
            ("test_matthews_corrcoef_multiclass, all wrong", [0, 0, 1, 1, 2, 2], [2, 2, 0, 0, 1, 1], 3, None),
            ("test_matthews_corrcoef_multiclass, the least", [0, 0, 1, 1, 2, 2], [1, 1, 0, 0, 0, 0], 3, None),
            ("test_matthews_corrcoef_multiclass, one answer", [0, 1, 2], [3, 3, 3], 4, None),
            ("test_matthews_corrcoef_multiclass, one truth", [3, 3, 3], [0, 1, 2], 4, None),
            ("test_matthews_corrcoef_multiclass, chance", [0, 1, 2] * 3, [1, 1, 1, 2, 2, 2, 0, 0, 0], 3, None),
            ("test_matthews_corrcoef_multiclass, masked", [0, 0, 1, 1, 2], [1, 1, 0, 0, 2], 3, [1, 1, 1, 1, 0]),
            ("test_matthews_corrcoef_multiclass, of one level", [0, 0, 1, 2], [0, 0, 1, 2], 3, [1, 1, 0, 0])]:
        yield name, np.array(truth), np.array(predicted), leaning(np.array(predicted), k), weights and np.array(weights, float)
    for name, truth, proba in [
            ("test_log_loss, two levels", [0, 0, 0, 1, 1, 1], upper([0.5, 0.9, 0.99, 0.1, 0.25, 0.999])),
            ("test_log_loss, three levels", [1, 0, 2], [[0.2, 0.7, 0.1], [0.6, 0.2, 0.2], [0.6, 0.1, 0.3]]),
            ("test_log_loss, strings", [0, 1, 1, 0], [[0.3, 0.7], [0.6, 0.4], [0.4, 0.6], [0.7, 0.3]]),
            ("test_log_loss_eps", [0, 1], upper([1, 0])),
            ("test_brier_score_loss_multiclass, a level absent", [0, 2, 1], np.eye(4)[[0, 1, 1]]),
            ("test_brier_score_loss_multiclass, perfect", [0, 1, 2], np.eye(3)),
            ("test_brier_score_loss_multiclass, all wrong", [0, 1, 2], np.eye(3)[[1, 0, 0]]),
            ("test_brier_score_loss_binary", [0, 1, 1, 0, 1, 1], upper([0.1, 0.8, 0.9, 0.3, 1.0, 0.95])),
            ("test_multiclass_ovr_roc_auc_toydata", [0, 1, 2, 2], [[1, 0, 0], [0.1, 0.5, 0.4], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]]),
            ("test_multiclass_ovo_roc_auc_toydata", [0, 1, 0, 2], [[0.1, 0.8, 0.1], [0.3, 0.4, 0.3], [0.35, 0.5, 0.15], [0, 0.2, 0.8]]),
            ("test_calibration_curve", [0, 0, 0, 1, 1, 1], upper([0, 0.1, 0.2, 0.8, 0.9, 1])),
            ("test_calibration_curve, quantiles", [0, 0, 0, 0, 1, 1], upper([0, 0.1, 0.2, 0.5, 0.9, 1]))]:
        yield name, np.array(truth), np.argmax(proba, 1), np.array(proba, float), None


def main():
    rng = np.random.default_rng(11)
    cases = [case(*c) for c in from_its_tests()]
    for n, k in [(1, 3), (5, 2), (60, 2), (80, 3), (120, 5)]:
        proba = rng.dirichlet(np.full(k, 0.7), size=n)
        truth = np.array([rng.choice(k, p=0.7 * p + 0.3 / k) for p in proba])
        cases.append(case(f"{n} of {k} levels", truth, proba.argmax(1), proba))
    proba = rng.dirichlet(np.ones(3), size=30)
    cases.append(case("one true level", np.full(30, 1), proba.argmax(1), proba))
    cases.append(case("a level never true nor predicted", rng.integers(0, 2, 30), rng.integers(0, 2, 30), proba))
    cases.append(case("always the same answer", rng.integers(0, 3, 30), np.full(30, 2), proba))
    sure = np.eye(3)[rng.integers(0, 3, 20)]
    cases.append(case("probabilities of 0 and 1", rng.integers(0, 3, 20), sure.argmax(1), sure))
    edges = np.array([[2 / 3, 1 / 3, 0], [0.6, 0.4, 0], [0.4, 0.6, 0], [1 / 3, 1 / 3, 1 / 3], [0.8, 0.1, 0.1]])
    cases.append(case("at the edges of bins", np.array([0, 1, 1, 2, 0]), edges.argmax(1), edges))
    coarse = np.round(rng.dirichlet(np.ones(3), size=150) * 4) / 4
    coarse = np.where(coarse.sum(1, keepdims=True) == 1, coarse, [[0.5, 0.25, 0.25]])
    cases.append(case("many ties", rng.integers(0, 3, 150), coarse.argmax(1), coarse))
    cases.append(case("many ties, weighted", rng.integers(0, 3, 150), coarse.argmax(1), coarse, rng.gamma(1.0, 2.0, 150)))
    for n, k in [(40, 2), (90, 3), (150, 4)]:
        proba = rng.dirichlet(np.full(k, 0.7), size=n)
        truth = np.array([rng.choice(k, p=0.7 * p + 0.3 / k) for p in proba])
        cases.append(case(f"{n} of {k} levels, weighted", truth, proba.argmax(1), proba, rng.exponential(3.0, n)))
        cases.append(case(f"{n} of {k} levels, half of weight 0", truth, proba.argmax(1), proba, rng.integers(0, 2, n) * 1.5))
    proba = rng.dirichlet(np.ones(3), size=30)
    truth = rng.integers(0, 3, 30)
    cases.append(case("a level only of weight 0", truth, rng.integers(0, 3, 30), proba, np.where(truth == 1, 0.0, 2.0)))
    cases.append(case("one true level, weighted", np.full(30, 2), proba.argmax(1), proba, rng.exponential(1.0, 30)))
    wilson = [dict(hits=h, n=n, confidence=c, interval=dict(zip(["low", "high"], map(float, proportion_confint(
        h, n, 1 - c, "wilson"))))) for c in [0.8, 0.95, 0.999] for h, n in [(0, 1), (1, 1), (1, 50), (25, 50), (49, 50),
                                                                        (50, 50), (300, 10000), (12345, 99999)]]
    pairs = [dict(only_a=a, only_b=b, p=binomtest(min(a, b), a + b, 0.5).pvalue if a + b else 1.0)
             for a, b in [(0, 0), (1, 0), (3, 7), (12, 2), (40, 40), (5, 60), (300, 350)]]
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(dict(origin=f"scikit-learn {sklearn.__version__} metrics, SciPy {scipy.__version__} and statsmodels "
                       f"{statsmodels.__version__}, internal/sklearn/eval_fixture.py",
                       cases=cases, pairs=pairs, wilson=wilson), f)
        f.write("\n")


if __name__ == "__main__":
    main()
