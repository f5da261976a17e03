/* SPDX-License-Identifier: BSD-3-Clause */
/* A DPDK port, the wire or the plain one: found by its name, configured, started. */
#ifndef SEALANE_GATEWAY_PORT_H
#define SEALANE_GATEWAY_PORT_H

#include <stdbool.h>

#include <rte_ether.h>
#include <rte_mempool.h>

#include "../../lib/config/config.h"

struct port {
	const char *role; /* "wire" or "plain" */
	const struct sl_config_port *config;
	uint16_t id;                   /* DPDK's */
	uint16_t rx_queues, tx_queues; /* one a worker, as far as the device has so many */
	struct rte_ether_addr mac;
};

/*
 * Finds the device, sets up one receive and one transmit queue a worker, or as many as there are, with buffers from pool,
 * and starts it. Says in one line on stderr, naming the line of the configuration file, what is wrong; returns 0 or -1.
 */
int port_open(struct port *port, const char *role, const struct sl_config *config,
	const struct sl_config_port *pc, uint16_t workers, struct rte_mempool *pool);

/* Whether it could send now. */
bool port_has_link(const struct port *port);

void port_close(struct port *port);

#endif
