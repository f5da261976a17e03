/* SPDX-License-Identifier: BSD-3-Clause */
/* The two halves of neigh_msg.h: arp.c and ndp.c, each of which reads and writes the frames of one family. */
#ifndef SEALANE_NET_NEIGH_WIRE_H
#define SEALANE_NET_NEIGH_WIRE_H

#include "neigh_msg.h"

bool sl_arp_parse(struct sl_neigh_msg *msg, const void *frame, size_t len);
size_t sl_arp_ask(void *frame, const struct rte_ether_addr *mac, const struct sl_addr *own,
	const struct sl_addr *target, const struct rte_ether_addr *to);
size_t sl_arp_tell(void *frame, const struct rte_ether_addr *mac, const struct sl_addr *own,
	const struct sl_addr *who, const struct rte_ether_addr *to);

bool sl_ndp_parse(struct sl_neigh_msg *msg, const void *frame, size_t len);
size_t sl_ndp_ask(void *frame, const struct rte_ether_addr *mac, const struct sl_addr *own,
	const struct sl_addr *target, const struct rte_ether_addr *to);
size_t sl_ndp_tell(void *frame, const struct rte_ether_addr *mac, const struct sl_addr *own,
	const struct sl_addr *who, const struct rte_ether_addr *to);

#endif
