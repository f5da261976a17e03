/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A capture or a trace for one that has asked. Each worker, and the control thread, writes to a tape of its own what is to be
 * seen (watch.h); the records are put in order of time here, and become blocks of a file or lines of text.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "../gateway.h"
#include "../pcapng.h"
#include "internal.h"

_Static_assert((int)WATCH_FRAME_MAX + (int)PCAPNG_BLOCK_MAX < (int)DEBUG_MESSAGE_MAX &&
		       (int)TRACE_TEXT_MAX < (int)DEBUG_MESSAGE_MAX,
	"every record fits a message");

static const char *const interfaces[WATCH_WHERES] = {
	[WATCH_WIRE] = "wire",
	[WATCH_PLAIN] = "plain",
	[WATCH_DROPPED] = "dropped frames",
	[WATCH_DROPPED_IP] = "dropped packets",
};

static uint64_t realtime(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* To the worker, or to the control thread, which has the last one. */
static void set_watch(struct look *look, unsigned i, struct watch *watch)
{
	struct gateway *g = look->gateway;

	pthread_mutex_lock(&g->lock);
	debug_goes_on(g, look->order.trace ? DEBUG_TRACE : DEBUG_CAPTURE, watch != NULL);
	if (i == g->worker_count)
		g->watch = watch;
	else
		worker_command(&g->workers[i], &(struct command){.type = COMMAND_WATCH, .object = watch});
	pthread_mutex_unlock(&g->lock);
}

/* Nobody writes to the tapes any more. What is on them can still be read. */
static void stop_watching(struct look *look)
{
	for (unsigned i = 0; i < look->watch_count; i++)
		set_watch(look, i, NULL);
	for (unsigned i = 0; i < look->watch_count; i++) {
		/* The control thread's is gone now: it holds the lock when it looks. */
		while (look->watches[i]->worker &&
			!atomic_load_explicit(&look->watches[i]->gone, memory_order_acquire))
			usleep(1000);
	}
}

static void free_watches(struct look *look)
{
	for (unsigned i = 0; i < look->watch_count; i++)
		watch_free(look->watches[i]);
	look->watch_count = 0;
}

/* Returns NULL, or what is wrong. */
static const char *start_watching(struct look *look)
{
	struct gateway *g = look->gateway;

	for (look->watch_count = 0; look->watch_count <= g->worker_count; look->watch_count++) {
		const unsigned i = look->watch_count;

		look->watches[i] = watch_new(g, i < g->worker_count ? &g->workers[i] : NULL, &look->order);
		if (!look->watches[i]) {
			free_watches(look);
			return "no memory to look at packets";
		}
	}
	look->tsc = rte_rdtsc();
	look->ns = realtime();
	for (unsigned i = 0; i < look->watch_count; i++)
		set_watch(look, i, look->watches[i]);
	return NULL;
}

static uint64_t time_of(const struct look *look, uint64_t tsc)
{
	const double seconds = (double)(int64_t)(tsc - look->tsc) / (double)rte_get_tsc_hz();

	return look->ns + (uint64_t)(int64_t)(seconds * (double)SECOND_NS);
}

static void begin_file(struct look *look)
{
	struct listener *l = &look->listener;

	(void)listener_room(l, DEBUG_DATA, 0);
	l->len += pcapng_section(l->message + l->len, "sealane " SEALANE_VERSION);
	for (unsigned i = 0; i < WATCH_WHERES; i++)
		l->len += pcapng_interface(l->message + l->len,
			i == WATCH_DROPPED_IP ? PCAPNG_RAW_IP : PCAPNG_ETHERNET, interfaces[i],
			look->order.snaplen);
}

void look_start(struct look *look, const struct debug_request *r)
{
	const char *error;
	bool known;

	pthread_mutex_lock(&look->gateway->lock);
	known = debug_order(&look->order, r, look->gateway);
	pthread_mutex_unlock(&look->gateway->lock);
	look->count = 0;
	look->limit = r->count ? r->count : UINT64_MAX;
	memset(look->interface_count, 0, sizeof(look->interface_count));
	error = known ? start_watching(look) : "the gateway has no such peer (see 'sealane show peers')";
	if (error) {
		listener_tell(&look->listener, DEBUG_ERROR, "%s", error);
		listener_hang_up(&look->listener);
		return;
	}
	log_warning("PACKETS ARE BEING LOOKED AT: 'sealane %s' of user %u, process %d",
		r->what == DEBUG_TRACE ? "trace" : "capture", look->listener.uid, look->listener.pid);
	listener_tell(&look->listener, DEBUG_NOTICE, "%s %s",
		r->what == DEBUG_TRACE ? "tracing" : "capturing from", look->gateway->config->name);
	if (r->what == DEBUG_CAPTURE)
		begin_file(look);
}

static const char *worker_name(char name[static 16], unsigned worker)
{
	if (worker == WATCH_CONTROL)
		return "control thread";
	snprintf(name, 16, "worker %u", worker);
	return name;
}

static void write_packet(struct look *look, const struct watch_packet *p)
{
	struct listener *l = &look->listener;
	char comment[PCAPNG_COMMENT_MAX], name[16];
	const char *worker = worker_name(name, p->head.worker);
	const char *from = p->port < WATCH_DROPPED ? interfaces[p->port] : NULL;
	struct pcapng_packet packet = {
		.interface = p->where,
		.ns = time_of(look, p->head.tsc),
		.data = p->data,
		.captured = p->captured,
		.length = p->length,
		.direction = p->out ? PCAPNG_OUT : PCAPNG_IN,
		.comment = comment,
	};

	if (p->where >= WATCH_DROPPED)
		snprintf(comment, sizeof(comment), "dropped: %s, %s%s%s", sl_drop_name(p->reason), worker,
			from ? ", from " : "", from ? from : "");
	else
		snprintf(comment, sizeof(comment), "%s", worker);
	look->interface_count[p->where]++;
	l->len += pcapng_packet(l->message + l->len, &packet);
}

static void write_trace(struct look *look, const struct watch_trace *t)
{
	struct gateway *g = look->gateway;
	struct listener *l = &look->listener;

	pthread_mutex_lock(&g->lock);
	l->len += trace_text(l->message + l->len, t, time_of(look, t->head.tsc),
		t->peer < g->peer_slots && g->peers[t->peer].config ? g->peers[t->peer].name : NULL);
	pthread_mutex_unlock(&g->lock);
}

static size_t size_of(const struct watch_head *head)
{
	if (head->trace)
		return TRACE_TEXT_MAX;
	return PCAPNG_BLOCK_MAX + ((const struct watch_packet *)head)->captured;
}

/* The oldest record of all tapes; NULL: there is none. */
static const struct watch_head *oldest(struct look *look, struct tape **tape)
{
	const struct watch_head *first = NULL;

	for (unsigned i = 0; i < look->watch_count; i++) {
		const struct watch_head *head = tape_peek(look->watches[i]->tape);

		if (!head || (first && (int64_t)(head->tsc - first->tsc) >= 0))
			continue;
		first = head;
		*tape = look->watches[i]->tape;
	}
	return first;
}

/* False when the connection is broken. */
static bool write_records(struct look *look)
{
	const struct watch_head *head;
	struct tape *tape = NULL;

	while (look->count < look->limit && (head = oldest(look, &tape))) {
		if (!listener_room(&look->listener, DEBUG_DATA, size_of(head)))
			return errno == EAGAIN;
		if (!head->trace)
			write_packet(look, (const struct watch_packet *)head);
		else
			write_trace(look, (const struct watch_trace *)head);
		tape_take(tape);
		look->count++;
	}
	return listener_flush(&look->listener) || errno == EAGAIN;
}

bool look_go_on(struct look *look)
{
	return write_records(look) && look->count < look->limit;
}

static uint64_t missed(const struct look *look)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < look->watch_count; i++)
		sum += atomic_load(&look->watches[i]->missed);
	return sum;
}

/* What was missed belongs to no interface in particular: the workers' tapes are for all. The first one tells it. */
static void end_file(struct look *look)
{
	struct listener *l = &look->listener;

	if (!listener_flush_wait(l))
		return;
	(void)listener_room(l, DEBUG_DATA, 0);
	for (unsigned i = 0; i < WATCH_WHERES; i++)
		l->len += pcapng_statistics(l->message + l->len, i, realtime(), look->interface_count[i],
			i == 0 ? missed(look) : 0);
}

void look_stop(struct look *look)
{
	const bool trace = look->order.trace;

	stop_watching(look);
	while (write_records(look) && look->listener.len) {
		if (!listener_flush_wait(&look->listener))
			break;
	}
	if (!trace)
		end_file(look);
	listener_tell(&look->listener, DEBUG_NOTICE, "%" PRIu64 " packet%s, %" PRIu64 " missed", look->count,
		look->count == 1 ? "" : "s", missed(look));
	log_info("packets are looked at no longer: %" PRIu64 " were, %" PRIu64 " missed", look->count,
		missed(look));
	free_watches(look);
	listener_hang_up(&look->listener);
}
