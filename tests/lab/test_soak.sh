#!/usr/bin/env bash
# A short scripts/soak.sh: SECONDS_OF_SOAK (default 20) of trouble for three gateways, of which nothing is left. As root.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP network namespaces need root"
	exit 0
fi
results=$(mktemp -d)
status=0
"$root/scripts/soak.sh" --seconds "${SECONDS_OF_SOAK:-20}" --seed 1 --results "$results" >"$results/out" 2>&1 || status=$?
# Each "ok" and "NOT" of the report is a case.
awk '
	/^  ok  / { sub(/^  ok  /, ""); print "ok " ++n " - " $0; next }
	/^  NOT / { sub(/^  NOT /, ""); print "not ok " ++n " - " $0; next }
	{ print "# " $0 }
	END { print "1.." n + 0 }' "$results/out"
[ $status = 0 ] || sed 's/^/# /' "$results/background.log"
rm -rf "$results"
exit $status
