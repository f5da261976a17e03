/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The gate between a worker and the control thread. Whatever is not a worker's own business goes to the control thread:
 * IKE, ARP and neighbour discovery, echoes, packets that wait for a MAC. Anybody can send these, and as many as the wire
 * carries. Without a gate a flood of them would fill the ring to the control thread, where the few that matter are lost
 * with the many; it would have the control thread burn a core on cookies and invented neighbours, and the worker send and
 * note what comes of it. So each kind gets what it can need in a second, and the rest is dropped by the worker, at once.
 *
 * Those who are known do not share with those who are not:
 *
 *     IKE to an IKE SA of ours       told by its SPI; so much for each SA (lib/ike, sl_ike_sort)
 *     IKE from a peer's endpoint     as configured; so much for each address
 *     IKE_SA_INIT with a cookie      so much for all
 *     other IKE                      so much for all
 *     ARP, NDP of a neighbour        that has answered, of a router or peer that is configured; so much for each
 *     other ARP, NDP                 so much for all of a port
 *     echoes and the rest            so much for each way in
 *     opened packets without a MAC   so much for all
 *
 * So a flood from invented sources does not touch rekeys, liveness checks, handshakes with peers at known addresses, or
 * neighbours in use. A flood that borrows the address of a peer takes the handshakes that this peer begins, and no others;
 * those we begin with it go on, for its answers carry our SPI.
 *
 * A gate belongs to its worker, as all its tables. What is dropped counts as `ike-flood`, `link-flood` or `no-neighbour`.
 */
#ifndef SEALANE_GATEWAY_GATE_H
#define SEALANE_GATEWAY_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "../../lib/dataplane/dataplane.h"

/* As what an address is known, as bits. */
enum gate_as {
	GATE_PEER = 1,   /* the endpoint of a peer */
	GATE_ROUTER = 2, /* of either link, as configured */
	GATE_WIRE = 4,   /* a neighbour on the wire */
	GATE_PLAIN = 8,  /* a neighbour on the plain link */
};

struct gate;

/*
 * The gate of worker `id`. ike_key (SL_IKE_SPI_KEY_LEN bytes) is that of the IKE engine, and must outlive the gate; NULL:
 * there is none. Returns NULL when memory is short. Needs the EAL.
 */
struct gate *gate_new(unsigned id, const uint8_t *ike_key);
void gate_free(struct gate *gate); /* NULL is fine */

/* From now on the address is known as this too, or not as this any more. When there is no room it stays a stranger's. */
void gate_know(struct gate *gate, const struct sl_addr *addr, enum gate_as as);
void gate_forget(struct gate *gate, const struct sl_addr *addr, enum gate_as as);

/* The time in ns, of the TSC, for gate_passes(). */
uint64_t gate_now(void);

/* Whether the packet may go to the control thread; else the reason to drop it under. */
bool gate_passes(
	struct gate *gate, uint64_t now, enum sl_handed why, const struct rte_mbuf *m, enum sl_drop *reason);

#endif
