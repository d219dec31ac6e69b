#!/usr/bin/env bash
# Packs a binary for a release: `bash deploy/package.sh BINARY TARGET PAGES FOLDER`.
#
# PAGES is a folder with the manual pages (`cargo run --example manual -- PAGES`). The archive has the binary, its pages,
# completions for three shells, the unit for systemd and the licence. It depends on nothing but these files and
# SOURCE_DATE_EPOCH. A binary for a target with musl has to be static.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if (($# != 4)); then
    echo "usage: bash deploy/package.sh BINARY TARGET PAGES FOLDER" >&2
    exit 64
fi
binary=$(realpath "$1") target=$2 pages=$3 folder=$4
version=$("$binary" --version)
version=${version##* }
name=vt4ai-$version-$target

if [[ $target == *-musl* ]] && LC_ALL=C readelf --program-headers "$binary" | grep -w INTERP >/dev/null; then
    echo "$binary needs a loader, so it is not static" >&2
    exit 1
fi
# It has to work on a machine that has nothing else, too.
(cd / && env -i "$binary" lookup --demo --format json 44d88612fea8a8f36de82e1278abb02f || (($? == 2))) | grep malicious >/dev/null

work=$(mktemp -d)
# shellcheck disable=SC2064 # the folder of now
trap "rm -rf '$work'" EXIT
mkdir -p "$work/$name/man" "$work/$name/completions" "$folder"
install -m 755 "$binary" "$work/$name/vt4ai"
install -m 644 LICENSE CHANGELOG.md deploy/vt4ai.service "$work/$name"
install -m 644 "$pages"/*.1 "$work/$name/man"
"$binary" completions bash >"$work/$name/completions/vt4ai.bash"
"$binary" completions zsh >"$work/$name/completions/_vt4ai"
"$binary" completions fish >"$work/$name/completions/vt4ai.fish"
chmod -R u=rwX,go=rX "$work/$name"
tar --create --directory "$work" --sort=name --owner=0 --group=0 --numeric-owner --format=gnu \
    --mtime="@${SOURCE_DATE_EPOCH:-0}" "$name" | gzip --no-name --best >"$folder/$name.tar.gz"
echo "$folder/$name.tar.gz"
