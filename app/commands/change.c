/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sealane reload, down and up: ask a running gateway to change something, and say what it answers, line by line. Whether it
 * has done it is the first line of its answer.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../commands.h"
#include "client.h"

struct request {
	const char *peer; /* NULL: of none */
	const char *gateway;
};

/* Returns an exit code. */
static int read_arguments(struct request *request, int argc, char **argv, bool wants_peer)
{
	static const struct option options[] = {
		{"gateway", required_argument, NULL, 'g'}, {NULL, 0, NULL, 0}};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option == 'g' && *optarg != '\0' && strchr(optarg, '/') == NULL)
			request->gateway = optarg;
		else if (option == 'g' || option == ':')
			return sl_cli_usage("%s: expected the name of a gateway after --gateway", argv[0]);
		else
			return sl_cli_usage("%s: unknown option '%s', expected --gateway NAME", argv[0],
				argv[optind - 1]);
	}
	if (!wants_peer)
		return argc == optind ? SL_EXIT_DONE : sl_cli_usage("%s: expected no arguments", argv[0]);
	if (argc - optind != 1 || *argv[optind] == '\0')
		return sl_cli_usage("%s: expected the name of one peer", argv[0]);
	request->peer = argv[optind];
	return SL_EXIT_DONE;
}

static int tell(const char *answer)
{
	static const char done[] = "done\n", refused[] = "refused\n";

	if (answer != NULL && strncmp(answer, done, strlen(done)) == 0) {
		fputs(answer + strlen(done), stdout);
		return sl_cli_flush();
	}
	if (answer == NULL || strncmp(answer, refused, strlen(refused)) != 0)
		return sl_cli_fail("the gateway's answer makes no sense, is it of another version?");
	fputs(answer + strlen(refused), stderr);
	return SL_EXIT_FAILED;
}

static int run(int argc, char **argv, bool wants_peer)
{
	struct request request = {.peer = NULL};
	int code = read_arguments(&request, argc, argv, wants_peer);
	struct sl_client *client;
	json_t *answer = NULL;
	char *command;

	if (code != SL_EXIT_DONE)
		return code;
	client = sl_client_open(request.gateway);
	if (client == NULL)
		return SL_EXIT_FAILED;
	if (asprintf(&command, "/sealane/%s%s%s", argv[0], wants_peer ? "," : "",
		    wants_peer ? request.peer : "") >= 0) {
		answer = sl_client_ask(client, command);
		free(command);
	}
	sl_client_close(client);
	code = answer == NULL ? SL_EXIT_FAILED : tell(json_string_value(answer));
	json_decref(answer);
	return code;
}

int sl_cmd_reload(int argc, char **argv)
{
	return run(argc, argv, false);
}

int sl_cmd_down(int argc, char **argv)
{
	return run(argc, argv, true);
}

int sl_cmd_up(int argc, char **argv)
{
	return run(argc, argv, true);
}
