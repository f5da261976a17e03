/* SPDX-License-Identifier: BSD-3-Clause */
/* Preparing sessions: see esp.h. Runs in the control thread, once an SA. */
#include "esp.h"

#include <string.h>

#include <rte_ip.h>
#include <rte_udp.h>

_Static_assert(offsetof(struct sl_esp_out, template) == 64, "what every packet writes is one cache line");
_Static_assert(
	offsetof(struct sl_esp_in, window.top) % 64 == 0, "what every packet writes is one cache line");
_Static_assert(offsetof(struct sl_esp_in, key) == offsetof(struct sl_esp_in, window.top) + 64,
	"the key is the next");
_Static_assert(sizeof(((struct sl_esp_template *)0)->ipv4) == sizeof(struct rte_ipv4_hdr), "outer IPv4");
_Static_assert(sizeof(((struct sl_esp_template *)0)->udp) == sizeof(struct rte_udp_hdr), "outer UDP");

const char *sl_esp_strerror(int error)
{
	switch (error) {
	case SL_ESP_OK: return "done";
	case SL_ESP_E_SELECTOR: return "a traffic selector is not a plain range of IPv4 addresses";
	case SL_ESP_E_SPI: return "an SPI lies in the reserved range 0 to 255";
	}
	return "unknown error";
}

static int ranges_init(struct sl_esp_ranges *ranges, const struct sl_ts_list *list)
{
	if (list->count == 0)
		return SL_ESP_E_SELECTOR;
	for (unsigned i = 0; i < list->count; i++) {
		const struct sl_ts *ts = &list->ts[i];

		/* What the data path cannot check it must not promise. */
		if (ts->first.family != SL_IPV4 || ts->protocol != 0 || ts->port_first != 0 ||
			ts->port_last != UINT16_MAX)
			return SL_ESP_E_SELECTOR;
		ranges->range[i].first = sl_addr_u32(&ts->first);
		ranges->range[i].last = sl_addr_u32(&ts->last);
	}
	ranges->count = list->count;
	return 0;
}

static uint32_t salt_word(const uint8_t *salt)
{
	uint32_t word;

	memcpy(&word, salt, sizeof(word));
	return word;
}

static void template_init(struct sl_esp_out *out, const struct sl_esp_params *p)
{
	struct sl_esp_template *t = &out->template;
	struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF,
		/* With DF set no reassembly ever needs the identification (RFC 6864 4.1). */
		.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_UDP,
		.src_addr = rte_cpu_to_be_32(p->wire_local),
		.dst_addr = rte_cpu_to_be_32(p->wire_remote),
	};
	struct rte_udp_hdr udp = {
		.src_port = rte_cpu_to_be_16(p->port_local),
		.dst_port = rte_cpu_to_be_16(p->port_remote),
	};

	t->eth.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	memcpy(t->ipv4, &ip, sizeof(ip));
	memcpy(t->udp, &udp, sizeof(udp));
	t->esp.spi = out->spi;
	out->ipv4_sum = rte_raw_cksum(&ip, sizeof(ip));
}

int sl_esp_out_init(struct sl_esp_out *out, const struct sl_esp_params *p)
{
	int err;

	if (p->spi_out < SL_ESP_SPI_MIN)
		return SL_ESP_E_SPI;
	if ((err = ranges_init(&out->local, p->local)) || (err = ranges_init(&out->remote, p->remote)))
		return err;
	/* A 32-bit sequence number may not cycle (RFC 4303 3.3.3). */
	out->seq_limit = p->esn || p->packet_limit < UINT32_MAX ? p->packet_limit : UINT32_MAX;
	out->byte_limit = p->byte_limit;
	out->salt = salt_word(p->salt_out);
	out->spi = rte_cpu_to_be_32(p->spi_out);
	out->cipher = (uint8_t)p->cipher;
	out->esn = p->esn;
	out->peer = p->peer;
	out->local_first = out->local.range[0];
	out->remote_first = out->remote.range[0];
	template_init(out, p);
	sl_gcm_expand(&out->key, p->cipher, p->key_out);
	return 0;
}

int sl_esp_in_init(struct sl_esp_in *in, const struct sl_esp_params *p)
{
	int err;

	if (p->spi_in < SL_ESP_SPI_MIN)
		return SL_ESP_E_SPI;
	if ((err = ranges_init(&in->local, p->local)) || (err = ranges_init(&in->remote, p->remote)))
		return err;
	in->spi = p->spi_in;
	in->salt = salt_word(p->salt_in);
	in->cipher = (uint8_t)p->cipher;
	in->esn = p->esn;
	in->peer = p->peer;
	in->local_first = in->local.range[0];
	in->remote_first = in->remote.range[0];
	sl_gcm_expand(&in->key, p->cipher, p->key_in);
	return 0;
}

void sl_esp_out_resolve(
	struct sl_esp_out *out, const struct rte_ether_addr *src, const struct rte_ether_addr *dst)
{
	out->template.eth.src_addr = *src;
	out->template.eth.dst_addr = *dst;
	out->resolved = true;
}

void sl_esp_out_move(struct sl_esp_out *out, uint32_t remote, uint16_t port)
{
	struct rte_ipv4_hdr ip;
	struct rte_udp_hdr udp;

	memcpy(&ip, out->template.ipv4, sizeof(ip));
	memcpy(&udp, out->template.udp, sizeof(udp));
	ip.dst_addr = rte_cpu_to_be_32(remote);
	udp.dst_port = rte_cpu_to_be_16(port);
	memcpy(out->template.ipv4, &ip, sizeof(ip));
	memcpy(out->template.udp, &udp, sizeof(udp));
	out->ipv4_sum = rte_raw_cksum(&ip, sizeof(ip));
	out->resolved = false;
}
