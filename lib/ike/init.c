/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IKE_SA_INIT, both roles (RFC 7296 1.2): ciphers, X25519, nonces. Nothing here is authenticated. What comes
 * in may cost us a half-open SA for a while, and must never harm one that exists.
 */
#include "internal.h"

/* KE, nonce and notifies: the same from both sides. */
static void write_rest(struct ike_writer *w, const struct ike_sa *sa, const struct ike_nonce *nonce)
{
	const uint16_t hash_algorithm = htobe16(IKE_HASH_IDENTITY);

	ike_write_ke(w, sa->secrets->x25519);
	ike_write_nonce(w, nonce);
	ike_write_nat_detection(w, sa);
	/* Ed25519 hashes for itself (RFC 8420 2). The peer's list is not read: it has one way to sign, or fails. */
	ike_write_notify(w, IKE_N_SIGNATURE_HASH_ALGORITHMS, &hash_algorithm, sizeof(hash_algorithm));
	/* The responder speaks of it when the initiator did (RFC 7383 2.3). */
	if (sa->initiator || sa->fragmentation)
		ike_write_notify(w, IKE_N_FRAGMENTATION_SUPPORTED, NULL, 0);
	if (sa->ppk)
		ike_write_notify(w, IKE_N_USE_PPK, NULL, 0);
	ike_write_end(w);
}

/* ---- Initiator --------------------------------------------------------------------------------------------------- */

static struct ike_policy peer_policy(const struct ike_peer *peer)
{
	return (struct ike_policy){
		.protocol = IKE_PROTO_IKE,
		.ciphers = peer->conf->ciphers,
		.cipher_count = peer->conf->cipher_count,
	};
}

/* Sends the request; with the cookie in front when the peer wants one back (RFC 7296 2.6). */
static void send_request(struct ike_sa *sa, const struct ike_notify *cookie)
{
	const struct ike_head head = {.spi_i = sa->spi_i, .exchange = IKE_SA_INIT, .initiator = true};
	const struct ike_policy policy = peer_policy(sa->peer);
	struct ike_writer w;

	ike_write_header(&w, &head);
	if (cookie)
		ike_write_notify(&w, IKE_N_COOKIE, cookie->data.data, cookie->data.len);
	ike_write_proposal(&w, &policy, 0);
	write_rest(&w, sa, &sa->nonce_i);
	ike_keep(&sa->init_request, w.buf, w.len);
	ike_track_request(sa, w.buf, w.len, IKE_SA_INIT);
}

const struct sl_addr *ike_address_for(const struct sl_ike *ike, const struct sl_addr *remote)
{
	return remote->family == SL_IPV6 ? &ike->conf->address6 : &ike->conf->address;
}

bool ike_init_start(struct ike_peer *peer)
{
	const struct sl_endpoint *remote = &peer->conf->endpoint;
	/* A peer on 4500 is asked from 4500 (RFC 7296 2.23 allows it): the path never changes. */
	const struct sl_ike_path path = {
		.local = {*ike_address_for(peer->ike, &remote->addr),
			remote->port == SL_IKE_PORT ? SL_IKE_PORT : SL_IKE_NAT_PORT},
		.remote = *remote,
	};
	struct ike_sa *sa = ike_sa_new(peer->ike, IKE_INIT_SENT, 0, &path);

	if (!sa)
		return false;
	sa->peer = peer;
	sa->ppk = peer->conf->ppk != NULL;
	sa->insists = peer->conf->udp;
	sa->next_id = 1; /* IKE_SA_INIT is 0 */
	peer->attempt = sa;
	ike_make_secrets(sa->ike, sa->secrets->x25519, &sa->nonce_i);
	send_request(sa, NULL);
	return true;
}

/*
 * Anybody can send an error, so it ends nothing (RFC 7296 2.21.1): it is noted, in case that no better answer
 * comes.
 */
static void note_refusal(struct ike_sa *sa, uint16_t error)
{
	char where[SL_ADDR_TEXT], name[IKE_NOTIFY_TEXT];

	if (sa->refused)
		return;
	sa->refused = error;
	ike_log(sa->ike, SL_IKE_WARNING, (int)sa->peer->index,
		"%s answers %s (not authenticated), still trying", sl_endpoint_text(&sa->path.remote, where),
		ike_notify_name(error, name));
}

/* An answer without an SA. */
static void no_sa(struct ike_sa *sa, const struct ike_message *m)
{
	const struct ike_notify *cookie = ike_find_notify(m, IKE_N_COOKIE), *error = ike_find_error(m);

	if (error) {
		note_refusal(sa, error->type);
	} else if (!cookie || cookie->data.len == 0 || cookie->data.len > IKE_COOKIE_MAX) {
		sa->ike->stats.malformed++;
	} else if (sa->cookies == IKE_COOKIES_MAX) {
		sa->ike->stats.unexpected++;
	} else {
		sa->cookies++;
		send_request(sa, cookie);
	}
}

/* Takes the peer's half of the exchange. False when it is not an answer to what we asked. */
static bool take_answer(struct ike_sa *sa, const struct ike_head *head, const struct ike_message *m)
{
	const struct ike_policy policy = peer_policy(sa->peer);
	struct ike_choice choice;
	const uint8_t *public;

	if (head->spi_r == 0 || !m->ke.data || !m->nonce.data)
		return false;
	public = ike_x25519_value(m->ke);
	if (!public || ike_check_answer(&choice, m->sa, &policy) != IKE_OK)
		return false;
	sa->spi_r = head->spi_r;
	sa->cipher = choice.cipher;
	ike_take_nonce(&sa->nonce_r, m->nonce);
	if (ike_sa_derive(sa, NULL, public))
		return true;
	sa->spi_r = 0;
	return false;
}

void ike_init_response(struct sl_ike *ike, const struct ike_head *head, const struct sl_ike_path *path,
	const uint8_t *msg, size_t len)
{
	struct ike_sa *sa = ike_sa_find(ike, head->spi_i);
	struct ike_message m;

	if (!sa || sa->state != IKE_INIT_SENT || head->initiator || head->id != 0 ||
		!sl_endpoint_equal(&path->remote, &sa->path.remote)) {
		ike->stats.unknown_sa++;
		return;
	}
	if (ike_parse(&m, head->next, msg + sizeof(struct ike_wire_header),
		    len - sizeof(struct ike_wire_header)) != IKE_OK) {
		ike->stats.malformed++;
		return;
	}
	if (!m.sa.data) {
		no_sa(sa, &m);
		return;
	}
	if (ike_ppk_refuses(sa, &m))
		return;
	if (!take_answer(sa, head, &m)) {
		ike->stats.malformed++;
		ike_log_stranger(ike, path, "IKE_SA_INIT answer dropped: not what we proposed");
		return;
	}
	ike_keep(&sa->init_response, msg, len);
	ike_request_done(sa);
	ike_detect_nat(sa, &m, head, path);
	sa->fragmentation = ike_find_notify(&m, IKE_N_FRAGMENTATION_SUPPORTED) != NULL;
	sa->ppk = sa->ppk && ike_find_notify(&m, IKE_N_USE_PPK);
	/* Where there is UDP around ESP, its port is IKE's too (RFC 7296 2.23). */
	if (sa->udp && sa->path.remote.port == SL_IKE_PORT)
		sa->path.local.port = sa->path.remote.port = SL_IKE_NAT_PORT;
	ike_auth_start(sa);
}

/* ---- Responder --------------------------------------------------------------------------------------------------- */

/* Answers with one notify and remembers nothing. */
static void refuse(struct sl_ike *ike, const struct ike_head *request, const struct sl_ike_path *path,
	enum ike_notify_type type, const void *data, size_t len)
{
	const struct ike_head head = {.spi_i = request->spi_i, .exchange = IKE_SA_INIT, .response = true};
	struct ike_writer w;

	ike_write_header(&w, &head);
	ike_write_notify(&w, type, data, len);
	ike_write_end(&w);
	ike_send(ike, path, w.buf, w.len);
}

/* Adds what a peer allows to a list without doubles. */
static unsigned add_ciphers(
	enum sl_cipher list[static SL_CIPHER_COUNT], unsigned count, const struct sl_ike_peer_conf *conf)
{
	for (unsigned i = 0; i < conf->cipher_count; i++) {
		unsigned known = 0;

		while (known < count && list[known] != conf->ciphers[i])
			known++;
		if (known == count)
			list[count++] = conf->ciphers[i];
	}
	return count;
}

/*
 * The ciphers to choose from. Who is asking is known only in IKE_AUTH, where its own list decides: until then it is
 * taken for whoever is configured at its address, or when nobody is, for anybody.
 */
static unsigned ciphers_for(
	const struct sl_ike *ike, const struct sl_addr *from, enum sl_cipher list[static SL_CIPHER_COUNT])
{
	const struct ike_peer *peer;
	unsigned count = 0;

	IKE_FOREACH_PEER(peer, ike)
	if (sl_addr_equal(&peer->conf->endpoint.addr, from))
		count = add_ciphers(list, count, peer->conf);
	if (count > 0)
		return count;
	IKE_FOREACH_PEER(peer, ike)
	count = add_ciphers(list, count, peer->conf);
	return count;
}

/* Whether ESP with whoever asks from there shall go in UDP, whatever it wishes itself; guessed in the same way. */
static bool insists_on(const struct sl_ike *ike, const struct sl_addr *from)
{
	bool known = false, udp = false, any = false;
	const struct ike_peer *peer;

	IKE_FOREACH_PEER(peer, ike)
	{
		any |= peer->conf->udp;
		if (!sl_addr_equal(&peer->conf->endpoint.addr, from))
			continue;
		known = true;
		udp |= peer->conf->udp;
	}
	return known ? udp : any;
}

/*
 * Chooses from the peer's proposals, and checks that its KE payload belongs to what was chosen. Answers a
 * request that does not fit; returns false then.
 */
static bool choose(struct sl_ike *ike, const struct ike_head *head, const struct sl_ike_path *path,
	const struct ike_message *m, struct ike_choice *choice)
{
	enum sl_cipher ciphers[SL_CIPHER_COUNT];
	const struct ike_policy policy = {
		.protocol = IKE_PROTO_IKE,
		.ciphers = ciphers,
		.cipher_count = ciphers_for(ike, &path->remote.addr, ciphers),
	};
	const uint16_t group = htobe16(IKE_DH_X25519);

	switch (ike_choose(choice, m->sa, &policy)) {
	case IKE_OK: break;
	case IKE_E_NO_PROPOSAL:
		ike_log_stranger(ike, path, "IKE_SA_INIT refused: nothing in common in its proposals");
		refuse(ike, head, path, IKE_N_NO_PROPOSAL_CHOSEN, NULL, 0);
		return false;
	default: ike->stats.malformed++; return false;
	}
	if (memcmp(m->ke.data, &group, sizeof(group)) != 0) {
		/* It guessed another group than the one of its proposals that we take (RFC 7296 1.3, 2.7). */
		refuse(ike, head, path, IKE_N_INVALID_KE_PAYLOAD, &group, sizeof(group));
		return false;
	}
	if (!ike_x25519_value(m->ke)) {
		ike->stats.malformed++;
		return false;
	}
	return true;
}

/* Makes the half-open SA and its answer. False when it cannot be; the SA is to be dropped then. */
static bool answer(struct ike_sa *sa, const struct ike_message *m, const struct ike_choice *choice)
{
	struct ike_head head = {
		.spi_i = sa->spi_i, .spi_r = sa->spi_r, .exchange = IKE_SA_INIT, .response = true};
	struct ike_writer w;

	sa->cipher = choice->cipher;
	sa->expected_id = 1;
	ike_take_nonce(&sa->nonce_i, m->nonce);
	ike_make_secrets(sa->ike, sa->secrets->x25519, &sa->nonce_r);

	ike_write_header(&w, &head);
	ike_write_choice(&w, IKE_PROTO_IKE, choice, 0);
	write_rest(&w, sa, &sa->nonce_r);
	if (!ike_sa_derive(sa, NULL, ike_x25519_value(m->ke)))
		return false;
	ike_keep(&sa->init_response, w.buf, w.len);
	if (sa->init_request.len == 0 || sa->init_response.len == 0)
		return false;
	ike_send(sa->ike, &sa->path, w.buf, w.len);
	return true;
}

static void demand_cookie(struct sl_ike *ike, const struct ike_head *head, const struct sl_ike_path *path,
	const struct ike_message *m)
{
	uint8_t cookie[IKE_OUR_COOKIE_LEN];

	ike->stats.cookies_sent++;
	ike_cookie_make(cookie, ike, head, path, m);
	refuse(ike, head, path, IKE_N_COOKIE, cookie, sizeof(cookie));
}

/* Answers whoever may not have an IKE SA now; returns false then. */
static bool admit(struct sl_ike *ike, const struct ike_head *head, const struct sl_ike_path *path,
	const struct ike_message *m)
{
	switch (ike_admit(ike, head, path, m)) {
	case IKE_ADMITTED: return true;
	case IKE_WANTS_COOKIE: demand_cookie(ike, head, path, m); return false;
	case IKE_TURNED_AWAY: break;
	}
	ike->stats.turned_away++;
	ike_log_stranger(ike, path, "IKE_SA_INIT dropped: there are too many half-open IKE SAs");
	return false;
}

static void new_half_open(struct sl_ike *ike, const struct ike_head *head, const struct sl_ike_path *path,
	const struct ike_message *m, const uint8_t *msg, size_t len)
{
	struct ike_choice choice;
	struct ike_sa *sa;

	if (!admit(ike, head, path, m) || !choose(ike, head, path, m, &choice))
		return;
	sa = ike_sa_new(ike, IKE_HALF_OPEN, head->spi_i, path);
	if (!sa) {
		ike_log_stranger(ike, path, "IKE_SA_INIT dropped: there are too many IKE SAs");
		return;
	}
	sa->insists = insists_on(ike, &path->remote.addr);
	ike_detect_nat(sa, m, head, path);
	sa->fragmentation = ike_find_notify(m, IKE_N_FRAGMENTATION_SUPPORTED) != NULL;
	sa->ppk = ike_ppk_accepted(ike, m);
	sa->expires = ike->now + IKE_HALF_OPEN_MAX;
	ike_arm(ike, sa->expires);
	ike_keep(&sa->init_request, msg, len);
	ike_sa_add_request(sa);
	if (!answer(sa, m, &choice)) {
		ike->stats.malformed++;
		ike_sa_drop(sa);
	}
}

/* It has an SPI that we have chosen: our own request is sent back to us. We would make an IKE SA with ourselves. */
static bool is_our_own(struct sl_ike *ike, const struct ike_head *head)
{
	const struct ike_sa *sa = ike_sa_find(ike, head->spi_i);

	return sa && sa->initiator;
}

void ike_init_request(struct sl_ike *ike, const struct ike_head *head, const struct sl_ike_path *path,
	const uint8_t *msg, size_t len)
{
	struct ike_sa *sa = ike_sa_find_request(ike, head->spi_i, path, msg, len);
	struct ike_message m;
	enum ike_result parsed;

	if (is_our_own(ike, head)) {
		ike->stats.unexpected++;
		return;
	}
	if (sa) {
		ike->stats.retransmits++;
		ike_send(ike, path, sa->init_response.data, sa->init_response.len);
		return;
	}
	parsed = ike_parse(
		&m, head->next, msg + sizeof(struct ike_wire_header), len - sizeof(struct ike_wire_header));
	if (!head->initiator || head->spi_r != 0 || head->id != 0 || parsed == IKE_E_SYNTAX)
		ike->stats.malformed++;
	else if (parsed == IKE_E_CRITICAL)
		refuse(ike, head, path, IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD, &m.critical, sizeof(m.critical));
	else if (!m.sa.data || !m.ke.data || !m.nonce.data)
		ike->stats.malformed++;
	else
		new_half_open(ike, head, path, &m, msg, len);
}
