/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why a packet was dropped. One list gives the enum, the name that `sealane show drops` prints and its explanation.
 * Every packet that enters a worker leaves it, is handed to another worker or to the control thread, or is counted under
 * exactly one of these.
 */
#ifndef SEALANE_DATAPLANE_DROPS_H
#define SEALANE_DATAPLANE_DROPS_H

/* X(enum suffix, name, explanation) */
#define SL_DROP_REASONS(X)                                                                                   \
	X(RUNT, "runt", "the frame ends before its headers, or before the length they state")                \
	X(NOT_FOR_US, "not-for-us", "the frame or packet is addressed to somebody else")                     \
	X(NOT_IP, "not-ip", "neither IP nor ARP")                                                            \
	X(VLAN, "vlan", "the frame has another VLAN tag than ours, or one where there is none")              \
	X(MARTIAN, "martian",                                                                                \
		"an address from or to which nothing goes: loopback, multicast, our own link only, us")      \
	X(BAD_CHECKSUM, "bad-checksum",                                                                      \
		"the checksum of the IPv4 header, or of the datagram around IKE, is wrong")                  \
	X(FRAGMENT, "fragment", "an outer packet came in fragments")                                         \
	X(TOO_BIG, "too-big",                                                                                \
		"the packet does not fit the path once sealed, or the plain link, and must not be cut")      \
	X(EXPIRED, "expired", "the time to live or hop limit ran out")                                       \
	X(NO_ROUTE, "no-route", "no peer has the destination address in its prefixes")                       \
	X(NO_SESSION, "no-session", "there is no SA with the peer yet; a handshake was asked for")           \
	X(CLOSED, "closed", "the link with the peer has been taken down: 'sealane up' opens it again")       \
	X(SELECTOR, "selector", "an inner address is outside the prefixes agreed for the SA")                \
	X(LIMIT, "limit", "the SA has reached its hard limit of packets or bytes")                           \
	X(NO_NEIGHBOUR, "no-neighbour", "the next hop's MAC address is unknown and did not answer")          \
	X(NO_SPI, "no-spi", "ESP with an SPI that is not ours")                                              \
	X(REPLAY, "replay", "the sequence number has been seen already")                                     \
	X(LATE, "late", "the sequence number is older than the replay window")                               \
	X(BAD_ICV, "bad-icv", "forged or damaged: the ICV is wrong")                                         \
	X(BAD_INNER, "bad-inner", "authentic, but the trailer or the inner header makes no sense")           \
	X(ECN, "ecn", "congestion was marked on the way, and the inner packet cannot say so (RFC 6040)")     \
	X(DUMMY, "dummy", "a dummy packet of the peer (next header 59), discarded as meant")                 \
	X(HANDOFF_FULL, "handoff-full",                                                                      \
		"the worker that has the session is behind; the packet for it was dropped")                  \
	X(IKE_FLOOD, "ike-flood", "more IKE than the control thread takes from such a sender in a second")   \
	X(LINK_FLOOD, "link-flood",                                                                          \
		"more ARP, neighbour discovery or echoes than the control thread takes in a second")         \
	X(RING_FULL, "ring-full", "the control thread is behind; the packet for it was dropped")             \
	X(NO_MBUF, "no-mbuf", "the pool of packet buffers is empty")                                         \
	X(TX_FULL, "tx-full", "the port did not take the packet for sending")

#define X(id, name, help) SL_DROP_##id,
enum sl_drop { SL_DROP_REASONS(X) SL_DROP_COUNT };
#undef X

const char *sl_drop_name(enum sl_drop reason);
const char *sl_drop_help(enum sl_drop reason);

#endif
