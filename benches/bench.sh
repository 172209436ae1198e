#!/usr/bin/env bash
# The figures of the README's part on `zlog bench`, measured anew on this machine:
#
#     benches/bench.sh [--quick]
#
# Builds zlog with optimisation, and writes benches/results/DATE-bench.md, with the
# images DATE-bench.svg and DATE-pipeline.svg beside it. --quick measures next to
# nothing, to see whether all of it works. Takes about fifteen minutes; do nothing
# else on the machine meanwhile.
#
# Needs cargo and python3 with venv; PyZMQ goes into target/bench-venv.
# ZLOG=PATH measures that program instead of building one, OUT=DIR writes elsewhere.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

handlers=(--runs 5)
load=(--runs 5)
pipeline=(--runs 3 --size 100,1K,10K --subscribers 1,2,4)
if [[ ${1-} == --quick ]]; then
    handlers=(--runs 1 -n 200)
    load=(--runs 1 -n 200)
    pipeline=(--runs 1 -n 200 --size 100,1K)
elif [[ $# -gt 0 ]]; then
    echo "usage: benches/bench.sh [--quick]" >&2
    exit 2
fi

if [[ -z ${ZLOG-} ]]; then
    cargo build --release --locked
    ZLOG=target/release/zlog
fi
python=target/bench-venv/bin/python
if [[ ! -x $python ]]; then
    python3 -m venv target/bench-venv
    "$python" -m pip install --quiet pyzmq
fi

out=${OUT:-benches/results}
day=$(date -u +%F)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

# Runs zlog with these arguments after the first, which names the report of it.
measure() {
    echo "zlog ${*:2}" >&2
    "$ZLOG" "${@:2}" > "$work/$1.txt"
}

measure handlers bench "${handlers[@]}" --compare-python --python "$python" \
    --plot "$out/$day-bench.svg" --export-markdown "$work/handlers.md"
measure load bench "${load[@]}" --handlers file,file-sync,pub,queue-file,null --rate 5000 \
    --export-markdown "$work/load.md"
measure pipeline bench pipeline "${pipeline[@]}" \
    --plot "$out/$day-pipeline.svg" --export-markdown "$work/pipeline.md"

{
    printf '# zlog bench, %s\n\n    benches/bench.sh %s\n' "$day" "$*"
    printf '\n## What a log call costs\n\n'
    cat "$work/handlers.md"
    printf '\n![Throughput and latencies](%s-bench.svg)\n' "$day"
    printf '\n## Under a load of 5,000 calls/s\n\n'
    cat "$work/load.md"
    printf '\n## From emit to tail\n\n'
    cat "$work/pipeline.md"
    printf '\n![How rate and cost change](%s-pipeline.svg)\n' "$day"
} > "$work/bench.md"
mv "$work/bench.md" "$out/$day-bench.md"
echo "written: $out/$day-bench.md" >&2
