#!/usr/bin/env python3
"""Writes what scikit-learn's vectorizers make of the real incidents, for TestIncidentsEqualsScikitLearn of tfidf:
vocabularies, idf, of every text the number and the sum of its values, and of all or some texts the values.

usage: tfidf_incidents.py FOLDER/tfidf_incidents.json ../shared/data/incidents-recent.jsonl.gz
       RISKKIT_FIXTURES=FOLDER go test -run IncidentsEqualsScikitLearn -v ./tfidf
"""
import gzip
import json
import sys

import numpy as np
import sklearn
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, HashingVectorizer, TfidfVectorizer

sys.dont_write_bytecode = True  # leaves no __pycache__ behind
from tfidf_fixture import rows  # noqa: E402

# Options, and of how many texts one has its values written.
TFIDF = [
    (dict(), 1),
    (dict(ngram_range=(1, 2), min_df=2, sublinear_tf=True), 1),
    (dict(ngram_range=(1, 3), min_df=3, max_df=0.2, stop_words=sorted(ENGLISH_STOP_WORDS), binary=True, norm="l1",
          smooth_idf=False, strip_accents="unicode"), 1),
    (dict(lowercase=False, use_idf=False, strip_accents="ascii", norm=None), 1),
    (dict(vocabulary=["wordpress", "sql injection", "injection", "remote", "Remote", "no incident says so"],
          ngram_range=(1, 2)), 1),
    (dict(analyzer="char", ngram_range=(1, 3), lowercase=False, min_df=5, norm=None), 20),
    (dict(analyzer="char", ngram_range=(6, 6), min_df=0.001, max_df=500, sublinear_tf=True), 20),
    (dict(analyzer="char_wb", ngram_range=(2, 4), min_df=3, max_df=0.5, sublinear_tf=True), 20),
    (dict(analyzer="char_wb", ngram_range=(3, 5), min_df=10, use_idf=False, norm="l1", strip_accents="ascii"), 20),
]

HASHING = [
    (dict(), 1),
    (dict(n_features=2**10, ngram_range=(1, 2), norm="l1"), 1),
    (dict(n_features=2**16, analyzer="char_wb", ngram_range=(2, 4), alternate_sign=False), 20),
]


def case(options, x, step):
    x = x.tocsr()
    return dict(options=options, rows=rows(x, step), counts=[int(n) for n in x.indptr[1:] - x.indptr[:-1]],
                sums=np.asarray(x.sum(axis=1)).ravel().tolist())


def main():
    with gzip.open(sys.argv[2], "rt", encoding="utf-8") as f:
        texts = [json.loads(line)["text"] for line in f]
    cases, hashing = [], []
    for options, step in TFIDF:
        vectorizer = TfidfVectorizer(**options)
        x = vectorizer.fit_transform(texts)
        cases.append(case(options, x, step) | dict(
            names=vectorizer.get_feature_names_out().tolist(),
            idf=vectorizer.idf_.tolist() if vectorizer.use_idf else None))
    for options, step in HASHING:
        hashing.append(case(options, HashingVectorizer(**options).fit_transform(texts), step))
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(dict(origin=f"scikit-learn {sklearn.__version__}, internal/sklearn/tfidf_incidents.py",
                       cases=cases, hashing=hashing), f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
