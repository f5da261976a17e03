/* SPDX-License-Identifier: BSD-3-Clause */
/* sealane trace: prints the way of the next packets through a running gateway. */
#include <getopt.h>
#include <unistd.h>

#include "../commands.h"
#include "stream.h"

enum { COUNT_DEFAULT = 10 };

static int read_address(struct sl_prefix *prefix, const char *option, const char *value)
{
	if (sl_prefix_parse(prefix, value))
		return SL_EXIT_DONE;
	return sl_cli_usage(
		"trace: %s %s: expected an address, or a prefix such as 10.2.0.0/16", option, value);
}

static int read_option(struct sl_stream *s, int option, const char *word)
{
	switch (option) {
	case 'f': return read_address(&s->request.from, "--from", optarg);
	case 'd': return read_address(&s->request.to, "--to", optarg);
	default: return sl_stream_option(s, option, optarg, word);
	}
}

static int read_arguments(struct sl_stream *s, int argc, char **argv)
{
	static const struct option options[] = {{"from", required_argument, NULL, 'f'},
		{"to", required_argument, NULL, 'd'}, {"peer", required_argument, NULL, 'p'},
		{"count", required_argument, NULL, 'c'}, {"time", required_argument, NULL, 't'},
		{"gateway", required_argument, NULL, 'g'}, {NULL, 0, NULL, 0}};
	int option, code = SL_EXIT_DONE;

	opterr = 0;
	while (code == SL_EXIT_DONE && (option = getopt_long(argc, argv, ":", options, NULL)) != -1)
		code = read_option(s, option, argv[optind - 1]);
	if (code == SL_EXIT_DONE && optind < argc)
		return sl_cli_usage("trace: unexpected argument '%s'", argv[optind]);
	return code;
}

static bool begin(void *arg)
{
	(void)arg;
	return true;
}

static bool take(void *arg, enum debug_answer kind, const char *data, size_t len)
{
	return kind != DEBUG_DATA || sl_stream_write(arg, STDOUT_FILENO, "standard output", data, len);
}

int sl_cmd_trace(int argc, char **argv)
{
	struct sl_stream stream;
	int code;

	sl_stream_init(&stream, "trace", DEBUG_TRACE);
	stream.request.count = COUNT_DEFAULT;
	stream.begin = begin;
	stream.take = take;
	stream.arg = &stream;
	code = read_arguments(&stream, argc, argv);
	return code == SL_EXIT_DONE ? sl_stream_run(&stream) : code;
}
