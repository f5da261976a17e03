/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an operator asks of the running gateway: `sealane reload`, `down` and `up`, over DPDK's telemetry socket, and SIGHUP.
 * Requests come in threads of DPDK, but only the control thread changes anything: so a request is left where it finds it, and
 * its thread waits, without the lock, until it has been carried out. One at a time.
 *
 * The answer is a text: "done" or "refused", and behind it the lines that tell what, as far as an answer can be long.
 */
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include <rte_telemetry.h>

#include "gateway.h"

enum {
	TEXT = 6000, /* twice that, for what JSON makes of newlines and quotes, is still below what DPDK sends */
	TEXT_LEFT = 64, /* for how many lines there would be more */
};

struct change {
	bool (*carry_out)(struct gateway *g, struct change *change);
	const char *peer;
	bool done, refused;
	char text[TEXT];
	size_t len;
	unsigned lines, cut;
};

static struct gateway *gateway; /* DPDK passes no context to its callbacks */

/* A line may say again what was asked for, or stands in the file; DPDK writes JSON of which not every byte can be part. */
static void spare_json(char *text)
{
	for (; *text != '\0'; text++) {
		if ((*text < ' ' || *text > '~') && *text != '\n')
			*text = '?';
	}
}

static void add_line(void *ctx, const char *line)
{
	struct change *c = ctx;
	size_t len = strlen(line) + 1;

	c->lines++;
	if (c->cut || c->len + len + TEXT_LEFT > sizeof(c->text)) {
		c->cut++;
		return;
	}
	snprintf(c->text + c->len, sizeof(c->text) - c->len, "%s\n", line);
	spare_json(c->text + c->len);
	c->len += len;
}

/* ---- What may be asked ------------------------------------------------------------------------------------------------- */

static bool carry_out_reload(struct gateway *g, struct change *c)
{
	bool done;

	service_reloading(g);
	done = reload(g, add_line, c);
	service_ready(g);
	if (!done)
		log_warning("%s is not put into effect, for %u reason%s", g->config->path, c->lines,
			c->lines == 1 ? "" : "s");
	return done;
}

/* The slot, or -1 with a line that says so. */
static int find(const struct gateway *g, struct change *c)
{
	int slot = c->peer ? peer_find(g, c->peer) : -1;
	char line[128];

	if (slot >= 0)
		return slot;
	snprintf(line, sizeof(line), "the gateway has no peer '%.63s' (see 'sealane show peers')",
		c->peer ? c->peer : "");
	add_line(c, line);
	return -1;
}

static void tell(const struct gateway *g, struct change *c, int slot, const char *what)
{
	char line[128];

	snprintf(line, sizeof(line), "%s: %s", g->peers[slot].name, what);
	log_info("%s", line);
	add_line(c, line);
}

static bool carry_out_down(struct gateway *g, struct change *c)
{
	int slot = find(g, c);

	if (slot < 0)
		return false;
	/* First workers learn why there is no session, so that none asks for one. */
	gateway_command_all(
		g, &(struct command){.type = COMMAND_FLOW_CLOSED, .arg = (uint32_t)slot, .closed = true});
	sl_ike_down(g->ike, gateway_now(), (unsigned)slot);
	tell(g, c, slot, "link taken down, until 'sealane up'");
	return true;
}

static bool carry_out_up(struct gateway *g, struct change *c)
{
	int slot = find(g, c);

	if (slot < 0)
		return false;
	sl_ike_up(g->ike, gateway_now(), (unsigned)slot);
	gateway_command_all(
		g, &(struct command){.type = COMMAND_FLOW_CLOSED, .arg = (uint32_t)slot, .closed = false});
	tell(g, c, slot, "link may come up");
	return true;
}

/* ---- The control thread's side ----------------------------------------------------------------------------------------- */

/* Nobody waits for an answer: why it was refused goes to the log, where what was done is in any case. */
static void reload_by_signal(struct gateway *g)
{
	struct change c = {.len = 0};
	char *rest = c.text, *line;

	log_info("SIGHUP: reading %s again", g->config->path);
	if (carry_out_reload(g, &c))
		return;
	while ((line = strsep(&rest, "\n")) && *line)
		log_error("%s", line);
	if (c.cut)
		log_error("and %u more (see 'sealane check')", c.cut);
}

void changes_run(struct gateway *g)
{
	if (g->routes_before)
		return; /* the event that there are none any more wakes us again */
	if (g->reload_asked) {
		g->reload_asked = false;
		reload_by_signal(g);
	} else if (g->change) {
		g->change->refused = !g->change->carry_out(g, g->change);
		g->change->done = true;
		g->change = NULL;
		pthread_cond_broadcast(&g->changed);
	}
}

/* ---- Requests ----------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *command;
	bool (*carry_out)(struct gateway *g, struct change *change);
	const char *help;
} commands[] = {
	{"/sealane/reload", carry_out_reload, "Puts the configuration file into effect as it is now"},
	{"/sealane/down", carry_out_down, "Takes the link with a peer down. Parameter: its name"},
	{"/sealane/up", carry_out_up, "Lets the link with a peer come up again. Parameter: its name"},
};

static void wait_for(struct gateway *g, struct change *c)
{
	pthread_mutex_lock(&g->lock);
	while (g->change)
		pthread_cond_wait(&g->changed, &g->lock);
	g->change = c;
	(void)!eventfd_write(g->wake_fd, 1); /* at its limit it is awake anyway */
	while (!c->done)
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static int answer(const char *command, const char *param, struct rte_tel_data *d)
{
	struct change c = {.peer = param};
	char text[TEXT + 2 * TEXT_LEFT];
	int len;

	for (unsigned i = 0; i < RTE_DIM(commands); i++) {
		if (strcmp(commands[i].command, command) == 0)
			c.carry_out = commands[i].carry_out;
	}
	wait_for(gateway, &c);
	len = snprintf(text, sizeof(text), "%s\n%s", c.refused ? "refused" : "done", c.text);
	if (c.cut)
		snprintf(text + len, sizeof(text) - (size_t)len, "and %u more\n", c.cut);
	return rte_tel_data_string(d, text);
}

int changes_init(struct gateway *g)
{
	gateway = g;
	for (unsigned i = 0; i < RTE_DIM(commands); i++) {
		if (rte_telemetry_register_cmd(commands[i].command, answer, commands[i].help) != 0)
			return -1;
	}
	return 0;
}
