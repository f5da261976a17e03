/* SPDX-License-Identifier: BSD-3-Clause */
/* The neighbour table: see neigh.h. */
#include "neigh.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <rte_hash.h>
#include <rte_jhash.h>

enum state { FREE, INCOMPLETE, REACHABLE, PROBE };

struct entry {
	uint32_t ip;
	enum state state;
	struct rte_ether_addr mac;
	unsigned requests; /* sent since the last answer */
	unsigned waiting_count;
	uint64_t due; /* of the next step */
	uint64_t created;
	void *waiting[SL_NEIGH_WAITING];
};

struct sl_neigh_table {
	uint32_t own;
	const struct sl_neigh_ops *ops;
	void *owner;
	struct rte_hash *index; /* ip -> position in entries */
	uint64_t deadline;      /* no entry is due earlier */
	struct entry entries[SL_NEIGH_MAX];
};

struct sl_neigh_table *sl_neigh_new(
	const char *name, uint32_t own, const struct sl_neigh_ops *ops, void *owner)
{
	struct rte_hash_parameters params = {
		.name = name,
		.entries = SL_NEIGH_MAX,
		.key_len = sizeof(uint32_t),
		.hash_func = rte_jhash,
		.socket_id = SOCKET_ID_ANY,
		/* Without spare buckets a hash may refuse a key before it is full. */
		.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};
	struct sl_neigh_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->own = own;
	table->ops = ops;
	table->owner = owner;
	table->deadline = UINT64_MAX;
	table->index = rte_hash_create(&params);
	if (!table->index) {
		free(table);
		return NULL;
	}
	return table;
}

static bool known(const struct entry *e)
{
	return e->state == REACHABLE || e->state == PROBE;
}

static void release_waiting(struct sl_neigh_table *table, struct entry *e, const struct rte_ether_addr *mac)
{
	for (unsigned i = 0; i < e->waiting_count; i++)
		table->ops->release(table->owner, e->waiting[i], mac);
	e->waiting_count = 0;
}

static void forget(struct sl_neigh_table *table, struct entry *e)
{
	bool was_known = known(e);

	release_waiting(table, e, NULL);
	rte_hash_del_key(table->index, &e->ip);
	e->state = FREE;
	if (was_known)
		table->ops->changed(table->owner, e->ip, NULL);
}

void sl_neigh_free(struct sl_neigh_table *table)
{
	if (!table)
		return;
	for (unsigned i = 0; i < SL_NEIGH_MAX; i++)
		release_waiting(table, &table->entries[i], NULL);
	rte_hash_free(table->index);
	free(table);
}

static struct entry *find(const struct sl_neigh_table *table, uint32_t ip)
{
	void *e;

	return rte_hash_lookup_data(table->index, &ip, &e) >= 0 ? e : NULL;
}

/* A free place, or that of the oldest entry that never got an answer. */
static struct entry *make_room(struct sl_neigh_table *table)
{
	struct entry *oldest = NULL;

	for (struct entry *e = table->entries; e < table->entries + SL_NEIGH_MAX; e++) {
		if (e->state == FREE)
			return e;
		if (e->state == INCOMPLETE && (!oldest || e->created < oldest->created))
			oldest = e;
	}
	if (oldest)
		forget(table, oldest);
	return oldest;
}

static struct entry *add(struct sl_neigh_table *table, uint64_t now, uint32_t ip)
{
	struct entry *e = make_room(table);

	if (!e)
		return NULL;
	*e = (struct entry){.ip = ip, .state = INCOMPLETE, .created = now};
	if (rte_hash_add_key_data(table->index, &ip, e) < 0) {
		e->state = FREE;
		return NULL;
	}
	return e;
}

static void schedule(struct sl_neigh_table *table, struct entry *e, uint64_t due)
{
	e->due = due;
	if (due < table->deadline)
		table->deadline = due;
}

static void ask(struct sl_neigh_table *table, struct entry *e, uint64_t now)
{
	e->requests++;
	schedule(table, e, now + SL_NEIGH_RETRY_NS);
	table->ops->request(table->owner, e->ip, e->state == PROBE ? &e->mac : NULL);
}

/* Finds or starts asking; NULL when the table is full of known neighbours. */
static struct entry *want(struct sl_neigh_table *table, uint64_t now, uint32_t ip)
{
	struct entry *e = find(table, ip);

	if (e)
		return e;
	e = add(table, now, ip);
	if (e)
		ask(table, e, now);
	return e;
}

const struct rte_ether_addr *sl_neigh_resolve(struct sl_neigh_table *table, uint64_t now, uint32_t ip)
{
	struct entry *e = want(table, now, ip);

	return e && known(e) ? &e->mac : NULL;
}

void sl_neigh_send(struct sl_neigh_table *table, uint64_t now, uint32_t ip, void *packet)
{
	struct entry *e = want(table, now, ip);

	if (!e)
		table->ops->release(table->owner, packet, NULL);
	else if (known(e))
		table->ops->release(table->owner, packet, &e->mac);
	else if (e->waiting_count == SL_NEIGH_WAITING)
		table->ops->release(table->owner, packet, NULL);
	else
		e->waiting[e->waiting_count++] = packet;
}

static void learn(
	struct sl_neigh_table *table, uint64_t now, struct entry *e, const struct rte_ether_addr *mac)
{
	bool news = !known(e) || !rte_is_same_ether_addr(&e->mac, mac);

	e->mac = *mac;
	e->state = REACHABLE;
	e->requests = 0;
	schedule(table, e, now + SL_NEIGH_REACHABLE_NS);
	if (news)
		table->ops->changed(table->owner, e->ip, &e->mac);
	release_waiting(table, e, &e->mac);
}

void sl_neigh_input(struct sl_neigh_table *table, uint64_t now, const struct sl_arp *arp)
{
	struct entry *e;

	/* A probe (RFC 5227) has no sender; and nobody else is us. */
	if (arp->sender_ip == 0 || arp->sender_ip == table->own)
		return;
	e = find(table, arp->sender_ip);
	/* Who asks for us is about to talk to us: the one case in which a stranger is remembered unasked. */
	if (!e && !arp->reply && arp->target_ip == table->own)
		e = add(table, now, arp->sender_ip);
	if (e)
		learn(table, now, e, &arp->sender_mac);
}

static void step(struct sl_neigh_table *table, struct entry *e, uint64_t now)
{
	if (e->state == REACHABLE)
		e->state = PROBE;
	if (e->requests >= SL_NEIGH_REQUESTS)
		forget(table, e);
	else
		ask(table, e, now);
}

void sl_neigh_tick(struct sl_neigh_table *table, uint64_t now)
{
	if (now < table->deadline)
		return;
	table->deadline = UINT64_MAX;
	for (struct entry *e = table->entries; e < table->entries + SL_NEIGH_MAX; e++) {
		if (e->state == FREE)
			continue;
		if (e->due <= now)
			step(table, e, now);
		else if (e->due < table->deadline)
			table->deadline = e->due;
	}
}

uint64_t sl_neigh_deadline(const struct sl_neigh_table *table)
{
	return table->deadline;
}

unsigned sl_neigh_known(const struct sl_neigh_table *table)
{
	unsigned count = 0;

	for (unsigned i = 0; i < SL_NEIGH_MAX; i++)
		count += known(&table->entries[i]);
	return count;
}
