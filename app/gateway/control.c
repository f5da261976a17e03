/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control thread's loop: it sleeps in epoll until a worker has an event, a timer is due or a signal comes. It never
 * polls, and holds the lock except while asleep.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "debug/debug.h"
#include "gateway.h"

enum {
	EVENTS_A_BURST = 64,
	BURSTS_A_ROUND = 16, /* then timers have their turn, whatever floods in */
	SHUTDOWN_US = 50000,
};

uint64_t gateway_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static int watch(struct gateway *g, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return fd < 0 ? -1 : epoll_ctl(g->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

int control_init(struct gateway *g)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	g->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	g->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	g->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	g->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (g->epoll_fd < 0 || watch(g, g->wake_fd) || watch(g, g->timer_fd) || watch(g, g->signal_fd))
		return -errno;
	g->next_second = gateway_now() + SECOND_NS;
	g->open_plain_at = UINT64_MAX;
	return 0;
}

static void handle(struct gateway *g, const struct event *event)
{
	switch ((enum event_type)event->type) {
	case EVENT_PACKET: local_input(g, (enum sl_handed)event->arg, event->object); break;
	case EVENT_WANTED:
		if (g->peers[event->arg].config) /* it may have left meanwhile */
			sl_ike_connect(g->ike, gateway_now(), event->arg);
		break;
	case EVENT_IN_RELEASED: sa_in_released(g, event->object); break;
	case EVENT_OUT_RELEASED: sa_out_released(g, event->object); break;
	case EVENT_ROUTES_RELEASED: routes_released(g, event->object); break;
	}
}

/* Returns whether there may be more. */
static bool take_burst(struct gateway *g, struct worker *w)
{
	struct event events[EVENTS_A_BURST];
	unsigned n;

	worker_catches_up(w);
	n = rte_ring_sc_dequeue_burst_elem(w->events, events, sizeof(*events), EVENTS_A_BURST, NULL);

	for (unsigned i = 0; i < n; i++)
		handle(g, &events[i]);
	return n == EVENTS_A_BURST;
}

/* A burst from each worker in turn. */
void control_take_events(struct gateway *g)
{
	bool more = true;

	for (unsigned round = 0; round < BURSTS_A_ROUND && more; round++) {
		more = false;
		for (unsigned i = 0; i < g->worker_count; i++)
			more |= take_burst(g, &g->workers[i]);
	}
}

/* A worker has something for us, or could take what waits for it. */
static bool workers_wait(const struct gateway *g)
{
	for (unsigned i = 0; i < g->worker_count; i++) {
		if (!rte_ring_empty(g->workers[i].events) || worker_could_catch_up(&g->workers[i]))
			return true;
	}
	return false;
}

void control_run_timers(struct gateway *g)
{
	uint64_t now = gateway_now();

	changes_run(g);
	if (g->rekey_asked) {
		sa_rekey_asked(g, now);
		g->rekey_asked = false;
	}
	sl_ike_tick(g->ike, now);
	links_tick(g, now);
	if (now >= g->next_second) {
		sa_tick(g, now);
		path_mtu_tick(g, now);
		load_tick(g);
		service_tick(g);
		peers_tick(g);
		g->next_second = now + SECOND_NS;
	}
	if (now >= g->open_plain_at) {
		gateway_command_all(g, &(struct command){.type = COMMAND_OPEN_PLAIN});
		g->open_plain_at = UINT64_MAX;
	}
}

static void set_timer(struct gateway *g)
{
	uint64_t due = RTE_MIN(RTE_MIN(sl_ike_deadline(g->ike), g->next_second), links_deadline(g));
	struct itimerspec at = {0};

	due = RTE_MAX(RTE_MIN(due, g->open_plain_at), UINT64_C(1)); /* zero would disarm it */
	at.it_value.tv_sec = (time_t)(due / SECOND_NS);
	at.it_value.tv_nsec = (long)(due % SECOND_NS);
	timerfd_settime(g->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/* Reads away what made a descriptor ready. */
static void acknowledge(struct gateway *g, int fd)
{
	union {
		struct signalfd_siginfo signal;
		uint64_t count;
	} what;

	if (read(fd, &what, fd == g->signal_fd ? sizeof(what.signal) : sizeof(what.count)) < 0)
		return;
	if (fd == g->signal_fd && what.signal.ssi_signo == SIGHUP)
		g->reload_asked = true;
	else if (fd == g->signal_fd)
		g->stop_signal = (int)what.signal.ssi_signo;
}

/* Sleeps until something is to be done. A worker that posts, or takes commands, after we looked sees the flag and wakes us. */
static void sleep_until_needed(struct gateway *g)
{
	struct epoll_event ready[3];
	int n;

	atomic_store(&g->asleep, true);
	if (workers_wait(g)) {
		atomic_store(&g->asleep, false);
		return;
	}
	sl_wipe_registers();
	pthread_mutex_unlock(&g->lock);
	n = epoll_wait(g->epoll_fd, ready, RTE_DIM(ready), -1);
	pthread_mutex_lock(&g->lock);
	atomic_store(&g->asleep, false);
	for (int i = 0; i < n; i++)
		acknowledge(g, ready[i].data.fd);
}

void control_run(struct gateway *g)
{
	pthread_mutex_lock(&g->lock);
	links_start(g);
	sl_ike_start(g->ike, gateway_now());
	while (!g->stop_signal) {
		control_take_events(g);
		control_run_timers(g);
		set_timer(g);
		sleep_until_needed(g);
	}
	log_info("%s: stopping", strsignal(g->stop_signal));
	service_stopping(g);
	debug_stop(g);
	sl_ike_shutdown(g->ike, gateway_now());
	/* The Deletes are on their way through the ring of worker 0. */
	usleep(SHUTDOWN_US);
}
