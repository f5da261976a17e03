#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Shows that the simulation can fail: breaks a copy of the tree in one place at a time, and expects a violation.
#
#   tests/sim/mutations.sh            every mutation, as TAP; MUTATION_SEEDS (default 400) histories each
#   tests/sim/mutations.sh NAME ...   only these
#   tests/sim/mutations.sh --check    only that the code still has all these places
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/mutate.sh

seeds=${MUTATION_SEEDS:-400}

# The histories, or with "crash" a power cut at every 20th moment of one.
simulate() { # [crash]
	local args=(--seeds "$seeds")
	[ "${1:-}" != crash ] || args=(--crash-everywhere --stride 20)
	build/tests/sim/sim "${args[@]}" >"$log" 2>&1
}

prepare() {
	{ meson setup build -Dwerror=false && ninja -C build tests/sim/sim; } >"$log" 2>&1 || bail_out "it does not build"
	simulate || bail_out "the simulation fails as it is"
	[[ " ${tests[*]} " != *" crash "* ]] || simulate crash || bail_out "power cuts fail as it is"
}

notices() { # [crash]
	ninja -C build tests/sim/sim >"$log" 2>&1 || return 2
	if simulate "$@"; then
		noticed="it held: ${1:-$seeds seeds}"
		return 1
	fi
	noticed=$(sed -n 's/^# \(violation.*\)/\1/p' "$log" | head -n 1)
}

# ---- Keys and counters --------------------------------------------------------------------------------------------------

mutate counter-reset tests/sim/dataplane.c \
	's->in_use = true;' 's->in_use = true; s->seq = 0;'

derive='sl_hkdf_expand(material, 2 * aead, s->sk_d, info + skip, 3 - skip);'

mutate rekey-without-fresh-keys lib/ike/crypt.c "$derive" 'skip = 3; sl_hkdf_expand(material, 2 * aead, s->sk_d, info, 0);'

mutate nonce-order lib/ike/crypt.c "$derive" \
	'const struct sl_bytes turned[] = {info[0], info[1 + a->initiator], info[2 - a->initiator]};
	 sl_hkdf_expand(material, 2 * aead, s->sk_d, turned + skip, 3 - skip);'

mutate key-exchange-by-one-end lib/ike/crypt.c 'unsigned skip = shared ? 0 : 1;' \
	'unsigned skip = shared && a->initiator ? 0 : 1;'

mutate directions-swapped lib/ike/child.c 'agreed->initiator ? &c.out : &c.in,' \
	'agreed->initiator || choice->esn ? &c.out : &c.in,'

mutate iv-repeats lib/ike/fragment.c 'sa->iv++' 'sa->iv++ / 2'

mutate retransmission-differs lib/ike/exchange.c \
	'ike_send(sa->ike, &sa->path, r->msg.data, r->msg.len);' \
	'r->msg.data[r->msg.len - 1] ^= 1; ike_send(sa->ike, &sa->path, r->msg.data, r->msg.len);'

mutate selectors-not-narrowed lib/ike/terms.c \
	'!sl_ts_narrow(&terms->remote, &offered_i, wanted->remote)' \
	'(terms->remote = *wanted->remote, false)'

mutate first-key-only lib/ike/crypt.c 'for (unsigned i = 0; i < count; i++)
		if (sl_ed25519_verify' 'for (unsigned i = 0; i < 1 && count; i++)
		if (sl_ed25519_verify'

# ---- Rotation -----------------------------------------------------------------------------------------------------------

mutate old-removed-too-early lib/ike/child.c 'succeed_nobody(child);
	if (!child->installed) {' 'succeed_nobody(child);
	if (child) {'

mutate responder-switches-too-early lib/ike/rekey_child.c \
	'old->successor = fresh;
	if (sa->rekey.old == old)' \
	'old->successor = fresh; ike_child_use(fresh); ike_peer_settle(sa->peer);
	if (sa->rekey.old == old)'

mutate old-child-stays lib/ike/rekey_child.c \
	'if (old->state == IKE_CHILD_UP)
		ike_child_close(old);' \
	'(void)old;'

mutate collision-not-seen lib/ike/ke.c 'return rekey->to_beat.len > 0 &&' 'return rekey->to_beat.len > IKE_NONCE_MAX &&'

mutate collision-other-winner lib/ike/rekey_child.c \
	'if (ike_rekey_lost(asked, &asked->lowest) ||' \
	'if (ike_rekey_lost(asked, &asked->lowest) == fresh->sa->initiator ||'

mutate children-left-behind lib/ike/rekey_sa.c 'child->sa = heir;' '(void)child;'

mutate old-ike-sa-stays lib/ike/rekey_sa.c \
	'if (sa->state == IKE_ESTABLISHED)
			ike_delete_start(sa);' \
	'(void)sa;'

mutate busy-not-minded lib/ike/rekey_sa.c 'if (busy(sa)) {' 'if (busy(sa) && !sa->ike) {'

mutate too-old-and-used lib/ike/child.c '}
	take_back(child);
}' '}
}'

# ---- Peers that come and go ------------------------------------------------------------------------------------------------

mutate removed-without-a-word lib/ike/peer.c 'if (sa->state == IKE_ESTABLISHED)
			ike_delete_start(sa);
	}
	ike_peer_settle(peer);' '(void)0;
	}
	ike_peer_settle(peer);'

mutate removed-children-stay lib/ike/peer.c 'ike_children_drop(sa);
		ike_rekey_sa_give_up(sa);' 'ike_rekey_sa_give_up(sa);'

mutate forgotten-too-early lib/ike/change.c '!peer->leaving || !TAILQ_EMPTY(&peer->sas)' '!peer->leaving'

# ---- Several child SAs --------------------------------------------------------------------------------------------------

mutate sure-too-early lib/ike/further.c 'fresh->unsure = true;' 'ike_child_use(fresh);'

mutate rekey-changes-the-worker lib/ike/rekey_child.c \
	'const struct ike_wanted wanted = ike_want_like(old);' \
	'const struct ike_wanted wanted = ike_want_like(old); fresh->worker = 0;'

mutate worker-forgotten lib/ike/further.c 'if (sa->further_at == IKE_NEVER &&' \
	'if (!sa->ike && sa->further_at == IKE_NEVER &&'

# ---- Flows --------------------------------------------------------------------------------------------------------------

mutate flow-asked-for-by-both lib/ike/flow.c 'sa->initiator && (asked || has_child(sa, flow));' \
	'sa->initiator && asked && !sa->ike;'

mutate flow-asked-for-late lib/ike/flow.c '(asked || has_child(sa, flow))' 'asked'

mutate flow-used-too-early lib/ike/further.c 'if (!carried) {' 'if (!carried || fresh->flow != SL_IKE_NO_FLOW) {'

mutate flow-rekeyed-as-none lib/ike/rekey_child.c \
	'struct ike_child *fresh = ike_child_new(sa, old->worker, old->flow);
	const' \
	'struct ike_child *fresh = ike_child_new(sa, old->worker, SL_IKE_NO_FLOW);
	const'

mutate flow-not-recognized lib/ike/flow.c 'if (is_flow(sa, &conf->flows[i], local, remote))' \
	'if (is_flow(sa, &conf->flows[i], local, remote) && sa->initiator)'

mutate flow-of-common-networks-only lib/ike/flow.c 'return !sl_ts_narrow(&common, flow, first) ||' \
	'return !sl_ts_narrow(&common, flow, flow) ||'

mutate flow-lives-too-long lib/ike/child.c 'conf->flows[child->flow].rekey_time' 'conf->flows[child->flow].rekey_time * 3'

# ---- Where packets go ---------------------------------------------------------------------------------------------------

mutate address-of-one-family lib/ike/init.c 'return remote->family == SL_IPV6 ?' 'return remote->family == SL_NONE ?'

mutate udp-of-one-end lib/ike/nat.c 'sa->insists || peer != PLACE_SAME ||' 'sa->insists ||'

mutate udp-lost-with-the-ike-sa lib/ike/rekey_sa.c 'fresh->udp = old->udp;' '(void)old;'

mutate nat-where-none-is lib/ike/nat.c 'sa->peer_behind_nat = peer == PLACE_TRANSLATED;' \
	'sa->peer_behind_nat = peer != PLACE_SAME;'

# ---- Which IKE SA is used -----------------------------------------------------------------------------------------------

mutate race-each-its-own lib/ike/peer.c \
	'return ike_compare_nonces(lowest_nonce(a), lowest_nonce(b)) > 0;' 'return a->initiator;'

mutate former-life-wins lib/ike/peer.c 'sa->origin ? sa->origin->established : ++ike->order' '++ike->order'

mutate outbound-not-switched lib/ike/peer.c \
	'if (!child->in_use || child->told)' 'if (!child->in_use || child->told || peer->state == SL_IKE_UP)'

mutate losers-stay lib/ike/peer.c 'if (sa == best || sa->state != IKE_ESTABLISHED)' \
	'if (sa == best || sa->state == IKE_ESTABLISHED)'

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

mutate spi-leak lib/ike/child.c 'ops->spi_free(owner, child->spi_in);' '(void)ops;'

mutate child-never-removed lib/ike/child.c 'if (child->installed)
		ops->child_remove' 'if (child->installed && !child->failures)
		ops->child_remove'

mutate crash lib/ike/exchange.c 'case IKE_AUTH_SENT:
		/* Maybe' 'case IKE_AUTH_SENT:
		assert(peer->active);
		/* Maybe'

mutate other-randomness lib/ike/sa.c 'ike->ops->random(ike->owner, &spi, sizeof(spi));' 'sl_random(&spi, sizeof(spi));'

# ---- Power cuts ---------------------------------------------------------------------------------------------------------

# The same in each life of a gateway: when both begin anew, they agree on the same keys again.
mutate each-life-the-same-randomness tests/sim/gateway.c \
	'for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(sim_random(node->sim) >> 32);' \
	'static uint64_t drawn[SIM_NODES_MAX];
	if (!node->ike)
		drawn[node->index] = node->index * UINT64_C(1000000);
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(++drawn[node->index] * UINT64_C(0x9e3779b97f4a7c15) >> 40);' crash

mutate silence-not-doubted lib/ike/exchange.c 'if (in_doubt(sa))' 'if (in_doubt(sa) && !sa->ike)' crash

mutate auth-not-given-up lib/ike/exchange.c 'case IKE_AUTH_SENT: return IKE_AUTH_TRIES_MAX;' '' crash

run_mutations
