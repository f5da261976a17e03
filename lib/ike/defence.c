/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What strangers may cost us. An IKE_SA_INIT request is an unauthenticated datagram whose source may be invented, and
 * answering it takes an X25519 and an IKE SA that waits half a minute for IKE_AUTH. So
 *
 *   - all half-open SAs together get what the peers cannot need, so that there is always room for our own attempts
 *     and for the SAs that are up;
 *   - one source address gets a few of them;
 *   - once a quarter of the former or half of the latter is taken, whoever asks must first show, by returning a
 *     cookie, that it receives what is sent to its address (RFC 7296 2.6). A cookie costs us no memory and no X25519.
 *
 * So invented sources never come to a limit, neither for all nor for the address of a peer that they borrow.
 */
#include <sodium/crypto_shorthash.h>

#include "internal.h"

#define COOKIE_SECRET_LIFE (60 * IKE_S) /* a cookie is good for one to two of these */

enum { SOURCE_MAX = 16 }; /* half-open SAs from one address: several peers may sit behind one NAT */

/* ---- Cookies ----------------------------------------------------------------------------------------------------- */

static void rotate(struct sl_ike *ike)
{
	struct ike_cookie_secrets *c = ike->cookies;

	c->version++;
	ike->ops->random(ike->owner, c->secret[c->version % 2], sizeof(c->secret[0]));
}

/* Secrets are made when they are needed: no timer runs while nobody asks for a cookie. */
static void refresh(struct sl_ike *ike)
{
	struct ike_cookie_secrets *c = ike->cookies;

	if (ike->now < c->until)
		return;
	if (ike->now - c->until >= COOKIE_SECRET_LIFE) {
		rotate(ike); /* the one before is too old as well, or there was none */
		c->until = ike->now;
	}
	rotate(ike);
	c->until += COOKIE_SECRET_LIFE;
}

/* RFC 7296 2.6: version of the secret | hash over (Ni | IPi | SPIi) with the secret. */
static void make_cookie(uint8_t cookie[static IKE_OUR_COOKIE_LEN], const struct sl_ike *ike, uint8_t version,
	const struct ike_head *head, const struct sl_ike_path *path, struct ike_view nonce)
{
	const struct sl_addr *addr = &path->remote.addr;
	const struct sl_bytes what[] = {{nonce.data, nonce.len}, {addr->bytes, sl_addr_len(addr)},
		{&head->spi_i, sizeof(head->spi_i)}};

	cookie[0] = version;
	sl_hmac(cookie + 1, ike->cookies->secret[version % 2], IKE_COOKIE_SECRET_LEN, what, 3);
}

void ike_cookie_make(uint8_t cookie[static IKE_OUR_COOKIE_LEN], struct sl_ike *ike,
	const struct ike_head *head, const struct sl_ike_path *path, const struct ike_message *m)
{
	refresh(ike);
	make_cookie(cookie, ike, ike->cookies->version, head, path, m->nonce);
}

static bool cookie_returned(struct sl_ike *ike, const struct ike_head *head, const struct sl_ike_path *path,
	const struct ike_message *m)
{
	const struct ike_notify *cookie = ike_find_notify(m, IKE_N_COOKIE);
	uint8_t expected[IKE_OUR_COOKIE_LEN], age;

	if (!cookie || cookie->data.len != sizeof(expected))
		return false;
	refresh(ike);
	age = (uint8_t)(ike->cookies->version - cookie->data.data[0]);
	if (age > 1)
		return false;
	make_cookie(expected, ike, cookie->data.data[0], head, path, m->nonce);
	return sl_equal(expected, cookie->data.data, sizeof(expected));
}

/* ---- Limits ------------------------------------------------------------------------------------------------------ */

unsigned ike_strangers_max(const struct sl_ike *ike)
{
	unsigned ours = ike->peers_taken * SL_IKE_PEER_SAS, limit = ike->conf->strangers_max;
	unsigned left = ike->conf->sa_max > ours ? ike->conf->sa_max - ours : 1;

	return limit && limit < left ? limit : left;
}

/* What counts as one source: an IPv4 address, or an IPv6 /64, within which a host can choose its address. */
static uint64_t source_of(const struct sl_addr *addr)
{
	uint64_t source;

	memcpy(&source, addr->bytes, sizeof(source));
	return source;
}

static struct ike_sa_bucket *source_bucket(struct sl_ike *ike, const struct sl_addr *addr)
{
	uint64_t source = source_of(addr), hash;

	crypto_shorthash(
		(unsigned char *)&hash, (const unsigned char *)&source, sizeof(source), ike->hash_key);
	return &ike->by_source[hash & ike->bucket_mask];
}

static unsigned count_from(struct sl_ike *ike, const struct sl_addr *addr)
{
	const struct ike_sa *sa;
	unsigned count = 0;

	LIST_FOREACH (sa, source_bucket(ike, addr), by_source)
		count += sa->path.remote.addr.family == addr->family &&
			 source_of(&sa->path.remote.addr) == source_of(addr);
	return count;
}

void ike_stranger_enters(struct ike_sa *sa)
{
	sa->ike->strangers++;
	LIST_INSERT_HEAD(source_bucket(sa->ike, &sa->path.remote.addr), sa, by_source);
}

void ike_stranger_leaves(struct ike_sa *sa)
{
	sa->ike->strangers--;
	LIST_REMOVE(sa, by_source);
}

enum ike_admission ike_admit(struct sl_ike *ike, const struct ike_head *head, const struct sl_ike_path *path,
	const struct ike_message *m)
{
	unsigned max = ike_strangers_max(ike), here = count_from(ike, &path->remote.addr);

	if ((4 * ike->strangers >= max || 2 * here >= SOURCE_MAX) && !cookie_returned(ike, head, path, m))
		return IKE_WANTS_COOKIE;
	return ike->strangers >= max || here >= SOURCE_MAX ? IKE_TURNED_AWAY : IKE_ADMITTED;
}
