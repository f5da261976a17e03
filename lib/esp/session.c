/* SPDX-License-Identifier: BSD-3-Clause */
/* Preparing sessions: see esp.h. Runs in the control thread, once an SA. */
#include "internal.h"

#include <assert.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_udp.h>

#include "../net/ip.h"
#include "../net/packet.h"

enum { OUTER_HOPS = 64, FLOW_LABEL_BITS = 20 };

_Static_assert(offsetof(struct sl_esp_out, template) == 64, "what every packet writes is one cache line");
_Static_assert(
	offsetof(struct sl_esp_out, key) == 64 + SL_ESP_TEMPLATE, "the near half of the template, the key");
_Static_assert(
	offsetof(struct sl_esp_in, window.top) % 64 == 0, "what every packet writes is one cache line");
_Static_assert(offsetof(struct sl_esp_in, key) == offsetof(struct sl_esp_in, window.top) + 64,
	"the key is the next");
_Static_assert(
	sizeof(struct rte_ether_hdr) + sizeof(struct rte_vlan_hdr) + SL_ESP_OUTER <= SL_ESP_TEMPLATE_NEAR,
	"IPv4 and UDP, with a tag or without, fit one cache line");

const char *sl_esp_strerror(int error)
{
	switch (error) {
	case SL_ESP_OK: return "done";
	case SL_ESP_E_SELECTOR: return "a traffic selector is missing or empty";
	case SL_ESP_E_SPI: return "an SPI lies in the reserved range 0 to 255";
	case SL_ESP_E_OUTER: return "the outer addresses are of two families";
	}
	return "unknown error";
}

static bool is_plain(const struct sl_esp_selector *s)
{
	return s->family == SL_IPV4 && s->protocol == 0 && s->port_first == 0 && s->port_last == UINT16_MAX;
}

/* The selectors of both sides, and the first of them as they are asked at a glance. */
static int selectors_init(struct sl_esp_selectors *local, struct sl_esp_selectors *remote,
	struct sl_esp_range *local_first, struct sl_esp_range *remote_first, const struct sl_esp_params *p)
{
	const struct sl_esp_selector *l = &local->selector[0], *r = &remote->selector[0];
	int err;

	if ((err = sl_esp_selectors_init(local, p->local)) ||
		(err = sl_esp_selectors_init(remote, p->remote)))
		return err;
	*local_first = *remote_first = (struct sl_esp_range){0, 0};
	if (is_plain(l) && is_plain(r)) {
		*local_first = (struct sl_esp_range){(uint32_t)l->first, (uint32_t)l->last};
		*remote_first = (struct sl_esp_range){(uint32_t)r->first, (uint32_t)r->last};
	}
	return 0;
}

static uint32_t salt_word(const uint8_t *salt)
{
	uint32_t word;

	memcpy(&word, salt, sizeof(word));
	return word;
}

/* ---- The template: written from its end on, as it is right-aligned ------------------------------------------------------ */

/* Puts a header before those that are there. */
static void prepend(struct sl_esp_out *out, const void *header, size_t len)
{
	out->header_len = (uint8_t)(out->header_len + len);
	memcpy((uint8_t *)&out->template + sizeof(out->template) - out->header_len, header, len);
}

static void prepend_udp(struct sl_esp_out *out, const struct sl_esp_params *p)
{
	const struct rte_udp_hdr udp = {
		.src_port = rte_cpu_to_be_16(p->wire_local.port),
		.dst_port = rte_cpu_to_be_16(p->wire_remote.port),
	};

	prepend(out, &udp, sizeof(udp));
}

static void prepend_ipv4(struct sl_esp_out *out, const struct sl_esp_params *p, uint8_t tos)
{
	const struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF,
		.type_of_service = tos,
		/* With DF set no reassembly ever needs the identification (RFC 6864 4.1). */
		.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = OUTER_HOPS,
		.next_proto_id = p->udp ? IPPROTO_UDP : IPPROTO_ESP,
		.src_addr = rte_cpu_to_be_32(sl_addr_u32(&p->wire_local.addr)),
		.dst_addr = rte_cpu_to_be_32(sl_addr_u32(&p->wire_remote.addr)),
	};

	out->ipv4_sum = rte_raw_cksum(&ip, sizeof(ip));
	prepend(out, &ip, sizeof(ip));
}

/*
 * Routers spread by the flow label (RFC 6438), so each session has one of its own. It need not be unguessable here, for the
 * SPI it comes from stands in the packet too.
 */
static uint32_t flow_label(uint32_t spi)
{
	const uint32_t golden_ratio = 0x9e3779b1;

	return spi * golden_ratio >> (32 - FLOW_LABEL_BITS);
}

static void prepend_ipv6(struct sl_esp_out *out, const struct sl_esp_params *p, uint8_t tos)
{
	struct rte_ipv6_hdr ip = {
		.vtc_flow =
			rte_cpu_to_be_32(UINT32_C(6) << 28 | (uint32_t)tos << 20 | flow_label(p->spi_out)),
		.proto = p->udp ? IPPROTO_UDP : IPPROTO_ESP,
		.hop_limits = OUTER_HOPS,
	};

	memcpy(&ip.src_addr, p->wire_local.addr.bytes, sizeof(ip.src_addr));
	memcpy(&ip.dst_addr, p->wire_remote.addr.bytes, sizeof(ip.dst_addr));
	prepend(out, &ip, sizeof(ip));
}

/* The MAC addresses come with sl_esp_out_resolve(). */
static void prepend_ethernet(struct sl_esp_out *out, const struct sl_esp_params *p, uint16_t type)
{
	const struct rte_vlan_hdr tag = {.vlan_tci = p->vlan, .eth_proto = rte_cpu_to_be_16(type)};
	const struct rte_ether_hdr eth = {
		.ether_type = p->vlan ? rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN) : tag.eth_proto};

	if (p->vlan)
		prepend(out, &tag, sizeof(tag));
	prepend(out, &eth, sizeof(eth));
}

static uint8_t shape_of(const struct sl_esp_params *p)
{
	if (p->wire_local.addr.family == SL_IPV4)
		return p->udp ? SL_ESP_IPV4_UDP : SL_ESP_IPV4;
	if (!p->udp)
		return SL_ESP_IPV6;
	return p->udp_checksum ? SL_ESP_IPV6_UDP_SUM : SL_ESP_IPV6_UDP;
}

static void template_init(struct sl_esp_out *out, const struct sl_esp_params *p)
{
	const uint8_t tos = p->dscp == SL_DSCP_COPY ? 0 : (uint8_t)(p->dscp << 2);
	const struct sl_esp_header esp = {.spi = rte_cpu_to_be_32(p->spi_out)};
	const bool v6 = p->wire_local.addr.family == SL_IPV6;

	out->shape = shape_of(p);
	out->tos_mask = p->dscp == SL_DSCP_COPY ? UINT8_MAX : RTE_IPV4_HDR_ECN_MASK;
	prepend(out, &esp, sizeof(esp));
	if (p->udp)
		prepend_udp(out, p);
	if (v6)
		prepend_ipv6(out, p, tos);
	else
		prepend_ipv4(out, p, tos);
	prepend_ethernet(out, p, v6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
}

/* ---- Sessions ----------------------------------------------------------------------------------------------------------- */

static int check_outer(const struct sl_esp_params *p)
{
	const uint8_t family = p->wire_local.addr.family;

	assert(p->path_mtu <= UINT16_MAX && p->dscp <= SL_DSCP_COPY);
	return family == SL_NONE || family != p->wire_remote.addr.family ? SL_ESP_E_OUTER : 0;
}

static uint16_t inner_mtu(const struct sl_esp_params *p)
{
	return (uint16_t)sl_inner_mtu(p->path_mtu, (enum sl_family)p->wire_local.addr.family, p->udp);
}

int sl_esp_out_init(struct sl_esp_out *out, const struct sl_esp_params *p)
{
	int err;

	if (p->spi_out < SL_ESP_SPI_MIN)
		return SL_ESP_E_SPI;
	if ((err = check_outer(p)))
		return err;
	err = selectors_init(&out->local, &out->remote, &out->local_first, &out->remote_first, p);
	if (err)
		return err;
	if (p->apart)
		out->local_first = out->remote_first = (struct sl_esp_range){0, 0};
	/* A 32-bit sequence number may not cycle (RFC 4303 3.3.3). */
	out->seq_limit = p->esn || p->packet_limit < UINT32_MAX ? p->packet_limit : UINT32_MAX;
	out->byte_limit = p->byte_limit;
	out->salt = salt_word(p->salt_out);
	out->cipher = (uint8_t)p->cipher;
	out->esn = p->esn;
	out->peer = p->peer;
	out->rank = p->rank;
	out->inner_mtu = inner_mtu(p);
	template_init(out, p);
	sl_gcm_expand(&out->key, p->cipher, p->key_out);
	return 0;
}

int sl_esp_in_init(struct sl_esp_in *in, const struct sl_esp_params *p)
{
	int err;

	if (p->spi_in < SL_ESP_SPI_MIN)
		return SL_ESP_E_SPI;
	if ((err = check_outer(p)))
		return err;
	err = selectors_init(&in->local, &in->remote, &in->local_first, &in->remote_first, p);
	if (err)
		return err;
	in->spi = p->spi_in;
	in->salt = salt_word(p->salt_in);
	in->cipher = (uint8_t)p->cipher;
	in->esn = p->esn;
	in->peer = p->peer;
	in->inner_mtu = inner_mtu(p);
	sl_gcm_expand(&in->key, p->cipher, p->key_in);
	return 0;
}

void sl_esp_out_resolve(
	struct sl_esp_out *out, const struct rte_ether_addr *src, const struct rte_ether_addr *dst)
{
	struct rte_ether_hdr *eth =
		(void *)((uint8_t *)&out->template + sizeof(out->template) - out->header_len);

	eth->src_addr = *src;
	eth->dst_addr = *dst;
	out->resolved = true;
}

void sl_esp_out_move(struct sl_esp_out *out, const struct sl_endpoint *remote)
{
	const bool udp = out->shape != SL_ESP_IPV4 && out->shape != SL_ESP_IPV6;
	const bool v6 = out->shape >= SL_ESP_IPV6_UDP;
	uint8_t *at = (uint8_t *)&out->template.esp;

	assert(remote->addr.family == (v6 ? SL_IPV6 : SL_IPV4));
	out->resolved = false;
	if (udp) {
		struct rte_udp_hdr *u = (void *)(at -= sizeof(*u));

		u->dst_port = rte_cpu_to_be_16(remote->port);
	}
	if (v6) {
		struct rte_ipv6_hdr *ip = (void *)(at - sizeof(*ip));

		memcpy(&ip->dst_addr, remote->addr.bytes, sizeof(ip->dst_addr));
	} else {
		struct rte_ipv4_hdr *ip = (void *)(at - sizeof(*ip));

		ip->dst_addr = rte_cpu_to_be_32(sl_addr_u32(&remote->addr));
		out->ipv4_sum = rte_raw_cksum(ip, sizeof(*ip));
	}
}

struct sl_esp_gaps sl_esp_in_gaps(const struct sl_esp_in *in)
{
	struct sl_esp_gaps gaps;
	uint64_t top, arrived;

	gaps.missing = sl_replay_missing(&in->window, &top);
	/* Last, so that what comes meanwhile makes it too few, not too many. */
	arrived = sl_counted(&in->packets) + sl_counted(&in->discarded) + gaps.missing;
	gaps.lost = top > arrived ? top - arrived : 0;
	return gaps;
}
