#!/usr/bin/env python3
"""Writes what scikit-learn, SciPy and statsmodels say of two versions of a model, for eval's tests.

usage: compare_fixture.py OUTPUT.json     (pip install scikit-learn==1.9.1 scipy==1.17.1 statsmodels==0.15.0)

McNemar's test is statsmodels' exact one; proportions have statsmodels' Newcombe interval and pooled score test;
intervals of paired losses, and of losses of two samples, are SciPy's normal ones of the standard error. The evidence
of a guard is its definition, integrated numerically; that of a share of requests is SciPy's chi-squared test.
"""
import json
import sys
import warnings

import numpy as np
import scipy
import sklearn
import statsmodels
from scipy import integrate, stats
from sklearn import metrics as m
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

warnings.simplefilter("ignore")


def measure(truth, predicted, k, cost):
    labels = list(range(k))
    levels = m.precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0)
    kappa = lambda w: float(np.nan_to_num(m.cohen_kappa_score(truth, predicted, labels=labels, weights=w)))
    present = np.unique(truth)
    out = {"accuracy": m.accuracy_score(truth, predicted), "macro_f1": float(levels[2].mean()),
           "balanced_accuracy": float(levels[1][present].mean()), "mcc": float(m.matthews_corrcoef(truth, predicted)),
           "kappa": kappa(None), "quadratic_kappa": kappa("quadratic"), "cost": float(cost[truth, predicted].mean())}
    for c in labels:
        out |= {f"precision {c}": levels[0][c], f"recall {c}": levels[1][c], f"f1 {c}": levels[2][c]}
    return {name: float(v) for name, v in out.items()}


def losses(truth, proba):
    k = proba.shape[1]
    p = np.clip(proba[np.arange(len(truth)), truth], 2.0**-52, 1 - 2.0**-52)
    brier = ((proba - np.eye(k)[truth]) ** 2).sum(1) / (2 if k == 2 else 1)
    return {"log_loss": -np.log(p), "brier": brier}


def case(rng, name, n, k, truth=None, same=0.5):
    proba = rng.dirichlet(np.full(k, 0.7), size=(2, n))
    truth = np.array([rng.choice(k, p=0.7 * p + 0.3 / k) for p in proba[0]]) if truth is None else truth
    keep = rng.random(n) < same
    proba[1][keep] = proba[0][keep]
    a, b = proba[0].argmax(1), proba[1].argmax(1)
    cost = np.abs(np.subtract.outer(np.arange(k), np.arange(k))) * rng.uniform(0.5, 2, (k, k))
    right = np.array([[np.sum((a == truth) & (b == truth)), np.sum((a == truth) & (b != truth))],
                      [np.sum((a != truth) & (b == truth)), np.sum((a != truth) & (b != truth))]])
    la, lb = losses(truth, proba[0]), losses(truth, proba[1])
    half = n // 2  # of arms: the first half is answered by a, the second by b
    interval = lambda mean, se: [float(mean - stats.norm.ppf(0.975) * se), float(mean + stats.norm.ppf(0.975) * se)]
    return dict(name=name, truth=truth.tolist(), a=a.tolist(), b=b.tolist(), proba_a=proba[0].tolist(), proba_b=proba[1].tolist(),
                cost=cost.tolist(), metrics_a=measure(truth, a, k, cost), metrics_b=measure(truth, b, k, cost),
                mcnemar=float(mcnemar(right, exact=True).pvalue),
                paired={x: interval((lb[x] - la[x]).mean(), stats.sem(lb[x] - la[x])) for x in la},
                arms={x: interval(lb[x][half:].mean() - la[x][:half].mean(), np.hypot(stats.sem(la[x][:half]), stats.sem(lb[x][half:]))) for x in la})


def proportion(hits_a, n_a, hits_b, n_b):
    low, high = confint_proportions_2indep(hits_b, n_b, hits_a, n_a, method="newcomb", compare="diff", alpha=0.05)
    p = proportions_ztest([hits_b, hits_a], [n_b, n_a])[1] if 0 < hits_a + hits_b < n_a + n_b else 1.0
    return dict(hits_a=hits_a, n_a=n_a, hits_b=hits_b, n_b=n_b, low=float(low), high=float(high), p=float(p))


def guard(old_bad, old_n, new_bad, new_n, ratio):
    odds = ratio * new_n / old_n
    share = odds / (1 + odds)
    prior = stats.beta(2 * share, 2 * (1 - share))
    log = lambda t: new_bad * np.log(t / share) + old_bad * np.log((1 - t) / (1 - share))
    area = integrate.quad(lambda t: np.exp(log(t)) * prior.pdf(t), share, 1, epsabs=0, epsrel=1e-11, limit=500)[0]
    return dict(old_bad=old_bad, old_n=old_n, new_bad=new_bad, new_n=new_n, ratio=ratio, evidence=float(area / prior.sf(share)))


def main():
    rng = np.random.default_rng(17)
    cases = [case(rng, f"{n} of {k} levels", n, k) for n, k in [(6, 2), (60, 2), (80, 3), (400, 3), (150, 5)]]
    cases.append(case(rng, "one true level", 40, 3, truth=np.full(40, 1)))
    cases.append(case(rng, "a level never true", 50, 3, truth=rng.integers(0, 2, 50)))
    cases.append(case(rng, "always the same answers", 50, 3, same=1.1))
    pairs = [(0, 0), (1, 0), (3, 7), (12, 2), (13, 11), (40, 40), (5, 60), (300, 350), (9800, 10200), (499000, 501000)]
    proportions = [(0, 10, 0, 12), (0, 10, 5, 10), (56, 70, 48, 80), (9, 10, 3, 10), (10, 10, 20, 20), (5, 56, 0, 29), (960, 1000, 9400, 10000), (1, 3, 2, 2)]
    guards = [(0, 100, 3, 100, 1), (3, 100, 0, 100, 1), (2, 100, 12, 100, 1), (20, 950, 6, 50, 2), (5, 10, 5, 10, 1), (40, 4000, 30, 1000, 1.5), (0, 1, 1, 1, 1)]
    shares = [(500, 500, 0.5), (520, 480, 0.5), (9000, 1100, 0.1), (9000, 900, 0.1), (8, 2, 0.2)]
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(dict(origin=f"scikit-learn {sklearn.__version__}, SciPy {scipy.__version__} and statsmodels {statsmodels.__version__}, "
                       "internal/sklearn/compare_fixture.py", cases=cases,
                       mcnemar=[dict(only_a=a, only_b=b, p=float(mcnemar([[5, a], [b, 5]], exact=True).pvalue)) for a, b in pairs],
                       proportions=[proportion(*p) for p in proportions], guards=[guard(*g) for g in guards],
                       shares=[dict(old=o, new=n, share=s, p=float(stats.chisquare([o, n], [(o + n) * (1 - s), (o + n) * s]).pvalue)) for o, n, s in shares]), f)
        f.write("\n")


if __name__ == "__main__":
    main()
