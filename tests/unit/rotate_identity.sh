#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# sealane rotate-identity: whatever state the files of a key are in, the right thing happens to them or nothing does.
set -uo pipefail

sealane=$(realpath "$1")
. "$(dirname "$(realpath "$0")")/tap.sh"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
umask 077

explain() { cat out err && ls -l; }

rotate() { # EXIT-CODE ARGUMENTS...: fails when the code is another, or the wrong one of out and err has a text
	run "$1" "$sealane" rotate-identity "${@:2}" || return 1
	if [ "$1" = 0 ]; then [ ! -s err ]; else [ ! -s out ]; fi
}

fails() { # NAME EXIT-CODE LINE ARGUMENTS...: fails with this one line, and no file has changed
	local name=$1 code=$2 line=$3 before after
	shift 3
	before=$(sums)
	rotate "$code" "$@" && [ "$(cat err)" = "$line" ]
	set -- $? "$name"
	after=$(sums)
	[ "$before" = "$after" ] || set -- 1 "$name (files have changed)"
	report "$@"
}

sums() { find . -type f ! -name out ! -name err -exec sha256sum {} + | sort; }
public() { "$sealane" pubkey <"$1"; }

# A gateway with a key and two peers; nothing else is there.
fresh() {
	rm -rf ./*
	"$sealane" genkey >a.key
	cat >a.conf <<END
[gateway]
name = alpha.example
private-key = a.key
[wire]
port = net_null0
address = 192.0.2.1/24
[plain]
port = net_null1
address = 10.1.0.1/16
[peer beta.example]
public-key = $("$sealane" genkey | "$sealane" pubkey)
endpoint = 192.0.2.2
prefixes = 10.2.0.0/16
[peer gamma.example]
public-key = $("$sealane" genkey | "$sealane" pubkey)
endpoint = 192.0.2.3
prefixes = 10.3.0.0/16
END
	cp a.key was.key
}

here=$dir
help="(try 'sealane --help')"
fresh

# ---- The way through

rotate 0 a.conf && cmp -s a.key was.key && [ -f a.key.next ] && [ ! -e a.key.old ] && ! cmp -s a.key.next a.key
report $? "a new key waits beside the old one"
[ "$(stat -c %a a.key.next)" = 600 ]
report $? "nobody else can read it"
grep -qF "public-key = $(public a.key.next)" out && ! grep -qF "$(public a.key)" out && grep -qF '[peer alpha.example]' out &&
	grep -q '^ *beta.example$' out && grep -q '^ *gamma.example$' out
report $? "the peers and what each is to know are told"
! grep -qF "$(sed -n 2p a.key.next)" out
report $? "the key itself is not"
cp out told && cp a.key.next next.key
rotate 0 a.conf && cmp -s out told && cmp -s a.key.next next.key && cmp -s a.key was.key
report $? "again: the same key, the same text"
rotate 0 a.conf --finish && cp out told && cmp -s a.key next.key && cmp -s a.key.old was.key && [ ! -e a.key.next ]
report $? "--finish puts the new key in place and keeps the old one"
[ "$(stat -c %a a.key a.key.old | sort -u)" = 600 ] && [ "$(stat -c %h a.key a.key.old | sort -u)" = 1 ]
report $? "both are private, and two files"
grep -qF "public-key = $(public was.key)" out && ! grep -qF "$(public a.key)" out &&
	grep -qF "signs with $(public a.key | cut -c 1-8)" out
report $? "what is left to do is told, with the old public key and the new fingerprint"
"$sealane" check a.conf >out 2>err
report $? "the configuration is good"
rotate 0 a.conf && cmp -s out told && rotate 0 a.conf --finish && cmp -s out told && cmp -s a.key next.key &&
	cmp -s a.key.old was.key
report $? "again, with --finish or without: nothing changes, the same is told"
rm a.key.old
rotate 0 a.conf && [ -f a.key.next ] && ! cmp -s a.key.next was.key && cmp -s a.key next.key
report $? "without the old key the next roll can begin"
rm a.key.next
[ "$(ls)" = "$(printf '%s\n' a.conf a.key err next.key out told was.key)" ]
report $? "nothing is left over"

# ---- States that an interruption leaves

fresh
rotate 0 a.conf && cp a.key.next next.key && ln a.key a.key.old
rotate 0 a.conf && grep -qF "the new key waits" out && cmp -s a.key was.key && cmp -s a.key.next next.key
report $? "stopped between keeping the old key and putting the new one in place: the new one still waits"
rotate 0 a.conf --finish && cmp -s a.key next.key && cmp -s a.key.old was.key && [ ! -e a.key.next ]
report $? "and --finish gets through"
fresh
ln a.key a.key.old
rotate 0 a.conf && [ -f a.key.next ] && cmp -s a.key was.key
report $? "given up after that: a roll begins as ever"
fresh
touch a.key.next.Ab12cd
rotate 0 a.conf && [ -f a.key.next ]
report $? "a draft that was never finished is in nobody's way"

# ---- Refusals

fresh
fails "--finish without a new key" 1 \
	"sealane: there is no new key $here/a.key.next, expected 'sealane rotate-identity a.conf' before --finish" a.conf --finish
echo rubbish >a.key.next
for option in '' --finish; do
	fails "a new key that is none ($option)" 1 \
		"sealane: $here/a.key.next holds no Ed25519 private key, expected what this command wrote there" a.conf $option
done
cp a.key a.key.next
fails "a new key that is the old one" 1 "sealane: $here/a.key.next holds the key that is in use, expected another (remove it)" \
	a.conf --finish
"$sealane" genkey >a.key.next && chmod 640 a.key.next
fails "a new key that others can read" 1 \
	"sealane: $here/a.key.next is no file, or readable by others, expected a file with mode 0600" a.conf --finish
rm a.key.next && mkdir a.key.next
fails "a folder in its place" 1 \
	"sealane: $here/a.key.next is no file, or readable by others, expected a file with mode 0600" a.conf
rmdir a.key.next && ln -s nowhere a.key.next
fails "a symbolic link to nowhere in its place" 1 "sealane: cannot read $here/a.key.next: No such file or directory" a.conf
rm a.key.next && "$sealane" genkey >a.key.next && "$sealane" genkey >a.key.old
for option in '' --finish; do
	fails "a new and an old key ($option)" 1 "sealane: there are both a new key $here/a.key.next and an old one, expected \
$here/a.key.old to be removed first" a.conf $option
done
fresh
echo 'colour = red' >>a.conf
fails "a configuration with a mistake" 1 "$("$sealane" check a.conf 2>&1)" a.conf
fresh
long=$(printf 'k%.0s' {1..250})
mv a.key "$long" && sed -i "s/a\.key/$long/" a.conf
fails "a folder that takes no such name" 1 "sealane: cannot make a file beside $here/$long: File name too long" a.conf
fresh
"$sealane" rotate-identity a.conf >/dev/full 2>err
[ $? = 1 ] && [ -f a.key.next ] && cmp -s a.key was.key
report $? "nobody could read what was printed: that is a failure, and can be asked again"
fails "without a file" 2 "sealane: rotate-identity: expected one configuration file $help"
fails "with two files" 2 "sealane: rotate-identity: expected one configuration file $help" a.conf b.conf
fails "with another option" 2 "sealane: rotate-identity: unknown option '--end', expected --finish $help" a.conf --end

# ---- Where keys are

fresh
mkdir secret && mv a.key secret/real.key && ln -s secret/real.key a.key
rotate 0 a.conf && rotate 0 a.conf --finish && [ -L a.key ] && cmp -s secret/real.key.old was.key && ! cmp -s a.key was.key
report $? "a key that is a symbolic link is replaced where it is"
fresh
mkdir sub && (cd sub && "$sealane" rotate-identity ../a.conf >../out 2>../err) && [ -f a.key.next ] && [ ! -s err ]
report $? "from another folder"
if [ "$(id -u)" = 0 ]; then
	fresh
	chown nobody:nogroup a.key
	rotate 0 a.conf && rotate 0 a.conf --finish && [ "$(stat -c '%U %G %a' a.key)" = "nobody nogroup 600" ]
	report $? "the new key belongs to whom the old one did"
else
	count=$((count + 1))
	echo "ok $count - the new key belongs to whom the old one did # SKIP needs root"
fi

finish
