/* SPDX-License-Identifier: BSD-3-Clause */
/* sealane capture: writes what passes a running gateway's ports, or is dropped there, as pcapng. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/config/values.h"
#include "../commands.h"
#include "stream.h"

struct request {
	struct sl_stream stream;
	const char *file;
	int fd; /* -1: not open */
};

static int read_port(struct request *r, const char *value)
{
	if (strcmp(value, "wire") == 0)
		r->stream.request.frames |= DEBUG_WIRE;
	else if (strcmp(value, "plain") == 0)
		r->stream.request.frames |= DEBUG_PLAIN;
	else
		return sl_cli_usage("capture: --port %s: expected wire or plain", value);
	return SL_EXIT_DONE;
}

static int read_snaplen(struct request *r, const char *value)
{
	uint64_t bytes;

	if (!sl_value_count(&bytes, value) || bytes < DEBUG_SNAPLEN_MIN || bytes > DEBUG_SNAPLEN_MAX)
		return sl_cli_usage("capture: --snaplen %s: expected %d to %d bytes", value,
			DEBUG_SNAPLEN_MIN, DEBUG_SNAPLEN_MAX);
	r->stream.request.snaplen = (uint32_t)bytes;
	return SL_EXIT_DONE;
}

static int read_option(struct request *r, int option, const char *word)
{
	switch (option) {
	case 'o': return read_port(r, optarg);
	case 's': return read_snaplen(r, optarg);
	case 'd': r->stream.request.frames |= DEBUG_DROPS; return SL_EXIT_DONE;
	default: return sl_stream_option(&r->stream, option, optarg, word);
	}
}

static int read_arguments(struct request *r, int argc, char **argv)
{
	static const struct option options[] = {{"port", required_argument, NULL, 'o'},
		{"drops", no_argument, NULL, 'd'}, {"snaplen", required_argument, NULL, 's'},
		{"peer", required_argument, NULL, 'p'}, {"count", required_argument, NULL, 'c'},
		{"time", required_argument, NULL, 't'}, {"gateway", required_argument, NULL, 'g'},
		{NULL, 0, NULL, 0}};
	int option, code = SL_EXIT_DONE;

	opterr = 0;
	while (code == SL_EXIT_DONE && (option = getopt_long(argc, argv, ":", options, NULL)) != -1)
		code = read_option(r, option, argv[optind - 1]);
	if (code != SL_EXIT_DONE)
		return code;
	if (r->stream.request.frames == 0)
		return sl_cli_usage(
			"capture: expected --port wire, --port plain or --drops, or several of them");
	if (argc - optind != 1 || *argv[optind] == '\0')
		return sl_cli_usage("capture: expected one file, or - for standard output");
	r->file = argv[optind];
	return SL_EXIT_DONE;
}

static bool begin(void *arg)
{
	struct request *r = arg;

	if (strcmp(r->file, "-") == 0)
		r->fd = STDOUT_FILENO;
	else
		r->fd = open(r->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
	if (r->fd < 0)
		sl_cli_fail("capture: cannot open %s: %s", r->file, strerror(errno));
	return r->fd >= 0;
}

static bool take(void *arg, enum debug_answer kind, const char *data, size_t len)
{
	const struct request *r = arg;

	return kind != DEBUG_DATA || sl_stream_write(&r->stream, r->fd, r->file, data, len);
}

int sl_cmd_capture(int argc, char **argv)
{
	struct request r = {.fd = -1};
	int code;

	sl_stream_init(&r.stream, "capture", DEBUG_CAPTURE);
	r.stream.begin = begin;
	r.stream.take = take;
	r.stream.arg = &r;
	code = read_arguments(&r, argc, argv);
	if (code == SL_EXIT_DONE && strcmp(r.file, "-") == 0 && isatty(STDOUT_FILENO))
		code = sl_cli_fail("capture: standard output is a terminal (try '| tshark -i -')");
	if (code == SL_EXIT_DONE)
		code = sl_stream_run(&r.stream);
	if (r.fd >= 0 && close(r.fd) != 0 && code == SL_EXIT_DONE)
		code = sl_cli_fail("capture: cannot write to %s: %s", r.file, strerror(errno));
	return code;
}
