/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets to and from pcap files: what net_pcap is to read, and one round of what the workers send, for others to look
 * at.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "../commands.h"
#include "bench.h"

enum { SNAPLEN = 16384 };

/* ---- A source -------------------------------------------------------------------------------------------------------- */

static void write_packet(pcap_dumper_t *dumper, const struct rte_mbuf *m)
{
	const struct pcap_pkthdr header = {.caplen = m->data_len, .len = m->data_len};

	pcap_dump((u_char *)dumper, &header, rte_pktmbuf_mtod(m, const u_char *));
}

static int write_packets(const struct bench *b, unsigned worker, pcap_dumper_t *dumper)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(b->lanes[worker].pool);

	if (!m)
		return -ENOMEM;
	memset(m->buf_addr, 0, m->buf_len);
	for (unsigned i = 0; i < BENCH_PCAP_PACKETS; i++) {
		bench_frame(b, m, bench_remote(b, worker, i % b->options.sessions), i);
		write_packet(dumper, m);
	}
	rte_pktmbuf_free(m);
	return pcap_dump_flush(dumper) == 0 ? 0 : -errno;
}

int bench_write_source(const struct bench *b, unsigned worker, char *path)
{
	int fd = mkstemp(path), err = -errno;
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	pcap_dumper_t *dumper = file && pcap ? pcap_dump_fopen(pcap, file) : NULL;

	if (dumper) {
		err = write_packets(b, worker, dumper);
		pcap_dump_close(dumper);
	}
	if (pcap)
		pcap_close(pcap);
	return err;
}

/* ---- What is sent ---------------------------------------------------------------------------------------------------- */

static pcap_t *pcap;
static pcap_dumper_t *capture;
static pthread_mutex_t capture_lock = PTHREAD_MUTEX_INITIALIZER;

/* A transmit callback. Nobody looks at the clock any more when a lane captures. */
static uint16_t write_sent(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t n, void *arg)
{
	const struct lane *lane = arg;

	(void)port;
	(void)queue;
	if (!lane->capturing)
		return n;
	pthread_mutex_lock(&capture_lock);
	for (unsigned i = 0; i < n; i++)
		write_packet(capture, frames[i]);
	pthread_mutex_unlock(&capture_lock);
	return n;
}

int bench_capture(struct bench *b)
{
	const struct port *port = b->options.open ? &b->plain : &b->wire;

	pcap = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	capture = pcap ? pcap_dump_open(pcap, b->options.capture) : NULL;
	if (!capture)
		return sl_cli_fail("bench: cannot write --capture %s", pcap ? pcap_geterr(pcap) : "file");
	for (unsigned w = 0; w < b->options.workers; w++) {
		if (!rte_eth_add_tx_callback(port->id, (uint16_t)w, write_sent, &b->lanes[w]))
			return sl_cli_fail(
				"bench: DPDK here has no transmit callbacks, which --capture needs");
	}
	return SL_EXIT_DONE;
}

int bench_capture_end(void)
{
	int err;

	if (!capture)
		return 0;
	err = pcap_dump_flush(capture);
	pcap_dump_close(capture);
	pcap_close(pcap);
	return err;
}
