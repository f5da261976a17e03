/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests and their responses. */
#include "server.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "../commands.h"
#include "metrics.h"
#include "page.h"
#include "snapshot.h"

enum {
	CONNECTIONS = 32,
	CONNECTION_MEMORY = 16 << 10, /* request line and headers */
	IDLE_SECONDS = 5,
	LIFE_SECONDS = 20, /* of a connection, in all */
	WAIT_MS = 1000,    /* between two looks at what is old */
};

struct connection {
	LIST_ENTRY(connection) next;
	int fd;
	time_t born;
};

struct sl_server {
	struct MHD_Daemon *daemon;
	const char *gateway;
	bool answered, asked; /* as was said in the log */
	LIST_HEAD(, connection) connections;
};

/* ---- Connections ----------------------------------------------------------------------------------------------- */

static time_t now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **slot,
	enum MHD_ConnectionNotificationCode what)
{
	struct sl_server *server = context;
	struct connection *c = *slot;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		c = calloc(1, sizeof(*c));
		if (c == NULL)
			return;
		c->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		c->born = now_seconds();
		LIST_INSERT_HEAD(&server->connections, c, next);
		*slot = c;
	} else if (c != NULL) {
		LIST_REMOVE(c, next);
		free(c);
	}
}

/* libmicrohttpd ends connections that are silent, but not those that send a byte now and then. */
static void end_old_connections(struct sl_server *server)
{
	time_t now = now_seconds();
	struct connection *c;

	LIST_FOREACH (c, &server->connections, next) {
		if (now - c->born >= LIFE_SECONDS)
			shutdown(c->fd, SHUT_RDWR);
	}
}

/* ---- Responses ------------------------------------------------------------------------------------------------- */

static bool add_headers(struct MHD_Response *response, const char *type)
{
	static const char *const headers[][2] = {{MHD_HTTP_HEADER_CONNECTION, "close"},
		{MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"}, {"X-Content-Type-Options", "nosniff"},
		{"Referrer-Policy", "no-referrer"}, {"Cross-Origin-Resource-Policy", "same-origin"},
		{"Content-Security-Policy", SL_PAGE_CSP}};

	for (unsigned i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		if (MHD_add_response_header(response, headers[i][0], headers[i][1]) != MHD_YES)
			return false;
	}
	return MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES;
}

/* Answers and lets go of the response; a NULL ends the connection. */
static enum MHD_Result respond(
	struct MHD_Connection *connection, unsigned status, const char *type, struct MHD_Response *response)
{
	enum MHD_Result result = MHD_NO;

	if (response != NULL && add_headers(response, type))
		result = MHD_queue_response(connection, status, response);
	if (response != NULL)
		MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *why)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(why), (void *)(uintptr_t)why, MHD_RESPMEM_PERSISTENT);

	if (response != NULL && status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	return respond(connection, status, "text/plain; charset=utf-8", response);
}

/* One line when the gateway begins to answer, and one when it ceases to. */
static void take(struct sl_server *server, struct sl_snapshot *snapshot, enum sl_snapshot_depth depth)
{
	bool answers;

	sl_snapshot_take(snapshot, server->gateway, depth);
	answers = snapshot->data != NULL;
	if (!server->asked || answers != server->answered)
		fprintf(stderr, "sealane exporter: %s\n", answers ? "the gateway answers" : snapshot->reason);
	server->asked = true;
	server->answered = answers;
}

static enum MHD_Result serve_metrics(struct sl_server *server, struct MHD_Connection *connection)
{
	enum sl_metric_format format = sl_format_accepted(
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT));
	struct MHD_Response *response = NULL;
	struct sl_snapshot snapshot;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return MHD_NO;
	take(server, &snapshot, SL_SNAPSHOT_ALL);
	sl_metrics_write(out, &snapshot, format);
	sl_snapshot_release(&snapshot);
	if (fclose(out) == 0)
		response = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	if (response == NULL)
		free(text);
	return respond(connection, MHD_HTTP_OK, sl_format_type(format), response);
}

static enum MHD_Result serve_status(struct sl_server *server, struct MHD_Connection *connection)
{
	struct MHD_Response *response = NULL;
	struct sl_snapshot snapshot;
	json_t *status;
	char *text;

	take(server, &snapshot, SL_SNAPSHOT_BRIEF);
	status = snapshot.data != NULL ? json_incref(snapshot.data) : json_object();
	json_object_set_new(status, "up", json_boolean(snapshot.data != NULL));
	json_object_set_new(status, "time_ms", json_integer((json_int_t)snapshot.time_ms));
	if (snapshot.data == NULL)
		json_object_set_new(status, "reason", json_string(snapshot.reason));
	text = json_dumps(status, JSON_COMPACT);
	json_decref(status);
	sl_snapshot_release(&snapshot);
	if (text != NULL)
		response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (response == NULL)
		free(text);
	return respond(connection, MHD_HTTP_OK, "application/json", response);
}

static enum MHD_Result serve_page(struct MHD_Connection *connection)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		sizeof(sl_page), (void *)(uintptr_t)sl_page, MHD_RESPMEM_PERSISTENT);

	return respond(connection, MHD_HTTP_OK, "text/html; charset=utf-8", response);
}

/* Called when the headers are there. Who sends a body besides is not listened to: the connection ends. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size, void **slot)
{
	(void)version;
	(void)upload;
	(void)upload_size;
	(void)slot;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are served here\n");
	if (strcmp(url, "/metrics") == 0)
		return serve_metrics(context, connection);
	if (strcmp(url, "/status.json") == 0)
		return serve_status(context, connection);
	if (strcmp(url, "/") == 0)
		return serve_page(connection);
	return refuse(connection, MHD_HTTP_NOT_FOUND, "here are only /, /metrics and /status.json\n");
}

/* ---- Start, run, stop ------------------------------------------------------------------------------------------ */

/* What strangers send is not an operator's concern. */
static void say_nothing(void *context, const char *format, va_list args)
{
	(void)context;
	(void)format;
	(void)args;
}

struct sl_server *sl_server_start(int listener, const char *gateway)
{
	struct sl_server *server = calloc(1, sizeof(*server));

	if (server == NULL) {
		close(listener);
		return NULL;
	}
	server->gateway = gateway;
	LIST_INIT(&server->connections);
	server->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, server,
		MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL, MHD_OPTION_LISTEN_SOCKET, listener,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
	if (server->daemon != NULL)
		return server;
	close(listener);
	free(server);
	return NULL;
}

int sl_server_fd(const struct sl_server *server)
{
	return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

/*
 * It never waits for long: at its limit of connections libmicrohttpd takes the listener out of what it waits for, and puts it
 * back only in the run after the one in which a connection ended.
 */
int sl_server_run(struct sl_server *server)
{
	MHD_UNSIGNED_LONG_LONG wait;

	end_old_connections(server);
	MHD_run(server->daemon);
	return MHD_get_timeout(server->daemon, &wait) == MHD_YES && wait < WAIT_MS ? (int)wait : WAIT_MS;
}

void sl_server_stop(struct sl_server *server)
{
	MHD_stop_daemon(server->daemon);
	free(server);
}
