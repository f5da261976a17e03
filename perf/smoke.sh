#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Runs a benchmark program for a moment, as TAP: that it works and reports cycles, not how many.
out=$("$1" --benchmark_min_time=0.001 --benchmark_format=json 2>/dev/null) &&
	python3 -c 'import json, sys; sys.exit(any(b.get("tsc/packet", 0) + b.get("tsc/round", 0) <= 0 for b in json.load(sys.stdin)["benchmarks"]))' <<<"$out"
[ $? = 0 ] && echo "ok 1 - ${1##*/}" || echo "not ok 1 - ${1##*/}"
echo "1..1"
