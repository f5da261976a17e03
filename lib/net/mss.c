/* SPDX-License-Identifier: BSD-3-Clause */
/* Lowers the MSS option of a SYN: see mss.h. */
#include "mss.h"

enum {
	TCP_HEADER = 20,
	CHECKSUM_AT = 16,
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_MSS_LEN = 4,
};

static uint16_t read16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void write16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/*
 * RFC 1624 3: the checksum after a 16-bit field has changed. One at an odd place straddles two of the words that are summed
 * up, and counts there with its bytes swapped.
 */
static void update_checksum(uint8_t *tcp, size_t at, uint16_t old, uint16_t new)
{
	uint32_t sum;

	if (at % 2) {
		old = (uint16_t)(old << 8 | old >> 8);
		new = (uint16_t)(new << 8 | new >> 8);
	}
	sum = (uint32_t)(uint16_t)~read16(tcp + CHECKSUM_AT) + (uint16_t)~old + new;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	write16(tcp + CHECKSUM_AT, (uint16_t)~sum);
}

static bool lower(uint8_t *tcp, size_t at, uint16_t mss)
{
	uint16_t old = read16(tcp + at);

	if (old <= mss)
		return false;
	write16(tcp + at, mss);
	update_checksum(tcp, at, old, mss);
	return true;
}

/* Every MSS option, for receivers differ in which of several they take. */
static bool clamp_options(uint8_t *tcp, size_t header_len, uint16_t mss)
{
	bool changed = false;
	size_t at = TCP_HEADER;

	while (at < header_len && tcp[at] != OPTION_END) {
		size_t len;

		if (tcp[at] == OPTION_NOP) {
			at++;
			continue;
		}
		len = header_len - at < 2 ? 0 : tcp[at + 1];
		if (len < 2 || len > header_len - at)
			break;
		if (tcp[at] == OPTION_MSS && len == OPTION_MSS_LEN)
			changed |= lower(tcp, at + 2, mss);
		at += len;
	}
	return changed;
}

bool sl_mss_clamp_syn(void *packet, size_t len, unsigned inner_mtu)
{
	uint8_t *p = packet, *tcp;
	unsigned headers;
	struct sl_ip ip;
	size_t header_len;

	if (!sl_ip_headers(&ip, packet, len) || ip.protocol != SL_PROTOCOL_TCP || ip.later)
		return false;
	if (len < ip.at + TCP_HEADER)
		return false;
	tcp = p + ip.at;
	header_len = (size_t)(tcp[12] >> 4) * 4;
	if (!(tcp[SL_TCP_FLAGS_AT] & SL_TCP_SYN) || header_len > len - ip.at)
		return false;
	/* What the option counts is the payload without any options, of IP or of TCP (RFC 6691 2). */
	headers = (ip.src.family == SL_IPV4 ? SL_IPV4_HEADER : SL_IPV6_HEADER) + TCP_HEADER;
	if (inner_mtu <= headers)
		return false;
	return clamp_options(tcp, header_len, (uint16_t)(inner_mtu - headers));
}
