/* SPDX-License-Identifier: BSD-3-Clause */
/* `sealane bench`: see bench.h. Puts workers between a source and net_null, lets them run, takes all apart. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>

#include "../../lib/crypto/crypto.h"
#include "../commands.h"
#include "../gateway/eal.h"
#include "bench.h"

enum {
	/* More than a burst, or packets would go round through all the memory of their pool. */
	MBUF_CACHE = RTE_MEMPOOL_CACHE_MAX_SIZE,
	PCAP_MBUFS = 8191, /* of each worker, for net_pcap */
	DESCRIPTORS = 1024,
	PROGRESS_MS = 250,
	MEMORY_MIB = 320, /* routes, tables; then a worker's tables and packets */
	WORKER_MIB = 32,
};

/* ---- DPDK ---------------------------------------------------------------------------------------------------------------- */

static unsigned mbuf_room(const struct bench_options *o)
{
	unsigned frame = sizeof(struct sl_esp_template) + o->size + SL_ESP_TAILROOM + RTE_ETHER_HDR_LEN;

	return RTE_PKTMBUF_HEADROOM + RTE_MAX(frame, (unsigned)RTE_MBUF_DEFAULT_DATAROOM);
}

static unsigned memory_mib(const struct bench_options *o)
{
	unsigned packets = bench_batch(o) + (o->pcap ? PCAP_MBUFS : 0);

	return MEMORY_MIB + o->workers * (WORKER_MIB + ((packets * (mbuf_room(o) + 512)) >> 20));
}

static bool huge_pages_suffice(unsigned mib)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	unsigned pages = 0;

	if (!f)
		return false;
	if (fscanf(f, "%u", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages >= mib / 2;
}

/*
 * The --lcores argument: a CPU for each worker, the last ones first; the control thread, which sleeps meanwhile, may be on
 * any. Returns an exit code.
 */
static int choose_lcores(char **arg, unsigned workers)
{
	cpu_set_t cpus;
	size_t size;
	FILE *f;
	char between = '(';

	if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
		return sl_cli_fail("bench: the CPUs of this process are unknown: %s", strerror(errno));
	if ((unsigned)CPU_COUNT(&cpus) < workers)
		return sl_cli_fail(
			"bench: %u workers need as many CPUs, and here are %d", workers, CPU_COUNT(&cpus));
	f = open_memstream(arg, &size);
	if (!f)
		return sl_cli_fail("bench: out of memory");
	fputs("--lcores=0@", f);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &cpus))
			fprintf(f, "%c%d", between, cpu);
		between = CPU_ISSET(cpu, &cpus) ? ',' : between;
	}
	fputc(')', f);
	for (int cpu = CPU_SETSIZE - 1, worker = 0; worker < (int)workers; cpu--) {
		if (CPU_ISSET(cpu, &cpus))
			fprintf(f, ",%d@%d", ++worker, cpu);
	}
	fclose(f);
	return SL_EXIT_DONE;
}

/* No device of the machine, no root, and huge pages only where there are some. Returns an exit code. */
static int start_dpdk(const struct bench_options *o)
{
	static char no_pci[] = "--no-pci", no_telemetry[] = "--no-telemetry", in_memory[] = "--in-memory",
		    no_huge[] = "--no-huge", megabytes[32], name[32];
	char *lcores, *args[] = {no_pci, no_telemetry, NULL, in_memory, NULL, NULL};
	int code = choose_lcores(&lcores, o->workers);

	if (code != SL_EXIT_DONE)
		return code;
	args[2] = lcores;
	if (!huge_pages_suffice(memory_mib(o))) {
		snprintf(megabytes, sizeof(megabytes), "-m%u", memory_mib(o));
		args[3] = no_huge;
		args[4] = megabytes;
	}
	snprintf(name, sizeof(name), "bench-%d", (int)getpid());
	return eal_start(name, NULL, args) == 0 ? SL_EXIT_DONE : SL_EXIT_FAILED;
}

static struct rte_mempool *packet_pool(
	const char *name, unsigned worker, unsigned count, const struct bench_options *o)
{
	char text[RTE_MEMPOOL_NAMESIZE];

	snprintf(text, sizeof(text), "%s%u", name, worker);
	return rte_pktmbuf_pool_create(text, count, RTE_MIN((unsigned)MBUF_CACHE, count / 2), 0,
		(uint16_t)mbuf_room(o), SOCKET_ID_ANY);
}

/* ---- Ports --------------------------------------------------------------------------------------------------------------- */

/* Adds a device, with one queue each way a worker and its packets from the pool that pools[] names. Returns 0 or -1. */
static int open_port(struct port *port, const char *device, const char *args, struct rte_mempool **pools,
	const struct bench_options *o)
{
	const struct rte_eth_conf conf = {0};
	int err = rte_eal_hotplug_add("vdev", device, args);

	if (!err)
		err = rte_eth_dev_get_port_by_name(device, &port->id);
	if (!err)
		err = rte_eth_dev_configure(port->id, (uint16_t)o->workers, (uint16_t)o->workers, &conf);
	for (uint16_t q = 0; q < o->workers && !err; q++) {
		err = rte_eth_rx_queue_setup(port->id, q, DESCRIPTORS, SOCKET_ID_ANY, NULL, pools[q]);
		if (!err)
			err = rte_eth_tx_queue_setup(port->id, q, DESCRIPTORS, SOCKET_ID_ANY, NULL);
	}
	if (!err)
		err = rte_eth_dev_start(port->id);
	if (err)
		return sl_cli_fail("bench: DPDK's device %s cannot be used: %s", device, strerror(-err));
	port->rx_queues = port->tx_queues = (uint16_t)o->workers;
	return SL_EXIT_DONE;
}

/* A file for each queue; the port has read them when it has started. */
static int open_pcap(struct bench *b, struct rte_mempool **pools)
{
	char *args = NULL, paths[SL_WORKERS_MAX][32];
	size_t size;
	FILE *f = open_memstream(&args, &size);
	int code = f ? SL_EXIT_DONE : sl_cli_fail("bench: out of memory");
	unsigned w = 0;

	for (; w < b->options.workers && code == SL_EXIT_DONE; w++) {
		int err;

		strcpy(paths[w], "/tmp/sealane-bench-XXXXXX");
		err = bench_write_source(b, w, paths[w]);
		if (err)
			code = sl_cli_fail("bench: cannot write %s: %s", paths[w], strerror(-err));
		fprintf(f, "rx_pcap=%s,", paths[w]);
	}
	if (f) {
		fputs("infinite_rx=1", f);
		fclose(f);
	}
	if (code == SL_EXIT_DONE)
		code = open_port(&b->plain, "net_pcap0", args, pools, &b->options);
	while (w-- > 0)
		unlink(paths[w]);
	free(args);
	return code;
}

static int open_ports(struct bench *b)
{
	static const char quiet[] = "no-rx=1,copy=0";
	struct rte_mempool *pools[SL_WORKERS_MAX];
	int code;

	for (unsigned w = 0; w < b->options.workers; w++) {
		b->lanes[w].pool = pools[w] = packet_pool("batch", w, bench_batch(&b->options), &b->options);
		if (!pools[w])
			return sl_cli_fail("bench: no memory for packets: %s", rte_strerror(rte_errno));
	}
	code = open_port(&b->wire, "net_null0", quiet, pools, &b->options);
	if (code != SL_EXIT_DONE)
		return code;
	/* The devices do not look at addresses. */
	b->wire.mac = (struct rte_ether_addr){{2, 0, 0, 0, 0, 1}};
	b->plain.mac = (struct rte_ether_addr){{2, 0, 0, 0, 0, 2}};
	if (!b->options.pcap)
		return open_port(&b->plain, "net_null1", quiet, pools, &b->options);
	for (unsigned w = 0; w < b->options.workers; w++) {
		pools[w] = packet_pool("source", w, PCAP_MBUFS, &b->options);
		if (!pools[w])
			return sl_cli_fail("bench: no memory for packets: %s", rte_strerror(rte_errno));
	}
	return open_pcap(b, pools);
}

/* ---- Lanes --------------------------------------------------------------------------------------------------------------- */

static int set_up_lane(struct bench *b, unsigned id, unsigned lcore)
{
	static const struct rte_ether_addr host = {{2, 0, 0, 0, 0, 9}};
	const struct sl_addr host_ip = sl_addr_v4(BENCH_HOST);
	struct worker *w = &b->workers[id];
	struct lane *lane = &b->lanes[id];

	w->all = b->workers;
	w->lcore = lcore;
	w->plain_open = true;
	w->wake_fd = -1;
	w->control_sleeps = &b->control_sleeps;
	if (worker_init(w, id, b->options.workers, &b->wire, &b->plain, NULL) != 0)
		return -1;
	w->burst = (uint16_t)b->options.burst;
	w->dp.wire = (struct sl_link){.mac = b->wire.mac, .count4 = 1, .ip4 = {BENCH_WIRE_NEAR}};
	w->dp.plain = (struct sl_link){.mac = b->plain.mac, .count4 = 1, .ip4 = {BENCH_HOST - 8}};
	w->dp.clamp_mss = true;
	w->dp.routes = b->routes;
	if (sl_neighbour_set(&w->dp, &host_ip, &host) != 0)
		return -1;
	lane->worker = w;
	return bench_sessions(lane) || lane_init(lane) ? -1 : 0;
}

static int set_up(struct bench *b)
{
	size_t workers_size = b->options.workers * sizeof(*b->workers),
	       lanes_size = b->options.workers * sizeof(*b->lanes);
	unsigned lcore, id = 0;
	int code;

	b->workers = aligned_alloc(RTE_CACHE_LINE_SIZE, workers_size);
	b->lanes = aligned_alloc(RTE_CACHE_LINE_SIZE, lanes_size);
	if (!b->workers || !b->lanes)
		return sl_cli_fail("bench: out of memory");
	memset(b->workers, 0, workers_size);
	memset(b->lanes, 0, lanes_size);
	for (unsigned i = 0; i < b->options.workers; i++)
		b->lanes[i].bench = b;
	code = open_ports(b);
	if (code != SL_EXIT_DONE)
		return code;
	if (bench_routes(b))
		return sl_cli_fail("bench: no memory for the routes: %s", rte_strerror(rte_errno));
	RTE_LCORE_FOREACH_WORKER (lcore) {
		if (set_up_lane(b, id++, lcore))
			return sl_cli_fail("bench: no memory for %u sessions", b->options.sessions);
	}
	return b->options.capture ? bench_capture(b) : SL_EXIT_DONE;
}

static bool all_finished(const struct bench *b)
{
	for (unsigned w = 0; w < b->options.workers; w++)
		if (!atomic_load(&b->lanes[w].finished))
			return false;
	return true;
}

/* This thread sleeps, so that the workers have the machine. */
static int measure(struct bench *b)
{
	uint64_t start = gateway_now();
	double seconds = 0;

	for (unsigned w = 0; w < b->options.workers; w++) {
		if (worker_start(&b->workers[w]) != 0)
			return sl_cli_fail("bench: worker %u did not start", w);
	}
	while (!all_finished(b)) {
		double left = b->options.seconds - seconds;

		usleep(1000 * (left > 0 && left * 1000 < PROGRESS_MS ? (useconds_t)(left * 1000) + 1
								     : PROGRESS_MS));
		seconds = (double)(gateway_now() - start) / (double)SECOND_NS;
		if (seconds >= b->options.seconds)
			atomic_store(&b->stop, true);
		bench_progress(b, seconds);
	}
	for (unsigned w = 0; w < b->options.workers; w++)
		worker_stop(&b->workers[w]);
	if (bench_capture_end() != 0)
		return sl_cli_fail(
			"bench: cannot write --capture %s: %s", b->options.capture, strerror(errno));
	return bench_report(b);
}

static void take_apart(struct bench *b)
{
	for (unsigned w = 0; w < b->options.workers; w++) {
		struct lane *lane = &b->lanes[w];

		if (b->options.open)
			sl_dataplane_fini(&lane->far);
		worker_fini(&b->workers[w]);
		bench_sessions_free(lane);
		free(lane->rounds);
	}
	sl_routes_free(b->routes);
	free(b->workers);
	free(b->lanes);
}

int sl_cmd_bench(int argc, char **argv)
{
	static struct bench b;
	int code = bench_options_parse(&b.options, argc, argv);

	if (code == SL_EXIT_DONE)
		code = sl_cli_init_crypto();
	if (code != SL_EXIT_DONE)
		return code;
	b.keylog = keylog_new();
	if (!b.keylog || (b.options.keylog && keylog_to_files(b.keylog, b.options.keylog)))
		return SL_EXIT_FAILED;
	code = start_dpdk(&b.options);
	if (code != SL_EXIT_DONE)
		return code;
	log_init();
	code = set_up(&b);
	if (code != SL_EXIT_DONE)
		return code;
	code = measure(&b);
	if (code == SL_EXIT_DONE)
		take_apart(&b);
	keylog_free(b.keylog);
	rte_eal_cleanup();
	/* Named after this process: nobody will use it again. */
	rmdir(rte_eal_get_runtime_dir());
	return code;
}
