"""POST /risk by FastAPI and scikit-learn, for run.sh.

usage: serve.py INCIDENTS.jsonl.gz MODEL     fits as run.sh has riskctl train: words and pairs, min_df=2, sublinear, C=10
       MODEL=MODEL python -m uvicorn serve:app
"""
import gzip
import json
import os
import sys

import joblib
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

LEVELS = ["low", "medium", "high"]


class Document(BaseModel):
    id: str = ""
    text: str
    tags: list[str] = []
    created_at: str | None = None


def fit(incidents, file):
    with gzip.open(incidents, "rt") as f:
        rows = [json.loads(line) for line in f]
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), LogisticRegression(C=10, max_iter=1000)
    )
    joblib.dump(model.fit([r["text"] for r in rows], [LEVELS.index(r["label"]) for r in rows]), file)


if __name__ == "__main__":
    fit(*sys.argv[1:])
    sys.exit()
model = joblib.load(os.environ["MODEL"])
app = FastAPI()


@app.post("/risk")
async def risk(doc: Document):
    p = model.predict_proba([doc.text])[0]
    score = float(p @ np.array([0, 0.5, 1]))
    return {
        "risk_score": score,
        "risk_label": LEVELS[int(np.searchsorted([1 / 3, 2 / 3], score, side="right"))],
        "risk_score_method": "ml",
        "risk_model_version": "1",
        "risk_threshold": 2 / 3 if score >= 2 / 3 else 1 / 3,
        "id": doc.id,
        "probabilities": dict(zip(LEVELS, p.tolist())),
        "escalated": False,
    }
