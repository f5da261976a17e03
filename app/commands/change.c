/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sealane reload, down, up and rekey: ask a running gateway to change something, and say what it answers. To the first three
 * that is a text of lines, of which the first says whether it was done; to rekey, the state of the link.
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
	bool ike;
};

/* What a command takes beside --gateway. */
enum {
	TAKES_PEER = 1 << 0,
	TAKES_IKE = 1 << 1,
};

static int read_option(struct request *request, int option, char **argv, unsigned takes)
{
	if (option == 'i' && (takes & TAKES_IKE))
		request->ike = true;
	else if (option == 'g' && *optarg != '\0' && strchr(optarg, '/') == NULL)
		request->gateway = optarg;
	else if (option == 'g' || option == ':')
		return sl_cli_usage("%s: expected the name of a gateway after --gateway", argv[0]);
	else
		return sl_cli_usage("%s: unknown option '%s', expected %s--gateway NAME", argv[0],
			argv[optind - 1], takes & TAKES_IKE ? "--ike or " : "");
	return SL_EXIT_DONE;
}

/* Returns an exit code. */
static int read_arguments(struct request *request, int argc, char **argv, unsigned takes)
{
	static const struct option options[] = {{"ike", no_argument, NULL, 'i'},
		{"gateway", required_argument, NULL, 'g'}, {NULL, 0, NULL, 0}};
	int option, code;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		code = read_option(request, option, argv, takes);
		if (code != SL_EXIT_DONE)
			return code;
	}
	if (!(takes & TAKES_PEER))
		return argc == optind ? SL_EXIT_DONE : sl_cli_usage("%s: expected no arguments", argv[0]);
	if (argc - optind != 1 || *argv[optind] == '\0')
		return sl_cli_usage("%s: expected the name of one peer", argv[0]);
	request->peer = argv[optind];
	return SL_EXIT_DONE;
}

static int tell_text(const struct request *request, const json_t *told)
{
	static const char done[] = "done\n", refused[] = "refused\n";
	const char *answer = json_string_value(told);

	(void)request;
	if (answer != NULL && strncmp(answer, done, strlen(done)) == 0) {
		fputs(answer + strlen(done), stdout);
		return sl_cli_flush();
	}
	if (answer == NULL || strncmp(answer, refused, strlen(refused)) != 0)
		return sl_cli_fail("the gateway's answer makes no sense, is it of another version?");
	fputs(answer + strlen(refused), stderr);
	return SL_EXIT_FAILED;
}

/* Only a link that is up can be rekeyed. */
static int tell_rekey(const struct request *request, const json_t *answer)
{
	const char *state = json_string_value(json_object_get(answer, "state"));

	if (json_is_null(answer))
		return sl_cli_fail("the gateway has no peer '%s' (see 'sealane show peers')", request->peer);
	if (state == NULL)
		return sl_cli_fail("the gateway's answer has no proper 'state', is it of another version?");
	if (strcmp(state, "up") != 0)
		return sl_cli_fail("the link with %s is not up (see 'sealane show peers')", request->peer);
	printf("%s: rekeying the %s SA\n", request->peer, request->ike ? "IKE" : "child");
	return sl_cli_flush();
}

static int run(int argc, char **argv, unsigned takes,
	int (*tell)(const struct request *request, const json_t *answer))
{
	struct request request = {.peer = NULL};
	int code = read_arguments(&request, argc, argv, takes);
	struct sl_client *client;
	json_t *answer = NULL;
	char *command;

	if (code != SL_EXIT_DONE)
		return code;
	client = sl_client_open(request.gateway);
	if (client == NULL)
		return SL_EXIT_FAILED;
	if (asprintf(&command, "/sealane/%s%s%s%s", argv[0], request.ike ? "_ike" : "",
		    request.peer ? "," : "", request.peer ? request.peer : "") >= 0) {
		answer = sl_client_ask(client, command);
		free(command);
	}
	sl_client_close(client);
	code = answer == NULL ? SL_EXIT_FAILED : tell(&request, answer);
	json_decref(answer);
	return code;
}

int sl_cmd_reload(int argc, char **argv)
{
	return run(argc, argv, 0, tell_text);
}

int sl_cmd_down(int argc, char **argv)
{
	return run(argc, argv, TAKES_PEER, tell_text);
}

int sl_cmd_up(int argc, char **argv)
{
	return run(argc, argv, TAKES_PEER, tell_text);
}

int sl_cmd_rekey(int argc, char **argv)
{
	return run(argc, argv, TAKES_PEER | TAKES_IKE, tell_rekey);
}
