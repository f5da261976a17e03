/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets that do not fit. IPv4 that does not fit its session and may be cut is cut into fragments before it is sealed, so
 * that the far end reassembles nothing and the outer packets are whole (RFC 4301 8.1, RFC 4459 3.1.3); an opened packet that
 * does not fit the plain link is cut as by any router (RFC 1812 5.2.6).
 */
#include <rte_ip_frag.h>

#include "frame.h"

/* Behind the last fragment's end no offset reaches (RFC 791 3.1): such a packet is nobody's to reassemble. */
static bool ends_beyond(const struct rte_ipv4_hdr *ip, uint32_t len)
{
	const uint32_t offset = (rte_be_to_cpu_16(ip->fragment_offset) & RTE_IPV4_HDR_OFFSET_MASK) * 8u;

	return offset + len > UINT16_MAX;
}

static int cut(struct sl_dataplane *dp, struct rte_mbuf *m, struct rte_mbuf *parts[GROUP])
{
	int n;

	if (!dp->pool || ends_beyond(rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *), m->data_len))
		return -EINVAL;
	n = rte_ipv4_fragment_copy_nonseg_packet(m, parts, GROUP, (uint16_t)m->hash.usr, dp->pool);
	for (int i = 0; i < n; i++) {
		struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(parts[i], struct rte_ipv4_hdr *);

		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	}
	return n;
}

unsigned cut_up(struct sl_dataplane *dp, struct rte_mbuf *m, struct rte_mbuf *parts[GROUP])
{
	int n = cut(dp, m, parts);

	if (n <= 0) {
		sl_drop(dp, m, n == -ENOMEM ? SL_DROP_NO_MBUF : SL_DROP_TOO_BIG);
		return 0;
	}
	rte_pktmbuf_free(m);
	sl_count(&dp->counters.cut, (unsigned)n - 1);
	return (unsigned)n;
}

void too_large(struct sl_dataplane *dp, struct rte_mbuf *m, uint16_t mtu, struct sl_burst *burst)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);

	m->hash.usr = mtu;
	if (version_of(ip) == 4 && !(ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG)))
		burst->large[burst->large_count++] = m;
	else
		hand_over_error(dp, burst, m, SL_HANDED_TOO_BIG, SL_DROP_TOO_BIG);
}
