/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The HTTP server of `sealane exporter`, on libmicrohttpd, in the thread of its caller:
 *
 *   /metrics       OpenMetrics, or the older text format
 *   /status.json   the snapshot (snapshot.h) for the page: {"up": true, "time_ms": N, ...}, or {"up": false, "reason": "..."}
 *   /              the page
 *
 * Strangers may be among its clients, so everything has a bound: the number of connections, the memory of each, and
 * how long it may last, whatever trickles in. A connection serves one request.
 */
#ifndef SEALANE_EXPORTER_SERVER_H
#define SEALANE_EXPORTER_SERVER_H

struct sl_server;

/* Serves what the gateway of this name tells (NULL: the only one here) on a listening socket, which it owns from now on. */
struct sl_server *sl_server_start(int listener, const char *gateway);
void sl_server_stop(struct sl_server *server);

/* Readable when there is something to do. */
int sl_server_fd(const struct sl_server *server);

/* Does what there is to do; returns after how many milliseconds at the latest it wants to be called again. */
int sl_server_run(struct sl_server *server);

#endif
