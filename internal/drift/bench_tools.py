#!/usr/bin/env python3
"""Lets Evidently or NannyML sweep the frames of internal/drift/bench, and prints its line of the table.

usage: bench_tools.py FOLDER ROWS TOOL [REPORTS]

TOOL is evidently or evidently-psi (pip install evidently==0.7.23 'pandas<3'), or nannyml (pip install
nannyml==0.13.1 statsmodels 'pandas<3'), in an environment each.

The line below the table's has versions, the least time, and the percent of windows without drift in which each of the
features that move later was called drifted.

A report of Evidently draws plots of each column, which takes seconds. So only the first REPORTS windows, 8 where
nothing is said, and a quarter as many with drift, get one, whose time is measured. All windows are judged by the
stat tests that the report calls, with its thresholds; where there is a report the two must agree.
"""
import importlib.metadata
import os
import platform
import resource
import statistics
import sys
import time
import warnings

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
os.environ["DO_NOT_TRACK"] = "1"
warnings.filterwarnings("ignore")

import numpy as np
import pandas as pd

MOVED = ["length0", "term00", "level"]


def is_category(name):
    return name.startswith("term") or name in ("level", "method", "place")


def clocks():
    """Seconds by the clock, and of the processors."""
    return np.array([time.perf_counter(), time.process_time()])


class Evidently:
    """judge returns the columns that drifted, whether the dataset did, and the time of the report or None."""

    def __init__(self, reference, rows, method, reports):
        import evidently
        from evidently import presets
        from evidently.legacy.calculations import stattests
        from evidently.legacy.core import ColumnType

        self.method, self.reports = method, reports
        self.left = None
        self.evidently, self.preset, self.get_stattest = evidently, presets.DataDriftPreset, stattests.get_stattest
        self.types = {c: ColumnType.Categorical if is_category(c) else ColumnType.Numerical for c in reference}
        self.definition = evidently.DataDefinition(
            numerical_columns=[c for c in reference if not is_category(c)],
            categorical_columns=[c for c in reference if is_category(c)],
        )
        self.frame = reference
        self.reference = evidently.Dataset.from_pandas(reference, self.definition)
        self.tests = []  # seconds of the stat tests of a window

    def begin(self, drift):
        self.left = self.reports // 4 if drift else self.reports

    def judge(self, window):
        start = time.perf_counter()
        drifted = set()
        for name, kind in self.types.items():
            test = self.get_stattest(self.frame[name], window[name], kind, self.method)
            if test(self.frame[name], window[name], kind, None).drifted:
                drifted.add(name)
        self.tests.append(time.perf_counter() - start)
        dataset = len(drifted) >= 0.5 * len(self.types)
        if self.left == 0:
            return drifted, dataset, None
        self.left -= 1
        current = self.evidently.Dataset.from_pandas(window, self.definition)
        report = self.evidently.Report([self.preset(method=self.method)])
        start = clocks()
        result = report.run(current, self.reference)
        taken = clocks() - start
        metrics = result.dict()["metrics"]
        by_report = {m["config"]["column"] for m in metrics[1:] if m["value"] >= m["config"]["threshold"]}
        assert metrics[0]["value"]["count"] == len(drifted) and by_report == drifted
        return drifted, dataset, taken

    def note(self):
        median, least = 1000 * statistics.median(self.tests), 1000 * min(self.tests)
        return f"stat tests alone: median {median:.0f} ms, least {least:.0f}"


class NannyML:
    """As Evidently. It says nothing of the dataset."""

    def __init__(self, reference, rows):
        import nannyml

        start = time.perf_counter()
        self.calculator = nannyml.UnivariateDriftCalculator(
            column_names=list(reference),
            treat_as_categorical=[c for c in reference if c.startswith("term")],  # the others are text
            chunk_size=rows,
        ).fit(reference)
        self.fit = time.perf_counter() - start

    def begin(self, drift):
        pass

    def judge(self, window):
        start = clocks()
        result = self.calculator.calculate(window)
        taken = clocks() - start
        chunks = result.filter(period="analysis").data
        assert len(chunks) == 1
        return {c for c in window if chunks[(c, "jensen_shannon", "alert")].iloc[0]}, None, taken

    def note(self):
        return f"fit: {1000 * self.fit:.0f} ms"


def main():
    folder, rows, tool = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    reports = int(sys.argv[4]) if len(sys.argv) > 4 else 8
    types = lambda names: {c: np.int64 if c.startswith(("term", "length", "count")) else
                           object if is_category(c) else np.float64 for c in names}
    dtype = types(pd.read_csv(os.path.join(folder, "reference.csv"), nrows=0))
    reference = pd.read_csv(os.path.join(folder, "reference.csv"), dtype=dtype)
    if tool == "nannyml":
        judge = NannyML(reference, rows)
    else:
        judge = Evidently(reference, rows, {"evidently": None, "evidently-psi": "psi"}[tool], reports)
    shares, times, windows, wrong = {}, [], [], ""
    for kind in ("stable", "moved"):
        judge.begin(kind == "moved")
        n = found = dataset = others = 0
        by_feature = dict.fromkeys(MOVED, 0)
        for window in pd.read_csv(os.path.join(folder, f"{kind}-{rows}.csv"), dtype=dtype, chunksize=rows):
            drifted, whole, taken = judge.judge(window.reset_index(drop=True))
            n += 1
            found += bool(drifted)
            dataset += bool(whole)
            others += len(drifted) if kind == "stable" else len(drifted - set(MOVED))
            for c in MOVED:
                by_feature[c] += c in drifted
            if taken is not None:
                times.append(1000 * taken)
        share = lambda k, n=n: f"{100 * k / n:.1f}"
        windows.append(str(n))
        shares[kind] = [share(found), "none" if whole is None else share(dataset)]
        if kind == "stable":
            shares[kind].append(share(others, n * len(dtype)))
            wrong = ", ".join(f"{c} {share(k)}" for c, k in by_feature.items())
        else:
            shares[kind] += [share(k) for k in by_feature.values()]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    cells = [tool, str(rows), " + ".join(windows), f"{np.median(times, axis=0)[0]:.2f}", f"{peak:.0f}"]
    print("| " + " | ".join(cells + shares["stable"] + shares["moved"]) + " |")
    versions = [f"{p} {importlib.metadata.version(p)}" for p in (tool.split("-")[0], "pandas", "numpy")]
    print(f"  Python {platform.python_version()}, {', '.join(versions)}; {len(times)} timed, least "
          f"{np.min(times, axis=0)[0]:.2f} ms; of processors: median {np.median(times, axis=0)[1]:.2f} ms, least "
          f"{np.min(times, axis=0)[1]:.2f}; {judge.note()}; without drift {wrong}")


main()
