#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The command line, as TAP: cli.sh PATH-OF-SEALANE
#
# The commands that need no gateway run as they are, with openssl as the judge of keys; `show` runs against
# telemetry_server.py, which answers as a gateway does, or as a broken one does.
set -uo pipefail

sealane=$(realpath "$1")
unit=$(dirname "$(realpath "$0")")
. "$unit/tap.sh"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
unset XDG_RUNTIME_DIR NO_COLOR
export RUNTIME_DIRECTORY="$dir/run"

# The command fails with this code, prints nothing else and complains in this one line.
fails() { # NAME EXIT-CODE LINE COMMAND...
	local name=$1 expected=$2 line=$3
	shift 3
	run "$expected" "$@" && [ ! -s out ] && [ "$(cat err)" = "$line" ]
	report $? "$name"
}

# The command succeeds in silence but for its output, which holds this text.
prints() { # NAME TEXT COMMAND...
	local name=$1 text=$2
	shift 2
	run 0 "$@" && [ ! -s err ] && grep -qF -e "$text" out
	report $? "$name"
}

has_lines() { # LINE...: what was printed has each of them
	local line
	for line; do
		grep -qxF -e "$line" out || return 1
	done
}

# ---- Usage

help="(try 'sealane --help')"
prints "--help lists the commands" "  check FILE  " "$sealane" --help
[ "$(wc -l <out)" -le 24 ] && ! grep -q '.\{81\}' out
report $? "--help fits a screen"
prints "--help behind a command" "Usage: sealane check FILE" "$sealane" check --help
prints "bench --help" "  --sessions N " "$sealane" bench --help
prints "show --help" "  --watch [SECONDS] " "$sealane" show --help
[ "$(grep -cE '^  (peers|sessions|ports|neighbours|routes|drops|ike|workers)  ' out)" = 8 ]
report $? "show --help tells all sections"
[ "$(wc -l <out)" -le 24 ] && ! grep -q '.\{81\}' out
report $? "show --help fits a screen"
prints "--version" "sealane 0.1.0 (ipsec-mb " "$sealane" --version
grep -qE '^sealane [0-9.]+ \(ipsec-mb [^,]+, libsodium [0-9.]+, DPDK [0-9.]+\)$' out
report $? "--version names the libraries"
fails "no command" 2 "sealane: expected a command $help" "$sealane"
fails "an unknown command" 2 "sealane: unknown command 'chek' $help" "$sealane" chek
fails "genkey with an argument" 2 "sealane: genkey: unexpected argument 'a.key', expected none $help" \
	"$sealane" genkey a.key
fails "pubkey with an argument" 2 "sealane: pubkey: unexpected argument '--der', expected --pem or none $help" \
	"$sealane" pubkey --der
fails "check without a file" 2 "sealane: check: expected one configuration file $help" "$sealane" check
fails "check with two files" 2 "sealane: check: expected one configuration file $help" "$sealane" check a b
fails "show with a wrong section" 2 \
	"sealane: show: unknown section 'gateway', expected peers, sessions, ports, neighbours, routes, drops, ike or workers $help" \
	"$sealane" show gateway
fails "show with two sections" 2 "sealane: show: unexpected argument 'drops', expected one section $help" \
	"$sealane" show peers drops
fails "show with a wrong option" 2 \
	"sealane: show: unknown option '--xml', expected --json, --watch or --gateway NAME $help" "$sealane" show --xml
for seconds in 0 86401 1x; do
	fails "show --watch=$seconds" 2 "sealane: show: expected 1 to 86400 seconds after --watch $help" \
		"$sealane" show --watch=$seconds
done
fails "show --watch 0" 2 "sealane: show: expected 1 to 86400 seconds after --watch $help" \
	"$sealane" show --watch 0 peers
fails "rekey without a peer" 2 "sealane: rekey: expected the name of one peer $help" "$sealane" rekey --ike
fails "rekey with two peers" 2 "sealane: rekey: expected the name of one peer $help" "$sealane" rekey a b
fails "reload does not take --ike" 2 "sealane: reload: unknown option '--ike', expected --gateway NAME $help" \
	"$sealane" reload --ike
fails "rekey with a wrong option" 2 \
	"sealane: rekey: unknown option '--child', expected --ike or --gateway NAME $help" "$sealane" rekey a --child
fails "rekey --gateway without a name" 2 "sealane: rekey: expected the name of a gateway after --gateway $help" \
	"$sealane" rekey a --gateway
fails "keylog without a folder" 2 "sealane: keylog: expected one folder to write the keys in $help" "$sealane" keylog
fails "keylog with a wrong time" 2 \
	"sealane: keylog: --time soon: expected seconds, or a time such as 500ms, 10s, 5m $help" \
	"$sealane" keylog --time soon keys
fails "keylog with no time at all" 2 \
	"sealane: keylog: --time 0s: expected seconds, or a time such as 500ms, 10s, 5m $help" \
	"$sealane" keylog --time 0s keys
fails "capture of nothing" 2 \
	"sealane: capture: expected --port wire, --port plain or --drops, or several of them $help" \
	"$sealane" capture file
fails "capture without a file" 2 "sealane: capture: expected one file, or - for standard output $help" \
	"$sealane" capture --drops
fails "capture of a port that is none" 2 "sealane: capture: --port lan: expected wire or plain $help" \
	"$sealane" capture --port lan file
fails "capture of too little" 2 "sealane: capture: --snaplen 15: expected 16 to 65535 bytes $help" \
	"$sealane" capture --drops --snaplen 15 file
fails "capture of no packets" 2 "sealane: capture: --count 0: expected a number of packets $help" \
	"$sealane" capture --drops --count 0 file
fails "capture with a peer of too long a name" 2 "sealane: capture: --peer: expected the name of a peer $help" \
	"$sealane" capture --drops --peer "$(printf 'x%.0s' {1..64})" file
fails "capture with an option without value" 2 "sealane: capture: expected a value after --count $help" \
	"$sealane" capture --drops --count
fails "trace to somebody who is nobody" 2 \
	"sealane: trace: --to host: expected an address, or a prefix such as 10.2.0.0/16 $help" "$sealane" trace --to host
fails "trace with an argument" 2 "sealane: trace: unexpected argument 'file' $help" "$sealane" trace file
fails "trace with a wrong option" 2 "sealane: trace: unknown option '--drops' $help" "$sealane" trace --drops
fails "reload with an argument" 2 "sealane: reload: expected no arguments $help" "$sealane" reload alpha.conf
fails "down without a peer" 2 "sealane: down: expected the name of one peer $help" "$sealane" down
fails "up with a wrong option" 2 "sealane: up: unknown option '--ike', expected --gateway NAME $help" "$sealane" up a --ike
fails "show --gateway without a name" 2 "sealane: show: expected the name of a gateway after --gateway $help" \
	"$sealane" show peers --gateway

# ---- Keys

rm out && (umask 077 && run 0 "$sealane" genkey && cp out a.key && [ ! -s err ])
report $? "genkey into a private file"
openssl pkey -in a.key -noout -text >out 2>err && grep -qi '^ED25519 Private-Key' out
report $? "openssl reads the key as Ed25519"
run 0 "$sealane" genkey && ! cmp -s out a.key
report $? "a second key is another"
(umask 022 && "$sealane" genkey >open.key 2>err) && grep -q '^sealane: warning: .*others can read' err
report $? "genkey warns about a file that others can read"
run 0 bash -c "'$sealane' genkey | cat" && [ ! -s err ]
report $? "genkey does not warn about a pipe"
run 0 "$sealane" pubkey --pem <a.key && openssl pkey -in a.key -pubout | cmp -s - out
report $? "pubkey --pem agrees with openssl"
run 0 "$sealane" pubkey <a.key &&
	openssl pkey -in a.key -pubout -outform DER | tail -c 32 | openssl base64 | cmp -s - out
report $? "pubkey agrees with openssl"
openssl genpkey -algorithm ed25519 -out b.key 2>err && run 0 "$sealane" pubkey --pem <b.key &&
	openssl pkey -in b.key -pubout | cmp -s - out
report $? "pubkey reads a key of openssl"
no_key="sealane: standard input holds no Ed25519 private key, expected PKCS#8 PEM as 'sealane genkey' writes it"
openssl genpkey -algorithm x25519 -out x.key 2>err
fails "pubkey refuses an X25519 key" 1 "$no_key" "$sealane" pubkey <x.key
fails "pubkey refuses nothing" 1 "$no_key" "$sealane" pubkey </dev/null
fails "pubkey refuses too much" 1 "$no_key" "$sealane" pubkey < <(cat a.key; head -c 8000 /dev/zero)
fails "genkey to a full disk" 1 "sealane: cannot write the key to standard output: No space left on device" \
	bash -c "'$sealane' genkey >/dev/full"
fails "pubkey to a full disk" 1 "sealane: cannot write to standard output: No space left on device" \
	bash -c "'$sealane' pubkey <a.key >/dev/full"

# ---- check

mkdir config && cp -r "$unit"/../config/* config && chmod 600 config/*.key config/*.ppk && chmod 644 config/open.key
cd config || exit 1
prints "check good-full.conf" "good-full.conf: ok, gateway alpha.example, 2 peers" "$sealane" check good-full.conf
fails "check a file that is not there" 1 \
	"none.conf: cannot open the configuration file: No such file or directory" "$sealane" check none.conf
for file in *.conf; do
	case $file in good-*) continue ;; esac
	expected=$(sed -n -e "s/^# expect: @//p;t" -e "s/^# expect: /$file:/p" "$file")
	fails "check $file" 1 "$expected" "$sealane" check "$file"
done
cd "$dir" || exit 1

# ---- show

start() { # NAME ANSWERS: a gateway that lives until stop
	coproc server { exec python3 "$unit/telemetry_server.py" "$RUNTIME_DIRECTORY" "$1" "$2" 2>server.err; }
	pid=$server_PID
	read -r -t 20 -u "${server[0]}" || { sed 's/^/# /' server.err && return 1; }
}
stop() { # also takes its folder away, unless it is said to stay
	eval "exec ${server[1]}>&-"
	wait "$pid" 2>/dev/null
	[ "${1:-}" = stay ] || rm -rf "$RUNTIME_DIRECTORY"
}

answers=$unit/show_answers.json
none="sealane: no gateway is running here (looked in $RUNTIME_DIRECTORY/dpdk)"
fails "show without a gateway" 1 "$none" "$sealane" show
fails "rekey without a gateway" 1 "$none" "$sealane" rekey beta.example
for debug in "keylog keys" "capture --drops file" trace; do
	# shellcheck disable=SC2086
	fails "${debug%% *} without a gateway" 1 "$none" "$sealane" $debug
done
[ ! -e keys ] && [ ! -e file ]
report $? "and without anything written"
fails "reload without a gateway" 1 "$none" "$sealane" reload
fails "show --gateway without that gateway" 1 "sealane: no gateway 'beta' is running here (looked in \
$RUNTIME_DIRECTORY/dpdk/sealane-beta): No such file or directory" "$sealane" show --gateway beta

start alpha.example "$answers" || report 1 "start the server"
prints "show names the gateway" "gateway: alpha.example" "$sealane" show
prints "show prints what is looked at" "  debugging: packets are captured" "$sealane" show
prints "show tells the gateway's own key" "  signs with: UZdUn3rf" "$sealane" show
prints "show tells which of its keys a peer uses" "  signs with: 6n6wIq0E, one of 2 keys" "$sealane" show peers
[ "$(grep -c 'signs with' out)" = 1 ]
report $? "show tells no key of a peer that has not signed yet"
prints "show prints times for people" "  running for: 2 hours 3 minutes" "$sealane" show
prints "show prints bytes for people" "  received: 2.50 MiB in 2000 packets" "$sealane" show
prints "show prints both SPIs of the IKE SA" \
	"  IKE SA: 0123456789abcdef_i fedcba9876543210_r, rekey in 3 hours 58 minutes" "$sealane" show
prints "show counts the child SAs" "  child SAs: 2, 1 in use" "$sealane" show
prints "show tells how often keys were replaced" "  rekeys: 9 of child SAs, 3 of the IKE SA" "$sealane" show
prints "show hints at losses" \
	"  loss: 15 of 2015 packets of the peer did not come (0.744 %), 3 of them still may" "$sealane" show
[ "$(grep -c '^  loss:' out)" = 1 ] && [ "$(grep -c '^  IKE SA:' out)" = 1 ]
report $? "show tells nothing about what there is not"
prints "show prints what fits the tunnel to a peer" "  mtu: 1438 inside the seal" "$sealane" show
prints "show prints the ports" "  mtu: 1500, VLAN 42" "$sealane" show
prints "show prints their addresses" "  addresses: 192.0.2.1/24, 2001:db8::1/64" "$sealane" show
prints "show disarms control characters" "  last error: no answer?[2J??2J" "$sealane" show peers
run 0 "$sealane" show peers && ! grep -q '^gateway\|^port' out
report $? "show peers prints peers only"
run 0 "$sealane" show && ! grep -q $'\033' out
report $? "show has no colour in a file"
prints "show sessions" "0x00000200  0xc0ffee00  beta.example  aes256gcm16  yes  yes    web        0  1d 1h  2.50 MiB" \
	"$sealane" show sessions
has_lines "0x00000200    41m 9s      4.29 G  256.00 GiB  1h 41m      8.59 G  512.00 GiB" \
	"0x00000400         -         999         0 B      1m           0      1023 B"
report $? "show sessions tells what is left of them"
[ "$(grep -c '^0x00000301' out)" = 0 ]
report $? "show sessions leaves out one that ended meanwhile"
prints "show sessions tells what was refused" \
	"0x00000400 refused 3 replayed, 2 late and 1 forged or damaged packets" "$sealane" show sessions
prints "show tells what the gateway may run out of" "  packet buffers: 4101 of 16383 in use" "$sealane" show
has_lines "  session slots: 4 of 131071 in use"
report $? "show tells how many sessions there may be"
prints "show ports prints their queues" "  queues: 4 in, 2 out" "$sealane" show ports
prints "show ports tells the speed" "  device: net_null0, link up with 25 Gbit/s" "$sealane" show ports
has_lines "  device: net_null1, link down"
report $? "show ports tells no speed of a link that is down"
prints "show ports" "  received: 2.67 MiB in 2000 packets, 4 missed, 5 without a buffer, 6 with errors" "$sealane" show ports
has_lines "  sent: 150 B in 1 packet, 7 failed"
report $? "show ports tells what was not sent"
prints "show neighbours" "wire   192.0.2.2  02:00:00:00:02:01  reachable   17s" "$sealane" show neighbours
has_lines "plain  10.1.0.7   -                  incomplete   2s" && [ "$(wc -l <out)" = 3 ]
report $? "show neighbours leaves out one that is gone"
prints "show routes to a peer" "inner    10.2.0.0/16   wire   peer beta.example" "$sealane" show routes
has_lines "inner    fd00:9::/64   plain  router fd00:1::fe" "outer    192.0.2.0/24  wire   the link"
report $? "show routes on links"
prints "show drops" " 123456  replay  the sequence number has been seen already" "$sealane" show drops
! grep -q runt out
report $? "show drops leaves out what did not happen"
prints "show ike" "    7  unknown-sa  dropped: no IKE SA has these SPIs" "$sealane" show ike
prints "show workers" \
	"     0     2000         1             2         17         1       1994           3          21  123458    5" \
	"$sealane" show workers
has_lines "     0      1  12.3 %       0.4 %     100.0 %            312     1.23 M"
report $? "show workers tells their load"
same_json() { # NAME PYTHON-EXPRESSION ARGUMENTS...: of `got`, what show printed, and `all`, what the gateway answers
	local name=$1 expression=$2
	shift 2
	run 0 "$sealane" show "$@" --json && python3 - "$answers" "$expression" >>err 2>&1 <<'PYTHON'
import json
import sys

got, all = json.load(open("out")), json.load(open(sys.argv[1]))
assert eval(sys.argv[2]), got
PYTHON
	report $? "$name"
}
run 0 python3 - "$answers" "$unit/../../app/man/sealane-show.1.scd" <<'PYTHON'
import json
import re
import sys

answers, page = json.load(open(sys.argv[1])), open(sys.argv[2]).read()
told = {name for row in re.findall(r"^\|  (.*)", page, re.M) for name in row.split(", ")}
fields = {name for answer in answers.values() if isinstance(answer, dict) for name in answer}
assert fields <= told, fields - told
PYTHON
report $? "the page tells every field"
same_json "show --json" "list(got) == ['gateway', 'peers', 'ports'] and got['gateway'] == all['/sealane/gateway']"
same_json "show peers --json" "got == {'peers': [all['/sealane/peer,' + n] for n in all['/sealane/peers']]}" peers
same_json "show workers --json" "got == {'workers': [all['/sealane/worker,0']]}" workers
same_json "show neighbours --json" "[n['age_s'] for n in got['neighbours']] == [17, 2]" neighbours
same_json "show routes --json" "got == {'routes': [all['/sealane/route,%d' % i] for i in range(3)]}" routes
same_json "show sessions --json" "got['sessions'][1] == all['/sealane/session,0x00000400']" sessions
same_json "show drops --json has all reasons" "len(got['drops']) == 3" drops
prints "show peers tells the handshakes" "  latest handshake: 2 minutes 3 seconds ago (1 done, 0 failed)" "$sealane" show peers
prints "rekey" "beta.example: rekeying the child SA" "$sealane" rekey beta.example
prints "rekey --ike" "beta.example: rekeying the IKE SA" "$sealane" rekey --ike beta.example --gateway alpha.example
fails "rekey a peer without a link" 1 \
	"sealane: the link with gamma.example is not up (see 'sealane show peers')" "$sealane" rekey gamma.example
fails "rekey an unknown peer" 1 "sealane: the gateway has no peer 'delta.example' (see 'sealane show peers')" \
	"$sealane" rekey delta.example
prints "show --gateway" "gateway: alpha.example" "$sealane" show --gateway=alpha.example
# --watch: for a while, into a pipe, and into a terminal of its own.
timeout 2.5 "$sealane" show peers --watch 1 >out 2>err
[ $? = 124 ] && [ ! -s err ] && [ "$(grep -c '^peer: beta' out)" -ge 2 ] && ! grep -q $'\033' out
report $? "show --watch prints one report after another"
timeout 1.5 "$sealane" show --json --watch=1 peers >out 2>err
python3 -c '
import json
text, reports = open("out").read(), []
while text.strip():
    report, end = json.JSONDecoder().raw_decode(text.lstrip())
    reports.append(report)
    text = text.lstrip()[end:]
assert len(reports) >= 2 and all(list(r) == ["peers"] for r in reports)' 2>>err
report $? "show --watch --json prints one object after another"
on_terminal() { # COMMAND...
	TERM=xterm timeout 1.5 script -qefc "$*" /dev/null </dev/null >out 2>err
}
on_terminal "'$sealane'" show peers --watch
[ "$(grep -c $'\033\\[2J' out)" = 1 ] && grep -q $'\033\\[32mup' out
report $? "show --watch clears a terminal, and there are colours"
NO_COLOR=1 on_terminal "'$sealane'" show peers
! grep -q $'\033' out && grep -q "state: up" out
report $? "no colours with NO_COLOR"
first=("${server[@]}") first_pid=$pid
start beta "$answers" 2>/dev/null || report 1 "start a second server"
fails "show with two gateways" 1 \
	"sealane: several gateways are running here (alpha.example, beta), expected --gateway NAME" "$sealane" show
stop stay
prints "show overlooks the folder of a gateway that ended" "gateway: alpha.example" "$sealane" show
server=("${first[@]}") pid=$first_pid
stop stay
fails "show when all have ended" 1 "$none" "$sealane" show
fails "show --gateway when it has ended" 1 "sealane: no gateway 'beta' is running here (looked in \
$RUNTIME_DIRECTORY/dpdk/sealane-beta): Connection refused" "$sealane" show --gateway beta
rm -rf "$RUNTIME_DIRECTORY"

# A gateway of somebody else: root asks as nobody, others shut themselves out of their own folder.
as_other() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		"$@"
	fi
}
denied() { # NAME MODE-OF-ROOT'S MODE-OF-ONE'S-OWN FOLDER LINE
	local name=$1 mode=$2 folder=$4 line=$5
	[ "$(id -u)" = 0 ] || mode=$3
	chmod "$mode" "$folder"
	if as_other test -x "$sealane"; then
		fails "$name" 1 "$line" as_other "$sealane" show
	else
		report 0 "$name # SKIP nobody can run $sealane"
	fi
	chmod 755 "$folder"
}
start alpha.example "$answers" || report 1 "start the server"
chmod 711 "$dir"
folder=$RUNTIME_DIRECTORY/dpdk/sealane-alpha.example
denied "show without permission" 0700 0600 "$folder" "sealane: no permission to ask the gateway in $folder, \
expected to be run by $(id -un) (or 'group = NAME' in its [gateway])"
denied "show outside of the group" 0750 0610 "$folder" "sealane: no permission to ask the gateway in $folder, \
expected to be run by $(id -un) or a member of group $(id -gn)"
denied "show where one may not look" 0700 0600 "$RUNTIME_DIRECTORY/dpdk" "sealane: no permission to ask the gateway in \
$RUNTIME_DIRECTORY/dpdk, expected to be run by $(id -un) (or 'group = NAME' in its [gateway])"
stop

# A gateway that answers wrong: one answer is replaced by this JSON.
broken() { # NAME COMMAND JSON LINE
	python3 -c 'import json, sys
answers = json.load(open(sys.argv[1]))
answers[sys.argv[2]] = json.loads(sys.argv[3])
json.dump(answers, open("broken.json", "w"))' "$answers" "$2" "$3"
	start alpha.example broken.json || report 1 "start the server"
	fails "$1" 1 "sealane: $4" "$sealane" show
	stop
}
broken "show from a gateway that dies" /sealane/peer,gamma.example '"hang up"' \
	"the gateway did not answer /sealane/peer,gamma.example: it has closed the connection"
broken "show from a gateway that talks nonsense" /sealane/ports '"not JSON"' \
	"the gateway did not answer /sealane/ports,0: its answer is not JSON"
broken "show from a gateway that answers something else" /sealane/ports '"something else"' \
	"the gateway's answer to /sealane/ports,0 is about something else"
broken "show without a value" /sealane/gateway '{"name": "alpha.example"}' \
	"the gateway's answer to /sealane/gateway has no proper 'version', is it of another version?"
broken "show with a value of the wrong type" /sealane/gateway '{"name": 7}' \
	"the gateway's answer to /sealane/gateway has no proper 'name', is it of another version?"
broken "show without a port that is listed" /sealane/port,wire null \
	"the gateway's answer to /sealane/port,wire has no proper 'role', is it of another version?"
broken "show without a list" /sealane/peers '{}' "the gateway's answer to /sealane/peers is not a list"
broken "show with a list of lists" /sealane/peers '[[]]' \
	"the gateway's answer to /sealane/peers is not a list of names"

finish
