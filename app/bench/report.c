/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From rounds to figures: medians over the rounds in which the machine was at its full speed.
 *
 * With several workers a round is as long as its slowest lane took, and so is a packet: packets a second are those of all
 * lanes in that time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include <rte_cycles.h>

#include "../../lib/crypto/crypto.h"
#include "../commands.h"
#include "bench.h"

/* A probe may take this much longer than the fastest, in percent. */
enum { PROBE_TOLERANCE = 10 };

struct figures {
	unsigned rounds, dropped;
	uint64_t packets;
	double cycles, bare, overhead; /* a packet, medians */
	double all;                    /* the same as cycles, over the dropped rounds too */
	double probe;
};

/* One round of all lanes: the slowest. */
static struct bench_round merge(const struct bench *b, unsigned round)
{
	struct bench_round slowest = {0};

	for (unsigned w = 0; w < b->options.workers; w++) {
		const struct bench_round *r = &b->lanes[w].rounds[round];

		slowest.gateway = RTE_MAX(slowest.gateway, r->gateway);
		slowest.bare = RTE_MAX(slowest.bare, r->bare);
		slowest.probe = RTE_MAX(slowest.probe, r->probe);
		slowest.packets = r->packets;
	}
	return slowest;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, unsigned count)
{
	if (count == 0)
		return 0;
	qsort(values, count, sizeof(*values), compare);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static unsigned rounds_of_all(const struct bench *b)
{
	unsigned rounds = BENCH_ROUNDS;

	for (unsigned w = 0; w < b->options.workers; w++)
		rounds =
			RTE_MIN(rounds, atomic_load_explicit(&b->lanes[w].round_count, memory_order_acquire));
	return rounds;
}

static int figures_of(const struct bench *b, struct figures *f)
{
	unsigned rounds = rounds_of_all(b);
	double *cycles = calloc(5 * rounds + 1, sizeof(*cycles)), *bare = cycles + rounds;
	double *overhead = bare + rounds, *probes = overhead + rounds, *all = probes + rounds;
	uint64_t fastest = UINT64_MAX;

	*f = (struct figures){0};
	if (!cycles)
		return -1;
	for (unsigned i = 0; i < rounds; i++)
		fastest = RTE_MIN(fastest, merge(b, i).probe);
	for (unsigned i = 0; i < rounds; i++) {
		struct bench_round r = merge(b, i);

		all[i] = (double)r.gateway / r.packets;
		if (r.probe > fastest + fastest * PROBE_TOLERANCE / 100) {
			f->dropped++;
			continue;
		}
		cycles[f->rounds] = all[i];
		bare[f->rounds] = (double)r.bare / bench_batch(&b->options);
		overhead[f->rounds] = cycles[f->rounds] - bare[f->rounds];
		probes[f->rounds++] = (double)r.probe;
	}
	f->cycles = median(cycles, f->rounds);
	f->bare = median(bare, f->rounds);
	f->overhead = median(overhead, f->rounds);
	f->probe = median(probes, f->rounds);
	f->all = median(all, rounds);
	for (unsigned w = 0; w < b->options.workers; w++)
		f->packets += b->workers[w].dp.counters.rx_plain + b->workers[w].dp.counters.rx_wire;
	free(cycles);
	return 0;
}

/* Of all workers, from cycles a packet of one. */
static double mpps(const struct bench *b, double cycles)
{
	return cycles > 0 ? b->options.workers * (double)rte_get_tsc_hz() / cycles / 1e6 : 0;
}

static double gbps(const struct bench *b, double cycles)
{
	return mpps(b, cycles) * b->options.size * 8 / 1e3;
}

static const char *cipher_word(const struct bench *b)
{
	return b->options.cipher == SL_AES256GCM16 ? "aes256" : "aes128";
}

/* Returns an exit code. */
static int print_json(const struct bench *b, const struct figures *f)
{
	const struct bench_options *o = &b->options;
	json_t *j = json_pack(
		"{s:i, s:i, s:i, s:i, s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:i, s:I, s:I, s:f, s:s}",
		"size", o->size, "sessions", o->sessions, "workers", o->workers, "burst", o->burst, "cipher",
		cipher_word(b), "direction", o->open ? "open" : "seal", "source",
		o->pcap ? "pcap" : "recycle", "cycles_per_packet", f->cycles, "cycles_per_packet_all", f->all,
		"bare_cycles_per_packet", f->bare, "overhead_cycles", f->overhead, "mpps", mpps(b, f->cycles),
		"gbps", gbps(b, f->cycles), "rounds", f->rounds, "rounds_dropped", f->dropped, "packets",
		(json_int_t)f->packets, "tsc_hz", (json_int_t)rte_get_tsc_hz(), "probe", f->probe, "ipsec_mb",
		sl_crypto_version());

	if (!j || json_dumpf(j, stdout, JSON_REAL_PRECISION(6) | JSON_INDENT(2)) != 0) {
		json_decref(j);
		return sl_cli_fail("bench: the result cannot be written: out of memory");
	}
	putchar('\n');
	json_decref(j);
	return SL_EXIT_DONE;
}

static void print_line(const struct bench *b, const char *name, double cycles)
{
	printf("%-14s %14.1f %10.2f %10.1f\n", name, cycles, mpps(b, cycles), gbps(b, cycles));
}

static void print_table(const struct bench *b, const struct figures *f)
{
	const struct bench_options *o = &b->options;

	printf("%s packets of %u bytes, %s, %u session%s, %u worker%s, bursts of %u, source %s\n",
		o->open ? "opening" : "sealing", o->size, cipher_word(b), o->sessions,
		o->sessions == 1 ? "" : "s", o->workers, o->workers == 1 ? "" : "s", o->burst,
		o->pcap ? "pcap" : "recycle");
	printf("%-14s %14s %10s %10s\n", "", "cycles/packet", "Mpps", "Gbit/s");
	print_line(b, "bare AES-GCM", f->bare);
	print_line(b, "sealane", f->cycles);
	printf("%-14s %14.1f\n", "overhead", f->overhead);
	printf("medians of %u rounds of %u packets; %u slow ones dropped, with them %.1f cycles\n"
	       "TSC %.2f GHz; %s\n",
		f->rounds, bench_batch(&b->options), f->dropped, f->all, (double)rte_get_tsc_hz() / 1e9,
		sl_crypto_version());
}

/* Every packet that came has been sent. */
static int check_counters(const struct bench *b)
{
	for (unsigned w = 0; w < b->options.workers; w++) {
		const struct sl_counters *c = &b->workers[w].dp.counters;
		uint64_t received = c->rx_plain + c->rx_wire, sent = c->tx_plain + c->tx_wire;

		for (unsigned i = 0; i < SL_DROP_COUNT; i++) {
			if (c->drops[i])
				return sl_cli_fail("bench: worker %u dropped %lu packets as %s (%s)", w,
					c->drops[i], sl_drop_name((enum sl_drop)i),
					sl_drop_help((enum sl_drop)i));
		}
		if (received != sent)
			return sl_cli_fail(
				"bench: worker %u received %lu packets and sent %lu", w, received, sent);
	}
	return SL_EXIT_DONE;
}

int bench_report(const struct bench *b)
{
	struct figures f;
	int code = check_counters(b);

	if (code != SL_EXIT_DONE)
		return code;
	if (figures_of(b, &f))
		return sl_cli_fail("bench: out of memory");
	if (f.rounds == 0)
		return sl_cli_fail("bench: no round was finished, expected a longer --time");
	if (b->options.json)
		code = print_json(b, &f);
	else
		print_table(b, &f);
	return code == SL_EXIT_DONE ? sl_cli_flush() : code;
}

void bench_progress(const struct bench *b, double seconds)
{
	unsigned rounds = rounds_of_all(b);
	struct bench_round r;

	if (!isatty(STDERR_FILENO))
		return;
	if (seconds >= b->options.seconds) {
		fputs("\r\033[K", stderr);
	} else if (rounds > 0) {
		r = merge(b, rounds - 1);
		fprintf(stderr, "\r\033[K%.1f of %.1f s, round %u: %.0f cycles a packet, bare %.0f", seconds,
			b->options.seconds, rounds, (double)r.gateway / r.packets,
			(double)r.bare / bench_batch(&b->options));
	}
}
