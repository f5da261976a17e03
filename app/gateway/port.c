/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports: see port.h. */
#include "port.h"

#include <stdio.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_ethdev.h>

enum { DESCRIPTORS = 1024 };

/* DPDK's device behind `port = tap:NAME`. */
static const char tap_device[] = "net_tap_plain";

static int refuse(const struct sl_config *config, const struct port *port, const char *what, int error)
{
	fprintf(stderr, "%s:%d: port %s: %s: %s\n", config->path, port->config->port_line, port->config->port,
		what, strerror(-error));
	return -1;
}

static int configure(const struct sl_config *config, struct port *port, const struct rte_eth_dev_info *info)
{
	struct rte_eth_conf conf = {.rxmode = {.mtu = port->config->mtu}};
	int err;

	/* Every mbuf comes from one pool and has one owner when it is sent. */
	conf.txmode.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	if (port->rx_queues > 1 && info->flow_type_rss_offloads) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf =
			info->flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP);
	}
	err = rte_eth_dev_configure(port->id, port->rx_queues, port->tx_queues, &conf);
	if (err)
		return refuse(config, port, "cannot be configured", err);
	return 0;
}

static int set_up_queues(const struct sl_config *config, struct port *port, struct rte_mempool *pool)
{
	uint16_t rx = DESCRIPTORS, tx = DESCRIPTORS;
	int socket = rte_eth_dev_socket_id(port->id), err;

	err = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx, &tx);
	for (uint16_t q = 0; q < port->rx_queues && !err; q++)
		err = rte_eth_rx_queue_setup(port->id, q, rx, (unsigned)socket, NULL, pool);
	for (uint16_t q = 0; q < port->tx_queues && !err; q++)
		err = rte_eth_tx_queue_setup(port->id, q, tx, (unsigned)socket, NULL);
	return err ? refuse(config, port, "its queues cannot be set up", err) : 0;
}

/* The device of the port, which a tap is made for. Returns 0 or a negative errno. */
static int find_device(struct port *port)
{
	const struct sl_config_port *pc = port->config;
	char args[64];
	int err;

	if (!pc->tap)
		return rte_eth_dev_get_port_by_name(pc->port, &port->id);
	snprintf(args, sizeof(args), "iface=%s", pc->tap);
	err = rte_eal_hotplug_add("vdev", tap_device, args);
	return err ? err : rte_eth_dev_get_port_by_name(tap_device, &port->id);
}

/* In words why there is no device. */
static int no_device(const struct sl_config *config, const struct port *port, int err)
{
	if (port->config->tap)
		return refuse(config, port, "cannot be made (run as root, or with CAP_NET_ADMIN)", err);
	fprintf(stderr,
		"%s:%d: port %s does not exist, expected a device that DPDK has been given (-a PCI address, "
		"--vdev=NAME,...)\n",
		config->path, port->config->port_line, port->config->port);
	return -1;
}

int port_open(struct port *port, const char *role, const struct sl_config *config,
	const struct sl_config_port *pc, uint16_t workers, struct rte_mempool *pool)
{
	struct rte_eth_dev_info info;
	int err;

	port->role = role;
	port->config = pc;
	err = find_device(port);
	if (err)
		return no_device(config, port, err);
	err = rte_eth_dev_info_get(port->id, &info);
	if (err)
		return refuse(config, port, "tells nothing about itself", err);
	port->rx_queues = RTE_MIN(workers, info.max_rx_queues);
	port->tx_queues = RTE_MIN(workers, info.max_tx_queues);
	if (port->rx_queues == 0 || port->tx_queues == 0)
		return refuse(config, port, "has no queues", -ENODEV);
	if (configure(config, port, &info) || set_up_queues(config, port, pool))
		return -1;
	err = rte_eth_dev_start(port->id);
	if (err)
		return refuse(config, port, "cannot be started", err);
	err = rte_eth_macaddr_get(port->id, &port->mac);
	return err ? refuse(config, port, "has no MAC address", err) : 0;
}

bool port_has_link(const struct port *port)
{
	struct rte_eth_link link = {0};

	/* A device that cannot tell has one, for all we know. */
	return rte_eth_link_get_nowait(port->id, &link) != 0 || link.link_status == RTE_ETH_LINK_UP;
}

void port_close(struct port *port)
{
	rte_eth_dev_stop(port->id);
	rte_eth_dev_close(port->id);
}
