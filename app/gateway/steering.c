/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Steering in hardware: one rule a queue that brings ESP to the worker whose number is in the SPI, so that nothing has to
 * be handed over on the wire side. Not many NICs look so deep into a packet. One that refuses any of the rules gets none:
 * then it spreads by what it can, and the workers hand over.
 */
#include <rte_flow.h>

#include "gateway.h"

/*
 * ESP in UDP to port 4500 with these worker bits in its SPI. An IKE message there begins with four zero bytes (RFC 3948
 * 2.2), so it goes to worker 0 as if it were ESP, and that is as good as any.
 */
static struct rte_flow *rule(uint16_t port, uint16_t queue, struct rte_flow_error *error)
{
	const struct rte_flow_attr ingress = {.ingress = 1};
	const struct rte_flow_item_udp udp = {.hdr.dst_port = rte_cpu_to_be_16(SL_ESP_UDP_PORT)},
				       udp_mask = {.hdr.dst_port = RTE_BE16(0xffff)};
	const struct rte_flow_item_esp esp = {.hdr.spi = rte_cpu_to_be_32(sl_spi_make(queue, 0, 0))},
				       esp_mask = {.hdr.spi = rte_cpu_to_be_32(
							   sl_spi_make(SL_WORKERS_MAX - 1, 0, 0))};
	const struct rte_flow_item pattern[] = {
		{.type = RTE_FLOW_ITEM_TYPE_ETH},
		{.type = RTE_FLOW_ITEM_TYPE_IPV4},
		{.type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &udp, .mask = &udp_mask},
		{.type = RTE_FLOW_ITEM_TYPE_ESP, .spec = &esp, .mask = &esp_mask},
		{.type = RTE_FLOW_ITEM_TYPE_END},
	};
	const struct rte_flow_action_queue to_queue = {.index = queue};
	const struct rte_flow_action actions[] = {
		{.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &to_queue},
		{.type = RTE_FLOW_ACTION_TYPE_END},
	};

	if (rte_flow_validate(port, &ingress, pattern, actions, error) != 0)
		return NULL;
	return rte_flow_create(port, &ingress, pattern, actions, error);
}

/* The rules live as long as the port is open. */
void steer(const struct port *wire)
{
	struct rte_flow *rules[SL_WORKERS_MAX];
	struct rte_flow_error error = {0};
	uint16_t made = 0;

	if (wire->rx_queues < 2)
		return;
	while (made < wire->rx_queues && (rules[made] = rule(wire->id, made, &error)))
		made++;
	if (made == wire->rx_queues) {
		log_info("the wire port brings every packet to the worker of its SA");
		return;
	}
	log_debug(
		"the wire port does not steer by SPI: %s", error.message ? error.message : "no reason given");
	while (made > 0)
		rte_flow_destroy(wire->id, rules[--made], &error);
}
