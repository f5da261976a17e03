/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The harness behind ike_pair.h. It checks the engine's use of its operations as it goes: what is removed was
 * installed, what is given back was reserved, nothing is used that is not there.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ike_pair.h"

/* splitmix64: small, and good enough to be unfair with. */
uint64_t pair_random(struct pair *pair)
{
	uint64_t z = pair->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static bool chance(struct pair *pair, unsigned percent)
{
	return percent > 0 && pair_random(pair) % 100 < percent;
}

/* ---- Operations of an engine ------------------------------------------------------------------------------------- */

static void enqueue(
	struct pair *pair, unsigned from, const struct sl_ike_path *path, const uint8_t *msg, size_t len)
{
	struct pair_message m = {.from = from, .path = *path, .len = len};

	assert(pair->queued < PAIR_QUEUE_MAX);
	m.at = pair->now + pair->delay + (pair->jitter ? pair_random(pair) % pair->jitter : 0);
	m.data = malloc(len);
	memcpy(m.data, msg, len);
	pair->sent++;
	if (pair->sent == pair->lose_nth || chance(pair, pair->loss) ||
		(pair->filter && !pair->filter(pair, from, &m))) {
		free(m.data);
		return;
	}
	pair->queue[pair->queued++] = m;
}

/* Two messages under one key must not share an IV, or be the same message sent again. */
static void check_iv(struct pair *pair, unsigned from, const uint8_t *msg, size_t len)
{
	const struct ike_wire_header *h = (const void *)msg;
	struct pair_sealed s = {.spi_i = h->spi_i, .spi_r = h->spi_r, .from = from};

	size_t iv_at = sizeof(*h) + sizeof(struct ike_wire_payload);

	if (h->next == IKE_P_SKF)
		iv_at += sizeof(struct ike_wire_fragment);
	else if (h->next != IKE_P_SK)
		return;
	assert(len >= sizeof(*h) + IKE_SK_OVERHEAD);
	memcpy(&s.iv, msg + iv_at, sizeof(s.iv));
	memcpy(s.icv, msg + len - sizeof(s.icv), sizeof(s.icv));
	for (unsigned i = 0; i < pair->sealed_count && i < PAIR_SEALED_MAX; i++) {
		const struct pair_sealed *o = &pair->sealed[i];

		assert(o->spi_i != s.spi_i || o->spi_r != s.spi_r || o->from != from || o->iv != s.iv ||
			memcmp(o->icv, s.icv, sizeof(s.icv)) == 0);
	}
	pair->sealed[pair->sealed_count++ % PAIR_SEALED_MAX] = s;
}

static void op_send(void *owner, const struct sl_ike_path *path, const uint8_t *msg, size_t len)
{
	struct pair_end *e = owner;

	check_iv(e->pair, e->index, msg, len);
	enqueue(e->pair, e->index, path, msg, len);
	if (chance(e->pair, e->pair->duplication))
		enqueue(e->pair, e->index, path, msg, len);
}

static void op_random(void *owner, void *buf, size_t len)
{
	struct pair_end *e = owner;
	uint8_t *out = buf;

	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(pair_random(e->pair) >> 32);
}

static uint32_t op_spi_alloc(void *owner, unsigned peer, unsigned worker)
{
	struct pair_end *e = owner;

	assert(peer == 0 && worker < e->conf.workers);
	for (unsigned i = 0; i < PAIR_SPIS_MAX; i++)
		if (e->spis[i] == 0)
			return e->spis[i] = (uint32_t)pair_random(e->pair) | 0x100;
	return 0;
}

static void op_spi_free(void *owner, uint32_t spi)
{
	struct pair_end *e = owner;

	for (unsigned i = 0; i < PAIR_SPIS_MAX; i++)
		if (e->spis[i] == spi) {
			e->spis[i] = 0;
			return;
		}
	assert(!"an SPI given back that was not reserved");
}

static int op_child_install(void *owner, const struct sl_ike_child *child)
{
	struct pair_end *e = owner;

	assert(child->peer == 0 && child->flow >= SL_IKE_NO_FLOW && child->flow < (int)e->peer.flow_count);
	assert(child->flow == SL_IKE_NO_FLOW || child->worker == 0);
	if (e->refuse_installs > 0) {
		e->refuse_installs--;
		return -1;
	}
	op_spi_free(e, child->spi_in);
	for (unsigned i = 0; i < PAIR_CHILDREN_MAX; i++)
		if (e->children[i].spi_in == 0) {
			e->children[i] = *child;
			return 0;
		}
	assert(!"too many children");
	return -1;
}

static bool same_selectors(const struct sl_ts_list *a, const struct sl_ts_list *b);

/* Another child of the same worker with the same selectors is used from now on. */
static void leave_outbound(struct pair_end *e, const struct sl_ike_child *flow)
{
	for (unsigned i = 0; i < PAIR_CHILDREN_MAX; i++) {
		const struct sl_ike_child *child = &e->children[i];

		if (!e->in_use[i] || child->worker != flow->worker ||
			!same_selectors(&child->local, &flow->local) ||
			!same_selectors(&child->remote, &flow->remote))
			continue;
		e->in_use[i] = false;
		e->left[e->left_count++ % PAIR_LEFT_MAX] =
			(struct pair_left){.spi_out = child->spi_out, .at = e->pair->now};
	}
}

/* Packets that the other end sent through this child may still be on their way. */
static void check_all_arrived(const struct pair_end *e, uint32_t spi_in)
{
	const struct pair *pair = e->pair;
	const struct pair_end *other = &pair->end[!e->index];

	for (unsigned i = 0; i < PAIR_LEFT_MAX; i++)
		assert(other->left[i].spi_out != spi_in ||
			other->left[i].at + pair->delay + pair->jitter <= pair->now);
}

static void op_child_use_outbound(void *owner, unsigned peer, uint32_t spi_in)
{
	struct pair_end *e = owner;

	const struct sl_ike_child *child = pair_child(e, spi_in);

	assert(peer == 0 && child);
	leave_outbound(e, child);
	e->in_use[child - e->children] = true;
	if (child->worker == 0)
		e->outbound = spi_in;
}

static void op_child_move(void *owner, unsigned peer, uint32_t spi_in, const struct sl_ike_path *path)
{
	struct pair_end *e = owner;
	struct sl_ike_child *child = (struct sl_ike_child *)pair_child(e, spi_in);

	assert(peer == 0 && child && !sl_endpoint_equal(&child->path.remote, &path->remote));
	child->path = *path;
}

static void op_child_remove(void *owner, unsigned peer, uint32_t spi_in)
{
	struct pair_end *e = owner;
	struct sl_ike_child *child = (struct sl_ike_child *)pair_child(e, spi_in);

	assert(peer == 0 && child);
	if (e->pair->no_gaps)
		check_all_arrived(e, spi_in);
	e->in_use[child - e->children] = false;
	memset(child, 0, sizeof(*child));
	if (e->outbound == spi_in)
		e->outbound = 0;
}

/* Its address of this family. */
static const struct sl_addr *address_of(const struct pair_end *e, uint8_t family)
{
	return family == SL_IPV6 ? &e->conf.address6 : &e->conf.address;
}

static bool is_of(const struct pair_end *e, const struct sl_addr *addr)
{
	return sl_addr_equal(address_of(e, addr->family), addr);
}

static void op_keepalive(void *owner, const struct sl_ike_path *path)
{
	struct pair_end *e = owner;

	assert(is_of(e, &path->local.addr) && path->local.port == SL_IKE_NAT_PORT);
	e->keepalives++;
}

static void op_log(void *owner, enum sl_ike_level level, int peer, const char *text)
{
	struct pair_end *e = owner;
	size_t have = strlen(e->log), len = strlen(text);

	assert(peer == SL_IKE_NO_PEER || peer == 0);
	assert(level <= SL_IKE_DEBUG && !strchr(text, '\n'));
	if (have + len + 2 > sizeof(e->log))
		return;
	memcpy(e->log + have, text, len);
	strcpy(e->log + have + len, "\n");
}

static void op_ike_keys(void *owner, uint64_t spi_i, uint64_t spi_r, enum sl_cipher cipher,
	const struct sl_ike_keys *initiator, const struct sl_ike_keys *responder)
{
	struct pair_end *e = owner;

	assert(spi_i != 0 && spi_r != 0 && cipher < SL_CIPHER_COUNT);
	e->ike_keys[0] = *initiator;
	e->ike_keys[1] = *responder;
}

static const struct sl_ike_ops pair_ops = {
	.send = op_send,
	.random = op_random,
	.spi_alloc = op_spi_alloc,
	.spi_free = op_spi_free,
	.child_install = op_child_install,
	.child_use_outbound = op_child_use_outbound,
	.child_move = op_child_move,
	.child_remove = op_child_remove,
	.keepalive = op_keepalive,
	.log = op_log,
	.ike_keys = op_ike_keys,
};

/* ---- The pair ---------------------------------------------------------------------------------------------------- */

static void add_selector(struct sl_ts_list *list, const char *text)
{
	struct sl_prefix prefix;
	bool ok = sl_prefix_parse(&prefix, text);

	assert(ok);
	list->ts[list->count++] = sl_ts_from_prefix(&prefix);
}

static void init_end(
	struct pair *pair, unsigned index, const char *name, const char *address, const char *prefix)
{
	struct pair_end *e = &pair->end[index];
	bool ok = sl_addr_parse(&e->conf.address, address) &&
		  sl_addr_parse(&e->conf.address6, index == ALPHA ? "2001:db8::1" : "2001:db8::2");

	assert(ok);
	e->pair = pair;
	e->index = index;
	op_random(e, e->key.seed, sizeof(e->key.seed));
	sl_ed25519_from_seed(&e->key);
	e->conf.name = name;
	e->conf.key = &e->key;
	e->conf.sa_max = 64;
	e->conf.workers = 1;
	add_selector(&e->conf.selectors, prefix);
	add_selector(&e->conf.selectors, index == ALPHA ? "fd00:1::/64" : "fd00:2::/64");
}

/* Tells an end of the other. */
static void introduce(struct pair_end *e, const struct pair_end *other)
{
	e->peer = (struct sl_ike_peer_conf){
		.name = other->conf.name,
		.endpoint = {other->conf.address, SL_IKE_NAT_PORT},
		.selectors = other->conf.selectors,
		.ciphers = {SL_AES256GCM16, SL_AES128GCM16},
		.cipher_count = 2,
		.esn = true,
		.udp = true,
		.start = SL_IKE_START_TRAFFIC,
		.dpd_delay = 10 * PAIR_S,
	};
	memcpy(e->peer.public_keys[0], other->key.public, sizeof(e->peer.public_keys[0]));
	e->peer.public_key_count = 1;
}

void pair_init(struct pair *pair, uint64_t seed)
{
	memset(pair, 0, sizeof(*pair));
	pair->random = seed;
	pair->now = 1000 * PAIR_S;
	pair->delay = 10 * PAIR_MS;
	init_end(pair, ALPHA, "alpha.example", "192.0.2.1", "10.1.0.0/16");
	init_end(pair, BETA, "beta.example", "192.0.2.2", "10.2.0.0/16");
	introduce(&pair->end[ALPHA], &pair->end[BETA]);
	introduce(&pair->end[BETA], &pair->end[ALPHA]);
}

void pair_use_ipv6(struct pair *pair)
{
	for (unsigned i = 0; i < PAIR_ENDS; i++)
		pair->end[i].peer.endpoint.addr = pair->end[!i].conf.address6;
}

void pair_free(struct pair *pair)
{
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		struct pair_end *e = &pair->end[i];

		sl_ike_free(e->ike);
		assert(pair_children(e) == 0 && pair_spis(e) == 0 && e->outbound == 0);
	}
	for (unsigned i = 0; i < pair->queued; i++)
		free(pair->queue[i].data);
}

void pair_boot(struct pair *pair, unsigned end)
{
	struct pair_end *e = &pair->end[end];
	int index;

	sl_ike_free(e->ike);
	assert(pair_children(e) == 0 && pair_spis(e) == 0);
	e->ike = sl_ike_new(&e->conf, &pair_ops, e);
	index = sl_ike_peer_add(e->ike, &e->peer);
	assert(e->ike && index == 0);
	sl_ike_start(e->ike, pair->now);
}

/* What the receiver sees of where a message came from. */
static bool receiver_path(const struct pair *pair, const struct pair_message *m, struct sl_ike_path *path)
{
	const struct pair_end *to = &pair->end[!m->from];

	path->local = m->path.remote;
	path->remote = m->path.local;
	if (pair->nat.addr.family != SL_NONE) {
		if (m->from == ALPHA)
			path->remote = pair->nat;
		else if (sl_endpoint_equal(&m->path.remote, &pair->nat))
			path->local =
				(struct sl_endpoint){*address_of(to, pair->nat.addr.family), SL_IKE_NAT_PORT};
		else
			return false;
	}
	assert(path->local.addr.family == path->remote.addr.family);
	return is_of(to, &path->local.addr);
}

static void deliver(struct pair *pair, unsigned i)
{
	struct pair_message m = pair->queue[i];
	struct pair_end *to = &pair->end[!m.from];
	struct sl_ike_path path;

	memmove(&pair->queue[i], &pair->queue[i + 1], (--pair->queued - i) * sizeof(m));
	if (to->ike && receiver_path(pair, &m, &path))
		sl_ike_input(to->ike, pair->now, &path, m.data, m.len);
	free(m.data);
}

/* The index of the message that arrives first, or PAIR_QUEUE_MAX. */
static unsigned first_message(const struct pair *pair)
{
	unsigned first = PAIR_QUEUE_MAX;

	for (unsigned i = 0; i < pair->queued; i++)
		if (first == PAIR_QUEUE_MAX || pair->queue[i].at < pair->queue[first].at)
			first = i;
	return first;
}

static const char *child_fault(const struct sl_ike_child *a, const struct sl_ike_child *b);

static void check_gaps(const struct pair *pair)
{
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		const struct pair_end *e = &pair->end[i], *other = &pair->end[!i];

		assert(pair_in_use(e, PAIR_ALL) > 0);
		sl_ike_alive(e->ike, pair->now, 0); /* there is traffic all the time */
		for (unsigned c = 0; c < PAIR_CHILDREN_MAX; c++) {
			const struct sl_ike_child *child = &e->children[c];

			assert(!e->in_use[c] || !child_fault(child, pair_child(other, child->spi_out)));
		}
	}
}

void pair_run(struct pair *pair, uint64_t duration)
{
	uint64_t until = pair->now + duration;
	unsigned ticks = 0;

	for (;;) {
		unsigned message = first_message(pair);
		uint64_t at = message < PAIR_QUEUE_MAX ? pair->queue[message].at : UINT64_MAX;
		unsigned tick = PAIR_ENDS;

		for (unsigned i = 0; i < PAIR_ENDS; i++)
			if (pair->end[i].ike && sl_ike_deadline(pair->end[i].ike) < at) {
				at = sl_ike_deadline(pair->end[i].ike);
				tick = i;
			}
		if (at > until)
			break;
		assert(at >= pair->now || tick < PAIR_ENDS);
		if (at > pair->now)
			pair->now = at;
		if (tick < PAIR_ENDS) {
			sl_ike_tick(pair->end[tick].ike, pair->now);
			/* What one timer does may make another due at once, but not without end. */
			ticks = sl_ike_deadline(pair->end[tick].ike) > pair->now ? 0 : ticks + 1;
			assert(ticks < 3);
		} else {
			deliver(pair, message);
		}
		if (pair->no_gaps)
			check_gaps(pair);
	}
	pair->now = until;
}

void pair_connect(struct pair *pair, unsigned end)
{
	sl_ike_connect(pair->end[end].ike, pair->now, 0);
}

void pair_inject(struct pair *pair, unsigned to, const uint8_t *msg, size_t len)
{
	const struct sl_ike_path path = {
		.local = {pair->end[to].conf.address, SL_IKE_NAT_PORT},
		.remote = {pair->end[!to].conf.address, SL_IKE_NAT_PORT},
	};

	sl_ike_input(pair->end[to].ike, pair->now, &path, msg, len);
}

void pair_end_log_clear(struct pair_end *end)
{
	end->log[0] = '\0';
}

unsigned pair_children(const struct pair_end *end)
{
	unsigned count = 0;

	for (unsigned i = 0; i < PAIR_CHILDREN_MAX; i++)
		count += end->children[i].spi_in != 0;
	return count;
}

unsigned pair_in_use(const struct pair_end *end, unsigned worker)
{
	unsigned count = 0;

	for (unsigned i = 0; i < PAIR_CHILDREN_MAX; i++)
		count += end->in_use[i] && (worker == PAIR_ALL || end->children[i].worker == worker);
	return count;
}

unsigned pair_spis(const struct pair_end *end)
{
	unsigned count = 0;

	for (unsigned i = 0; i < PAIR_SPIS_MAX; i++)
		count += end->spis[i] != 0;
	return count;
}

const struct sl_ike_child *pair_child(const struct pair_end *end, uint32_t spi_in)
{
	for (unsigned i = 0; i < PAIR_CHILDREN_MAX && spi_in != 0; i++)
		if (end->children[i].spi_in == spi_in)
			return &end->children[i];
	return NULL;
}

void pair_write_identity(
	struct pair *pair, unsigned end, struct ike_writer *w, uint8_t id_type, const char *name)
{
	const struct ike_sa *sa = TAILQ_FIRST(&pair->end[ALPHA].ike->sas);
	const struct ike_agreed agreed = ike_sa_agreed(sa);
	const struct ike_buffer *message = end == ALPHA ? &sa->init_request : &sa->init_response;
	size_t id_len = sizeof(struct ike_wire_id) + strlen(name);
	uint8_t id[sizeof(struct ike_wire_id) + SL_IKE_NAME_MAX] = {id_type};
	struct ike_signed what;

	memcpy(id + sizeof(struct ike_wire_id), name, strlen(name));
	what = (struct ike_signed){
		.message = {message->data, message->len},
		.nonce = end == ALPHA ? agreed.nonce_r : agreed.nonce_i,
		.id = {id, id_len},
		.initiator = end == ALPHA,
	};
	ike_write_payload(w, end == ALPHA ? IKE_P_IDI : IKE_P_IDR, id, id_len);
	ike_write_auth(w, sa->secrets, &what, &pair->end[end].key);
}

/* ---- What must hold in calm -------------------------------------------------------------------------------------- */

static bool same_selectors(const struct sl_ts_list *a, const struct sl_ts_list *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++)
		if (!sl_addr_equal(&a->ts[i].first, &b->ts[i].first) ||
			!sl_addr_equal(&a->ts[i].last, &b->ts[i].last) ||
			a->ts[i].port_first != b->ts[i].port_first ||
			a->ts[i].port_last != b->ts[i].port_last || a->ts[i].protocol != b->ts[i].protocol)
			return false;
	return a->count > 0;
}

static bool same_keys(const struct sl_ike_keys *a, const struct sl_ike_keys *b)
{
	static const struct sl_ike_keys none;

	return memcmp(a, b, sizeof(*a)) == 0 && memcmp(a, &none, sizeof(*a)) != 0;
}

static const char *child_fault(const struct sl_ike_child *a, const struct sl_ike_child *b)
{
	if (!a || !b)
		return "an end lacks a child that the other has";
	if (a->spi_in != b->spi_out || a->spi_out != b->spi_in)
		return "the ends have different children";
	if (!same_keys(&a->in, &b->out) || !same_keys(&a->out, &b->in) || same_keys(&a->in, &a->out))
		return "keys differ";
	if (a->cipher != b->cipher || a->esn != b->esn || a->udp != b->udp)
		return "cipher, sequence numbers or encapsulation differ";
	if (!same_selectors(&a->local, &b->remote) || !same_selectors(&a->remote, &b->local))
		return "selectors differ";
	return NULL;
}

/* Has the selectors of the first, so it is one for a worker. */
static bool is_general(const struct pair_end *e, const struct sl_ike_child *child)
{
	const struct ike_terms *first = &e->ike->peers[0]->active->first;

	return child->spi_in != 0 && same_selectors(&child->local, &first->local) &&
	       same_selectors(&child->remote, &first->remote);
}

static unsigned general_in_use(const struct pair_end *e, unsigned worker)
{
	unsigned count = 0;

	for (unsigned i = 0; i < PAIR_CHILDREN_MAX; i++)
		count += e->in_use[i] && e->children[i].worker == worker && is_general(e, &e->children[i]);
	return count;
}

static const char *workers_fault(const struct pair_end *e)
{
	bool further = e->ike->peers[0]->active->further;
	unsigned general = 0;

	for (unsigned i = 0; i < PAIR_CHILDREN_MAX; i++)
		general += is_general(e, &e->children[i]);
	if (e->conf.workers == 1 && !further && general != 1)
		return "not exactly one child";
	for (unsigned worker = 0; worker < e->conf.workers; worker++) {
		unsigned count = general_in_use(e, worker);

		if (count != 1 && (count > 1 || worker == 0 || further))
			return "a worker does not use exactly one child";
	}
	return NULL;
}

/* Exactly one child for each flow that is configured here, and the other end uses it too. */
static const char *flows_fault(const struct pair_end *e, const struct pair_end *other)
{
	uint32_t refused = e->ike->peers[0]->active->flows_refused;

	for (unsigned flow = 0; flow < e->peer.flow_count; flow++) {
		unsigned count = 0;

		for (unsigned i = 0; i < PAIR_CHILDREN_MAX; i++) {
			const struct sl_ike_child *child = &e->children[i], *half;

			if (child->spi_in == 0 || child->flow != (int)flow)
				continue;
			half = pair_child(other, child->spi_out);
			if (!e->in_use[i] || !half || !other->in_use[half - other->children])
				return "an end does not use the child of a flow";
			count++;
		}
		if (count != !(refused >> flow & 1))
			return count ? "a flow has several children" : "a flow has no child";
	}
	return NULL;
}

static const char *children_fault(const struct pair_end *alpha, const struct pair_end *beta)
{
	for (unsigned i = 0; i < PAIR_CHILDREN_MAX; i++) {
		const struct sl_ike_child *a = &alpha->children[i], *b = pair_child(beta, a->spi_out);
		const char *fault = a->spi_in == 0 ? NULL : child_fault(a, b);

		if (fault)
			return fault;
		if (a->spi_in != 0 && !alpha->in_use[i] && !beta->in_use[b - beta->children])
			return "a child that nobody uses";
	}
	return NULL;
}

const char *pair_fault(struct pair *pair)
{
	struct sl_ike_peer_info info[PAIR_ENDS];

	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		struct pair_end *e = &pair->end[i];
		struct sl_ike_stats stats;

		sl_ike_peer_info(e->ike, 0, &info[i]);
		sl_ike_get_stats(e->ike, &stats);
		if (info[i].state != SL_IKE_UP)
			return "an end is not up";
		if (stats.established != 1)
			return "not exactly one IKE SA is established";
		if (pair_spis(e) != 0)
			return "an SPI leaked";
		if (info[i].children != pair_in_use(e, PAIR_ALL))
			return "the number of children shown is not what is in use";
		if (workers_fault(e))
			return workers_fault(e);
		if (flows_fault(e, &pair->end[!i]))
			return flows_fault(e, &pair->end[!i]);
	}
	if (pair_children(&pair->end[ALPHA]) != pair_children(&pair->end[BETA]))
		return "the ends have different children";
	if (info[ALPHA].spi_i != info[BETA].spi_i || info[ALPHA].spi_r != info[BETA].spi_r)
		return "the ends use different IKE SAs";
	return children_fault(&pair->end[ALPHA], &pair->end[BETA]);
}
