#!/usr/bin/env python3
"""Writes distances, tests and corrected p-values of SciPy and Evidently, for psi's tests.

usage: psi_fixture.py OUTPUT.json     (pip install scipy==1.17.1 'pandas<3' evidently==0.7.23)

The trend has no counterpart in SciPy: it is put together here from the integrals of the scores and
the covariance of NumPy.
"""

import json
import math
import sys
import warnings

warnings.filterwarnings("ignore")

import evidently
import numpy as np
import pandas as pd
import scipy
from evidently.legacy.calculations.stattests import psi_stat_test
from evidently.legacy.core import ColumnType
from scipy import stats
from scipy.spatial.distance import jensenshannon

CASES = {
    "six bins": ([16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8]),
    "values 3 2 2 against 1 2 3": ([0, 2, 1], [1, 1, 1]),  # 2.934 in Evidently's own tests
    "two bins": ([90, 10], [70, 30]),
    "rare": ([9990, 10], [190, 10]),
    "new": ([1000, 0], [195, 5]),
    "gone": ([950, 50], [200, 0]),
    "large": ([600000, 400000], [59500, 40500]),
    "empty on one side": ([100, 100, 100, 0], [5, 10, 12, 3]),
    "empty on both": ([5, 0, 5], [7, 0, 9]),
    "ten bins": ([100] * 10, [80, 83, 85, 87, 89, 92, 96, 103, 115, 170]),
    "spread": ([100] * 10, [40, 20, 10, 10, 10, 10, 10, 10, 20, 40]),
    "nothing in common": ([7, 5, 0, 0], [0, 0, 3, 4]),
}


def evidently_psi(x, y):
    """Evidently's own PSI of categorical values with these counts."""
    values = lambda counts: pd.Series([i for i, c in enumerate(counts) for _ in range(c)])
    return float(psi_stat_test.func(values(x), values(y), ColumnType.Categorical, 0.1)[0])


def mid_p(x, y):
    """Twice the smaller tail of the hypergeometric law, by mid-p."""
    n, m, t, k = sum(x), sum(y), x[1] + y[1], y[1]
    law = stats.hypergeom(n + m, t, m)
    half = law.pmf(k) / 2
    return float(min(1, 2 * min(law.cdf(k) - half, law.sf(k - 1) - half)))


def trend(x, y):
    """The linear rank statistics of both of Savage's scores, as one."""
    t = x + y
    ends = np.concatenate([[0], np.cumsum(t)]) / t.sum()
    primitive = lambda u: np.where(u > 0, u * np.log(np.where(u > 0, u, 1)) - u, 0)
    width = np.where(t > 0, np.diff(ends), 1)
    low = -np.diff(primitive(ends)) / width
    high = np.diff(primitive(1 - ends)) / width
    scores = np.stack([np.where(t > 0, low, 0), np.where(t > 0, high, 0)])
    total, n, m = t.sum(), x.sum(), y.sum()
    d = scores @ (y / m - x / n)
    covariance = np.cov(scores, fweights=t, ddof=0)
    statistic = d @ np.linalg.solve(covariance, d) / (1 / n + 1 / m) * (total - 1) / total
    freedom = 1 / (3 / n + 1 / m)
    return float(stats.f.sf(statistic / 2, 2, freedom))


def figures(x, y):
    n, m = sum(x), sum(y)
    x, y = np.array(x), np.array(y)
    full = (x + y) > 0
    chi2, p, dof, _ = stats.chi2_contingency([x[full], y[full]], correction=False)
    edges = np.cumsum(1 + np.arange(len(x) - 1) ** 1.5)
    middles = np.concatenate([edges[:1], (edges[1:] + edges[:-1]) / 2, edges[-1:]])
    out = {
        "baseline": x.tolist(),
        "recent": y.tolist(),
        "edges": edges.tolist(),
        "chi_square": float(chi2),
        "homogeneity": float(p),
        "critical": float((1 / n + 1 / m) * stats.chi2.ppf(0.95, dof)),
        "jensen_shannon": float(jensenshannon(x / n, y / m, base=2)),
        "hellinger": float(np.linalg.norm(np.sqrt(x / n) - np.sqrt(y / m)) / math.sqrt(2)),
        "kolmogorov_smirnov": float(np.abs(np.cumsum(x) / n - np.cumsum(y) / m).max()),
        "wasserstein": float(stats.wasserstein_distance(middles, middles, x, y)),
        "psi_filled": evidently_psi(x, y),
    }
    if len(x) == 2:
        out["exact"] = mid_p(x.tolist(), y.tolist())
    if full.sum() > 3:
        out["trend"] = trend(x, y)
    return out


def main():
    p = [0.01, 0.04, 0.03, 0.005, 0.5, 0.03]
    data = {
        "versions": f"SciPy {scipy.__version__}, NumPy {np.__version__}, Evidently {evidently.__version__}",
        "p": p,
        "corrected": stats.false_discovery_control(p, method="bh").tolist(),
        "cases": {name: figures(*c) for name, c in CASES.items()},
    }
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(data, f, indent=1)
        f.write("\n")


main()
