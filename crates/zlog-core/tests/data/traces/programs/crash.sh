echo "2026-11-26 10:00:00 INFO up" >&2
./crash-cpp
./boom-cpp
echo "2026-11-26 10:00:02 INFO on" >&2
