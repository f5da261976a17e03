#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# scripts/mesh.py: what it writes, what it leaves alone, what it refuses. tests/wire/test_mesh.py runs such a mesh.
set -uo pipefail

sealane=$(realpath "$1")
unit=$(dirname "$(realpath "$0")")
mesh=$(realpath "$unit/../../scripts/mesh.py")
. "$unit/tap.sh"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
export PYTHONDONTWRITEBYTECODE=1

explain() { cat out err && ls -lR fleet; }

writes() { run "$1" "$mesh" --sealane "$sealane" "${@:2}"; } # EXIT-CODE ARGUMENTS...

good() { writes 0 fleet.ini fleet && [ ! -s err ]; }

node() { # NUMBER NAME LINES...
	printf '[node %s]\nwire-address = 192.0.2.%s/24\nplain-address = 10.%s.0.1/16\n' "$2" "$1" "$1"
	shift 2
	[ $# = 0 ] || printf '%s\n' "$@"
}

defaults="[defaults]
wire-port = net_null0
plain-port = net_null1"

# What a broken inventory says, and that nothing is written.
refuses() { # NAME INVENTORY LINE...
	local name=$1
	printf '%s\n' "$2" >bad.ini
	shift 2
	rm -rf new
	writes 1 bad.ini new && [ ! -s out ] && [ "$(cat err)" = "$(printf '%s\n' "$@")" ] && [ ! -e new ] && [ -z "$(ls -d .new* 2>/dev/null)" ]
	report $? "$name"
}

state() { find fleet -type f -printf '%p %i %T@\n' | sort; }

# ---- What is written

{ echo "$defaults" && node 1 alpha.example && node 2 beta.example && node 3 gamma.example "esn = no"; } >fleet.ini
good && [ "$(grep -c ': new$' out)" = 12 ]
report $? "three nodes: twelve files"
[ "$(find fleet -type f | sort | tr '\n' ' ')" = "$(for n in alpha beta gamma; do
	printf "fleet/$n.example/$n.example.%s " conf key
	for o in alpha beta gamma; do [ $o = $n ] || printf "fleet/$n.example/peers.d/$o.example.conf "; done
done)" ]
report $? "each has its configuration, its key and its peers"
[ "$(find fleet -name '*.key' -perm 600 | wc -l)" = 3 ] && [ -z "$(find fleet -perm /077)" ]
report $? "nobody else can read any of it"
for n in alpha beta gamma; do "$sealane" check fleet/$n.example/$n.example.conf; done >out 2>err &&
	[ "$(grep -c ': ok, gateway [a-z]*.example, 2 peers$' out)" = 3 ]
report $? "sealane check likes each"
(cd fleet && for n in alpha beta gamma; do
	for o in */peers.d/$n.example.conf; do
		grep -qxF "public-key = $("$sealane" pubkey <$n.example/$n.example.key)" "$o" || exit 1
	done
done)
report $? "the others know each by its key"
[ "$(grep -l '^esn = no$' -r fleet | sort | tr '\n' ' ')" = \
	"fleet/gamma.example/peers.d/alpha.example.conf fleet/gamma.example/peers.d/beta.example.conf " ]
report $? "what a node says of its links is in its own files"

# ---- Again

before=$(state)
good && [ "$(state)" = "$before" ] && grep -q 'no files written' out
report $? "again: nothing is written"
node 4 delta.example >>fleet.ini
good && [ "$(join -v 1 <(echo "$before") <(state))" = "" ] && [ "$(grep -c ': new$' out)" = 8 ] && ! grep -q changed out
report $? "a node more: eight new files, no other is touched"
before=$(state)
sed -i 's/192.0.2.2/192.0.2.22/' fleet.ini
good && [ "$(grep -c ': changed$' out)" = 4 ] && grep -q '^endpoint = 192.0.2.22$' fleet/delta.example/peers.d/beta.example.conf
report $? "another address: its configuration and what the others know of it"
echo '[peer outside.example]' >fleet/alpha.example/peers.d/outside.conf
{ echo "public-key = $("$sealane" genkey | "$sealane" pubkey)" && echo 'prefixes = 10.77.0.0/16'; } >>fleet/alpha.example/peers.d/outside.conf
cp fleet/alpha.example/peers.d/outside.conf kept
sed -i '/delta/,$d' fleet.ini
good && [ "$(grep -c ': removed$' out)" = 3 ] && [ ! -e fleet/alpha.example/peers.d/delta.example.conf ] &&
	[ -f fleet/delta.example/delta.example.key ] && cmp -s kept fleet/alpha.example/peers.d/outside.conf
report $? "a node less: the others forget it; its key and files of other origin stay"
writes 1 fleet.ini fleet --sealane false
report $? "without a program that makes keys and checks: nothing"

# ---- A key roll in a mesh

"$sealane" rotate-identity fleet/beta.example/beta.example.conf >out 2>err && good && [ "$(grep -c ': changed$' out)" = 2 ] &&
	[ "$(grep -c '^public-key' fleet/alpha.example/peers.d/beta.example.conf)" = 2 ]
report $? "a node whose new key waits is known by both"
"$sealane" rotate-identity fleet/beta.example/beta.example.conf --finish >out 2>err && good &&
	[ "$(grep -c '^public-key' fleet/gamma.example/peers.d/beta.example.conf)" = 2 ]
report $? "and while its old key is kept"
rm fleet/beta.example/beta.example.key.old && good && [ "$(cat fleet/gamma.example/peers.d/beta.example.conf | sed -n 's/^public-key = //p')" = \
	"$("$sealane" pubkey <fleet/beta.example/beta.example.key)" ]
report $? "and then by the new one"

# ---- What is refused

two="$defaults
$(node 1 alpha)
$(node 2 beta)"
refuses "prefixes that overlap" "$two
prefixes = 10.9.0.0/16, 10.1.7.0/24" \
	"bad.ini:10: 10.1.7.0/24 behind node 'beta' overlaps 10.1.0.0/16 behind node 'alpha' (line 6), expected separate prefixes"
refuses "one node" "$defaults
$(node 1 alpha)" "bad.ini:1: 1 [node NAME] section, expected at least two"
refuses "nothing" "" "bad.ini:1: no [node NAME] section, expected at least two"
refuses "a node twice" "$two
$(node 3 alpha)" "bad.ini:10: node 'alpha' is given twice, first on line 4, expected another name"
refuses "an address twice" "$two
[node gamma]
wire-address = 192.0.2.1/24
plain-address = 10.3.0.1/16" "bad.ini:11: wire-address 192.0.2.1 is node 'alpha''s too (line 5), expected another"
refuses "no family in common" "$two
[node gamma]
wire-address = 2001:db8::1/64
plain-address = 10.3.0.1/16" \
	"bad.ini:11: wire-address has no IPv4, which is all that node 'alpha' has (line 5)" \
	"bad.ini:11: wire-address has no IPv4, which is all that node 'beta' has (line 8)"
refuses "several mistakes, all at once" "name = alpha
[defaults]
plain-address = 10.1.0.1/16
colour = red
wire-port
[nodes alpha]
eal = x
[node ..]
[node alpha
[node alpha]
wire-address = 192.0.2.1/24, 192.0.2.300/24
wire-mtu = 1500
wire-mtu = 1500" \
	"bad.ini:1: this stands before any section, expected [defaults] or [node NAME] above it" \
	"bad.ini:3: plain-address in [defaults], expected it in [node NAME]: each has its own" \
	"bad.ini:4: unknown key 'colour', expected one of $(python3 - "$mesh" <<'END'
import importlib.util, sys
spec = importlib.util.spec_from_file_location("mesh", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(", ".join(module.KEYS))
END
)" \
	"bad.ini:5: 'wire-port' has no value, expected KEY = VALUE" \
	"bad.ini:6: '[nodes alpha]' is not valid, expected [defaults] or [node NAME]" \
	"bad.ini:8: node '..' is not valid, expected a name of 1 to 63 letters, digits, '.', '-', '_' and '@', which does not begin with a dot" \
	"bad.ini:9: '[node alpha' is not valid, expected [defaults] or [node NAME]" \
	"bad.ini:10: node 'alpha' has no plain-address, expected plain-address = VALUE in it" \
	"bad.ini:10: node 'alpha' has no plain-port, expected plain-port = VALUE in it" \
	"bad.ini:10: node 'alpha' has no wire-port, expected wire-port = VALUE in it" \
	"bad.ini:11: wire-address '192.0.2.300/24' is not valid, expected addresses such as 10.1.0.1/16 or networks without host bits such as 10.2.0.0/16, with commas between them" \
	"bad.ini:13: wire-mtu is given twice, first on line 12, expected it once"
refuses "what sealane check refuses is said of the inventory" "$two
esn = maybe
wire-mtu = 20" \
	"bad.ini:10: esn 'maybe' is not valid, expected yes or no (in beta/peers.d/alpha.conf)" \
	"bad.ini:11: mtu '20' is not valid, expected 576 to 9000 (in beta/beta.conf)"
refuses "a wrong default is said once" "$defaults
cipher = des
$(node 1 alpha)
$(node 2 beta)" \
	"bad.ini:4: cipher 'des' is not valid, expected aes256gcm16 or aes128gcm16, or both with a comma between them (in alpha/peers.d/beta.conf)"
rm -f bad.ini && writes 1 bad.ini new && [ "$(cat err)" = "bad.ini: cannot read the inventory: No such file or directory" ]
report $? "no inventory"
before=$(state)
printf '[gateway]\n' >fleet/gamma.example/gamma.example.conf && cp fleet.ini bad.ini && writes 1 bad.ini fleet &&
	[ "$(head -n 1 err)" = "bad.ini:10: fleet/gamma.example/gamma.example.conf was not written by mesh.py, expected another name for it" ] &&
	[ "$(wc -l <fleet/gamma.example/gamma.example.conf)" = 1 ]
report $? "a file of other origin is not overwritten"
rm fleet/gamma.example/gamma.example.conf && good && chmod 644 fleet/alpha.example/alpha.example.key && writes 1 fleet.ini fleet &&
	grep -q "fleet/alpha.example/alpha.example.key is readable by others" err && ! grep -q '\.fleet\.' err
report $? "a key that others can read"
"$mesh" fleet.ini >out 2>err
[ $? = 2 ]
report $? "without a folder: wrong usage"

finish
