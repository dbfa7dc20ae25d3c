#!/usr/bin/env python3
"""Writes what river's Page-Hinkley test says of some streams, for psi's tests.

usage: sudden_fixture.py OUTPUT.json     (pip install river==0.26.1)

The first four streams and where river finds changes in them are published: in the documentation of
drift.PageHinkley and in river's own test of it. The others are made by a small generator that the test has too, so
that only some states in between need be written down.
"""
import json
import random
import sys

import numpy as np
import river
from river import drift


def generated(seed, n):
    """Numbers in [0,1) of a congruential generator of 64 bits."""
    out, state = [], seed
    for _ in range(n):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append((state >> 11) / 2**53)
    return out


def run(stream, **options):
    """Where changes are found, and the state after every 97th value that is not at one."""
    ph, found, states = drift.PageHinkley(**options), [], []
    for i, x in enumerate(stream):
        ph.update(x)
        if ph.drift_detected:
            found.append(i)
        elif i % 97 == 0:
            states.append([i, ph._x_mean.n, ph._x_mean.get(), ph._sum_increase, ph._min_increase,
                           ph._sum_decrease, ph._max_decrease])
    return dict(found=found, states=states)


rng = random.Random(12345)
documented = rng.choices([0, 1], k=1000) + rng.choices(range(4, 8), k=1000)
np.random.seed(12345)
tested = np.concatenate([np.random.normal(mean, 0.1, 500) > 0 for mean in (0, 0.25, 0, 0.25)]).astype(int).tolist()
digits = lambda stream: "".join(map(str, stream))
cases = [dict(name="documented", digits=digits(documented), published=[1006], **run(documented))]
for mode, published in (("up", [588, 1681]), ("down", [1172]), ("both", [588, 1097, 1585])):
    cases.append(dict(name="tested " + mode, digits=digits(tested), published=published, mode=mode,
                      **run(tested, mode=mode)))
for c in cases:
    assert c["found"] == c["published"], c["name"]
for seed, (mode, options) in enumerate([
    ("both", {}),
    ("both", dict(min_instances=10, delta=0.1, threshold=3, alpha=1)),
    ("up", dict(min_instances=1, delta=0.02, threshold=5, alpha=0.99)),
    ("down", dict(min_instances=100, delta=0.001, threshold=10, alpha=0.999)),
    ("both", dict(min_instances=30, delta=0.005, threshold=1, alpha=0.5)),
]):
    # Each thousand values are at another height.
    stream = [x + 0.5 * (i // 1000 * (seed + 3) % 4) for i, x in enumerate(generated(seed, 5000))]
    cases.append(dict(name="generated %d" % seed, seed=seed, mode=mode, options=options,
                      **run(stream, mode=mode, **options)))
json.dump(dict(river=river.__version__, numpy=np.__version__, cases=cases), open(sys.argv[1], "w"))
