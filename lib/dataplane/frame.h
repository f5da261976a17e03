/* SPDX-License-Identifier: BSD-3-Clause */
/* What seal.c, open.c and their checks share: looking at a frame that has just been received, and where packets go. */
#ifndef SEALANE_DATAPLANE_FRAME_H
#define SEALANE_DATAPLANE_FRAME_H

#include <rte_ip.h>
#include <rte_prefetch.h>

#include "dataplane.h"

#define ETHER_IPV4 rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)
#define ETHER_IPV6 rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6)
#define ETHER_ARP  rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP)

/*
 * Packets that go through the passes of a burst together: enough that what one pass calls near is there when the next one
 * wants it, few enough that all of it stays.
 */
enum { GROUP = 32 };

/*
 * Beside the drop reasons: the frame goes on, as IPv4 or as IPv6; it is something else than IPv4, to be looked at
 * elsewhere; it goes to the control thread, as what it is or because its time to live has run out; or to another worker;
 * or it is too large for its session.
 */
enum { PASS = -1, PASS6 = -2, OTHER = -3, TO_CONTROL = -4, EXPIRED = -5, TO_WORKER = -6, TOO_LARGE = -7 };

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

static inline struct sl_ip6 load_ip6(const void *at)
{
	struct sl_ip6 v;

	__builtin_memcpy(&v, at, sizeof(v));
	return v;
}

static inline bool same_ip6(const struct sl_ip6 *a, const struct sl_ip6 *b)
{
	return ((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1])) == 0;
}

/* The IP version of the packet that begins here. */
static inline unsigned version_of(const void *packet)
{
	return *(const uint8_t *)packet >> 4;
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

/* Most ports have one; where there is none it is 0.0.0.0, to which no packet gets that far. */
static inline bool own4(const struct sl_link *link, uint32_t ip)
{
	bool own = ip == link->ip4[0];

	for (unsigned i = 1; unlikely(i < link->count4) && !own; i++)
		own = ip == link->ip4[i];
	return own;
}

static inline bool own6(const struct sl_link *link, const void *ip)
{
	const struct sl_ip6 address = load_ip6(ip);

	for (unsigned i = 0; i < link->count6; i++)
		if (same_ip6(&address, &link->ip6[i]))
			return true;
	return false;
}

/* Nothing is forwarded from or to these: 0/8, 127/8, multicast and what lies above it (RFC 1812 5.3.7). */
static inline unsigned martian4(uint8_t first)
{
	static const uint8_t martian[256] = {[0] = 1, [127] = 1, [224 ... 255] = 1};

	return martian[first];
}

/* Of a packet: either address, or that they are one (a "LAND" packet, for its receiver to answer itself). */
static inline bool martian_pair4(const struct rte_ipv4_hdr *ip)
{
	return (martian4(*(const uint8_t *)&ip->src_addr) | martian4(*(const uint8_t *)&ip->dst_addr)) != 0 ||
	       ip->src_addr == ip->dst_addr;
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
 * packet's header, OTHER when it is something else than IPv4, or why not. Takes off the tag of our VLAN.
 */
static inline int check_frame(
	struct rte_mbuf *m, const struct sl_link *link, uint32_t *total, uint32_t *header_len)
{
	const struct rte_ether_hdr *eth;
	const struct rte_ipv4_hdr *ip;

	if (unlikely(m->nb_segs != 1))
		return SL_DROP_TOO_BIG;
	if (unlikely(link->vlan)) {
		if (m->data_len < sizeof(*eth) + sizeof(struct rte_vlan_hdr))
			return SL_DROP_RUNT;
		if (rte_vlan_strip(m) != 0 || (m->vlan_tci & RTE_ETHER_MAX_VLAN_ID) != link->vlan)
			return SL_DROP_VLAN;
	}
	eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	ip = (const void *)(eth + 1);
	if (unlikely(m->data_len < sizeof(*eth) + sizeof(*ip)))
		return SL_DROP_RUNT;
	if (unlikely(eth->ether_type != ETHER_IPV4))
		return OTHER;
	if (unlikely(!addressed_to(eth, &link->mac)))
		return SL_DROP_NOT_FOR_US;
	return ipv4_check(ip, m->data_len - sizeof(*eth), total, header_len);
}

/* Cuts the data of the mbuf to the packet of `total` bytes that lies `at` bytes behind its start. */
static inline void cut_to(struct rte_mbuf *m, uint32_t at, uint32_t total)
{
	m->data_off += (uint16_t)at;
	m->data_len = (uint16_t)total;
	m->pkt_len = total;
}

/* ---- Headers on their way ----------------------------------------------------------------------------------------------- */

/* The checksum of an IPv4 header after one of its 16-bit words, both in network order, has changed (RFC 1624 3). */
static inline void ipv4_word_changed(struct rte_ipv4_hdr *ip, rte_be16_t old, rte_be16_t new)
{
	uint32_t sum = (uint16_t)~ip->hdr_checksum + (uint32_t)(uint16_t)~old + new;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->hdr_checksum = (rte_be16_t)~sum;
}

/* One hop less to live; there is one. The same as above, for a word that goes down by 256 (RFC 1141). */
static inline void ipv4_age(struct rte_ipv4_hdr *ip)
{
	/* Time to live, protocol, checksum: loaded and stored as one word. */
	uint32_t word = load32(&ip->time_to_live), sum = (word >> 16) + rte_cpu_to_be_16(0x0100);

	word = ((word - 1) & 0xffff) | (sum + (sum >= 0xffff)) << 16;
	__builtin_memcpy(&ip->time_to_live, &word, sizeof(word));
}

/* The traffic class of a packet: DSCP and ECN. */
static inline uint8_t traffic_class6(const void *packet)
{
	const uint8_t *p = packet;

	return (uint8_t)(p[0] << 4 | p[1] >> 4);
}

/* ---- Where packets go ----------------------------------------------------------------------------------------------------- */

static inline void hand_over(
	struct sl_dataplane *dp, struct sl_burst *burst, struct rte_mbuf *m, enum sl_handed why)
{
	burst->handed_why[burst->handed_count] = (uint8_t)why;
	burst->handed[burst->handed_count++] = m;
	sl_count(&dp->counters.to_control, 1);
}

/*
 * The sender may have to be told. A storm of these must not fill the control thread's ring: beyond what a second allows
 * they are dropped, under the reason that the control thread would drop them for.
 */
static inline void hand_over_error(struct sl_dataplane *dp, struct sl_burst *burst, struct rte_mbuf *m,
	enum sl_handed why, enum sl_drop reason)
{
	if (dp->errors_left == 0) {
		sl_drop(dp, m, reason);
		return;
	}
	dp->errors_left--;
	hand_over(dp, burst, m, why);
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
	burst->large_count = 0;
}

/* The headers for what goes to ip, as sl_neighbour_find4() has them, or NULL when its MAC is unknown. */
static inline const uint8_t *sl_neighbour(struct sl_dataplane *dp, uint32_t ip)
{
	const struct sl_neighbour_recent *recent = &dp->recent[ip % SL_NEIGHBOURS_RECENT];

	return likely(recent->known && recent->ip == ip) ? recent->header : sl_neighbour_find4(dp, ip);
}

/* What neighbours are found by. */
struct neighbour_key {
	struct sl_addr ip;
	uint8_t zero[3];
};

_Static_assert(sizeof(struct neighbour_key) % sizeof(uint32_t) == 0, "rte_jhash() reads words");

static inline struct sl_neighbour_recent6 *recent6(struct sl_dataplane *dp, const struct sl_ip6 *ip)
{
	/* The low bits of the address, whose bytes are those of the packet. */
	return &dp->recent6[rte_be_to_cpu_64(ip->word[1]) % SL_NEIGHBOURS_RECENT];
}

/*
 * When keys are called near that the packet before did not use. Of short packets all at once, before the first is encrypted
 * or decrypted. Long ones need whole tables, and a CPU waits for some dozens of cache lines at a time, so theirs are called
 * KEYS_FAR packets before their turn, but for the first ones. What was called and had no place in that queue is called
 * again KEYS_NEAR packets before.
 */
enum { KEYS_FAR = 8, KEYS_NEAR = 5 };

struct key_call {
	const struct sl_gcm_key *key; /* NULL: it is there */
	enum sl_cipher cipher;
	uint32_t len;
};

static inline bool key_at_once(unsigned at, uint32_t len)
{
	return at < KEYS_FAR || len <= 512;
}

static inline void call_key(const struct key_call *call)
{
	if (call->key)
		sl_gcm_prefetch(call->key, call->cipher, call->len);
}

static inline void prefetch_frames(struct rte_mbuf **frames, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(frames[i], void *));
}

/* ---- cut.c: packets that are too large ------------------------------------------------------------------------------------- */

/* IPv4 that may be cut goes to burst->large; of anything else the sender hears how large it may be. */
void too_large(struct sl_dataplane *dp, struct rte_mbuf *m, uint16_t mtu, struct sl_burst *burst);

/* Cuts what is in burst->large. Returns how many parts it has made; when it cannot be cut it has been dropped, and 0. */
unsigned cut_up(struct sl_dataplane *dp, struct rte_mbuf *m, struct rte_mbuf *parts[GROUP]);

/* ---- checks.c: the frames that are not IPv4 -------------------------------------------------------------------------------- */

/* Nothing is forwarded from or to these, either: ::/8, link-local, multicast. Addresses of 16 bytes. */
bool martian_pair6(const void *src, const void *dst);

/* An IPv6 header like ipv4_check(). */
int ipv6_check(const struct rte_ipv6_hdr *ip, uint32_t len, uint32_t *total);

/*
 * A frame from the plain port, or from the wire, for which check_frame() says OTHER. PASS6 with the data cut to the packet
 * (EXPIRED too), TO_CONTROL, or why not; from the wire PASS when it is ESP, with the data cut to that and its outer ECN.
 */
int check_plain_other(const struct sl_dataplane *dp, struct rte_mbuf *m);
int check_wire_other(const struct sl_dataplane *dp, struct rte_mbuf *m, uint8_t *ecn);

#endif
