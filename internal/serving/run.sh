#!/bin/sh
# Loads riskhttp, a handler that only decodes and encodes the same JSON, and FastAPI with scikit-learn, in turn, with wrk.
#
# usage: internal/serving/run.sh TRAIN.jsonl.gz RECENT.jsonl.gz PYTHON [ROUNDS [SECONDS]]
#
# TRAIN is learned from, RECENT is posted: lines of {id, text, label}. PYTHON has
# fastapi, uvicorn[standard] and scikit-learn==1.9.1. Debian's wrk, Go, and free ports 8601 to 8604.
# PREFIX stands before the commands that are measured: "chrt -f 10", as root, on a machine that others use.
set -eu
cd "$(dirname "$0")/../.."
train=$(realpath "$1") recent=$(realpath "$2") python=$3 rounds=${4:-5} seconds=${5:-5}
prefix=${PREFIX:-}
temp=$(mktemp -d)
pids=
stop() {
  for pid in $pids; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$temp"
}
trap stop EXIT
trap 'exit 1' INT TERM

"$python" - "$recent" "$temp/bodies" <<'PY'
import gzip, json, sys
with gzip.open(sys.argv[1], "rt") as f, open(sys.argv[2], "w") as out:
    for row in list(map(json.loads, f))[:1000]:
        out.write(json.dumps({"id": row["id"], "text": row["text"]}) + "\n")
PY
go build -o "$temp/" ./examples/riskctl ./internal/serving
"$temp/riskctl" train -registry "$temp/registry" -data "$train" -ngrams 1,2 -min-df 2 -sublinear -C 10 > "$temp/log" 2>&1 || { cat "$temp/log"; exit 1; }
"$temp/riskctl" promote -registry "$temp/registry" > "$temp/log"
$prefix "$temp/serving" -registry "$temp/registry" > "$temp/log" & pids="$pids $!"
"$python" internal/serving/serve.py "$train" "$temp/model"
for workers in 1 2; do
  MODEL=$temp/model $prefix "$python" -m uvicorn --app-dir internal/serving --port $((8602 + workers)) --workers $workers \
    --no-access-log --log-level warning serve:app & pids="$pids $!"
done
for port in 8601 8602 8603 8604; do
  tries=0
  until curl -fs -o /dev/null -H 'Content-Type: application/json' -d '{"text":"fire"}' "http://127.0.0.1:$port/risk"; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { echo "nothing answers at port $port"; exit 1; }
    sleep 1
  done
done

"$python" -c 'import sys, fastapi, uvicorn, sklearn, pydantic
print("Python", sys.version.split()[0], "FastAPI", fastapi.__version__, "uvicorn", uvicorn.__version__,
      "pydantic", pydantic.VERSION, "scikit-learn", sklearn.__version__)'
go version
wrk -v 2>/dev/null | head -n 1 || true
load() {
  printf '%-24s ' "$1"
  $prefix wrk -t 1 -c "${3:-32}" -d "${seconds}s" -s internal/serving/post.lua "http://127.0.0.1:$2" -- "$temp/bodies" | tail -n 1
}
for _ in $(seq "$rounds"); do
  load riskhttp 8601
  load plain 8602
  load 'FastAPI, 1 process' 8603
  load 'FastAPI, 2 processes' 8604
done
