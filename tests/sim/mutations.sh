#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Shows that the simulation can fail: breaks a copy of the tree in one place at a time, and expects a violation.
#
#   tests/sim/mutations.sh            every mutation, as TAP; SEEDS (default 300) histories each
#   tests/sim/mutations.sh NAME ...   only these
#
# Each is an exact text of a file and what stands there instead. One whose text is not found exactly once has failed: the
# code has changed and the mutation must follow.
set -euo pipefail
cd "$(dirname "$0")/../.."

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
wanted=("$@")
number=0 missed=0
export SEEDS=${SEEDS:-300}

git ls-files -co --exclude-standard | tar -c -T - | tar -x -C "$copy"
cd "$copy"
{ meson setup build -Dwerror=false && ninja -C build tests/sim/sim; } >log 2>&1 || { cat log && exit 1; }
build/tests/sim/sim >log 2>&1 || { cat log && echo "Bail out! the simulation fails as it is" && exit 1; }

# Replaces the one place of $2 in file $1 by $3.
replace() {
	python3 - "$@" <<'END'
import sys
name, old, new = sys.argv[1:]
text = open(name).read()
if text.count(old) != 1:
    sys.exit(f"{name}: found {text.count(old)} times: {old}")
open(name, "w").write(text.replace(old, new))
END
}

verdict() { # ok|not-ok NAME
	number=$((number + 1))
	echo "${1/-/ } $number - $2"
	[ "$1" = ok ] || missed=1
}

mutate() { # NAME FILE OLD NEW
	local name=$1 file=$2
	[ ${#wanted[@]} = 0 ] || [[ " ${wanted[*]} " == *" $name "* ]] || return 0
	cp "$file" kept
	if ! replace "$file" "$3" "$4" >log 2>&1 || ! ninja -C build tests/sim/sim >>log 2>&1; then
		sed 's/^/# /' log
		verdict not-ok "$name"
	elif build/tests/sim/sim >log 2>&1; then
		echo "# $SEEDS seeds held"
		verdict not-ok "$name"
	else
		grep -m 1 '^# violation' log
		verdict ok "$name"
	fi
	cp kept "$file"
}

# ---- Keys and counters --------------------------------------------------------------------------------------------------

mutate counter-reset tests/sim/dataplane.c \
	'link->outbound = find_session(link, spi_in);' \
	'link->outbound = find_session(link, spi_in); if (link->outbound) link->outbound->seq = 0;'

mutate stale-keys lib/ike/crypt.c \
	'sl_hkdf_expand(material, 2 * aead, s->sk_d, info, 2);' \
	'static const uint8_t stale[SL_HASH_LEN]; (void)s; (void)info; sl_hkdf_expand(material, 2 * aead, stale, info, 0);'

mutate nonce-order lib/ike/crypt.c \
	'sl_hkdf_expand(material, 2 * aead, s->sk_d, info, 2);' \
	'const struct sl_bytes turned[] = {info[a->initiator], info[!a->initiator]};
	 sl_hkdf_expand(material, 2 * aead, s->sk_d, turned, 2);'

mutate directions-swapped lib/ike/child.c \
	'sa->initiator ? &child.out : &child.in,' 'sa->initiator || choice->esn ? &child.out : &child.in,'

mutate iv-repeats lib/ike/exchange.c 'sa->iv++' 'sa->iv++ / 2'

mutate retransmission-differs lib/ike/exchange.c \
	'ike_send(sa->ike, &sa->path, r->msg.data, r->msg.len);' \
	'r->msg.data[r->msg.len - 1] ^= 1; ike_send(sa->ike, &sa->path, r->msg.data, r->msg.len);'

mutate selectors-not-narrowed lib/ike/child.c \
	'!sl_ts_narrow(&remote, &offered_i, &sa->peer->conf->selectors)' '(remote = sa->peer->conf->selectors, false)'

# ---- Which SA is used, and for how long ---------------------------------------------------------------------------------

mutate old-removed-too-early lib/ike/peer.c \
	'sa->expires = peer->ike->now + IKE_LINGER;
			ike_arm(peer->ike, sa->expires);' \
	'ike_sa_drop(sa);'

mutate race-each-its-own lib/ike/peer.c \
	'return compare_nonces(lowest_nonce(a), lowest_nonce(b)) > 0;' 'return a->initiator;'

mutate older-wins lib/ike/peer.c \
	'if (b->established < a->started)
		return true;' \
	'if (b->established < a->started)
		return false;'

mutate outbound-not-switched lib/ike/peer.c 'if (best && best != peer->active)' 'if (best && !peer->active)'

mutate losers-stay lib/ike/peer.c 'ike_delete_start(sa);' '(void)sa;'

mutate no-linger-limit lib/ike/peer.c 'sa->expires = peer->ike->now + IKE_LINGER;' 'sa->expires = IKE_NEVER - 1;'

mutate initial-contact-ignored lib/ike/auth.c 'ike_peer_initial_contact(peer, sa);' '(void)peer;'

mutate delete-ignored lib/ike/informational.c 'wishes.delete_ike |= d->protocol == IKE_PROTO_IKE;' '(void)d;'

# ---- What the network does ----------------------------------------------------------------------------------------------

mutate response-cache-broken lib/ike/exchange.c 'return sa->response.len > 0;' 'return false;'

mutate init-cache-broken lib/ike/init.c \
	'struct ike_sa *sa = ike_sa_find_request(ike, head->spi_i, path, msg, len);' 'struct ike_sa *sa = NULL;'

mutate no-retransmission lib/ike/exchange.c 'sa->ike->stats.retransmits++;' 'if (r->tries) return;'

mutate no-dpd lib/ike/informational.c \
	'ike_begin_request(sa, &w, IKE_INFORMATIONAL);
	ike_send_request(sa, &w, IKE_INFORMATIONAL);' \
	'(void)w; sa->alive_at = sa->ike->now;'

mutate half-open-stays lib/ike/init.c 'sa->expires = ike->now + IKE_HALF_OPEN_MAX;' 'sa->expires = IKE_NEVER - 1;'

mutate no-replay-window tests/sim/dataplane.c \
	'sl_replay_accept(&s->window, packet->seq) == SL_REPLAY_NEW' 'packet->seq > 0'

# ---- Accounts, crashes, repeatability -----------------------------------------------------------------------------------

mutate spi-leak lib/ike/child.c 'else if (sa->spi_in)' 'else if (sa->spi_in && sa->initiator)'

mutate child-never-removed lib/ike/child.c 'if (sa->child_installed)
		ike->ops->child_remove' 'if (sa->child_installed && !sa->initiator)
		ike->ops->child_remove'

mutate crash lib/ike/exchange.c 'case IKE_AUTH_SENT:
		/* Maybe' 'case IKE_AUTH_SENT:
		assert(peer->active);
		/* Maybe'

mutate other-randomness lib/ike/sa.c 'ike->ops->random(ike->owner, &spi, sizeof(spi));' 'sl_random(&spi, sizeof(spi));'

echo "1..$number"
exit $missed
