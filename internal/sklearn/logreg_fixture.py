#!/usr/bin/env python3
"""Writes what scikit-learn's LogisticRegression fits on small sparse data, for logreg's tests.

usage: logreg_fixture.py OUTPUT.json     (pip install scikit-learn==1.9.1)

The data are drawn from a seeded generator and written with the results. The fits are
newton-cholesky at a tolerance of 1e-12, so that they stand at the optimum to the last digits.
"""
import json
import sys

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression


def draw(rng, n, d, k, density):
    """n sparse rows with d features and levels that depend on them."""
    x = np.where(rng.random((n, d)) < density, np.round(rng.random((n, d)), 3), 0.0)
    w = rng.normal(size=(d, k)) * 2
    logits = x @ w + rng.gumbel(size=(n, k)) + np.linspace(0.5, 0, k)
    return x, logits.argmax(1)


def main():
    rng = np.random.default_rng(7)
    cases = []
    for n, d, k, density, options in [
        (40, 6, 3, 0.5, dict(C=1.0)),
        (40, 6, 3, 0.5, dict(C=100.0)),
        (60, 8, 3, 0.3, dict(C=3.0, class_weight="balanced")),
        (60, 8, 3, 0.3, dict(C=0.1, class_weight={0: 1.0, 1: 2.5, 2: 0.25})),
        (50, 5, 2, 0.6, dict(C=10.0)),
        (50, 5, 2, 0.6, dict(C=1.0, class_weight="balanced")),
        (80, 10, 5, 0.4, dict(C=2.0)),
        (30, 40, 3, 0.2, dict(C=10.0)),
    ]:
        x, y = draw(rng, n, d, k, density)
        assert len(set(y.tolist())) == k
        fit = LogisticRegression(solver="newton-cholesky", tol=1e-12, max_iter=1000, **options).fit(x, y)
        weight = options.get("class_weight")
        if isinstance(weight, dict):
            options["class_weight"] = [weight[c] for c in range(k)]
        cases.append(dict(options=options, classes=k, x=x.tolist(), y=y.tolist(),
                          coef=fit.coef_.tolist(), intercept=fit.intercept_.tolist(),
                          proba=fit.predict_proba(x).tolist()))
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(dict(origin=f"scikit-learn {sklearn.__version__} LogisticRegression, internal/sklearn/logreg_fixture.py",
                       cases=cases), f)
        f.write("\n")


if __name__ == "__main__":
    main()
