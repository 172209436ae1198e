#!/usr/bin/env bash
# Every ratio of docs/performance.md, in one run on this machine. Writes
# benches/results/DATE-targets.md.
#
#     benches/targets.sh      # about half an hour, with the builds; do nothing else meanwhile
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=benches/results/$(date +%F)-targets.md

run() {
    printf '\n## `%s`\n\n```\n' "$*"
    "$@" 2>&1 || echo "failed with $?"
    printf '```\n'
}

cargo build --release --quiet --bin zlog
{
    echo "# All targets in one run"
    echo
    echo "$(date +%F), commit $(git rev-parse --short HEAD), $(nproc) cores, $(uname -sr)"
    run cargo bench --quiet -p zlog-zmtp --bench engine -- 3
    run python3 benches/throughput.py
    run python3 benches/engines.py target/release/zlog 3
    run python3 benches/relay.py --runs 3
    run python3 benches/socket_handler.py
    run python3 benches/rsyslog.py
    run cargo bench --quiet -p zlog-zmtp --bench fanout -- 2
    run python3 benches/latency.py
    run python3 benches/memory.py
    run target/release/zlog bench --handlers file,pub-tcp,pub-ipc --runs 3
} | tee "$out"
