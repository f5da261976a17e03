/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Talks to one gateway; client_find.c knows where it is.
 */
#include "client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../commands.h"

enum {
	ANSWER_MAX = 16 << 20, /* no gateway says that it sends longer ones */
	ANSWER_MARGIN = 4096,  /* what the command's own name adds to what a gateway says is its longest */
	GREETING_MAX = 1024,
	TIMEOUT_SECONDS = 5, /* a gateway answers in milliseconds or never */
};

struct sl_client {
	int fd;
	size_t size;
	char *answer;
	char *folder; /* of the gateway's sockets */
};

static uint64_t deadline; /* for all answers; ms, monotonic; 0: there is none, and each has its own time */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void sl_client_hurry(unsigned ms)
{
	deadline = now_ms() + ms;
}

/* Receives one packet, in the time that is left. The result is that of recv(). */
static ssize_t receive_in_time(struct sl_client *client)
{
	uint64_t now = now_ms(), left = deadline > now ? deadline - now : 0;
	struct timeval timeout = {
		.tv_sec = (time_t)(left / 1000), .tv_usec = (suseconds_t)(left % 1000 * 1000)};

	if (deadline != 0 && left == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (deadline != 0 && setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0)
		return -1;
	return recv(client->fd, client->answer, client->size, MSG_TRUNC);
}

/* Receives one packet as JSON. NULL with a reason. */
static json_t *receive(struct sl_client *client, const char **reason)
{
	ssize_t len = receive_in_time(client);
	json_error_t error;
	json_t *json;

	if (len < 0)
		*reason = errno == EAGAIN ? "it does not answer" : strerror(errno);
	else if (len == 0)
		*reason = "it has closed the connection";
	else if ((size_t)len > client->size)
		*reason = "its answer is longer than it said";
	if (len <= 0 || (size_t)len > client->size)
		return NULL;
	json = json_loadb(client->answer, (size_t)len, 0, &error);
	if (json == NULL)
		*reason = "its answer is not JSON";
	return json;
}

/* The first packet tells how long the others may be. */
static bool read_greeting(struct sl_client *client, const char **reason)
{
	json_t *greeting = receive(client, reason);
	json_int_t longest;
	char *answer;

	if (greeting == NULL)
		return false;
	longest = json_integer_value(json_object_get(greeting, "max_output_len"));
	json_decref(greeting);
	if (longest <= 0 || longest > ANSWER_MAX) {
		*reason = "its greeting is not that of a gateway";
		return false;
	}
	answer = realloc(client->answer, (size_t)longest + ANSWER_MARGIN);
	if (answer == NULL) {
		*reason = strerror(errno);
		return false;
	}
	client->answer = answer;
	client->size = (size_t)longest + ANSWER_MARGIN;
	return true;
}

static bool connect_to(int fd, const char *folder, const char **reason)
{
	struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int len = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/dpdk_telemetry.v2", folder);

	if (len < 0 || (size_t)len >= sizeof(addr.sun_path)) {
		*reason = "its path is too long for a socket";
		return false;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0 &&
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) == 0 &&
		connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return true;
	*reason = strerror(errno);
	return false;
}

struct sl_client *sl_client_connect(const char *folder, const char **reason)
{
	struct sl_client *client = calloc(1, sizeof(*client));
	int error;

	if (client == NULL) {
		*reason = strerror(errno);
		return NULL;
	}
	client->size = GREETING_MAX;
	client->answer = malloc(client->size);
	client->folder = strdup(folder);
	client->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (client->answer == NULL || client->folder == NULL || client->fd < 0)
		*reason = strerror(errno);
	else if (connect_to(client->fd, folder, reason) && read_greeting(client, reason))
		return client;
	error = errno;
	sl_client_close(client);
	errno = error;
	return NULL;
}

void sl_client_close(struct sl_client *client)
{
	if (client == NULL)
		return;
	if (client->fd >= 0)
		close(client->fd);
	free(client->answer);
	free(client->folder);
	free(client);
}

const char *sl_client_folder(const struct sl_client *client)
{
	return client->folder;
}

json_t *sl_client_ask(struct sl_client *client, const char *command)
{
	size_t name_len = strcspn(command, ",");
	const char *reason = NULL;
	json_t *answer = NULL;
	json_t *data;

	if (send(client->fd, command, strlen(command), MSG_NOSIGNAL) < 0)
		reason = strerror(errno);
	else
		answer = receive(client, &reason);
	if (answer == NULL) {
		sl_cli_fail("the gateway did not answer %s: %s", command, reason);
		return NULL;
	}
	/* {"/sealane/peer": DATA}: the command comes back without its argument. */
	data = json_incref(json_object_getn(answer, command, name_len));
	json_decref(answer);
	if (data == NULL)
		sl_cli_fail("the gateway's answer to %s is about something else", command);
	return data;
}
