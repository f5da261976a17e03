#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Secrets, and what proves that somebody knows one, are compared by sl_equal() or sl_icv_equal(), which take as long whatever is
# in them. That is looked for in the source: memcmp() and its like stop at the first difference.
set -uo pipefail
cd "$(dirname "$0")/../.."

number=0 failed=0
verdict() { # NAME LINES-THAT-SHOULD-NOT-BE
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		sed 's/^/# /' <<<"$2"
		echo "not ok $number - $1"
		failed=1
	fi
}

# A function of a file, from its head to its closing brace.
body() { # FILE FUNCTION
	awk -v name="$2(" '!on && index($0, name) && !/;/ {on = 1} on {print} on && /^}/ {exit}' "$1"
}

secrets='icv|cookie|expected|secret|seed|shared|salt|sk_[dp]|ppk->bytes|->key\b'
comparing='\b(memcmp|bcmp|strn?cmp|strn?casecmp)\('

# Statements in one line each, for a call may go on in the next.
statements() {
	find lib/crypto lib/esp lib/ike lib/dataplane app/gateway -name '*.[ch]' | xargs awk '
		{sub(/^[ \t]+/, ""); line = line $0 " "}
		/[;{}]$|\*\/$|^$/ {print FILENAME ": " line; line = ""}'
}
verdict "no secret is compared by memcmp" "$(statements | grep -E "$comparing.*($secrets)|($secrets).*$comparing")"

verdict "sl_equal is libsodium's" \
	"$(body lib/crypto/crypto.c sl_equal | grep -qF 'return sodium_memcmp(a, b, len) == 0;' || body lib/crypto/crypto.c sl_equal)"

# Both halves, and no branch.
icv=$(body lib/crypto/gcm.h sl_icv_equal)
verdict "sl_icv_equal has no branch" \
	"$(grep -E "$comparing|\b(if|for|while|switch|goto)\b|&&|\|\||\?" <<<"${icv:-the function is not where it was}")"
verdict "sl_icv_equal is found" "$([ -n "$icv" ] || echo "sl_icv_equal() is not in lib/crypto/gcm.h")"

echo "1..$number"
exit $failed
