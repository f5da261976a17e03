/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The wire brings anything: whole frames, ESP in the right outer headers, and what a hostile peer could seal with the right
 * keys, which may be damaged on its way or come again. Each packet is sent, handed over, passed on or counted, once. Nothing
 * comes out that was not sealed, not whole, twice, or between other addresses than the SA is for; what is authentic and
 * comes for the first time is taken; and nothing else moves the window.
 */
#include "sealed_pair.h"

enum kind { FRAME, OUTER, INNER, RIGHT_INNER, AGAIN, FLUSH, KINDS };

const struct script_form script_form = {.setting = SETTING, .kinds = KINDS};

/* A frame of the script. */
struct frame {
	const struct rte_mbuf *m; /* while it is in the burst */
	bool authentic;
	uint64_t seq;
	uint8_t inner[FRAME_MAX]; /* of what was sealed here */
	size_t inner_len;
	uint8_t bytes[FRAME_MAX];
	size_t len;
};

static struct frame came[RECORDS_MAX];
static struct rte_mbuf *frames[RECORDS_MAX];
static unsigned came_count, first, count; /* came[first] is frames[0] */
static uint64_t top;
static uint64_t taken[RECORDS_MAX]; /* sequence numbers */
static unsigned taken_count;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	pair_for_scripts();
	return 0;
}

/* ---- What comes ----------------------------------------------------------------------------------------------------------- */

/* ESP behind the outer headers of the session. */
static struct rte_mbuf *outer_frame(const struct setting *s, const uint8_t *esp, size_t len, uint8_t tos)
{
	uint8_t packet[FRAME_MAX];
	struct rte_ipv4_hdr *ip = (void *)packet;
	struct rte_ipv6_hdr *ip6 = (void *)packet;
	size_t at = s->v6 ? sizeof(*ip6) : sizeof(*ip);
	const uint8_t protocol = s->udp ? IPPROTO_UDP : IPPROTO_ESP;

	memset(packet, 0, sizeof(*ip6) + 8);
	if (s->v6) {
		packet[0] = (uint8_t)(0x60 | tos >> 4);
		packet[1] = (uint8_t)(tos << 4);
		ip6->proto = protocol;
		ip6->hop_limits = 64;
		memcpy(ip6->src_addr, &pair.alpha.wire.ip6[0], 16);
		memcpy(ip6->dst_addr, &pair.beta.wire.ip6[0], 16);
	} else {
		ip->version_ihl = RTE_IPV4_VHL_DEF;
		ip->type_of_service = tos;
		ip->time_to_live = 64;
		ip->next_proto_id = protocol;
		ip->src_addr = rte_cpu_to_be_32(ALPHA_WIRE);
		ip->dst_addr = rte_cpu_to_be_32(BETA_WIRE);
	}
	if (s->udp) {
		struct rte_udp_hdr *udp = (void *)(packet + at);

		*udp = (struct rte_udp_hdr){rte_cpu_to_be_16(4500), rte_cpu_to_be_16(4500),
			rte_cpu_to_be_16((uint16_t)(sizeof(*udp) + len)), 0};
		at += sizeof(*udp);
	}
	memcpy(packet + at, esp, len);
	put_right(packet, at + len);
	return framed(&pair.beta.wire, packet, at + len);
}

/* Seals what is in f->inner with its trailer; `damage` other than 0 names a bit that turns over on the way. */
static size_t seal(const struct setting *s, const struct frame *f, uint8_t *to, size_t len, unsigned damage)
{
	struct sl_esp_header *esp = (void *)to;
	struct sl_esp_block nonce, aad;
	size_t sealed = sizeof(*esp) + len + SL_GCM_ICV_LEN, bit;

	*esp = (struct sl_esp_header){
		rte_cpu_to_be_32(pair.in->spi), rte_cpu_to_be_32((uint32_t)f->seq), rte_cpu_to_be_64(f->seq)};
	nonce = (struct sl_esp_block){pair.in->salt, esp->iv};
	aad = (struct sl_esp_block){esp->spi, s->esn ? esp->iv : (rte_be64_t)esp->seq};
	sl_gcm_seal(&pair.in->key, s->cipher, to + sizeof(*esp), len, (void *)&nonce, &aad, s->esn ? 12 : 8,
		to + sizeof(*esp) + len);
	bit = damage * 37u % (sealed * 8);
	if (damage)
		to[bit / 8] ^= (uint8_t)(1 << bit % 8);
	return sealed;
}

/* The record begins with: how far the counter moves, what is damaged, the outer traffic class. */
static struct rte_mbuf *sealed_frame(const struct setting *s, struct frame *f, struct record *r)
{
	uint8_t esp[FRAME_MAX];
	const int8_t step = (int8_t)record_byte(r);
	const uint8_t damage = record_byte(r), tos = record_byte(r);
	size_t len = r->len;

	memcpy(f->inner, r->data, r->len);
	f->inner_len = r->len;
	if (r->kind % KINDS == RIGHT_INNER) {
		put_right(f->inner, len);
		while ((len + 2) % 4) {
			f->inner[len] = (uint8_t)(len - r->len + 1);
			len++;
		}
		f->inner[len] = (uint8_t)(len - r->len);
		f->inner[len + 1] = f->inner[0] >> 4 == 6 ? SL_ESP_NEXT_IPV6 : SL_ESP_NEXT_IPV4;
		len += 2;
	}
	if (len < sizeof(struct sl_esp_trailer))
		return NULL;
	f->seq = step < 0 && top < (uint64_t)-step ? 0 : top + (uint64_t)(int64_t)step;
	f->authentic = damage == 0;
	memcpy(esp + sizeof(struct sl_esp_header), f->inner, len);
	return outer_frame(s, esp, seal(s, f, esp, len, damage), tos);
}

static struct rte_mbuf *frame_again(struct frame *f, struct record *r)
{
	const struct frame *old = came_count ? &came[record_byte(r) % came_count] : NULL;

	if (!old)
		return NULL;
	*f = *old;
	return raw_frame(old->bytes, old->len);
}

static void add(const struct setting *s, struct record *r)
{
	struct frame *f = &came[came_count];
	struct rte_mbuf *m;

	f->authentic = false;
	switch ((enum kind)(r->kind % KINDS)) {
	case FRAME: m = raw_frame(r->data, r->len); break;
	case OUTER: m = outer_frame(s, r->data, r->len, r->kind); break;
	case AGAIN: m = frame_again(f, r); break;
	default: m = sealed_frame(s, f, r); break;
	}
	if (!m)
		return;
	f->m = m;
	f->len = m->data_len;
	memcpy(f->bytes, rte_pktmbuf_mtod(m, const void *), m->data_len);
	if (f->authentic && f->seq > top)
		top = f->seq;
	frames[count++] = m;
	came_count++;
}

/* ---- What comes out ------------------------------------------------------------------------------------------------------- */

/* Such a number has been seen, or none like it is ever used. */
static bool is_taken(const struct setting *s, uint64_t seq)
{
	if (seq == 0 || (!s->esn && seq > UINT32_MAX))
		return true;
	for (unsigned i = 0; i < taken_count; i++) {
		if (taken[i] == seq)
			return true;
	}
	return false;
}

/* How many frames of the burst must be taken. */
static unsigned expected(const struct setting *s)
{
	unsigned n = 0;

	for (unsigned i = first; i < came_count; i++) {
		if (!came[i].authentic || is_taken(s, came[i].seq))
			continue;
		taken[taken_count++] = came[i].seq;
		n++;
	}
	return n;
}

static const struct frame *who_came(const struct rte_mbuf *m)
{
	unsigned i = first;

	while (i < came_count && came[i].m != m)
		i++;
	MUST(i < came_count);
	return &came[i];
}

static bool is_between(const uint8_t *packet)
{
	static const uint8_t ends[2][3][2] = {{{10, 1}, {10, 2}, {0}}, {{0xfd, 0}, {0, 1}, {0, 2}}};

	if (packet[0] >> 4 == 4)
		return memcmp(packet + 12, ends[0][0], 2) == 0 && memcmp(packet + 16, ends[0][1], 2) == 0;
	return memcmp(packet + 8, ends[1][0], 2) == 0 && memcmp(packet + 10, ends[1][1], 2) == 0 &&
	       memcmp(packet + 24, ends[1][0], 2) == 0 && memcmp(packet + 26, ends[1][2], 2) == 0;
}

static void check_sent(const struct rte_mbuf *m, uint64_t numbers[static SL_BURST_MAX], unsigned i)
{
	const struct frame *f = who_came(m);
	size_t len;
	const uint8_t *packet = packet_of(m, &pair.beta.plain, &len);

	MUST(f->authentic && is_between(packet) && len <= f->inner_len);
	check_forwarded(f->inner, packet, len);
	for (unsigned j = 0; j < i; j++)
		MUST(numbers[j] != f->seq);
	numbers[i] = f->seq;
}

/* Only frames and what a worker may decide without keys goes there unopened. */
static void check_handed(unsigned i)
{
	const enum sl_handed why = (enum sl_handed)pair.burst.handed_why[i];
	const struct rte_mbuf *m = pair.burst.handed[i];

	if (why == SL_HANDED_WIRE)
		return;
	MUST(why == SL_HANDED_INNER || why == SL_HANDED_RESOLVE || why == SL_HANDED_EXPIRED);
	MUST(who_came(m)->authentic && is_between(rte_pktmbuf_mtod(m, const uint8_t *)));
}

static uint64_t flush(const struct setting *s, uint64_t digest)
{
	uint64_t numbers[SL_BURST_MAX], before = drops(&pair.beta);
	const uint64_t window = pair.in->window.top, opened = pair.in->packets + pair.in->discarded;
	const unsigned fresh = expected(s);

	sl_open_burst(&pair.beta, frames, count, &pair.burst);
	MUST(pair.burst.large_count == 0 && burst_total() + drops(&pair.beta) - before == count);
	MUST(pair.in->packets + pair.in->discarded - opened == fresh);
	MUST(fresh || pair.in->window.top == window);
	MUST(pair.in->window.top <= top);
	for (unsigned i = 0; i < pair.burst.tx_count; i++)
		check_sent(pair.burst.tx[i], numbers, i);
	for (unsigned i = 0; i < pair.burst.handed_count; i++)
		check_handed(i);
	for (unsigned i = 0; i < pair.burst.away_count; i++)
		MUST(pair.burst.away_to[i] != pair.beta.id && pair.burst.away_to[i] < WORKERS);
	digest = digest_burst(digest);
	free_burst();
	first = came_count;
	count = 0;
	return digest;
}

static uint64_t run(const struct setting *s, struct script *script)
{
	struct record r;
	uint64_t digest = 0;

	came_count = first = count = taken_count = 0;
	top = s->start;
	while (next_record(script, &r)) {
		if (r.kind % KINDS == FLUSH)
			digest = flush(s, digest);
		else if (r.len > 0 && r.len <= FRAME_MAX - 160)
			add(s, &r);
	}
	return flush(s, digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run_twice(data, size, run);
	return 0;
}
