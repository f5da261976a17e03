/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NAT (RFC 7296 2.23, RFC 3948). Both ends say in IKE_SA_INIT where they believe to be and where they send to, hashed.
 * Of a peer behind a NAT the address may change at any time, and is followed. A NAT before ourselves forgets us unless
 * something is sent now and then: the peer could not reach us any more.
 *
 * ESP goes in UDP when there is a NAT, and when an end insists, for what lets UDP pass need not let ESP pass. Such an end
 * says in the place of its own hash something else, as if it were behind a NAT: any peer by the book takes to UDP then.
 * What it says is its hash turned over, every bit of it, so that an engine like this one knows better.
 */
#include "internal.h"

/* SHA-1 of where one believes to be, or of where one sends to: the receiver compares. */
struct hash {
	uint8_t data[SL_SHA1_LEN];
};

static struct hash hash_of(uint64_t spi_i, uint64_t spi_r, const struct sl_endpoint *place)
{
	struct hash hash;

	ike_nat_hash(hash.data, spi_i, spi_r, place);
	return hash;
}

static struct hash turned_over(struct hash hash)
{
	for (unsigned i = 0; i < sizeof(hash.data); i++)
		hash.data[i] = (uint8_t)~hash.data[i];
	return hash;
}

static bool is(const struct ike_notify *n, struct hash hash)
{
	return n->data.len == sizeof(hash.data) && memcmp(n->data.data, hash.data, sizeof(hash.data)) == 0;
}

void ike_write_nat_detection(struct ike_writer *w, const struct ike_sa *sa)
{
	struct hash here = hash_of(sa->spi_i, sa->spi_r, &sa->path.local);
	struct hash there = hash_of(sa->spi_i, sa->spi_r, &sa->path.remote);

	if (sa->insists)
		here = turned_over(here);
	ike_write_notify(w, IKE_N_NAT_DETECTION_SOURCE_IP, here.data, sizeof(here.data));
	ike_write_notify(w, IKE_N_NAT_DETECTION_DESTINATION_IP, there.data, sizeof(there.data));
}

/* Where an end is for the sender of a message, compared with where it is for us. */
enum place { PLACE_SAME, PLACE_SAME_AND_INSISTS, PLACE_TRANSLATED };

/* There may be several hashes, of which one must be right; of whoever sends none nothing is known. */
static enum place compare(const struct ike_message *m, const struct ike_head *head, enum ike_notify_type type,
	const struct sl_endpoint *place)
{
	const struct hash hash = hash_of(head->spi_i, head->spi_r, place), turned = turned_over(hash);
	enum place found = PLACE_SAME;

	for (unsigned i = 0; i < m->notify_count; i++) {
		const struct ike_notify *n = &m->notify[i];

		if (n->type != type)
			continue;
		if (is(n, hash))
			return PLACE_SAME;
		if (is(n, turned))
			found = PLACE_SAME_AND_INSISTS;
		else if (found == PLACE_SAME)
			found = PLACE_TRANSLATED;
	}
	return found;
}

void ike_detect_nat(struct ike_sa *sa, const struct ike_message *m, const struct ike_head *head,
	const struct sl_ike_path *path)
{
	enum place peer = compare(m, head, IKE_N_NAT_DETECTION_SOURCE_IP, &path->remote);
	enum place we = compare(m, head, IKE_N_NAT_DETECTION_DESTINATION_IP, &path->local);

	sa->peer_behind_nat = peer == PLACE_TRANSLATED;
	sa->behind_nat = we != PLACE_SAME;
	sa->udp = sa->insists || peer != PLACE_SAME || sa->behind_nat;
}

/* ESP in UDP runs between the ports where IKE over UDP lives; a peer that spoke from 500 has it on 4500 (RFC 3948). */
struct sl_ike_path ike_esp_path(const struct ike_sa *sa)
{
	struct sl_ike_path path = sa->path;

	if (!sa->udp)
		return path;
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
