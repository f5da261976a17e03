/* SPDX-License-Identifier: BSD-3-Clause */
/* What sa.c asks of the rest of a gateway, where there is no rest: it is the first second, nobody is near, no key is logged. */
#include "app/gateway/gateway.h"
#include "app/gateway/keylog.h"

uint64_t gateway_now(void)
{
	return SECOND_NS;
}

bool link_next_hop(const struct link *link, const struct sl_addr *addr, struct sl_addr *hop)
{
	(void)link;
	(void)addr;
	(void)hop;
	return false;
}

void keylog_child(struct keylog *keylog, const struct sl_ike_child *child)
{
	(void)keylog;
	(void)child;
}
