/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Post-quantum preshared keys (RFC 8784). Whoever records the traffic of today and one day computes its X25519 secrets
 * still lacks a key that never was on the wire: it is mixed into the keys that authenticate the IKE SA, and into the
 * one from which its child SAs come.
 *
 *     initiator                                     responder
 *     IKE_SA_INIT with USE_PPK ───────────────────► has a PPK with some peer
 *                      ◄─────────────── IKE_SA_INIT with USE_PPK
 *     IKE_AUTH with PPK_IDENTITY, AUTH made with
 *     the PPK, and NO_PPK_AUTH if it may be without
 *                      ───────────────────────────► has the PPK of that name for that peer: checks AUTH,
 *                                                   else NO_PPK_AUTH, if it may be without
 *                      ◄─────────────── IKE_AUTH, with PPK_IDENTITY if the PPK is in use
 */
#include "internal.h"

enum { AUTH_MAX = 128 }; /* an AUTH payload that could be valid is shorter */

/* RFC 8784 3: SK = prf+(PPK, SK'), of which the first block is all. */
static void mix(uint8_t key[static SL_HASH_LEN], const struct sl_ppk *ppk)
{
	static const uint8_t one = 1;
	const struct sl_bytes info[] = {{key, SL_HASH_LEN}, {&one, sizeof(one)}};
	uint8_t mixed[SL_HASH_LEN];

	sl_hmac(mixed, ppk->bytes, ppk->len, info, 2);
	memcpy(key, mixed, sizeof(mixed));
	sl_wipe(mixed, sizeof(mixed));
}

void ike_ppk_mix(struct ike_secrets *s, const struct sl_ppk *ppk)
{
	memcpy(s->without_ppk[0], s->sk_d, SL_HASH_LEN);
	memcpy(s->without_ppk[1], s->sk_pi, SL_HASH_LEN);
	memcpy(s->without_ppk[2], s->sk_pr, SL_HASH_LEN);
	mix(s->sk_d, ppk);
	mix(s->sk_pi, ppk);
	mix(s->sk_pr, ppk);
}

static void unmix(struct ike_secrets *s)
{
	memcpy(s->sk_d, s->without_ppk[0], SL_HASH_LEN);
	memcpy(s->sk_pi, s->without_ppk[1], SL_HASH_LEN);
	memcpy(s->sk_pr, s->without_ppk[2], SL_HASH_LEN);
}

void ike_ppk_tell(const struct ike_sa *sa)
{
	const struct ike_peer *peer = sa->peer;

	if (sa->ppk)
		ike_log(sa->ike, SL_IKE_INFO, (int)peer->index, "post-quantum preshared key \"%s\" is in use",
			peer->conf->ppk_id);
	else if (peer->conf->ppk)
		ike_log(sa->ike, SL_IKE_WARNING, (int)peer->index,
			"the peer does without the post-quantum preshared key \"%s\"", peer->conf->ppk_id);
}

/* ---- Initiator --------------------------------------------------------------------------------------------------- */

bool ike_ppk_refuses(struct ike_sa *sa, const struct ike_message *m)
{
	const struct ike_peer *peer = sa->peer;
	char where[SL_ADDR_TEXT];

	if (!peer->conf->ppk || !peer->conf->ppk_required || ike_find_notify(m, IKE_N_USE_PPK))
		return false;
	/* Anybody can answer without it. The peer's own answer may come yet. */
	if (!sa->ppk_refused)
		ike_log(sa->ike, SL_IKE_WARNING, (int)peer->index,
			"%s answers without a PPK, which is required (not authenticated), still trying",
			sl_endpoint_text(&sa->path.remote, where));
	sa->ppk_refused = true;
	return true;
}

/* NO_PPK_AUTH holds what an AUTH payload does, but for the method. */
static void write_auth_without(struct ike_writer *w, struct ike_sa *sa, const struct ike_signed *what)
{
	const struct ike_head none = {0};
	struct ike_writer auth;
	size_t at;

	ike_write_header(&auth, &none);
	at = auth.len + sizeof(struct ike_wire_payload) + sizeof(struct ike_wire_auth);
	ike_write_auth(&auth, sa->secrets, what, sa->ike->conf->key);
	ike_write_notify(w, IKE_N_NO_PPK_AUTH, auth.buf + at, auth.len - at);
}

void ike_ppk_offer(struct ike_sa *sa, struct ike_writer *w, const struct ike_signed *what)
{
	const struct sl_ike_peer_conf *conf = sa->peer->conf;
	uint8_t id[1 + SL_IKE_NAME_MAX] = {IKE_PPK_ID_FIXED};

	memcpy(id + 1, conf->ppk_id, strlen(conf->ppk_id));
	ike_write_notify(w, IKE_N_PPK_IDENTITY, id, 1 + strlen(conf->ppk_id));
	if (!conf->ppk_required)
		write_auth_without(w, sa, what);
	ike_ppk_mix(sa->secrets, conf->ppk);
}

bool ike_ppk_answered(struct ike_sa *sa, const struct ike_message *m)
{
	if (sa->ppk && ike_find_notify(m, IKE_N_PPK_IDENTITY))
		return true;
	if (sa->ppk)
		unmix(sa->secrets);
	sa->ppk = false;
	return !sa->peer->conf->ppk || !sa->peer->conf->ppk_required;
}

/* ---- Responder --------------------------------------------------------------------------------------------------- */

bool ike_ppk_accepted(const struct sl_ike *ike, const struct ike_message *m)
{
	const struct ike_peer *peer;

	if (!ike_find_notify(m, IKE_N_USE_PPK))
		return false;
	/* Which peer asks is not known yet. */
	IKE_FOREACH_PEER(peer, ike)
	if (peer->conf->ppk)
		return true;
	return false;
}

static bool names(const struct ike_notify *n, const struct sl_ike_peer_conf *conf)
{
	size_t len = conf->ppk ? strlen(conf->ppk_id) : 0;

	return conf->ppk && n->data.len == 1 + len && n->data.data[0] == IKE_PPK_ID_FIXED &&
	       memcmp(n->data.data + 1, conf->ppk_id, len) == 0;
}

const char *ike_ppk_check(
	struct ike_sa *sa, const struct ike_peer *peer, const struct ike_message *m, ike_auth_checker *check)
{
	const struct ike_notify *id = sa->ppk ? ike_find_notify(m, IKE_N_PPK_IDENTITY) : NULL;
	const struct ike_notify *without = ike_find_notify(m, IKE_N_NO_PPK_AUTH);
	const struct ike_wire_auth header = {.method = IKE_AUTH_SIGNATURE};
	static const char not_signed[] = "it has not signed with the key we have for it";
	uint8_t auth[AUTH_MAX];

	sa->ppk = false;
	if (id && names(id, peer->conf)) {
		ike_ppk_mix(sa->secrets, peer->conf->ppk);
		sa->ppk = true;
		if (check(sa, peer, m->auth, m->id_i))
			return NULL;
		return "it has not signed with the key we have for it, or its PPK is not the one we have for it";
	}
	if (peer->conf->ppk && peer->conf->ppk_required)
		return id ? "its PPK has another id than the one we have for it"
			  : "it does without a PPK, which is required";
	if (!id)
		return check(sa, peer, m->auth, m->id_i) ? NULL : not_signed;
	if (!without)
		return "it requires a PPK that we do not have for it";
	if (without->data.len > sizeof(auth) - sizeof(header))
		return not_signed;
	memcpy(auth, &header, sizeof(header));
	memcpy(auth + sizeof(header), without->data.data, without->data.len);
	return check(sa, peer, (struct ike_view){auth, sizeof(header) + without->data.len}, m->id_i)
		       ? NULL
		       : not_signed;
}
