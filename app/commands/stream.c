/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams from a running gateway: see stream.h. */
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/config/values.h"
#include "../commands.h"
#include "client.h"

enum {
	LAST_WORDS_MS = 5000, /* for the gateway to end, once we have enough */
	TICK_NS = 1000000,
};

void sl_stream_init(struct sl_stream *stream, const char *command, enum debug_what what)
{
	*stream = (struct sl_stream){
		.command = command,
		.request = {.version = DEBUG_VERSION, .what = what, .snaplen = DEBUG_SNAPLEN_MAX},
	};
}

/* ---- Options -------------------------------------------------------------------------------------------------------------- */

/* Seconds, or with a unit. */
static int read_time(struct sl_stream *stream, const char *value)
{
	uint64_t seconds;

	if (sl_value_count(&seconds, value) && seconds > 0 && seconds <= INT32_MAX)
		stream->time = seconds * SL_SECOND;
	else if (!sl_value_duration(&stream->time, value) || stream->time == 0)
		return sl_cli_usage("%s: --time %s: expected seconds, or a time such as 500ms, 10s, 5m",
			stream->command, value);
	return SL_EXIT_DONE;
}

static int read_count(struct sl_stream *stream, const char *value)
{
	if (sl_value_count(&stream->request.count, value) && stream->request.count > 0)
		return SL_EXIT_DONE;
	return sl_cli_usage("%s: --count %s: expected a number of packets", stream->command, value);
}

static int read_peer(struct sl_stream *stream, const char *value)
{
	if (*value == '\0' || strlen(value) > DEBUG_NAME_MAX)
		return sl_cli_usage("%s: --peer: expected the name of a peer", stream->command);
	strcpy(stream->request.peer, value);
	return SL_EXIT_DONE;
}

static int read_gateway(struct sl_stream *stream, const char *value)
{
	if (*value == '\0' || strchr(value, '/') != NULL)
		return sl_cli_usage("%s: expected the name of a gateway after --gateway", stream->command);
	stream->gateway = value;
	return SL_EXIT_DONE;
}

int sl_stream_option(struct sl_stream *stream, int option, const char *value, const char *word)
{
	switch (option) {
	case 't': return read_time(stream, value);
	case 'c': return read_count(stream, value);
	case 'p': return read_peer(stream, value);
	case 'g': return read_gateway(stream, value);
	case ':': return sl_cli_usage("%s: expected a value after %s", stream->command, word);
	default: return sl_cli_usage("%s: unknown option '%s'", stream->command, word);
	}
}

/* ---- The connection ------------------------------------------------------------------------------------------------------- */

/* Returns a descriptor, or -1 after saying on stderr what is wrong. */
static int connect_to(const char *folder)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", folder, DEBUG_SOCKET) >=
		(int)sizeof(addr.sun_path))
		errno = ENAMETOOLONG;
	else if (fd >= 0 && connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	sl_cli_fail("cannot reach the gateway at %s/%s: %s%s", folder, DEBUG_SOCKET, strerror(errno),
		errno == EACCES ? " (only root and the gateway's own user may)" : "");
	if (fd >= 0)
		close(fd);
	return -1;
}

static int open_gateway(const struct sl_stream *stream)
{
	struct sl_client *client = sl_client_open(stream->gateway);
	int fd;

	if (client == NULL)
		return -1;
	fd = connect_to(sl_client_folder(client));
	sl_client_close(client);
	if (fd >= 0 && send(fd, &stream->request, sizeof(stream->request), MSG_NOSIGNAL) < 0) {
		sl_cli_fail("the gateway takes no request: %s", strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

/* ---- The stream ----------------------------------------------------------------------------------------------------------- */

/* How far a stream has got. */
struct progress {
	bool begun; /* the gateway has agreed */
	bool told;  /* its last message was a notice: when it is the end, it is a good one */
	bool over;
	int code;
};

static void take_message(const struct sl_stream *stream, struct progress *p, const char *message, size_t len)
{
	p->told = false;
	switch ((enum debug_answer)message[0]) {
	case DEBUG_ERROR:
		p->over = true;
		p->code = sl_cli_fail("%s: %.*s", stream->command, (int)len - 1, message + 1);
		return;
	case DEBUG_NOTICE:
		fprintf(stderr, "sealane: %s: %.*s\n", stream->command, (int)len - 1, message + 1);
		p->told = p->begun;
		if (!p->begun && !stream->begin(stream->arg))
			break;
		p->begun = true;
		return;
	default:
		if (!stream->take(stream->arg, (enum debug_answer)message[0], message + 1, len - 1))
			break;
		return;
	}
	p->over = true;
	p->code = SL_EXIT_FAILED;
}

static void receive(const struct sl_stream *stream, struct progress *p, int fd)
{
	static char message[DEBUG_MESSAGE_MAX];
	ssize_t len = recv(fd, message, sizeof(message), 0);

	if (len > 0) {
		take_message(stream, p, message, (size_t)len);
		explicit_bzero(message, (size_t)len);
		return;
	}
	p->over = true;
	p->code = p->told ? SL_EXIT_DONE : sl_cli_fail("%s: the gateway has gone", stream->command);
}

/* A descriptor for SIGINT and SIGTERM, which do no harm any more. */
static int catch_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SL_SECOND + (uint64_t)t.tv_nsec;
}

static int ms_until(uint64_t then)
{
	uint64_t at = now(), left = then > at ? then - at : 0;

	if (then == UINT64_MAX)
		return -1;
	return left / TICK_NS < 60000 ? (int)(left / TICK_NS) + 1 : 60000;
}

static int follow(const struct sl_stream *stream, int fd, int signal_fd)
{
	uint64_t end = stream->time ? now() + stream->time : UINT64_MAX;
	struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};
	struct progress p = {.code = SL_EXIT_DONE};
	bool enough = false;

	while (!p.over) {
		int ready = poll(fds, 2, ms_until(end));

		if (ready > 0 && fds[0].revents)
			receive(stream, &p, fd);
		if ((ready > 0 && fds[1].revents) || now() >= end) {
			if (enough && !p.over)
				return sl_cli_fail("%s: the gateway does not end", stream->command);
			enough = true;
			fds[1].fd = -1; /* a second signal is for nobody */
			fds[1].revents = 0;
			end = now() + LAST_WORDS_MS * SL_MILLISECOND;
			shutdown(fd, SHUT_WR);
		}
	}
	return p.code;
}

int sl_stream_run(struct sl_stream *stream)
{
	int signal_fd = catch_signals(), fd = open_gateway(stream), code;

	if (fd < 0)
		return SL_EXIT_FAILED;
	signal(SIGPIPE, SIG_IGN);
	code = follow(stream, fd, signal_fd);
	close(fd);
	close(signal_fd);
	return code;
}

bool sl_stream_write(const struct sl_stream *stream, int fd, const char *name, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t written = write(fd, data, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			sl_cli_fail("%s: cannot write to %s: %s", stream->command, name, strerror(errno));
			return false;
		}
		data += written;
		len -= (size_t)written;
	}
	return true;
}
