/* SPDX-License-Identifier: BSD-3-Clause */
/* How a search changes scripts: by records, by the IKE payloads in them, and, now and then, as bytes. See script.h. */
#include <string.h>

#include "script.h"
#include "target.h"

/* libFuzzer's. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2,
	uint8_t *out, size_t max_out, unsigned seed);

enum { SCRATCH = 1 << 16, PAYLOAD_HEAD = 4, PAYLOADS_MAX = 32 };

struct chance {
	uint32_t state;
};

static uint32_t below(struct chance *c, size_t n)
{
	c->state = c->state * UINT32_C(1664525) + UINT32_C(1013904223);
	return n ? (uint32_t)((c->state >> 8) % n) : 0;
}

static unsigned read_records(struct record *records, const uint8_t *data, size_t size)
{
	struct script s = {.at = data, .left = size};
	unsigned count = 0;

	while (count < RECORDS_MAX && next_record(&s, &records[count]))
		count++;
	return count;
}

static size_t write_record(uint8_t *to, size_t room, const struct record *r)
{
	if (r->len > UINT16_MAX || r->len + RECORD_HEAD > room)
		return 0;
	to[0] = r->kind;
	to[1] = (uint8_t)r->len;
	to[2] = (uint8_t)(r->len >> 8);
	memcpy(to + RECORD_HEAD, r->data, r->len);
	return RECORD_HEAD + r->len;
}

/* ---- IKE payloads --------------------------------------------------------------------------------------------------------- */

/* A payload without its header: RFC 7296 3.2. */
struct payload {
	uint8_t type, flags;
	const uint8_t *data;
	size_t len;
};

static unsigned read_payloads(struct payload *p, uint8_t first, const uint8_t *at, size_t left)
{
	unsigned count = 0;

	while (first != 0 && left >= PAYLOAD_HEAD && count < PAYLOADS_MAX) {
		size_t len = (size_t)(at[2] << 8 | at[3]);

		len = len < PAYLOAD_HEAD || len > left ? left : len;
		p[count++] = (struct payload){first, at[1], at + PAYLOAD_HEAD, len - PAYLOAD_HEAD};
		first = at[0];
		at += len;
		left -= len;
	}
	return count;
}

/* Lengths and types of the chain are right, whatever is in it. Returns the length, the type of the first in front. */
static size_t write_payloads(uint8_t *to, size_t room, const struct payload *p, unsigned count)
{
	size_t at = 1;

	to[0] = count ? p[0].type : 0;
	for (unsigned i = 0; i < count && at + PAYLOAD_HEAD + p[i].len <= room; i++) {
		size_t len = PAYLOAD_HEAD + p[i].len;

		to[at] = i + 1 < count ? p[i + 1].type : 0;
		to[at + 1] = p[i].flags;
		to[at + 2] = (uint8_t)(len >> 8);
		to[at + 3] = (uint8_t)len;
		memcpy(to + at + PAYLOAD_HEAD, p[i].data, p[i].len);
		at += len;
	}
	return at;
}

static void move(void *array, size_t size, unsigned from, unsigned to, unsigned count)
{
	uint8_t *a = array;

	memmove(a + to * size, a + from * size, (count - (to > from ? to : from)) * size);
}

static size_t mutate_payloads(uint8_t *data, size_t size, size_t room, struct chance *c)
{
	static uint8_t out[SCRATCH], body[SCRATCH];
	struct payload p[PAYLOADS_MAX + 1];
	unsigned count = size ? read_payloads(p, data[0], data + 1, size - 1) : 0, i = below(c, count);

	if (count == 0)
		return LLVMFuzzerMutate(data, size, room);
	switch (below(c, 6)) {
	case 0:
		move(p, sizeof(*p), i + 1, i, count);
		count--;
		break;
	case 1:
		if (count < PAYLOADS_MAX) {
			move(p, sizeof(*p), i, i + 1, count + 1);
			p[i] = p[below(c, count + 1)];
			count++;
		}
		break;
	case 2: p[i].type = (uint8_t)(33 + below(c, 22)); break;
	case 3: p[i].flags ^= 0x80; break;
	default:
		memcpy(body, p[i].data, p[i].len);
		p[i].len = LLVMFuzzerMutate(body, p[i].len, p[i].len + 64);
		p[i].data = body;
		break;
	}
	size = write_payloads(out, room < SCRATCH ? room : SCRATCH, p, count);
	memcpy(data, out, size);
	return size;
}

/* ---- Records -------------------------------------------------------------------------------------------------------------- */

static void mutate_data(struct record *r, size_t room, struct chance *c)
{
	static uint8_t data[SCRATCH];
	const size_t at = script_form.chain_at;

	room = room < SCRATCH ? room : SCRATCH;
	memcpy(data, r->data, r->len);
	if (script_form.chains >> r->kind % script_form.kinds & 1 && r->len > at && below(c, 4))
		r->len = at + mutate_payloads(data + at, r->len - at, room - at, c);
	else
		r->len = LLVMFuzzerMutate(data, r->len, room);
	r->data = data;
}

/* Returns the new count. */
static unsigned mutate_records(struct record *records, unsigned count, size_t room, struct chance *c)
{
	static const uint8_t nothing[1];
	unsigned i = below(c, count);
	struct record r;

	switch (count ? below(c, 10) : 0) {
	case 0: /* a new one, or one again */
	case 1:
		if (count == RECORDS_MAX)
			break;
		r = count && below(c, 2) ? records[below(c, count)] : (struct record){0, nothing, 0};
		if (r.len == 0)
			r.kind = (uint8_t)below(c, 256);
		i = below(c, count + 1);
		move(records, sizeof(r), i, i + 1, count + 1);
		records[i] = r;
		count++;
		if (r.len == 0)
			mutate_data(&records[i], RECORD_HEAD + 64, c);
		break;
	case 2:
		move(records, sizeof(r), i + 1, i, count);
		count--;
		break;
	case 3:
		r = records[i];
		records[i] = records[count - 1 - i];
		records[count - 1 - i] = r;
		break;
	case 4: records[i].kind = (uint8_t)below(c, 256); break;
	default: mutate_data(&records[i], records[i].len + room, c); break;
	}
	return count;
}

static size_t write_records(uint8_t *to, size_t room, const struct record *records, unsigned count)
{
	size_t size = 0;

	for (unsigned i = 0; i < count; i++)
		size += write_record(to + size, room - size, &records[i]);
	return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static uint8_t out[1 << 20];
	const size_t setting = script_form.setting;
	struct record records[RECORDS_MAX + 1];
	struct chance c = {seed};
	unsigned count;

	if (max_size > sizeof(out))
		max_size = sizeof(out);
	if (size <= setting || max_size <= setting + size || below(&c, 8) == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	memcpy(out, data, setting);
	if (below(&c, 8) == 0)
		LLVMFuzzerMutate(out, setting, setting);
	count = read_records(records, data + setting, size - setting);
	for (unsigned i = below(&c, 3) + 1; i > 0; i--) {
		count = mutate_records(records, count, max_size - size, &c);
		size = setting + write_records(out + setting, max_size - setting, records, count);
		memcpy(data, out, size);
		count = read_records(records, data + setting, size - setting);
		if (size >= max_size)
			break;
	}
	return size;
}

/* The beginning of one script and the end of another. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2,
	uint8_t *out, size_t max_out, unsigned seed)
{
	const size_t setting = script_form.setting;
	struct record records[2 * RECORDS_MAX + 2], *second;
	struct chance c = {seed};
	unsigned count, count2;

	if (size1 <= setting || size2 <= setting || max_out <= setting)
		return 0;
	memcpy(out, below(&c, 2) ? data1 : data2, setting);
	count = below(&c, read_records(records, data1 + setting, size1 - setting) + 1);
	second = records + count;
	count2 = read_records(second, data2 + setting, size2 - setting);
	return setting + write_records(out + setting, max_out - setting, records, count + count2);
}
