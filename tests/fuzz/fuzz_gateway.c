/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole gateway with a link that is up (whole_gateway.h), and all that reaches its control thread: frames from either side,
 * among them ARP, neighbour discovery, ICMP and IKE of strangers; what the peer seals; "too big" about packets it has sealed,
 * true and forged; an operator's requests over the telemetry socket, any text behind the comma; requests of the debugging
 * socket, and then each packet looked at as they ask.
 *
 * Every packet is accounted for, nothing leaves that must not, every answer is whole JSON, and afterwards the link is up, the
 * path MTU forgotten, and no buffer missing.
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ip.h>

#include "app/gateway/debug/debug.h"
#include "app/gateway/pcapng.h"
#include "lib/net/ip.h"
#include "script.h"
#include "target.h"
#include "whole_gateway.h"

enum kind { WIRE, PLAIN, WIRE_PACKET, PLAIN_PACKET, SEALED, TOO_BIG, TIME, TELEMETRY, WATCH, KINDS };

const struct script_form script_form = {.setting = 1, .kinds = KINDS};

enum { PACKET_MAX = 1900, ANSWER_MAX = 16384, TRIES = 2000 };

static int telemetry_fd = -1;
static uint64_t seq;
static uint32_t seq_spi;

/* ---- Packets -------------------------------------------------------------------------------------------------------------- */

/* All of its lengths and checksums become right, as far as the headers say what it is. */
static void put_right(uint8_t *p, size_t len)
{
	struct sl_ip ip;
	uint16_t sum;
	size_t at;

	if (len >= SL_IPV4_HEADER && p[0] >> 4 == 4) {
		if ((p[0] & 15) < 5 || (p[0] & 15) * 4u > len)
			p[0] = 0x45;
		p[2] = (uint8_t)(len >> 8);
		p[3] = (uint8_t)len;
		p[10] = p[11] = 0;
		sum = (uint16_t)~rte_raw_cksum(p, (p[0] & 15) * 4u);
		memcpy(p + 10, &sum, 2);
	} else if (len >= SL_IPV6_HEADER && p[0] >> 4 == 6) {
		p[4] = (uint8_t)((len - SL_IPV6_HEADER) >> 8);
		p[5] = (uint8_t)(len - SL_IPV6_HEADER);
	}
	if (!sl_ip_headers(&ip, p, len))
		return;
	at = ip.at + (ip.protocol == SL_PROTOCOL_UDP ? 6 : 2);
	if (at + 2 > len || (ip.protocol != SL_PROTOCOL_UDP && ip.protocol != SL_PROTOCOL_ICMP &&
				    ip.protocol != SL_PROTOCOL_ICMPV6))
		return;
	if (ip.protocol == SL_PROTOCOL_UDP) {
		p[ip.at + 4] = (uint8_t)((len - ip.at) >> 8);
		p[ip.at + 5] = (uint8_t)(len - ip.at);
	}
	p[at] = p[at + 1] = 0;
	sum = sl_ip_checksum(&ip, p + ip.at, len - ip.at);
	memcpy(p + at, &sum, 2);
}

static void send_packet(const struct link *link, uint8_t *packet, size_t len, bool right)
{
	static const struct rte_ether_addr station = {{2, 0, 0, 0, 7, 7}};
	uint8_t frame[PACKET_MAX + sizeof(struct rte_ether_hdr)];
	struct rte_ether_hdr *eth = (void *)frame;

	if (right)
		put_right(packet, len);
	*eth = (struct rte_ether_hdr){link->port.mac, station,
		rte_cpu_to_be_16(packet[0] >> 4 == 6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4)};
	/* Groups have MACs of their own: neighbour solicitations come so. */
	if (packet[0] >> 4 == 6 && len >= SL_IPV6_HEADER && packet[24] == 0xff) {
		eth->dst_addr =
			(struct rte_ether_addr){{0x33, 0x33, packet[36], packet[37], packet[38], packet[39]}};
	}
	memcpy(eth + 1, packet, len);
	(void)gateway_receives(link, frame, sizeof(*eth) + len);
}

/* The record begins with a byte: 1 puts lengths and checksums right. */
static void packet_record(const struct link *link, struct record *r)
{
	const bool right = record_byte(r) & 1;
	uint8_t packet[PACKET_MAX];

	if (r->len == 0 || r->len > sizeof(packet))
		return;
	memcpy(packet, r->data, r->len);
	send_packet(link, packet, r->len, right);
}

/* Outer headers of what the peer sends. */
static size_t outer(uint8_t *p, size_t len)
{
	static const uint8_t ends[] = {192, 0, 2, 2, 192, 0, 2, 1, 0x11, 0x94, 0x11, 0x94, 0, 0, 0, 0};

	memset(p, 0, SL_IPV4_HEADER);
	p[0] = 0x45;
	p[8] = 64;
	p[9] = SL_PROTOCOL_UDP;
	memcpy(p + 12, ends, sizeof(ends));
	put_right(p, SL_IPV4_HEADER + 8 + len);
	return SL_IPV4_HEADER + 8 + len;
}

/* A packet inside: its lengths and checksums are right when the first byte of the record is odd. */
static void sealed_record(struct record *r)
{
	const bool right = record_byte(r) & 1;
	uint8_t packet[PACKET_MAX + 64], *esp = packet + SL_IPV4_HEADER + 8, *inner = esp + 16;
	struct sl_gcm_key *key = aligned_alloc(64, sizeof(*key));
	const uint64_t number = seq_spi == peer_child.spi_out ? ++seq : (seq = 1);
	size_t len = r->len;

	seq_spi = peer_child.spi_out;
	if (len > 0 && len < PACKET_MAX - 100) {
		const struct sl_esp_header head = {rte_cpu_to_be_32(peer_child.spi_out),
			rte_cpu_to_be_32((uint32_t)number), rte_cpu_to_be_64(number)};
		struct sl_esp_block nonce = {.counter = head.iv}, aad = {head.spi, head.iv};

		sl_gcm_expand(key, peer_child.cipher, peer_child.out.key);
		memcpy(&nonce, peer_child.out.salt, SL_GCM_SALT_LEN);
		memcpy(esp, &head, sizeof(head));
		memcpy(inner, r->data, len);
		if (right)
			put_right(inner, len);
		inner[len] = 0;
		inner[len + 1] = inner[0] >> 4 == 6 ? SL_ESP_NEXT_IPV6 : SL_ESP_NEXT_IPV4;
		sl_gcm_seal(key, peer_child.cipher, inner, len + 2, (const void *)&nonce, &aad, sizeof(aad),
			inner + len + 2);
		len = outer(packet, sizeof(head) + len + 2 + SL_GCM_ICV_LEN);
		send_packet(&whole.wire, packet, len, false);
	}
	free(key);
}

/* "Too big" about a packet of the link: the size, then which byte of it is wrong (0: none), and what it is instead. */
static void too_big_record(struct record *r)
{
	uint8_t p[SL_IPV4_HEADER + 8 + SL_IPV4_HEADER + 8 + 16] = {0x45};
	uint8_t *icmp = p + SL_IPV4_HEADER, *quoted = icmp + 8, *udp = quoted + SL_IPV4_HEADER;
	static const uint8_t from[] = {192, 0, 2, 77, 192, 0, 2, 1}, ends[] = {192, 0, 2, 1, 192, 0, 2, 2};
	const uint8_t high = record_byte(r), low = record_byte(r), wrong = record_byte(r),
		      byte = record_byte(r);
	const unsigned before = whole.peers[0].path_mtu;

	p[8] = quoted[8] = 64;
	p[9] = SL_PROTOCOL_ICMP;
	memcpy(p + 12, from, sizeof(from));
	icmp[0] = 3;
	icmp[1] = 4;
	icmp[6] = high;
	icmp[7] = low;
	quoted[0] = 0x45;
	quoted[2] = 5;
	quoted[9] = SL_PROTOCOL_UDP;
	memcpy(quoted + 12, ends, sizeof(ends));
	udp[0] = udp[2] = 0x11;
	udp[1] = udp[3] = 0x94;
	udp[4] = 5;
	udp[8] = (uint8_t)(peer_child.spi_in >> 24);
	udp[9] = (uint8_t)(peer_child.spi_in >> 16);
	udp[10] = (uint8_t)(peer_child.spi_in >> 8);
	udp[11] = (uint8_t)peer_child.spi_in;
	if (wrong)
		quoted[wrong % 40] = byte;
	send_packet(&whole.wire, p, sizeof(p), true);
	gateway_settle();
	MUST(whole.peers[0].path_mtu == before ||
		(whole.peers[0].path_mtu >= 576 && whole.peers[0].path_mtu < 1500));
}

/* ---- Requests ------------------------------------------------------------------------------------------------------------- */

static const char *const commands[] = {"/", "/help", "/info", "/sealane/gateway", "/sealane/peers",
	"/sealane/peer", "/sealane/rekey", "/sealane/rekey_ike", "/sealane/sessions", "/sealane/session",
	"/sealane/ports", "/sealane/port", "/sealane/neighbours", "/sealane/neighbour", "/sealane/routes",
	"/sealane/route", "/sealane/drops", "/sealane/drop", "/sealane/ike", "/sealane/ike_counter",
	"/sealane/workers", "/sealane/worker", "/sealane/reload", "/sealane/down", "/sealane/up"};

/* The control thread goes on while the request waits for it. */
static ssize_t hear(char *answer, size_t room)
{
	struct pollfd in = {.fd = telemetry_fd, .events = POLLIN};

	for (unsigned i = 0; i < TRIES; i++) {
		if (poll(&in, 1, i < 5 ? 0 : 1) > 0)
			return recv(telemetry_fd, answer, room, 0);
		gateway_settle();
	}
	return -1;
}

static void connect_telemetry(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char greeting[1024];

	telemetry_fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/dpdk_telemetry.v2", rte_eal_get_runtime_dir());
	if (connect(telemetry_fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
		hear(greeting, sizeof(greeting)) <= 0)
		abort();
}

static void telemetry_record(struct record *r)
{
	static char answer[ANSWER_MAX];
	const char *command = commands[record_byte(r) % RTE_DIM(commands)];
	char request[1024];
	json_error_t error;
	json_t *json;
	ssize_t len;
	int n;

	n = snprintf(request, sizeof(request), "%s%s%.*s", command, r->len ? "," : "",
		(int)RTE_MIN(r->len, 900u), (const char *)r->data);
	MUST(send(telemetry_fd, request, (size_t)n, 0) == n);
	len = hear(answer, sizeof(answer));
	MUST(len > 0);
	json = json_loadb(answer, (size_t)len, JSON_ALLOW_NUL, &error);
	if (!json) {
		fprintf(stderr, "request %s: %s in %.*s\n", request, error.text, (int)len, answer);
		abort();
	}
	json_decref(json);
}

/* ---- Looking at packets --------------------------------------------------------------------------------------------------- */

static struct watch_order order;
static struct watch *watches[2]; /* the worker's, the control thread's */

static void read_tape(struct watch *watch)
{
	static uint8_t block[PCAPNG_BLOCK_MAX + WATCH_FRAME_MAX];
	const struct watch_head *head;

	while ((head = tape_peek(watch->tape))) {
		const struct watch_packet *p = (const void *)head;
		char text[TRACE_TEXT_MAX];

		if (head->trace) {
			MUST(trace_text(text, (const void *)head, head->tsc, NULL) < sizeof(text));
		} else {
			const struct pcapng_packet packet = {.interface = p->where,
				.ns = head->tsc,
				.data = p->data,
				.captured = p->captured,
				.length = p->length,
				.comment = sl_drop_name(p->reason)};

			MUST(p->captured <= order.snaplen && p->captured <= p->length);
			MUST(pcapng_packet(block, &packet) <= PCAPNG_BLOCK_MAX + p->captured);
		}
		tape_take(watch->tape);
	}
}

static void stop_watching(void)
{
	if (!watches[0])
		return;
	whole.watch = NULL;
	watch_take(&whole.workers[0], NULL);
	for (unsigned i = 0; i < 2; i++) {
		read_tape(watches[i]);
		watch_free(watches[i]);
		watches[i] = NULL;
	}
}

/* The bytes of a request, as they come from the socket. */
static void watch_record(struct record *r)
{
	struct debug_request request = {0};

	memcpy(&request, r->data, RTE_MIN(r->len, sizeof(request)));
	gateway_settle();
	if (debug_check(&request, (ssize_t)r->len) || request.what == DEBUG_KEYLOG)
		return;
	stop_watching();
	if (!debug_order(&order, &request, &whole))
		return;
	watches[0] = watch_new(&whole, &whole.workers[0], &order);
	watches[1] = watch_new(&whole, NULL, &order);
	MUST(watches[0] && watches[1]);
	watch_take(&whole.workers[0], watches[0]);
	whole.watch = watches[1];
}

/* ---- The script ----------------------------------------------------------------------------------------------------------- */

static void play(struct record *r)
{
	switch ((enum kind)(r->kind % KINDS)) {
	case WIRE: (void)gateway_receives(&whole.wire, r->data, r->len); break;
	case PLAIN: (void)gateway_receives(&whole.plain, r->data, r->len); break;
	case WIRE_PACKET: packet_record(&whole.wire, r); break;
	case PLAIN_PACKET: packet_record(&whole.plain, r); break;
	case SEALED: sealed_record(r); break;
	case TOO_BIG: too_big_record(r); break;
	case TIME: gateway_wait((1 + (uint64_t)record_byte(r) * record_byte(r)) * (SECOND_NS / 1000)); break;
	case TELEMETRY: telemetry_record(r); break;
	case WATCH: watch_record(r); break;
	case KINDS: break;
	}
	/* Bursts of several, too. */
	if (r->kind & 0x80)
		gateway_settle();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	gateway_up();
	connect_telemetry();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script script = {.at = data + 1, .left = size - 1};
	struct record r;

	if (size < 1)
		return 0;
	while (next_record(&script, &r))
		play(&r);
	gateway_settle();
	stop_watching();
	gateway_calm();
	return 0;
}
