/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A flood, for scripts/floods.sh: frames from invented senders, each different, out of an interface, at a rate.
 *
 *     flood INTERFACE KIND MAC ADDRESS FRAMES RATE [FILE]
 *
 * MAC and ADDRESS (IPv4 or IPv6) are those of the gateway that is flooded; RATE is frames a second, 0: as fast as it goes.
 *
 *     ike     IKE_SA_INIT requests that a responder would answer, each from another address
 *     borrow  the same, but all from the one address that FILE is then: that of a peer
 *     spi     ESP in UDP with invented SPIs, each from another address
 *     arp     "who has ADDRESS?", or the neighbour solicitation of IPv6, each from another address of its network (of 16,
 *             or 64 bits) and MAC; IPv4 has no more than 65000 of these
 *     replay  the frames of FILE, a pcap, over and over
 *
 * INTERFACE may be ONE,OTHER,PID: then it sends into these in turns of a third of a second, and in the order one, other, other,
 * one; and prints a line for each turn, with the bytes a second that came meanwhile to eth0 in the network namespace of PID,
 * but for its first moments: `turn=0 bytes=...` of the one, 1 of the other. Only frames to the one are counted then.
 *
 * Ends after so many frames, or at SIGTERM, and prints one line: frames sent, seconds, and of how many different senders.
 * These are counted from what was sent, in a set, not taken from a plan.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include <pcap/pcap.h>

enum {
	BATCH = 32,
	FRAME_MAX = 2048,
	SET_BITS = 23, /* places for senders, twice as many as there may be */
	SENDERS_MAX = 1 << (SET_BITS - 1),
	TURN_MS = 300,
	SETTLE_MS = 60,
	REPLAY_MAX = 65536,
	IKE_PORT = 500,
	ESP_PORT = 4500,
	ESP_LEN = 100,
	IKE_AT_SPI = 0,
	IKE_AT_KE = 28 + 40 + 8,
	IKE_AT_NONCE = 28 + 40 + 40 + 4,
};

/* RFC 7296 3.1, 3.3, 3.4, 3.9: AES-GCM-16-256, PRF-HMAC-SHA2-256, X25519. SPI, KE and nonce are filled in. */
static const uint8_t ike_request[144] = {
	[16] = 33,
	0x20,
	34,
	0x08,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	144, /* header */
	34,
	0,
	0,
	40,
	0,
	0,
	0,
	36,
	1,
	1,
	0,
	3, /* SA, proposal 1 */
	3,
	0,
	0,
	12,
	1,
	0,
	0,
	20,
	0x80,
	14,
	1,
	0,
	3,
	0,
	0,
	8,
	2,
	0,
	0,
	5,
	0,
	0,
	0,
	8,
	4,
	0,
	0,
	31, /* its transforms */
	40,
	0,
	0,
	40,
	0,
	31,
	0,
	0, /* KE */
	[28 + 40 + 40] = 0,
	0,
	0,
	36, /* nonce */
};

struct target {
	uint8_t mac[6];
	bool v6;
	uint8_t address[16];
	uint8_t lender[16]; /* borrow */
};

static struct target target;
static volatile sig_atomic_t stopped;
static uint64_t rng_state;
static uint64_t senders_seen[1 << SET_BITS];
static unsigned senders;

static void die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* xorshift64*: that no two frames are alike is all that is asked of it. */
static uint64_t rnd(void)
{
	rng_state ^= rng_state >> 12;
	rng_state ^= rng_state << 25;
	rng_state ^= rng_state >> 27;
	return rng_state * UINT64_C(2685821657736338717);
}

static void fill(uint8_t *at, size_t len)
{
	for (; len >= 8; at += 8, len -= 8) {
		uint64_t r = rnd();

		memcpy(at, &r, 8);
	}
}

/* Counts a sender that was not there before. */
static void count_sender(uint64_t who)
{
	uint64_t at = (who * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - SET_BITS);

	while (senders_seen[at] && senders_seen[at] != who)
		at = (at + 1) & ((1 << SET_BITS) - 1);
	if (senders_seen[at] || senders == SENDERS_MAX)
		return;
	senders_seen[at] = who;
	senders++;
}

static uint32_t sum16(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (; len > 1; p += 2, len -= 2) {
		uint16_t word;

		memcpy(&word, p, 2);
		sum += word;
	}
	if (len)
		sum += *p;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* ---- Frames ------------------------------------------------------------------------------------------------------------ */

static uint8_t *ether(uint8_t *frame, uint16_t type)
{
	struct ether_header *eth = (void *)frame;

	memcpy(eth->ether_dhost, target.mac, 6);
	memcpy(eth->ether_shost, (const uint8_t[]){2, 0, 0, 0xf1, 0x00, 0xd0}, 6);
	eth->ether_type = htons(type);
	return frame + sizeof(*eth);
}

/* An address that nobody has: the n-th of 11/8, or of 2001:db8:f10d::/48. */
static void invent(uint8_t address[16], uint32_t n)
{
	if (target.v6) {
		memcpy(address, (const uint8_t[16]){0x20, 0x01, 0x0d, 0xb8, 0xf1, 0x0d}, 16);
		n = htonl(n);
		memcpy(address + 6, &n, 2);
		memcpy(address + 12, &n, 4);
	} else {
		n = htonl(UINT32_C(11) << 24 | (n & 0xffffff));
		memcpy(address, &n, 4);
	}
}

static uint64_t sender_of(const uint8_t *address)
{
	uint64_t high, low;

	if (!target.v6) {
		uint32_t ip;

		memcpy(&ip, address, 4);
		return UINT64_C(1) << 32 | ip;
	}
	memcpy(&high, address, 8);
	memcpy(&low, address + 8, 8);
	return high * 31 + low;
}

static size_t udp4(uint8_t *frame, const uint8_t *from, uint16_t port, const uint8_t *data, size_t len)
{
	struct iphdr *ip = (void *)ether(frame, ETHERTYPE_IP);
	struct udphdr *udp = (void *)(ip + 1);

	*ip = (struct iphdr){.version = 4,
		.ihl = 5,
		.tot_len = htons((uint16_t)(sizeof(*ip) + sizeof(*udp) + len)),
		.ttl = 64,
		.protocol = IPPROTO_UDP};
	memcpy(&ip->saddr, from, 4);
	memcpy(&ip->daddr, target.address, 4);
	ip->check = fold(sum16(ip, sizeof(*ip)));
	*udp = (struct udphdr){
		.source = htons(port), .dest = htons(port), .len = htons((uint16_t)(sizeof(*udp) + len))};
	memcpy(udp + 1, data, len);
	return ETHER_HDR_LEN + sizeof(*ip) + sizeof(*udp) + len;
}

static size_t udp6(uint8_t *frame, const uint8_t *from, uint16_t port, const uint8_t *data, size_t len)
{
	struct ip6_hdr *ip = (void *)ether(frame, ETHERTYPE_IPV6);
	struct udphdr *udp = (void *)(ip + 1);

	*ip = (struct ip6_hdr){0};
	ip->ip6_flow = htonl(6u << 28);
	ip->ip6_plen = htons((uint16_t)(sizeof(*udp) + len));
	ip->ip6_nxt = IPPROTO_UDP;
	ip->ip6_hlim = 64;
	memcpy(&ip->ip6_src, from, 16);
	memcpy(&ip->ip6_dst, target.address, 16);
	*udp = (struct udphdr){.source = htons(port), .dest = htons(port), .len = ip->ip6_plen};
	memcpy(udp + 1, data, len);
	udp->check = fold(
		sum16(&ip->ip6_src, 32) + ip->ip6_plen + htons(IPPROTO_UDP) + sum16(udp, sizeof(*udp) + len));
	if (udp->check == 0)
		udp->check = 0xffff;
	return ETHER_HDR_LEN + sizeof(*ip) + sizeof(*udp) + len;
}

static size_t udp(uint8_t *frame, const uint8_t *from, uint16_t port, const uint8_t *data, size_t len)
{
	count_sender(sender_of(from));
	return (target.v6 ? udp6 : udp4)(frame, from, port, data, len);
}

static size_t make_ike(uint8_t *frame, const uint8_t *from)
{
	uint8_t msg[sizeof(ike_request)];

	memcpy(msg, ike_request, sizeof(msg));
	fill(msg + IKE_AT_SPI, 8);
	fill(msg + IKE_AT_KE, 32);
	fill(msg + IKE_AT_NONCE, 32);
	return udp(frame, from, IKE_PORT, msg, sizeof(msg));
}

static size_t ike(uint8_t *frame, uint32_t n)
{
	uint8_t from[16];

	invent(from, n);
	return make_ike(frame, from);
}

static size_t borrow(uint8_t *frame, uint32_t n)
{
	(void)n;
	return make_ike(frame, target.lender);
}

static size_t spi(uint8_t *frame, uint32_t n)
{
	uint8_t from[16], esp[ESP_LEN] = {0};

	invent(from, n);
	fill(esp, 16);
	esp[0] |= 1; /* else it might look like IKE */
	return udp(frame, from, ESP_PORT, esp, sizeof(esp));
}

/* Gateways have the first addresses of their networks and a router the last one: who claims these, cuts them off. */
static uint16_t invent_host(uint32_t n)
{
	const unsigned host = 256 + n % 65000, last = host & 0xff;
	const bool taken = host >> 8 == target.address[2] && (last < 16 || last > 250);

	return htons((uint16_t)(taken ? host + 16 : host));
}

static size_t arp4(uint8_t *frame, uint32_t n)
{
	uint8_t *arp = ether(frame, ETHERTYPE_ARP), *sender = arp + 8;
	const uint16_t host = invent_host(n);

	/* To the one gateway: a broadcast would cost the others', who share our processor here, their own frames. */
	memcpy(arp, (const uint8_t[]){0, 1, 8, 0, 6, 4, 0, 1}, 8);
	memcpy(sender, (const uint8_t[]){2, 0, 0}, 3);
	memcpy(sender + 3, (const uint8_t *)&n, 3);
	memcpy(sender + 6, target.address, 2);
	memcpy(sender + 8, &host, 2);
	memset(sender + 10, 0, 6);
	memcpy(sender + 16, target.address, 4);
	memcpy(frame + 6, sender, 6);
	count_sender(sender_of(sender + 6));
	return 60;
}

static size_t arp6(uint8_t *frame, uint32_t n)
{
	struct ip6_hdr *ip = (void *)ether(frame, ETHERTYPE_IPV6);
	struct nd_neighbor_solicit *ns = (void *)(ip + 1);
	uint8_t *option = (uint8_t *)(ns + 1);
	const uint16_t len = sizeof(*ns) + 8;

	*ip = (struct ip6_hdr){0};
	ip->ip6_flow = htonl(6u << 28);
	ip->ip6_plen = htons(len);
	ip->ip6_nxt = IPPROTO_ICMPV6;
	ip->ip6_hlim = 255;
	memcpy(&ip->ip6_src, target.address, 8);
	n = htonl(n + 256);
	memcpy((uint8_t *)&ip->ip6_src + 12, &n, 4);
	memcpy(&ip->ip6_dst, target.address, 16);
	*ns = (struct nd_neighbor_solicit){0};
	ns->nd_ns_type = ND_NEIGHBOR_SOLICIT;
	memcpy(&ns->nd_ns_target, target.address, 16);
	memcpy(option, (const uint8_t[]){1, 1, 2, 0}, 4);
	memcpy(option + 4, &n, 4);
	memcpy(frame + 6, option + 2, 6);
	ns->nd_ns_cksum = fold(sum16(&ip->ip6_src, 32) + htons(len) + htons(IPPROTO_ICMPV6) + sum16(ns, len));
	count_sender(sender_of((const uint8_t *)&ip->ip6_src));
	return ETHER_HDR_LEN + sizeof(*ip) + len;
}

static size_t arp(uint8_t *frame, uint32_t n)
{
	return (target.v6 ? arp6 : arp4)(frame, n);
}

/* ---- Replay ------------------------------------------------------------------------------------------------------------- */

static struct {
	uint16_t len;
	uint8_t data[FRAME_MAX];
} * taped;
static unsigned taped_count;

static void read_tape(const char *path)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *file = pcap_open_offline(path, error);
	struct pcap_pkthdr *header;
	const u_char *data;

	taped = calloc(REPLAY_MAX, sizeof(*taped));
	if (!file || !taped) {
		fprintf(stderr, "flood: %s\n", file ? "out of memory" : error);
		exit(1);
	}
	while (taped_count < REPLAY_MAX && pcap_next_ex(file, &header, &data) == 1) {
		if (header->caplen != header->len || header->len > FRAME_MAX)
			continue;
		taped[taped_count].len = (uint16_t)header->len;
		memcpy(taped[taped_count++].data, data, header->len);
	}
	pcap_close(file);
	if (taped_count == 0) {
		fprintf(stderr, "flood: %s: no packets\n", path);
		exit(1);
	}
}

static size_t replay(uint8_t *frame, uint32_t n)
{
	memcpy(frame, taped[n % taped_count].data, taped[n % taped_count].len);
	return taped[n % taped_count].len;
}

/* ---- Sending ------------------------------------------------------------------------------------------------------------ */

static int open_interface(const char *name)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name)};
	int fd = socket(AF_PACKET, SOCK_RAW, 0), on = 1;

	if (to.sll_ifindex == 0 || fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		die(name);
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	return fd;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Sleeps until the frame with this number is due. */
static void pace(double start, uint64_t sent, double rate)
{
	double ahead = rate > 0 ? start + (double)sent / rate - now() : 0;

	if (ahead > 0)
		nanosleep(&(struct timespec){(time_t)ahead, (long)((ahead - (double)(time_t)ahead) * 1e9)},
			NULL);
}

static unsigned send_batch(int fd, size_t (*make)(uint8_t *, uint32_t), uint32_t first, unsigned n)
{
	static uint8_t frames[BATCH][FRAME_MAX];
	struct iovec iov[BATCH];
	struct mmsghdr messages[BATCH] = {0};
	int sent;

	for (unsigned i = 0; i < n; i++) {
		iov[i] = (struct iovec){frames[i], make(frames[i], first + i)};
		messages[i].msg_hdr.msg_iov = &iov[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	sent = sendmmsg(fd, messages, n, 0);
	if (sent < 0 && errno != ENOBUFS && errno != EAGAIN)
		die("sendmmsg");
	return sent < 0 ? 0 : (unsigned)sent;
}

/* ---- Turns -------------------------------------------------------------------------------------------------------------- */

struct turns {
	int fd[2];
	unsigned count, pid; /* pid 0: there is one interface only */
	bool marked;
	double began, mark;
	uint64_t bytes; /* at the mark */
};

/* What eth0 over there has received. */
static uint64_t received(unsigned pid)
{
	char path[64], line[512];
	unsigned long long bytes = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/net/dev", pid);
	f = fopen(path, "r");
	if (!f)
		die(path);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " eth0: %llu", &bytes) == 1)
			break;
	}
	fclose(f);
	return bytes;
}

/* 0 1 1 0 0 1 1 0: what drifts counts for both. */
static unsigned side(const struct turns *t)
{
	return (t->count + 1) / 2 % 2;
}

static void take_turns(struct turns *t)
{
	double at = now();

	if (t->pid == 0)
		return;
	if (!t->marked && at >= t->began + SETTLE_MS / 1e3) {
		t->bytes = received(t->pid);
		t->mark = now();
		t->marked = true;
	} else if (at >= t->began + TURN_MS / 1e3) {
		uint64_t bytes = received(t->pid) - t->bytes;

		printf("turn=%u bytes=%.0f\n", side(t), (double)bytes / (now() - t->mark));
		t->count++;
		t->began = now();
		t->marked = false;
	}
}

/* In turns as many as take that long, however slow this machine is. */
static bool enough(const struct turns *t, uint64_t sent, uint64_t frames, double rate)
{
	return t->pid ? t->count * rate * TURN_MS / 1e3 >= (double)frames : sent >= frames;
}

static void open_interfaces(struct turns *t, char *names)
{
	char *other = strchr(names, ','), *pid = other ? strchr(other + 1, ',') : NULL;

	*t = (struct turns){.began = now()};
	if (pid) {
		*other++ = *pid++ = '\0';
		t->pid = (unsigned)strtoul(pid, NULL, 10);
		t->fd[1] = open_interface(other);
	}
	t->fd[0] = open_interface(names);
}

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static bool read_target(char **argv)
{
	unsigned mac[6];

	if (sscanf(argv[0], "%x:%x:%x:%x:%x:%x", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6)
		return false;
	for (unsigned i = 0; i < 6; i++)
		target.mac[i] = (uint8_t)mac[i];
	target.v6 = strchr(argv[1], ':') != NULL;
	return inet_pton(target.v6 ? AF_INET6 : AF_INET, argv[1], target.address) == 1;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		size_t (*make)(uint8_t *frame, uint32_t n);
	} kinds[] = {{"ike", ike}, {"borrow", borrow}, {"spi", spi}, {"arp", arp}, {"replay", replay}};
	size_t (*make)(uint8_t * frame, uint32_t n) = NULL;
	uint64_t frames, sent = 0;
	uint32_t made = 0;
	double rate, start, seconds;
	uint64_t counted = 0;
	struct turns turns;

	for (unsigned i = 0; argc >= 7 && i < sizeof(kinds) / sizeof(*kinds); i++)
		make = strcmp(argv[2], kinds[i].name) == 0 ? kinds[i].make : make;
	if (!make || !read_target(argv + 3) || ((make == borrow || make == replay) && argc < 8)) {
		fprintf(stderr, "flood: expected INTERFACE KIND MAC ADDRESS FRAMES RATE [FILE]\n");
		return 2;
	}
	frames = strtoull(argv[5], NULL, 10);
	rate = strtod(argv[6], NULL);
	if (make == replay)
		read_tape(argv[7]);
	if (make == borrow && inet_pton(target.v6 ? AF_INET6 : AF_INET, argv[7], target.lender) != 1)
		return 2;
	if (getrandom(&rng_state, sizeof(rng_state), 0) != sizeof(rng_state))
		die("getrandom");
	made = (uint32_t)rnd(); /* another million at each call */
	open_interfaces(&turns, argv[1]);
	signal(SIGTERM, stop);
	for (start = now(); !enough(&turns, sent, frames, rate) && !stopped; pace(start, sent, rate)) {
		unsigned n = frames - sent < BATCH ? (unsigned)(frames - sent) : BATCH;

		n = send_batch(turns.fd[side(&turns)], make, made, n);
		made += n;
		sent += n;
		counted += side(&turns) == 0 ? n : 0;
		take_turns(&turns);
	}
	seconds = (now() - start) * (double)counted / (double)(sent ? sent : 1);
	printf("frames=%llu seconds=%.3f senders=%u\n", (unsigned long long)counted, seconds, senders);
	return 0;
}
