#!/usr/bin/env python3
"""Writes what scikit-learn's vectorizers make of a few texts, for tfidf's tests: TfidfVectorizer over a grid of its
options, HashingVectorizer, and FeatureUnion.

usage: tfidf_fixture.py OUTPUT.json     (pip install scikit-learn==1.9.1)
"""
import itertools
import json
import random
import sys
import warnings

import numpy as np
import sklearn
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.pipeline import FeatureUnion
from sklearn.utils import murmurhash3_32

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
    "Crème brûlée à la carte: l'œuvre, déjà-vu, Ångström, Łódź, İstanbul, Straße und STRAẞE",
    "cre\u0300me bru\u0302le\u0301e a\u0300 la carte, A\u030angstro\u0308m, q\u0323\u0307 q\u0307\u0323, \u0301 \u0344x",
    "ﬁle ﬂow eﬃcient ﬆop ǆ Ǆ ĳssel ℡ № ㎏ ¼ cup x² H₂O ™ Ⅻ ｆｕｌｌ ＷＩＤＴＨ ¨ ´ \ufdfa",
    "데이터베이스 장애: 사용자가 로그인할 수 없습니다. \u1103\u1166이터 각 가",
    "ガギグゲゴ ｶﾞｷﾞ か\u3099 パーティー，東京 豈 \uf9d0",
    "two  spaces, tab\t\ttab, nbsp\u00a0\u00a0nbsp em\u2003\u2003em nel\u0085\u0085nel fs\x1c\x1dfs \t\u00a0\u2003\n end  ",
    " one\u00a0nbsp one\u2003em one\u0085nel one\x1cfs one\x1fus one\u2028ls one\u3000cjk one\u1680ogham one\u200bzero ",
    "\n\n  \t",
    "i",
    " a  I  ü  é  Σ  ",
    "ab cd, e. ab, Cd! aaaa aaa aa a aaaa",
    "Ёлка, йод, ΑΆ ΐ ΰ ᾴ Ǭ ǭ Ṩ ǡ Tiếng Việt, Čeština, Ğöz, ḗ",
    "Σίσυφος ΣΊΣΥΦΟΣ ΣΑΣ\u00ad ΑΣ\u0301Α ΑΣ\u2019Β ΑΣ: ΑΣ1 _ΑΣ_",
    "İI Iİ ŉ ſs \u212a \u212b µ \u2126 ẛ\u0323 ǅ ǈ ᾼ ᾈ Ꭰ ꭰ Ა ა Ⓐ Ⅷ 𐐀 𞤀",
    "Nightly backup failed: disk full on backup-03. The login page is slow for some users.",
    "aslxwnmo akqlrggi ajrfjpbr acqerwwr, aslxwnmo",
]

# The hashes of these, in the last text, are -1, -2^31, 0 and 2^31 - 1. They were found by turning the hash around.
EDGES = ["aslxwnmo", "akqlrggi", "ajrfjpbr", "acqerwwr"]

STOP_WORDS = ["the", "The", "is", "on", "and", "der", "und", "la", "a", "creme", "crème", "база", "not one word"]

# Terms of fixed vocabularies, beside some of those that the texts have.
VOCABULARY = ["slow", "the", "is down", "Database", "STRASSE", "storung", "crème", "x2", "no text has this", "e", " ", "th",
              " th", " the ", "a ", "ß", "é", "e\u0301", "he ", "zzz", "  ", "\u00a0", "D", "데이", "дан", " 2 "]

# The grid: every two levels of two factors meet in some case.
FACTORS = dict(
    terms=[("word", (1, 1)), ("word", (1, 2)), ("word", (2, 3)), ("word", (1, 16)), ("char", (1, 1)), ("char", (1, 3)),
           ("char", (3, 5)), ("char", (15, 16)), ("char_wb", (1, 2)), ("char_wb", (2, 4)), ("char_wb", (4, 6)),
           ("char_wb", (3, 16))],
    limits=[dict(), dict(min_df=2), dict(min_df=2, max_df=5), dict(min_df=0.05, max_df=0.3), dict(max_df=0.04),
            dict(max_features=40), dict(vocabulary=True)],
    tf=[dict(), dict(binary=True), dict(sublinear_tf=True), dict(binary=True, sublinear_tf=True)],
    idf=[dict(), dict(use_idf=False), dict(smooth_idf=False)],
    norm=["l2", "l1", None],
    fold=[dict(), dict(strip_accents="unicode"), dict(strip_accents="ascii"), dict(lowercase=False),
          dict(lowercase=False, strip_accents="unicode")],
    stop=[None, STOP_WORDS])

# Cases of which all texts are kept; of those of the grid each keeps one in six.
WHOLE = [
    dict(),
    dict(sublinear_tf=True),
    dict(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
    dict(ngram_range=(2, 3)),
    dict(min_df=0.1, max_df=0.3),
    dict(stop_words=STOP_WORDS, ngram_range=(1, 3)),
    dict(strip_accents="unicode"),
    dict(token_pattern=r"(?u)\b\w+\b", ngram_range=(1, 3), binary=True, use_idf=False),
    dict(analyzer="char", ngram_range=(1, 2), min_df=2),
    dict(analyzer="char_wb", ngram_range=(2, 3), min_df=2),
]

HASHING = [
    dict(),
    dict(n_features=7, norm="l1"),
    dict(n_features=7, binary=True, ngram_range=(1, 2)),
    dict(n_features=2**31 - 2, norm=None),
    dict(n_features=2**31 - 2, norm=None, analyzer="char_wb", ngram_range=(3, 5), alternate_sign=False),
    dict(n_features=100, norm=None, analyzer="char", ngram_range=(1, 3), strip_accents="unicode"),
    dict(n_features=1000, alternate_sign=False, lowercase=False, stop_words=STOP_WORDS),
    dict(n_features=100, token_pattern=r"(?u)\b\w+\b"),
    dict(n_features=1, strip_accents="ascii"),
]


def pairs(case):
    """Returns every two levels that meet in case, by their numbers."""
    return {(f, case[f], g, case[g]) for f, g in itertools.combinations(sorted(case), 2)}


def grid():
    """Returns cases in which every two levels of two factors meet, by drawing many and taking the best."""
    rng = random.Random(1)

    def draw():
        return {name: int(rng.random() * len(levels)) for name, levels in FACTORS.items()}

    wanted = set().union(*(pairs(draw()) for _ in range(20000)))
    cases = []
    while wanted:
        case = max((draw() for _ in range(500)), key=lambda c: len(wanted & pairs(c)))
        wanted -= pairs(case)
        cases.append({name: FACTORS[name][level] for name, level in case.items()})
    return cases


def options_of(case):
    """Returns a case of the grid as options of TfidfVectorizer."""
    analyzer, ngrams = case["terms"]
    options = dict(analyzer=analyzer, ngram_range=ngrams, norm=case["norm"],
                   **case["limits"], **case["tf"], **case["idf"], **case["fold"])
    if analyzer == "word":
        options["stop_words"] = case["stop"]
    if options.pop("vocabulary", False):
        names, _ = count(options)
        options["vocabulary"] = list(dict.fromkeys(VOCABULARY + names[::-1 - len(names) // 30]))
        if not options.get("smooth_idf", True):
            # The idf of a term in no text is infinite; riskkit refuses it.
            options["vocabulary"] = [term for term, n in zip(*count(options)) if n]
    if "max_features" in options:
        # scikit-learn breaks ties as the CPU's argsort happens to: a number that none crosses, or all.
        most = sorted(count(options)[1], reverse=True)
        clear = (k for k in range(min(options["max_features"], len(most) - 1), 0, -1) if most[k - 1] > most[k])
        options["max_features"] = next(clear, None)
    return options


def count(options):
    """Returns the terms of the texts and how often each occurs."""
    names = "analyzer", "ngram_range", "binary", "vocabulary", "strip_accents", "lowercase", "stop_words"
    counter = CountVectorizer(**{k: options[k] for k in names if k in options})
    counts = counter.fit_transform(TEXTS).sum(axis=0)
    return counter.get_feature_names_out().tolist(), np.asarray(counts).ravel().tolist()


def rows(x, step=1, first=0):
    """Returns the rows of x from first on, one in step. Values have 13 places, enough for a tolerance of 1e-12."""
    x = x.tocsr()
    x.sort_indices()
    out = []
    for i in range(first, x.shape[0], step):
        a, b = x.indptr[i:i + 2]
        out.append(dict(text=i, ind=x.indices[a:b].tolist(), val=x.data[a:b].round(13).tolist()))
    return out


def tfidf():
    """Returns the cases of TfidfVectorizer and the vocabularies that they name by number."""
    vocabularies, cases = [], []
    every = [(options, 1) for options in WHOLE] + [(options_of(case), 6) for case in grid()]
    for number, (options, step) in enumerate(every):
        vectorizer = TfidfVectorizer(**options)
        x = vectorizer.fit_transform(TEXTS)
        names = vectorizer.get_feature_names_out().tolist()
        if names not in vocabularies:
            vocabularies.append(names)
        case = dict(options=options, names=vocabularies.index(names), rows=rows(x, step, number % step))
        if vectorizer.use_idf:
            # The idf has few values: them, and which of them each term has.
            values, which = np.unique(vectorizer.idf_, return_inverse=True)
            case.update(idf=values.round(13).tolist(), which=which.tolist())
        cases.append(case)
    return vocabularies, cases


def hashing():
    return [dict(options=options, rows=rows(HashingVectorizer(**options).fit_transform(TEXTS), 1 + 2 * (i > 2)))
            for i, options in enumerate(HASHING)]


def union():
    """Returns a FeatureUnion of words and characters, and one with hashes, whose features have no names."""
    words, chars, hashes = dict(min_df=2), dict(analyzer="char_wb", ngram_range=(2, 3), min_df=3), dict(n_features=50)
    parts = [("words", TfidfVectorizer(**words)), ("chars", TfidfVectorizer(**chars))]
    weights = dict(words=0.75, chars=2.5)
    named = FeatureUnion(parts, transformer_weights=weights)
    x = named.fit_transform(TEXTS)
    more = FeatureUnion(parts + [("hashes", HashingVectorizer(**hashes))], transformer_weights=weights)
    return dict(words=words, chars=chars, hashes=hashes, weights=weights,
                names=named.get_feature_names_out().tolist(), rows=rows(x, 3),
                more=rows(more.fit_transform(TEXTS), 3, 1))


def main():
    warnings.simplefilter("ignore")  # stop words that no text could have, upper case in vocabularies
    vocabularies, cases = tfidf()
    words = EDGES + [text[:n] for n, text in enumerate(TEXTS)] + TEXTS
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(dict(origin=f"scikit-learn {sklearn.__version__}, internal/sklearn/tfidf_fixture.py",
                       texts=TEXTS, vocabularies=vocabularies, cases=cases, hashing=hashing(), union=union(),
                       murmurhash3=[dict(text=w, hash=murmurhash3_32(w)) for w in words]),
                  f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
