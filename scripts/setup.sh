#!/usr/bin/env bash
# Installs what Sealane needs to build, test and demonstrate itself on Debian 12 or 13. Safe to run again: when nothing
# is missing it only looks (no root, no network). This is the only script that calls apt.
#
#   scripts/setup.sh            everything: build, tests, demo
#   scripts/setup.sh --build    only what compiling and running the gateway needs
set -euo pipefail

build=(gcc g++ meson ninja-build pkg-config libdpdk-dev libipsec-mb-dev libsodium-dev libinih-dev libjansson-dev
	libpcap-dev libmicrohttpd-dev scdoc)
tests=(libcmocka-dev libbenchmark-dev gcovr clang clang-format llvm libclang-rt-dev git openssl
	python3 python3-scapy python3-cryptography python3-nacl dpdk-dev
	iproute2 ethtool nftables iputils-ping iputils-tracepath tcpdump tshark iperf3 curl nginx-light procps util-linux
	charon-systemd strongswan-swanctl strongswan-pki libcharon-extra-plugins libstrongswan-extra-plugins
	libstrongswan-standard-plugins
	systemd man-db gdb strace valgrind debhelper dpkg-dev lintian debootstrap
	wrk python3-grpcio python3-paho-mqtt mosquitto redis-server redis-tools openssh-client openssh-server
	chromium prometheus)
# Those of them whose package would run a server on this machine. Tests start their own, in namespaces.
servers=(mosquitto redis-server ssh prometheus)

case ${1:-} in
"") packages=("${build[@]}" "${tests[@]}") ;;
--build) packages=("${build[@]}") ;;
*) echo "setup.sh: unknown argument '$1'; expected nothing or --build" >&2 && exit 2 ;;
esac

say() { echo "setup: $*"; }

missing() {
	local name
	for name in "$@"; do
		dpkg-query -W -f '${Status}\n' "$name" 2>/dev/null | grep -q '^install ok installed' || echo "$name"
	done
}

need_root() {
	[ "$(id -u)" = 0 ] && return
	say "$1 must be installed, which needs root: run 'sudo scripts/setup.sh' once" >&2
	exit 1
}

install_packages() {
	local wanted
	mapfile -t wanted < <(missing "${packages[@]}")
	[ ${#wanted[@]} -eq 0 ] && return
	need_root "${wanted[*]}"
	say "installing ${wanted[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	without_starting_servers "${wanted[@]}"
}

# Debian's way to say so is a program that forbids it. At the next boot they stay away too, unless they were here before.
without_starting_servers() { # PACKAGES...
	local policy=/usr/sbin/policy-rc.d ours='' name
	local new=()
	for name in "${servers[@]}"; do
		[ -e "/lib/systemd/system/$name.service" ] || new+=("$name.service")
	done
	if [ ! -e $policy ]; then
		ours=$policy
		trap 'rm -f /usr/sbin/policy-rc.d' EXIT
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 0755 $policy
	fi
	apt-get install -y -qq --no-install-recommends "$@" >/dev/null
	[ -z "$ours" ] || rm -f $policy
	for name in "${new[@]}"; do
		systemctl disable "$name" >/dev/null 2>&1 || true
	done
}

# ipsec-mb 2.0 costs half the cycles of 1.3 on short packets. Debian 13 has it; its two packages also install on Debian
# 12, beside the library that DPDK's crypto driver keeps. They are fetched from the Debian mirror this machine already
# uses, through an apt configuration that is thrown away: the machine's own package sources stay as they are.
ipsec_mb_version() { dpkg-query -W -f '${Version}' libipsec-mb-dev 2>/dev/null || true; }

fetch_ipsec_mb_2() { # DIR
	local dir=$1 uri
	uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 'Component: main' |
		sort -u | head -n 1)
	[ -n "$uri" ] || return 1
	mkdir -p "$dir"/{lists,cache,empty} && touch "$dir/status" && chmod 0755 "$dir"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri trixie main" >"$dir/sources.list"
	local own=(-o "Dir::Etc::SourceList=$dir/sources.list" -o "Dir::Etc::SourceParts=$dir/empty"
		-o "Dir::State::Lists=$dir/lists" -o "Dir::State::status=$dir/status" -o "Dir::Cache=$dir/cache"
		-o "APT::Sandbox::User=root")
	apt-get "${own[@]}" update -qq && (cd "$dir" && apt-get "${own[@]}" download -qq libipsec-mb2 libipsec-mb-dev)
}

prefer_ipsec_mb_2() {
	case $(ipsec_mb_version) in 1.*) ;; *) return ;; esac
	[ "${SEALANE_IPSEC_MB:-2}" = 1 ] && return
	# Who cannot install has what is there: 1.3 works, only slower.
	[ "$(id -u)" = 0 ] || return 0
	say "fetching ipsec-mb 2.0 (installed: $(ipsec_mb_version))"
	local dir
	dir=$(mktemp -d)
	if fetch_ipsec_mb_2 "$dir" >"$dir/log" 2>&1 && dpkg -i "$dir"/*.deb >>"$dir/log" 2>&1; then
		say "ipsec-mb is now $(ipsec_mb_version)"
	else
		say "ipsec-mb 2.0 could not be had, staying with $(ipsec_mb_version): $(tail -n 1 "$dir/log")"
	fi
	rm -rf "$dir"
}

install_packages
prefer_ipsec_mb_2
