#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests.
#
#   scripts/test.sh                 every suite
#   scripts/test.sh unit wire ...   only these: unit sim fuzz wire lab interop perf package
#   scripts/test.sh --under asan|tsan|valgrind [SUITE ...]      the same, watched: see under.sh
#
# Each test is a program that speaks TAP (https://testanything.org), declared in a meson.build with its suite. Unit tests,
# simulations and fuzz corpora run twice: as built for use, and under AddressSanitizer and UBSan. The wire suite runs as
# an ordinary user, the lab, interop and package suites need root, and package a Debian mirror. As many tests run at a time as
# there are processors, but for those that disturb others. FUZZ_SECONDS (default 10) is how long each fuzz target searches,
# SEEDS how many histories the simulation tells (default: what takes about a minute in all).
# The last line is the sum: N passed, N failed, N skipped.
set -uo pipefail
cd "$(dirname "$0")/.."
top=$PWD

all=(unit sim fuzz wire lab interop perf package)
tree=build under='' watched=() only=() targets=() every=("${all[@]}")
if [ "${1:-}" = --under ]; then
	under=${2:-nothing}
	shift $(($# > 1 ? 2 : 1))
	# shellcheck source=scripts/under.sh
	. scripts/under.sh
fi
suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=("${every[@]}")
for suite in "${suites[@]}"; do
	case " ${all[*]} " in
	*" $suite "*) ;;
	*) echo "test.sh: unknown suite '$suite', expected some of: ${all[*]}" >&2 && exit 2 ;;
	esac
done

work=$(mktemp -d)
trap 'rm -rf "$work" "${reports:-}"' EXIT

wanted() { case " ${suites[*]} " in *" $1 "*) return 0 ;; *) return 1 ;; esac }

# Builds into the folder $1, set up with the meson options that follow. Of what searches only the fuzz targets.
build() {
	local dir=$1 what=("${targets[@]}")
	shift
	[ -f "$dir/build.ninja" ] || meson setup "$dir" "$@" || return 1
	[ "$dir" != build-fuzz ] || what=(fuzz)
	ninja -C "$dir" "${what[@]}"
}

# Tells what the program called $1 did, whose TAP is in the file $2, which ended with status $3 and was begun at $4.
count() {
	local name=$1 log=$2 status=$3 took=$((SECONDS - $4)) ok bad skips planned
	skips=$(grep -cE '^(not )?ok\b.*# SKIP' "$log")
	ok=$(grep -E '^ok\b' "$log" | grep -cv '# SKIP')
	bad=$(grep -E '^not ok\b' "$log" | grep -cv '# SKIP')
	planned=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$log" | tail -n 1)
	# A program that dies, or runs fewer tests than it said, has failed whatever it printed.
	if [ "$bad" = 0 ] && { [ "$status" != 0 ] || [ "${planned:-x}" != $((ok + skips)) ]; }; then
		bad=1
		echo "not ok - ended with status $status after $((ok + skips)) of ${planned:-no} planned tests" >>"$log"
	fi
	echo "$ok $bad $skips" >>"$work/sums"
	printf '%-44s %4d passed %3d failed %3d skipped %5d s\n' "$name" "$ok" "$bad" "$skips" "$took"
	grep -E '^(not )?ok\b.*# SKIP' "$log" | sed 's/^/    /'
	[ "$bad" = 0 ] || tail -n 60 "$log" | sed 's/^/    /'
}

# One test program: its name, how many seconds it may take, and the command.
run_test() { # DIR SUITE NAME LIMIT COMMAND...
	local dir=$1 name="$1: $2: $3" limit=$4 begun=$SECONDS log report
	log=$(mktemp -p "$work")
	shift 4
	(cd "$dir" && exec env MALLOC_PERTURB_=7 CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 "$limit" "$@") >"$log" 2>&1 </dev/null
	local status=$?
	[ -z "$under" ] || add_reports "$log"
	report=$(count "$name" "$log" $status "$begun")
	printf '%s\n' "$report"
}

# Until fewer than $1 tests run. It takes more than one wait: what lists the tests is waited for, too.
wait_for_room() {
	while [ "$(jobs -rp | wc -l)" -ge "$1" ]; do wait -n; done
}

# Runs the tests of a suite of a build folder, or those of them that are in `only`, so many at a time; at last one by one those
# that disturb others (is_parallel: false). What follows stands before each command.
run_suite() { # DIR SUITE JOBS COMMAND...
	local dir=$1 suite=$2 jobs=$3 command
	shift 3
	while IFS=$'\t' read -r -a command; do
		[[ ${#only[@]} = 0 || " ${only[*]} " == *" ${command[0]} "* ]] || continue
		wait_for_room "${command[1]/many/$jobs}"
		run_test "$dir" "$suite" "${command[0]}" "${command[2]}" "$@" "${command[@]:3}" &
	done < <(meson introspect --tests "$dir" | python3 -c '
import json, sys
tests = [test for test in json.load(sys.stdin) if any(suite.split(":")[-1] == sys.argv[1] for suite in test["suite"])]
for test in sorted(tests, key=lambda test: not test["is_parallel"]):
    env = [key + "=" + value for key, value in test["env"].items()]
    print("\t".join([test["name"], "many" if test["is_parallel"] else "1", str(int(test["timeout"] * 2)), "env"] + env + test["cmd"]))
' "$suite")
	wait
}

skip_suite() {
	local log
	log=$(mktemp -p "$work")
	printf 'ok 1 - %s # SKIP %s\n1..1\n' "$1" "$2" >"$log"
	count "$1" "$log" 0 $SECONDS
}

# The wire suite proves that no privilege is needed: root steps down, where the tree can be read by others.
run_wire() {
	local as=()
	if [ "$(id -u)" = 0 ] && setpriv --reuid=nobody --regid=nogroup --clear-groups test -x "$top/$tree/app/sealane"; then
		as=(setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME=/tmp)
	fi
	run_suite "$tree" wire "$at_once" "${watched[@]}" "${as[@]}"
}

run_in_namespaces() { # SUITE
	if [ "$(id -u)" = 0 ]; then
		run_suite "$tree" "$1" "$at_once" "${watched[@]}"
	else
		skip_suite "$1" "namespaces need root"
	fi
}

# A short search from the corpus. What it finds stays in build-fuzz for a look, and belongs into the corpus once mended.
search() { # TARGET
	local name=${1##*/fuzz_} begun=$SECONDS found log
	found=build-fuzz/found-$name
	log=$(mktemp -p "$work")
	mkdir -p "$found"
	if timeout -k 10 $((FUZZ_SECONDS * 4 + 60)) "$1" -max_total_time="$FUZZ_SECONDS" -timeout=20 -rss_limit_mb=4096 \
		-max_len=8192 -print_final_stats=1 -artifact_prefix="$found/crash-" "$found" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
		printf '%s: %s executions\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
		printf 'ok 1 - search %s\n1..1\n' "$name" >"$log"
	else
		printf 'not ok 1 - search %s\n1..1\n' "$name" >>"$log"
	fi
	count "build-fuzz: fuzz: $name, $FUZZ_SECONDS s" "$log" 0 "$begun"
}

search_all() {
	local target
	for target in build-fuzz/tests/fuzz/fuzz_*; do
		[ -x "$target" ] && [ -f "$target" ] || continue
		wait_for_room "$at_once"
		search "$target" &
	done
	wait
}

build_or_stop() { # DIR MESON-OPTIONS...
	echo "building $1"
	build "$@" >"$work/build" 2>&1 && return
	cat "$work/build"
	echo "building $1 failed"
	echo "0 1 0" >>"$work/sums"
	finish
}

# Versions of clang-format disagree; Debian 12's decides.
format() {
	local begun=$SECONDS
	if ! clang-format --version | grep -q 'version 14\.'; then
		skip_suite clang-format "another version than 14 is installed"
		return
	fi
	if git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror >"$work/format" 2>&1; then
		printf 'ok 1 - clang-format\n1..1\n' >>"$work/format"
	else
		printf 'not ok 1 - clang-format\n1..1\n' >>"$work/format"
	fi
	count "clang-format" "$work/format" 0 "$begun"
}

# Prints the sum, and ends.
finish() {
	echo "took $SECONDS s"
	awk '{ ok += $1; bad += $2; skip += $3 }
		END { printf "%d passed, %d failed, %d skipped\n", ok, bad, skip; exit bad > 0 }' "$work/sums"
	exit
}

FUZZ_SECONDS=${FUZZ_SECONDS:-10}
at_once=$(nproc)
scripts/setup.sh || exit 1
[ -z "$under" ] || run_under
build_or_stop build
if wanted unit || wanted sim || wanted fuzz; then
	build_or_stop build-asan -Db_sanitize=address,undefined -Dbuildtype=debugoptimized
	export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
fi
! wanted unit || format
for suite in unit sim fuzz; do
	if wanted "$suite"; then
		run_suite build "$suite" "$at_once"
		run_suite build-asan "$suite" "$at_once"
	fi
done
if wanted fuzz; then
	CC=clang build_or_stop build-fuzz -Dfuzzing=true -Db_sanitize=address,undefined
	search_all
fi
! wanted wire || run_wire
! wanted lab || run_in_namespaces lab
# strongSwan mostly waits for its timers, and the package for its mirror; of benchmarks only is seen that they run.
! wanted package || run_in_namespaces package &
! wanted perf || run_suite build perf 1 &
! wanted interop || run_in_namespaces interop &
wait
finish
