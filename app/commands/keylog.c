/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sealane keylog: writes the keys of a running gateway's SAs for Wireshark, those that are there and those that come, until
 * it is ended.
 */
#include <getopt.h>
#include <stdio.h>

#include "../commands.h"
#include "../gateway/keylog.h"
#include "stream.h"

struct request {
	struct sl_stream stream;
	const char *dir;
	struct keylog_files *files;
};

static int read_arguments(struct request *r, int argc, char **argv)
{
	static const struct option options[] = {{"time", required_argument, NULL, 't'},
		{"gateway", required_argument, NULL, 'g'}, {NULL, 0, NULL, 0}};
	int option, code = SL_EXIT_DONE;

	opterr = 0;
	while (code == SL_EXIT_DONE && (option = getopt_long(argc, argv, ":", options, NULL)) != -1)
		code = sl_stream_option(&r->stream, option, optarg, argv[optind - 1]);
	if (code == SL_EXIT_DONE && (argc - optind != 1 || *argv[optind] == '\0'))
		return sl_cli_usage("keylog: expected one folder to write the keys in");
	r->dir = argv[optind];
	return code;
}

static bool begin(void *arg)
{
	struct request *r = arg;

	r->files = keylog_files_open(r->dir);
	if (r->files == NULL)
		return false;
	fprintf(stderr,
		"sealane: keylog: WHOEVER READS %s READS ALL TRAFFIC: delete it after use\n"
		"sealane: keylog: read a capture with: WIRESHARK_CONFIG_DIR=%s tshark -r FILE\n",
		r->dir, r->dir);
	return true;
}

static bool take(void *arg, enum debug_answer kind, const char *data, size_t len)
{
	struct request *r = arg;

	if (kind != DEBUG_ESP && kind != DEBUG_IKE)
		return true;
	if (keylog_files_write(r->files, kind == DEBUG_ESP ? KEYLOG_ESP : KEYLOG_IKE, data, len))
		return true;
	sl_cli_fail("keylog: cannot write the keys in %s: %m", r->dir);
	return false;
}

int sl_cmd_keylog(int argc, char **argv)
{
	struct request r = {.dir = NULL};
	int code;

	sl_stream_init(&r.stream, "keylog", DEBUG_KEYLOG);
	r.stream.begin = begin;
	r.stream.take = take;
	r.stream.arg = &r;
	code = read_arguments(&r, argc, argv);
	if (code == SL_EXIT_DONE)
		code = sl_stream_run(&r.stream);
	keylog_files_close(r.files);
	return code;
}
