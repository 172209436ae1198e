#!/bin/sh
# Runs the rows of tests/faults.rs again and again, with more lines, and stops at the first failure.
#
#     tests/soak/faults.sh [MINUTES [FACTOR]]
#
# FACTOR multiplies the lines of each publisher. Put what it prints, with the date and the machine,
# into benches/results/.
set -eu
cd "$(dirname "$0")/../.."
minutes=${1:-60}
ZLOG_FAULT_FACTOR=${2:-10}
export ZLOG_FAULT_FACTOR
until=$(($(date +%s) + minutes * 60))
rounds=0
while [ "$(date +%s)" -lt "$until" ]; do
    cargo test --quiet --test integration faults::
    rounds=$((rounds + 1))
    echo "$(date -u +%FT%TZ): $rounds rounds, $ZLOG_FAULT_FACTOR times the lines: reported = lost"
done
