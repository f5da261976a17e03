/* SPDX-License-Identifier: BSD-3-Clause */
/* Which protocol speaks for which family: see neigh_msg.h. */
#include "neigh_wire.h"

bool sl_neigh_parse(struct sl_neigh_msg *msg, const void *frame, size_t len)
{
	const struct rte_ether_hdr *eth = frame;

	if (len < sizeof(*eth))
		return false;
	switch (rte_be_to_cpu_16(eth->ether_type)) {
	case RTE_ETHER_TYPE_ARP: return sl_arp_parse(msg, frame, len);
	case RTE_ETHER_TYPE_IPV6: return sl_ndp_parse(msg, frame, len);
	default: return false;
	}
}

size_t sl_neigh_ask(void *frame, const struct rte_ether_addr *mac, const struct sl_addr *own,
	const struct sl_addr *target, const struct rte_ether_addr *to)
{
	return (target->family == SL_IPV6 ? sl_ndp_ask : sl_arp_ask)(frame, mac, own, target, to);
}

size_t sl_neigh_tell(void *frame, const struct rte_ether_addr *mac, const struct sl_addr *own,
	const struct sl_addr *who, const struct rte_ether_addr *to)
{
	return (own->family == SL_IPV6 ? sl_ndp_tell : sl_arp_tell)(frame, mac, own, who, to);
}
