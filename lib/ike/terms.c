/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is offered, taken and checked for a child SA: algorithms and traffic selectors. A peer's wish for transport mode
 * is not granted by not being answered (RFC 7296 1.3.1).
 *
 * The first child of an IKE SA gets whatever both configurations allow. What replaces a child stands for the same
 * traffic, no less (RFC 7296 2.9.2) and no more, and a further one for a worker is like the first (RFC 9611 4). One for a
 * flow gets what the peer has of it.
 */
#include "internal.h"
#include "ts.h"

struct ike_wanted ike_want_any(const struct ike_sa *sa, bool create)
{
	const struct sl_ike_peer_conf *conf = sa->peer->conf;

	return (struct ike_wanted){
		.policy =
			{
				.protocol = IKE_PROTO_ESP,
				.ciphers = conf->ciphers,
				.cipher_count = conf->cipher_count,
				.esn = conf->esn,
				.rekey = create,
			},
		.local = &sa->ike->conf->selectors,
		.remote = &conf->selectors,
	};
}

struct ike_wanted ike_want_like(const struct ike_child *child)
{
	struct ike_wanted wanted = ike_want_any(child->sa, true);

	wanted.local = &child->local;
	wanted.remote = &child->remote;
	wanted.whole = true;
	return wanted;
}

struct ike_wanted ike_want_further(const struct ike_sa *sa)
{
	struct ike_wanted wanted = ike_want_any(sa, true);

	wanted.policy.ciphers = &sa->first.choice.cipher;
	wanted.policy.cipher_count = 1;
	wanted.policy.esn = sa->first.choice.esn;
	wanted.local = &sa->first.local;
	wanted.remote = &sa->first.remote;
	wanted.whole = true;
	return wanted;
}

struct ike_wanted ike_want_flow(const struct ike_sa *sa, int flow)
{
	struct ike_wanted wanted = ike_want_any(sa, true);

	wanted.local = &sa->peer->conf->flows[flow].local;
	wanted.remote = &sa->peer->conf->flows[flow].remote;
	return wanted;
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

void ike_write_child_offer(struct ike_writer *w, const struct ike_wanted *wanted, uint32_t spi_in)
{
	ike_write_proposal(w, &wanted->policy, spi_in);
}

void ike_write_child_offer_ts(struct ike_writer *w, const struct ike_wanted *wanted)
{
	ike_write_ts(w, IKE_P_TSI, wanted->local);
	ike_write_ts(w, IKE_P_TSR, wanted->remote);
}

void ike_write_child_choice_ts(struct ike_writer *w, const struct ike_terms *terms)
{
	ike_write_ts(w, IKE_P_TSI, &terms->remote);
	ike_write_ts(w, IKE_P_TSR, &terms->local);
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* Selectors that lie within what is wanted; whether they are all of it, if they must. Then they are called the same. */
static bool suits(struct ike_terms *terms, const struct ike_wanted *wanted)
{
	if (!wanted->whole)
		return true;
	if (!ike_ts_within(wanted->local, &terms->local) || !ike_ts_within(wanted->remote, &terms->remote))
		return false;
	terms->local = *wanted->local;
	terms->remote = *wanted->remote;
	return true;
}

unsigned ike_child_choose(
	const struct ike_message *m, const struct ike_wanted *wanted, struct ike_terms *terms)
{
	struct sl_ts_list offered_i, offered_r;

	if (!m->sa.data || !m->ts_i.data || !m->ts_r.data || ike_parse_ts(&offered_i, m->ts_i) != IKE_OK ||
		ike_parse_ts(&offered_r, m->ts_r) != IKE_OK)
		return IKE_N_INVALID_SYNTAX;
	switch (ike_choose(&terms->choice, m->sa, &wanted->policy)) {
	case IKE_OK: break;
	case IKE_E_NO_PROPOSAL: return IKE_N_NO_PROPOSAL_CHOSEN;
	default: return IKE_N_INVALID_SYNTAX;
	}
	/* What lies behind the initiator is remote to us (RFC 7296 2.9). */
	if (!sl_ts_narrow(&terms->remote, &offered_i, wanted->remote) ||
		!sl_ts_narrow(&terms->local, &offered_r, wanted->local) || !suits(terms, wanted))
		return IKE_N_TS_UNACCEPTABLE;
	return 0;
}

const char *ike_child_check(
	const struct ike_message *m, const struct ike_wanted *wanted, struct ike_terms *terms)
{
	if (!m->sa.data || !m->ts_i.data || !m->ts_r.data)
		return "answered without a child SA";
	if (ike_check_answer(&terms->choice, m->sa, &wanted->policy) != IKE_OK)
		return "answered with a proposal that is not ours";
	if (ike_parse_ts(&terms->local, m->ts_i) != IKE_OK ||
		ike_parse_ts(&terms->remote, m->ts_r) != IKE_OK ||
		!ike_ts_within(&terms->local, wanted->local) ||
		!ike_ts_within(&terms->remote, wanted->remote) || !suits(terms, wanted))
		return "answered with selectors that are not ours";
	return NULL;
}
