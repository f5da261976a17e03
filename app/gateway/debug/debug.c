/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The debugging socket and its thread: see debug.h. The thread polls the tapes of who listens some times a second: nobody
 * wakes it, for a worker must not.
 */
#include "debug.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_eal.h>

#include "../gateway.h"
#include "../keylog.h"
#include "internal.h"

enum {
	TICK_MS = 10,
	REQUEST_MS = 1000, /* for the request, once connected */
	BACKLOG = 4,
};

struct debug {
	struct gateway *gateway;
	pthread_t thread;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int listen_fd, stop_fd;
	struct listener keys;
	struct look look;
};

void debug_goes_on(struct gateway *g, enum debug_what what, bool on)
{
	if (on)
		g->debugging |= 1u << what;
	else
		g->debugging &= ~(1u << what);
}

const char *debug_activity(const struct gateway *g)
{
	static const char *const words[1 << DEBUG_WHATS] = {
		[0] = "",
		[1 << DEBUG_KEYLOG] = "keys are written down",
		[1 << DEBUG_CAPTURE] = "packets are captured",
		[1 << DEBUG_TRACE] = "packets are traced",
		[1 << DEBUG_KEYLOG | 1 << DEBUG_CAPTURE] = "keys are written down, packets are captured",
		[1 << DEBUG_KEYLOG | 1 << DEBUG_TRACE] = "keys are written down, packets are traced",
	};

	return words[g->debugging | (keylog_to_disk(g->keylog) ? 1u << DEBUG_KEYLOG : 0)];
}

static void refuse(int fd, const char *why)
{
	struct listener stranger = {.fd = fd};

	listener_tell(&stranger, DEBUG_ERROR, "%s", why);
	close(fd);
}

static void serve(struct debug *d, int fd, const struct ucred *who, const struct debug_request *r)
{
	struct listener *l = r->what == DEBUG_KEYLOG ? &d->keys : &d->look.listener;

	if (l->fd >= 0) {
		char why[64];

		snprintf(why, sizeof(why), "process %d already does this here: one at a time", l->pid);
		refuse(fd, why);
		return;
	}
	l->fd = fd;
	l->uid = who->uid;
	l->pid = who->pid;
	if (r->what == DEBUG_KEYLOG)
		keys_start(d->gateway, l);
	else
		look_start(&d->look, r);
}

static void take_request(struct debug *d)
{
	const struct timeval patience = {.tv_sec = REQUEST_MS / 1000};
	struct debug_request r = {0};
	struct ucred who = {.uid = (uid_t)-1};
	socklen_t len = sizeof(who);
	int fd = accept4(d->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	const char *error;

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	error = debug_check(&r, recv(fd, &r, sizeof(r), MSG_TRUNC));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0 ||
		(who.uid != 0 && who.uid != geteuid())) {
		log_warning(
			"user %u, process %d asked for keys or packets, and was refused", who.uid, who.pid);
		error = "only root and the gateway's own user may ask for this";
	}
	if (error)
		refuse(fd, error);
	else
		serve(d, fd, &who, &r);
}

static void end(struct debug *d)
{
	if (d->keys.fd >= 0)
		keys_stop(d->gateway, &d->keys);
	if (d->look.listener.fd >= 0)
		look_stop(&d->look);
}

static void go_on(struct debug *d)
{
	if (d->keys.fd >= 0 && (!keys_go_on(d->gateway, &d->keys) || listener_has_enough(&d->keys)))
		keys_stop(d->gateway, &d->keys);
	if (d->look.listener.fd >= 0 && (!look_go_on(&d->look) || listener_has_enough(&d->look.listener)))
		look_stop(&d->look);
}

static void *run(void *arg)
{
	struct debug *d = arg;
	struct pollfd fds[] = {{.fd = d->stop_fd, .events = POLLIN}, {.fd = d->listen_fd, .events = POLLIN}};

	while (fds[0].revents == 0) {
		const bool busy = d->keys.fd >= 0 || d->look.listener.fd >= 0;

		if (poll(fds, RTE_DIM(fds), busy ? TICK_MS : -1) > 0 && fds[1].revents)
			take_request(d);
		go_on(d);
	}
	end(d);
	return NULL;
}

/* Returns 0, or -1 with errno. */
static int listen_at(struct debug *d)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if ((size_t)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", rte_eal_get_runtime_dir(),
		    DEBUG_SOCKET) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(d->path, addr.sun_path, sizeof(d->path));
	/* Left by a gateway that was killed: DPDK has made sure that we are alone in this folder. */
	unlink(d->path);
	if (bind(d->listen_fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0 ||
		chmod(d->path, 0600) != 0)
		return -1;
	return listen(d->listen_fd, BACKLOG);
}

void debug_start(struct gateway *g)
{
	struct debug *d = calloc(1, sizeof(*d));

	if (!d)
		return;
	*d = (struct debug){.gateway = g, .keys.fd = -1, .look = {.gateway = g, .listener.fd = -1}};
	d->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	d->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (d->listen_fd >= 0 && d->stop_fd >= 0 && listen_at(d) == 0) {
		errno = pthread_create(&d->thread, NULL, run, d);
		if (errno == 0) {
			g->debug = d;
			return;
		}
	}
	log_warning("keylog, capture and trace will not work: no socket %s: %m", d->path);
	close(d->listen_fd);
	close(d->stop_fd);
	free(d);
}

void debug_stop(struct gateway *g)
{
	struct debug *d = g->debug;

	if (!d)
		return;
	(void)!eventfd_write(d->stop_fd, 1);
	pthread_mutex_unlock(&g->lock);
	pthread_join(d->thread, NULL);
	pthread_mutex_lock(&g->lock);
	unlink(d->path);
	close(d->listen_fd);
	close(d->stop_fd);
	free(d);
	g->debug = NULL;
}
