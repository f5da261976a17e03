/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds the gateways of this machine by their sockets, and talks to one of them.
 */
#include "client.h"

#include <dirent.h>
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
};

/* ---- One socket ------------------------------------------------------------------------------------------------ */

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

static bool connect_to(int fd, const char *path, const char **reason)
{
	struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(addr.sun_path)) {
		*reason = "its path is too long for a socket";
		return false;
	}
	memcpy(addr.sun_path, path, strlen(path));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0 &&
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) == 0 &&
		connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return true;
	*reason = strerror(errno);
	return false;
}

/* A client of the gateway at this socket; NULL with a reason, without a word on stderr. */
static struct sl_client *open_socket(const char *path, const char **reason)
{
	struct sl_client *client = calloc(1, sizeof(*client));

	if (client == NULL) {
		*reason = strerror(errno);
		return NULL;
	}
	client->size = GREETING_MAX;
	client->answer = malloc(client->size);
	client->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (client->answer == NULL || client->fd < 0)
		*reason = strerror(errno);
	else if (connect_to(client->fd, path, reason) && read_greeting(client, reason))
		return client;
	sl_client_close(client);
	return NULL;
}

void sl_client_close(struct sl_client *client)
{
	if (client == NULL)
		return;
	if (client->fd >= 0)
		close(client->fd);
	free(client->answer);
	free(client);
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

/* ---- Which socket ---------------------------------------------------------------------------------------------- */

static const char prefix[] = "sealane-";

/* Where DPDK keeps what belongs to running programs: its rule, so that both sides look in one place. */
static const char *runtime_dir(void)
{
	const char *dir = getenv("RUNTIME_DIRECTORY");

	if (dir == NULL && getuid() == 0)
		dir = "/var/run";
	if (dir == NULL)
		dir = getenv("XDG_RUNTIME_DIR");
	return dir != NULL ? dir : "/tmp";
}

static struct sl_client *open_name(const char *name, const char **reason)
{
	struct sl_client *client;
	char *path;

	if (asprintf(&path, "%s/dpdk/%s%s/dpdk_telemetry.v2", runtime_dir(), prefix, name) < 0) {
		*reason = strerror(ENOMEM);
		return NULL;
	}
	client = open_socket(path, reason);
	free(path);
	return client;
}

static int is_gateway(const struct dirent *entry)
{
	return strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
}

/* Opens the only one of these folders whose gateway answers; folders of gateways that ended stay behind. */
static struct sl_client *open_only(struct dirent **folders, int count)
{
	struct sl_client *only = NULL;
	char names[512] = "";
	unsigned answering = 0;

	for (int i = 0; i < count; i++) {
		const char *name = folders[i]->d_name + strlen(prefix);
		const char *reason;
		struct sl_client *client = open_name(name, &reason);
		size_t len = strlen(names);

		if (client == NULL)
			continue;
		snprintf(names + len, sizeof(names) - len, "%s%s", answering++ > 0 ? ", " : "", name);
		sl_client_close(only);
		only = client;
	}
	if (answering == 1)
		return only;
	sl_client_close(only);
	if (answering == 0)
		sl_cli_fail("no gateway is running here (looked in %s/dpdk)", runtime_dir());
	else
		sl_cli_fail("several gateways are running here (%s), expected --gateway NAME", names);
	return NULL;
}

struct sl_client *sl_client_open(const char *name)
{
	struct dirent **folders = NULL;
	struct sl_client *client;
	const char *reason;
	char *dir;
	int count;

	if (name != NULL) {
		client = open_name(name, &reason);
		if (client == NULL)
			sl_cli_fail("no gateway '%s' is running here (looked in %s/dpdk/%s%s): %s", name,
				runtime_dir(), prefix, name, reason);
		return client;
	}
	if (asprintf(&dir, "%s/dpdk", runtime_dir()) < 0) {
		sl_cli_fail("out of memory");
		return NULL;
	}
	count = scandir(dir, &folders, is_gateway, alphasort);
	free(dir);
	client = open_only(folders, count);
	for (int i = 0; i < count; i++)
		free(folders[i]);
	free(folders);
	return client;
}
