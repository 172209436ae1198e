#!/bin/sh
# What confirmed delivery costs: records per second from emit through a relay to a file, with and
# without spools, and how long fdatasync takes here.
#
#     benches/confirm.sh [RECORDS [ROUNDS]]
#
# Needs a release build. The rounds of both ways take turns, and the ratio is of one run.
set -eu
cd "$(dirname "$0")/.."
records=${1:-1000000}
rounds=${2:-5}
zlog=${ZLOG:-target/release/zlog}
work=$(mktemp -d)
export XDG_RUNTIME_DIR="$work/run"
mkdir -p "$XDG_RUNTIME_DIR"
relay=
trap 'kill $relay 2>/dev/null || true; rm -rf "$work"' EXIT

# run NAME RELAY_OPTIONS -- EMIT_OPTIONS: prints the records per second until the file has all.
run() {
    name=$1; shift
    own=; while [ "$1" != -- ]; do own="$own $1"; shift; done; shift
    rm -rf "$work/out" "$work/spool" "$work/emit"
    # shellcheck disable=SC2086
    "$zlog" relay --bind ipc://"$work"/in --publish-bind ipc://"$work"/pub --no-ask --quiet \
        --on-full block --file "$work/out,format=%(message)s" $own 2>"$work/log" &
    relay=$!
    until [ -S "$work/in" ] && [ -S "$work/pub" ]; do sleep 0.1; done
    begun=$(date +%s%N)
    "$zlog" emit --test "$records" --seed 1 --linger 600s --quiet --wait 10s \
        --connect ipc://"$work"/in "$@"
    kill "$relay"
    wait "$relay" || true
    took=$(($(date +%s%N) - begun))
    lines=$(grep -c '' "$work/out")
    [ "$lines" -ge "$records" ] || { echo "$name: $lines of $records lines" >&2; exit 1; }
    echo "$name $((records * 1000000000 / took))/s"
}

python3 - "$work" <<'END'
import os, statistics, sys, time
file = os.open(sys.argv[1] + "/sync", os.O_CREAT | os.O_WRONLY)
times = []
for _ in range(200):
    os.write(file, b"x" * 65536)
    begun = time.perf_counter()
    os.fdatasync(file)
    times.append((time.perf_counter() - begun) * 1e3)
times.sort()
print(f"fdatasync of 64 KiB: median {statistics.median(times):.2f} ms, 99 % {times[197]:.2f} ms")
END
for _ in $(seq "$rounds"); do
    run plain -- --on-full block
    run confirmed --spool "$work/spool" -- --spool "$work/emit" --confirm
    run handled --spool "$work/spool" --confirm-when handled -- --spool "$work/emit" --confirm
done | tee "$work/rates"
awk '{ sub("/s", "", $2); sum[$1] += $2; n[$1]++ } END {
    for (name in sum) printf "%s: mean %d/s, %.2f of plain\n", name, sum[name] / n[name],
        (sum[name] / n[name]) / (sum["plain"] / n["plain"])
}' "$work/rates"
