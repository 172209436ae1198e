#!/bin/sh
# Confirmed delivery for long: a million random schedules of its protocol, then processes that are
# killed again and again. Stops at the first failure.
#
#     tests/soak/confirm.sh [SCHEDULES [ROUNDS]]
#
# A schedule that fails names its seed: ZLOG_CONFIRM_SEED=SEED tests/soak/confirm.sh 1 0 replays it.
# CARGO_PROFILE=dev runs the schedules without an optimised build.
#
# Put what it prints, with the date and the machine, into benches/results/.
set -eu
cd "$(dirname "$0")/../.."
ZLOG_CONFIRM_SCHEDULES=${1:-1000000}
export ZLOG_CONFIRM_SCHEDULES
cargo test --quiet --profile "${CARGO_PROFILE:-release}" -p zlog-pipeline --lib confirm::tests:: -- --nocapture
echo "$(date -u +%FT%TZ): $ZLOG_CONFIRM_SCHEDULES schedules: no violation"
for round in $(seq "${2:-20}"); do
    ZLOG_FAULT_FACTOR=4 cargo test --quiet --test integration confirmed::kills::
    echo "$(date -u +%FT%TZ): $round rounds of kills: nothing lost, nothing repeated"
done
