#!/usr/bin/env python3
"""Writes what scikit-learn's metrics say of random and degenerate predictions, for eval's tests.

usage: eval_fixture.py OUTPUT.json     (pip install scikit-learn==1.9.1)

The expected calibration error is not in scikit-learn; it is computed here from its definition: 15 equal-width
bins of the top class. McNemar's exact test is SciPy's binomial test of the discordant pairs.
"""
import json
import sys
import warnings

import numpy as np
import scipy
import sklearn
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, brier_score_loss, classification_report, confusion_matrix, log_loss

warnings.simplefilter("ignore")


def ece(proba, truth, bins=15):
    conf, hit, total = proba.max(1), proba.argmax(1) == truth, 0.0
    for b in range(bins):
        m = (conf > b / bins) & (conf <= (b + 1) / bins)
        if m.any():
            total += m.mean() * abs(conf[m].mean() - hit[m].mean())
    return total


def case(name, truth, predicted, proba):
    k = proba.shape[1]
    labels = list(range(k))
    report = classification_report(truth, predicted, labels=labels, output_dict=True, zero_division=0)
    average = lambda r: dict(precision=r["precision"], recall=r["recall"], f1=r["f1-score"])
    brier = (brier_score_loss(truth, proba[:, 1], labels=labels, pos_label=1) if k == 2
             else brier_score_loss(truth, proba, labels=labels))
    return dict(name=name, truth=truth.tolist(), predicted=predicted.tolist(), proba=proba.tolist(), report=dict(
        n=len(truth), macro_f1=report["macro avg"]["f1-score"], accuracy=accuracy_score(truth, predicted),
        log_loss=log_loss(truth, proba, labels=labels), brier=float(brier), ece=float(ece(proba, truth)),
        levels={str(c): average(report[str(c)]) | dict(support=int(report[str(c)]["support"])) for c in labels},
        macro=average(report["macro avg"]), weighted=average(report["weighted avg"]),
        confusion=confusion_matrix(truth, predicted, labels=labels).tolist()))


def main():
    rng = np.random.default_rng(11)
    cases = []
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
    pairs = [dict(only_a=a, only_b=b, p=binomtest(min(a, b), a + b, 0.5).pvalue if a + b else 1.0)
             for a, b in [(0, 0), (1, 0), (3, 7), (12, 2), (40, 40), (5, 60), (300, 350)]]
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(dict(origin=f"scikit-learn {sklearn.__version__} metrics and SciPy {scipy.__version__}, "
                       "internal/sklearn/eval_fixture.py", cases=cases, pairs=pairs), f)
        f.write("\n")


if __name__ == "__main__":
    main()
