#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Runs those of a program's benchmarks that match a pattern for a moment, as TAP: that they work and report cycles, not
# how many.
check='
import json, sys
runs = json.load(sys.stdin)["benchmarks"]
sys.exit(not runs or any(run.get("tsc/packet", 0) + run.get("tsc/round", 0) <= 0 for run in runs))'

"$1" --benchmark_min_time=0.001 --benchmark_filter="$2" --benchmark_format=json 2>/dev/null | python3 -c "$check"
[ "${PIPESTATUS[*]}" = "0 0" ] && echo "ok 1 - ${1##*/}" || echo "not ok 1 - ${1##*/}"
echo "1..1"
