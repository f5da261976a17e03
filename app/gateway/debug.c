/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The debugging socket and its thread: see debug.h. One key log and one watch, a capture or a trace, go on at a time. The
 * thread polls their tapes some times a second: nobody wakes it, for a worker must not.
 */
#include "debug.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include "gateway.h"
#include "keylog.h"
#include "pcapng.h"
#include "watch.h"

enum {
	TICK_MS = 10,
	REQUEST_MS = 1000, /* for the request, once connected */
	SEND_MS = 2000,    /* for the last messages: who does not read them gets none */
	BACKLOG = 4,
};

_Static_assert((int)WATCH_FRAME_MAX + (int)PCAPNG_BLOCK_MAX < (int)DEBUG_MESSAGE_MAX &&
		       (int)TRACE_TEXT_MAX < (int)DEBUG_MESSAGE_MAX,
	"every record fits a message");

/* One that has asked, and what is still to be sent to it. */
struct listener {
	int fd; /* -1: nobody */
	enum debug_what what;
	uid_t uid;
	pid_t pid;
	size_t len;
	char message[DEBUG_MESSAGE_MAX]; /* its first byte says what it is */
};

struct debug {
	struct gateway *gateway;
	pthread_t thread;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int listen_fd, stop_fd;
	struct listener keys, watcher;
	/* Of the watch. */
	struct watch_order order;
	struct watch *watches[SL_WORKERS_MAX + 1]; /* the last one is the control thread's */
	unsigned watch_count;
	uint64_t count, limit; /* packets written, at most */
	uint64_t interface_count[WATCH_WHERES];
	uint64_t tsc, ns; /* one moment on both clocks */
};

static uint64_t realtime(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static void set_activity(struct gateway *g, enum debug_what what, bool on)
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

/* ---- Messages ------------------------------------------------------------------------------------------------------------- */

/* Whether what is in the message has been sent; false with errno EAGAIN: not yet. */
static bool flush(struct listener *l)
{
	if (l->len == 0)
		return true;
	if (send(l->fd, l->message, l->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return false;
	sl_wipe(l->message, l->len);
	l->len = 0;
	return true;
}

/* The same, waiting for a reader that is behind. */
static bool flush_wait(struct listener *l)
{
	struct pollfd out = {.fd = l->fd, .events = POLLOUT};

	while (!flush(l)) {
		if (errno != EAGAIN || poll(&out, 1, SEND_MS) <= 0)
			return false;
	}
	return true;
}

/* Room for `more` bytes behind the first one. False: what was before must be sent first, and cannot be now. */
static bool make_room(struct listener *l, enum debug_answer kind, size_t more)
{
	if (l->len && (l->message[0] != (char)kind || l->len + more > sizeof(l->message)) && !flush(l))
		return false;
	if (l->len == 0)
		l->message[l->len++] = (char)kind;
	return true;
}

/* The only or the last message. */
__attribute__((format(printf, 3, 4))) static void tell(
	struct listener *l, enum debug_answer kind, const char *format, ...)
{
	va_list args;

	if (!flush_wait(l))
		return;
	l->message[0] = (char)kind;
	va_start(args, format);
	l->len = 1 + (size_t)vsnprintf(l->message + 1, 256, format, args);
	va_end(args);
	(void)flush_wait(l);
}

static void hang_up(struct listener *l)
{
	sl_wipe(l->message, sizeof(l->message));
	close(l->fd);
	l->fd = -1;
	l->len = 0;
}

/* ---- The key log ---------------------------------------------------------------------------------------------------------- */

static void keylog_start(struct debug *d)
{
	struct gateway *g = d->gateway;
	int err;

	log_warning("THE KEYS OF ALL SESSIONS ARE BEING GIVEN AWAY: 'sealane keylog' of user %u, process %d",
		d->keys.uid, d->keys.pid);
	pthread_mutex_lock(&g->lock);
	err = keylog_listen(g->keylog);
	if (!err) {
		set_activity(g, DEBUG_KEYLOG, true);
		keylog_again(g->keylog, true);
		sl_ike_tell_keys(g->ike);
		sa_tell_keys(g);
		keylog_again(g->keylog, false);
	}
	pthread_mutex_unlock(&g->lock);
	if (!err) {
		tell(&d->keys, DEBUG_NOTICE, "the keys of all sessions of %s are being written",
			g->config->name);
		return;
	}
	tell(&d->keys, DEBUG_ERROR, "no memory for a key log");
	hang_up(&d->keys);
}

static bool keylog_next(struct debug *d)
{
	struct listener *l = &d->keys;
	enum keylog_kind kind;

	pthread_mutex_lock(&d->gateway->lock);
	l->len = keylog_take(d->gateway->keylog, &kind, l->message + 1, sizeof(l->message) - 1);
	pthread_mutex_unlock(&d->gateway->lock);
	if (l->len == 0)
		return false;
	l->message[0] = kind == KEYLOG_ESP ? DEBUG_ESP : DEBUG_IKE;
	l->len++;
	return true;
}

/* False when the connection is broken. */
static bool keylog_pump(struct debug *d)
{
	do {
		if (!flush(&d->keys))
			return errno == EAGAIN;
	} while (keylog_next(d));
	return true;
}

static void keylog_stop(struct debug *d)
{
	struct gateway *g = d->gateway;
	uint64_t missed;

	while (flush_wait(&d->keys) && keylog_next(d))
		;
	pthread_mutex_lock(&g->lock);
	missed = keylog_missed(g->keylog);
	keylog_deaf(g->keylog);
	set_activity(g, DEBUG_KEYLOG, false);
	pthread_mutex_unlock(&g->lock);
	if (missed)
		tell(&d->keys, DEBUG_NOTICE, "the key log has ended, %" PRIu64 " keys are missing", missed);
	else
		tell(&d->keys, DEBUG_NOTICE, "the key log has ended");
	log_warning("the keys of sessions are given away no longer");
	hang_up(&d->keys);
}

/* ---- Capture and trace ---------------------------------------------------------------------------------------------------- */

static const char *const interfaces[WATCH_WHERES] = {
	[WATCH_WIRE] = "wire",
	[WATCH_PLAIN] = "plain",
	[WATCH_DROPPED] = "dropped frames",
	[WATCH_DROPPED_IP] = "dropped packets",
};

/* To the worker, or to the control thread, which has the last one. */
static void set_watch(struct debug *d, unsigned i, struct watch *watch)
{
	struct gateway *g = d->gateway;

	pthread_mutex_lock(&g->lock);
	set_activity(g, d->order.trace ? DEBUG_TRACE : DEBUG_CAPTURE, watch != NULL);
	if (i == g->worker_count)
		g->watch = watch;
	else
		worker_command(&g->workers[i], &(struct command){.type = COMMAND_WATCH, .object = watch});
	pthread_mutex_unlock(&g->lock);
}

/* Nobody writes to the tapes any more. What is on them can still be read. */
static void stop_watching(struct debug *d)
{
	for (unsigned i = 0; i < d->watch_count; i++)
		set_watch(d, i, NULL);
	for (unsigned i = 0; i < d->watch_count; i++) {
		/* The control thread's is gone now: it holds the lock when it looks. */
		while (d->watches[i]->worker &&
			!atomic_load_explicit(&d->watches[i]->gone, memory_order_acquire))
			usleep(1000);
	}
}

static void free_watches(struct debug *d)
{
	for (unsigned i = 0; i < d->watch_count; i++)
		watch_free(d->watches[i]);
	d->watch_count = 0;
}

/* Returns NULL, or what is wrong. */
static const char *start_watching(struct debug *d)
{
	struct gateway *g = d->gateway;

	for (d->watch_count = 0; d->watch_count <= g->worker_count; d->watch_count++) {
		const unsigned i = d->watch_count;

		d->watches[i] = watch_new(g, i < g->worker_count ? &g->workers[i] : NULL, &d->order);
		if (!d->watches[i]) {
			free_watches(d);
			return "no memory to look at packets";
		}
	}
	d->tsc = rte_rdtsc();
	d->ns = realtime();
	for (unsigned i = 0; i < d->watch_count; i++)
		set_watch(d, i, d->watches[i]);
	return NULL;
}

static uint64_t time_of(const struct debug *d, uint64_t tsc)
{
	const double seconds = (double)(int64_t)(tsc - d->tsc) / (double)rte_get_tsc_hz();

	return d->ns + (uint64_t)(int64_t)(seconds * (double)SECOND_NS);
}

static void begin_file(struct debug *d)
{
	struct listener *l = &d->watcher;

	(void)make_room(l, DEBUG_DATA, 0);
	l->len += pcapng_section(l->message + l->len, "sealane " SEALANE_VERSION);
	for (unsigned i = 0; i < WATCH_WHERES; i++)
		l->len += pcapng_interface(l->message + l->len,
			i == WATCH_DROPPED_IP ? PCAPNG_RAW_IP : PCAPNG_ETHERNET, interfaces[i],
			d->order.snaplen);
}

static void watch_start(struct debug *d, const struct debug_request *r)
{
	const char *error;
	bool known;

	pthread_mutex_lock(&d->gateway->lock);
	known = debug_order(&d->order, r, d->gateway);
	pthread_mutex_unlock(&d->gateway->lock);
	d->count = 0;
	d->limit = r->count ? r->count : UINT64_MAX;
	memset(d->interface_count, 0, sizeof(d->interface_count));
	error = known ? start_watching(d) : "the gateway has no such peer (see 'sealane show peers')";
	if (error) {
		tell(&d->watcher, DEBUG_ERROR, "%s", error);
		hang_up(&d->watcher);
		return;
	}
	log_warning("PACKETS ARE BEING LOOKED AT: 'sealane %s' of user %u, process %d",
		r->what == DEBUG_TRACE ? "trace" : "capture", d->watcher.uid, d->watcher.pid);
	tell(&d->watcher, DEBUG_NOTICE, "%s %s", r->what == DEBUG_TRACE ? "tracing" : "capturing from",
		d->gateway->config->name);
	if (r->what == DEBUG_CAPTURE)
		begin_file(d);
}

static const char *worker_name(char name[static 16], unsigned worker)
{
	if (worker == WATCH_CONTROL)
		return "control thread";
	snprintf(name, 16, "worker %u", worker);
	return name;
}

static void write_packet(struct debug *d, const struct watch_packet *p)
{
	struct listener *l = &d->watcher;
	char comment[PCAPNG_COMMENT_MAX], name[16];
	const char *worker = worker_name(name, p->head.worker);
	const char *from = p->port < WATCH_DROPPED ? interfaces[p->port] : NULL;
	struct pcapng_packet packet = {
		.interface = p->where,
		.ns = time_of(d, p->head.tsc),
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
	d->interface_count[p->where]++;
	l->len += pcapng_packet(l->message + l->len, &packet);
}

static void write_trace(struct debug *d, const struct watch_trace *t)
{
	struct gateway *g = d->gateway;
	struct listener *l = &d->watcher;

	pthread_mutex_lock(&g->lock);
	l->len += trace_text(l->message + l->len, t, time_of(d, t->head.tsc),
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
static const struct watch_head *oldest(struct debug *d, struct tape **tape)
{
	const struct watch_head *first = NULL;

	for (unsigned i = 0; i < d->watch_count; i++) {
		const struct watch_head *head = tape_peek(d->watches[i]->tape);

		if (!head || (first && (int64_t)(head->tsc - first->tsc) >= 0))
			continue;
		first = head;
		*tape = d->watches[i]->tape;
	}
	return first;
}

/* False when the connection is broken. */
static bool write_records(struct debug *d)
{
	const struct watch_head *head;
	struct tape *tape = NULL;

	while (d->count < d->limit && (head = oldest(d, &tape))) {
		if (!make_room(&d->watcher, DEBUG_DATA, size_of(head)))
			return errno == EAGAIN;
		if (!head->trace)
			write_packet(d, (const struct watch_packet *)head);
		else
			write_trace(d, (const struct watch_trace *)head);
		tape_take(tape);
		d->count++;
	}
	return flush(&d->watcher) || errno == EAGAIN;
}

static uint64_t missed(const struct debug *d)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < d->watch_count; i++)
		sum += atomic_load(&d->watches[i]->missed);
	return sum;
}

/* What was missed belongs to no interface in particular: the workers' tapes are for all. The first one tells it. */
static void end_file(struct debug *d)
{
	struct listener *l = &d->watcher;

	if (!flush_wait(l))
		return;
	(void)make_room(l, DEBUG_DATA, 0);
	for (unsigned i = 0; i < WATCH_WHERES; i++)
		l->len += pcapng_statistics(
			l->message + l->len, i, realtime(), d->interface_count[i], i == 0 ? missed(d) : 0);
}

static void watch_stop(struct debug *d)
{
	const bool trace = d->order.trace;

	stop_watching(d);
	while (write_records(d) && d->watcher.len) {
		if (!flush_wait(&d->watcher))
			break;
	}
	if (!trace)
		end_file(d);
	tell(&d->watcher, DEBUG_NOTICE, "%" PRIu64 " packet%s, %" PRIu64 " missed", d->count,
		d->count == 1 ? "" : "s", missed(d));
	log_info(
		"packets are looked at no longer: %" PRIu64 " were, %" PRIu64 " missed", d->count, missed(d));
	free_watches(d);
	hang_up(&d->watcher);
}

/* ---- Requests ------------------------------------------------------------------------------------------------------------- */

static void refuse(int fd, const char *why)
{
	struct listener stranger = {.fd = fd};

	tell(&stranger, DEBUG_ERROR, "%s", why);
	close(fd);
}

static void serve(struct debug *d, int fd, const struct ucred *who, const struct debug_request *r)
{
	struct listener *l = r->what == DEBUG_KEYLOG ? &d->keys : &d->watcher;

	if (l->fd >= 0) {
		char why[64];

		snprintf(why, sizeof(why), "process %d already does this here: one at a time", l->pid);
		refuse(fd, why);
		return;
	}
	l->fd = fd;
	l->what = (enum debug_what)r->what;
	l->uid = who->uid;
	l->pid = who->pid;
	if (r->what == DEBUG_KEYLOG)
		keylog_start(d);
	else
		watch_start(d, r);
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

/* ---- The thread ----------------------------------------------------------------------------------------------------------- */

/* Whoever is connected says nothing more but that it has enough. */
static bool has_enough(const struct listener *l)
{
	char byte;

	return recv(l->fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

static void go_on(struct debug *d)
{
	if (d->keys.fd >= 0 && (!keylog_pump(d) || has_enough(&d->keys)))
		keylog_stop(d);
	if (d->watcher.fd >= 0 && (!write_records(d) || d->count >= d->limit || has_enough(&d->watcher)))
		watch_stop(d);
}

static void *run(void *arg)
{
	struct debug *d = arg;
	struct pollfd fds[] = {{.fd = d->stop_fd, .events = POLLIN}, {.fd = d->listen_fd, .events = POLLIN}};

	while (fds[0].revents == 0) {
		const bool busy = d->keys.fd >= 0 || d->watcher.fd >= 0;

		if (poll(fds, RTE_DIM(fds), busy ? TICK_MS : -1) > 0 && fds[1].revents)
			take_request(d);
		go_on(d);
	}
	if (d->keys.fd >= 0)
		keylog_stop(d);
	if (d->watcher.fd >= 0)
		watch_stop(d);
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
	*d = (struct debug){.gateway = g, .keys.fd = -1, .watcher.fd = -1};
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
