# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# How tests are shown to notice faults: a copy of the tree is broken in one place at a time. For scripts that stand in the
# top folder of the tree, have this file read, say mutate for each fault, and then run_mutations. They define
#
#   prepare            in the copy: builds, and sees that the tests pass as the tree is; else bails out
#   notices TEST ...   builds the broken copy and runs the tests that the fault came with. Returns 0 when one fails, 1 when
#                      none does, and 2 when there was nothing to run. Says in $noticed which and why, and leaves $log
#
# Each fault is an exact text of a file and what stands there instead. One whose text is not found exactly once has failed: the
# code has changed and the fault must follow. A script that is called with --check tells that, of all its faults, and no more.

wanted=("$@") only_check=false
[ "${1:-}" != --check ] || { wanted=() only_check=true; }
names=() files=() olds=() news=() tests=()
log='' noticed=''

mutate() { # NAME FILE OLD NEW [TEST...]
	[ ${#wanted[@]} = 0 ] || [[ " ${wanted[*]} " == *" $1 "* ]] || return 0
	names+=("$1") files+=("$2") olds+=("$3") news+=("$4") tests+=("${*:5}")
}

# Replaces the one place of $2 in file $1 by $3.
replace() {
	python3 - "$@" <<'END'
import sys
name, old, new = sys.argv[1:]
text = open(name).read()
if text.count(old) != 1:
    sys.exit(f"{name}: found {text.count(old)} times: {old}")
open(name, "w").write(text.replace(old, new))
END
}

bail_out() { # WHY
	cat "$log"
	echo "Bail out! $1"
	exit 1
}

# Breaks the copy in place $1, asks the tests, and mends it.
try_mutation() {
	local file=${files[$1]} status=0
	cp "$file" kept
	if replace "$file" "${olds[$1]}" "${news[$1]}" >"$log" 2>&1; then
		# shellcheck disable=SC2086 # the names of tests have no spaces
		notices ${tests[$1]} || status=$?
	else
		status=2
	fi
	cp kept "$file"
	return $status
}

check_texts() {
	local i
	for i in "${!names[@]}"; do
		printf '%s\0' "${names[$i]}" "${files[$i]}" "${olds[$i]}"
	done | python3 -c '
import sys
fields = iter(sys.stdin.read().split("\0")[:-1])
texts, wrong, count = {}, 0, 0
for name, path, old in zip(fields, fields, fields):
    text = texts.setdefault(path, open(path).read())
    count += 1
    if text.count(old) != 1:
        wrong += 1
        print(f"# {name}: found {text.count(old)} times in {path}: {old}")
print("not ok" if wrong or not count else "ok", f"1 - the texts of {count} faults stand where they are broken\n1..1")
sys.exit(wrong > 0)'
}

# All that were wanted, as TAP. What has noticed each of them is then in results[], or why nothing has. Status 0: all noticed.
run_mutations() {
	local missed=0 status i
	if $only_check; then
		check_texts
		exit
	fi
	results=()
	copy=$(mktemp -d)
	log=$copy/log
	trap 'rm -rf "$copy"' EXIT
	[ ${#wanted[@]} = 0 ] || [ ${#names[@]} = ${#wanted[@]} ] || {
		echo "Bail out! known of '${wanted[*]}': ${names[*]}" && exit 2
	}
	git ls-files -co --exclude-standard | tar -c -T - | tar -x -C "$copy"
	cd "$copy" || exit 1
	prepare
	for i in "${!names[@]}"; do
		status=0 noticed=''
		try_mutation "$i" || status=$?
		[ $status != 2 ] || sed 's/^/# /' "$log"
		results+=("$noticed")
		echo "# ${noticed:-there was nothing to run}"
		if [ $status = 0 ]; then
			echo "ok $((i + 1)) - ${names[$i]}"
		else
			echo "not ok $((i + 1)) - ${names[$i]}"
			missed=$((missed + 1))
		fi
	done
	echo "# $((${#names[@]} - missed)) of ${#names[@]} faults noticed"
	echo "1..${#names[@]}"
	cd - >/dev/null || exit 1
	[ $missed = 0 ]
}
