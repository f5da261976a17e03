/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Node mode: the plain port is an interface of this host's kernel, so that the programs of this very host use the link.
 *
 *     programs ── kernel ── sealane0 (tap) ── worker ── wire
 *
 * The addresses of [plain] are the kernel's then, and the gateway has none of its own on that side. Every prefix of a peer
 * is a route to the interface. There is nobody else on it: the kernel sends what it routes there without asking for a
 * neighbour (IFF_NOARP), to the MAC address that both ends of a tap share.
 */
#ifndef SEALANE_GATEWAY_NODE_H
#define SEALANE_GATEWAY_NODE_H

#include "../../lib/config/config.h"

/*
 * Brings the interface up: MTU, addresses, and a route to every prefix of every peer. Needs CAP_NET_ADMIN. Says in one
 * line on stderr what went wrong; returns 0 or -1. The interface and all that is with it vanish with the port.
 */
int node_set_up(const struct sl_config *config, unsigned mtu);

/*
 * Another configuration, with the same interface: a route to every prefix of every peer in it, and none to those of before.
 * Says on stderr what went wrong.
 */
void node_change(const struct sl_config *old, const struct sl_config *config);

#endif
