#!/usr/bin/env python3
"""Writes what scikit-learn's LogisticRegression fits on small data, for logreg's tests.

usage: logreg_fixture.py OUTPUT.json     (pip install scikit-learn==1.9.1)

The data are drawn from a seeded generator and written with the results. Each fit is held against
the conditions of optimality: Newton's step for the weights that are not zero must be shorter than
1e-7, and the gradient by those that are must not exceed the penalty's slope.
"""
import json
import sys

import numpy as np
import scipy.sparse
import scipy.special
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.utils.class_weight import compute_class_weight


def draw(rng, n, d, k, density):
    """n sparse rows with d features and levels that depend on them."""
    x = np.where(rng.random((n, d)) < density, np.round(rng.random((n, d)), 3), 0.0)
    w = rng.normal(size=(d, k)) * 2
    logits = x @ w + rng.gumbel(size=(n, k)) + np.linspace(0.5, 0, k)
    y = logits.argmax(1)
    assert len(set(y.tolist())) == k
    return x, y


def total_weight(y, options):
    """The weight of each row, C aside."""
    weight = np.array(options.get("sample_weight", np.ones(len(y))))
    class_weight = options.get("class_weight")
    if class_weight == "balanced":
        return weight * compute_class_weight("balanced", classes=np.unique(y), y=y, sample_weight=weight)[y]
    return weight if class_weight is None else weight * np.array(class_weight)[y]


def estimator(options, scale):
    """The LogisticRegression that options ask for, as exact as it gets, for weights divided by scale."""
    c = np.inf if options["C"] is None else options["C"] * scale
    l1_ratio = options.get("l1_ratio", 0.0)
    weight = options.get("class_weight")
    if l1_ratio > 0:
        how = dict(solver="saga", tol=1e-15, max_iter=500_000, random_state=0)
    elif np.isinf(c):
        how = dict(solver="newton-cg", tol=1e-13, max_iter=10_000)
    else:
        how = dict(solver="newton-cholesky", tol=1e-13, max_iter=1000)
    return LogisticRegression(
        C=c, l1_ratio=l1_ratio, class_weight=dict(enumerate(weight)) if isinstance(weight, list) else weight, **how)


def check(x, y, fit, options):
    """Asserts that fit is at the optimum of
    sum_i weight_i loss_i + l2/2 |W|^2 + l1 |W|_1 and returns that."""
    k = len(fit.classes_)
    c, ratio = options["C"], options.get("l1_ratio", 0.0)
    l1, l2 = (0.0, 0.0) if c is None else (ratio, 1 - ratio)
    weight = total_weight(y, options) * (1.0 if c is None else c)

    w, b = fit.coef_, fit.intercept_
    r = len(b)
    logits = x @ w.T + b
    if r == 1:
        logits = np.hstack([np.zeros_like(logits), logits])
    p = scipy.special.softmax(logits, axis=1)
    loss = weight @ (scipy.special.logsumexp(logits, axis=1) - logits[np.arange(len(y)), y])
    p, hot = p[:, k - r:], np.eye(k)[y][:, k - r:]

    rows = np.hstack([x, np.ones((len(y), 1))])
    params = np.hstack([w, b[:, None]])
    slope = np.full(params.shape, l1)
    slope[:, -1] = 0
    ridge = np.full(params.shape, l2)
    ridge[:, -1] = 0
    grad = (weight[:, None] * (p - hot)).T @ rows + ridge * params
    used = (params != 0) | (slope == 0)
    assert np.all(np.abs(grad)[~used] <= l1 + 1e-7), (options, np.abs(grad)[~used].max())
    bend = np.einsum("i,ik,ij,kl->kjil", weight, p, rows, np.eye(r), optimize=True)
    hess = np.einsum("kjil,im->kjlm", bend, rows)
    hess -= np.einsum("i,ik,il,ij,im->kjlm", weight, p, p, rows, rows, optimize=True)
    n = params.size
    hess = hess.reshape(n, n)[np.ix_(used.ravel(), used.ravel())] + np.diag(ridge[used])
    step = np.linalg.pinv(hess, rcond=1e-11, hermitian=True) @ (grad + slope * np.sign(params))[used]
    assert np.abs(step).max() < 1e-7, (options, np.abs(step).max())
    return loss + l2 / 2 * (w**2).sum() + l1 * np.abs(w).sum()


def fit(x, y, options, sparse):
    """The coefficients, intercepts, probabilities and objective of a case."""
    given = scipy.sparse.csr_array(x) if sparse else x
    targets = [y]
    if options.get("one_vs_rest"):
        targets = [(y == k).astype(int) for k in range(y.max() + 1)] if y.max() > 1 else [y]
        if isinstance(options.get("class_weight"), list):
            # Of the classes themselves, not of one and the rest.
            options = dict(options, sample_weight=total_weight(y, options), class_weight=None)
    # Where weights are above 1, the step of saga is too long: they are divided, and C is multiplied.
    scale = max(total_weight(t, options).max() for t in targets) if options.get("l1_ratio", 0) > 0 else 1
    f = estimator(options, scale)
    if options.get("one_vs_rest"):
        f = OneVsRestClassifier(f.set_fit_request(sample_weight=True))
    f.fit(given, y, sample_weight=np.array(options.get("sample_weight", np.ones(len(y)))) / scale)
    each = getattr(f, "estimators_", [f])
    return (np.vstack([e.coef_ for e in each]), np.concatenate([e.intercept_ for e in each]), f.predict_proba(given),
            sum(check(x, t, e, options) for t, e in zip(targets, each, strict=True)))


def main():
    sklearn.set_config(enable_metadata_routing=True)
    rng = np.random.default_rng(7)
    data = {name: draw(rng, *shape) for name, shape in {
        "three": (40, 6, 3, 0.5), "more": (60, 8, 3, 0.3), "two": (50, 5, 2, 0.6),
        "five": (80, 10, 5, 0.4), "wide": (30, 40, 3, 0.2), "four": (60, 6, 4, 0.4), "plain": (120, 4, 3, 0.6),
    }.items()}
    weights = {name: np.round(rng.exponential(size=len(y)) * (rng.random(len(y)) < 0.8), 2) for name, (_, y) in data.items()}
    given = {"more": [1.0, 2.5, 0.25], "two": [0.5, 3.0], "three": [3.0, 1.0, 0.2], "plain": [1.0, 2.0, 0.5]}
    balanced = dict(class_weight="balanced")
    ovr = dict(one_vs_rest=True)

    cases = []
    for name, options in [
        # L2
        ("three", dict(C=1.0)),
        ("three", dict(C=1000.0)),
        ("more", dict(C=3.0, **balanced)),
        ("more", dict(C=0.01, class_weight=given["more"])),
        ("two", dict(C=10.0)),
        ("two", dict(C=1.0, **balanced)),
        ("five", dict(C=2.0)),
        ("wide", dict(C=10.0)),
        ("four", dict(C=5.0, sample_weight=weights["four"])),
        ("more", dict(C=5.0, sample_weight=weights["more"], **balanced)),
        ("two", dict(C=5.0, sample_weight=weights["two"], class_weight=given["two"])),
        # L1
        ("three", dict(C=0.5, l1_ratio=1.0)),
        ("three", dict(C=1.0, l1_ratio=1.0)),
        ("three", dict(C=100.0, l1_ratio=1.0)),
        ("more", dict(C=10.0, l1_ratio=1.0, class_weight=given["more"])),
        ("more", dict(C=3.0, l1_ratio=1.0, sample_weight=weights["more"], **balanced)),
        ("two", dict(C=1.0, l1_ratio=1.0)),
        ("two", dict(C=1000.0, l1_ratio=1.0, **balanced)),
        ("two", dict(C=10.0, l1_ratio=1.0, sample_weight=weights["two"])),
        ("five", dict(C=10.0, l1_ratio=1.0)),
        ("five", dict(C=50.0, l1_ratio=1.0)),
        ("wide", dict(C=10.0, l1_ratio=1.0)),
        ("four", dict(C=10.0, l1_ratio=1.0)),
        # The elastic net
        ("three", dict(C=1.0, l1_ratio=0.2)),
        ("three", dict(C=100.0, l1_ratio=0.9)),
        ("more", dict(C=10.0, l1_ratio=0.5, **balanced)),
        ("more", dict(C=0.1, l1_ratio=0.2, class_weight=given["more"])),
        ("two", dict(C=1000.0, l1_ratio=0.9)),
        ("two", dict(C=1.0, l1_ratio=0.5, sample_weight=weights["two"], class_weight=given["two"])),
        ("five", dict(C=100.0, l1_ratio=0.5, sample_weight=weights["five"])),
        ("wide", dict(C=10.0, l1_ratio=0.9)),
        ("four", dict(C=10.0, l1_ratio=0.5)),
        # No penalty
        ("plain", dict(C=None)),
        ("plain", dict(C=None, sample_weight=weights["plain"], **balanced)),
        ("two", dict(C=None, **balanced)),
        ("two", dict(C=None, sample_weight=weights["two"])),
        ("plain", dict(C=None, class_weight=given["plain"])),
        # One class against the rest
        ("five", dict(C=2.0, **ovr)),
        ("three", dict(C=1.0, class_weight=given["three"], **ovr)),
        ("more", dict(C=3.0, sample_weight=weights["more"], **balanced, **ovr)),
        ("five", dict(C=10.0, l1_ratio=1.0, **balanced, **ovr)),
        ("more", dict(C=10.0, l1_ratio=0.5, class_weight=given["more"], **ovr)),
        ("plain", dict(C=None, **ovr)),
        ("two", dict(C=2.0, **ovr)),
    ]:
        x, y = data[name]
        coef, intercept, proba, objective = fit(x, y, options, sparse=len(cases) % 2 == 1)
        if "sample_weight" in options:
            options["sample_weight"] = options["sample_weight"].tolist()
        cases.append(dict(options=options, data=name, coef=coef.tolist(), intercept=intercept.tolist(),
                          proba=np.round(proba, 12).tolist(), objective=objective))
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(dict(origin=f"scikit-learn {sklearn.__version__} LogisticRegression, internal/sklearn/logreg_fixture.py",
                       data={name: dict(x=x.tolist(), y=y.tolist(), classes=int(y.max()) + 1) for name, (x, y) in data.items()},
                       cases=cases), f)
        f.write("\n")


if __name__ == "__main__":
    main()
