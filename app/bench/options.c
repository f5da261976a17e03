/* SPDX-License-Identifier: BSD-3-Clause */
/* The arguments of `sealane bench`. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "../commands.h"
#include "bench.h"

enum option_key { SIZE, SESSIONS, WORKERS, BURST, CIPHER, DIRECTION, SOURCE, TIME, CAPTURE, KEYLOG, JSON };

static const struct option options[] = {
	{"size", required_argument, NULL, SIZE},
	{"sessions", required_argument, NULL, SESSIONS},
	{"workers", required_argument, NULL, WORKERS},
	{"burst", required_argument, NULL, BURST},
	{"cipher", required_argument, NULL, CIPHER},
	{"direction", required_argument, NULL, DIRECTION},
	{"source", required_argument, NULL, SOURCE},
	{"time", required_argument, NULL, TIME},
	{"capture", required_argument, NULL, CAPTURE},
	{"keylog", required_argument, NULL, KEYLOG},
	{"json", no_argument, NULL, JSON},
	{0},
};

static int number(unsigned *value, const char *name, const char *text, unsigned min, unsigned max)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (end == text || *end || text[0] == '-' || errno || n < min || n > max)
		return sl_cli_usage(
			"bench: --%s is '%s', expected a number from %u to %u", name, text, min, max);
	*value = (unsigned)n;
	return SL_EXIT_DONE;
}

/* One of two words; *second tells which. */
static int word(bool *second, const char *name, const char *text, const char *a, const char *b)
{
	*second = strcmp(text, b) == 0;
	if (!*second && strcmp(text, a) != 0)
		return sl_cli_usage("bench: --%s is '%s', expected %s or %s", name, text, a, b);
	return SL_EXIT_DONE;
}

static int seconds(double *value, const char *text)
{
	char *end;

	*value = strtod(text, &end);
	if (end == text || *end || !(*value >= 0.01 && *value <= 3600))
		return sl_cli_usage("bench: --time is '%s', expected seconds from 0.01 to 3600", text);
	return SL_EXIT_DONE;
}

static int take(struct bench_options *o, enum option_key key, const char *text)
{
	const char *name = options[key].name;
	bool second = false;
	int code;

	switch (key) {
	case SIZE: return number(&o->size, name, text, BENCH_SIZE_MIN, BENCH_SIZE_MAX);
	case SESSIONS: return number(&o->sessions, name, text, 1, BENCH_SESSIONS_MAX);
	case WORKERS: return number(&o->workers, name, text, 1, SL_WORKERS_MAX);
	case BURST: return number(&o->burst, name, text, 1, SL_BURST_MAX);
	case CIPHER:
		code = word(&second, name, text, "aes128", "aes256");
		o->cipher = second ? SL_AES256GCM16 : SL_AES128GCM16;
		return code;
	case DIRECTION: return word(&o->open, name, text, "seal", "open");
	case SOURCE: return word(&o->pcap, name, text, "recycle", "pcap");
	case TIME: return seconds(&o->seconds, text);
	case CAPTURE: o->capture = text; return SL_EXIT_DONE;
	case KEYLOG: o->keylog = text; return SL_EXIT_DONE;
	case JSON: o->json = true; return SL_EXIT_DONE;
	}
	return SL_EXIT_DONE;
}

/* What does not go together. */
static int check(const struct bench_options *o)
{
	if (o->pcap && o->open)
		return sl_cli_usage(
			"bench: --source pcap repeats its packets, which cannot be opened twice, expected --source recycle");
	if (o->pcap && o->sessions * o->workers > BENCH_PCAP_PACKETS)
		return sl_cli_usage(
			"bench: --source pcap has %d packets, expected no more sessions than that",
			BENCH_PCAP_PACKETS);
	if (o->sessions * o->workers > BENCH_SESSIONS_MAX)
		return sl_cli_usage("bench: expected at most %d sessions in all workers", BENCH_SESSIONS_MAX);
	return SL_EXIT_DONE;
}

int bench_options_parse(struct bench_options *o, int argc, char **argv)
{
	int key, code;

	*o = (struct bench_options){.size = 64,
		.sessions = 1,
		.workers = 1,
		.burst = WORKER_BURST,
		.cipher = SL_AES128GCM16,
		.seconds = 3};
	opterr = 0;
	while ((key = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (key == '?')
			return sl_cli_usage("bench: '%s' is no option, or lacks its value", argv[optind - 1]);
		code = take(o, (enum option_key)key, optarg);
		if (code != SL_EXIT_DONE)
			return code;
	}
	if (optind < argc)
		return sl_cli_usage("bench: '%s' is not expected", argv[optind]);
	return check(o);
}
