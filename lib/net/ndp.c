/* SPDX-License-Identifier: BSD-3-Clause */
/* Neighbor Discovery for IPv6 over Ethernet (RFC 4861, RFC 2464): see neigh_msg.h. */
#include <string.h>

#include "build.h"
#include "neigh_wire.h"

enum {
	SOLICITATION = 135,
	ADVERTISEMENT = 136,
	SOURCE_MAC = 1, /* options, RFC 4861 4.6.1 */
	TARGET_MAC = 2,
	OPTION_UNIT = 8,
	FLAG_ROUTER = 0x80, /* of an advertisement, RFC 4861 4.4 */
	FLAG_SOLICITED = 0x40,
	FLAG_OVERRIDE = 0x20,
};

/* RFC 4861 4.3 and 4.4 are alike but for the flags. */
struct message {
	uint8_t type, code;
	uint16_t checksum;
	uint8_t flags;
	uint8_t reserved[3];
	uint8_t target[16];
} __attribute__((packed));

struct mac_option {
	uint8_t type, units;
	struct rte_ether_addr mac;
};

_Static_assert(sizeof(struct message) == 24 && sizeof(struct mac_option) == 8, "RFC 4861 4.3, 4.6.1");
_Static_assert(
	sizeof(struct rte_ether_hdr) + SL_IPV6_HEADER + sizeof(struct message) + sizeof(struct mac_option) ==
		(size_t)SL_NEIGH_FRAME_MAX,
	"the longest frame");

struct sl_addr sl_addr_link_local(const struct rte_ether_addr *mac)
{
	const uint8_t *m = mac->addr_bytes;

	return (struct sl_addr){.family = SL_IPV6,
		.bytes = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]}};
}

struct sl_addr sl_addr_solicited_node(const struct sl_addr *a)
{
	struct sl_addr group = {.family = SL_IPV6, .bytes = {[0] = 0xff, 2, [11] = 1, 0xff}};

	memcpy(group.bytes + 13, a->bytes + 13, 3);
	return group;
}

struct rte_ether_addr sl_multicast_mac(const struct sl_addr *group)
{
	const uint8_t *b = group->bytes;

	return (struct rte_ether_addr){{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}

/* ---- In --------------------------------------------------------------------------------------------------------------- */

/*
 * Walks all options, for one of length zero makes the whole message invalid (RFC 4861 7.1), and notes the MAC of the kind
 * that is looked for. Other options are skipped.
 */
static bool read_options(struct sl_neigh_msg *msg, const uint8_t *at, size_t len, uint8_t wanted)
{
	while (len > 0) {
		const struct mac_option *option = (const void *)at;
		size_t size = len < OPTION_UNIT ? 0 : (size_t)at[1] * OPTION_UNIT;

		if (size == 0 || size > len)
			return false;
		if (option->type == wanted && size == sizeof(*option)) {
			if (!rte_is_valid_assigned_ether_addr(&option->mac))
				return false;
			msg->has_mac = true;
			msg->mac = option->mac;
		}
		at += size;
		len -= size;
	}
	return true;
}

static bool is_solicited_node(const struct sl_addr *a)
{
	struct sl_addr group = sl_addr_solicited_node(a);

	return sl_addr_equal(a, &group);
}

/* RFC 4861 7.1.1 */
static bool read_solicitation(
	struct sl_neigh_msg *msg, const struct sl_ip *ip, const struct message *m, size_t len)
{
	bool probe = sl_addr_is_unspecified(&ip->src);

	*msg = (struct sl_neigh_msg){
		.ask = true,
		.override = true,
		.target = sl_addr_read(SL_IPV6, m->target),
	};
	if (!probe)
		msg->who = ip->src;
	if (sl_addr_is_group(&msg->target) || sl_addr_is_group(&ip->src))
		return false;
	if (!read_options(msg, (const uint8_t *)(m + 1), len - sizeof(*m), SOURCE_MAC))
		return false;
	return !probe || (is_solicited_node(&ip->dst) && !msg->has_mac);
}

/* RFC 4861 7.1.2 */
static bool read_advertisement(
	struct sl_neigh_msg *msg, const struct sl_ip *ip, const struct message *m, size_t len)
{
	*msg = (struct sl_neigh_msg){
		.solicited = m->flags & FLAG_SOLICITED,
		.override = m->flags & FLAG_OVERRIDE,
		.who = sl_addr_read(SL_IPV6, m->target),
	};
	if (sl_addr_is_group(&msg->who) || sl_addr_is_unspecified(&msg->who))
		return false;
	if (msg->solicited && sl_addr_is_group(&ip->dst))
		return false;
	return read_options(msg, (const uint8_t *)(m + 1), len - sizeof(*m), TARGET_MAC);
}

bool sl_ndp_parse(struct sl_neigh_msg *msg, const void *frame, size_t len)
{
	const uint8_t *packet = (const uint8_t *)frame + sizeof(struct rte_ether_hdr);
	const struct message *m;
	struct sl_ip ip;
	size_t there;

	if (len < sizeof(struct rte_ether_hdr) ||
		!sl_ip_parse(&ip, packet, len - sizeof(struct rte_ether_hdr)))
		return false;
	/* What was forwarded comes from elsewhere (RFC 4861 7.1), and fragments are not for this (RFC 6980 5). */
	if (ip.src.family != SL_IPV6 || ip.protocol != SL_PROTOCOL_ICMPV6 || ip.hops != SL_NEIGH_HOPS ||
		ip.fragment)
		return false;
	there = ip.total - ip.at;
	if (there < sizeof(*m) || sl_ip_checksum(&ip, packet + ip.at, there) != 0)
		return false;
	m = (const void *)(packet + ip.at);
	if (m->code != 0)
		return false;
	switch (m->type) {
	case SOLICITATION: return read_solicitation(msg, &ip, m, there);
	case ADVERTISEMENT: return read_advertisement(msg, &ip, m, there);
	default: return false;
	}
}

/* ---- Out -------------------------------------------------------------------------------------------------------------- */

/* mac NULL leaves the option out. The Ethernet destination of a group is its own, else `to`. */
static size_t build(void *frame, const struct rte_ether_addr *own_mac, const struct sl_addr *src,
	const struct sl_addr *dst, const struct rte_ether_addr *to, const struct message *message,
	uint8_t option)
{
	struct sl_ip ip = {.src = *src, .dst = *dst, .protocol = SL_PROTOCOL_ICMPV6, .hops = SL_NEIGH_HOPS};
	struct rte_ether_addr group = sl_multicast_mac(dst);
	struct mac_option mac = {.type = option, .units = 1, .mac = *own_mac};
	size_t len = sizeof(*message) + (option ? sizeof(mac) : 0);
	uint8_t *start = frame, *at = start;
	struct message *m;

	at += sl_put_ether(at, own_mac, to ? to : &group, SL_IPV6);
	at += sl_put_ip(at, &ip, 0, len);
	m = (void *)at;
	*m = *message;
	if (option)
		memcpy(m + 1, &mac, sizeof(mac));
	m->checksum = sl_ip_checksum(&ip, m, len);
	return (size_t)(at - start) + len;
}

size_t sl_ndp_ask(void *frame, const struct rte_ether_addr *mac, const struct sl_addr *own,
	const struct sl_addr *target, const struct rte_ether_addr *to)
{
	static const struct sl_addr unspecified = {.family = SL_IPV6};
	struct sl_addr group = sl_addr_solicited_node(target);
	struct message m = {.type = SOLICITATION};

	sl_addr_write(target, m.target);
	/* A probe has no address, and so none to connect with a MAC (RFC 4861 4.3). */
	return build(
		frame, mac, own ? own : &unspecified, to ? target : &group, to, &m, own ? SOURCE_MAC : 0);
}

size_t sl_ndp_tell(void *frame, const struct rte_ether_addr *mac, const struct sl_addr *own,
	const struct sl_addr *who, const struct rte_ether_addr *to)
{
	static const struct sl_addr all_nodes = {.family = SL_IPV6, .bytes = {[0] = 0xff, 2, [15] = 1}};
	struct message m = {.type = ADVERTISEMENT, .flags = FLAG_ROUTER | FLAG_OVERRIDE};
	bool probed = who->family == SL_NONE;

	/* Who probes has no address to be told at: all are told, and it is among them (RFC 4861 7.2.4). */
	if (!probed)
		m.flags |= FLAG_SOLICITED;
	sl_addr_write(own, m.target);
	return build(frame, mac, own, probed ? &all_nodes : who, probed ? NULL : to, &m, TARGET_MAC);
}
