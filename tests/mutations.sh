#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Shows that the checks which keep attackers out are tested: leaves out or weakens one at a time in a copy of the tree, and
# expects the tests that should notice to fail. They are the fast ones, under AddressSanitizer and UBSan as in test.sh.
#
#   tests/mutations.sh            every fault, as TAP, ten minutes; writes the table tests/mutations.md
#   tests/mutations.sh NAME ...   only these, and no table
#   tests/mutations.sh --check    only that the code still has all these places
#
# A test is a program of tests/unit, `sim`, `corpus:NAME` of tests/fuzz, or a script NAME.sh of tests/unit.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/mutate.sh

export UBSAN_OPTIONS=halt_on_error=1 ASAN_OPTIONS=detect_leaks=0
SIM_SEEDS=100

# ---- Running the tests -----------------------------------------------------------------------------------------------------

target_of() { # TEST
	case $1 in
	sim) echo tests/sim/sim ;;
	corpus:*) echo "tests/fuzz/fuzz_${1#corpus:}" ;;
	*.sh) ;;
	*) echo "tests/unit/$1" ;;
	esac
}

run_test() { # TEST
	local command=("build/$(target_of "$1")")
	case $1 in
	sim) command+=(--seeds $SIM_SEEDS) ;;
	corpus:*) command+=("tests/fuzz/corpus/${1#corpus:}") ;;
	*.sh) command=("tests/unit/$1") ;;
	esac
	SEALANE_TESTS=$PWD/tests CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 5 120 "${command[@]}" >"$log" 2>&1 </dev/null
}

# The first thing in the log that looks like the reason.
why() {
	{ sed -n 's/^not ok [0-9]* - \([^ ]*\).*/\1/p' "$log" | grep . ||
		sed -n 's/.*ERROR: \(AddressSanitizer: [a-zA-Z-]*\).*/\1/p; s/.*: \(runtime error: .*\)/\1/p; s/.*: \(Assertion .*\)/\1/p' "$log"; } |
		head -n 1
}

build_tests() { # TEST...
	local test targets=()
	for test in "$@"; do
		targets+=($(target_of "$test"))
	done
	[ ${#targets[@]} = 0 ] || ninja -C build "${targets[@]}" >"$log" 2>&1
}

prepare() {
	local all test
	mapfile -t all < <(printf '%s\n' "${tests[@]}" | tr ' ' '\n' | sort -u)
	meson setup build -Dwerror=false -Db_sanitize=address,undefined -Doptimization=1 -Ddebug=false >"$log" 2>&1 ||
		bail_out "it cannot be set up"
	build_tests "${all[@]}" || bail_out "it does not build"
	for test in "${all[@]}"; do
		run_test "$test" || bail_out "$test fails as it is"
	done
}

notices() { # TEST...
	local test
	for test in "$@"; do
		build_tests "$test" || return 2
		run_test "$test" && continue
		noticed="$test: $(why)"
		return 0
	done
	noticed="not noticed by $*"
	return 1
}

write_table() { # FILE
	local i missed=0
	for i in "${!names[@]}"; do
		[[ ${results[$i]} != "not noticed"* && -n ${results[$i]} ]] || missed=$((missed + 1))
	done
	{
		echo '# Faults in checks, and what notices them'
		echo
		echo "Made by \`tests/mutations.sh\`, which says of each fault what it is: ${#names[@]} faults, $((${#names[@]} - missed)) noticed."
		echo
		echo '| fault | in | noticed by |'
		echo '| --- | --- | --- |'
		for i in "${!names[@]}"; do
			echo "| ${names[$i]} | ${files[$i]} | ${results[$i]:-nothing} |"
		done
	} >"$1"
}

# ---- ESP from the wire: what surrounds it ----------------------------------------------------------------------------------

mutate frame-for-another-station lib/dataplane/frame.h 'if (unlikely(!addressed_to(eth, &link->mac)))' 'if (false)' test_dataplane

mutate frame-in-segments lib/dataplane/frame.h 'if (unlikely(m->nb_segs != 1))' 'if (false)' test_hostile_frames

mutate frame-shorter-than-ip lib/dataplane/frame.h 'if (unlikely(m->data_len < sizeof(*eth) + sizeof(*ip)))' 'if (false)' \
	test_dataplane

mutate tag-of-another-vlan lib/dataplane/frame.h '(m->vlan_tci & RTE_ETHER_MAX_VLAN_ID) != link->vlan' 'false' test_families

mutate ip-header-too-short lib/dataplane/frame.h '*header_len < sizeof(*ip) || *header_len > *total' '*header_len > *total' \
	test_dataplane

mutate ip-header-beyond-its-packet lib/dataplane/frame.h '*header_len > *total || *total > len' '*total > len' test_hostile_frames

mutate ip-packet-beyond-its-frame lib/dataplane/frame.h '*header_len > *total || *total > len' '*header_len > *total' \
	test_dataplane

mutate ip-checksum-not-checked lib/dataplane/frame.h 'if (unlikely(!ipv4_checksum_ok(ip, *header_len)))' 'if (false)' \
	test_dataplane

mutate ipv6-packet-beyond-its-frame lib/dataplane/checks.c 'return *total > len ? SL_DROP_RUNT : PASS;' 'return PASS;' test_families

mutate outer-address-not-ours lib/dataplane/open.c 'if (unlikely(!own4(&dp->wire, rte_be_to_cpu_32(ip->dst_addr))))' 'if (false)' \
	test_dataplane

mutate outer-ipv6-address-not-ours lib/dataplane/checks.c 'if (!own6(&dp->wire, &ip->dst_addr))' 'if (false)' test_families

mutate outer-fragment-taken lib/dataplane/open.c \
	'if (unlikely(ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)))' 'if (false)' \
	test_dataplane

mutate udp-length-not-checked lib/dataplane/wire.h 'if (unlikely(udp_len < sizeof(*udp) || udp_len > len))' 'if (false)' \
	test_hostile_frames

mutate udp-shorter-than-an-spi lib/dataplane/wire.h 'if (unlikely(udp_len < 4))' 'if (udp_len == 1)' test_hostile_frames

mutate esp-in-udp-too-short lib/dataplane/wire.h 'if (unlikely(udp_len < ESP_MIN))' 'if (false)' test_dataplane

mutate plain-esp-too-short lib/dataplane/wire.h 'if (unlikely(end - at < ESP_MIN))' 'if (false)' test_hostile_frames

mutate discovery-from-afar lib/dataplane/checks.c ' &&
	       ip->hop_limits == ND_HOPS' '' test_families

# ---- ESP: authentic, and for the first time --------------------------------------------------------------------------------

mutate icv-not-compared lib/dataplane/open.c \
	'!sl_icv_equal(j->icv, rte_pktmbuf_mtod_offset(m, const uint8_t *, m->data_len))' '!sl_icv_equal(j->icv, j->icv)' \
	test_dataplane

mutate half-the-icv-compared lib/crypto/gcm.h '((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0' '(x[0] ^ y[0]) == 0' test_gcm

mutate icv-compared-by-memcmp lib/crypto/gcm.h 'return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;' \
	'return memcmp(a, b, sizeof(x)) == 0;' compare.sh

mutate ike-icv-compared-by-memcmp lib/ike/crypt.c '!sl_equal(icv, msg + data_at + data_len, sizeof(icv))' \
	'memcmp(icv, msg + data_at + data_len, sizeof(icv)) != 0' compare.sh

mutate cookie-compared-by-memcmp lib/ike/defence.c 'return sl_equal(expected, cookie->data.data, sizeof(expected));' \
	'return memcmp(expected, cookie->data.data, sizeof(expected)) == 0;' compare.sh

mutate equal-until-the-first-difference lib/crypto/crypto.c 'return sodium_memcmp(a, b, len) == 0;' \
	'return memcmp(a, b, len) == 0;' compare.sh

mutate window-moved-by-a-forgery lib/dataplane/open.c 'return refused(j);' \
	'return sl_replay_accept(&in->window, j->seq), refused(j);' test_dataplane

mutate window-one-too-wide lib/esp/replay.h 'w->top - seq >= SL_REPLAY_WINDOW' 'w->top - seq > SL_REPLAY_WINDOW' test_replay

mutate window-one-too-narrow lib/esp/replay.h 'w->top - seq >= SL_REPLAY_WINDOW' 'w->top - seq >= SL_REPLAY_WINDOW - 1' test_replay

mutate top-taken-twice lib/esp/replay.h 'if (seq > w->top)
		return SL_REPLAY_NEW;' 'if (seq >= w->top)
		return SL_REPLAY_NEW;' test_replay

mutate number-zero-taken lib/esp/replay.h 'seq == 0 || w->top' 'w->top' test_replay

mutate window-not-cleared lib/esp/replay.h 'for (uint64_t i = 1; i < words; i++)' 'for (uint64_t i = 2; i < words; i++)' test_replay

mutate window-not-cleared-after-a-leap lib/esp/replay.h 'words = SL_REPLAY_WORDS + 1;' 'words = 1;' test_replay

mutate no-second-look lib/dataplane/open.c 'verdict = replayed(in, sl_replay_accept(&in->window, j->seq));' \
	'sl_replay_accept(&in->window, j->seq); verdict = PASS;' test_dataplane

mutate no-replay-check-at-all lib/dataplane/open.c 'case SL_REPLAY_SEEN: sl_count(&in->replayed, 1); return SL_DROP_REPLAY;' \
	'case SL_REPLAY_SEEN: return PASS;' test_dataplane

mutate high-half-of-the-window-bottom lib/esp/replay.h '- (SL_REPLAY_WINDOW - 1);' '- SL_REPLAY_WINDOW;' test_replay

mutate high-half-forgotten lib/dataplane/open.c 'j->in->esn ? sl_replay_expand(&j->in->window, low) : low' 'low' test_dataplane

mutate high-half-not-sealed lib/dataplane/seal.c 'job->aad_len = sizeof(job->aad);' 'job->aad_len = 8;' test_dataplane

mutate spi-not-compared lib/dataplane/open.c 'if (unlikely(j->in->spi != j->spi))' 'if (false)' test_dataplane

mutate spi-of-a-worker-that-is-not lib/dataplane/open.c 'worker != dp->id && worker < dp->workers' 'worker != dp->id' test_workers

mutate handed-over-again-and-again lib/dataplane/open.c '!s->handed && worker != dp->id' 'worker != dp->id' test_workers

# ---- What comes out of a seal ------------------------------------------------------------------------------------------------

mutate padding-beyond-the-packet lib/dataplane/open.c 'if (unlikely(behind > m->data_len))' 'if (false)' test_hostile_frames

mutate anything-may-be-inside lib/dataplane/open.c 'if (unlikely(trailer->next_header != SL_ESP_NEXT_IPV4 && !*v6))' \
	'if (trailer->next_header == SL_ESP_NEXT_NONE)' test_hostile_frames

mutate inner-header-not-checked lib/dataplane/inner.h 'if (unlikely(ipv4_check(ip, m->data_len, &total, &header_len) != PASS))' \
	'if (ipv4_check(ip, m->data_len, &total, &header_len), false)' test_dataplane

mutate inner-ipv6-header-not-checked lib/dataplane/inner.c 'if (ipv6_check(ip, m->data_len, &total) != PASS)' \
	'if (ipv6_check(ip, m->data_len, &total), false)' test_hostile_frames

mutate inner-selectors-not-asked lib/dataplane/inner.h \
	'if (unlikely(!sl_esp_in_covers_plainly(in, src, dst) && !covers_wholly(in, m)))' 'if (false)' test_dataplane

mutate inner-ipv6-selectors-not-asked lib/dataplane/inner.c 'if (!covers_wholly(in, m))' 'if (false)' test_families

mutate inner-source-not-asked lib/esp/esp.h 'sl_esp_in_range(&in->remote_first, src) && sl_esp_in_range(&in->local_first, dst)' \
	'sl_esp_in_range(&in->local_first, dst)' test_dataplane

mutate inner-destination-not-asked lib/esp/esp.h \
	'sl_esp_in_range(&in->remote_first, src) && sl_esp_in_range(&in->local_first, dst)' \
	'sl_esp_in_range(&in->remote_first, src)' test_dataplane

mutate selector-one-too-wide lib/esp/esp.h 'return addr - r->first <= r->last - r->first;' \
	'return addr - r->first <= r->last - r->first + 1;' test_hostile_frames

mutate selector-of-any-family lib/esp/selectors.c 's->family == p->family && addr' 'addr' test_hostile_frames

mutate selector-of-any-protocol lib/esp/selectors.c '(s->protocol == 0 || s->protocol == p->protocol) &&' '' test_passes test_families

mutate selector-of-any-port lib/esp/selectors.c '(any_ports(s) || (p->ports && port >= s->port_first && port <= s->port_last))' \
	'true' test_passes test_families

mutate later-fragment-has-ports lib/esp/selectors.c 'if (!ip.later)' 'if (true)' test_families

mutate ports-of-a-cut-packet lib/esp/selectors.c 'p->ports = len >= 4;' 'p->ports = true;' test_hostile_frames

mutate inner-martian lib/dataplane/inner.h 'if (unlikely(martian_pair4(ip)))' 'if (false)' test_forwarding

mutate inner-ipv6-martian lib/dataplane/inner.c 'if (martian_pair6(&ip->src_addr, &ip->dst_addr))' 'if (false)' test_hostile_frames

mutate martian-source-only lib/dataplane/frame.h \
	'(martian4(*(const uint8_t *)&ip->src_addr) | martian4(*(const uint8_t *)&ip->dst_addr)) != 0' \
	'martian4(*(const uint8_t *)&ip->src_addr) != 0' test_forwarding

mutate land lib/dataplane/frame.h '||
	       ip->src_addr == ip->dst_addr' '' test_forwarding

mutate inner-lives-for-ever lib/dataplane/inner.h 'if (unlikely(ip->time_to_live <= 1))' 'if (false)' test_forwarding

mutate inner-ipv6-lives-for-ever lib/dataplane/inner.c 'if (ip->hop_limits <= 1)' 'if (false)' test_forwarding test_families

mutate congestion-hidden lib/dataplane/inner.c 'return inner == NOT_ECT ? -1 : CE;' 'return CE;' test_forwarding

# ---- What is sealed --------------------------------------------------------------------------------------------------------

mutate counter-not-advanced lib/dataplane/seal.c 'rte_cpu_to_be_64(sl_count(&out->seq, 1))' 'rte_cpu_to_be_64(out->seq)' test_dataplane

mutate iv-repeats-after-4g lib/dataplane/seal.c 'job->nonce = (struct sl_esp_block){out->salt, seq};' \
	'job->nonce = (struct sl_esp_block){out->salt, seq & rte_cpu_to_be_64(UINT32_MAX)};' test_dataplane

mutate salt-left-out lib/dataplane/seal.c 'job->nonce = (struct sl_esp_block){out->salt, seq};' \
	'job->nonce = (struct sl_esp_block){0, seq};' test_dataplane

mutate one-packet-too-many lib/dataplane/seal.c 'out->seq >= out->seq_limit' 'out->seq > out->seq_limit' test_dataplane

mutate no-limit-of-bytes lib/dataplane/seal.c ' || out->bytes + len > out->byte_limit' '' test_dataplane

mutate short-numbers-wrap lib/esp/session.c 'p->esn || p->packet_limit < UINT32_MAX ? p->packet_limit : UINT32_MAX' \
	'p->packet_limit' test_dataplane

mutate outbound-selectors-not-asked lib/dataplane/seal.c 'while (out && !sl_esp_out_covers(out, &packet))' 'while (false)' \
	test_dataplane

mutate outbound-source-not-asked lib/esp/esp.h \
	'sl_esp_in_range(&out->local_first, src) && sl_esp_in_range(&out->remote_first, dst)' \
	'sl_esp_in_range(&out->remote_first, dst)' test_dataplane

mutate outbound-martian lib/dataplane/seal.c 'if (unlikely(martian_pair4(ip)))' 'if (false)' test_forwarding

mutate outbound-ipv6-martian lib/dataplane/checks.c 'if (martian_pair6(&ip->src_addr, &ip->dst_addr))' 'if (false)' \
	test_forwarding test_families

mutate outbound-lives-for-ever lib/dataplane/seal.c 'return likely(ip->time_to_live > 1) ? PASS : EXPIRED;' 'return PASS;' \
	test_forwarding

mutate outbound-ipv6-lives-for-ever lib/dataplane/checks.c 'return ip->hop_limits <= 1 ? EXPIRED : PASS6;' 'return PASS6;' \
	test_forwarding test_families

mutate sent-to-nobody lib/dataplane/seal.c 'if (unlikely(!out->resolved))' 'if (false)' test_dataplane

mutate too-large-is-sealed lib/dataplane/seal.c 'if (unlikely(len > out->inner_mtu))' 'if (false)' test_forwarding

mutate no-room-for-headers lib/dataplane/seal.c 'rte_pktmbuf_headroom(m) < SL_ESP_HEADROOM ||' '' test_hostile_frames

mutate no-room-for-the-icv lib/dataplane/seal.c '||
			     rte_pktmbuf_tailroom(m) < SL_ESP_TAILROOM' '' test_hostile_frames

mutate closed-link-asks lib/dataplane/seal.c 'if (dp->flows[flow].closed)' 'if (false)' test_hostile_frames

mutate reserved-spi-sealed-to lib/esp/session.c 'if (p->spi_out < SL_ESP_SPI_MIN)' 'if (false)' test_dataplane

mutate reserved-spi-opened lib/esp/session.c 'if (p->spi_in < SL_ESP_SPI_MIN)' 'if (false)' test_dataplane

# ---- Errors and neighbours ---------------------------------------------------------------------------------------------------

mutate too-big-not-validated app/gateway/path_mtu.c 'peer = sa_peer_told(g, told);' \
	'peer = RTE_MAX(sa_peer_told(g, told), 0);' test_path_mtu

mutate too-big-raises app/gateway/path_mtu.c 'if (mtu < known)' 'if (mtu != known)' test_path_mtu

mutate too-big-has-no-floor app/gateway/path_mtu.c 'plateau_below(known), least);' 'plateau_below(known), 1u);' test_path_mtu

mutate too-big-of-another-spi app/gateway/sa_path.c 'sa->spi_out == told->spi &&' '' test_sa

mutate too-big-from-another-address app/gateway/sa_path.c 'sl_addr_equal(&sa->path.local.addr, &told->src) &&' '' test_sa

mutate too-big-to-another-address app/gateway/sa_path.c ' &&
	       sl_addr_equal(&sa->path.remote.addr, &told->dst)' '' test_sa

mutate too-big-of-another-port app/gateway/sa_path.c '(!sa->udp || sa->path.remote.port == told->dst_port) &&' '' test_sa

mutate storms-of-too-big app/gateway/path_mtu.c 'if (!sl_rate_take(&g->errors.heard_rate, now))' 'if (false)' test_path_mtu

mutate too-big-checksum lib/net/icmp.c ' || sl_ip_checksum(&ip, h, there) != 0)
		return false;
	*told' ')
		return false;
	*told' test_icmp

mutate quoted-packet-cut lib/net/icmp.c 'if (len < esp + sizeof(told->spi))' 'if (false)' test_icmp

mutate errors-about-errors lib/net/icmp.c '!may_be_answered(&offending, from, packet, len)' 'false' test_icmp

mutate extension-beyond-the-packet lib/net/ip.c 'if (size > there)' 'if (false)' test_ip

mutate udp-beyond-its-packet lib/net/packet.c 'udp_len < sizeof(*u) || udp_len > ip.total - ip.at' 'udp_len < sizeof(*u)' test_packet

mutate endless-discovery-option lib/net/ndp.c 'if (size == 0 || size > len)' 'if (size > len)' test_neigh_msg

mutate stranger-becomes-a-neighbour lib/net/neigh.c 'if (!e && msg->ask && msg->has_mac && sl_neigh_is_own(table, &msg->target))' \
	'if (!e && msg->has_mac)' test_neigh

mutate neighbour-takes-our-address lib/net/neigh.c 'if (sl_neigh_is_own(table, &msg->who))' 'if (false)' test_neigh

mutate advertisement-overrides lib/net/neigh.c 'if (known(e) && !msg->override && !rte_is_same_ether_addr(&e->mac, &msg->mac))' \
	'if (false)' test_neigh

# ---- IKE: lengths and counts ---------------------------------------------------------------------------------------------------

mutate message-shorter-than-it-says lib/ike/codec.c ' || be32toh(h->len) != len' '' test_ike_codec

mutate message-too-long lib/ike/codec.c 'len > SL_IKE_MESSAGE_MAX || be32toh(h->len)' 'be32toh(h->len)' test_ike_codec

mutate message-shorter-than-a-header lib/ike/codec.c 'len < sizeof(*h) || len > SL_IKE_MESSAGE_MAX' 'len > SL_IKE_MESSAGE_MAX' \
	test_ike_hostile

mutate other-version lib/ike/codec.c 'if ((h->version & IKE_VERSION_MAJOR_MASK) != IKE_VERSION)' 'if (false)' test_ike_codec

mutate payload-beyond-the-message lib/ike/codec.c 'size < sizeof(*p) || size > len' 'size < sizeof(*p)' test_ike_codec

mutate payload-of-no-length lib/ike/codec.c 'size < sizeof(*p) || size > len' 'size > len' test_ike_codec

mutate any-number-of-payloads lib/ike/codec.c 'n == IKE_PAYLOADS_MAX || len < sizeof(*p)' 'len < sizeof(*p)' test_ike_codec

mutate payload-comes-twice lib/ike/codec.c 'slot->data || body.len < min' 'body.len < min' test_ike_codec

mutate bytes-behind-the-last-payload lib/ike/codec.c 'return len == 0 ? critical : IKE_E_SYNTAX;' 'return critical;' test_ike_codec

mutate critical-payload-skipped lib/ike/codec.c 'if (!critical)
			return IKE_OK;' 'return IKE_OK;' test_ike_codec

mutate nonce-too-short lib/ike/codec.c 'body, IKE_NONCE_MIN, IKE_NONCE_MAX' 'body, 1, IKE_NONCE_MAX' test_ike_codec

mutate nonce-too-long lib/ike/codec.c 'body, IKE_NONCE_MIN, IKE_NONCE_MAX' 'body, IKE_NONCE_MIN, any' test_ike_codec

mutate notify-spi-beyond-its-payload lib/ike/codec.c 'body.len < skip || body.len - skip < n->spi_len' 'body.len < skip' test_ike_codec

mutate delete-counts-more-than-it-has lib/ike/codec.c \
	'd->spi_len != spi_len || body.len - sizeof(*d) != (size_t)count * spi_len' 'd->spi_len != spi_len' test_ike_codec

mutate proposal-beyond-its-payload lib/ike/proposal.c 'size > rest->len || size < sizeof(*p) + p->spi_len' \
	'size < sizeof(*p) + p->spi_len' test_ike_codec

mutate transform-beyond-its-proposal lib/ike/proposal.c 'size < sizeof(*t) || size > len' 'size < sizeof(*t)' test_ike_codec

mutate attribute-beyond-its-transform lib/ike/proposal.c 'if (len < size)
			return IKE_E_SYNTAX;
		if (be16toh(a->type) == (IKE_ATTRIBUTE_SHORT' 'if (be16toh(a->type) == (IKE_ATTRIBUTE_SHORT' test_ike_codec

mutate selector-beyond-its-payload lib/ike/ts.c 'size < sizeof(*t) || size > len ||' 'size < sizeof(*t) ||' test_ike_codec

mutate selectors-beyond-the-list lib/ike/ts.c ' && list->count < SL_TS_MAX' '' test_ike_codec

mutate key-exchange-of-any-length lib/ike/ke.c ' || ke.len != sizeof(*k) + SL_X25519_LEN' '' test_ike_hostile

mutate signature-of-any-length lib/ike/crypt.c 'if (auth.len != sizeof(*a) + sizeof(ed25519_algorithm) + SL_ED25519_SIG_LEN)' \
	'if (false)' test_ike_crypt

mutate sealed-message-too-short lib/ike/crypt.c 'len < sizeof(*h) + IKE_SK_OVERHEAD || h->next != IKE_P_SK' \
	'h->next != IKE_P_SK' test_ike_crypt

mutate sealed-fragment-too-short lib/ike/crypt.c 'len < sizeof(*h) + sizeof(*w) + IKE_SK_OVERHEAD || h->next != IKE_P_SKF' \
	'h->next != IKE_P_SKF' test_ike_crypt

mutate sealed-padding-beyond lib/ike/crypt.c 'if (msg[data_at + data_len - 1] >= data_len)' 'if (false)' test_ike_crypt

# ---- IKE: who it is --------------------------------------------------------------------------------------------------------------

mutate responder-not-authenticated lib/ike/auth.c 'if (!check_auth(sa, sa->peer, m->auth, m->id_r)) {' \
	'if (!check_auth(sa, sa->peer, m->auth, m->id_r) && (sa->peer_key = 0)) {' test_ike_peers

mutate initiator-not-authenticated lib/ike/auth.c 'return sa->peer_key >= 0;' \
	'return sa->initiator ? sa->peer_key >= 0 : (sa->peer_key = 0, true);' test_ike_peers

mutate key-of-another-peer lib/ike/auth.c 'return sa->peer_key >= 0;' 'const struct ike_peer *any;
	IKE_FOREACH_PEER(any, sa->ike)
	if (sa->peer_key < 0)
		sa->peer_key = ike_check_auth(auth, sa->secrets, &what, any->conf->public_keys, any->conf->public_key_count);
	return sa->peer_key >= 0;' test_ike_keys

mutate name-of-responder-not-compared lib/ike/auth.c 'if (!id_is(m->id_r, sa->peer->conf->name)) {' 'if (false) {' test_ike_hostile

mutate name-by-its-beginning lib/ike/auth.c 'id.len - sizeof(*i) == len &&' 'id.len - sizeof(*i) >= len &&' \
	test_ike_hostile test_ike_peers

mutate name-of-another-kind lib/ike/auth.c 'i->type == IKE_ID_FQDN &&' '' test_ike_hostile

mutate another-gateway-looked-for lib/ike/auth.c 'else if (m->id_r.data && !id_is(m->id_r, sa->ike->conf->name))' 'else if (false)' \
	test_ike_hostile test_ike_peers

mutate method-not-compared lib/ike/crypt.c 'a->method != IKE_AUTH_SIGNATURE ||' '' test_ike_crypt

mutate nonce-not-signed lib/ike/crypt.c 'memcpy(out + what->message.len, what->nonce.data, what->nonce.len);' \
	'memset(out + what->message.len, 0, what->nonce.len);' test_ike_crypt

mutate name-not-signed lib/ike/crypt.c 'what->initiator ? s->sk_pi : s->sk_pr, SL_HASH_LEN, &id, 1);' \
	'what->initiator ? s->sk_pi : s->sk_pr, SL_HASH_LEN, &id, 0);' test_ike_crypt

mutate message-not-signed lib/ike/crypt.c 'memcpy(out, what->message.data, what->message.len);' \
	'memset(out, 0, what->message.len);' test_ike_crypt

mutate every-signature-is-right lib/crypto/crypto.c 'crypto_sign_ed25519_verify_detached(sig, msg, msg_len, public) == 0 ? 0' \
	'crypto_sign_ed25519_verify_detached(sig, msg, msg_len, public) <= 0 ? 0' test_keys

mutate shared-secret-of-zeros lib/crypto/crypto.c 'if (crypto_scalarmult_curve25519(shared, private, peer_public) == 0)' \
	'if (crypto_scalarmult_curve25519(shared, private, peer_public) <= 0)' test_keys

mutate low-order-point-taken lib/ike/crypt.c 'if (sl_x25519_shared(shared, s->x25519, peer_public) != 0)' \
	'if (sl_x25519_shared(shared, s->x25519, peer_public), false)' test_ike_hostile

mutate low-order-point-taken-in-a-rekey lib/ike/create.c \
	'if (sl_x25519_shared(shared, private, ike_x25519_value(m->ke)) != 0)' \
	'if (sl_x25519_shared(shared, private, ike_x25519_value(m->ke)), false)' test_ike_rekey_refused

mutate low-order-point-taken-from-an-answer lib/ike/create.c '|| sl_x25519_shared(shared, sa->secrets->x25519, public) != 0)' \
	'|| (sl_x25519_shared(shared, sa->secrets->x25519, public), false))' test_ike_rekey_refused

mutate low-order-identity lib/crypto/keyfile.c 'if (crypto_core_ed25519_is_valid_point(found) != 1)' 'if (false)' test_keyfile

mutate ppk-not-required-by-responder lib/ike/ppk.c 'if (peer->conf->ppk && peer->conf->ppk_required)' 'if (false)' test_ike_ppk

mutate ppk-not-required-by-initiator lib/ike/ppk.c 'return !sa->peer->conf->ppk || !sa->peer->conf->ppk_required;' 'return true;' \
	test_ike_ppk

mutate ppk-given-up-at-once lib/ike/ppk.c '!peer->conf->ppk_required || ike_find_notify(m, IKE_N_USE_PPK)' 'true' test_ike_ppk

mutate ppk-of-another-name lib/ike/ppk.c ' &&
	       memcmp(n->data.data + 1, conf->ppk_id, len) == 0' '' test_ike_ppk

mutate ppk-not-mixed-into-children lib/ike/ppk.c 'mix(s->sk_d, ppk);' '' test_ike_ppk

mutate ppk-not-mixed-into-auth lib/ike/ppk.c 'mix(s->sk_pi, ppk);' '' test_ike_ppk

mutate signature-without-ppk-too-long lib/ike/ppk.c 'if (without->data.len > sizeof(auth) - sizeof(header))' 'if (false)' test_ike_ppk

mutate cipher-of-another-peer lib/ike/auth.c 'else if (!cipher_allowed(peer, sa->cipher))' 'else if (false)' test_ike_peers

mutate closed-link-comes-up lib/ike/auth.c 'if (peer->closed)' 'if (false)' test_ike_change

# ---- IKE: nothing less than what was proposed -----------------------------------------------------------------------------------

mutate answer-not-compared lib/ike/proposal.c 'if (o.number != 1 || !acceptable(&o, policy))' 'if (o.number != 1)' test_ike_codec

mutate answer-of-several-proposals lib/ike/proposal.c '!last || sa.len != 0)' 'false)' test_ike_codec

mutate answer-leaves-it-open lib/ike/proposal.c 'if (o.count[type] > 1)' 'if (false)' test_ike_codec

mutate cipher-of-any-key-length lib/ike/proposal.c 'if (sl_cipher_key_len(policy->ciphers[i]) * 8 == key_bits) {' 'if (true) {' \
	test_ike_codec

mutate any-cipher lib/ike/proposal.c 'if (id == IKE_ENCR_AES_GCM_16)' 'if (true)' test_ike_hostile

mutate any-group lib/ike/proposal.c 'key_bits == 0 && id == (group ? IKE_DH_X25519 : IKE_DH_NONE)' 'true' test_ike_codec

mutate any-prf lib/ike/proposal.c 'ike && key_bits == 0 && id == IKE_PRF_HMAC_SHA2_256' 'true' test_ike_codec

mutate rekey-without-a-group lib/ike/proposal.c ' && (o->ok[IKE_T_DH] || !policy->rekey)' '' test_ike_codec

mutate unknown-transform-passed-over lib/ike/proposal.c 'o->protocol != policy->protocol || o->unknown_type' \
	'o->protocol != policy->protocol' test_ike_codec

mutate reserved-spi-agreed lib/ike/proposal.c ' || (!ike && o->spi <= 255)' '' test_ike_codec

mutate key-exchange-of-any-group lib/ike/ke.c 'be16toh(k->group) != IKE_DH_X25519 ||' '' test_ike_hostile

mutate group-not-the-chosen-one lib/ike/init.c 'if (memcmp(m->ke.data, &group, sizeof(group)) != 0) {' 'if (false) {' test_ike_hostile

mutate selectors-of-the-answer-local lib/ike/terms.c '!ike_ts_within(&terms->local, wanted->local) ||' '' test_ike_hostile

mutate selectors-of-the-answer-remote lib/ike/terms.c '!ike_ts_within(&terms->remote, wanted->remote) ||' '' test_ike_hostile

mutate selectors-of-the-request lib/ike/terms.c '!sl_ts_narrow(&terms->remote, &offered_i, wanted->remote)' \
	'(terms->remote = offered_i, false)' test_ike_selectors

# ---- IKE: strangers ----------------------------------------------------------------------------------------------------------------

mutate cookie-not-compared lib/ike/defence.c 'return sl_equal(expected, cookie->data.data, sizeof(expected));' 'return true;' \
	test_ike_defence

mutate cookie-of-any-length lib/ike/defence.c 'if (!cookie || cookie->data.len != sizeof(expected))' 'if (!cookie)' test_ike_defence

mutate cookie-for-any-address lib/ike/defence.c '{addr->bytes, sl_addr_len(addr)}' '{addr->bytes, 0}' test_ike_defence

mutate cookie-for-any-nonce lib/ike/defence.c '{nonce.data, nonce.len}' '{nonce.data, 0}' test_ike_defence

mutate cookie-for-any-spi lib/ike/defence.c '{&head->spi_i, sizeof(head->spi_i)}' '{&head->spi_i, 0}' test_ike_defence

mutate cookie-for-ever lib/ike/defence.c 'if (ike->now - c->until >= COOKIE_SECRET_LIFE) {' 'if (c->until == 0) {' test_ike_defence

mutate cookie-never-asked-for lib/ike/defence.c '&& !cookie_returned(ike, head, path, m)' '&& false' test_ike_defence

mutate no-limit-of-strangers lib/ike/defence.c 'ike->strangers >= max || here >= SOURCE_MAX' 'here >= SOURCE_MAX' test_ike_defence

mutate no-limit-of-a-source lib/ike/defence.c 'ike->strangers >= max || here >= SOURCE_MAX' 'ike->strangers >= max' test_ike_defence

mutate cookies-followed-for-ever lib/ike/init.c 'sa->cookies == IKE_COOKIES_MAX' 'false' test_ike_hostile

mutate cookie-too-long-is-returned lib/ike/init.c ' || cookie->data.len > IKE_COOKIE_MAX' '' test_ike_hostile

mutate answer-from-elsewhere lib/ike/init.c ' ||
		!sl_endpoint_equal(&path->remote, &sa->path.remote)' '' test_ike_hostile

mutate forged-refusal-ends-it lib/ike/init.c 'sa->refused = error;' \
	'sa->refused = error; ike_peer_failed(sa->peer, sa, "refused"); return;' test_ike_hostile

# ---- IKE: under protection -----------------------------------------------------------------------------------------------------------

mutate sealed-message-not-authenticated lib/ike/crypt.c 'if (!sl_equal(icv, msg + data_at + data_len, sizeof(icv)))' 'if (false)' \
	test_ike_hostile

mutate header-not-authenticated lib/ike/crypt.c 'nonce, msg, iv_at, icv);' 'nonce, msg, 0, icv);' test_ike_crypt

mutate iv-of-ike-repeats lib/ike/fragment.c 'sa->iv++' 'sa->iv++ / 2' sim

mutate delete-in-the-clear lib/ike/fragment.c 'if (head->next != IKE_P_SKF)' 'if (head->next == IKE_P_DELETE) {
		*first = head->next;
		*plain = (struct ike_view){ike->scratch + sizeof(struct ike_wire_header), len - sizeof(struct ike_wire_header)};
		return IKE_OK;
	}
	if (head->next != IKE_P_SKF)' test_ike_intruder

mutate error-in-the-clear lib/ike/fragment.c 'if (head->next != IKE_P_SKF)' 'if (head->next == IKE_P_NOTIFY) {
		*first = head->next;
		*plain = (struct ike_view){ike->scratch + sizeof(struct ike_wire_header), len - sizeof(struct ike_wire_header)};
		return IKE_OK;
	}
	if (head->next != IKE_P_SKF)' test_ike_intruder

mutate both-directions-have-one-key lib/ike/crypt.c '*open = a->initiator ? r : i;' '*open = seal;' test_ike_crypt

mutate request-taken-again lib/ike/exchange.c 'else if (!head->response && head->id != sa->expected_id) {' 'else if (false) {' \
	test_ike_hostile

mutate any-number-of-a-request lib/ike/exchange.c 'return head->id == sa->expected_id &&
		       (head' 'return head->id >= sa->expected_id && (((struct ike_sa *)(uintptr_t)sa)->expected_id = head->id, true) &&
		       (head' test_ike_intruder

mutate any-number-of-an-answer lib/ike/exchange.c 'head->id == sa->next_id - 1 &&' '' test_ike_intruder

mutate answer-of-another-exchange lib/ike/exchange.c ' &&
		       head->exchange == sa->request.exchange' '' test_ike_intruder

mutate answer-that-nobody-asked-for lib/ike/exchange.c 'return sa->request.tries > 0 && head->id' 'return head->id' test_ike_nat

mutate before-it-says-who-it-is lib/ike/exchange.c \
	'case IKE_HALF_OPEN: return head->exchange == IKE_AUTH && head->id == sa->expected_id;' \
	'case IKE_HALF_OPEN: return head->id == sa->expected_id;' test_ike_intruder

mutate our-own-words lib/ike/exchange.c 'struct ike_sa *sa = ike_sa_find(ike, head->initiator ? head->spi_r : head->spi_i);' \
	'struct ike_sa *sa = ike_sa_find(ike, head->initiator ? head->spi_r : head->spi_i);
	if (!sa && (sa = ike_sa_find(ike, head->initiator ? head->spi_i : head->spi_r)) && sa->spi_r == head->spi_r && !head->response && sa->state == IKE_ESTABLISHED) {
		ike_sa_drop(sa);
		return;
	}' test_ike_intruder

mutate spi-of-the-other-not-compared lib/ike/exchange.c 'sa->spi_i != head->spi_i || sa->spi_r != head->spi_r ||' '' test_ike_intruder

mutate moved-by-a-forgery lib/ike/exchange.c 'memcpy(ike->scratch, msg, len);' \
	'ike_follow_peer(sa, path); memcpy(ike->scratch, msg, len);' test_ike_nat

mutate moved-by-a-replay lib/ike/exchange.c 'ike_further_unheard(sa);' 'ike_further_unheard(sa); ike_follow_peer(sa, path);' test_ike_nat

mutate moved-without-a-nat lib/ike/nat.c '!sa->peer_behind_nat ||' '' test_ike_nat

mutate fragments-of-another-message lib/ike/fragment.c '(*slot)->id != id || (*slot)->total < f->total' '(*slot)->total < f->total' \
	test_ike_fragments

mutate fragments-of-another-cut lib/ike/fragment.c 'if (all->total > f->total || (all->have & bit))' 'if (all->have & bit)' \
	test_ike_fragments

mutate fragment-comes-twice lib/ike/fragment.c 'if (all->total > f->total || (all->have & bit))' 'if (all->total > f->total)' \
	test_ike_fragments

mutate fragments-of-any-size lib/ike/fragment.c 'if (f->plain.len > SL_IKE_MESSAGE_MAX - all->len) {' 'if (false) {' \
	test_ike_fragments

mutate fragment-zero lib/ike/crypt.c 'f->number == 0 || f->number > f->total' 'f->number > f->total' test_ike_fragments

mutate fragment-beyond-the-total lib/ike/crypt.c 'f->number > f->total || f->total > IKE_FRAGMENTS_MAX' \
	'f->total > IKE_FRAGMENTS_MAX' test_ike_fragments

mutate any-number-of-fragments lib/ike/crypt.c ' || f->total > IKE_FRAGMENTS_MAX' '' test_ike_fragments

mutate fragments-nobody-agreed-to lib/ike/fragment.c 'if (!sa->fragmentation)
		return IKE_E_SYNTAX;' '' test_ike_fragments

# ---- Keys ------------------------------------------------------------------------------------------------------------------------------

mutate keys-not-wiped-at-the-end lib/crypto/secret.c 'sl_wipe(object, pool->stride);' '' test_secret

mutate session-freed-while-in-use app/gateway/sa.c 'if (!sa->removed || sa->in_at_worker || sa->out_uses)' \
	'if (!sa->removed || sa->in_at_worker)' test_sa

mutate sessions-not-given-back app/gateway/sa.c 'sa_add_gone_gaps(&g->peers[sa->peer], sa);
	give_up_sessions(g, sa);' 'sa_add_gone_gaps(&g->peers[sa->peer], sa);' test_sa

mutate slot-used-again-at-once app/gateway/sa.c 'g->free_slots[(g->free_head + g->free_count++) % SL_SLOTS] = slot;' \
	'g->free_head = (g->free_head + SL_SLOTS - 1) % SL_SLOTS; g->free_count++; g->free_slots[g->free_head] = slot;' test_sa

mutate hard-limit-far-away app/gateway/sa.c '.packet_limit = 2 * sa->soft_packets' '.packet_limit = UINT64_MAX' test_sa

mutate secrets-not-given-back lib/ike/sa.c 'sl_secret_put(ike->secrets, sa->secrets);
	sa->secrets = NULL;' 'sa->secrets = NULL;' test_ike_peers

mutate private-value-kept lib/ike/crypt.c 'sl_wipe(s->x25519, sizeof(s->x25519));' '' test_ike_crypt

mutate keys-without-ppk-kept lib/ike/sa.c 'sl_wipe(sa->secrets->without_ppk, sizeof(sa->secrets->without_ppk));' '' test_ike_ppk

mutate key-file-for-the-group lib/crypto/keyfile.c '(st.st_mode & (S_IRWXG | S_IRWXO)) != 0' '(st.st_mode & S_IRWXO) != 0' test_keyfile

mutate key-file-for-all lib/crypto/keyfile.c '(st.st_mode & (S_IRWXG | S_IRWXO)) != 0' '(st.st_mode & S_IRWXG) != 0' test_keyfile

mutate key-file-that-is-none lib/crypto/keyfile.c '!S_ISREG(st.st_mode) ||' '' test_keyfile

mutate short-ppk lib/crypto/keyfile.c ' && ppk->len >= SL_PPK_MIN' '' test_keyfile

mutate self-test-left-out lib/crypto/crypto.c 'failed_test = sl_selftest();' 'failed_test = NULL;' test_selftest

mutate primitive-left-out-of-the-self-test lib/crypto/selftest.c '{"Ed25519", test_ed25519},' '' test_selftest

# ---- Configuration -----------------------------------------------------------------------------------------------------------------------

mutate unknown-key-passed-over lib/config/sections.c 'unknown_key(p, name);
		return;' 'return;' test_config

mutate key-given-twice lib/config/sections.c 'if (p->current->key_line[i] != 0 && !may_repeat(&keys[i])) {' 'if (false) {' \
	test_config

mutate two-peers-with-one-key lib/config/identities.c \
	'if (i > 0 && memcmp(first->key, all[i].key, SL_ED25519_PUBLIC_LEN) == 0)' 'if (false)' test_config

mutate peer-with-our-own-key lib/config/identities.c \
	'if (memcmp(all[i].key, c->key->public, SL_ED25519_PUBLIC_LEN) == 0)' 'if (false)' test_config

mutate prefixes-of-two-peers-overlap lib/config/rules.c 'if (i > 0 && sl_prefix_overlap(&wider->prefix, &all[i].prefix))' 'if (false)' \
	test_config

mutate our-network-behind-a-peer lib/config/rules.c 'if (sl_prefix_overlap(&behind[i], &owned->prefix))' 'if (false)' test_config

mutate plain-and-wire-overlap lib/config/rules.c 'if (sl_prefix_overlap(&network, &plain->addresses[i]))' 'if (false)' test_config

if run_mutations; then status=0; else status=1; fi
[ ${#wanted[@]} -gt 0 ] || write_table tests/mutations.md
exit $status
