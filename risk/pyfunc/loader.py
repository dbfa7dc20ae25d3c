"""Predicts the risk of incident texts as riskkit's risk.Model in data/model.json does.

MLflow imports this file by the name that the MLmodel file gives and calls _load_pyfunc. It needs nothing but Python's
standard library; where pandas is loaded, as it is in MLflow, answers are DataFrames.
"""
import hashlib
import json
import math
import re
import sys
import unicodedata
from array import array
from bisect import bisect_left
from collections import Counter

FORMAT = 1
SHA256 = ""  # of the model.json that this file was written for

_SURROGATES = re.compile(r"[\ud800-\udfff]")
_SPACES = re.compile(r"\s\s+")


def _load_pyfunc(path, model_config=None):
    """Returns the Model of the file model.json, for MLflow."""
    with open(path, "rb") as f:
        data = f.read()
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256:
        raise ValueError(f"{path} has SHA-256 {digest}, want {SHA256}: it is damaged or of another model; fetch it again")
    return Model(json.loads(data))


class Model:
    """A linear classifier over the features of a text, with calibrated probabilities and levels cut from a score."""

    def __init__(self, d):
        if d["format"] != FORMAT:
            raise ValueError(f"model.json has format {d['format']}, this loader reads {FORMAT}")
        self.scale, self.thresholds = d["scale"], d["thresholds"]
        self.extract = _extractor(d["features"])
        self.classifier = _Linear(d["classifier"])
        self.calibrate = _calibrator(d["calibration"])
        tags = d.get("categories")
        self.tags, self.tag_classifier = (tags["names"], _Linear(tags["classifier"])) if tags else ([], None)
        self.columns = ["score", "level"] + ["p_" + level for level in self.scale] + (["categories"] if tags else [])

    def predict(self, model_input, params=None):
        """Assesses each text: a DataFrame, or a list of dicts where pandas is not loaded.

        model_input is a DataFrame with a column "text" or only one column, a Series or list of texts, a dict with
        "text", a list of those, or one text.
        """
        rows = [self.assess(text) for text in _texts(model_input)]
        pandas = sys.modules.get("pandas")
        if pandas is None:
            return rows
        index = model_input.index if isinstance(model_input, (pandas.DataFrame, pandas.Series)) else None
        return pandas.DataFrame(rows, columns=self.columns, index=index)

    def assess(self, text):
        """Returns the score, the level, the probability of each level and the categories of one text."""
        features = self.extract(_SURROGATES.sub("\ufffd", text))
        p = self.classifier.probabilities(features)
        self.calibrate(p)
        score = 0.0
        for rank, v in enumerate(p):
            score += rank * v
        score = _clipped(score / (len(p) - 1))
        level = 0
        while level < len(self.thresholds) and score >= self.thresholds[level]:
            level += 1
        row = {"score": score, "level": self.scale[level]}
        for name, v in zip(self.scale, p):
            row["p_" + name] = v
        if self.tags:
            shares = zip(self.tags, map(_logistic, self.tag_classifier.logits(features)))
            found = [{"name": name, "share": share} for name, share in shares if share >= 0.5]
            row["categories"] = sorted(found, key=lambda c: -c["share"])
        return row


def _texts(given):
    """Returns the list of the texts in what predict was given."""
    if hasattr(given, "columns"):  # a DataFrame
        names = list(given.columns)
        if "text" not in names and len(names) != 1:
            raise ValueError(f'the columns are {names}, want one named "text", or one alone')
        given = given["text" if "text" in names else names[0]]
    if hasattr(given, "tolist"):  # a Series or an array
        given = given.tolist()
    if isinstance(given, dict):
        given = _text_of(given)
    if isinstance(given, str):
        given = [given]
    texts = [_text_of(x) for x in given]
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"text {i} is {text!r:.100}, want a string")
    return texts


def _text_of(x):
    """Returns what x has under "text", or x if it is no dict; what stands alone in a list or dict counts too."""
    if isinstance(x, dict):
        if "text" not in x and len(x) != 1:
            raise ValueError(f'the keys are {list(x)}, want one named "text", or one alone')
        return x["text"] if "text" in x else next(iter(x.values()))
    return x[0] if isinstance(x, (list, tuple)) and len(x) == 1 else x


# Features: functions from a text to a list of pairs (index, value).


def _extractor(d):
    return {"tfidf": _tfidf, "hashing": _hashing, "union": _union}[d["kind"]](d)


def _tfidf(d):
    """Counts of the terms of a vocabulary, weighted and divided by their norm."""
    terms, binary, sublinear, norm = _analyzer(d), d["binary"], d["sublinear"], d["norm"]
    index = {term: i for i, term in enumerate(d["terms"])}
    idf = array("d", d["idf"]) if d["idf"] else None

    def extract(text):
        counts = Counter(map(index.get, terms(text)))
        counts.pop(None, None)  # terms that are not known
        values = []
        for i, n in counts.items():
            tf = 1.0 if binary else math.log(n) + 1 if sublinear else n
            values.append((i, tf * idf[i] if idf else tf))
        return _divided(values, norm)

    return extract


def _hashing(d):
    """Counts of all terms, each at the index that its hash says; half of them count below 0, unless unsigned."""
    terms, size, unsigned, binary, norm = _analyzer(d), d["num_features"], d["unsigned"], d["binary"], d["norm"]

    def extract(text):
        sums = {}
        for term, n in Counter(terms(text)).items():
            h = _murmur3(term.encode())
            if h >> 31:
                h = (1 << 32) - h
                n = n if unsigned else -n
            sums[h % size] = sums.get(h % size, 0) + n
        return _divided([(i, 1.0 if binary else n) for i, n in sums.items()], norm)

    return extract


def _union(d):
    """The features of all parts, one behind the other, times the weights of the parts."""
    parts, offset = [], 0
    for part in d["parts"]:
        parts.append((offset, part["weight"], _extractor(part["features"])))
        offset += part["num_features"]
    return lambda text: [(offset + i, w * v) for offset, w, extract in parts for i, v in extract(text)]


def _divided(values, norm):
    """Divides values by their norm, unless that is 0."""
    if norm == "none":
        return values
    if norm == "l1":
        total = sum(abs(v) for _, v in values)
    else:
        total = math.sqrt(sum(v * v for _, v in values))
    return [(i, v / total) for i, v in values] if total else values


# Terms.


def _analyzer(d):
    """Returns the function that cuts a text into terms."""
    fold, (least, most) = _folder(d["case"], d["accents"]), d["ngrams"]
    if d["analyzer"] == "word":
        words, stop = re.compile(r"\w+" if d["short_words"] else r"\w\w+").findall, set(d["stop_words"])

        def terms(text):
            kept = words(fold(text))
            if stop:
                kept = [w for w in kept if w not in stop]
            return _ngrams(" ", kept, least, most)

    elif d["analyzer"] == "char":

        def terms(text):
            return _ngrams("", _SPACES.sub(" ", fold(text)), least, most)

    else:  # char_wb: inside of words, with a space on either side

        def terms(text):
            for word in fold(text).split():
                word = " " + word + " "
                yield from _ngrams("", word, min(least, len(word)), most)

    return terms


def _ngrams(glue, units, least, most):
    """Yields each run of least to most neighbouring units, joined by glue."""
    for n in range(least, most + 1):
        yield from map(glue.join, zip(*(units[k:] for k in range(n))))


def _folder(case, accents):
    """Returns the function that lower-cases a text and removes its accents, as far as that is wanted."""

    def fold(text):
        if case == "simple":  # each character by itself: no final sigma, and no dot left over
            text = text.replace("\u0130", "i").replace("\u03a3", "\u03c3")
        if case != "keep":
            text = text.lower()
        if accents != "keep" and not text.isascii():
            text = unicodedata.normalize("NFKD", text)
            if accents == "ascii":
                text = text.encode("ascii", "ignore").decode()
            else:
                text = "".join(c for c in text if not unicodedata.combining(c))
        return text

    return fold


def _murmur3(data):
    """MurmurHash3 of 32 bits, seed 0, which Austin Appleby placed in the public domain."""
    mask, h, whole = 0xFFFFFFFF, 0, len(data) & ~3

    def mixed(k):
        k = k * 0xCC9E2D51 & mask
        return (k << 15 | k >> 17) * 0x1B873593 & mask

    for i in range(0, whole, 4):
        h ^= mixed(int.from_bytes(data[i:i + 4], "little"))
        h = ((h << 13 | h >> 19) * 5 + 0xE6546B64) & mask
    h ^= mixed(int.from_bytes(data[whole:], "little")) ^ len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & mask
    h = (h ^ h >> 13) * 0xC2B2AE35 & mask
    return h ^ h >> 16


# Probabilities.


class _Linear:
    """Logits that add up over the features."""

    def __init__(self, d):
        self.one_vs_rest, self.intercepts = d["one_vs_rest"], d["intercepts"]
        self.weights = [array("d", w) for w in d["weights"]]  # of each class

    def logits(self, features):
        logits = []
        for z, weights in zip(self.intercepts, self.weights):
            for i, v in features:
                z += weights[i] * v
            logits.append(z)
        return logits

    def probabilities(self, features):
        z = self.logits(features)
        if not self.one_vs_rest:
            return _softmax(z)
        return _shares([_logistic(v) for v in z])


def _calibrator(d):
    """Returns the function that replaces the probabilities in a list by calibrated ones."""
    method = d["method"]
    if method == "temperature":
        t = d["temperature"]

        def apply(p):
            if t != 1:
                p[:] = _softmax([math.log(max(v, 0) + 1e-12) / t for v in p])

    elif method == "sigmoid":
        maps = d["sigmoids"]

        def one(m, p):
            p = _clipped(p)
            return 1 / (1 + _exp(m["a"] * (math.log(p + 1e-12) - math.log(1 - p + 1e-12)) + m["b"]))

        def apply(p):
            _each(maps, one, p)

    elif method == "isotonic":
        maps = d["isotonics"]

        def apply(p):
            _each(maps, _isotonic, p)

    elif method == "none":

        def apply(p):
            pass

    else:
        raise ValueError(f"calibration {method!r} is unknown")
    return apply


def _each(maps, one, p):
    """Applies one map to each class, and brings the results to a sum of 1; of two classes only the second has a map."""
    first = len(p) - len(maps)
    for k, m in enumerate(maps):
        p[first + k] = _clipped(one(m, p[first + k]))
    p[:] = [1 - p[1], p[1]] if len(p) == 2 else _shares(p)


def _isotonic(m, v):
    """Straight lines between points, constant outside of them."""
    x, y = m["x"], m["y"]
    i = bisect_left(x, v)
    if i == len(x):
        return y[-1]
    if i == 0 or x[i] == v:
        return y[i]
    between = (y[i] - y[i - 1]) / (x[i] - x[i - 1]) * (v - x[i - 1]) + y[i - 1]
    return min(max(between, y[i - 1]), y[i])


def _softmax(z):
    top = max(z)
    return _shares([math.exp(v - top) for v in z])


def _shares(values):
    """Divides values by their sum; where that is 0, all get the same."""
    total = 0.0
    for v in values:
        total += v
    return [v / total if total else 1 / len(values) for v in values]


def _logistic(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def _exp(x):
    """The exponential function, infinite where math.exp raises an error."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _clipped(v):
    return min(max(v, 0.0), 1.0)
