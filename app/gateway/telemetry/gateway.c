/* SPDX-License-Identifier: BSD-3-Clause */
/* /sealane/gateway. */
#include <unistd.h>

#include "../../../lib/crypto/keyfile.h"
#include "../debug.h"
#include "telemetry.h"

static int tell_gateway(struct gateway *g, const char *param, struct rte_tel_data *d)
{
	char key[SL_FINGERPRINT_MAX];

	(void)param;
	tell_text(d, "name", g->config->name);
	tell_text(d, "version", SEALANE_VERSION);
	tell_number(d, "uptime_s", seconds_since(g->started));
	tell_number(d, "pid", (uint64_t)getpid());
	tell_text(d, "key", sl_public_fingerprint(key, g->config->key->public));
	tell_number(d, "workers", g->worker_count);
	tell_text(d, "debugging", debug_activity(g));
	return 0;
}

const struct telemetry_command telemetry_gateway[] = {
	{"/sealane/gateway", tell_gateway, false, "About this gateway"},
	{0},
};
