#!/bin/sh
# Confirmed delivery for long: a million random schedules of its protocol, then processes that are
# killed again and again. Stops at the first failure.
#
#     tests/soak/confirm.sh [SCHEDULES [ROUNDS]]
#
# Put what it prints, with the date and the machine, into benches/results/.
set -eu
cd "$(dirname "$0")/../.."
ZLOG_CONFIRM_SCHEDULES=${1:-1000000}
export ZLOG_CONFIRM_SCHEDULES
cargo test --quiet --release -p zlog-pipeline --lib confirm::tests::
echo "$(date -u +%FT%TZ): $ZLOG_CONFIRM_SCHEDULES schedules: no violation"
for round in $(seq "${2:-20}"); do
    ZLOG_FAULT_FACTOR=4 cargo test --quiet --test integration confirmed::kills::
    echo "$(date -u +%FT%TZ): $round rounds of kills: nothing lost, nothing repeated"
done
