/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages to one that has asked: they gather until one is full or has another kind, and wait while the reader is behind. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../lib/crypto/crypto.h"
#include "internal.h"

enum { SEND_MS = 2000 }; /* for the last messages: who does not read them gets none */

bool listener_flush(struct listener *l)
{
	if (l->len == 0)
		return true;
	if (send(l->fd, l->message, l->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return false;
	sl_wipe(l->message, l->len);
	l->len = 0;
	return true;
}

bool listener_flush_wait(struct listener *l)
{
	struct pollfd out = {.fd = l->fd, .events = POLLOUT};

	while (!listener_flush(l)) {
		if (errno != EAGAIN || poll(&out, 1, SEND_MS) <= 0)
			return false;
	}
	return true;
}

bool listener_room(struct listener *l, enum debug_answer kind, size_t more)
{
	if (l->len && (l->message[0] != (char)kind || l->len + more > sizeof(l->message)) &&
		!listener_flush(l))
		return false;
	if (l->len == 0)
		l->message[l->len++] = (char)kind;
	return true;
}

void listener_tell(struct listener *l, enum debug_answer kind, const char *format, ...)
{
	va_list args;

	if (!listener_flush_wait(l))
		return;
	l->message[0] = (char)kind;
	va_start(args, format);
	l->len = 1 + (size_t)vsnprintf(l->message + 1, 256, format, args);
	va_end(args);
	(void)listener_flush_wait(l);
}

bool listener_has_enough(const struct listener *l)
{
	char byte;

	return recv(l->fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

void listener_hang_up(struct listener *l)
{
	sl_wipe(l->message, sizeof(l->message));
	close(l->fd);
	l->fd = -1;
	l->len = 0;
}
