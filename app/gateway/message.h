/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the control thread and a worker say to each other: two single-producer, single-consumer rings of small fixed
 * elements, one each way. Order is kept, and much rests on that: when a worker reports a session as released, every
 * command about it that was sent before has been carried out.
 */
#ifndef SEALANE_GATEWAY_MESSAGE_H
#define SEALANE_GATEWAY_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

#include "../../lib/net/addr.h"

enum command_type {
	COMMAND_IN_INSTALL, /* object: struct sl_esp_in */
	COMMAND_IN_REMOVE,  /* arg: SPI; answered by EVENT_IN_RELEASED */
	COMMAND_OUT_SWITCH, /* arg: flow, object and old: struct sl_esp_out or NULL; old: EVENT_OUT_RELEASED */
	COMMAND_OUT_RESOLVE, /* object: struct sl_esp_out, mac: of its next hop */
	COMMAND_OUT_MOVE,    /* object: struct sl_esp_out, endpoint: what it seals to from now on */
	COMMAND_INNER_MTU, /* object: struct sl_esp_out, other: struct sl_esp_in, arg: what fits the path now */
	COMMAND_NEIGHBOUR,  /* address: on the plain link, mac: all zero when it is not known any more */
	COMMAND_KNOW,       /* address, arg: enum gate_as */
	COMMAND_FORGET,     /* the same */
	COMMAND_SEND_WIRE,  /* object: mbuf, a frame without tag */
	COMMAND_SEND_PLAIN, /* object: mbuf, a frame without tag */
	COMMAND_SEAL,       /* object: mbuf, such a frame to be taken as if the plain port had received it */
	COMMAND_OPEN_PLAIN, /* start receiving from the plain port */
	COMMAND_WATCH, /* object: struct watch that looks at packets from now on, or NULL: nobody looks */
	COMMAND_FLOW_OWNER,  /* arg: flow, worker: that takes what has no session here, or SL_NO_WORKER */
	COMMAND_FLOW_APART,  /* arg: flow, object: struct sl_esp_apart, or NULL; of a flow without sessions */
	COMMAND_FLOW_CLOSED, /* arg: flow, closed */
	COMMAND_ROUTES,      /* object and old: struct sl_routes; old: EVENT_ROUTES_RELEASED */
};

struct command {
	uint32_t type; /* enum command_type */
	uint32_t arg;
	void *object;
	union {
		struct {
			struct sl_addr address;
			struct rte_ether_addr mac;
		};
		struct sl_endpoint endpoint;
		void *old, *other;
		uint8_t worker;
		bool closed;
	};
};

enum event_type {
	EVENT_PACKET,          /* object: mbuf, arg: enum sl_handed */
	EVENT_WANTED,          /* arg: flow whose packets find no session */
	EVENT_IN_RELEASED,     /* object: struct sl_esp_in the worker no longer uses */
	EVENT_OUT_RELEASED,    /* object: struct sl_esp_out */
	EVENT_ROUTES_RELEASED, /* object: struct sl_routes */
};

struct event {
	uint32_t type; /* enum event_type */
	uint32_t arg;
	void *object;
};

_Static_assert(
	sizeof(struct command) == 40 && sizeof(struct event) == 16, "ring elements are multiples of 4 bytes");

#endif
