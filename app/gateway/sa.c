/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Child SAs as sessions. The IKE engine says what was agreed; here it becomes a pair of sessions in secret memory, is
 * handed to the worker, switched, taken back and wiped.
 *
 * A session is freed only when its worker has said that it does not use it any more. Free slots queue, so that the SPI
 * of a dead SA stays unknown as long as possible.
 *
 * The worker of an SA is in its SPI. A worker that has none with a peer gives its packets to the owner of the flow, the
 * lowest-numbered worker that has one in use, and so does one whose own do not cover a packet.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/crypto/secret.h"
#include "../../lib/net/packet.h"
#include "gateway.h"

/*
 * How long one key may serve is configured; the defaults are the bound of RFC 8446 5.5 for AES-GCM. At a soft limit the SA
 * is rekeyed; at the hard ones, twice as much, the worker stops sealing whatever happens. Time is the IKE engine's, packets
 * and bytes are counted here. Without 64-bit sequence numbers half of the 32-bit ones are left for the rekey.
 */
#define SOFT_PACKETS_32 (UINT64_C(1) << 31)

#define EPHEMERAL_PORTS 49152
#define GOLDEN_RATIO_32 UINT32_C(0x9e3779b1)

/* What waits for the link waits this much longer once it is up, ns. */
#define PLAIN_DELAY_NS (SECOND_NS / 5)

struct sa {
	LIST_ENTRY(sa) next;      /* of the same peer */
	uint32_t spi_in, spi_out; /* spi_out 0: reserved, not installed */
	unsigned peer;
	struct sl_ike_path
		path; /* outer addresses and ports, of IKE; ESP may come from another port of ours */
	struct sl_addr next_hop; /* SL_NONE: there is no way */
	bool udp;
	int flow; /* of its peer; SL_IKE_NO_FLOW: of none */
	uint64_t created;
	uint64_t soft_packets, soft_bytes;
	uint64_t lost;     /* as told last: what another thread counts meanwhile must not make it less */
	bool worn;         /* a soft limit was reached, and the IKE engine knows */
	bool in_use;       /* seals the peer's traffic */
	bool removed;      /* goes as soon as the worker lets go of it */
	bool in_at_worker; /* installed */
	unsigned out_uses; /* switches to it that the worker has not reported as released */
	struct sl_esp_out *out;
	struct sl_esp_in *in;
};

int sa_init(struct gateway *g)
{
	g->sas = calloc(SL_SLOTS, sizeof(struct sa *));
	g->free_slots = calloc(SL_SLOTS, sizeof(uint32_t));
	g->outs = sl_secret_pool_new(sizeof(struct sl_esp_out), SL_SLOTS);
	g->ins = sl_secret_pool_new(sizeof(struct sl_esp_in), SL_SLOTS);
	if (!g->sas || !g->free_slots || !g->outs || !g->ins)
		return -1;
	for (uint32_t slot = 1; slot < SL_SLOTS; slot++)
		g->free_slots[g->free_count++] = slot;
	return 0;
}

/* After the workers have stopped: nothing is in use any more. */
void sa_fini(struct gateway *g)
{
	for (uint32_t slot = 0; g->sas && slot < SL_SLOTS; slot++) {
		struct sa *sa = g->sas[slot];

		if (!sa)
			continue;
		sl_secret_put(g->outs, sa->out);
		sl_secret_put(g->ins, sa->in);
		free(sa);
	}
	sl_secret_pool_free(g->outs);
	sl_secret_pool_free(g->ins);
	free(g->sas);
	free(g->free_slots);
}

static struct worker *worker_of(const struct gateway *g, const struct sa *sa)
{
	return &g->workers[sl_spi_worker(sa->spi_in)];
}

static struct sa *find(const struct gateway *g, uint32_t spi)
{
	struct sa *sa = g->sas[sl_spi_slot(spi)];

	return sa && sa->spi_in == spi ? sa : NULL;
}

static void release_slot(struct gateway *g, struct sa *sa)
{
	uint32_t slot = sl_spi_slot(sa->spi_in);

	LIST_REMOVE(sa, next);
	g->sas[slot] = NULL;
	g->free_slots[(g->free_head + g->free_count++) % SL_SLOTS] = slot;
	free(sa);
}

uint32_t sa_spi_alloc(void *gateway, unsigned peer, unsigned worker)
{
	struct gateway *g = gateway;
	struct sa *sa;
	uint32_t slot, random;

	if (g->free_count == 0 || !(sa = calloc(1, sizeof(*sa))))
		return 0;
	slot = g->free_slots[g->free_head];
	g->free_head = (g->free_head + 1) % SL_SLOTS;
	g->free_count--;
	sl_random(&random, sizeof(random));
	sa->spi_in = sl_spi_make(worker, slot, random);
	sa->peer = peer;
	sa->flow = SL_IKE_NO_FLOW;
	g->sas[slot] = sa;
	LIST_INSERT_HEAD(&g->peers[peer].sas, sa, next);
	return sa->spi_in;
}

void sa_spi_free(void *gateway, uint32_t spi)
{
	struct gateway *g = gateway;
	struct sa *sa = find(g, spi);

	if (sa)
		release_slot(g, sa);
}

static void set_limits(struct sa *sa, const struct peer *peer, bool esn)
{
	const struct sl_config_flow *flow = sa->flow == SL_IKE_NO_FLOW ? NULL : peer->flows[sa->flow];
	uint64_t packets = flow ? flow->rekey_packets : peer->config->rekey_packets;

	sa->soft_packets = esn ? packets : RTE_MIN(packets, SOFT_PACKETS_32);
	sa->soft_bytes = flow ? flow->rekey_bytes : peer->config->rekey_bytes;
}

/* The hard limits are the worker's, and stay. */
void sa_limits_changed(struct gateway *g, unsigned peer)
{
	struct sa *sa;

	LIST_FOREACH (sa, &g->peers[peer].sas, next) {
		struct sa limits = {.flow = sa->flow};

		if (!sa->in_at_worker || sa->removed)
			continue;
		set_limits(&limits, &g->peers[peer], sa->in->esn);
		sa->soft_packets = RTE_MIN(sa->soft_packets, limits.soft_packets);
		sa->soft_bytes = RTE_MIN(sa->soft_bytes, limits.soft_bytes);
	}
}

static unsigned path_mtu(const struct gateway *g, unsigned peer)
{
	const unsigned learned = g->peers[peer].path_mtu, wire = g->wire.config->mtu;

	return learned ? RTE_MIN(learned, wire) : wire;
}

/*
 * The UDP source port of what we seal. A NIC spreads by addresses and ports, and all SAs between two gateways have the
 * same addresses; with ports of their own the receiver's queues, and the paths between, get different ones. Nothing comes
 * back to such a port: RFC 3948 peers answer IKE's, where a NAT has its mapping, so with a NAT it must be that one.
 */
static uint16_t source_port(const struct sl_config_peer *peer, const struct sl_ike_child *child)
{
	if (!peer->source_port_per_sa || child->nat)
		return child->path.local.port;
	/* The upper 14 bits of a multiplicative hash: all ephemeral ports (RFC 6335 6). */
	return (uint16_t)(EPHEMERAL_PORTS + (child->spi_out * GOLDEN_RATIO_32 >> 18));
}

_Static_assert((int)SL_CONFIG_DSCP_COPY == (int)SL_DSCP_COPY, "what is configured is what the session takes");

static bool same_ts(const struct sl_ts *a, const struct sl_ts *b)
{
	return sl_addr_equal(&a->first, &b->first) && sl_addr_equal(&a->last, &b->last) &&
	       a->protocol == b->protocol && a->port_first == b->port_first && a->port_last == b->port_last;
}

/* What was narrowed from a list keeps its order. */
static bool same_list(const struct sl_ts_list *a, const struct sl_ts_list *b)
{
	bool same = a->count == b->count;

	for (unsigned i = 0; i < a->count && same; i++)
		same = same_ts(&a->ts[i], &b->ts[i]);
	return same;
}

/*
 * Of the SAs that cover a packet the one of the first flow in the configuration seals it, then one that the peer has made
 * for a part of the traffic, and in the end the one for all.
 */
static unsigned rank(const struct gateway *g, const struct sl_ike_child *child)
{
	if (child->flow != SL_IKE_NO_FLOW)
		return 1 + g->peers[child->peer].flow_count - (unsigned)child->flow;
	return !same_list(&child->local, &g->ike_conf.selectors) ||
	       !same_list(&child->remote, &g->peers[child->peer].conf.selectors);
}

static int sessions_init(const struct gateway *g, struct sa *sa, const struct sl_ike_child *child)
{
	const struct sl_config_peer *peer = g->peers[child->peer].config;
	struct sl_esp_params p = {
		.spi_in = child->spi_in,
		.spi_out = child->spi_out,
		.cipher = child->cipher,
		.esn = child->esn,
		.peer = (uint16_t)child->peer,
		.rank = rank(g, child),
		.apart = g->peers[child->peer].flow_count > 0,
		.wire_local = {child->path.local.addr, source_port(peer, child)},
		.wire_remote = child->path.remote,
		.udp = child->udp,
		.udp_checksum = peer->udp_checksum,
		.vlan = rte_cpu_to_be_16((uint16_t)g->wire.config->vlan),
		.dscp = peer->dscp,
		.path_mtu = path_mtu(g, child->peer),
		.local = &child->local,
		.remote = &child->remote,
		.key_in = child->in.key,
		.salt_in = child->in.salt,
		.key_out = child->out.key,
		.salt_out = child->out.salt,
		.packet_limit = 2 * sa->soft_packets,
		.byte_limit = 2 * sa->soft_bytes,
	};
	int err = sl_esp_out_init(sa->out, &p);

	return err ? err : sl_esp_in_init(sa->in, &p);
}

static void give_up_sessions(struct gateway *g, struct sa *sa)
{
	sl_secret_put(g->outs, sa->out);
	sl_secret_put(g->ins, sa->in);
	sa->out = NULL;
	sa->in = NULL;
}

static void resolve(const struct gateway *g, const struct sa *sa, const struct rte_ether_addr *mac)
{
	worker_command(worker_of(g, sa),
		&(struct command){.type = COMMAND_OUT_RESOLVE, .object = sa->out, .mac = *mac});
}

static void find_next_hop(struct gateway *g, struct sa *sa, const struct sl_ike_path *path)
{
	const struct rte_ether_addr *mac = NULL;

	sa->path = *path;
	if (link_next_hop(&g->wire, &path->remote.addr, &sa->next_hop))
		mac = sl_neigh_resolve(g->wire.neighbours, gateway_now(), &sa->next_hop);
	else
		sa->next_hop.family = SL_NONE;
	if (mac)
		resolve(g, sa, mac);
}

int sa_install(void *gateway, const struct sl_ike_child *child)
{
	struct gateway *g = gateway;
	struct sa *sa = find(g, child->spi_in);
	int err;

	sa->flow = child->flow;
	set_limits(sa, &g->peers[child->peer], child->esn);
	sa->out = sl_secret_get(g->outs);
	sa->in = sl_secret_get(g->ins);
	err = sa->out && sa->in ? sessions_init(g, sa, child) : -1;
	if (err) {
		log_error("%s: cannot install the SA: %s", g->peers[child->peer].name,
			sa->out && sa->in ? sl_esp_strerror(err) : "no memory for more sessions");
		give_up_sessions(g, sa);
		return -1;
	}
	keylog_child(g->keylog, child);
	sa->spi_out = child->spi_out;
	sa->udp = child->udp;
	sa->created = gateway_now();
	sa->in_at_worker = true;
	worker_command(worker_of(g, sa), &(struct command){.type = COMMAND_IN_INSTALL, .object = sa->in});
	find_next_hop(g, sa, &child->path);
	return 0;
}

void sa_move(void *gateway, unsigned peer, uint32_t spi_in, const struct sl_ike_path *path)
{
	struct gateway *g = gateway;
	struct sa *sa = find(g, spi_in);

	(void)peer;
	worker_command(worker_of(g, sa),
		&(struct command){.type = COMMAND_OUT_MOVE, .object = sa->out, .endpoint = path->remote});
	find_next_hop(g, sa, path);
}

void sa_resolve(struct gateway *g, const struct sl_addr *next_hop, const struct rte_ether_addr *mac)
{
	for (unsigned i = 0; i < g->peer_slots; i++) {
		const struct sa *sa;

		LIST_FOREACH (sa, &g->peers[i].sas, next) {
			if (sa->in_at_worker && !sa->removed && sl_addr_equal(&sa->next_hop, next_hop))
				resolve(g, sa, mac);
		}
	}
}

unsigned sa_inner_mtu(const struct gateway *g, unsigned peer)
{
	const struct sl_config_peer *c = g->peers[peer].config;
	enum sl_family family = c->endpoint.addr.family == SL_IPV6 ? SL_IPV6 : SL_IPV4;
	bool udp = c->udp;
	const struct sa *sa;

	LIST_FOREACH (sa, &g->peers[peer].sas, next) {
		if (!sa->in_at_worker || sa->removed)
			continue;
		family = (enum sl_family)sa->path.remote.addr.family;
		udp = sa->udp;
	}
	return sl_inner_mtu(path_mtu(g, peer), family, udp);
}

/* A packet that quotes all this was sealed by this SA, or by somebody who has seen one that was. */
static bool sealed_by(const struct sa *sa, const struct sl_icmp_too_big *told)
{
	return sa->in_at_worker && !sa->removed && sa->spi_out == told->spi &&
	       sa->udp == (told->dst_port != 0) && (!sa->udp || sa->path.remote.port == told->dst_port) &&
	       sl_addr_equal(&sa->path.local.addr, &told->src) &&
	       sl_addr_equal(&sa->path.remote.addr, &told->dst);
}

int sa_peer_told(const struct gateway *g, const struct sl_icmp_too_big *told)
{
	for (unsigned i = 0; i < g->peer_slots; i++) {
		const struct sa *sa;

		LIST_FOREACH (sa, &g->peers[i].sas, next) {
			if (sealed_by(sa, told))
				return (int)i;
		}
	}
	return -1;
}

void sa_path_mtu(struct gateway *g, unsigned peer, unsigned mtu)
{
	const struct sa *sa;

	if (g->peers[peer].path_mtu == mtu)
		return;
	g->peers[peer].path_mtu = mtu;
	LIST_FOREACH (sa, &g->peers[peer].sas, next) {
		if (!sa->in_at_worker || sa->removed)
			continue;
		worker_command(worker_of(g, sa),
			&(struct command){.type = COMMAND_INNER_MTU,
				.object = sa->out,
				.other = sa->in,
				.arg = sl_inner_mtu(path_mtu(g, peer),
					(enum sl_family)sa->path.remote.addr.family, sa->udp)});
	}
}

static bool same_selectors(const struct sl_esp_selectors *a, const struct sl_esp_selectors *b)
{
	/* Their unused bytes are zero, as those of all sessions are at first. */
	return a->count == b->count &&
	       memcmp(a->selector, b->selector, a->count * sizeof(a->selector[0])) == 0;
}

/* They would seal the same packets: of one peer, in one worker, with the same selectors. */
static bool same_flow(const struct sa *a, const struct sa *b)
{
	return sl_spi_worker(a->spi_in) == sl_spi_worker(b->spi_in) && a->out->rank == b->out->rank &&
	       same_selectors(&a->out->local, &b->out->local) &&
	       same_selectors(&a->out->remote, &b->out->remote);
}

/* The SA that seals now what this one could seal; NULL when there is none. */
static struct sa *in_use_instead(const struct gateway *g, const struct sa *sa)
{
	struct sa *other;

	LIST_FOREACH (other, &g->peers[sa->peer].sas, next)
		if (other->in_use && same_flow(other, sa))
			return other;
	return NULL;
}

/* Tells every worker who takes the packets that it cannot seal itself. */
static void update_owner(struct gateway *g, unsigned peer)
{
	uint8_t owner = SL_NO_WORKER;
	const struct sa *sa;

	LIST_FOREACH (sa, &g->peers[peer].sas, next)
		if (sa->in_use)
			owner = (uint8_t)RTE_MIN(owner, sl_spi_worker(sa->spi_in));
	if (owner == g->peers[peer].owner)
		return;
	g->peers[peer].owner = owner;
	gateway_command_all(g, &(struct command){.type = COMMAND_FLOW_OWNER, .arg = peer, .worker = owner});
}

/* The flow of a peer has its number. Either may be NULL. */
static void switch_outbound(struct gateway *g, struct sa *to, struct sa *from)
{
	struct command command = {.type = COMMAND_OUT_SWITCH, .arg = to ? to->peer : from->peer};

	if (from) {
		from->in_use = false;
		command.old = from->out;
	}
	if (to) {
		to->in_use = true;
		to->out_uses++;
		command.object = to->out;
	}
	worker_command(worker_of(g, to ? to : from), &command);
}

void sa_use_outbound(void *gateway, unsigned peer, uint32_t spi_in)
{
	struct gateway *g = gateway;
	struct sa *sa = find(g, spi_in);

	switch_outbound(g, sa, in_use_instead(g, sa));
	update_owner(g, peer);
	/*
	 * The peer may learn of the SA a moment later than we do, from a message that is still on its way to it. Who waits
	 * for the link before reading the plain port wants no packet to be lost to that moment.
	 */
	if (g->plain.config->wait_for_peer && g->open_plain_at == UINT64_MAX)
		g->open_plain_at = gateway_now() + PLAIN_DELAY_NS;
}

void sa_remove(void *gateway, unsigned peer, uint32_t spi_in)
{
	struct gateway *g = gateway;
	struct sa *sa = find(g, spi_in);

	sa->removed = true;
	if (sa->in_use) {
		/* First the others are told not to send it anything more. */
		sa->in_use = false;
		update_owner(g, peer);
		switch_outbound(g, NULL, sa);
	}
	worker_command(worker_of(g, sa), &(struct command){.type = COMMAND_IN_REMOVE, .arg = spi_in});
}

static void add_totals(struct totals *sum, const struct sa *sa)
{
	sum->rx_packets += sa->in->packets;
	sum->rx_bytes += sa->in->bytes;
	sum->tx_packets += sa->out->seq;
	sum->tx_bytes += sa->out->bytes;
}

/* What has not come through it by now never will. */
static void add_gone_gaps(struct peer *peer, const struct sa *sa)
{
	struct sl_esp_gaps gaps = sl_esp_in_gaps(sa->in);

	peer->gone_lost += RTE_MAX(gaps.lost, sa->lost) + gaps.missing;
}

static void free_if_released(struct gateway *g, struct sa *sa)
{
	if (!sa->removed || sa->in_at_worker || sa->out_uses)
		return;
	add_totals(&g->peers[sa->peer].gone, sa);
	add_gone_gaps(&g->peers[sa->peer], sa);
	give_up_sessions(g, sa);
	release_slot(g, sa);
}

void sa_in_released(struct gateway *g, struct sl_esp_in *in)
{
	struct sa *sa = find(g, in->spi);

	sa->in_at_worker = false;
	free_if_released(g, sa);
}

void sa_out_released(struct gateway *g, struct sl_esp_out *out)
{
	struct sa *sa;

	LIST_FOREACH (sa, &g->peers[out->peer].sas, next) {
		if (sa->out == out)
			break;
	}
	assert(sa && sa->out_uses > 0);
	sa->out_uses--;
	free_if_released(g, sa);
}

void sa_totals(const struct gateway *g, unsigned peer, struct totals *sum)
{
	const struct sa *sa;

	*sum = g->peers[peer].gone;
	LIST_FOREACH (sa, &g->peers[peer].sas, next) {
		if (sa->in)
			add_totals(sum, sa);
	}
}

static struct sl_esp_gaps gaps_of(struct sa *sa)
{
	struct sl_esp_gaps gaps = sl_esp_in_gaps(sa->in);

	gaps.lost = sa->lost = RTE_MAX(gaps.lost, sa->lost);
	return gaps;
}

void sa_peer_info(struct gateway *g, unsigned peer, struct sa_peer_info *info)
{
	struct sa *sa;

	*info = (struct sa_peer_info){.gaps.lost = g->peers[peer].gone_lost};
	sa_totals(g, peer, &info->totals);
	LIST_FOREACH (sa, &g->peers[peer].sas, next) {
		struct sl_esp_gaps gaps;

		if (!sa->in)
			continue;
		gaps = gaps_of(sa);
		info->gaps.lost += gaps.lost;
		info->gaps.missing += gaps.missing;
		info->sas += !sa->removed;
		info->sas_in_use += sa->in_use;
	}
}

/* At a soft limit: fresh keys are due. */
static bool worn_out(const struct sa *sa)
{
	return sa->in_use && (sa->out->seq >= sa->soft_packets || sa->in->packets >= sa->soft_packets ||
				     sa->out->bytes >= sa->soft_bytes || sa->in->bytes >= sa->soft_bytes);
}

void sa_tick(struct gateway *g, uint64_t now)
{
	for (unsigned i = 0; i < g->peer_slots; i++) {
		struct totals sum;
		struct sa *sa;

		if (!g->peers[i].config)
			continue;
		sa_totals(g, i, &sum);
		if (sum.rx_packets != g->peers[i].seen)
			sl_ike_alive(g->ike, now, i);
		g->peers[i].seen = sum.rx_packets;
		LIST_FOREACH (sa, &g->peers[i].sas, next)
			if (!sa->worn && sa->in && worn_out(sa))
				sa->worn = sl_ike_rekey_child(g->ike, now, sa->spi_in);
	}
}

void sa_rekey_asked(struct gateway *g, uint64_t now)
{
	for (unsigned i = 0; i < g->peer_slots; i++) {
		struct peer *peer = &g->peers[i];
		struct sa *sa;

		if (!peer->config)
			continue;
		LIST_FOREACH (sa, &peer->sas, next) {
			if (peer->rekey_child && sa->in_use)
				sl_ike_rekey_child(g->ike, now, sa->spi_in);
		}
		if (peer->rekey_ike)
			sl_ike_rekey(g->ike, now, i);
		peer->rekey_child = peer->rekey_ike = false;
	}
}

static uint64_t left(uint64_t limit, uint64_t used)
{
	return limit > used ? limit - used : 0;
}

static void info_of(const struct gateway *g, struct sa *sa, struct sa_info *info)
{
	*info = (struct sa_info){
		.spi_in = sa->spi_in,
		.spi_out = sa->spi_out,
		.peer = sa->peer,
		.worker = sl_spi_worker(sa->spi_in),
		.cipher = sa->in->cipher,
		.esn = sa->in->esn,
		.in_use = sa->in_use,
		.flow = sa->flow == SL_IKE_NO_FLOW ? "-" : g->peers[sa->peer].flows[sa->flow]->name,
		.created = sa->created,
		.rx_packets = sa->in->packets,
		.rx_bytes = sa->in->bytes,
		.tx_packets = sa->out->seq,
		.tx_bytes = sa->out->bytes,
		.replayed = sa->in->replayed,
		.late = sa->in->late,
		.bad_icv = sa->in->bad_icv,
		.gaps = gaps_of(sa),
		.soft_packets = left(sa->soft_packets, RTE_MAX(sa->out->seq, sa->in->packets)),
		.soft_bytes = left(sa->soft_bytes, RTE_MAX(sa->out->bytes, sa->in->bytes)),
		.hard_packets = left(sa->out->seq_limit, sa->out->seq),
		.hard_bytes = left(sa->out->byte_limit, sa->out->bytes),
	};
	sl_ike_child_limits(g->ike, sa->peer, sa->spi_in, &info->time);
}

bool sa_find(struct gateway *g, uint32_t spi_in, struct sa_info *info)
{
	struct sa *sa = find(g, spi_in);

	if (!sa || !sa->in || sa->removed)
		return false;
	info_of(g, sa, info);
	return true;
}

void sa_each(const struct gateway *g, void (*fn)(void *ctx, uint32_t spi_in), void *ctx)
{
	for (unsigned i = 0; i < g->peer_slots; i++) {
		const struct sa *sa;

		LIST_FOREACH (sa, &g->peers[i].sas, next) {
			if (sa->in && !sa->removed)
				fn(ctx, sa->spi_in);
		}
	}
}

/* Keys as they were before they were expanded. */
static bool recover_keys(
	struct sl_ike_keys *keys, const struct sl_gcm_key *key, uint32_t salt, enum sl_cipher cipher)
{
	memcpy(keys->salt, &salt, sizeof(keys->salt));
	return sl_gcm_raw_key(keys->key, key, cipher) == 0;
}

void sa_tell_keys(const struct gateway *g)
{
	for (uint32_t slot = 1; slot < SL_SLOTS; slot++) {
		const struct sa *sa = g->sas[slot];
		struct sl_ike_child child = {.peer = 0};

		if (!sa || !sa->in)
			continue;
		child.path = sa->path;
		child.spi_in = sa->spi_in;
		child.spi_out = sa->spi_out;
		child.cipher = sa->in->cipher;
		if (recover_keys(&child.in, &sa->in->key, sa->in->salt, child.cipher) &&
			recover_keys(&child.out, &sa->out->key, sa->out->salt, child.cipher))
			keylog_child(g->keylog, &child);
		sl_wipe(&child, sizeof(child));
	}
}

void sa_addresses(
	const struct gateway *g, unsigned peer, void (*fn)(void *ctx, const struct sl_addr *addr), void *ctx)
{
	const struct sa *sa;

	LIST_FOREACH (sa, &g->peers[peer].sas, next) {
		if (sa->in)
			fn(ctx, &sa->path.remote.addr);
	}
}
