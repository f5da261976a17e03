#!/usr/bin/env bash
# Builds the Debian package of this tree.
#
#   scripts/package.sh [FOLDER]     where to (build-package); the folder is made anew
#
# What is tracked by git is packaged, as it is in the tree now. The version is that of meson.build.
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -le 1 ] || { echo "package.sh: expected at most one argument, the folder" >&2 && exit 2; }
out=${1:-build-package}
version=$(sed -n "s/^ *version: '\(.*\)',/\1/p" meson.build | head -n 1)
maintainer=$(sed -n 's/^Maintainer: //p' scripts/debian/control)
export SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)

rm -rf "$out"
mkdir -p "$out/sealane-$version"
git ls-files -z | xargs -0 cp --parents -t "$out/sealane-$version"
cd "$out/sealane-$version"
mv scripts/debian debian
cat >debian/changelog <<END
sealane ($version) unstable; urgency=medium

  * Version $version, $(git -C "$OLDPWD" describe --always --dirty 2>/dev/null || echo "as it is in the tree").

 -- $maintainer  $(date -uR -d "@$SOURCE_DATE_EPOCH")
END
dpkg-buildpackage --build=binary --no-sign -j"$(nproc)" >../log 2>&1 || { tail -n 40 ../log >&2 && exit 1; }
cd ..
rm -rf "sealane-$version"
ls -1 *.deb
