"""Measures scikit-learn at the work that examples/benchmark measures riskkit at.

usage: sklearn_bench.py TRAIN.jsonl[.gz] TEST.jsonl[.gz] CONFIG     (pip install scikit-learn)

Prints one JSON object. Seconds are wall time. fit_s is the default solver, lbfgs, at its default
tolerance; newton_cg_fit_s the faster one, at that tolerance; newton_cg_same_fit_s the same with the
tolerance lowered until its objective is within 1e-6 of the least objective seen, which is what
riskkit's fit proves of its own. Each has its objective, C * sum(cross-entropy) + 0.5 * ||W||^2, and
the first and the last have macro_f1, accuracy, log_loss and ece, of 15 equal-width bins of the
greatest probability. Each of the first 500 test texts is scored by itself, its time the median of 5
rounds. peak_rss_mb is taken before newton-cg runs.
"""
import gzip
import json
import sys
import time
import warnings

import numpy as np
import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss

CONFIGS = {
    "unigram": (dict(), dict(C=1.0)),
    "bigram": (dict(ngram_range=(1, 2), min_df=2, sublinear_tf=True), dict(C=10.0)),
    "trigram-balanced": (dict(ngram_range=(1, 3), min_df=2, sublinear_tf=True), dict(C=3.0, class_weight="balanced")),
    "trigram": (dict(ngram_range=(1, 3), min_df=2, sublinear_tf=True), dict(C=3.0)),
}


def load(path):
    """The texts and labels of a file."""
    with open(path, "rb") as f:
        opener = gzip.open if f.read(2) == b"\x1f\x8b" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="\n") as f:
        rows = [json.loads(line) for line in f if line.strip()]
    return [r["text"] for r in rows], np.array([r["label"] for r in rows])


def timed(do):
    """The seconds that do takes, and what it returns."""
    start = time.perf_counter()
    result = do()
    return time.perf_counter() - start, result


def batch(do):
    """The median time of several passes."""
    passes = []
    while len(passes) < 5 or sum(passes) < 0.2:
        passes.append(timed(do)[0])
    return float(np.median(passes))


def single(texts, do, rounds=5):
    """The median time of do for each text in microseconds, after a round to warm up."""
    for t in texts:
        do(t)
    times = [[timed(lambda: do(t))[0] for t in texts] for _ in range(rounds)]
    return np.median(times, axis=0) * 1e6


def ece(proba, truth, classes, bins=15):
    """The expected calibration error."""
    conf, hit, total = proba.max(1), classes[proba.argmax(1)] == truth, 0.0
    for b in range(bins):
        m = (conf > b / bins) & (conf <= (b + 1) / bins)
        if m.any():
            total += m.mean() * abs(conf[m].mean() - hit[m].mean())
    return float(total)


def quality(proba, truth, classes, prefix=""):
    """How good probabilities are, and the most probable levels."""
    label = classes[proba.argmax(1)]
    return {
        prefix + "macro_f1": float(f1_score(truth, label, average="macro")),
        prefix + "accuracy": float((label == truth).mean()),
        prefix + "log_loss": float(log_loss(truth, proba, labels=classes)),
        prefix + "ece": ece(proba, truth, classes),
    }


def model_bytes(vec, clf):
    """What a model has in memory: the vocabulary with its strings and numbers, idf and weights."""
    terms = vec.vocabulary_
    size = sys.getsizeof(terms) + sum(sys.getsizeof(k) + sys.getsizeof(v) for k, v in terms.items())
    return size + vec.idf_.nbytes + clf.coef_.nbytes + clf.intercept_.nbytes


def peak_rss_mb():
    """The most memory that this process had, where Linux says it."""
    try:
        with open("/proc/self/status") as f:
            for line in f:
                if line.startswith("VmHWM:"):
                    return dict(peak_rss_mb=int(line.split()[1]) / 1024)
    except OSError:
        pass
    return {}


def main():
    train, test, name = sys.argv[1:]
    text, y = load(train)
    text2, y2 = load(test)
    vec_args, lr_args = CONFIGS[name]
    vec = TfidfVectorizer(**vec_args)
    vectorise_s, x = timed(lambda: vec.fit_transform(text))
    fit_s, clf = timed(lambda: LogisticRegression(max_iter=5000, **lr_args).fit(x, y))
    proba = clf.predict_proba(vec.transform(text2))
    batch_s = batch(lambda: clf.predict_proba(vec.transform(text2)))
    one = single(text2[:500], lambda t: clf.predict_proba(vec.transform([t])))
    peak = peak_rss_mb()

    weight = np.ones(len(y))
    if lr_args.get("class_weight") == "balanced":
        count = {c: (y == c).sum() for c in clf.classes_}
        weight = np.array([len(y) / (len(count) * count[c]) for c in y])

    def objective(model):
        picked = model.predict_proba(x)[np.arange(len(y)), np.searchsorted(model.classes_, y)]
        return lr_args["C"] * float(-(weight * np.log(picked)).sum()) + 0.5 * float((model.coef_ ** 2).sum())

    def newton(tol):
        clf = LogisticRegression(solver="newton-cg", max_iter=5000, tol=tol, **lr_args)
        seconds, model = timed(lambda: clf.fit(x, y))
        return seconds, objective(model), model

    tol, exact = 1e-4, 1e-10
    newton_s, newton_objective, same = newton(tol)
    same_s, same_objective = newton_s, newton_objective
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so exact that a line search may find nothing better
        least = min(objective(clf), newton_objective, newton(exact)[1])
    while same_objective > least * (1 + 1e-6) and tol > exact:
        tol /= 4
        same_s, same_objective, same = newton(tol)

    print(json.dumps(dict(
        config=name, sklearn=sklearn.__version__, documents=len(text), features=x.shape[1], nnz=int(x.nnz),
        vectorise_s=vectorise_s, fit_s=fit_s, iterations=int(np.max(clf.n_iter_)), objective=objective(clf),
        newton_cg_fit_s=newton_s, newton_cg_objective=newton_objective,
        newton_cg_same_fit_s=same_s, newton_cg_same_objective=same_objective, newton_cg_same_tol=tol,
        batch_docs_per_s=len(text2) / batch_s, single_p50_us=float(np.median(one)),
        single_mean_us=float(one.mean()), single_p99_us=float(np.percentile(one, 99)),
        **quality(proba, y2, clf.classes_),
        **quality(same.predict_proba(vec.transform(text2)), y2, same.classes_, "newton_cg_same_"),
        model_bytes=int(model_bytes(vec, clf)), **peak)), flush=True)


if __name__ == "__main__":
    main()
