/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Questions to a running gateway, over the telemetry socket that DPDK opens for it (rte_telemetry, protocol v2): one
 * packet with a command, one packet with its answer in JSON.
 */
#ifndef SEALANE_APP_CLIENT_H
#define SEALANE_APP_CLIENT_H

#include <jansson.h>

struct sl_client;

/*
 * Connects to the gateway of this name, or with NULL to the only one that runs here. Returns NULL after saying on stderr
 * why it cannot. (client_find.c)
 */
struct sl_client *sl_client_open(const char *name);

/*
 * Connects to the gateway whose sockets are in this folder. NULL with a reason, without a word on stderr; errno is EACCES when
 * we may not.
 */
struct sl_client *sl_client_connect(const char *folder, const char **reason);

/*
 * For who cannot wait: what a gateway has not answered in so many milliseconds from now, all answers together, it did not
 * answer. Without this each answer may take five seconds.
 */
void sl_client_hurry(unsigned ms);

void sl_client_close(struct sl_client *client);

/* The folder with the sockets of this gateway; as long as the client. */
const char *sl_client_folder(const struct sl_client *client);

/*
 * The answer to a command such as "/sealane/peer,beta.example", as a new reference; JSON null when the gateway does not
 * know what is asked for. Returns NULL after saying on stderr what went wrong.
 */
json_t *sl_client_ask(struct sl_client *client, const char *command);

#endif
