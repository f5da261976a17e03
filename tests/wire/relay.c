/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A wire in the middle, for tests: joins two DPDK ports or more, forwards every frame from each to all others, and keeps a
 * record.
 *
 *     relay EAL-ARGUMENTS -- PCAP [QUEUES-OF-A [QUEUES-OF-B ...]]
 *
 * The first port is side `a`, the second side `b`, and so on; each frame a gateway sends is written to PCAP as it was sent,
 * before anything is done to it. With one port only it is the end of a line: frames are recorded and go no further.
 *
 * Orders come as lines on stdin, each is answered by one line on stdout, `ok ...` or `error ...`. SIDE is where the
 * frames go to, not where they come from; "ESP" means sealed packets, so that IKE and ARP pass.
 *
 *     inject SIDE FILE     send every packet of a pcap, as if it had come from the wire
 *     drop SIDE N          lose the next N frames
 *     dup SIDE N           deliver each of the next N ESP frames twice
 *     swap SIDE            exchange the next two ESP frames
 *     flip SIDE OFFSET     flip a bit of byte OFFSET of the next ESP frame; from its end when negative
 *     queue SIDE N         frames to SIDE go into its queue N from now on
 *     nat SIDE PORT        translate SIDE's UDP port 4500 to PORT from now on, as a NAT without much memory; 0: not
 *     stats                counters and link states, as JSON
 *     quit                 also at the end of stdin
 *
 * Everything happens in EAL's interrupt thread, as an alarm that sets itself again: memif attaches and detaches its
 * shared memory in that same thread, so a gateway may be killed at any moment without pulling memory away under a burst.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pcap/pcap.h>
#include <rte_alarm.h>
#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

enum {
	BURST = 32,
	POOL_SIZE = 8191,
	IDLE_US = 100,     /* sleep when nothing came */
	SEND_TRIES = 1000, /* a full ring is given this many times SEND_WAIT_US to drain */
	SEND_WAIT_US = 100,
	LINE_LEN = 512,
	SNAP_LEN = 65535,
	IPV4_ESP = 50,
	IPV4_UDP = 17,
	NAT_PORT = 4500,
	SIDES_MAX = 4,
};

/* One end of the wire, and what is done to frames that go there. */
struct side {
	uint16_t port;
	uint16_t queues, queue; /* all are read, frames to this side go into one */
	unsigned drop, dup;
	bool swap, flip;
	long flip_offset;
	uint16_t nat;          /* what its UDP port 4500 looks like from the other side; 0: not translated */
	struct rte_mbuf *held; /* by swap: the first of the two frames */
	uint64_t received, sent, dropped, lost;
};

static struct side sides[SIDES_MAX]; /* a, b, ... */
static unsigned side_count;
static struct rte_mempool *pool;
static pcap_t *pcap;
static pcap_dumper_t *record_file;
static bool quit;
static sem_t done;

static const uint8_t *bytes_of(const struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod(m, const uint8_t *);
}

static unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* ESP by protocol number or in UDP 4500; there, four zero bytes mark IKE instead (RFC 3948 2.2). */
static bool is_esp(const struct rte_mbuf *m)
{
	static const uint8_t marker[4];
	const uint8_t *p = bytes_of(m);
	unsigned ip_len;

	if (m->data_len < 14 + 20 || be16(p + 12) != RTE_ETHER_TYPE_IPV4)
		return false;
	ip_len = (p[14] & 15) * 4U;
	if (p[14 + 9] == IPV4_ESP)
		return true;
	if (p[14 + 9] != IPV4_UDP || m->data_len < 14 + ip_len + 8 + sizeof(marker))
		return false;
	p += 14 + ip_len;
	return be16(p + 2) == NAT_PORT && memcmp(p + 8, marker, sizeof(marker)) != 0;
}

static void record(const struct rte_mbuf *m)
{
	struct pcap_pkthdr header = {.caplen = m->data_len, .len = m->pkt_len};
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	header.ts.tv_sec = now.tv_sec;
	header.ts.tv_usec = now.tv_nsec / 1000;
	pcap_dump((u_char *)record_file, &header, bytes_of(m));
}

static bool link_up(const struct side *side)
{
	struct rte_eth_link link = {0};

	return rte_eth_link_get_nowait(side->port, &link) == 0 && link.link_status;
}

/* Takes the frame in any case. A gateway that is slow is waited for; one that is not there loses it. */
static void send_frame(struct side *to, struct rte_mbuf *m)
{
	for (unsigned tries = 0; tries < SEND_TRIES && link_up(to); tries++) {
		if (rte_eth_tx_burst(to->port, to->queue, &m, 1) == 1) {
			to->sent++;
			return;
		}
		rte_delay_us_sleep(SEND_WAIT_US);
	}
	to->lost++;
	rte_pktmbuf_free(m);
}

static void flip_bit(struct side *to, struct rte_mbuf *m)
{
	long at = to->flip_offset < 0 ? m->data_len + to->flip_offset : to->flip_offset;

	to->flip = false;
	if (at >= 0 && at < m->data_len)
		rte_pktmbuf_mtod(m, uint8_t *)[at] ^= 1;
}

/* Takes the frame through the orders that wait for one, then sends what is left of it. */
static void deliver(struct side *to, struct rte_mbuf *m)
{
	struct rte_mbuf *held = to->held, *twin = NULL;

	if (to->drop > 0) {
		to->drop--;
		to->dropped++;
		rte_pktmbuf_free(m);
		return;
	}
	if (is_esp(m)) {
		if (to->flip)
			flip_bit(to, m);
		if (to->swap && held == NULL) {
			to->held = m;
			return;
		}
		if (to->dup > 0) {
			to->dup--;
			twin = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);
		}
		to->held = NULL;
		to->swap = false;
	} else {
		held = NULL;
	}
	send_frame(to, m);
	if (twin != NULL)
		send_frame(to, twin);
	if (held != NULL)
		send_frame(to, held);
}

/* Writes a UDP port in the place of another. False when another stands there; what is not UDP is left alone. */
static bool translate(struct rte_mbuf *m, size_t field, unsigned old, unsigned new)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *), *port = p + 14 + 20 + field;

	if (m->data_len < 14 + 20 + 8 || be16(p + 12) != RTE_ETHER_TYPE_IPV4 || p[14 + 9] != IPV4_UDP)
		return true;
	if (be16(port) != old)
		return false;
	port[0] = (uint8_t)(new >> 8);
	port[1] = (uint8_t) new;
	return true;
}

/* False when the NAT knows nobody the frame could be for. */
static bool through_nat(const struct side *from, const struct side *to, struct rte_mbuf *m)
{
	if (from->nat && !translate(m, 0, NAT_PORT, from->nat))
		return false;
	return !to->nat || translate(m, 2, to->nat, NAT_PORT);
}

/* Each other side gets a copy of its own, in case something is done to it. */
static void deliver_to_all(struct side *from, struct rte_mbuf *m)
{
	for (unsigned i = 0; i < side_count; i++) {
		struct rte_mbuf *copy = &sides[i] != from ? rte_pktmbuf_copy(m, pool, 0, UINT32_MAX) : NULL;

		if (copy != NULL && through_nat(from, &sides[i], copy))
			deliver(&sides[i], copy);
		else
			rte_pktmbuf_free(copy);
	}
	rte_pktmbuf_free(m);
}

static bool forward_queue(struct side *from, uint16_t queue)
{
	struct rte_mbuf *burst[BURST];
	uint16_t count = rte_eth_rx_burst(from->port, queue, burst, BURST);

	from->received += count;
	for (uint16_t i = 0; i < count; i++) {
		record(burst[i]);
		deliver_to_all(from, burst[i]);
	}
	if (count > 0)
		pcap_dump_flush(record_file);
	return count > 0;
}

static bool forward(struct side *from)
{
	bool busy = false;

	for (uint16_t queue = 0; queue < from->queues; queue++)
		busy |= forward_queue(from, queue);
	return busy;
}

/* ---- Orders ------------------------------------------------------------------------------------------------------ */

static void reply(const char *format, ...) __rte_format_printf(1, 2);

static void reply(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static void inject(struct side *to, const char *path)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *file = pcap_open_offline(path, why);
	struct pcap_pkthdr *header;
	const u_char *bytes;
	unsigned count = 0;
	int more;

	if (file == NULL) {
		reply("error %s", why);
		return;
	}
	while ((more = pcap_next_ex(file, &header, &bytes)) == 1) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		char *room = m == NULL ? NULL : rte_pktmbuf_append(m, (uint16_t)header->caplen);

		if (room == NULL) {
			rte_pktmbuf_free(m);
			break;
		}
		memcpy(room, bytes, header->caplen);
		send_frame(to, m);
		count++;
	}
	pcap_close(file);
	if (more == PCAP_ERROR_BREAK)
		reply("ok %u", count);
	else
		reply("error after %u packets: one is too long or damaged", count);
}

static void stats(void)
{
	char text[SIDES_MAX * 256];
	size_t len = 0;

	for (unsigned i = 0; i < side_count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
			"%s\"%c\": {\"up\": %s, \"received\": %" PRIu64 ", \"sent\": %" PRIu64
			", \"dropped\": %" PRIu64 ", \"lost\": %" PRIu64 "}",
			i > 0 ? ", " : "", 'a' + (int)i, link_up(&sides[i]) ? "true" : "false",
			sides[i].received, sides[i].sent, sides[i].dropped, sides[i].lost);
	reply("ok {%s}", text);
}

static void order_for_side(const char *verb, struct side *to, const char *argument)
{
	long number = strtol(argument, NULL, 0);

	if (strcmp(verb, "inject") == 0) {
		inject(to, argument);
		return;
	}
	if (strcmp(verb, "drop") == 0) {
		to->drop = (unsigned)number;
	} else if (strcmp(verb, "dup") == 0) {
		to->dup = (unsigned)number;
	} else if (strcmp(verb, "nat") == 0) {
		to->nat = (uint16_t)number;
	} else if (strcmp(verb, "queue") == 0 && number >= 0 && number < to->queues) {
		to->queue = (uint16_t)number;
	} else if (strcmp(verb, "swap") == 0) {
		to->swap = true;
	} else if (strcmp(verb, "flip") == 0) {
		to->flip = true;
		to->flip_offset = number;
	} else {
		reply("error unknown order '%s', or no such queue", verb);
		return;
	}
	reply("ok");
}

static void obey(const char *line)
{
	char verb[16], side[2], argument[LINE_LEN] = "";
	int fields = sscanf(line, "%15s %1s %511s", verb, side, argument);

	if (fields == 1 && strcmp(verb, "quit") == 0) {
		quit = true;
		reply("ok");
	} else if (fields == 1 && strcmp(verb, "stats") == 0) {
		stats();
	} else if (fields >= 2 && side[0] >= 'a' && side[0] < 'a' + (int)side_count) {
		order_for_side(verb, &sides[side[0] - 'a'], argument);
	} else {
		reply("error '%s' is no order, or names a side that is not there", line);
	}
}

/* Reads what has come on stdin, without waiting, and obeys each complete line. */
static void listen_for_orders(void)
{
	static char buffer[LINE_LEN];
	static size_t used;
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	ssize_t got;
	char *end;

	if (poll(&in, 1, 0) <= 0)
		return;
	got = read(STDIN_FILENO, buffer + used, sizeof(buffer) - 1 - used);
	if (got <= 0) {
		quit = true;
		return;
	}
	used += (size_t)got;
	buffer[used] = '\0';
	while (!quit && (end = strchr(buffer, '\n')) != NULL) {
		*end = '\0';
		obey(buffer);
		used -= (size_t)(end + 1 - buffer);
		memmove(buffer, end + 1, used + 1);
	}
}

static void turn(void *unused)
{
	bool busy = false;

	for (unsigned i = 0; i < side_count; i++)
		busy |= forward(&sides[i]);
	listen_for_orders();
	if (quit)
		sem_post(&done);
	else
		rte_eal_alarm_set(busy ? 1 : IDLE_US, turn, unused);
}

/* ---- Start ------------------------------------------------------------------------------------------------------- */

static void fail(const char *what)
{
	fprintf(stderr, "relay: %s\n", what);
	exit(1);
}

/* As many queues as the gateway has there: memif does not agree on another number. */
static void open_side(struct side *side, uint16_t port, uint16_t queues)
{
	struct rte_eth_conf conf = {0};

	*side = (struct side){.port = port, .queues = queues};
	if (rte_eth_dev_configure(port, queues, queues, &conf) != 0)
		fail("a port cannot be configured");
	for (uint16_t queue = 0; queue < queues; queue++) {
		if (rte_eth_rx_queue_setup(port, queue, 0, SOCKET_ID_ANY, NULL, pool) != 0 ||
			rte_eth_tx_queue_setup(port, queue, 0, SOCKET_ID_ANY, NULL) != 0)
			fail("a queue cannot be set up");
	}
	if (rte_eth_dev_start(port) != 0)
		fail("a port does not start");
}

static void open_record(const char *path)
{
	pcap = pcap_open_dead(DLT_EN10MB, SNAP_LEN);
	record_file = pcap == NULL ? NULL : pcap_dump_open(pcap, path);
	if (record_file == NULL)
		fail("the pcap cannot be written");
	/* An empty record is a record, too: readers need its header. */
	pcap_dump_flush(record_file);
}

int main(int argc, char **argv)
{
	int used = rte_eal_init(argc, argv);
	uint16_t ports;

	if (used < 0 || argc - used < 2 || argc - used > 2 + SIDES_MAX)
		fail("usage: relay EAL-ARGUMENTS -- PCAP [QUEUES-OF-A [QUEUES-OF-B ...]]");
	ports = rte_eth_dev_count_avail();
	if (ports < 1 || ports > SIDES_MAX)
		fail("one to four ports are needed");
	pool = rte_pktmbuf_pool_create("relay", POOL_SIZE, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (pool == NULL)
		fail("no memory for packets");
	open_record(argv[used + 1]);
	for (uint16_t i = 0; i < ports; i++) {
		const char *queues = used + 2 + i < argc ? argv[used + 2 + i] : "1";

		open_side(&sides[i], i, (uint16_t)strtoul(queues, NULL, 10));
		side_count = i + 1U;
	}

	sem_init(&done, 0, 0);
	reply("ok ready");
	rte_eal_alarm_set(1, turn, NULL);
	while (sem_wait(&done) != 0)
		;
	pcap_dump_close(record_file);
	pcap_close(pcap);
	/* Closing a memif while its other end goes, too, may have DPDK's thread use what has just been freed. */
	_exit(0);
}
