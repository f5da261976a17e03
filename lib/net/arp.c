/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP for IPv4 over Ethernet (RFC 826): see neigh_msg.h. */
#include <string.h>

#include <rte_arp.h>

#include "ip.h"
#include "neigh_wire.h"

enum { ARP_FRAME = sizeof(struct rte_ether_hdr) + sizeof(struct rte_arp_hdr) };

_Static_assert(ARP_FRAME == 42, "RFC 826");

bool sl_arp_parse(struct sl_neigh_msg *msg, const void *frame, size_t len)
{
	const struct rte_ether_hdr *eth = frame;
	const struct rte_arp_hdr *a = (const void *)(eth + 1);
	uint16_t opcode;

	if (len < ARP_FRAME)
		return false;
	if (a->arp_hardware != rte_cpu_to_be_16(RTE_ARP_HRD_ETHER) ||
		a->arp_protocol != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) ||
		a->arp_hlen != RTE_ETHER_ADDR_LEN || a->arp_plen != sizeof(uint32_t))
		return false;
	opcode = rte_be_to_cpu_16(a->arp_opcode);
	if (opcode != RTE_ARP_OP_REQUEST && opcode != RTE_ARP_OP_REPLY)
		return false;
	/* Nobody sends from a group address; believing it would turn our unicast into a flood. */
	if (!rte_is_valid_assigned_ether_addr(&a->arp_data.arp_sha))
		return false;
	*msg = (struct sl_neigh_msg){
		.ask = opcode == RTE_ARP_OP_REQUEST,
		.solicited = opcode == RTE_ARP_OP_REPLY,
		.override = true,
		.has_mac = true,
		.mac = a->arp_data.arp_sha,
		.who = sl_addr_read(SL_IPV4, &a->arp_data.arp_sip),
	};
	if (msg->ask)
		msg->target = sl_addr_read(SL_IPV4, &a->arp_data.arp_tip);
	if (sl_addr_is_unspecified(&msg->who))
		msg->who.family = SL_NONE;
	return true;
}

static size_t build(void *frame, uint16_t opcode, const struct rte_ether_addr *mac,
	const struct sl_addr *sender, const struct rte_ether_addr *to, const struct sl_addr *target)
{
	static const struct rte_ether_addr everybody = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	struct rte_ether_hdr *eth = frame;
	struct rte_arp_hdr *a = (void *)(eth + 1);

	eth->src_addr = *mac;
	eth->dst_addr = to ? *to : everybody;
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP);
	*a = (struct rte_arp_hdr){
		.arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER),
		.arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = RTE_ETHER_ADDR_LEN,
		.arp_plen = sizeof(uint32_t),
		.arp_opcode = rte_cpu_to_be_16(opcode),
	};
	a->arp_data.arp_sha = *mac;
	if (sender)
		sl_addr_write(sender, &a->arp_data.arp_sip);
	if (opcode == RTE_ARP_OP_REPLY)
		a->arp_data.arp_tha = *to;
	sl_addr_write(target, &a->arp_data.arp_tip);
	return ARP_FRAME;
}

size_t sl_arp_ask(void *frame, const struct rte_ether_addr *mac, const struct sl_addr *own,
	const struct sl_addr *target, const struct rte_ether_addr *to)
{
	return build(frame, RTE_ARP_OP_REQUEST, mac, own, to, target);
}

size_t sl_arp_tell(void *frame, const struct rte_ether_addr *mac, const struct sl_addr *own,
	const struct sl_addr *who, const struct rte_ether_addr *to)
{
	return build(frame, RTE_ARP_OP_REPLY, mac, own, to, who);
}
