/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks of a pcapng file: see pcapng.h. Numbers are those of this machine: the section header tells the byte order. */
#include "pcapng.h"

#include <string.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SHB_USERAPPL = 4,
	IF_NAME = 2,
	IF_TSRESOL = 9,
	EPB_FLAGS = 2,
	ISB_IFRECV = 4,
	ISB_IFDROP = 5,
};

struct block {
	uint32_t type;
	uint32_t length; /* of all of it; once more at its end */
};

struct section {
	struct block block;
	uint32_t magic;
	uint16_t major, minor;
	uint64_t length; /* all ones: not known */
} __attribute__((packed));

struct interface {
	struct block block;
	uint16_t link, reserved;
	uint32_t snaplen;
};

/* Of packets and of statistics. */
struct event {
	struct block block;
	uint32_t interface;
	uint32_t time_high, time_low;
};

struct packet {
	struct event event;
	uint32_t captured, length;
};

struct option {
	uint16_t code, length;
};

_Static_assert(sizeof(struct section) == 24 && sizeof(struct interface) == 16 && sizeof(struct event) == 20 &&
		       sizeof(struct packet) == 28 && sizeof(struct option) == 4,
	"as in the file");

/* Bytes, and zeros up to a multiple of four. */
static uint8_t *put(uint8_t *at, const void *data, size_t len)
{
	memcpy(at, data, len);
	memset(at + len, 0, -len & 3);
	return at + len + (-len & 3);
}

static uint8_t *put_option(uint8_t *at, uint16_t code, const void *data, size_t len)
{
	const struct option option = {code, (uint16_t)len};

	at = put(at, &option, sizeof(option));
	return put(at, data, len);
}

static uint8_t *put_text(uint8_t *at, uint16_t code, const char *text, size_t max)
{
	return put_option(at, code, text, strnlen(text, max));
}

/* The end of the options, and of the block, whose length goes to both of its places. */
static size_t finish(void *block, uint8_t *at)
{
	const struct option end = {OPTION_END, 0};
	uint32_t length;

	at = put(at, &end, sizeof(end));
	length = (uint32_t)(at - (uint8_t *)block) + sizeof(length);
	memcpy((uint8_t *)block + offsetof(struct block, length), &length, sizeof(length));
	put(at, &length, sizeof(length));
	return length;
}

size_t pcapng_section(void *to, const char *application)
{
	const struct section section = {
		.block.type = BLOCK_SECTION, .magic = BYTE_ORDER_MAGIC, .major = 1, .length = UINT64_MAX};
	uint8_t *at = put(to, &section, sizeof(section));

	return finish(to, put_text(at, SHB_USERAPPL, application, PCAPNG_NAME_MAX));
}

size_t pcapng_interface(void *to, enum pcapng_link link, const char *name, uint32_t snaplen)
{
	static const uint8_t nanoseconds = 9;
	const struct interface interface = {
		.block.type = BLOCK_INTERFACE, .link = (uint16_t)link, .snaplen = snaplen};
	uint8_t *at = put(to, &interface, sizeof(interface));

	at = put_text(at, IF_NAME, name, PCAPNG_NAME_MAX);
	return finish(to, put_option(at, IF_TSRESOL, &nanoseconds, sizeof(nanoseconds)));
}

static struct event event_at(uint32_t type, uint32_t interface, uint64_t ns)
{
	return (struct event){
		.block.type = type,
		.interface = interface,
		.time_high = (uint32_t)(ns >> 32),
		.time_low = (uint32_t)ns,
	};
}

size_t pcapng_packet(void *to, const struct pcapng_packet *p)
{
	const struct packet packet = {event_at(BLOCK_PACKET, p->interface, p->ns), p->captured, p->length};
	const uint32_t flags = p->direction;
	uint8_t *at = put(to, &packet, sizeof(packet));

	at = put(at, p->data, p->captured);
	if (p->comment && *p->comment)
		at = put_text(at, OPTION_COMMENT, p->comment, PCAPNG_COMMENT_MAX);
	return finish(to, put_option(at, EPB_FLAGS, &flags, sizeof(flags)));
}

size_t pcapng_statistics(void *to, uint32_t interface, uint64_t ns, uint64_t received, uint64_t missed)
{
	const struct event event = event_at(BLOCK_STATISTICS, interface, ns);
	uint8_t *at = put(to, &event, sizeof(event));

	at = put_option(at, ISB_IFRECV, &received, sizeof(received));
	return finish(to, put_option(at, ISB_IFDROP, &missed, sizeof(missed)));
}
