/* SPDX-License-Identifier: BSD-3-Clause */
/* The neighbour table: see neigh.h. */
#include "neigh.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <rte_hash.h>
#include <rte_jhash.h>

/* Timers run together at multiples of this, so that a table full of them is looked through so many times a second at most. */
#define GRAIN_NS UINT64_C(10000000)

enum state { FREE, INCOMPLETE, REACHABLE, PROBE };

struct entry {
	struct sl_addr ip;
	uint8_t state;     /* enum state */
	bool answered;     /* what we asked: it is there */
	uint8_t questions; /* sent since the last answer */
	uint8_t waiting_count;
	struct rte_ether_addr mac;
	uint64_t due;            /* of the next step */
	uint64_t since;          /* heard last; before the first answer: asked for first */
	TAILQ_ENTRY(entry) link; /* of the free ones, or of those that never answered, or of no list */
	void *waiting[SL_NEIGH_WAITING];
};

TAILQ_HEAD(entries, entry);

/* An address in whole words: rte_jhash() reads such. */
struct key {
	uint32_t family;
	uint8_t bytes[16];
};

struct sl_neigh_table {
	struct rte_ether_addr mac;
	unsigned own_count;
	struct sl_addr own[SL_NEIGH_OWN_MAX];
	const struct sl_neigh_ops *ops;
	void *owner;
	struct rte_hash *index; /* ip -> entry */
	uint64_t deadline;      /* no entry is due earlier */
	unsigned known, waiting;
	struct entries free, silent; /* silent: never answered, the oldest first */
	struct sl_neigh_counters counters;
	struct entry entries[SL_NEIGH_MAX];
};

struct sl_neigh_table *sl_neigh_new(const char *name, const struct rte_ether_addr *mac,
	const struct sl_addr *own, unsigned own_count, const struct sl_neigh_ops *ops, void *owner)
{
	struct rte_hash_parameters params = {
		.name = name,
		.entries = SL_NEIGH_MAX,
		.key_len = sizeof(struct key),
		.hash_func = rte_jhash,
		.socket_id = SOCKET_ID_ANY,
		/* Without spare buckets a hash may refuse a key before it is full. */
		.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};
	struct sl_neigh_table *table = calloc(1, sizeof(*table));

	assert(own_count <= SL_NEIGH_OWN_MAX);
	if (!table)
		return NULL;
	table->mac = *mac;
	memcpy(table->own, own, own_count * sizeof(*own));
	table->own_count = own_count;
	table->ops = ops;
	table->owner = owner;
	table->deadline = UINT64_MAX;
	TAILQ_INIT(&table->free);
	TAILQ_INIT(&table->silent);
	for (unsigned i = 0; i < SL_NEIGH_MAX; i++)
		TAILQ_INSERT_TAIL(&table->free, &table->entries[i], link);
	table->index = rte_hash_create(&params);
	if (!table->index) {
		free(table);
		return NULL;
	}
	return table;
}

bool sl_neigh_is_own(const struct sl_neigh_table *table, const struct sl_addr *ip)
{
	for (unsigned i = 0; i < table->own_count; i++) {
		if (sl_addr_equal(&table->own[i], ip))
			return true;
	}
	return false;
}

static struct key key_of(const struct sl_addr *ip)
{
	struct key key = {.family = ip->family};

	memcpy(key.bytes, ip->bytes, sizeof(key.bytes));
	return key;
}

static bool known(const struct entry *e)
{
	return e->state == REACHABLE || e->state == PROBE;
}

static void release_waiting(struct sl_neigh_table *table, struct entry *e, const struct rte_ether_addr *mac)
{
	unsigned count = e->waiting_count;

	/* Whoever gets them may send again, to the same entry. */
	e->waiting_count = 0;
	table->waiting -= count;
	for (unsigned i = 0; i < count; i++)
		table->ops->release(table->owner, e->waiting[i], mac);
}

static void forget(struct sl_neigh_table *table, struct entry *e)
{
	bool was_known = known(e);
	struct entry gone = *e;
	struct key key = key_of(&e->ip);

	rte_hash_del_key(table->index, &key);
	if (!e->answered)
		TAILQ_REMOVE(&table->silent, e, link);
	*e = (struct entry){.state = FREE};
	TAILQ_INSERT_HEAD(&table->free, e, link);
	table->known -= was_known;
	/* From here on the entry may be used anew, by who gets the packets. */
	release_waiting(table, &gone, NULL);
	if (was_known)
		table->ops->changed(table->owner, &gone.ip, NULL);
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

static struct entry *find(const struct sl_neigh_table *table, const struct sl_addr *ip)
{
	struct key key = key_of(ip);
	void *e;

	return rte_hash_lookup_data(table->index, &key, &e) >= 0 ? e : NULL;
}

/* Makes room at the cost of the oldest entry that never answered. */
static struct entry *add(struct sl_neigh_table *table, uint64_t now, const struct sl_addr *ip)
{
	struct key key = key_of(ip);
	struct entry *e;

	if (TAILQ_EMPTY(&table->free) && !TAILQ_EMPTY(&table->silent)) {
		table->counters.evicted++;
		forget(table, TAILQ_FIRST(&table->silent));
	}
	e = TAILQ_FIRST(&table->free);
	if (!e || rte_hash_add_key_data(table->index, &key, e) < 0) {
		table->counters.refused++;
		return NULL;
	}
	TAILQ_REMOVE(&table->free, e, link);
	*e = (struct entry){.ip = *ip, .state = INCOMPLETE, .since = now};
	TAILQ_INSERT_TAIL(&table->silent, e, link);
	return e;
}

static void schedule(struct sl_neigh_table *table, struct entry *e, uint64_t due)
{
	e->due = (due + GRAIN_NS - 1) / GRAIN_NS * GRAIN_NS;
	if (e->due < table->deadline)
		table->deadline = e->due;
}

static void ask(struct sl_neigh_table *table, struct entry *e, uint64_t now)
{
	e->questions++;
	schedule(table, e, now + SL_NEIGH_RETRY_NS);
	table->ops->ask(table->owner, &e->ip, e->state == PROBE ? &e->mac : NULL);
}

/* Finds or starts asking; NULL when the table is full of neighbours that answer. */
static struct entry *want(struct sl_neigh_table *table, uint64_t now, const struct sl_addr *ip)
{
	struct entry *e = find(table, ip);

	if (e)
		return e;
	e = add(table, now, ip);
	if (e)
		ask(table, e, now);
	return e;
}

const struct rte_ether_addr *sl_neigh_resolve(
	struct sl_neigh_table *table, uint64_t now, const struct sl_addr *ip)
{
	struct entry *e = want(table, now, ip);

	return e && known(e) ? &e->mac : NULL;
}

void sl_neigh_send(struct sl_neigh_table *table, uint64_t now, const struct sl_addr *ip, void *packet)
{
	struct entry *e = want(table, now, ip);

	if (e && known(e)) {
		table->ops->release(table->owner, packet, &e->mac);
	} else if (!e || e->waiting_count == SL_NEIGH_WAITING || table->waiting == SL_NEIGH_WAITING_TOTAL) {
		table->ops->release(table->owner, packet, NULL);
	} else {
		e->waiting[e->waiting_count++] = packet;
		table->waiting++;
	}
}

/* The neighbour is at mac. It has answered us when that was told because somebody asked, and the somebody can only be us. */
static void learn(struct sl_neigh_table *table, uint64_t now, struct entry *e,
	const struct rte_ether_addr *mac, bool answered)
{
	bool news = !known(e) || !rte_is_same_ether_addr(&e->mac, mac);

	table->known += !known(e);
	if (answered && !e->answered) {
		TAILQ_REMOVE(&table->silent, e, link);
		e->answered = true;
	}
	e->mac = *mac;
	e->state = REACHABLE;
	e->since = now;
	e->questions = 0;
	schedule(table, e, now + SL_NEIGH_REACHABLE_NS);
	if (news)
		table->ops->changed(table->owner, &e->ip, &e->mac);
	release_waiting(table, e, &e->mac);
}

/* RFC 4861 7.2.3 and 7.2.5, which RFC 826 agrees with as far as it goes. */
static void update(
	struct sl_neigh_table *table, uint64_t now, struct entry *e, const struct sl_neigh_msg *msg)
{
	/* It is there, where it was. */
	if (!msg->has_mac) {
		if (known(e) && msg->solicited)
			learn(table, now, e, &e->mac, e->questions > 0);
		return;
	}
	if (known(e) && !msg->override && !rte_is_same_ether_addr(&e->mac, &msg->mac))
		return;
	learn(table, now, e, &msg->mac, e->questions > 0 && msg->solicited);
}

void sl_neigh_input(struct sl_neigh_table *table, uint64_t now, const struct sl_neigh_msg *msg)
{
	struct entry *e;

	if (msg->who.family == SL_NONE)
		return;
	/* Nobody else is us; what comes from our own MAC is an echo of our own words. */
	if (sl_neigh_is_own(table, &msg->who)) {
		if (msg->has_mac && !rte_is_same_ether_addr(&msg->mac, &table->mac))
			table->ops->conflict(table->owner, &msg->who, &msg->mac);
		return;
	}
	e = find(table, &msg->who);
	/* Who asks for us is about to talk to us: the one case in which a stranger is remembered unasked. */
	if (!e && msg->ask && msg->has_mac && sl_neigh_is_own(table, &msg->target))
		e = add(table, now, &msg->who);
	if (e)
		update(table, now, e, msg);
	else
		table->counters.ignored++;
}

static void step(struct sl_neigh_table *table, struct entry *e, uint64_t now)
{
	if (e->state == REACHABLE)
		e->state = PROBE;
	if (e->questions >= SL_NEIGH_QUESTIONS)
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
		if (e->state != FREE && e->due <= now)
			step(table, e, now);
		if (e->state != FREE && e->due < table->deadline)
			table->deadline = e->due;
	}
}

uint64_t sl_neigh_deadline(const struct sl_neigh_table *table)
{
	return table->deadline;
}

unsigned sl_neigh_known(const struct sl_neigh_table *table)
{
	return table->known;
}

const struct sl_neigh_counters *sl_neigh_counters(const struct sl_neigh_table *table)
{
	return &table->counters;
}

/* ---- What is known ----------------------------------------------------------------------------------------------------- */

static void info_of(const struct entry *e, struct sl_neigh_info *info)
{
	*info = (struct sl_neigh_info){.ip = e->ip, .mac = e->mac, .since = e->since};
	info->state = e->state == INCOMPLETE ? SL_NEIGH_INCOMPLETE
		      : e->state == PROBE    ? SL_NEIGH_PROBE
					     : SL_NEIGH_REACHABLE;
}

void sl_neigh_each(const struct sl_neigh_table *table,
	bool (*fn)(void *ctx, const struct sl_neigh_info *info), void *ctx)
{
	for (const struct entry *e = table->entries; e < table->entries + SL_NEIGH_MAX; e++) {
		struct sl_neigh_info info;

		if (e->state == FREE)
			continue;
		info_of(e, &info);
		if (!fn(ctx, &info))
			return;
	}
}

bool sl_neigh_find(const struct sl_neigh_table *table, const struct sl_addr *ip, struct sl_neigh_info *info)
{
	const struct entry *e = find(table, ip);

	if (e)
		info_of(e, info);
	return e;
}

const char *sl_neigh_state_name(enum sl_neigh_state state)
{
	switch (state) {
	case SL_NEIGH_INCOMPLETE: return "incomplete";
	case SL_NEIGH_REACHABLE: return "reachable";
	case SL_NEIGH_PROBE: return "probe";
	}
	return "?";
}
