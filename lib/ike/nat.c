/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NAT (RFC 7296 2.23, RFC 3948). Both ends say in IKE_SA_INIT where they believe to be and where they send to, hashed.
 * Of a peer behind a NAT the address may change at any time, and is followed. A NAT before ourselves forgets us unless
 * something is sent now and then: the peer could not reach us any more.
 *
 * ESP goes in UDP whether there is a NAT or not.
 */
#include "internal.h"

/* SHA-1 of where we believe to be and of where we send to: the receiver compares. */
void ike_write_nat_detection(struct ike_writer *w, const struct ike_sa *sa)
{
	uint8_t hash[SL_SHA1_LEN];

	ike_nat_hash(hash, sa->spi_i, sa->spi_r, &sa->path.local);
	ike_write_notify(w, IKE_N_NAT_DETECTION_SOURCE_IP, hash, sizeof(hash));
	ike_nat_hash(hash, sa->spi_i, sa->spi_r, &sa->path.remote);
	ike_write_notify(w, IKE_N_NAT_DETECTION_DESTINATION_IP, hash, sizeof(hash));
}

/*
 * True when an end, which we see at `place`, is somewhere else for the sender of the message: none of its hashes (there
 * may be several) is right.
 */
static bool translated(const struct ike_message *m, const struct ike_head *head, enum ike_notify_type type,
	const struct sl_endpoint *place)
{
	uint8_t hash[SL_SHA1_LEN];
	bool seen = false;

	ike_nat_hash(hash, head->spi_i, head->spi_r, place);
	for (unsigned i = 0; i < m->notify_count; i++) {
		const struct ike_notify *n = &m->notify[i];

		if (n->type != type)
			continue;
		if (n->data.len == sizeof(hash) && memcmp(n->data.data, hash, sizeof(hash)) == 0)
			return false;
		seen = true;
	}
	return seen;
}

void ike_detect_nat(struct ike_sa *sa, const struct ike_message *m, const struct ike_head *head,
	const struct sl_ike_path *path)
{
	sa->peer_behind_nat = translated(m, head, IKE_N_NAT_DETECTION_SOURCE_IP, &path->remote);
	sa->behind_nat = translated(m, head, IKE_N_NAT_DETECTION_DESTINATION_IP, &path->local);
}

/* ESP runs between the ports where IKE over UDP lives; a peer that spoke from 500 has its ESP on 4500 (RFC 3948). */
struct sl_ike_path ike_esp_path(const struct ike_sa *sa)
{
	struct sl_ike_path path = sa->path;

	path.local.port = SL_IKE_NAT_PORT;
	if (path.remote.port == SL_IKE_PORT)
		path.remote.port = SL_IKE_NAT_PORT;
	return path;
}

/*
 * The peer sits behind a NAT that may give it another address at any time; a fresh message with a right ICV
 * tells where it is now (RFC 7296 2.23). Without a NAT nothing moves.
 */
void ike_follow_peer(struct ike_sa *sa, const struct sl_ike_path *path)
{
	char where[SL_ADDR_TEXT];

	if (sa->state != IKE_ESTABLISHED || !sa->peer_behind_nat ||
		sl_endpoint_equal(&sa->path.remote, &path->remote))
		return;
	sa->path = *path;
	ike_children_move(sa);
	ike_log(sa->ike, SL_IKE_INFO, (int)sa->peer->index, "peer has moved to %s",
		sl_endpoint_text(&path->remote, where));
}

void ike_keepalive(struct ike_sa *sa)
{
	struct sl_ike *ike = sa->ike;
	const struct sl_ike_path path = ike_esp_path(sa);

	if (!sa->behind_nat || !ike->ops->keepalive)
		return;
	if (sa->keepalive_at != IKE_NEVER)
		ike->ops->keepalive(ike->owner, &path);
	sa->keepalive_at = ike->now + IKE_KEEPALIVE;
	ike_arm(ike, sa->keepalive_at);
}
