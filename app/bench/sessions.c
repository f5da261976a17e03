/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The SAs of a lane, as two handshakes would have left them, with random keys. To seal, their outbound halves are in the
 * worker's tables; to open, the inbound halves are, and the outbound ones at a far end that seals off the clock.
 */
#include <stdlib.h>
#include <string.h>

#include <rte_random.h>

#include "bench.h"

int bench_routes(struct bench *b)
{
	const struct sl_prefix near = {.addr = sl_addr_v4(BENCH_HOST), .len = 32};

	b->routes = sl_routes_new("bench", b->options.workers * b->options.sessions + 1);
	if (!b->routes || sl_routes_add(b->routes, &near, BENCH_FAR_FLOW) != 0)
		return -1;
	for (unsigned w = 0; w < b->options.workers; w++) {
		for (unsigned s = 0; s < b->options.sessions; s++) {
			const struct sl_prefix far = {.addr = sl_addr_v4(bench_remote(b, w, s)), .len = 32};

			if (sl_routes_add(b->routes, &far, s) != 0)
				return -1;
		}
	}
	return 0;
}

static struct sl_ts_list selector(const char *text)
{
	struct sl_ts_list list = {.count = 1};
	struct sl_prefix prefix;

	if (sl_prefix_parse(&prefix, text))
		list.ts[0] = sl_ts_from_prefix(&prefix);
	return list;
}

/* Nobody but this process has these keys, unless a key log was asked for. */
static void random_child(struct sl_ike_child *child, const struct lane *lane, unsigned session)
{
	uint32_t spi = sl_spi_make(lane->worker->id, 1 + session, (uint32_t)rte_rand());

	*child = (struct sl_ike_child){
		.spi_in = spi,
		.spi_out = spi,
		.cipher = lane->bench->options.cipher,
		.esn = true,
		.udp = true,
		.path.local = {sl_addr_v4(BENCH_WIRE_NEAR), SL_ESP_UDP_PORT},
		.path.remote = {sl_addr_v4(BENCH_WIRE_FAR), SL_ESP_UDP_PORT},
		.local = selector("10.1.0.0/16"),
		.remote = selector("10.128.0.0/9"),
	};
	sl_random(&child->in, sizeof(child->in));
	child->out = child->in;
}

/* The end that seals is `child`'s own when we seal, and the other one when we open. */
static int session_init(struct lane *lane, const struct sl_ike_child *child, struct bench_session *session)
{
	const bool open = lane->bench->options.open;
	struct sl_esp_params p = {
		.spi_in = child->spi_in,
		.spi_out = child->spi_out,
		.cipher = child->cipher,
		.esn = child->esn,
		.wire_local = open ? child->path.remote : child->path.local,
		.wire_remote = open ? child->path.local : child->path.remote,
		.udp = child->udp,
		.dscp = SL_DSCP_COPY,
		.path_mtu = UINT16_MAX,
		.local = open ? &child->remote : &child->local,
		.remote = open ? &child->local : &child->remote,
		.key_in = child->in.key,
		.salt_in = child->in.salt,
		.key_out = child->out.key,
		.salt_out = child->out.salt,
		.packet_limit = UINT64_C(1) << 62,
		.byte_limit = UINT64_C(1) << 62,
	};

	session->out = sl_secret_get(lane->outs);
	if (!session->out || sl_esp_out_init(session->out, &p) != 0)
		return -1;
	sl_esp_out_resolve(session->out, &lane->bench->plain.mac, &lane->bench->wire.mac);
	session->key = &session->out->key;
	if (!open)
		return 0;
	p.local = &child->local;
	p.remote = &child->remote;
	session->in = sl_secret_get(lane->ins);
	if (!session->in || sl_esp_in_init(session->in, &p) != 0)
		return -1;
	session->key = &session->in->key;
	sl_in_install(&lane->worker->dp, session->in);
	return 0;
}

static void shuffle(struct bench_session *sessions, unsigned count)
{
	for (unsigned i = count; i > 1; i--) {
		unsigned other = (unsigned)rte_rand_max(i);
		struct bench_session swap = sessions[i - 1];

		sessions[i - 1] = sessions[other];
		sessions[other] = swap;
	}
}

int bench_sessions(struct lane *lane)
{
	struct bench *b = lane->bench;
	unsigned count = b->options.sessions;

	lane->outs = sl_secret_pool_new(sizeof(struct sl_esp_out), count);
	lane->ins = sl_secret_pool_new(sizeof(struct sl_esp_in), count);
	lane->sessions = calloc(count, sizeof(*lane->sessions));
	if (!lane->outs || !lane->ins || !lane->sessions)
		return -1;
	for (unsigned s = 0; s < count; s++) {
		struct bench_session *session = &lane->sessions[s];
		struct sl_ike_child child;
		int err;

		random_child(&child, lane, s);
		err = session_init(lane, &child, session);
		if (!err)
			keylog_child(b->keylog, &child);
		sl_wipe(&child, sizeof(child));
		if (err)
			return -1;
		session->remote = bench_remote(b, lane->worker->id, s);
		if (!b->options.open)
			sl_out_switch(&lane->worker->dp, s, session->out, NULL);
	}
	shuffle(lane->sessions, count);
	return 0;
}

/* When the worker has stopped. */
void bench_sessions_free(struct lane *lane)
{
	for (unsigned s = 0; s < lane->bench->options.sessions; s++) {
		sl_secret_put(lane->outs, lane->sessions[s].out);
		sl_secret_put(lane->ins, lane->sessions[s].in);
	}
	sl_secret_pool_free(lane->outs);
	sl_secret_pool_free(lane->ins);
	free(lane->sessions);
}
