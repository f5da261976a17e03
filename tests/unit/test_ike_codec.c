/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages, proposals and selectors: the layout by bytes made by hand from RFC 7296 3, and everything that
 * must be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/ike/proposal.h"
#include "lib/ike/ts.h"

static size_t unhex(uint8_t *out, const char *hex)
{
	size_t len = 0;

	for (; *hex; hex++) {
		unsigned byte;

		if (*hex == ' ')
			continue;
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		out[len++] = (uint8_t)byte;
		hex++;
	}
	return len;
}

/* Parses a copy of exactly this size, so that the sanitizer notices a look beyond it. */
static enum ike_result parse_exact(struct ike_message *m, uint8_t first, const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len + (len == 0));
	enum ike_result result;

	memcpy(copy, data, len);
	result = ike_parse(m, first, copy, len);
	free(copy);
	return result;
}

static enum ike_result parse_hex(struct ike_message *m, uint8_t first, const char *hex)
{
	uint8_t data[SL_IKE_MESSAGE_MAX];

	return parse_exact(m, first, data, unhex(data, hex));
}

/* ---- Header ------------------------------------------------------------------------------------------------------ */

static const char header_hex[] = "0102030405060708 1112131415161718 2e 20 25 08 00000102 0000001c";

static void header_both_ways(void **state)
{
	const struct ike_head head = {.spi_i = UINT64_C(0x0102030405060708),
		.spi_r = UINT64_C(0x1112131415161718),
		.exchange = IKE_INFORMATIONAL,
		.initiator = true,
		.id = 0x102};
	uint8_t bytes[28];
	struct ike_head read;
	struct ike_writer w;

	(void)state;
	unhex(bytes, header_hex);
	assert_int_equal(ike_parse_header(&read, bytes, 28), IKE_OK);
	assert_true(read.spi_i == head.spi_i && read.spi_r == head.spi_r && read.next == IKE_P_SK);
	assert_true(read.exchange == head.exchange && read.initiator && !read.response && read.id == head.id);
	ike_write_header(&w, &head);
	w.buf[16] = IKE_P_SK;
	ike_write_end(&w);
	assert_int_equal(w.len, 28);
	assert_memory_equal(w.buf, bytes, 28);
	bytes[19] = 0x20;
	assert_int_equal(ike_parse_header(&read, bytes, 28), IKE_OK);
	assert_true(read.response && !read.initiator);
}

static void header_is_checked(void **state)
{
	static uint8_t bytes[SL_IKE_MESSAGE_MAX + 1];
	struct ike_head head;

	(void)state;
	unhex(bytes, header_hex);
	for (size_t len = 0; len < 40; len++)
		assert_int_equal(ike_parse_header(&head, bytes, len), len == 28 ? IKE_OK : IKE_E_SYNTAX);
	for (unsigned version = 0; version < 256; version++) {
		bytes[17] = (uint8_t)version;
		assert_int_equal(
			ike_parse_header(&head, bytes, 28), version >> 4 == 2 ? IKE_OK : IKE_E_SYNTAX);
	}
	bytes[17] = 0x20;
	bytes[26] = SL_IKE_MESSAGE_MAX >> 8;
	bytes[27] = 0;
	assert_int_equal(ike_parse_header(&head, bytes, SL_IKE_MESSAGE_MAX), IKE_OK);
	bytes[27] = 1;
	assert_int_equal(ike_parse_header(&head, bytes, SL_IKE_MESSAGE_MAX + 1), IKE_E_SYNTAX);
}

/* ---- Payload chains ---------------------------------------------------------------------------------------------- */

/* KE (group 31, 4 bytes), nonce of 16, status notify with SPI, Delete of two ESP SPIs. */
static const char chain_hex[] = "28 00 000c 001f 0000 aabbccdd"
				"29 80 0014 000102030405060708090a0b0c0d0e0f"
				"2a 00 000e 03 04 4000 11223344 5566"
				"00 00 0010 03 04 0002 01020304 05060708";

static void chain_is_read(void **state)
{
	uint8_t data[128];
	size_t len = unhex(data, chain_hex);
	struct ike_message m;

	(void)state;
	assert_int_equal(ike_parse(&m, IKE_P_KE, data, len), IKE_OK);
	assert_ptr_equal(m.ke.data, data + 4);
	assert_int_equal(m.ke.len, 8);
	assert_int_equal(m.nonce.len, 16);
	assert_int_equal(m.nonce.data[15], 15);
	assert_int_equal(m.notify_count, 1);
	assert_int_equal(m.notify[0].type, IKE_N_INITIAL_CONTACT);
	assert_int_equal(m.notify[0].data.len, 2);
	assert_int_equal(m.notify[0].data.data[0], 0x55);
	assert_int_equal(m.delete_count, 1);
	assert_int_equal(m.deletes[0].protocol, IKE_PROTO_ESP);
	assert_int_equal(m.deletes[0].count, 2);
	assert_memory_equal(m.deletes[0].spis, "\1\2\3\4\5\6\7\10", 8);
	assert_null(m.sa.data);
	assert_null(ike_find_error(&m));
	assert_non_null(ike_find_notify(&m, IKE_N_INITIAL_CONTACT));
}

static void chain_is_written(void **state)
{
	const struct ike_head head = {.spi_i = 1, .exchange = IKE_SA_INIT};
	uint8_t expected[64];
	struct ike_writer w;
	size_t len;

	(void)state;
	ike_write_header(&w, &head);
	ike_write_payload(&w, IKE_P_NONCE, "0123456789abcdef", 16);
	ike_write_notify(&w, IKE_N_COOKIE, "xy", 2);
	ike_payload_begin(&w, IKE_P_VENDOR);
	ike_put8(&w, 1);
	ike_put16(&w, 0x0203);
	ike_put32(&w, 0x04050607);
	ike_payload_end(&w);
	ike_write_end(&w);
	len = unhex(expected, "29 00 0014 30313233343536373839616263646566"
			      "2b 00 000a 00 00 4006 7879"
			      "00 00 000b 01 0203 04050607");
	assert_int_equal(w.len, 28 + len);
	assert_int_equal(w.buf[16], IKE_P_NONCE);
	assert_int_equal(w.buf[27], w.len);
	assert_memory_equal(w.buf + 28, expected, len);
}

static void every_truncation_is_refused(void **state)
{
	uint8_t data[128];
	size_t len = unhex(data, chain_hex);
	struct ike_message m;

	(void)state;
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(parse_exact(&m, IKE_P_KE, data, cut), IKE_E_SYNTAX);
	data[len] = 0; /* and a byte too much */
	assert_int_equal(parse_exact(&m, IKE_P_KE, data, len + 1), IKE_E_SYNTAX);
	assert_int_equal(parse_exact(&m, IKE_P_NONE, data, 0), IKE_OK);
	assert_int_equal(parse_exact(&m, IKE_P_NONE, data, 4), IKE_E_SYNTAX);
}

static void hostile_lengths_are_refused(void **state)
{
	static const struct {
		uint8_t first;
		const char *hex;
	} cases[] = {
		{IKE_P_VENDOR, "00 00 0000"},      /* would loop for ever */
		{IKE_P_VENDOR, "2b 00 0002 0004"}, /* shorter than its header, and the rest is one */
		{IKE_P_VENDOR, "2b 00 0003 00 0004 00 00 0004"}, /* ... and again */
		{IKE_P_VENDOR, "00 00 0003"}, {IKE_P_VENDOR, "00 00 ffff"}, {IKE_P_VENDOR, "2b 00 0004"},
		{IKE_P_KE, "00 00 0008 001f 0000"},                             /* no value */
		{IKE_P_NONCE, "00 00 0013 00 00000000 00000000 000000 000000"}, /* 15 bytes */
		{IKE_P_IDI, "00 00 0007 020000"}, {IKE_P_AUTH, "00 00 0007 0e0000"},
		{IKE_P_TSI, "00 00 0007 010000"}, {IKE_P_SA, "00 00 000b 000000 00000000"},
		{IKE_P_NOTIFY, "00 00 0007 000040"},
		{IKE_P_NOTIFY, "00 00 000a 00 03 4000 0000"}, /* SPI beyond the end */
		{IKE_P_NOTIFY, "00 00 0008 00 ff 4000"}, {IKE_P_DELETE, "00 00 0007 030400"},
		{IKE_P_DELETE, "00 00 000c 03 04 0002 01020304"},
		{IKE_P_DELETE, "00 00 000c 03 04 0000 01020304"},
		{IKE_P_DELETE, "00 00 000c 03 04 ffff 01020304"},
		{IKE_P_DELETE, "00 00 000c 03 02 0002 01020304"}, {IKE_P_DELETE, "00 00 0008 03 00 0001"},
		{IKE_P_DELETE, "00 00 0008 01 00 0001"},
		{IKE_P_DELETE, "00 00 0010 01 08 0001 0102030405060708"},
		{IKE_P_SK, "00 00 0004"}, /* nested, or in the clear */
	};
	struct ike_message m;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (parse_hex(&m, cases[i].first, cases[i].hex) != IKE_E_SYNTAX)
			fail_msg("accepted: %s", cases[i].hex);
	assert_int_equal(parse_hex(&m, IKE_P_DELETE, "00 00 0008 01 00 0000"), IKE_OK);
}

static void nonce_length_has_limits(void **state)
{
	uint8_t data[4 + 300] = {0};
	struct ike_message m;

	(void)state;
	for (size_t len = 0; len <= 300; len++) {
		data[2] = (uint8_t)((4 + len) >> 8);
		data[3] = (uint8_t)(4 + len);
		assert_int_equal(ike_parse(&m, IKE_P_NONCE, data, 4 + len),
			len >= 16 && len <= 256 ? IKE_OK : IKE_E_SYNTAX);
	}
}

static void each_payload_comes_once(void **state)
{
	static const uint8_t single[] = {
		IKE_P_SA, IKE_P_KE, IKE_P_IDI, IKE_P_IDR, IKE_P_AUTH, IKE_P_NONCE, IKE_P_TSI, IKE_P_TSR};
	uint8_t data[2 * 24] = {0};
	struct ike_message m;

	(void)state;
	data[3] = data[24 + 3] = 24;
	for (unsigned i = 0; i < sizeof(single); i++) {
		data[0] = single[i];
		assert_int_equal(ike_parse(&m, single[i], data, 48), IKE_E_SYNTAX);
		data[0] = IKE_P_VENDOR;
		assert_int_equal(ike_parse(&m, single[i], data, 48), IKE_OK);
	}
}

/* Types of RFC 7296 are understood, whatever the critical bit says; others must go when it is set. */
static void critical_payloads(void **state)
{
	struct ike_message m;

	(void)state;
	for (unsigned type = 1; type < 256; type++) {
		uint8_t data[4 + 20] = {0};
		bool known = type >= IKE_P_SA && type <= IKE_P_EAP;

		data[3] = sizeof(data);
		if (type == IKE_P_SK || type == IKE_P_SKF || type == IKE_P_DELETE)
			continue;
		assert_int_equal(ike_parse(&m, (uint8_t)type, data, sizeof(data)), IKE_OK);
		data[1] = 0x7f; /* reserved bits mean nothing */
		assert_int_equal(ike_parse(&m, (uint8_t)type, data, sizeof(data)), IKE_OK);
		data[1] = IKE_CRITICAL;
		assert_int_equal(
			ike_parse(&m, (uint8_t)type, data, sizeof(data)), known ? IKE_OK : IKE_E_CRITICAL);
		if (!known)
			assert_int_equal(m.critical, type);
	}
	/* Malformed wins over critical. */
	assert_int_equal(parse_hex(&m, 200, "2b 80 0004 00 00 0003"), IKE_E_SYNTAX);
	assert_int_equal(parse_hex(&m, 200, "2b 80 0004 00 00 0004"), IKE_E_CRITICAL);
}

static void payloads_are_limited(void **state)
{
	uint8_t data[8 * (IKE_PAYLOADS_MAX + 1)] = {0};
	struct ike_message m;

	(void)state;
	for (unsigned i = 0; i <= IKE_PAYLOADS_MAX; i++) {
		data[8 * i] = i < IKE_PAYLOADS_MAX - 1 ? IKE_P_NOTIFY : 0;
		data[8 * i + 3] = 8;
	}
	assert_int_equal(ike_parse(&m, IKE_P_NOTIFY, data, 8 * IKE_PAYLOADS_MAX), IKE_OK);
	assert_int_equal(m.notify_count, IKE_PAYLOADS_MAX);
	data[8 * (IKE_PAYLOADS_MAX - 1)] = IKE_P_NOTIFY;
	assert_int_equal(ike_parse(&m, IKE_P_NOTIFY, data, sizeof(data)), IKE_E_SYNTAX);
}

static void writer_stops_at_its_end(void **state)
{
	static const uint8_t bytes[IKE_SEND_MAX];
	const struct ike_head head = {.spi_i = 1};
	struct ike_writer w;

	(void)state;
	ike_write_header(&w, &head);
	ike_put(&w, bytes, IKE_SEND_MAX - 28);
	assert_false(w.overflow);
	assert_int_equal(w.len, IKE_SEND_MAX);
	ike_payload_begin(&w, IKE_P_NONCE);
	assert_true(w.overflow);
	ike_put8(&w, 1);
	ike_payload_end(&w);
	ike_write_notify(&w, IKE_N_COOKIE, bytes, sizeof(bytes));
	assert_int_equal(w.len, IKE_SEND_MAX);
	ike_write_header(&w, &head);
	assert_false(w.overflow);
	ike_put(&w, bytes, sizeof(bytes));
	assert_true(w.overflow);
	assert_int_equal(w.len, 28);
}

static void notifies_have_names(void **state)
{
	char text[IKE_NOTIFY_TEXT];

	(void)state;
	assert_string_equal(ike_notify_name(IKE_N_NO_PROPOSAL_CHOSEN, text), "NO_PROPOSAL_CHOSEN");
	assert_string_equal(ike_notify_name(65535, text), "error 65535");
}

/* ---- Proposals --------------------------------------------------------------------------------------------------- */

static const enum sl_cipher both[] = {SL_AES256GCM16, SL_AES128GCM16};
static const struct ike_policy ike_policy = {IKE_PROTO_IKE, both, 2, false, false};
static const struct ike_policy esp_policy = {IKE_PROTO_ESP, both, 2, true, false};
static const struct ike_policy esp_32_policy = {IKE_PROTO_ESP, both, 2, false, false};
static const struct ike_policy esp_128_policy = {IKE_PROTO_ESP, both + 1, 1, true, false};

static enum ike_result with_hex(
	enum ike_result (*f)(struct ike_choice *, struct ike_view, const struct ike_policy *),
	struct ike_choice *choice, const char *hex, const struct ike_policy *policy)
{
	uint8_t data[8192], *copy;
	size_t len = unhex(data, hex);
	enum ike_result result;

	copy = malloc(len);
	memcpy(copy, data, len);
	*choice = (struct ike_choice){0};
	result = f(choice, (struct ike_view){copy, len}, policy);
	free(copy);
	return result;
}

#define GCM_256     "0300000c 01000014 800e0100"
#define GCM_128     "0300000c 01000014 800e0080"
#define PRF         "03000008 02000005"
#define DH          "03000008 0400001f"
#define DH_LAST     "00000008 0400001f"
#define INTEG_NONE  "03000008 03000000"
#define ESN         "03000008 05000001"
#define ESN_LAST    "00000008 05000001"
#define NO_ESN      "03000008 05000000"
#define NO_ESN_LAST "00000008 05000000"

#define IKE_OFFER "00000030 01010004" GCM_256 GCM_128 PRF DH_LAST
#define ESP_OFFER "00000034 01030404 c0ffee01" GCM_256 GCM_128 ESN NO_ESN_LAST

static void proposals_are_written(void **state)
{
	uint8_t expected[256];
	struct ike_writer w = {0};
	struct ike_choice choice;
	size_t len;

	(void)state;
	ike_write_proposal(&w, &ike_policy, 0);
	len = unhex(expected, "00000034" IKE_OFFER);
	assert_int_equal(w.len, len);
	assert_memory_equal(w.buf, expected, len);

	w = (struct ike_writer){0};
	ike_write_proposal(&w, &esp_policy, 0xc0ffee01);
	len = unhex(expected, "00000038" ESP_OFFER);
	assert_int_equal(w.len, len);
	assert_memory_equal(w.buf, expected, len);

	choice = (struct ike_choice){
		.number = 3, .cipher = SL_AES128GCM16, .esn = true, .integ_none = true, .dh_none = true};
	w = (struct ike_writer){0};
	ike_write_choice(&w, IKE_PROTO_ESP, &choice, 0x12345678);
	len = unhex(expected,
		"00000034 00000030 03030404 12345678" GCM_128 INTEG_NONE "03000008 04000000" ESN_LAST);
	assert_int_equal(w.len, len);
	assert_memory_equal(w.buf, expected, len);

	w = (struct ike_writer){0};
	ike_write_choice(&w, IKE_PROTO_IKE, &choice, 0);
	len = unhex(expected, "00000030 0000002c 03010004" GCM_128 INTEG_NONE PRF DH_LAST);
	assert_int_equal(w.len, len);
	assert_memory_equal(w.buf, expected, len);
}

static void our_own_offers_are_chosen(void **state)
{
	struct ike_choice c;

	(void)state;
	assert_int_equal(with_hex(ike_choose, &c, IKE_OFFER, &ike_policy), IKE_OK);
	assert_true(c.number == 1 && c.cipher == SL_AES256GCM16 && !c.integ_none);
	assert_int_equal(with_hex(ike_choose, &c, ESP_OFFER, &esp_policy), IKE_OK);
	assert_true(c.number == 1 && c.cipher == SL_AES256GCM16 && c.esn && c.spi == 0xc0ffee01);
	assert_int_equal(with_hex(ike_choose, &c, ESP_OFFER, &esp_32_policy), IKE_OK);
	assert_false(c.esn);
	assert_int_equal(with_hex(ike_choose, &c, ESP_OFFER, &esp_128_policy), IKE_OK);
	assert_true(c.cipher == SL_AES128GCM16 && c.esn);
}

/* The second of two proposals; the order of the peer within it. */
static void first_acceptable_proposal_is_chosen(void **state)
{
	struct ike_choice c;

	(void)state;
	assert_int_equal(
		with_hex(ike_choose, &c,
			"02000034 01010005 0300000c 0100000c 800e0100 03000008 02000005 03000008 0300000c"
			"03000008 0400000e 00000008 0400001f"
			"00000038 07010005" GCM_128 GCM_256 INTEG_NONE PRF DH_LAST,
			&ike_policy),
		IKE_OK);
	assert_true(c.number == 7 && c.cipher == SL_AES128GCM16 && c.integ_none);
	assert_int_equal(with_hex(ike_choose, &c,
				 "02000024 01030403 00000900" GCM_128 NO_ESN ESN_LAST
				 "00000034 02030404 00000901" GCM_256 GCM_128 ESN NO_ESN_LAST,
				 &esp_policy),
		IKE_E_SYNTAX); /* a length that lies: 12 + 12 + 8 + 8 is 0x28 */
	assert_int_equal(with_hex(ike_choose, &c,
				 "02000028 01030403 00000900" GCM_128 NO_ESN ESN_LAST
				 "00000034 02030404 00000901" GCM_256 GCM_128 ESN NO_ESN_LAST,
				 &esp_policy),
		IKE_OK);
	assert_true(c.number == 1 && c.cipher == SL_AES128GCM16 && c.esn && c.spi == 0x900);
}

static void unsuitable_proposals(void **state)
{
	static const struct {
		const char *hex;
		const struct ike_policy *policy;
	} cases[] = {
		{"0000001c 01010002" GCM_256 DH_LAST, &ike_policy},                        /* no PRF */
		{"0000001c 01010002" GCM_256 "00000008 02000005", &ike_policy},            /* no group */
		{"00000018 01010002" PRF DH_LAST, &ike_policy},                            /* no cipher */
		{"00000024 01010003" GCM_256 "03000008 02000007" DH_LAST, &ike_policy},    /* another PRF */
		{"00000024 01010003" GCM_256 PRF "00000008 04000013", &ike_policy},        /* another group */
		{"00000020 01010003 03000008 01000014" PRF DH_LAST, &ike_policy},          /* no key length */
		{"00000024 01010003 0300000c 01000014 800e00c0" PRF DH_LAST, &ike_policy}, /* 192 bits */
		{"00000024 01010003 0300000c 01000014 800f0100" PRF DH_LAST,
			&ike_policy}, /* another attribute */
		{"00000028 01010003 03000010 01000014 800e0100 800e0100" PRF DH_LAST,
			&ike_policy},                                                       /* twice */
		{"0000002c 01010004" GCM_256 PRF "03000008 0300000c" DH_LAST, &ike_policy}, /* an INTEG */
		{"0000002c 01010004" GCM_256 PRF DH "00000008 06000001", &ike_policy}, /* an unknown type */
		{"0000002c 01010004" GCM_256 PRF DH "00000008 00000001", &ike_policy},
		{"0000002c 01010004" GCM_256 PRF DH ESN_LAST, &ike_policy},              /* ESN in IKE */
		{"0000002c 01010803 0102030405060708" GCM_256 PRF DH_LAST, &ike_policy}, /* an SPI */
		{"00000024 01020003" GCM_256 PRF DH_LAST, &ike_policy},                  /* AH */
		{"00000018 01030401 c0ffee01 0000000c 01000014 800e0100", &esp_policy}, /* no ESN transform */
		{"00000020 01030402 c0ffee01" GCM_256 ESN_LAST, &esp_32_policy},        /* 64 bits only */
		{"00000020 01030402 c0ffee01" GCM_256 "00000008 05000002", &esp_policy},
		{"0000001c 01030002" GCM_256 ESN_LAST, &esp_policy},                  /* no SPI */
		{"00000020 01030402 000000ff" GCM_256 ESN_LAST, &esp_policy},         /* a reserved SPI */
		{"00000024 01030802 00000000c0ffee01" GCM_256 ESN_LAST, &esp_policy}, /* a long SPI */
		{"00000028 01030403 c0ffee01" GCM_256 DH ESN_LAST, &esp_policy}, /* a group in IKE_AUTH */
		{"00000020 01030402 c0ffee01" GCM_256 ESN_LAST, &esp_128_policy},
	};
	struct ike_choice c;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (with_hex(ike_choose, &c, cases[i].hex, cases[i].policy) != IKE_E_NO_PROPOSAL)
			fail_msg("case %u: %s", i, cases[i].hex);
	assert_int_equal(
		with_hex(ike_choose, &c, "00000028 01030403 c0ffee01" GCM_256 "03000008 04000000" ESN_LAST,
			&esp_policy),
		IKE_OK);
	assert_true(c.dh_none);
	assert_int_equal(
		with_hex(ike_choose, &c, "00000020 01030402 00000100" GCM_256 ESN_LAST, &esp_policy), IKE_OK);
}

static void malformed_proposals(void **state)
{
	static const char *const cases[] = {
		"01000030 01010004" GCM_256 GCM_128 PRF DH_LAST, /* "more" is neither 0 nor 2 */
		"02000030 01010004" GCM_256 GCM_128 PRF DH_LAST, /* more, but none comes */
		"00000030 01010003" GCM_256 GCM_128 PRF DH_LAST, /* count */
		"00000030 01010005" GCM_256 GCM_128 PRF DH_LAST,
		"00000008 01010000", /* no transforms */
		"00000007 01010001",
		"00000030 01010004" GCM_256 GCM_128 PRF DH, /* last transform says more */
		"00000030 01010004 0000000c 01000014 800e0100" GCM_128 PRF DH_LAST,
		"00000030 01010004 03000007 01000014 800e0100" GCM_128 PRF DH_LAST, /* too short */
		"00000030 01010004 0300ffff 01000014 800e0100" GCM_128 PRF DH_LAST,
		"00000030 01010004 0300000a 01000014 800e0100" GCM_128 PRF DH_LAST, /* half an attribute */
		"00000030 01010004 0300000c 01000014 000e0100" GCM_128 PRF
			DH_LAST,                                 /* long attribute beyond the end */
		"00000030 0101ff04" GCM_256 GCM_128 PRF DH_LAST, /* SPI beyond the end */
		"00000034 01010004" GCM_256 GCM_128 PRF DH_LAST,
		"0000ffff 01010004" GCM_256 GCM_128 PRF DH_LAST,
		"00000030 01010004" GCM_256 GCM_128 PRF DH_LAST "00",
	};
	uint8_t data[256], *copy;
	struct ike_choice c;
	size_t len;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (with_hex(ike_choose, &c, cases[i], &ike_policy) != IKE_E_SYNTAX)
			fail_msg("case %u: %s", i, cases[i]);
	len = unhex(data, IKE_OFFER);
	for (size_t cut = 0; cut < len; cut++) {
		copy = malloc(cut + 1);
		memcpy(copy, data, cut);
		copy = realloc(copy, cut + (cut == 0));
		assert_int_equal(ike_choose(&c, (struct ike_view){copy, cut}, &ike_policy), IKE_E_SYNTAX);
		free(copy);
	}
}

static void proposals_and_transforms_are_limited(void **state)
{
	uint8_t sa[IKE_PROPOSALS_MAX + 1][0x30], one[8 + 8 * (IKE_TRANSFORMS_MAX + 1)] = {0};
	struct ike_choice c;

	(void)state;
	for (unsigned i = 0; i <= IKE_PROPOSALS_MAX; i++) {
		unhex(sa[i], IKE_OFFER);
		sa[i][0] = i + 1 < IKE_PROPOSALS_MAX ? IKE_MORE_PROPOSALS : 0;
	}
	assert_int_equal(
		ike_choose(&c, (struct ike_view){sa[0], IKE_PROPOSALS_MAX * sizeof(sa[0])}, &ike_policy),
		IKE_OK);
	sa[IKE_PROPOSALS_MAX - 1][0] = IKE_MORE_PROPOSALS;
	assert_int_equal(ike_choose(&c, (struct ike_view){sa[0], sizeof(sa)}, &ike_policy), IKE_E_SYNTAX);

	for (unsigned count = IKE_TRANSFORMS_MAX; count <= IKE_TRANSFORMS_MAX + 1; count++) {
		size_t len = 8 + 8 * count;

		one[2] = (uint8_t)(len >> 8);
		one[3] = (uint8_t)len;
		one[5] = IKE_PROTO_IKE;
		one[7] = (uint8_t)count;
		for (unsigned i = 0; i < count; i++)
			memcpy(one + 8 + 8 * i, i + 1 < count ? "\3\0\0\10\2\0\0\5" : "\0\0\0\10\2\0\0\5", 8);
		assert_int_equal(ike_choose(&c, (struct ike_view){one, len}, &ike_policy),
			count <= IKE_TRANSFORMS_MAX ? IKE_E_NO_PROPOSAL : IKE_E_SYNTAX);
	}
}

static void answers_are_checked(void **state)
{
	struct ike_choice c;

	(void)state;
	assert_int_equal(
		with_hex(ike_check_answer, &c, "00000024 01010003" GCM_128 PRF DH_LAST, &ike_policy), IKE_OK);
	assert_int_equal(c.cipher, SL_AES128GCM16);
	assert_int_equal(with_hex(ike_check_answer, &c, "0000002c 01010004" GCM_128 INTEG_NONE PRF DH_LAST,
				 &ike_policy),
		IKE_OK);
	/* Nothing chosen, two chosen, another number, two proposals. */
	assert_int_equal(with_hex(ike_check_answer, &c, IKE_OFFER, &ike_policy), IKE_E_NO_PROPOSAL);
	assert_int_equal(with_hex(ike_check_answer, &c, ESP_OFFER, &esp_policy), IKE_E_NO_PROPOSAL);
	assert_int_equal(with_hex(ike_check_answer, &c, "00000024 02010003" GCM_128 PRF DH_LAST, &ike_policy),
		IKE_E_NO_PROPOSAL);
	assert_int_equal(
		with_hex(ike_check_answer, &c,
			"02000024 01010003" GCM_128 PRF DH_LAST "00000024 02010003" GCM_128 PRF DH_LAST,
			&ike_policy),
		IKE_E_SYNTAX);
	/* What we did not offer. */
	assert_int_equal(
		with_hex(ike_check_answer, &c, "00000020 01030402 c0ffee01" GCM_256 ESN_LAST, &esp_32_policy),
		IKE_E_NO_PROPOSAL);
	assert_int_equal(with_hex(ike_check_answer, &c, "00000020 01030402 c0ffee01" GCM_256 ESN_LAST,
				 &esp_128_policy),
		IKE_E_NO_PROPOSAL);
	assert_int_equal(
		with_hex(ike_check_answer, &c, "00000020 01030402 c0ffee01" GCM_256 ESN_LAST, &esp_policy),
		IKE_OK);
	assert_true(c.esn && c.spi == 0xc0ffee01 && c.cipher == SL_AES256GCM16);
}

/* In CREATE_CHILD_SA an IKE SA has an SPI, and a child SA a group (RFC 7296 3.3.1, 1.3.3). */
#define IKE_REKEY_OFFER "00000038 01010804 0102030405060708" GCM_256 "0300000c 01000014 800e0080" PRF DH_LAST
#define ESP_REKEY_OFFER "0000003c 01030405 c0ffee01" GCM_256 GCM_128 DH ESN NO_ESN_LAST

static void proposals_of_rekeys(void **state)
{
	struct ike_policy ike = ike_policy, esp = esp_policy;
	uint8_t expected[256];
	struct ike_writer w = {0};
	struct ike_choice c;
	size_t len;

	(void)state;
	ike.rekey = esp.rekey = true;
	ike_write_proposal(&w, &ike, UINT64_C(0x0102030405060708));
	len = unhex(expected, "0000003c" IKE_REKEY_OFFER);
	assert_int_equal(w.len, len);
	assert_memory_equal(w.buf, expected, len);
	w = (struct ike_writer){0};
	ike_write_proposal(&w, &esp, 0xc0ffee01);
	len = unhex(expected, "00000040" ESP_REKEY_OFFER);
	assert_int_equal(w.len, len);
	assert_memory_equal(w.buf, expected, len);

	assert_int_equal(with_hex(ike_choose, &c, IKE_REKEY_OFFER, &ike), IKE_OK);
	assert_true(c.spi == UINT64_C(0x0102030405060708));
	w = (struct ike_writer){0};
	ike_write_choice(&w, IKE_PROTO_IKE, &c, UINT64_C(0x1112131415161718));
	len = unhex(expected, "00000030 0000002c 01010803 1112131415161718" GCM_256 PRF DH_LAST);
	assert_int_equal(w.len, len);
	assert_memory_equal(w.buf, expected, len);
	assert_int_equal(with_hex(ike_choose, &c, ESP_REKEY_OFFER, &esp), IKE_OK);
	assert_true(c.spi == 0xc0ffee01);
	w = (struct ike_writer){0};
	ike_write_choice(&w, IKE_PROTO_ESP, &c, 0x12345678);
	len = unhex(expected, "0000002c 00000028 01030403 12345678" GCM_256 DH ESN_LAST);
	assert_int_equal(w.len, len);
	assert_memory_equal(w.buf, expected, len);

	/* What belongs to the other exchange. */
	assert_int_equal(with_hex(ike_choose, &c, IKE_REKEY_OFFER, &ike_policy), IKE_E_NO_PROPOSAL);
	assert_int_equal(with_hex(ike_choose, &c, IKE_OFFER, &ike), IKE_E_NO_PROPOSAL);
	assert_int_equal(with_hex(ike_choose, &c, ESP_REKEY_OFFER, &esp_policy), IKE_E_NO_PROPOSAL);
	assert_int_equal(with_hex(ike_choose, &c, ESP_OFFER, &esp), IKE_E_NO_PROPOSAL);
	/* An SPI of 0. */
	assert_int_equal(
		with_hex(ike_choose, &c, "0000002c 01010803 0000000000000000" GCM_256 PRF DH_LAST, &ike),
		IKE_E_NO_PROPOSAL);
}

/* ---- Traffic selectors ------------------------------------------------------------------------------------------- */

static enum ike_result ts_hex(struct sl_ts_list *list, const char *hex)
{
	uint8_t data[8192], *copy;
	size_t len = unhex(data, hex);
	enum ike_result result;

	copy = malloc(len);
	memcpy(copy, data, len);
	result = ike_parse_ts(list, (struct ike_view){copy, len});
	free(copy);
	return result;
}

#define TS_V4 "07 00 0010 0000 ffff 0a010000 0a01ffff"
#define TS_V6 "08 06 0028 0050 0051 fd000001000000000000000000000000 fd0000010000000000000000000000ff"

static void selectors_both_ways(void **state)
{
	uint8_t expected[128];
	size_t len = unhex(expected, "00 00 0040 02000000" TS_V4 TS_V6);
	struct ike_writer w = {0};
	struct sl_ts_list list;

	(void)state;
	assert_int_equal(ts_hex(&list, "02000000" TS_V4 TS_V6), IKE_OK);
	assert_int_equal(list.count, 2);
	assert_true(list.ts[0].first.family == SL_IPV4 && sl_addr_u32(&list.ts[0].first) == 0x0a010000);
	assert_true(sl_addr_u32(&list.ts[0].last) == 0x0a01ffff && list.ts[0].protocol == 0);
	assert_true(list.ts[0].port_first == 0 && list.ts[0].port_last == 65535);
	assert_true(list.ts[1].last.family == SL_IPV6 && list.ts[1].last.bytes[15] == 0xff);
	assert_true(list.ts[1].protocol == 6 && list.ts[1].port_first == 80 && list.ts[1].port_last == 81);
	ike_write_ts(&w, IKE_P_TSI, &list);
	assert_int_equal(w.len, len);
	assert_memory_equal(w.buf, expected, len);
}

static void malformed_selectors(void **state)
{
	static const char *const cases[] = {
		"00000000",       /* none */
		"02000000" TS_V4, /* count */
		"01000000" TS_V4 TS_V4,
		"01000000 07 00 0010 0000 ffff 0a010000 0a01ff",   /* cut */
		"01000000 07 00 0007 0000 ffff 0a010000 0a01ffff", /* shorter than its header */
		"01000000 07 00 0000 0000 ffff 0a010000 0a01ffff",
		"01000000 07 00 000f 0000 ffff 0a010000 0a01ff",
		"01000000 08 00 0010 0000 ffff 0a010000 0a01ffff", /* IPv6 in 4 bytes */
		"01000000 07 00 ffff 0000 ffff 0a010000 0a01ffff",
		"01000000 09 00 0004",
		"01000000 07",
	};
	struct sl_ts_list list;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (ts_hex(&list, cases[i]) != IKE_E_SYNTAX)
			fail_msg("accepted: %s", cases[i]);
	/* Another kind of selector is left out. */
	assert_int_equal(ts_hex(&list, "02000000 09 00 000c 0000 ffff 0a010000" TS_V4), IKE_OK);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.ts[0].first.family, SL_IPV4);
}

static void selectors_are_limited(void **state)
{
	char hex[8 + 300 * sizeof(TS_V4)];
	struct sl_ts_list list;

	(void)state;
	strcpy(hex, "ff000000");
	for (unsigned i = 0; i < 255; i++)
		strcat(hex, TS_V4);
	assert_int_equal(ts_hex(&list, hex), IKE_OK);
	assert_int_equal(list.count, SL_TS_MAX);
}

static void within(void **state)
{
	struct sl_ts_list whole, part;

	(void)state;
	assert_int_equal(ts_hex(&whole, "02000000" TS_V4 TS_V6), IKE_OK);
	assert_true(ike_ts_within(&whole, &whole));
	assert_int_equal(ts_hex(&part, "01000000 07 11 0010 0035 0035 0a010200 0a0102ff"), IKE_OK);
	assert_true(ike_ts_within(&part, &whole));
	assert_false(ike_ts_within(&whole, &part));
	assert_int_equal(ts_hex(&part, "01000000 07 00 0010 0000 ffff 0a010000 0a020000"), IKE_OK);
	assert_false(ike_ts_within(&part, &whole));
	assert_int_equal(
		ts_hex(&part, "01000000 07 00 0010 ffff 0000 0a010000 0a01ffff"), IKE_OK); /* OPAQUE */
	assert_false(ike_ts_within(&part, &whole));
	assert_int_equal(ts_hex(&part, "01000000 08 00 0028 0050 0051 fd000001000000000000000000000000"
				       "fd0000010000000000000000000000ff"),
		IKE_OK); /* any protocol, where only TCP was offered */
	assert_false(ike_ts_within(&part, &whole));
	part.count = 0;
	assert_false(ike_ts_within(&part, &whole));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proposals_of_rekeys),
		cmocka_unit_test(header_both_ways),
		cmocka_unit_test(header_is_checked),
		cmocka_unit_test(chain_is_read),
		cmocka_unit_test(chain_is_written),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(hostile_lengths_are_refused),
		cmocka_unit_test(nonce_length_has_limits),
		cmocka_unit_test(each_payload_comes_once),
		cmocka_unit_test(critical_payloads),
		cmocka_unit_test(payloads_are_limited),
		cmocka_unit_test(writer_stops_at_its_end),
		cmocka_unit_test(notifies_have_names),
		cmocka_unit_test(proposals_are_written),
		cmocka_unit_test(our_own_offers_are_chosen),
		cmocka_unit_test(first_acceptable_proposal_is_chosen),
		cmocka_unit_test(unsuitable_proposals),
		cmocka_unit_test(malformed_proposals),
		cmocka_unit_test(proposals_and_transforms_are_limited),
		cmocka_unit_test(answers_are_checked),
		cmocka_unit_test(selectors_both_ways),
		cmocka_unit_test(malformed_selectors),
		cmocka_unit_test(selectors_are_limited),
		cmocka_unit_test(within),
	};

	return cmocka_run_group_tests_name("IKE codec", tests, NULL, NULL);
}
