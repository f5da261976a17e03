/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CREATE_CHILD_SA (RFC 7296 1.3): what a request is about, and what its uses have in common. The profile has one child
 * SA in an IKE SA, so the exchange only replaces: a child SA (rekey_child.c) or the IKE SA itself (rekey_sa.c).
 */
#include "internal.h"

void ike_create_refuse(struct ike_sa *sa, const struct sl_ike_path *path, unsigned error)
{
	char name[IKE_NOTIFY_TEXT];

	ike_log(sa->ike, SL_IKE_DEBUG, (int)sa->peer->index, "CREATE_CHILD_SA refused: %s",
		ike_notify_name((uint16_t)error, name));
	ike_respond_notify(sa, IKE_CREATE_CHILD_SA, path, (enum ike_notify_type)error, NULL, 0);
}

bool ike_create_check_ke(struct ike_sa *sa, const struct sl_ike_path *path, struct ike_view ke)
{
	const uint16_t group = htobe16(IKE_DH_X25519);

	if (memcmp(ke.data, &group, sizeof(group)) != 0) {
		ike_respond_notify(
			sa, IKE_CREATE_CHILD_SA, path, IKE_N_INVALID_KE_PAYLOAD, &group, sizeof(group));
		return false;
	}
	if (!ike_x25519_value(ke)) {
		ike_create_refuse(sa, path, IKE_N_INVALID_SYNTAX);
		return false;
	}
	return true;
}

void ike_create_broken(struct ike_sa *sa, const char *why)
{
	ike_log(sa->ike, SL_IKE_WARNING, (int)sa->peer->index, "link down: a rekey request was %s", why);
	ike_delete_start(sa);
	ike_peer_settle(sa->peer);
}

void ike_create_request(struct ike_sa *sa, const struct sl_ike_path *path, const struct ike_message *m)
{
	const struct ike_notify *what = ike_find_notify(m, IKE_N_REKEY_SA);

	if (!m->sa.data || !m->nonce.data)
		ike_create_refuse(sa, path, IKE_N_INVALID_SYNTAX);
	else if (sa->state != IKE_ESTABLISHED || sa->replaced)
		ike_create_refuse(
			sa, path, IKE_N_TEMPORARY_FAILURE); /* it is on its way out (RFC 7296 2.25) */
	else if (what)
		ike_rekey_child_request(sa, path, m, what);
	else if (m->ts_i.data || m->ts_r.data)
		ike_create_refuse(sa, path, IKE_N_NO_ADDITIONAL_SAS);
	else
		ike_rekey_sa_request(sa, path, m);
}
