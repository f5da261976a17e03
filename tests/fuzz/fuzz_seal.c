/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hosts on the plain side send anything: whole frames, or packets of which frame, length and checksum are put right. Whatever
 * comes, each packet is sent, handed over, passed on, cut or counted, once. What is sent is opened here with the key alone:
 * it is ESP, no longer than the path takes, with a counter of its own, and holds the packet that came, one hop older. The
 * fragments of a packet that was cut put together are that packet.
 */
#include <rte_ip_frag.h>

#include "sealed_pair.h"

enum kind { FRAME, PACKET, RIGHT_PACKET, FLUSH, KINDS };

const struct script_form script_form = {.setting = SETTING, .kinds = KINDS};

static struct {
	const struct rte_mbuf *m;
	uint8_t bytes[FRAME_MAX];
	size_t len;
} came[RECORDS_MAX];
static struct rte_mbuf *frames[RECORDS_MAX];
static unsigned count;
static uint64_t last_seq[2]; /* of the ordinary session and the narrow one */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	pair_for_scripts();
	return 0;
}

static void add(const struct record *r)
{
	uint8_t packet[FRAME_MAX];
	struct rte_mbuf *m;

	memcpy(packet, r->data, r->len);
	if (r->kind % KINDS == RIGHT_PACKET)
		put_right(packet, r->len);
	m = r->kind % KINDS == FRAME ? raw_frame(packet, r->len) : framed(&pair.alpha.plain, packet, r->len);
	came[count].m = m;
	came[count].len = m->data_len;
	memcpy(came[count].bytes, rte_pktmbuf_mtod(m, const void *), m->data_len);
	frames[count++] = m;
}

static void note_counters(void)
{
	last_seq[0] = pair.out->seq;
	last_seq[1] = narrow_out->seq;
}

/* ---- What was sent -------------------------------------------------------------------------------------------------------- */

static const uint8_t *esp_in(const struct setting *s, const uint8_t *packet, size_t *len)
{
	const struct rte_udp_hdr *udp;
	struct sl_ip ip;

	MUST(sl_ip_parse(&ip, packet, *len) && ip.total == *len && !ip.fragment);
	MUST(ip.total <= s->path_mtu && ip.protocol == (s->udp ? IPPROTO_UDP : IPPROTO_ESP));
	*len -= ip.at;
	if (!s->udp)
		return packet + ip.at;
	udp = (const void *)(packet + ip.at);
	MUST(rte_be_to_cpu_16(udp->dgram_len) == *len && udp->dst_port == rte_cpu_to_be_16(4500));
	MUST((udp->dgram_cksum != 0) == (s->v6 && s->udp_checksum));
	MUST(udp->dgram_cksum == 0 || sl_ip_checksum(&ip, udp, *len) == 0);
	*len -= sizeof(*udp);
	return packet + ip.at + sizeof(*udp);
}

/* Opens a sealed frame; returns the inner packet, in a place that is used again, and its length. */
static const uint8_t *opened(const struct setting *s, const struct rte_mbuf *m, size_t *len)
{
	static uint8_t text[FRAME_MAX + 64];
	const uint8_t *packet = packet_of(m, &pair.alpha.wire, len), *sealed = esp_in(s, packet, len);
	const struct sl_esp_header *esp = (const void *)sealed;
	const bool is_narrow = esp->spi == narrow_out->template.esp.spi;
	const uint64_t seq = rte_be_to_cpu_64(esp->iv);
	struct sl_esp_block nonce = {pair.out->salt, esp->iv}, aad = {esp->spi, esp->iv};
	uint8_t icv[SL_GCM_ICV_LEN], pad;

	MUST(*len >= sizeof(*esp) + 2 + sizeof(icv) && *len % 4 == 0);
	MUST(is_narrow || esp->spi == pair.out->template.esp.spi);
	MUST(seq == last_seq[is_narrow] + 1 && esp->seq == rte_cpu_to_be_32((uint32_t)seq));
	last_seq[is_narrow] = seq;
	if (!s->esn)
		aad.counter = (rte_be64_t)esp->seq;
	*len -= sizeof(*esp) + sizeof(icv);
	memcpy(text, esp + 1, *len);
	sl_gcm_open(&pair.out->key, s->cipher, text, *len, (const void *)&nonce, &aad, s->esn ? 12 : 8, icv);
	MUST(memcmp(icv, sealed + sizeof(*esp) + *len, sizeof(icv)) == 0);
	pad = text[*len - 2];
	MUST(text[*len - 1] == (text[0] >> 4 == 6 ? SL_ESP_NEXT_IPV6 : SL_ESP_NEXT_IPV4) && pad < 4);
	*len -= 2u + pad;
	for (unsigned i = 0; i < pad; i++)
		MUST(text[*len + i] == i + 1);
	return text;
}

static unsigned who_came(const struct rte_mbuf *m)
{
	unsigned i = 0;

	while (i < count && came[i].m != m)
		i++;
	MUST(i < count);
	return i;
}

static const uint8_t *packet_that_came(unsigned i)
{
	return came[i].bytes + sizeof(struct rte_ether_hdr) + (pair.alpha.plain.vlan ? 4 : 0);
}

/* A whole packet. */
static void check_sent(const struct setting *s, const struct rte_mbuf *m)
{
	size_t len;
	const uint8_t *inner = opened(s, m, &len);

	check_forwarded(packet_that_came(who_came(m)), inner, len);
}

/* What was sealed is open to the other end. */
static void check_far_end(const struct setting *s)
{
	struct rte_mbuf *sealed[SL_BURST_MAX];
	const unsigned n = pair.burst.tx_count;
	uint64_t before, accepted = 0;

	memcpy(sealed, pair.burst.tx, n * sizeof(sealed[0]));
	if (s->narrow || n == 0) {
		free_burst();
		return;
	}
	rte_pktmbuf_free_bulk(pair.burst.handed, pair.burst.handed_count);
	rte_pktmbuf_free_bulk(pair.burst.away, pair.burst.away_count);
	before = pair.in->packets + pair.in->discarded;
	sl_open_burst(&pair.beta, sealed, n, &pair.burst);
	accepted = pair.in->packets + pair.in->discarded - before;
	MUST(accepted == n && pair.in->discarded == 0);
	free_burst();
}

/* ---- Cutting -------------------------------------------------------------------------------------------------------------- */

/* Takes a fragment to its place in the payload. */
static size_t place(uint8_t *payload, const uint8_t *part, size_t len, bool *more)
{
	const struct rte_ipv4_hdr *ip = (const void *)part;
	const uint16_t offset = rte_be_to_cpu_16(ip->fragment_offset);
	const size_t header = (size_t)(part[0] & 15) * 4, at = (offset & RTE_IPV4_HDR_OFFSET_MASK) * 8u;

	MUST(len > header && at + len - header <= UINT16_MAX);
	memcpy(payload + at, part + header, len - header);
	*more = offset & RTE_IPV4_HDR_MF_FLAG;
	return len - header;
}

static void check_parts(const struct setting *s, const uint8_t *packet, size_t packet_len)
{
	static uint8_t payload[UINT16_MAX + 1];
	const size_t header = (size_t)(packet[0] & 15) * 4;
	const uint16_t offset =
		rte_be_to_cpu_16(((const struct rte_ipv4_hdr *)(const void *)packet)->fragment_offset);
	const size_t begin = (offset & RTE_IPV4_HDR_OFFSET_MASK) * 8u;
	size_t sum = 0, len;
	bool more = true;

	for (unsigned i = 0; i < pair.burst.tx_count; i++) {
		const uint8_t *part = opened(s, pair.burst.tx[i], &len);

		MUST(more && len <= pair.out->inner_mtu && hops_of(part) == hops_of(packet) - 1);
		sum += place(payload, part, len, &more);
	}
	if (pair.burst.tx_count == 0)
		return;
	/* The limit of the session may have ended it in between, and parts behind the first have no ports to be selected by. */
	if (!s->limited && !s->ports) {
		MUST(sum == packet_len - header && more == !!(offset & RTE_IPV4_HDR_MF_FLAG));
		/* In what opens a TCP connection the segment size may be lower. */
		MUST(packet[9] == IPPROTO_TCP || memcmp(payload + begin, packet + header, sum) == 0);
	}
}

static uint64_t cut(const struct setting *s, struct rte_mbuf *m, uint64_t digest)
{
	uint8_t packet[FRAME_MAX];
	const size_t len = m->data_len;
	uint64_t dropped = drops(&pair.alpha), was_cut = pair.alpha.counters.cut;

	note_counters();
	memcpy(packet, rte_pktmbuf_mtod(m, const void *), len);
	sl_seal_cut(&pair.alpha, m, &pair.burst);
	MUST(pair.burst.large_count == 0);
	MUST(burst_total() + drops(&pair.alpha) - dropped == 1 + pair.alpha.counters.cut - was_cut);
	if (pair.alpha.counters.drops[SL_DROP_TOO_BIG] == 0 && pair.burst.away_count == 0 && !s->narrow)
		check_parts(s, packet, len);
	digest = digest_burst(digest);
	free_burst();
	return digest;
}

/* ---- A burst -------------------------------------------------------------------------------------------------------------- */

static uint64_t flush(const struct setting *s, uint64_t digest)
{
	struct rte_mbuf *large[SL_BURST_MAX];
	unsigned large_count;
	uint64_t before = drops(&pair.alpha);

	note_counters();
	sl_seal_burst(&pair.alpha, frames, count, &pair.burst);
	MUST(burst_total() + drops(&pair.alpha) - before == count);
	MUST(pair.burst.tx_count == 0 || (!s->without && (!s->unresolved || s->narrow)));
	for (unsigned i = 0; i < pair.burst.tx_count; i++)
		check_sent(s, pair.burst.tx[i]);
	for (unsigned i = 0; i < pair.burst.away_count; i++)
		MUST(s->apart && pair.burst.away_to[i] == ALIEN_WORKER);
	large_count = pair.burst.large_count;
	memcpy(large, pair.burst.large, sizeof(large));
	digest = digest_burst(digest);
	check_far_end(s);
	for (unsigned i = 0; i < large_count; i++)
		digest = cut(s, large[i], digest);
	count = 0;
	return digest;
}

static uint64_t run(const struct setting *s, struct script *script)
{
	struct record r;
	uint64_t digest = 0;

	while (next_record(script, &r)) {
		if (r.kind % KINDS == FLUSH)
			digest = flush(s, digest);
		else if (r.len > 0 && r.len <= FRAME_MAX - 18)
			add(&r);
	}
	return flush(s, digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run_twice(data, size, run);
	return 0;
}
