/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sealane check: is this configuration file good?
 */
#include <stdio.h>

#include "../../lib/config/config.h"
#include "../commands.h"

static void print_line(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s\n", line);
}

int sl_cmd_check(int argc, char **argv)
{
	struct sl_config *config;
	int code;

	if (argc != 2)
		return sl_cli_usage("%s: expected one configuration file", argv[0]);
	code = sl_cli_init_crypto();
	if (code != SL_EXIT_DONE)
		return code;
	config = sl_config_load(argv[1], print_line, NULL);
	if (config == NULL)
		return SL_EXIT_FAILED;
	printf("%s: ok, gateway %s, %u peer%s\n", config->path, config->name, config->peer_count,
		config->peer_count == 1 ? "" : "s");
	sl_config_free(config);
	return sl_cli_flush();
}
