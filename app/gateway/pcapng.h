/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), as many as a capture needs: the section header, interfaces, packets
 * with a comment and a direction, and at the end what was missed.
 *
 * They are our own because DPDK's rte_pcapng cannot say why a packet was dropped: a packet's comment came to it with 23.03, and
 * we build with 22.11. It would also write to a file or descriptor, packets from mbufs of a pool of their own; here both come
 * from, and go to, memory.
 */
#ifndef SEALANE_GATEWAY_PCAPNG_H
#define SEALANE_GATEWAY_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

/* Link types of the registry of tcpdump.org. */
enum pcapng_link { PCAPNG_ETHERNET = 1, PCAPNG_RAW_IP = 101 };

/* Of a packet, bits 0 and 1 of epb_flags. */
enum pcapng_direction { PCAPNG_UNKNOWN, PCAPNG_IN, PCAPNG_OUT };

enum {
	PCAPNG_COMMENT_MAX = 128, /* longer ones are cut */
	PCAPNG_NAME_MAX = 128,
	PCAPNG_BLOCK_MAX = 384, /* of any block, but for the bytes of a packet */
};

struct pcapng_packet {
	uint32_t interface; /* by the order in which they were written */
	uint64_t ns;        /* since 1970 */
	const void *data;
	uint32_t captured, length; /* bytes of data, and of the packet it is the start of */
	enum pcapng_direction direction;
	const char *comment; /* "" or NULL: none */
};

/*
 * Each writes one block to `to`, which has room for PCAPNG_BLOCK_MAX bytes and the captured ones of a packet, and returns how
 * long it is.
 */
size_t pcapng_section(void *to, const char *application);
size_t pcapng_interface(void *to, enum pcapng_link link, const char *name, uint32_t snaplen);
size_t pcapng_packet(void *to, const struct pcapng_packet *packet);
size_t pcapng_statistics(void *to, uint32_t interface, uint64_t ns, uint64_t received, uint64_t missed);

#endif
