#!/usr/bin/env bash
# Runs a unit test under valgrind: memcheck.sh REPORTS env NAME=VALUE... PROGRAM [ARGUMENT...]. Scripts, and tests that are
# under valgrind anyway, are left out.
set -uo pipefail
reports=$1
shift
at=1
while [ "${!at}" = env ] || [[ "${!at}" == *=* ]]; do at=$((at + 1)); done
program=${!at}
if [[ $program == */valgrind ]] || [ "$(head -c 4 "$program" | tail -c 3)" != ELF ] || [[ $program == /usr/bin/* ]]; then
	echo "ok 1 - ${program##*/} # SKIP no program of ours"
	echo "1..1"
	exit 0
fi
exec "${@:1:at-1}" valgrind --quiet --log-file="$reports/memcheck.%p" --leak-check=full --show-leak-kinds=definite \
	--errors-for-leak-kinds=definite --error-exitcode=99 --suppressions="$(dirname "$0")/memcheck.supp" "${@:at}"
