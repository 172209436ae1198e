#!/bin/sh
# Ten machines: runs a job, and sends its output to the collector. What the collector has not confirmed
# waits on this machine's disk. Keys: docs/security.md.
#
#     COLLECTOR=tcp://logs:12344 examples/scale/2-host.sh ./backup.sh
root=$(basename "$1" .sh)
exec zlog emit --root "$root" --spool "${SPOOL:-/var/spool/zlog}/$root" \
    --connect "${COLLECTOR:-tcp://logs:12344}" -- "$@"
