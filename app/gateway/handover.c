/* SPDX-License-Identifier: BSD-3-Clause */
/* From worker to worker: see handover.h. */
#include "handover.h"

#include <stdio.h>

#include <rte_errno.h>
#include <rte_ip.h>
#include <rte_jhash.h>
#include <rte_ring.h>

#include "worker.h"

/* ---- The inboxes ------------------------------------------------------------------------------------------------------ */

static bool is_used(const struct worker *w, enum inbox inbox)
{
	if (w->dp.workers == 1)
		return false;
	switch (inbox) {
	case INBOX_RECEIVED: return w->spreads;
	case INBOX_SEND_WIRE: return w->wire.sends_for_others;
	case INBOX_SEND_PLAIN: return w->plain.sends_for_others;
	default: return true;
	}
}

int handover_init(struct worker *w)
{
	for (unsigned i = 0; i < INBOX_COUNT; i++) {
		char name[RTE_RING_NAMESIZE];

		if (!is_used(w, (enum inbox)i))
			continue;
		snprintf(name, sizeof(name), "inbox%u-%u", w->id, i);
		w->inbox[i] = rte_ring_create(
			name, INBOX_PACKETS, SOCKET_ID_ANY, RING_F_MP_RTS_ENQ | RING_F_SC_DEQ);
		if (!w->inbox[i])
			return -rte_errno;
		/* A giver that is interrupted keeps what came behind it from the taker until it is back, but no giver. */
		rte_ring_set_prod_htd_max(w->inbox[i], rte_ring_get_capacity(w->inbox[i]));
	}
	return 0;
}

void handover_fini(struct worker *w)
{
	void *packet;

	for (unsigned i = 0; i < INBOX_COUNT; i++) {
		while (w->inbox[i] && rte_ring_dequeue(w->inbox[i], &packet) == 0)
			rte_pktmbuf_free(packet);
		rte_ring_free(w->inbox[i]);
		w->inbox[i] = NULL;
	}
}

/* ---- Giving ----------------------------------------------------------------------------------------------------------- */

void hand_over(struct worker *from, unsigned to, enum inbox inbox, struct rte_mbuf **packets, unsigned n)
{
	unsigned taken = rte_ring_enqueue_burst(from->all[to].inbox[inbox], (void **)packets, n, NULL);

	sl_count(&from->dp.counters.handed_out, taken);
	for (unsigned i = taken; i < n; i++)
		sl_drop(&from->dp, packets[i], SL_DROP_HANDOFF_FULL);
}

/* Worker by worker: what is for the first packet's goes at once, the others close up. */
void hand_over_each(struct worker *from, enum inbox inbox, struct rte_mbuf **packets, uint8_t *to, unsigned n)
{
	while (n > 0) {
		struct rte_mbuf *batch[SL_BURST_MAX];
		unsigned count = 0, left = 0;
		uint8_t target = to[0];

		for (unsigned i = 0; i < n; i++) {
			if (to[i] == target) {
				batch[count++] = packets[i];
			} else {
				packets[left] = packets[i];
				to[left++] = to[i];
			}
		}
		hand_over(from, target, inbox, batch, count);
		n = left;
	}
}

/* ---- Spreading -------------------------------------------------------------------------------------------------------- */

static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

static uint32_t hash4(const struct rte_mbuf *m, uint32_t at)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, at);
	const rte_be16_t fragment = rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK);
	uint32_t ports = 0;

	at += (ip->version_ihl & 15u) * 4;
	if (has_ports(ip->next_proto_id) && (ip->fragment_offset & fragment) == 0 &&
		m->data_len >= at + sizeof(ports))
		memcpy(&ports, rte_pktmbuf_mtod_offset(m, const void *, at), sizeof(ports));
	return rte_jhash_3words(ip->src_addr, ip->dst_addr, ports, ip->next_proto_id);
}

/* A hash of the addresses, and of the ports where no extension header stands before them: all fragments have one. */
static uint32_t hash6(const struct rte_mbuf *m, uint32_t at)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv6_hdr *, at);
	uint32_t addresses[8], ports = 0;

	memcpy(addresses, &ip->src_addr, sizeof(addresses));
	if (has_ports(ip->proto) && m->data_len >= at + sizeof(*ip) + sizeof(ports))
		memcpy(&ports, ip + 1, sizeof(ports));
	return rte_jhash_32b(addresses, RTE_DIM(addresses), ports);
}

/*
 * The worker for the flow of a frame, which nobody has checked yet: by addresses, protocol and ports, and without ports
 * for fragments, which have them only in the first. What is not IP stays where it is.
 */
static uint8_t worker_of_flow(const struct worker *w, const struct rte_mbuf *m)
{
	uint32_t hash,
		at = sizeof(struct rte_ether_hdr) + (w->dp.plain.vlan ? sizeof(struct rte_vlan_hdr) : 0);
	const rte_be16_t *type = rte_pktmbuf_mtod_offset(m, const rte_be16_t *, at - sizeof(*type));

	if (m->data_len >= at + sizeof(struct rte_ipv4_hdr) && *type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4))
		hash = hash4(m, at);
	else if (m->data_len >= at + sizeof(struct rte_ipv6_hdr) &&
		 *type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6))
		hash = hash6(m, at);
	else
		return (uint8_t)w->id;
	/* The high bits of the product: as even as the remainder, without a division. */
	return (uint8_t)((uint64_t)hash * w->dp.workers >> 32);
}

unsigned spread(struct worker *w, struct rte_mbuf **frames, unsigned n)
{
	struct rte_mbuf *others[SL_BURST_MAX];
	uint8_t to[SL_BURST_MAX];
	unsigned own = 0, count = 0;

	for (unsigned i = 0; i < n; i++) {
		uint8_t target = worker_of_flow(w, frames[i]);

		if (target == w->id) {
			frames[own++] = frames[i];
		} else {
			others[count] = frames[i];
			to[count++] = target;
		}
	}
	hand_over_each(w, INBOX_RECEIVED, others, to, count);
	return own;
}
