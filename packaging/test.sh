#!/usr/bin/env bash
# Installs what packaging/build.sh has built where nothing of it is yet, and tries each.
#
#     packaging/test.sh
#
# The .deb in a new Debian system, made by debootstrap: needs root, and a mirror. The .rpm by rpm,
# below an empty directory and without its script: no system of that kind can be had here. The wheel in a
# new virtual environment, and the archive in a directory. Needs debootstrap, rpm and python3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=$PWD/target/packages
scratch=$(mktemp -d)
trap 'umount "$scratch/debian/proc" 2>/dev/null; rm -rf "$scratch"' EXIT
export HOME=$scratch XDG_RUNTIME_DIR=$scratch

# Runs zlog by this command: a record comes from emit to tail.
try() {
    printf '\n== %s\n' "$*"
    "$@" --version
    "$@" demo -n 3 --color never </dev/null
}

# The command of README's section "Install" that begins so.
readme() {
    sed -n "s/^| a release.*| \`\($1.*\)\` |\$/\1/p" README.md | grep . ||
        { echo "README.md has no command for a release that begins with: $1" >&2; exit 1; }
}

(cd "$packages" && sha256sum --check --quiet SHA256SUMS)

debian=$scratch/debian
command=$(readme 'apt install')
debootstrap --variant=minbase bookworm "$debian" http://deb.debian.org/debian >"$scratch/log" ||
    { tail "$scratch/log"; exit 1; }
cp "$packages"/*.deb "$debian/root/"
mount -t proc proc "$debian/proc"
chroot "$debian" sh -ec "cd /root; export DEBIAN_FRONTEND=noninteractive; $command --yes --quiet"
chroot "$debian" sh -ec 'getent passwd zlog; dpkg --verify zlog'
try chroot "$debian" zlog
for file in usr/share/bash-completion/completions/zlog usr/lib/systemd/system/zlog-relay.service \
    usr/share/doc/zlog/examples/logrotate; do
    test -s "$debian/$file"
done
# Small systems leave man pages out; the package has them.
dpkg-deb --contents "$packages"/*.deb | grep --quiet man/man1/zlog-emit.1
chroot "$debian" sh -ec 'dpkg --purge zlog; ! test -e /usr/bin/zlog'

command=$(readme 'rpm --install')
rpm --root "$scratch/rpm" --initdb
(cd "$packages" && eval "$command --root '$scratch/rpm' --nodeps --noscripts --ignorearch")
rpm --root "$scratch/rpm" --query --list zlog | grep --quiet man1/zlog-emit.1
try "$scratch/rpm/usr/bin/zlog"

command=$(readme 'pip install')
python3 -m venv "$scratch/venv"
(cd "$packages" && PATH="$scratch/venv/bin:$PATH" && eval "$command --quiet")
try "$scratch/venv/bin/zlog"
"$scratch/venv/bin/python" -c 'import zlog_logging; print(zlog_logging.ZlogHandler.__name__)'

command=$(readme 'tar')
mkdir "$scratch/archive"
cp "$packages"/*.tar.gz "$scratch/archive"
(cd "$scratch/archive" && eval "$command")
try "$scratch"/archive/zlog-*/zlog
echo 'All packages work.'
