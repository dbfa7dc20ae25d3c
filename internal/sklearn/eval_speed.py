#!/usr/bin/env python3
"""How long scikit-learn takes for the metrics of a million examples of three levels, to compare with
go test ./eval -run '^$' -bench Million, run by hand: one run after the other on the same, idle machine.

usage: eval_speed.py     (pip install scikit-learn==1.9.1)
"""
import time

import numpy as np
from sklearn.metrics import brier_score_loss, classification_report, confusion_matrix, log_loss, roc_auc_score

rng = np.random.default_rng(1)
proba = rng.dirichlet(np.ones(3), size=1_000_000)
predicted = proba.argmax(1)
truth = np.where(rng.random(len(predicted)) < 0.3, rng.integers(0, 3, len(predicted)), predicted)
labels = [0, 1, 2]
names = np.array(["low", "medium", "high"])
true_names, predicted_names = names[truth], names[predicted]
for name, f in {
    "classification_report": lambda: classification_report(truth, predicted, labels=labels, output_dict=True),
    "classification_report of names": lambda: classification_report(true_names, predicted_names, output_dict=True),
    "confusion_matrix": lambda: confusion_matrix(truth, predicted, labels=labels),
    "log_loss": lambda: log_loss(truth, proba, labels=labels),
    "brier_score_loss": lambda: brier_score_loss(truth, proba, labels=labels),
    "roc_auc_score": lambda: roc_auc_score(truth, proba, multi_class="ovr", labels=labels),
}.items():
    times = []
    for _ in range(3):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    print(f"{name:30s} {1000 * min(times):7.0f} ms")
