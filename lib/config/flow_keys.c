/* SPDX-License-Identifier: BSD-3-Clause */
/* The keys of [flow NAME]: which traffic with a peer has a child SA of its own. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "values.h"

static void take_peer(struct parser *p, const char *name, const char *value)
{
	if (!sl_value_is_name(value))
		sl_key_bad(p, name, value, SL_NAME_EXPECTED);
	else
		p->flow->peer_name = sl_config_copy(p, value);
}

static void take_local(struct parser *p, const char *name, const char *value)
{
	sl_key_prefixes(p, name, value, p->flow->local, &p->flow->local_count);
}

static void take_remote(struct parser *p, const char *name, const char *value)
{
	sl_key_prefixes(p, name, value, p->flow->remote, &p->flow->remote_count);
}

static void take_protocol(struct parser *p, const char *name, const char *value)
{
	static const struct {
		const char *name;
		uint8_t number;
	} known[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP},
		{"icmp", IPPROTO_ICMP}, {"icmpv6", IPPROTO_ICMPV6}};
	unsigned number;

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, value) == 0) {
			p->flow->protocol = known[i].number;
			return;
		}
	}
	if (!sl_value_unsigned(&number, value) || number < 1 || number > 255)
		sl_key_bad(p, name, value, "tcp, udp, sctp, icmp, icmpv6 or a number from 1 to 255");
	else
		p->flow->protocol = (uint8_t)number;
}

/* A port, or two with a dash between them. */
static void take_ports(struct parser *p, const char *name, const char *value, uint16_t *first, uint16_t *last)
{
	char *text = sl_config_copy(p, value), *dash = text ? strchr(text, '-') : NULL;
	unsigned from = 0, to = 0;

	if (text == NULL)
		return;
	if (dash != NULL)
		*dash = '\0';
	if (!sl_value_unsigned(&from, sl_value_trim(text)) || from > UINT16_MAX ||
		!sl_value_unsigned(&to, dash != NULL ? sl_value_trim(dash + 1) : text) || to > UINT16_MAX ||
		from > to) {
		sl_key_bad(p, name, value, "a port such as 443, or two with a dash between them");
	} else {
		*first = (uint16_t)from;
		*last = (uint16_t)to;
	}
	free(text);
}

static void take_local_port(struct parser *p, const char *name, const char *value)
{
	take_ports(p, name, value, &p->flow->local_port_first, &p->flow->local_port_last);
}

static void take_remote_port(struct parser *p, const char *name, const char *value)
{
	take_ports(p, name, value, &p->flow->remote_port_first, &p->flow->remote_port_last);
}

static void take_rekey_time(struct parser *p, const char *name, const char *value)
{
	sl_key_rekey_time(p, name, value, &p->flow->rekey_time);
}

static void take_rekey_packets(struct parser *p, const char *name, const char *value)
{
	sl_key_rekey_packets(p, name, value, &p->flow->rekey_packets);
}

static void take_rekey_bytes(struct parser *p, const char *name, const char *value)
{
	sl_key_rekey_bytes(p, name, value, &p->flow->rekey_bytes);
}

const struct section_kind sl_config_flow_kind = {
	"flow",
	{
		[FLOW_PEER] = {"peer", true, take_peer},
		[FLOW_LOCAL] = {"local", false, take_local},
		[FLOW_REMOTE] = {"remote", false, take_remote},
		[FLOW_PROTOCOL] = {"protocol", false, take_protocol},
		[FLOW_LOCAL_PORT] = {"local-port", false, take_local_port},
		[FLOW_REMOTE_PORT] = {"remote-port", false, take_remote_port},
		[FLOW_REKEY_TIME] = {"rekey-after-time", false, take_rekey_time},
		[FLOW_REKEY_PACKETS] = {"rekey-after-packets", false, take_rekey_packets},
		[FLOW_REKEY_BYTES] = {"rekey-after-bytes", false, take_rekey_bytes},
	},
};
