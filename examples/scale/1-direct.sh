#!/bin/sh
# One machine: runs a job, and publishes its output to whoever watches.
#
#     zlog tail --file job.log,max-bytes=10M,backups=5     # in another terminal
#     examples/scale/1-direct.sh ./backup.sh
exec zlog emit --root "$(basename "$1" .sh)" -- "$@"
