/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sealane rekey: asks a running gateway to give a link fresh keys now, rather than at the limits of the configuration.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../commands.h"
#include "client.h"

struct request {
	const char *peer;
	bool ike;
	const char *gateway;
};

/* Returns an exit code. */
static int read_arguments(struct request *request, int argc, char **argv)
{
	static const struct option options[] = {{"ike", no_argument, NULL, 'i'},
		{"gateway", required_argument, NULL, 'g'}, {NULL, 0, NULL, 0}};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option == 'i')
			request->ike = true;
		else if (option == 'g' && *optarg != '\0' && strchr(optarg, '/') == NULL)
			request->gateway = optarg;
		else if (option == 'g' || option == ':')
			return sl_cli_usage("rekey: expected the name of a gateway after --gateway");
		else
			return sl_cli_usage("rekey: unknown option '%s', expected --ike or --gateway NAME",
				argv[optind - 1]);
	}
	if (argc - optind != 1 || *argv[optind] == '\0')
		return sl_cli_usage("rekey: expected the name of one peer");
	request->peer = argv[optind];
	return SL_EXIT_DONE;
}

/* The gateway's answer tells the state of the link: only one that is up can be rekeyed. */
static int tell(const struct request *request, const json_t *answer)
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

int sl_cmd_rekey(int argc, char **argv)
{
	struct request request = {.ike = false};
	int code = read_arguments(&request, argc, argv);
	struct sl_client *client;
	json_t *answer = NULL;
	char *command;

	if (code != SL_EXIT_DONE)
		return code;
	client = sl_client_open(request.gateway);
	if (client == NULL)
		return SL_EXIT_FAILED;
	if (asprintf(&command, "/sealane/%s,%s", request.ike ? "rekey_ike" : "rekey", request.peer) >= 0) {
		answer = sl_client_ask(client, command);
		free(command);
	}
	sl_client_close(client);
	code = answer == NULL ? SL_EXIT_FAILED : tell(&request, answer);
	json_decref(answer);
	return code;
}
