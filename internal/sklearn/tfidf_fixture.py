#!/usr/bin/env python3
"""Writes what scikit-learn's TfidfVectorizer makes of a few texts, for tfidf's tests.

usage: tfidf_fixture.py OUTPUT.json     (pip install scikit-learn==1.9.1)
"""
import json
import sys

import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer

TEXTS = [
    "Database down: the primary database is not reachable, and all orders fail.",
    "The login page is slow for some users; p95 latency is 4.2 s.",
    "Printer on the 3rd floor out of paper again, again, AGAIN.",
    "Customer data exposed through a misconfigured bucket; data loss not confirmed.",
    "a b c 1 2 3 x_y z1 __ _a",
    "",
    "Nightly backup failed: disk full on backup-02, retry failed, disk replaced.",
    "Typo on the start page: 'welcom' instead of 'welcome'.",
    "No users affected. No data lost. Only the login of the test system is slow.",
    "Störung im Zahlungsdienst: Überweisungen schlagen fehl, STRASSE und Straße.",
    "Сбой базы данных: база данных недоступна, пользователи не могут войти.",
    "ΟΔΟΣ κλειστή· ο ΔΡΟΜΟΣ ΣΑΣ, ΣΑΣ'Α και Σ, ΑΣ. ΑΣ",
    "İstanbul'daki sunucu kapalı, IŞIK ve ışık, İİ",
    "数据库 故障，用户 无法登录。数据库 恢复",
    "データベース障害。ユーザーはログインできません",
    "قاعدة البيانات متوقفة ولا يمكن للمستخدمين الدخول",
    "डेटाबेस बंद है और उपयोगकर्ता लॉगिन नहीं कर सकते",
    "x² y³ ½½ Ⅷb ①② 𝐀𝐁 ９９ ٣٤ e\u0301te\u0301 \u00e9t\u00e9 naïve co\u00adop",
    "emoji 🔥🔥 fire🔥drill tab\tnew\nline zero\u200bwidth a\u00a0b cc\u00a0dd",
    "The database is slow. The database is down. The login is down.",
]

CASES = [
    dict(),
    dict(sublinear_tf=True),
    dict(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
    dict(ngram_range=(2, 3)),
    dict(min_df=2, max_df=5),
    dict(min_df=0.1, max_df=0.3),
    dict(max_features=10),  # a count that no tie crosses: scikit-learn breaks ties as the CPU's argsort happens to
    dict(stop_words=["the", "is", "on", "and"], ngram_range=(1, 3)),
    dict(ngram_range=(1, 1), max_df=0.15),
]


def main():
    cases = []
    for options in CASES:
        vectorizer = TfidfVectorizer(**options)
        x = vectorizer.fit_transform(TEXTS).tocsr()
        x.sort_indices()
        cases.append(dict(
            options=options,
            names=vectorizer.get_feature_names_out().tolist(),
            idf=vectorizer.idf_.tolist(),
            indptr=x.indptr.tolist(), indices=x.indices.tolist(), data=x.data.tolist()))
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(dict(origin=f"scikit-learn {sklearn.__version__} TfidfVectorizer, internal/sklearn/tfidf_fixture.py",
                       texts=TEXTS, cases=cases), f, ensure_ascii=False)
        f.write("\n")


if __name__ == "__main__":
    main()
