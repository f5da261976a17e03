/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports and a mempool that are rings as the library has them, but compiled with the test: a sanitizer sees who hands what to
 * whom, which it does not in drivers of the system. A queue of a port is polled and filled by one thread at a time.
 */
#ifndef SEALANE_TESTS_RING_PORTS_H
#define SEALANE_TESTS_RING_PORTS_H

#include <rte_ring.h>

enum { RING_PORTS = 2, RING_QUEUES = 3 }; /* at most: ports, queues of each */

#define RING_POOL "rings" /* the mempool's operations, for rte_pktmbuf_pool_create_by_ops() */

/* Once, before the pool is made. Returns 0 or -1. */
int ring_pool_register(void);

/* What comes in by each queue, and what was sent there. */
extern struct rte_ring *ring_port_rx[RING_PORTS][RING_QUEUES], *ring_port_tx[RING_PORTS][RING_QUEUES];

/* Opens this queue in both directions, for the test to fill and empty. */
void ring_port_open(unsigned port, unsigned queue);

/* What `port` sends by this queue is what `to` receives by that one. */
void ring_port_cable(unsigned port, unsigned queue, unsigned to, unsigned to_queue);

/* Closes all queues of all ports. */
void ring_ports_free(void);

#endif
