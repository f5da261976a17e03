# bash completion for sealane: its own help says what there is, the running gateway which peers.

_sealane_options() { # COMMAND: from its own help, or else from its line in that of all
	local help
	help=$(sealane "$1" --help 2>/dev/null)
	[[ $help == "Usage: sealane $1 "* ]] || help=$(grep -e "^  $1 " <<<"$help")
	grep -oE -e '--[a-z][a-z-]*' <<<"$help" | sort -u
}

_sealane_gateways() {
	local dir=/run
	[ "$(id -u)" = 0 ] || dir=${XDG_RUNTIME_DIR:-/tmp}
	dir=${RUNTIME_DIRECTORY:-$dir}/dpdk
	find "$dir" -maxdepth 1 -name 'sealane-*' -printf '%f\n' 2>/dev/null | sed 's/^sealane-//'
}

# What stands two levels deep in the answer is a peer's, not a part of it.
_sealane_peers() { # of the gateway that the line names, or else of the only one
	local gateway=() i
	for ((i = 1; i < COMP_CWORD - 1; i++)); do
		[ "${COMP_WORDS[i]}" != --gateway ] || gateway=(--gateway "${COMP_WORDS[i + 1]}")
	done
	sealane show peers --json "${gateway[@]}" 2>/dev/null | sed -n 's/^ \{6\}"name": "\([^"]*\)".*/\1/p'
}

_sealane_words() { # COMMAND
	if [ "$1" = show ]; then
		sealane show . 2>&1 | sed 's/.*expected //; s/ (try.*//; s/,\| or / /g'
	elif sealane --help 2>/dev/null | grep -q "^  $1 .*PEER"; then
		_sealane_peers
	fi
}

_sealane() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words=
	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		words="$(sealane --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p') --help --version"
	elif [ "$before" = --gateway ]; then
		words=$(_sealane_gateways)
	elif [ "$before" = --peer ]; then
		words=$(_sealane_peers)
	elif [[ $word == -* ]]; then
		words=$(_sealane_options "$command")
	else
		words=$(_sealane_words "$command")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

# Where it has nothing to say files are meant.
complete -o default -F _sealane sealane
