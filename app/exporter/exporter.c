/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sealane exporter: a process of its own, without keys and without privilege, that tells Prometheus and browsers what the
 * gateway tells `sealane show`. Here are its arguments, its socket and its loop.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../lib/net/addr.h"
#include "../commands.h"
#include "metrics.h"
#include "server.h"

enum { DEFAULT_PORT = 9464, BACKLOG = 64 };

struct request {
	struct sl_endpoint listen;
	const char *gateway;
	bool list;
};

/* Returns an exit code. */
static int read_option(struct request *request, int option, const char *word)
{
	if (option == 'l' && !sl_endpoint_parse(&request->listen, optarg, DEFAULT_PORT))
		return sl_cli_usage(
			"exporter: '%s' is no address, expected --listen 127.0.0.1:9464 or [::1]:9464",
			optarg);
	if (option == 'g' && (*optarg == '\0' || strchr(optarg, '/') != NULL))
		return sl_cli_usage("exporter: expected the name of a gateway after --gateway");
	if (option == ':')
		return sl_cli_usage("exporter: expected a value after %s", word);
	if (option == '?')
		return sl_cli_usage(
			"exporter: unknown option '%s', expected --listen, --gateway or --list", word);
	if (option == 'g')
		request->gateway = optarg;
	if (option == 'L')
		request->list = true;
	return SL_EXIT_DONE;
}

/* Returns an exit code. */
static int read_arguments(struct request *request, int argc, char **argv)
{
	static const struct option options[] = {{"listen", required_argument, NULL, 'l'},
		{"gateway", required_argument, NULL, 'g'}, {"list", no_argument, NULL, 'L'},
		{NULL, 0, NULL, 0}};
	int option, code;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		code = read_option(request, option, argv[optind - 1]);
		if (code != SL_EXIT_DONE)
			return code;
	}
	if (optind < argc)
		return sl_cli_usage("exporter: unexpected argument '%s'", argv[optind]);
	return SL_EXIT_DONE;
}

/* ---- The socket ------------------------------------------------------------------------------------------------ */

static socklen_t socket_address(struct sockaddr_storage *storage, const struct sl_endpoint *e)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;

	memset(storage, 0, sizeof(*storage));
	if (e->addr.family == SL_IPV4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(e->port);
		memcpy(&v4->sin_addr, e->addr.bytes, sl_addr_len(&e->addr));
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(e->port);
	memcpy(&v6->sin6_addr, e->addr.bytes, sl_addr_len(&e->addr));
	return sizeof(*v6);
}

/* A listening socket, or -1 after a word on stderr. */
static int listen_at(const struct sl_endpoint *e)
{
	struct sockaddr_storage address;
	socklen_t len = socket_address(&address, e);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[SL_ADDR_TEXT];
	const int on = 1;

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
		(e->addr.family == SL_IPV4 ||
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
		bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	sl_cli_fail("exporter: cannot listen on %s: %s%s", sl_endpoint_text(e, text), strerror(errno),
		errno == EADDRINUSE ? " (choose another with --listen ADDRESS:PORT)" : "");
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- The loop -------------------------------------------------------------------------------------------------- */

/* A file descriptor that is readable once the process is to end; -1 after a word on stderr. */
static int open_signals(void)
{
	sigset_t ends;
	int fd;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	fd = signalfd(-1, &ends, SFD_CLOEXEC);
	if (fd < 0)
		sl_cli_fail("exporter: cannot wait for signals: %s", strerror(errno));
	return fd;
}

static int serve(struct sl_server *server, int signals)
{
	struct pollfd fds[] = {
		{.fd = signals, .events = POLLIN}, {.fd = sl_server_fd(server), .events = POLLIN}};

	while (!(fds[0].revents & POLLIN)) {
		int wait = sl_server_run(server);

		if (poll(fds, 2, wait) < 0 && errno != EINTR)
			return sl_cli_fail("exporter: cannot wait: %s", strerror(errno));
	}
	return SL_EXIT_DONE;
}

int sl_cmd_exporter(int argc, char **argv)
{
	struct request request = {.list = false};
	int code, listener, signals;
	struct sl_server *server;
	char text[SL_ADDR_TEXT];

	sl_endpoint_parse(&request.listen, "127.0.0.1", DEFAULT_PORT);
	code = read_arguments(&request, argc, argv);
	if (code != SL_EXIT_DONE)
		return code;
	if (request.list) {
		sl_metrics_list();
		return sl_cli_flush();
	}
	signals = open_signals();
	listener = signals < 0 ? -1 : listen_at(&request.listen);
	if (listener < 0)
		return SL_EXIT_FAILED;
	server = sl_server_start(listener, request.gateway);
	if (server == NULL)
		return sl_cli_fail("exporter: cannot start the HTTP server");
	fprintf(stderr, "sealane exporter: listening on http://%s/\n",
		sl_endpoint_text(&request.listen, text));
	code = serve(server, signals);
	sl_server_stop(server);
	return code;
}
