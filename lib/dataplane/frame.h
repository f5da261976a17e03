/* SPDX-License-Identifier: BSD-3-Clause */
/* What seal.c and open.c share: looking at a frame that has just been received. */
#ifndef SEALANE_DATAPLANE_FRAME_H
#define SEALANE_DATAPLANE_FRAME_H

#include <rte_ip.h>
#include <rte_prefetch.h>

#include "dataplane.h"

#define ETHER_IPV4 rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)
#define ETHER_ARP  rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP)

/*
 * Packets that go through the passes of a burst together: enough that what one pass calls near is there when the next one
 * wants it, few enough that all of it stays.
 */
enum { GROUP = 32 };

/* Beside the drop reasons: the frame goes on, to the control thread, or to another worker. */
enum { PASS = -1, TO_CONTROL = -2, TO_WORKER = -3 };

static inline uint32_t load32(const void *at)
{
	uint32_t v;

	__builtin_memcpy(&v, at, sizeof(v));
	return v;
}

static inline uint64_t load64(const void *at)
{
	uint64_t v;

	__builtin_memcpy(&v, at, sizeof(v));
	return v;
}

/* The checksum of an IPv4 header whose ihl * 4 bytes are known to be there. */
static inline bool ipv4_checksum_ok(const struct rte_ipv4_hdr *ip, unsigned header_len)
{
	const uint8_t *p = (const uint8_t *)ip;
	uint64_t sum;

	if (unlikely(header_len != sizeof(*ip)))
		return rte_raw_cksum(ip, header_len) == 0xffff;
	/* Sums of 32-bit words fold to the same 16 bits as sums of 16-bit words. */
	sum = (uint64_t)load32(p) + load32(p + 4) + load32(p + 8) + load32(p + 12) + load32(p + 16);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* The Ethernet destination is this station. One load instead of three: the two bytes behind are shifted out. */
static inline bool addressed_to(const struct rte_ether_hdr *eth, const struct rte_ether_addr *mac)
{
	return ((load64(eth) ^ load64(mac)) << 16) == 0;
}

/*
 * Checks an IPv4 header at `ip`, of which `len` bytes are there. PASS with *total and *header_len, or why not.
 */
static inline int ipv4_check(
	const struct rte_ipv4_hdr *ip, uint32_t len, uint32_t *total, uint32_t *header_len)
{
	if (unlikely(len < sizeof(*ip)))
		return SL_DROP_RUNT;
	if (unlikely(ip->version_ihl >> 4 != 4))
		return SL_DROP_NOT_IP;
	*header_len = (ip->version_ihl & 15) * 4;
	*total = rte_be_to_cpu_16(ip->total_length);
	if (unlikely(*header_len < sizeof(*ip) || *header_len > *total || *total > len))
		return SL_DROP_RUNT;
	if (unlikely(!ipv4_checksum_ok(ip, *header_len)))
		return SL_DROP_BAD_CHECKSUM;
	return PASS;
}

/*
 * What both sides ask of a frame first: whole, IPv4 and for this station. PASS with the size of its packet and of the
 * packet's header, TO_CONTROL when it is ARP, or why not.
 */
static inline int check_frame(
	const struct rte_mbuf *m, const struct sl_link *link, uint32_t *total, uint32_t *header_len)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_ipv4_hdr *ip = (const void *)(eth + 1);

	if (unlikely(m->data_len < sizeof(*eth) + sizeof(*ip)))
		return SL_DROP_RUNT;
	if (unlikely(m->nb_segs != 1))
		return SL_DROP_TOO_BIG;
	if (unlikely(eth->ether_type != ETHER_IPV4))
		return eth->ether_type == ETHER_ARP ? TO_CONTROL : SL_DROP_NOT_IP;
	if (unlikely(!addressed_to(eth, &link->mac)))
		return SL_DROP_NOT_FOR_US;
	return ipv4_check(ip, m->data_len - sizeof(*eth), total, header_len);
}

static inline void hand_over(
	struct sl_dataplane *dp, struct sl_burst *burst, struct rte_mbuf *m, enum sl_handed why)
{
	burst->handed_why[burst->handed_count] = (uint8_t)why;
	burst->handed[burst->handed_count++] = m;
	dp->counters.to_control++;
}

/* The Ethernet header for what goes to ip, or NULL when its MAC is unknown. */
static inline const struct rte_ether_hdr *sl_neighbour(struct sl_dataplane *dp, uint32_t ip)
{
	const struct sl_neighbour_recent *recent = &dp->recent[ip % SL_NEIGHBOURS_RECENT];

	return likely(recent->known && recent->ip == ip) ? &recent->header : sl_neighbour_find(dp, ip);
}

static inline void pass_on(struct sl_burst *burst, struct rte_mbuf *m, uint32_t worker)
{
	burst->away_to[burst->away_count] = (uint8_t)worker;
	burst->away[burst->away_count++] = m;
}

static inline void burst_clear(struct sl_burst *burst)
{
	burst->tx_count = 0;
	burst->handed_count = 0;
	burst->away_count = 0;
}

/*
 * When the keys of packet `at` of a group, of len bytes, are called near. Of short packets all at once, before the first
 * is encrypted or decrypted. Long ones need whole tables, and a CPU waits for some dozens of cache lines at a time, so
 * theirs are called KEYS_AHEAD packets before their turn, but for the first ones.
 */
enum { KEYS_AHEAD = 2 };

static inline bool key_at_once(unsigned at, uint32_t len)
{
	return at < KEYS_AHEAD || len <= 512;
}

static inline void prefetch_frames(struct rte_mbuf **frames, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(frames[i], void *));
}

#endif
