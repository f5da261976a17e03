#!/usr/bin/env bash
# Searches with the fuzz targets (tests/fuzz) for as long as wanted, on all processors.
#
#   scripts/fuzz.sh [SECONDS | Nm | Nh] [TARGET ...]   all targets share the time, default 10m
#   scripts/fuzz.sh --coverage [TARGET ...]            which lines of lib/ and app/ the corpora reach, file by file
#   scripts/fuzz.sh --minimise TARGET ...              from what was found, the least that reaches as much
#
# What a search finds to be new stays in build-fuzz/found-TARGET, and the next one begins there. What breaks a target is kept
# as build-fuzz/artefacts/TARGET-crash-..., -timeout-..., -oom-... with its log beside it, and the search goes on; run the
# target with that file to see it again. Once mended it belongs into tests/fuzz/corpus/TARGET, under a name that tells.
# --minimise writes build-fuzz/minimal-TARGET, to be looked at and moved there.
# At the end a table tells executions, and how many edges the corpus reached before and after. Ends with 1 if anything broke.
set -uo pipefail
cd "$(dirname "$0")/.."

dir=build-fuzz cores=$(nproc) mode=search
corpora=tests/fuzz/corpus

fail() {
	echo "fuzz.sh: $*" >&2
	exit 2
}

case ${1:-} in
--coverage) mode=coverage && shift ;;
--minimise) mode=minimise && shift ;;
-*) fail "unknown argument '$1', expected --coverage or --minimise" ;;
esac
seconds=600
if [ $mode = search ] && [[ ${1:-} =~ ^([0-9]+)([mh]?)$ ]]; then
	case ${BASH_REMATCH[2]} in h) unit=3600 ;; m) unit=60 ;; *) unit=1 ;; esac
	seconds=$((10#${BASH_REMATCH[1]} * unit))
	shift
fi
targets=("$@")
[ ${#targets[@]} -gt 0 ] || for corpus in "$corpora"/*/; do targets+=("$(basename "$corpus")"); done
for target in "${targets[@]}"; do
	[ -d "$corpora/$target" ] || fail "no target '$target', expected some of: $(ls "$corpora" | tr '\n' ' ')"
done

quietly() {
	local log
	log=$(mktemp)
	"$@" >"$log" 2>&1 || { cat "$log" && rm -f "$log" && exit 1; }
	rm -f "$log"
}

build() {
	echo "building $dir"
	[ -f $dir/build.ninja ] || CC=clang quietly meson setup $dir -Dfuzzing=true -Db_sanitize=address,undefined
	quietly ninja -C $dir fuzz
	export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
}

options() { # TARGET
	echo -timeout=20 -rss_limit_mb=4096 -max_len=8192 -print_final_stats=1
	case $1 in config | reload) echo -dict=tests/fuzz/config.dict ;; esac
}

# One target until its time is over, through whatever breaks it. A line of the table goes to $dir/sums.
search() { # TARGET SECONDS
	local name=$1 until=$((SECONDS + $2)) found=$dir/found-$1 log=$dir/artefacts/$1.log runs=0 first='' last='' broke=0 n before
	mkdir -p "$found"
	before=$(ls "$found" | wc -l)
	while [ $SECONDS -lt $until ] && [ $broke -lt 100 ]; do
		# shellcheck disable=SC2046
		if ! "$dir/tests/fuzz/fuzz_$name" -max_total_time=$((until - SECONDS)) $(options "$name") \
			-artifact_prefix="$dir/artefacts/$name-" "$found" "$corpora/$name" >"$log" 2>&1 </dev/null; then
			broke=$((broke + 1))
			n=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
			cp "$log" "${n:-$dir/artefacts/$name-broke-$broke}.log"
			echo "$name broke: ${n:-no artefact}" >&2
		fi
		n=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		[ -n "$n" ] || n=$(sed -n 's/^#\([0-9]*\)\t.*/\1/p' "$log" | tail -n 1)
		runs=$((runs + ${n:-0}))
		[ -n "$first" ] || first=$(sed -n 's/.*INITED cov: \([0-9]*\).*/\1/p' "$log")
		n=$(sed -n 's/.*cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
		last=${n:-$last}
	done
	printf '%-10s %12d %9s %9s %9d %7d\n' "$name" "$runs" "${first:--}" "${last:--}" $(($(ls "$found" | wc -l) - before)) \
		$broke >>$dir/sums
}

search_all() {
	local each=$((seconds * cores / ${#targets[@]})) broke
	[ ${#targets[@]} -ge "$cores" ] || each=$seconds
	mkdir -p $dir/artefacts
	: >$dir/sums
	for target in "${targets[@]}"; do
		while [ "$(jobs -rp | wc -l)" -ge "$cores" ]; do wait -n; done
		echo "$target for $each s"
		search "$target" "$each" &
	done
	wait
	printf '%-10s %12s %9s %9s %9s %7s\n' target executions edges then found broke
	sort $dir/sums
	broke=$(awk '{ sum += $6 } END { print sum + 0 }' $dir/sums)
	[ "$broke" = 0 ] || echo "what broke a target is in $dir/artefacts"
	[ "$broke" = 0 ]
}

minimise() {
	local target
	for target in "${targets[@]}"; do
		rm -rf "$dir/minimal-$target"
		mkdir -p "$dir/minimal-$target" "$dir/found-$target"
		# shellcheck disable=SC2046
		quietly "$dir/tests/fuzz/fuzz_$target" -merge=1 -use_counters=0 $(options "$target") "$dir/minimal-$target" \
			"$corpora/$target" "$dir/found-$target"
		echo "$dir/minimal-$target: $(ls "$dir/minimal-$target" | wc -l) files"
	done
}

# The programs that run a corpus once, compiled to count lines.
coverage() {
	local dir=build-fuzz-coverage target objects=()
	echo "building $dir"
	[ -f $dir/build.ninja ] || CC=clang quietly meson setup $dir -Dbuildtype=debug \
		-Dc_args='-fprofile-instr-generate -fcoverage-mapping' -Dc_link_args=-fprofile-instr-generate
	quietly ninja -C $dir fuzz
	rm -f $dir/*.profraw
	for target in "${targets[@]}"; do
		mkdir -p "build-fuzz/found-$target"
		LLVM_PROFILE_FILE=$dir/$target.profraw "$dir/tests/fuzz/fuzz_$target" "$corpora/$target" "build-fuzz/found-$target" \
			>"$dir/$target.tap" 2>&1 || echo "fuzz.sh: $target ended with $?, see $dir/$target.tap" >&2
		objects+=(-object "$dir/tests/fuzz/fuzz_$target")
	done
	llvm-profdata merge -o $dir/all.profdata $dir/*.profraw || exit 1
	llvm-cov export -summary-only -instr-profile=$dir/all.profdata "${objects[@]}" | python3 -c '
import json, os, sys
rows = []
for f in json.load(sys.stdin)["data"][0]["files"]:
    name = os.path.relpath(os.path.realpath(f["filename"]))
    if name.startswith(("lib/", "app/")):
        rows.append((name, f["summary"]["lines"]["count"], f["summary"]["lines"]["covered"]))
print("%-40s %7s %8s %8s" % ("file", "lines", "reached", "percent"))
for name, count, covered in sorted(rows) + [("all of these", sum(r[1] for r in rows), sum(r[2] for r in rows))]:
    print("%-40s %7d %8d %7.1f%%" % (name, count, covered, 100 * covered / max(count, 1)))'
}

case $mode in
search) build && search_all ;;
minimise) build && minimise ;;
coverage) coverage ;;
esac
