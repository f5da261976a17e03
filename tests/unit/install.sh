#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What is installed beside the executable, as TAP: install.sh PATH-OF-SEALANE BUILD-FOLDER
#
# Manual pages say what the program knows: it is asked for its commands, sections and keys. The unit is judged by
# systemd-analyze, the completion by what it offers.
set -uo pipefail

sealane=$(realpath "$1") build=$(realpath "$2")
unit_tests=$(dirname "$(realpath "$0")")
. "$unit_tests/tap.sh"
app=$(realpath "$unit_tests/../../app")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
mkdir run
export RUNTIME_DIRECTORY="$dir/run"

explain() { :; }

# ---- Manual pages

commands() { "$sealane" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\).*/\1/p'; }

# What the check of an unknown section or key says is known.
sections() {
	printf '[none]\n' >none.conf
	"$sealane" check none.conf 2>&1 | sed -n 's/.*unknown section \[none\], expected //p' | grep -o '\[[^]]*\]'
}

keys() { # SECTION
	printf '%s\nno-such-key = 1\n' "$1" >keys.conf
	"$sealane" check keys.conf 2>&1 | sed -n "s/.*unknown key 'no-such-key' in .*, expected //p" | sed 's/,\| or / /g' |
		tr -s ' ' '\n'
}

# The keys that the page describes in a section: "*key* = ..." or "*key*, *key*" begins a line.
described() { # SECTION
	awk -v section="# $1" '/^# /{in_it = $0 == section} in_it && /^\*/' "$app/man/sealane.conf.5.scd" |
		sed 's/ = .*//' | grep -o '\*[a-z-]*\*' | tr -d '*'
}

if command -v man >/dev/null && [ -e "$build/app/man/sealane.1" ]; then
	for page in "$build"/app/man/*.[0-9]; do
		LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>err >/dev/null && [ ! -s err ]
		report $? "manual page ${page##*/} is well formed" err
	done
else
	skip "manual pages are well formed" "no man or no scdoc here"
fi

for command in $(commands); do
	grep -q "^\*$command\*" "$app/man/sealane.1.scd" || [ -e "$app/man/sealane-$command.1.scd" ] || echo "$command"
done >missing
[ -n "$(commands)" ] && [ ! -s missing ]
report $? "every command is in sealane(1) or has a page of its own" missing

for page in "$app"/man/*.scd; do
	grep -q "'$(basename "$page" .scd)'" "$app/man/meson.build" || echo "$page"
done >missing
[ ! -s missing ]
report $? "every page is installed" missing

while read -r section; do
	diff <(keys "$section" | sort) <(described "$section" | sort) >missing && [ -n "$(keys "$section")" ]
	report $? "sealane.conf(5) has the keys of $section, and no other" missing
done < <(sections)

# ---- The package

# What setup.sh installs for building, but for what every Debian builder has.
scripts=$app/../scripts
sed -n '/^build=(/,/)/p' "$scripts/setup.sh" | grep -oE '\blib[a-z0-9-]*-dev\b|\bmeson\b|\bscdoc\b' | while read -r name; do
	sed -n '/^Build-Depends/,/^[^ B]/p' "$scripts/debian/control" | grep -qE "[ :]$name\b" || echo "$name"
done >missing
[ ! -s missing ]
report $? "the package is built with what setup.sh --build installs" missing

# ---- Examples

for example in "$app"/service/*.conf; do
	cp "$example" . && sed -n 's/^private-key *= *//p' "$example" | while read -r key; do
		(umask 077 && "$sealane" genkey >"$key")
	done
	"$sealane" check "${example##*/}" >err 2>&1
	report $? "example ${example##*/} is good" err
done

# ---- The unit

unit=$build/app/service/sealane@.service
if command -v systemd-analyze >/dev/null; then
	# The threshold is in tenths.
	systemd-analyze security --offline=true --no-pager --threshold=30 "$unit" >err 2>&1
	report $? "systemd finds the unit's exposure at most 3.0" err
	# It wants the program and the pages in place; what it knows better is what it does not know.
	systemd-analyze verify --man=no "$unit" >err 2>&1
	! grep -qE 'Unknown|Failed to parse|Invalid|ignoring' err
	report $? "systemd knows every line of the unit" err
else
	skip "the unit" "no systemd-analyze here"
fi

# ---- Completion

complete_line() { # WORDS...: what is offered for the last
	(
		PATH=$(dirname "$sealane"):$PATH
		source "$app/service/completion.bash"
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_sealane
		printf '%s\n' "${COMPREPLY[@]}"
	)
}

diff <(complete_line sealane '' | grep -v '^--' | sort) <(commands | sort) >err
report $? "completion offers every command" err
complete_line sealane show dr >err
[ "$(cat err)" = drops ]
report $? "completion offers sections of show" err
complete_line sealane rekey --i >err
[ "$(cat err)" = --ike ]
report $? "completion offers the options of a command" err

# A gateway runs, or what answers as one does.
coproc server { exec python3 "$unit_tests/telemetry_server.py" "$RUNTIME_DIRECTORY" alpha.example "$unit_tests/show_answers.json" 2>server.err; }
read -r -t 10 <&"${server[0]}"
complete_line sealane rekey b >err
[ "$(cat err)" = beta.example ]
report $? "completion offers the peers of the running gateway" err
complete_line sealane show --gateway '' >err
[ "$(cat err)" = alpha.example ]
report $? "completion offers running gateways" err
complete_line sealane rekey --gateway alpha.example b >err
[ "$(cat err)" = beta.example ]
report $? "completion asks the gateway that the line names" err

finish
