/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The child SA that IKE_AUTH negotiates: ESP in tunnel mode, in UDP. A peer's wish for transport mode is not
 * granted by not being answered (RFC 7296 1.3.1).
 */
#include <assert.h>

#include "internal.h"
#include "ts.h"

static struct ike_policy child_policy(const struct ike_peer *peer)
{
	return (struct ike_policy){
		.protocol = IKE_PROTO_ESP,
		.ciphers = peer->conf->ciphers,
		.cipher_count = peer->conf->cipher_count,
		.esn = peer->conf->esn,
	};
}

static bool reserve_spi(struct ike_sa *sa)
{
	assert(sa->spi_in == 0);
	sa->spi_in = sa->ike->ops->spi_alloc(sa->ike->owner, sa->peer->index);
	return sa->spi_in != 0;
}

void ike_child_drop(struct ike_sa *sa)
{
	struct sl_ike *ike = sa->ike;

	if (sa->child_installed)
		ike->ops->child_remove(ike->owner, sa->peer->index, sa->spi_in);
	else if (sa->spi_in)
		ike->ops->spi_free(ike->owner, sa->spi_in);
	if (sa->child_installed && sa->peer->active == sa)
		sa->peer->active = NULL;
	sa->spi_in = sa->spi_out = 0;
	sa->child_installed = false;
}

/* ESP runs between the ports where IKE over UDP lives; a peer that spoke from 500 has its ESP on 4500 (RFC 3948). */
static struct sl_ike_path esp_path(const struct ike_sa *sa)
{
	struct sl_ike_path path = sa->path;

	path.local.port = SL_IKE_NAT_PORT;
	if (path.remote.port == SL_IKE_PORT)
		path.remote.port = SL_IKE_NAT_PORT;
	return path;
}

void ike_child_move(struct ike_sa *sa)
{
	const struct sl_ike_path path = esp_path(sa);
	struct sl_ike *ike = sa->ike;

	if (sa->child_installed && ike->ops->child_move)
		ike->ops->child_move(ike->owner, sa->peer->index, sa->spi_in, &path);
}

static bool install(struct ike_sa *sa, const struct ike_choice *choice, const struct sl_ts_list *local,
	const struct sl_ts_list *remote)
{
	const struct ike_agreed agreed = ike_sa_agreed(sa);
	struct sl_ike *ike = sa->ike;
	struct sl_ike_child child = {
		.peer = sa->peer->index,
		.spi_in = sa->spi_in,
		.spi_out = choice->spi,
		.cipher = choice->cipher,
		.esn = choice->esn,
		.udp = true,
		.path = esp_path(sa),
		.local = *local,
		.remote = *remote,
	};

	ike_derive_child(sa->secrets, &agreed, choice->cipher, sa->initiator ? &child.out : &child.in,
		sa->initiator ? &child.in : &child.out);
	sa->child_installed = ike->ops->child_install(ike->owner, &child) >= 0;
	sl_wipe(&child, sizeof(child));
	if (!sa->child_installed) {
		ike_log(ike, SL_IKE_ERROR, (int)sa->peer->index, "no room for another child SA");
		ike_child_drop(sa);
		return false;
	}
	sa->spi_out = choice->spi;
	ike_log(ike, SL_IKE_INFO, (int)sa->peer->index,
		"child SA: %s, %s sequence numbers, spi in 0x%08x out 0x%08x", sl_cipher_name(choice->cipher),
		choice->esn ? "64-bit" : "32-bit", sa->spi_in, sa->spi_out);
	return true;
}

bool ike_child_offer(struct ike_sa *sa, struct ike_writer *w)
{
	const struct ike_policy policy = child_policy(sa->peer);

	if (!reserve_spi(sa))
		return false;
	ike_write_proposal(w, &policy, sa->spi_in);
	ike_write_ts(w, IKE_P_TSI, &sa->ike->conf->selectors);
	ike_write_ts(w, IKE_P_TSR, &sa->peer->conf->selectors);
	return true;
}

unsigned ike_child_accept(struct ike_sa *sa, struct ike_writer *w, const struct ike_message *m)
{
	const struct ike_policy policy = child_policy(sa->peer);
	struct sl_ts_list offered_i, offered_r, local, remote;
	struct ike_choice choice;

	if (!m->sa.data || !m->ts_i.data || !m->ts_r.data || ike_parse_ts(&offered_i, m->ts_i) != IKE_OK ||
		ike_parse_ts(&offered_r, m->ts_r) != IKE_OK)
		return IKE_N_INVALID_SYNTAX;
	switch (ike_choose(&choice, m->sa, &policy)) {
	case IKE_OK: break;
	case IKE_E_NO_PROPOSAL: return IKE_N_NO_PROPOSAL_CHOSEN;
	default: return IKE_N_INVALID_SYNTAX;
	}
	/* What lies behind the initiator is remote to us (RFC 7296 2.9). */
	if (!sl_ts_narrow(&remote, &offered_i, &sa->peer->conf->selectors) ||
		!sl_ts_narrow(&local, &offered_r, &sa->ike->conf->selectors))
		return IKE_N_TS_UNACCEPTABLE;
	if (!reserve_spi(sa) || !install(sa, &choice, &local, &remote))
		return IKE_N_NO_ADDITIONAL_SAS;
	ike_write_choice(w, IKE_PROTO_ESP, &choice, sa->spi_in);
	ike_write_ts(w, IKE_P_TSI, &remote);
	ike_write_ts(w, IKE_P_TSR, &local);
	return 0;
}

const char *ike_child_finish(struct ike_sa *sa, const struct ike_message *m)
{
	const struct ike_policy policy = child_policy(sa->peer);
	struct sl_ts_list local, remote;
	struct ike_choice choice;

	if (!m->sa.data || !m->ts_i.data || !m->ts_r.data)
		return "answered without a child SA";
	if (ike_check_answer(&choice, m->sa, &policy) != IKE_OK)
		return "answered with a proposal that is not ours";
	if (ike_parse_ts(&local, m->ts_i) != IKE_OK || ike_parse_ts(&remote, m->ts_r) != IKE_OK ||
		!ike_ts_within(&local, &sa->ike->conf->selectors) ||
		!ike_ts_within(&remote, &sa->peer->conf->selectors))
		return "answered with selectors that are not ours";
	if (!install(sa, &choice, &local, &remote))
		return "is authentic, but here is no room for a child SA";
	return NULL;
}
