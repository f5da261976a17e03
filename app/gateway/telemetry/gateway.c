/* SPDX-License-Identifier: BSD-3-Clause */
/* /sealane/gateway. */
#include <unistd.h>

#include <rte_mempool.h>

#include "../../../lib/crypto/keyfile.h"
#include "../debug/debug.h"
#include "telemetry.h"

/* What a gateway may run out of, and what must be back where it was after any trouble. */
static void tell_resources(const struct gateway *g, struct rte_tel_data *d)
{
	tell_number(d, "mbufs", g->mbufs->size);
	tell_number(d, "mbufs_in_use", rte_mempool_in_use_count(g->mbufs));
	tell_number(d, "session_slots", SL_SLOTS - 1);
	tell_number(d, "session_slots_in_use", SL_SLOTS - 1 - g->free_count);
}

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
	tell_resources(g, d);
	return 0;
}

const struct telemetry_command telemetry_gateway[] = {
	{"/sealane/gateway", tell_gateway, false, "About this gateway"},
	{0},
};
