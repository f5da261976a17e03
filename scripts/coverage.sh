#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# How much of lib/ the unit tests, the fuzz corpora and a few simulated histories run through: lines and branches of each
# file and folder. Fails when a test fails, or when less than 90 % of the lines of lib/esp, lib/ike or lib/net are run.
#
#   scripts/coverage.sh             the table; SEEDS (default 200) histories
#   scripts/coverage.sh --missing   also which lines are never run
#
# Builds into build-coverage, without optimization, so that lines are what the compiler makes of them.
set -euo pipefail
cd "$(dirname "$0")/.."

case "$*" in
"") missing=no ;;
--missing) missing=yes ;;
*) echo "coverage.sh: unknown arguments '$*'; expected nothing or --missing" >&2 && exit 2 ;;
esac

dir=build-coverage
scripts/setup.sh
report=$(mktemp -d)
trap 'rm -rf "$report"' EXIT

or_tell() { # COMMAND...
	"$@" >"$report/log" 2>&1 && return
	tail -n 60 "$report/log"
	echo "coverage.sh: failed: $*" >&2
	exit 1
}

# Counts are kept by atomics: some tests have threads.
[ -f $dir/build.ninja ] || or_tell meson setup $dir -Db_coverage=true -Dc_args=-fprofile-update=atomic -Dbuildtype=debug

# Those tests that are programs of this build: scripts around the whole gateway show little of its parts.
mapfile -t tests < <(meson introspect --tests $dir | python3 -c '
import json, os, sys
for test in json.load(sys.stdin):
    program = os.path.relpath(test["cmd"][0], sys.argv[1])
    if program.startswith(("tests/unit/test_", "tests/fuzz/")):
        print(test["name"] + "\t" + program)' $dir)
or_tell ninja -C $dir tests/sim/sim "${tests[@]#*$'\t'}"

find $dir -name '*.gcda' -delete
or_tell meson test -C $dir --no-rebuild "${tests[@]%$'\t'*}"
or_tell $dir/tests/sim/sim --seeds "${SEEDS:-200}"

or_tell gcovr --root . --filter lib/ $dir --json-summary "$report/summary" --txt "$report/text"
[ $missing = no ] || sed -n 's/^\(lib.*[^ ]\)  *[0-9][0-9]*  *[0-9][0-9]*  *[0-9]*%  *\([0-9].*\)/\1: \2/p' "$report/text"
python3 - "$report/summary" <<'END'
import itertools, json, os, sys

LEAST, HELD = 90, ("lib/esp", "lib/ike", "lib/net")
files = json.load(open(sys.argv[1]))["files"]
low = []


def row(name, these):
    def total(key):
        return sum(f[key] for f in these)

    lines = 100 * total("line_covered") / total("line_total")
    branches = 100 * total("branch_covered") / max(total("branch_total"), 1)
    print(f"{name:32} {total('line_total'):6} {lines:7.1f} % {branches:7.1f} %")
    return lines


print(f"{'':32} {'lines':>6} {'run':>9} {'branches':>9}")
files.sort(key=lambda f: (os.path.dirname(f["filename"]), f["filename"]))
for folder, these in itertools.groupby(files, lambda f: os.path.dirname(f["filename"])):
    these = list(these)
    for file in these:
        row("  " + file["filename"], [file])
    if row(folder, these) < LEAST and folder in HELD:
        low.append(folder)
missing = [folder for folder in HELD if not any(f["filename"].startswith(folder + "/") for f in files)]
for folder in low + missing:
    print(f"{folder}: less than {LEAST} % of its lines are run", file=sys.stderr)
sys.exit(1 if low or missing else 0)
END
