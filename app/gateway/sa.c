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
#include "sa.h"

#define EPHEMERAL_PORTS 49152
#define GOLDEN_RATIO_32 UINT32_C(0x9e3779b1)

/* What waits for the link waits this much longer once it is up, ns. */
#define PLAIN_DELAY_NS (SECOND_NS / 5)

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
	struct sa *sa = sa_by_spi(g, spi);

	if (sa)
		release_slot(g, sa);
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
		.path_mtu = sa_outer_mtu(g, child->peer),
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

int sa_install(void *gateway, const struct sl_ike_child *child)
{
	struct gateway *g = gateway;
	struct sa *sa = sa_by_spi(g, child->spi_in);
	int err;

	sa->flow = child->flow;
	sa_set_limits(sa, &g->peers[child->peer], child->esn);
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
	worker_command(sa_worker(g, sa), &(struct command){.type = COMMAND_IN_INSTALL, .object = sa->in});
	sa_find_next_hop(g, sa, &child->path);
	return 0;
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
	worker_command(sa_worker(g, to ? to : from), &command);
}

void sa_use_outbound(void *gateway, unsigned peer, uint32_t spi_in)
{
	struct gateway *g = gateway;
	struct sa *sa = sa_by_spi(g, spi_in);

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
	struct sa *sa = sa_by_spi(g, spi_in);

	sa->removed = true;
	if (sa->in_use) {
		/* First the others are told not to send it anything more. */
		sa->in_use = false;
		update_owner(g, peer);
		switch_outbound(g, NULL, sa);
	}
	worker_command(sa_worker(g, sa), &(struct command){.type = COMMAND_IN_REMOVE, .arg = spi_in});
}

static void free_if_released(struct gateway *g, struct sa *sa)
{
	if (!sa->removed || sa->in_at_worker || sa->out_uses)
		return;
	sa_add_totals(&g->peers[sa->peer].gone, sa);
	sa_add_gone_gaps(&g->peers[sa->peer], sa);
	give_up_sessions(g, sa);
	release_slot(g, sa);
}

void sa_in_released(struct gateway *g, struct sl_esp_in *in)
{
	struct sa *sa = sa_by_spi(g, in->spi);

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
