/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What came out of a seal: whether it may go on, and how it is changed on the way. The packet must be whole, and between
 * addresses the SA was made for (RFC 4301 5.2), however authentic it is.
 */
#ifndef SEALANE_DATAPLANE_INNER_H
#define SEALANE_DATAPLANE_INNER_H

#include "../net/mss.h"
#include "frame.h"

/* RFC 6040: the two bits of ECN. */
enum { NOT_ECT = 0, ECT_1 = 1, ECT_0 = 2, CE = 3 };

/* ---- inner.c ------------------------------------------------------------------------------------------------------------ */

/* The whole selectors of the session are asked. */
bool covers_wholly(const struct sl_esp_in *in, const struct rte_mbuf *m);

/* Takes over an outer ECN that is ECT_1 or CE. PASS, or SL_DROP_ECN. */
int merge_ecn4(struct rte_ipv4_hdr *ip, uint8_t outer);

/* Like check_inner4(). */
int check_inner6(const struct sl_dataplane *dp, const struct sl_esp_in *in, struct rte_mbuf *m, uint8_t ecn);

const uint8_t *neighbour6(struct sl_dataplane *dp, const struct rte_mbuf *m);

/* ------------------------------------------------------------------------------------------------------------------------- */

/*
 * PASS with the data cut to the packet, which is one hop older; TO_CONTROL when it is for ourselves; EXPIRED; or why not.
 */
static inline int check_inner4(
	const struct sl_dataplane *dp, const struct sl_esp_in *in, struct rte_mbuf *m, uint8_t ecn)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *);
	uint32_t total, header_len, src, dst;

	if (unlikely(ipv4_check(ip, m->data_len, &total, &header_len) != PASS))
		return SL_DROP_BAD_INNER;
	/* What lies behind the packet is traffic-flow padding (RFC 4303 2.7). */
	m->data_len = (uint16_t)total;
	m->pkt_len = total;
	src = rte_be_to_cpu_32(ip->src_addr);
	dst = rte_be_to_cpu_32(ip->dst_addr);
	if (unlikely(martian_pair4(ip)))
		return SL_DROP_MARTIAN;
	if (unlikely(!sl_esp_in_covers_plainly(in, src, dst) && !covers_wholly(in, m)))
		return SL_DROP_SELECTOR;
	/* The other values change nothing in the inner header (RFC 6040 4.2). */
	if (unlikely(ecn & ECT_1) && merge_ecn4(ip, ecn) != PASS)
		return SL_DROP_ECN;
	if (unlikely(own4(&dp->plain, dst)))
		return TO_CONTROL;
	if (unlikely(ip->time_to_live <= 1))
		return EXPIRED;
	ipv4_age(ip);
	return PASS;
}

#endif
