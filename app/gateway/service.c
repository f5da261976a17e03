/* SPDX-License-Identifier: BSD-3-Clause */
/* What a service says about itself: see service.h. */
#include "service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway.h"

enum {
	STALLED_SECONDS = 3
}; /* a worker sleeps for one at most; then it has not got a CPU, or never will go on */

int service_open(struct service *s)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;

	s->fd = -1;
	if (len == 0)
		return 0;
	if ((*path != '/' && *path != '@') || len >= sizeof(s->to.sun_path)) {
		fprintf(stderr,
			"sealane: NOTIFY_SOCKET '%s' is not valid, expected a path, or a name behind '@'\n",
			path);
		return -1;
	}
	s->to = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(s->to.sun_path, path, len);
	if (*path == '@')
		s->to.sun_path[0] = '\0';
	s->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0) {
		fprintf(stderr, "sealane: cannot open a socket to %s: %s\n", path, strerror(errno));
		return -1;
	}
	return 0;
}

/* A full socket must not hold up the gateway: what is missed now is said again in a second, but for the end. */
__attribute__((format(printf, 2, 3))) static void tell(const struct service *s, const char *format, ...)
{
	char text[256];
	va_list args;
	int len;

	if (s->fd < 0)
		return;
	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)!sendto(s->fd, text, RTE_MIN((size_t)len, sizeof(text) - 1), MSG_NOSIGNAL | MSG_DONTWAIT,
		(const struct sockaddr *)&s->to, s->to_len);
}

static unsigned peers_up(const struct gateway *g)
{
	struct sl_ike_peer_info info;
	unsigned up = 0;

	for (unsigned slot = 0; slot < g->peer_slots; slot++) {
		if (!g->peers[slot].config)
			continue;
		sl_ike_peer_info(g->ike, slot, &info);
		up += info.state == SL_IKE_UP;
	}
	return up;
}

static void tell_state(struct gateway *g, const char *state)
{
	g->service.peers_up = peers_up(g);
	tell(&g->service, "%sSTATUS=%u of %u peer%s up", state, g->service.peers_up, g->config->peer_count,
		g->config->peer_count == 1 ? "" : "s");
}

void service_ready(struct gateway *g)
{
	tell_state(g, "READY=1\n");
}

void service_reloading(struct gateway *g)
{
	tell(&g->service, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, gateway_now() / 1000);
}

void service_stopping(struct gateway *g)
{
	tell(&g->service, "STOPPING=1\nSTATUS=stopping");
}

/* Whether every worker has gone round its loop since the last time that all had. */
static bool all_moved(struct gateway *g)
{
	struct service *s = &g->service;

	for (unsigned i = 0; i < g->worker_count; i++) {
		if (worker_rounds(&g->workers[i]) != s->rounds[i])
			continue;
		if (++s->still == STALLED_SECONDS)
			log_error("worker %u has not moved for %d s (lcore %u)", i, STALLED_SECONDS,
				g->workers[i].lcore);
		return false;
	}
	for (unsigned i = 0; i < g->worker_count; i++)
		s->rounds[i] = worker_rounds(&g->workers[i]);
	if (s->still >= STALLED_SECONDS)
		log_info("all workers move again");
	s->still = 0;
	return true;
}

void service_tick(struct gateway *g)
{
	if (all_moved(g))
		tell(&g->service, "WATCHDOG=1");
	if (peers_up(g) != g->service.peers_up)
		tell_state(g, "");
}
