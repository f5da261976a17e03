/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stations on a link tell each other about who is where: ARP (RFC 826) for IPv4, Neighbor Discovery (RFC 4861, 4862)
 * for IPv6. Both come down to one struct, which the neighbour table (neigh.h) takes.
 *
 *     ask    "who has target? tell who, at mac"     ARP request, neighbour solicitation
 *            "has anybody target?"                  the same without `who`: a probe (RFC 5227, RFC 4862 5.4)
 *     tell   "who is at mac"                        ARP reply, neighbour advertisement
 *
 * Nothing here proves who says it: on a link everybody is believed about themselves (RFC 3756).
 */
#ifndef SEALANE_NET_NEIGH_MSG_H
#define SEALANE_NET_NEIGH_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_ether.h>

#include "addr.h"

enum {
	SL_NEIGH_FRAME_MAX = 14 + 40 + 24 + 8, /* the longest frame that is built here */
	SL_NEIGH_HOPS = 255,                   /* RFC 4861 7.1: what no router has forwarded */
};

struct sl_neigh_msg {
	bool ask;
	bool solicited; /* told because somebody asked; ARP does not say, so all its replies are */
	bool override;  /* what is known otherwise is to be replaced */
	bool has_mac;   /* an advertisement or solicitation may come without */
	struct rte_ether_addr mac;
	struct sl_addr who;    /* SL_NONE in a probe */
	struct sl_addr target; /* of a question; else SL_NONE */
};

/*
 * Reads an Ethernet frame. False when it is neither ARP for IPv4 nor a neighbour solicitation or advertisement, was not sent
 * on this link, is not whole, or says nonsense.
 */
bool sl_neigh_parse(struct sl_neigh_msg *msg, const void *frame, size_t len);

/*
 * Builds "who has target? tell own, at mac", to everybody concerned or (to not NULL, when refreshing) to one station. own
 * NULL makes it a probe. Returns the length.
 */
size_t sl_neigh_ask(void *frame, const struct rte_ether_addr *mac, const struct sl_addr *own,
	const struct sl_addr *target, const struct rte_ether_addr *to);

/* Builds "own is at mac" for who asked, from the station `to`; SL_NONE: to all, it was a probe. Returns the length. */
size_t sl_neigh_tell(void *frame, const struct rte_ether_addr *mac, const struct sl_addr *own,
	const struct sl_addr *who, const struct rte_ether_addr *to);

/* The address every station makes for itself from its MAC (RFC 4291 2.5.6, appendix A). */
struct sl_addr sl_addr_link_local(const struct rte_ether_addr *mac);

/* Where those who have the address listen (RFC 4291 2.7.1), and the MAC of a multicast address (RFC 2464 7). */
struct sl_addr sl_addr_solicited_node(const struct sl_addr *a);
struct rte_ether_addr sl_multicast_mac(const struct sl_addr *group);

#endif
