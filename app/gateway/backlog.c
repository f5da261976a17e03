/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands that wait: see backlog.h. */
#include "backlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ring_elem.h>

enum { ROOM_AT_FIRST = 1024 };

static int make_room(struct backlog *b)
{
	unsigned room = b->room ? 2 * b->room : ROOM_AT_FIRST;
	struct command *commands;

	if (b->first + b->count < b->room)
		return 0;
	if (b->first >= b->count && b->count > 0) {
		memcpy(b->commands, b->commands + b->first, b->count * sizeof(*b->commands));
		b->first = 0;
		return 0;
	}
	commands = reallocarray(b->commands, room, sizeof(*commands));
	if (!commands)
		return -ENOMEM;
	b->commands = commands;
	b->room = room;
	return 0;
}

int backlog_add(struct backlog *b, const struct command *command)
{
	int err = make_room(b);

	if (!err)
		b->commands[b->first + b->count++] = *command;
	return err;
}

void backlog_give(struct backlog *b, struct rte_ring *ring)
{
	unsigned n = rte_ring_sp_enqueue_burst_elem(
		ring, b->commands + b->first, sizeof(*b->commands), b->count, NULL);

	b->first += n;
	b->count -= n;
	if (b->count == 0)
		b->first = 0;
}

void backlog_fini(struct backlog *b)
{
	free(b->commands);
	*b = (struct backlog){0};
}
