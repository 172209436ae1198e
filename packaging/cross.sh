#!/usr/bin/env bash
# Checks that zlog compiles for systems other than Linux with glibc. docs/compatibility.md says what
# works there.
#
#     packaging/cross.sh                      # all of them
#     packaging/cross.sh x86_64-pc-windows-gnu
#
# macOS: the whole command is checked, not linked, which needs Apple's SDK. Windows: the crates that Rust
# programs use. Linux with musl: the static binary of packaging/Containerfile, which is also run.
# Needs rustup, python3 with venv, and the network; zig, from PyPI, compiles C and C++.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

libraries=(-p zlog-core -p zlog-zmtp -p zlog-tracing)
tools=target/tools

python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check -r packaging/tools
PATH="$PWD/$tools/bin:$PATH"

check() {
    printf '\n== %s\n' "$1"
    rustup target add "$1"
    case "$1" in
        *-apple-darwin) cargo-zigbuild check --locked --target "$1" --bin zlog ;;
        *-windows-*) cargo check --locked --target "$1" "${libraries[@]}" ;;
        *-musl)
            cargo zigbuild --locked --target "$1" --bin zlog
            "${CARGO_TARGET_DIR:-target}/$1/debug/zlog" demo -n 2 --color never </dev/null
            ;;
        *)
            echo "$1: only macOS, Windows, and Linux with musl are checked here" >&2
            return 2
            ;;
    esac
}

if [ $# -eq 0 ]; then
    set -- "$(uname -m)-unknown-linux-musl" aarch64-apple-darwin x86_64-apple-darwin x86_64-pc-windows-gnu
fi
for target; do check "$target"; done
