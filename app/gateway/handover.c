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

	from->dp.counters.handed_out += taken;
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

/*
 * The worker for the flow of a frame, which nobody has checked yet: by addresses, protocol and ports, and without ports
 * for fragments, which have them only in the first. What is not IPv4 stays where it is.
 */
static uint8_t worker_of_flow(const struct worker *w, const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_ipv4_hdr *ip = (const void *)(eth + 1);
	uint32_t at, ports = 0;

	if (m->data_len < sizeof(*eth) + sizeof(*ip) ||
		eth->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4))
		return (uint8_t)w->id;
	at = (uint32_t)sizeof(*eth) + (ip->version_ihl & 15u) * 4;
	if ((ip->next_proto_id == IPPROTO_TCP || ip->next_proto_id == IPPROTO_UDP) &&
		(ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) ==
			0 &&
		m->data_len >= at + sizeof(ports))
		memcpy(&ports, rte_pktmbuf_mtod_offset(m, const void *, at), sizeof(ports));
	/* The high bits of the product: as even as the remainder, without a division. */
	return (uint8_t)((uint64_t)rte_jhash_3words(ip->src_addr, ip->dst_addr, ports, ip->next_proto_id) *
				 w->dp.workers >>
			 32);
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
