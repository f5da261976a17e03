/* SPDX-License-Identifier: BSD-3-Clause */
#include "ring_ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>

enum { PORT_RING = 4096 }; /* no port is ever full before a worker */

static int pool_alloc(struct rte_mempool *mp)
{
	/* Whoever comes after another in these rings has seen what that one did. */
	mp->pool_data = rte_ring_create(
		"mbufs", rte_align32pow2(mp->size + 1), SOCKET_ID_ANY, RING_F_MP_RTS_ENQ | RING_F_MC_RTS_DEQ);
	return mp->pool_data ? 0 : -ENOMEM;
}

static void pool_free(struct rte_mempool *mp)
{
	rte_ring_free(mp->pool_data);
}

static int pool_enqueue(struct rte_mempool *mp, void *const *objects, unsigned n)
{
	return rte_ring_enqueue_bulk(mp->pool_data, objects, n, NULL) ? 0 : -ENOBUFS;
}

static int pool_dequeue(struct rte_mempool *mp, void **objects, unsigned n)
{
	return rte_ring_dequeue_bulk(mp->pool_data, objects, n, NULL) ? 0 : -ENOBUFS;
}

static unsigned pool_count(const struct rte_mempool *mp)
{
	return rte_ring_count(mp->pool_data);
}

static const struct rte_mempool_ops pool_ops = {
	.name = RING_POOL,
	.alloc = pool_alloc,
	.free = pool_free,
	.enqueue = pool_enqueue,
	.dequeue = pool_dequeue,
	.get_count = pool_count,
};

static uint16_t receive(void *queue, struct rte_mbuf **frames, uint16_t n)
{
	return (uint16_t)rte_ring_sc_dequeue_burst(queue, (void **)frames, n, NULL);
}

static uint16_t transmit(void *queue, struct rte_mbuf **frames, uint16_t n)
{
	return (uint16_t)rte_ring_sp_enqueue_burst(queue, (void **)frames, n, NULL);
}

int ring_pool_register(void)
{
	return rte_mempool_register_ops(&pool_ops) < 0 ? -1 : 0;
}

struct rte_ring *ring_port_rx[RING_PORTS][RING_QUEUES], *ring_port_tx[RING_PORTS][RING_QUEUES];

static struct rte_ring *queue_ring(const char *way, unsigned port, unsigned queue)
{
	static void *no_callbacks[RING_QUEUES];
	char name[RTE_RING_NAMESIZE];
	struct rte_ring *ring;

	rte_eth_fp_ops[port].rx_pkt_burst = receive;
	rte_eth_fp_ops[port].tx_pkt_burst = transmit;
	rte_eth_fp_ops[port].rxq = (struct rte_ethdev_qdata){(void **)ring_port_rx[port], no_callbacks};
	rte_eth_fp_ops[port].txq = (struct rte_ethdev_qdata){(void **)ring_port_tx[port], no_callbacks};
	snprintf(name, sizeof(name), "port%u-%s%u", port, way, queue);
	ring = rte_ring_create(name, PORT_RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	assert_non_null(ring);
	return ring;
}

void ring_port_open(unsigned port, unsigned queue)
{
	ring_port_rx[port][queue] = queue_ring("rx", port, queue);
	ring_port_tx[port][queue] = queue_ring("tx", port, queue);
}

void ring_port_cable(unsigned port, unsigned queue, unsigned to, unsigned to_queue)
{
	ring_port_tx[port][queue] = ring_port_rx[to][to_queue] = queue_ring("tx", port, queue);
}

/* A ring that is a cable stands at both of its ends. */
static void close_queue(struct rte_ring **queue)
{
	struct rte_ring *ring = *queue;

	for (unsigned port = 0; port < RING_PORTS; port++) {
		for (unsigned q = 0; q < RING_QUEUES; q++) {
			if (ring_port_rx[port][q] == ring)
				ring_port_rx[port][q] = NULL;
			if (ring_port_tx[port][q] == ring)
				ring_port_tx[port][q] = NULL;
		}
	}
	rte_ring_free(ring);
}

void ring_ports_free(void)
{
	for (unsigned port = 0; port < RING_PORTS; port++) {
		for (unsigned q = 0; q < RING_QUEUES; q++) {
			close_queue(&ring_port_rx[port][q]);
			close_queue(&ring_port_tx[port][q]);
		}
	}
}
