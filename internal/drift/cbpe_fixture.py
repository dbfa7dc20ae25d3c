#!/usr/bin/env python3
"""Writes what NannyML's CBPE estimates, for eval's and risk's tests.

usage: cbpe_fixture.py OUTPUT.json     (pip install nannyml==0.13.1 statsmodels 'pandas<3')

The made-up models are sure of themselves beyond reason, so that NannyML finds that all levels need
calibration, which it fits on the whole reference.
"""

import json
import os
import sys
import warnings

warnings.filterwarnings("ignore")
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml
import numpy as np
import pandas as pd
import sklearn
from nannyml.calibration import NoopCalibrator
from nannyml.performance_estimation.confidence_based.cbpe import _calibrate_predicted_probabilities

METRICS = ["accuracy", "f1", "precision", "recall", "confusion_matrix"]


def frame(rng, n, classes, sharp, shift):
    """Draws n rows whose true levels follow p, while the model answers p raised to a power."""
    logits = rng.normal(0, 1.2, (n, classes)) + shift * np.arange(classes)
    p = np.exp(logits)
    p /= p.sum(1, keepdims=True)
    q = p**sharp
    q = np.floor(q / q.sum(1, keepdims=True) * 1e5) / 1e5
    q[:, -1] = np.round(1 - q[:, :-1].sum(1), 5)
    data = {f"p{k}": q[:, k] for k in range(classes)}
    data["truth"] = [rng.choice(classes, p=row) for row in p]
    score = (q * np.arange(classes)).sum(1) / (classes - 1)
    cuts = (np.arange(classes - 1) + 0.6) / (classes - 1)
    data["predicted"] = np.searchsorted(cuts, score, side="right")  # not always the most probable
    return pd.DataFrame(data)


def rows(df, classes):
    return df[[f"p{k}" for k in range(classes)]].to_numpy().tolist()


def case(seed, classes, sharp, shift):
    rng = np.random.default_rng(seed)
    reference, window = frame(rng, 500, classes, sharp, 0), frame(rng, 150, classes, sharp, shift)
    columns = {k: f"p{k}" for k in range(classes)}
    cbpe = nannyml.CBPE(
        y_pred_proba=columns, y_pred="predicted", y_true="truth", problem_type="classification_multiclass",
        metrics=METRICS, chunk_number=1,
    )
    cbpe.fit(reference)
    assert not any(isinstance(c, NoopCalibrator) for c in cbpe._calibrators.values()), "a level is calibrated already"
    result = cbpe.estimate(window.drop(columns="truth")).filter(period="analysis").to_df()
    value = lambda name: float(result[(name, "value")].iloc[0])
    calibrated = _calibrate_predicted_probabilities(window.copy(), "truth", columns, cbpe._calibrators)
    return {
        "levels": [str(k) for k in range(classes)],
        "reference": {
            "proba": rows(reference, classes),
            "truth": reference["truth"].tolist(),
            "predicted": reference["predicted"].tolist(),
        },
        "proba": rows(window, classes),
        "predicted": window["predicted"].tolist(),
        "calibrated": rows(calibrated, classes),
        "accuracy": value("accuracy"),
        "macro_f1": value("f1"),
        "macro_precision": value("precision"),
        "macro_recall": value("recall"),
        "confusion": [[value(f"true_{i}_pred_{j}") for j in range(classes)] for i in range(classes)],
    }


def main():
    data = {
        "versions": f"NannyML {nannyml.__version__}, scikit-learn {sklearn.__version__}, "
        f"NumPy {np.__version__}, pandas {pd.__version__}",
        "cases": {
            "three levels": case(1, 3, 3.0, 0.0),
            "three levels, shifted": case(2, 3, 3.0, -0.7),
            "four levels": case(3, 4, 4.0, 0.4),
        },
    }
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        text = json.dumps(data, separators=(",", ":"))
        f.write(text.replace('"cases":', '\n"cases":').replace("],[", "],\n[") + "\n")


main()
