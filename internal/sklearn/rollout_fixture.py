#!/usr/bin/env python3
"""Writes the buckets of keys in rollouts, by scikit-learn's MurmurHash3, for registry's tests.

usage: rollout_fixture.py OUTPUT.json     (pip install scikit-learn==1.9.1)
"""
import json
import sys

import sklearn
from sklearn.utils import murmurhash3_32

rollouts = ["a", "june", "3f2a9c1d5e7b8046", "R_1.b-2"]
keys = ["", "1", "INC-7", "customer 42", "user1@example.com", "größer", "障害", "🔥", "a\x00b", "x" * 300]
text = "The shop is down since nine, nobody can pay"
keys += [text[:n] for n in range(1, len(text))]


def bucket(rollout, key):
    return int(murmurhash3_32(f"{rollout}\0{key}".encode(), seed=0, positive=True)) % 10000


with open(sys.argv[1], "w") as f:
    json.dump(dict(sklearn=sklearn.__version__,
                   buckets=[dict(rollout=r, key=k, bucket=bucket(r, k)) for r in rollouts for k in keys]),
              f, separators=(",", ":"))
    f.write("\n")
