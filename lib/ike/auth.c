/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IKE_AUTH, both roles (RFC 7296 1.2, 2.15): each end names itself and signs what it has said, and the child
 * SA is made.
 */
#include <stdio.h>

#include "internal.h"

enum { ID_MAX = sizeof(struct ike_wire_id) + SL_IKE_NAME_MAX };

static size_t make_id(uint8_t id[ID_MAX], const char *name)
{
	const struct ike_wire_id header = {.type = IKE_ID_FQDN};
	size_t len = strlen(name);

	memcpy(id, &header, sizeof(header));
	memcpy(id + sizeof(header), name, len);
	return sizeof(header) + len;
}

static bool id_is(struct ike_view id, const char *name)
{
	const struct ike_wire_id *i = (const void *)id.data;
	size_t len = strlen(name);

	return i->type == IKE_ID_FQDN && id.len - sizeof(*i) == len &&
	       memcmp(id.data + sizeof(*i), name, len) == 0;
}

/* What the given end signs. */
static struct ike_signed signed_by(const struct ike_sa *sa, bool initiator, struct ike_view id)
{
	const struct ike_agreed agreed = ike_sa_agreed(sa);
	const struct ike_buffer *message = initiator ? &sa->init_request : &sa->init_response;

	return (struct ike_signed){
		.message = {message->data, message->len},
		.nonce = initiator ? agreed.nonce_r : agreed.nonce_i,
		.id = id,
		.initiator = initiator,
	};
}

static void write_auth(struct ike_sa *sa, struct ike_writer *w, const uint8_t *id, size_t id_len)
{
	const struct ike_signed what = signed_by(sa, sa->initiator, (struct ike_view){id, id_len});

	ike_write_auth(w, sa->secrets, &what, sa->ike->conf->key);
}

static bool check_auth(
	struct ike_sa *sa, const struct ike_peer *peer, struct ike_view auth, struct ike_view id)
{
	const struct ike_signed what = signed_by(sa, !sa->initiator, id);

	sa->peer_key = ike_check_auth(
		auth, sa->secrets, &what, peer->conf->public_keys, peer->conf->public_key_count);
	return sa->peer_key >= 0;
}

/* ---- Initiator --------------------------------------------------------------------------------------------------- */

static bool has_established(const struct ike_peer *peer)
{
	const struct ike_sa *sa;

	TAILQ_FOREACH (sa, &peer->sas, peer_link)
		if (sa->state == IKE_ESTABLISHED)
			return true;
	return false;
}

void ike_auth_start(struct ike_sa *sa)
{
	const struct ike_wanted wanted = ike_want_any(sa, false);
	uint8_t id[ID_MAX], peer_id[ID_MAX];
	size_t id_len = make_id(id, sa->ike->conf->name);
	struct ike_child *child;
	struct ike_writer w;

	sa->state = IKE_AUTH_SENT;
	if (sa->init_request.len == 0 || sa->init_response.len == 0) {
		ike_peer_failed(sa->peer, sa, "out of memory");
		return;
	}
	ike_begin_request(sa, &w, IKE_AUTH);
	ike_write_payload(&w, IKE_P_IDI, id, id_len);
	if (!has_established(sa->peer))
		ike_write_notify(&w, IKE_N_INITIAL_CONTACT, NULL, 0);
	ike_write_payload(&w, IKE_P_IDR, peer_id, make_id(peer_id, sa->peer->conf->name));
	if (sa->ppk) {
		const struct ike_signed what = signed_by(sa, true, (struct ike_view){id, id_len});

		ike_ppk_offer(sa, &w, &what);
	}
	write_auth(sa, &w, id, id_len);
	child = ike_child_new(sa, 0, SL_IKE_NO_FLOW);
	if (!child) {
		ike_peer_failed(sa->peer, sa, "no SPI is free for a child SA");
		return;
	}
	ike_write_resource_info(&w, 0);
	ike_write_child_offer(&w, &wanted, child->spi_in);
	ike_write_child_offer_ts(&w, &wanted);
	ike_send_request(sa, &w, IKE_AUTH);
}

/* We do not believe the peer, who believes us: it must know (RFC 7296 2.21.2). */
static void disbelieve(struct ike_sa *sa, const char *why, struct ike_view id)
{
	char where[SL_ADDR_TEXT], who[IKE_ID_TEXT];
	struct ike_writer w;

	ike_begin_request(sa, &w, IKE_INFORMATIONAL);
	ike_write_notify(&w, IKE_N_AUTHENTICATION_FAILED, NULL, 0);
	ike_send_last(sa, &w);
	sa->ike->stats.auth_failures++;
	ike_peer_failed(sa->peer, sa, "%s, which says it is \"%s\", %s",
		sl_endpoint_text(&sa->path.remote, where), ike_id_text(id, who), why);
}

/* The peer has answered with an error in place of its identity. */
static void refused(struct ike_sa *sa, const struct ike_message *m)
{
	const struct ike_notify *error = ike_find_error(m);
	char where[SL_ADDR_TEXT], name[IKE_NOTIFY_TEXT];

	sl_endpoint_text(&sa->path.remote, where);
	if (error && error->type == IKE_N_AUTHENTICATION_FAILED) {
		sa->ike->stats.auth_failures++;
		ike_peer_failed(sa->peer, sa,
			"peer %s refused our identity \"%s\" (its key for us or its name differs%s)", where,
			sa->ike->conf->name, sa->peer->conf->ppk ? ", or its PPK" : "");
	} else
		ike_peer_failed(sa->peer, sa, "peer %s refused IKE_AUTH: %s", where,
			error ? ike_notify_name(error->type, name) : "it names no reason");
}

/* The child SA of the answer. Returns NULL, or what is wrong with it. */
static const char *finish_child(struct ike_sa *sa, const struct ike_message *m)
{
	const struct ike_agreed agreed = ike_sa_agreed(sa);
	const struct ike_wanted wanted = ike_want_any(sa, false);
	struct ike_child *child = TAILQ_FIRST(&sa->children);
	struct ike_terms terms;
	const char *wrong = ike_child_check(m, &wanted, &terms);

	if (wrong)
		return wrong;
	if (!ike_child_install(child, &terms, &agreed, NULL))
		return "is authentic, but here is no room for a child SA";
	ike_child_use(child);
	ike_further_agreed(sa, &terms, ike_find_notify(m, IKE_N_SA_RESOURCE_INFO) != NULL);
	return NULL;
}

void ike_auth_response(struct ike_sa *sa, const struct ike_message *m)
{
	const struct ike_notify *error = ike_find_error(m);
	char name[IKE_NOTIFY_TEXT];
	const char *wrong;

	if (!m->id_r.data || !m->auth.data) {
		refused(sa, m);
		return;
	}
	if (!id_is(m->id_r, sa->peer->conf->name)) {
		disbelieve(sa, "has another name than we expect", m->id_r);
		return;
	}
	if (!ike_ppk_answered(sa, m)) {
		disbelieve(sa, "does without the PPK, which is required", m->id_r);
		return;
	}
	if (!check_auth(sa, sa->peer, m->auth, m->id_r)) {
		disbelieve(sa, "has not signed with the key we have for it", m->id_r);
		return;
	}
	ike_sa_forget_init(sa);
	ike_ppk_tell(sa);
	wrong = finish_child(sa, m);
	if (wrong) {
		/* Authentic, but no use: an IKE SA without a child carries nothing. */
		ike_delete_last(sa);
		ike_peer_failed(sa->peer, sa, "peer %s%s%s", wrong, error ? ": " : "",
			error ? ike_notify_name(error->type, name) : "");
		return;
	}
	ike_peer_established(sa->peer, sa);
}

/* ---- Responder --------------------------------------------------------------------------------------------------- */

static struct ike_peer *peer_by_id(const struct sl_ike *ike, struct ike_view id)
{
	struct ike_peer *peer;

	IKE_FOREACH_PEER(peer, ike)
	if (id_is(id, peer->conf->name))
		return peer;
	return NULL;
}

static bool cipher_allowed(const struct ike_peer *peer, enum sl_cipher cipher)
{
	for (unsigned i = 0; i < peer->conf->cipher_count; i++)
		if (peer->conf->ciphers[i] == cipher)
			return true;
	return false;
}

/* Who the initiator is, or NULL and why we do not believe it. */
static struct ike_peer *authenticate(struct ike_sa *sa, const struct ike_message *m, const char **why)
{
	struct ike_peer *peer = peer_by_id(sa->ike, m->id_i);

	*why = NULL;
	if (!peer)
		*why = "no peer of that name is configured";
	else if (m->id_r.data && !id_is(m->id_r, sa->ike->conf->name))
		*why = "it looks for a gateway of another name";
	else if (!m->auth.data)
		*why = "it has not signed";
	else if (!cipher_allowed(peer, sa->cipher))
		*why = "the cipher is not allowed for it";
	else
		*why = ike_ppk_check(sa, peer, m, check_auth);
	return *why ? NULL : peer;
}

static void refuse(struct ike_sa *sa, const struct sl_ike_path *path, enum ike_notify_type error,
	const char *why, struct ike_view id)
{
	char who[IKE_ID_TEXT];

	if (error == IKE_N_AUTHENTICATION_FAILED)
		sa->ike->stats.auth_failures++;
	ike_log_stranger(sa->ike, path, "\"%s\" refused: %s", ike_id_text(id, who), why);
	ike_respond_notify(sa, IKE_AUTH, path, error, NULL, 0);
	ike_sa_drop(sa);
}

/* Makes the child SA and its part of the answer. Returns 0, or the error to answer with. */
static unsigned accept_child(struct ike_sa *sa, struct ike_writer *w, const struct ike_message *m)
{
	const struct ike_agreed agreed = ike_sa_agreed(sa);
	const struct ike_wanted wanted = ike_want_any(sa, false);
	bool further = ike_find_notify(m, IKE_N_SA_RESOURCE_INFO) != NULL;
	struct ike_terms terms;
	unsigned error = ike_child_choose(m, &wanted, &terms);
	struct ike_child *child = error ? NULL : ike_child_new(sa, 0, SL_IKE_NO_FLOW);

	if (error)
		return error;
	if (!child)
		return IKE_N_NO_ADDITIONAL_SAS;
	if (!ike_child_install(child, &terms, &agreed, NULL)) {
		ike_child_drop(child);
		return IKE_N_NO_ADDITIONAL_SAS;
	}
	ike_child_use(child);
	ike_further_agreed(sa, &terms, further);
	if (further)
		ike_write_resource_info(w, 0);
	ike_write_choice(w, IKE_PROTO_ESP, &terms.choice, child->spi_in);
	ike_write_child_choice_ts(w, &terms);
	return 0;
}

/* The peer is authentic: makes the child SA, names ourselves and signs. */
static void accept(struct ike_sa *sa, const struct sl_ike_path *path, const struct ike_message *m)
{
	struct sl_ike *ike = sa->ike;
	uint8_t id[ID_MAX];
	size_t id_len = make_id(id, ike->conf->name);
	char name[IKE_NOTIFY_TEXT];
	struct ike_writer w;
	unsigned error;

	ike_begin_response(sa, &w, IKE_AUTH);
	ike_write_payload(&w, IKE_P_IDR, id, id_len);
	write_auth(sa, &w, id, id_len);
	if (sa->ppk)
		ike_write_notify(&w, IKE_N_PPK_IDENTITY, NULL, 0);
	ike_ppk_tell(sa);
	error = accept_child(sa, &w, m);
	if (error) {
		/* The IKE SA comes up all the same (RFC 7296 1.2). The initiator decides what it is good for. */
		ike_write_notify(&w, (enum ike_notify_type)error, NULL, 0);
		ike_log(ike, SL_IKE_WARNING, (int)sa->peer->index, "child SA refused: %s",
			ike_notify_name((uint16_t)error, name));
	}
	ike_send_response(sa, &w, path);
	ike_sa_forget_init(sa);
}

/* Why a peer that is authentic can have no link now, or NULL. Only the peer itself hears of it. */
static const char *not_now(const struct ike_sa *sa, const struct ike_peer *peer)
{
	if (peer->closed)
		return "its link has been taken down here";
	/* What was chosen in IKE_SA_INIT was for others. */
	return sa->started < peer->added ? "it has become a peer only now" : NULL;
}

void ike_auth_request(struct ike_sa *sa, const struct sl_ike_path *path, const struct ike_message *m)
{
	static const uint8_t nobody[sizeof(struct ike_wire_id)];
	struct ike_view id = m->id_i.data ? m->id_i : (struct ike_view){nobody, sizeof(nobody)};
	struct ike_peer *peer;
	const char *why;

	if (!m->id_i.data) {
		refuse(sa, path, IKE_N_INVALID_SYNTAX, "it does not say who it is", id);
		return;
	}
	peer = authenticate(sa, m, &why);
	if (!peer) {
		refuse(sa, path, IKE_N_AUTHENTICATION_FAILED, why, id);
		return;
	}
	why = not_now(sa, peer);
	if (why) {
		refuse(sa, path, IKE_N_TEMPORARY_FAILURE, why, id);
		return;
	}
	sa->peer = peer;
	sa->path = *path; /* the initiator may have moved to port 4500 (RFC 7296 2.23) */
	if (ike_find_notify(m, IKE_N_INITIAL_CONTACT))
		ike_peer_initial_contact(peer, sa);
	accept(sa, path, m);
	ike_peer_established(peer, sa);
}
