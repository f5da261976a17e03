#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Injects faults into two gateways while hosts ping through them, and writes a table of what came of each.
#
#   scripts/faults.sh                  all of them, as root; about six minutes
#   scripts/faults.sh --only TEXT      those whose name has TEXT in it
#   scripts/faults.sh --output FILE    where the table goes (default: faults.md)
#
# Installs what is missing (scripts/setup.sh) and builds. Everything runs in network namespaces (scripts/lab.sh), which are
# removed at the end, also when it is interrupted. Ends with 1 when a fault is not survived in the time that it may take, when
# anything was on the wire in clear, or when a key has sealed twice with one counter.
set -euo pipefail
export LC_ALL=C.UTF-8 # what other programs print is read here

usage() { sed -n '3,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

wrong() { echo "faults.sh: $1" >&2 && exit 2; }

output=faults.md only=
while [ $# -gt 0 ]; do
	case $1 in
	--only | --output)
		[ $# -ge 2 ] || wrong "$1 needs an argument"
		declare "${1#--}=$2"
		shift
		;;
	-h | --help) usage && exit 0 ;;
	*) wrong "unknown argument '$1'; expected --only TEXT or --output FILE" ;;
	esac
	shift
done
[ "$(id -u)" = 0 ] || wrong "network namespaces need root: sudo scripts/faults.sh"
output=$(realpath -m "$output")

cd "$(dirname "$0")/.."
# shellcheck source=lab.sh
. scripts/lab.sh
. tests/lab/faults.sh

build=${SEALANE_BUILD:-build}
scripts/setup.sh
[ -e "$build/build.ninja" ] || meson setup "$build"
ninja -C "$build" >/dev/null
SEALANE=$(realpath "$build/app/sealane")
faults_dir=$PWD/tests/lab
trap lab_down EXIT
faults_up
faults_run --table "$output" --only "$only"
