/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of metrics, and how it is printed for people. */
#include "metrics.h"

#include <string.h>

#define ONE(field)                                                                                           \
	{                                                                                                    \
		{                                                                                            \
			field, NULL                                                                          \
		}                                                                                            \
	}

/* clang-format off: a table */
const struct sl_metric sl_metrics[] = {
	{"sealane_up", SL_GAUGE, NULL, SL_SECTION_COUNT, SL_AS_IS, NULL, {{NULL, NULL}},
		"1 when the gateway answers; 0 when it does not, and then there is no other metric"},
	{"sealane_build", SL_INFO, NULL, SL_SECTION_GATEWAY, SL_AS_IS, NULL,
		{{"version", NULL}, {"name", NULL}}, "Version and name of the gateway"},
	{"sealane_start_timestamp_seconds", SL_GAUGE, "seconds", SL_SECTION_GATEWAY, SL_AGO, NULL,
		ONE("uptime_s"), "When the gateway started"},
	{"sealane_workers", SL_GAUGE, NULL, SL_SECTION_GATEWAY, SL_AS_IS, NULL, ONE("workers"), "Workers"},
	{"sealane_mbufs", SL_GAUGE, NULL, SL_SECTION_GATEWAY, SL_AS_IS, NULL, ONE("mbufs"),
		"Packet buffers in the pool"},
	{"sealane_mbufs_in_use", SL_GAUGE, NULL, SL_SECTION_GATEWAY, SL_AS_IS, NULL, ONE("mbufs_in_use"),
		"Those of them that hold a packet or lie in a receive queue; at the end of them packets are lost"},
	{"sealane_session_slots", SL_GAUGE, NULL, SL_SECTION_GATEWAY, SL_AS_IS, NULL, ONE("session_slots"),
		"Slots for sessions: how many child SAs there may be"},
	{"sealane_session_slots_in_use", SL_GAUGE, NULL, SL_SECTION_GATEWAY, SL_AS_IS, NULL,
		ONE("session_slots_in_use"),
		"Those of them that are taken, by sessions being made or removed too"},

	{"sealane_peer", SL_INFO, NULL, SL_SECTION_PEERS, SL_AS_IS, NULL,
		{{"endpoint", NULL}, {"cipher", NULL}},
		"Where the peer is now, and the cipher of its IKE SA"},
	{"sealane_peer_up", SL_GAUGE, NULL, SL_SECTION_PEERS, SL_IS_UP, NULL, ONE("state"),
		"1 when the link is up: there is an IKE SA with the peer"},
	{"sealane_peer_state_change_timestamp_seconds", SL_GAUGE, "seconds", SL_SECTION_PEERS, SL_AGO, NULL,
		ONE("since_s"), "When the link came into its present state"},
	{"sealane_peer_last_handshake_timestamp_seconds", SL_GAUGE, "seconds", SL_SECTION_PEERS, SL_AGO, NULL,
		ONE("last_handshake_s"), "When an IKE SA with the peer was last established; absent: never"},
	{"sealane_peer_handshakes", SL_COUNTER, NULL, SL_SECTION_PEERS, SL_AS_IS, NULL, ONE("handshakes"),
		"Handshakes that succeeded"},
	{"sealane_peer_handshake_failures", SL_COUNTER, NULL, SL_SECTION_PEERS, SL_AS_IS, NULL,
		ONE("failures"), "Handshakes that failed"},
	{"sealane_peer_rekeys", SL_COUNTER, NULL, SL_SECTION_PEERS, SL_AS_IS, NULL, ONE("rekeys"),
		"Replacements of keys that succeeded, of IKE SAs and child SAs"},
	{"sealane_peer_ike_rekeys", SL_COUNTER, NULL, SL_SECTION_PEERS, SL_AS_IS, NULL, ONE("rekeys_ike"),
		"Those of them that were of an IKE SA"},
	{"sealane_peer_ike_rekey_timestamp_seconds", SL_GAUGE, "seconds", SL_SECTION_PEERS, SL_AHEAD, NULL,
		ONE("ike_rekey_in_s"), "When the IKE SA will be replaced"},
	{"sealane_peer_receive_packets", SL_COUNTER, "packets", SL_SECTION_PEERS, SL_AS_IS, NULL,
		ONE("rx_packets"), "Inner packets opened that came from the peer"},
	{"sealane_peer_receive_bytes", SL_COUNTER, "bytes", SL_SECTION_PEERS, SL_AS_IS, NULL, ONE("rx_bytes"),
		"Bytes of inner packets opened that came from the peer"},
	{"sealane_peer_transmit_packets", SL_COUNTER, "packets", SL_SECTION_PEERS, SL_AS_IS, NULL,
		ONE("tx_packets"), "Inner packets sealed for the peer"},
	{"sealane_peer_transmit_bytes", SL_COUNTER, "bytes", SL_SECTION_PEERS, SL_AS_IS, NULL,
		ONE("tx_bytes"), "Bytes of inner packets sealed for the peer"},
	{"sealane_peer_lost_packets", SL_COUNTER, "packets", SL_SECTION_PEERS, SL_AS_IS, NULL, ONE("rx_lost"),
		"Packets of the peer that never came, by their sequence numbers"},
	{"sealane_peer_missing_packets", SL_GAUGE, "packets", SL_SECTION_PEERS, SL_AS_IS, NULL,
		ONE("rx_missing"), "Packets of the peer that have not come yet but still may"},
	{"sealane_peer_inner_mtu_bytes", SL_GAUGE, "bytes", SL_SECTION_PEERS, SL_AS_IS, NULL,
		ONE("inner_mtu"), "The largest packet that fits the tunnel to the peer"},
	{"sealane_peer_public_keys", SL_GAUGE, NULL, SL_SECTION_PEERS, SL_AS_IS, NULL, ONE("keys"),
		"Public keys by which the peer may prove itself; more than one while it gets another"},
	{"sealane_peer_sessions", SL_GAUGE, NULL, SL_SECTION_PEERS, SL_AS_IS, NULL, ONE("sessions"),
		"Sessions (child SAs) with the peer, those being replaced included"},
	{"sealane_peer_sessions_in_use", SL_GAUGE, NULL, SL_SECTION_PEERS, SL_AS_IS, NULL,
		ONE("sessions_in_use"), "Those of them that seal"},
	{"sealane_peer_refused_packets", SL_GAUGE, "packets", SL_SECTION_PEERS, SL_AS_IS, "reason",
		{{"refused_replay", "replay"}, {"refused_late", "late"}, {"refused_bad_icv", "bad-icv"}},
		"Packets that the present sessions with the peer refused; they go with the sessions, so this is no counter"},
	{"sealane_peer_limit_used_ratio", SL_GAUGE, NULL, SL_SECTION_PEERS, SL_PERMILLE, NULL,
		ONE("limit_used_permille"),
		"How much of a hard limit (time, packets, bytes) the session nearest to one has used; at 1 nothing is sealed"},

	{"sealane_port", SL_INFO, NULL, SL_SECTION_PORTS, SL_AS_IS, NULL, {{"device", NULL}, {"mac", NULL}},
		"Device and MAC address of the port"},
	{"sealane_port_up", SL_GAUGE, NULL, SL_SECTION_PORTS, SL_IS_UP, NULL, ONE("link"),
		"1 when the port has a link"},
	{"sealane_port_speed_bytes", SL_GAUGE, "bytes", SL_SECTION_PORTS, SL_MBIT, NULL, ONE("speed_mbps"),
		"Bytes a second that the port can carry"},
	{"sealane_port_mtu_bytes", SL_GAUGE, "bytes", SL_SECTION_PORTS, SL_AS_IS, NULL, ONE("mtu"),
		"The largest IP packet of the port"},
	{"sealane_port_queues", SL_GAUGE, NULL, SL_SECTION_PORTS, SL_AS_IS, "direction",
		{{"rx_queues", "receive"}, {"tx_queues", "transmit"}}, "Queues of the port"},
	{"sealane_port_receive_packets", SL_COUNTER, "packets", SL_SECTION_PORTS, SL_AS_IS, NULL,
		ONE("rx_packets"), "Frames received"},
	{"sealane_port_receive_bytes", SL_COUNTER, "bytes", SL_SECTION_PORTS, SL_AS_IS, NULL, ONE("rx_bytes"),
		"Bytes of frames received"},
	{"sealane_port_transmit_packets", SL_COUNTER, "packets", SL_SECTION_PORTS, SL_AS_IS, NULL,
		ONE("tx_packets"), "Frames sent"},
	{"sealane_port_transmit_bytes", SL_COUNTER, "bytes", SL_SECTION_PORTS, SL_AS_IS, NULL,
		ONE("tx_bytes"), "Bytes of frames sent"},
	{"sealane_port_receive_missed_packets", SL_COUNTER, "packets", SL_SECTION_PORTS, SL_AS_IS, NULL,
		ONE("rx_missed"),
		"Frames that the device dropped because its queue was full: the workers were behind"},
	{"sealane_port_receive_no_mbuf_packets", SL_COUNTER, "packets", SL_SECTION_PORTS, SL_AS_IS, NULL,
		ONE("rx_no_mbuf"), "Times a receive queue found the pool of packet buffers empty"},
	{"sealane_port_errors", SL_COUNTER, NULL, SL_SECTION_PORTS, SL_AS_IS, "direction",
		{{"rx_errors", "receive"}, {"tx_errors", "transmit"}},
		"Frames that the device could not receive or send"},
	{"sealane_port_neighbours", SL_GAUGE, NULL, SL_SECTION_PORTS, SL_AS_IS, NULL, ONE("neighbours"),
		"Neighbours known on the port"},
	{"sealane_port_neighbours_evicted", SL_COUNTER, NULL, SL_SECTION_PORTS, SL_AS_IS, NULL,
		ONE("neighbours_evicted"), "Neighbours that were silent and made room for others"},
	{"sealane_port_neighbours_refused", SL_COUNTER, NULL, SL_SECTION_PORTS, SL_AS_IS, NULL,
		ONE("neighbours_refused"), "Neighbours for which there was no room"},
	{"sealane_port_icmp_errors", SL_COUNTER, NULL, SL_SECTION_PORTS, SL_AS_IS, "outcome",
		{{"errors_said", "said"}, {"errors_not_said", "limited"}},
		"ICMP errors about packets that went no further: told to the sender, or not because there were too many"},
	{"sealane_port_too_big", SL_COUNTER, NULL, SL_SECTION_PORTS, SL_AS_IS, "outcome",
		{{"too_big_heard", "believed"}, {"too_big_forged", "forged"}},
		"ICMP messages that a sealed packet was too big for the path, and those about no SA of ours"},

	{"sealane_dropped_packets", SL_COUNTER, "packets", SL_SECTION_DROPS, SL_AS_IS, NULL, ONE("packets"),
		"Packets dropped, each under exactly one reason; 'sealane show drops' explains them"},

	{"sealane_ike_sas", SL_GAUGE, NULL, SL_SECTION_IKE, SL_AS_IS, "state",
		{{"established", "established"}, {"half-open", "half-open"}}, "IKE SAs there are now"},
	{"sealane_ike_events", SL_COUNTER, NULL, SL_SECTION_IKE, SL_AS_IS, "event", {{"*", NULL}},
		"What the IKE engine has counted; 'sealane show ike' explains the events"},

	{"sealane_worker", SL_INFO, NULL, SL_SECTION_WORKERS, SL_AS_IS, NULL, {{"lcore", NULL}},
		"The worker's lcore"},
	{"sealane_worker_in_packets", SL_COUNTER, "packets", SL_SECTION_WORKERS, SL_AS_IS, "from",
		{{"rx_wire", "wire"}, {"rx_plain", "plain"}, {"from_control", "control"},
			{"handed_in", "worker"}},
		"Packets that entered the worker: from a port, the control thread or another worker"},
	{"sealane_worker_out_packets", SL_COUNTER, "packets", SL_SECTION_WORKERS, SL_AS_IS, "to",
		{{"tx_wire", "wire"}, {"tx_plain", "plain"}, {"to_control", "control"},
			{"handed_out", "worker"}},
		"Packets that left the worker: to a port, the control thread or another worker"},
	{"sealane_worker_dropped_packets", SL_COUNTER, "packets", SL_SECTION_WORKERS, SL_AS_IS, NULL,
		ONE("drops"), "Packets that the worker dropped, under whatever reason"},
	{"sealane_worker_cut_packets", SL_COUNTER, "packets", SL_SECTION_WORKERS, SL_AS_IS, NULL, ONE("cut"),
		"How many packets became more by cutting: in + cut = out + dropped"},
	{"sealane_worker_load_ratio", SL_GAUGE, NULL, SL_SECTION_WORKERS, SL_PERMILLE, NULL,
		ONE("load_permille"), "Part of the last second in which the worker had something to do"},
	{"sealane_worker_busy_polls_ratio", SL_GAUGE, NULL, SL_SECTION_WORKERS, SL_PERMILLE, NULL,
		ONE("busy_polls_permille"),
		"Part of its rounds in the last second in which there was something to do"},
	{"sealane_worker_burst_fill_ratio", SL_GAUGE, NULL, SL_SECTION_WORKERS, SL_PERMILLE, NULL,
		ONE("burst_fill_permille"), "How full its bursts were in the last second"},
	{"sealane_worker_packet_cycles", SL_GAUGE, NULL, SL_SECTION_WORKERS, SL_AS_IS, NULL,
		ONE("cycles_per_packet"),
		"Cycles of the time stamp counter a packet cost in the last second"},
	{"sealane_worker_polls", SL_COUNTER, NULL, SL_SECTION_WORKERS, SL_AS_IS, NULL, ONE("polls"),
		"Rounds of the worker's loop"},
	{"sealane_worker_busy_polls", SL_COUNTER, NULL, SL_SECTION_WORKERS, SL_AS_IS, NULL, ONE("busy_polls"),
		"Rounds in which there was something to do"},
	{"sealane_worker_busy_cycles", SL_COUNTER, NULL, SL_SECTION_WORKERS, SL_AS_IS, NULL,
		ONE("busy_cycles"), "Cycles of the time stamp counter spent in those"},
	{"sealane_worker_bursts", SL_COUNTER, NULL, SL_SECTION_WORKERS, SL_AS_IS, NULL, ONE("bursts"),
		"Bursts of packets that the worker took up"},
};
/* clang-format on */

const unsigned sl_metric_count = sizeof(sl_metrics) / sizeof(sl_metrics[0]);

const struct sl_metric_field *sl_metric_key(enum sl_section section)
{
	static const struct sl_metric_field peer = {"name", "peer"}, port = {"role", "port"},
					    worker = {"worker", "worker"}, drop = {"name", "reason"};

	switch (section) {
	case SL_SECTION_PEERS: return &peer;
	case SL_SECTION_PORTS: return &port;
	case SL_SECTION_WORKERS: return &worker;
	case SL_SECTION_DROPS: return &drop;
	default: return NULL;
	}
}

const char *sl_metric_suffix(const struct sl_metric *metric)
{
	return metric->type == SL_COUNTER ? "_total" : metric->type == SL_INFO ? "_info" : "";
}

const char *sl_metric_type_name(enum sl_metric_type type)
{
	return type == SL_COUNTER ? "counter" : type == SL_INFO ? "info" : "gauge";
}

/* ---- For people ------------------------------------------------------------------------------------------------ */

static void list_labels(const struct sl_metric *metric)
{
	const struct sl_metric_field *key = sl_metric_key(metric->section);
	const char *comma = "";

	printf("    labels: ");
	if (key != NULL) {
		fputs(key->label, stdout);
		comma = ", ";
	}
	for (unsigned i = 0; metric->type == SL_INFO && i < SL_METRIC_FIELDS && metric->fields[i].name; i++) {
		printf("%s%s", comma, metric->fields[i].name);
		comma = ", ";
	}
	if (metric->split != NULL)
		printf("%s%s", comma, metric->split);
	for (unsigned i = 0; metric->split && i < SL_METRIC_FIELDS && metric->fields[i].label; i++)
		printf("%s%s", i == 0 ? " = " : " | ", metric->fields[i].label);
	putchar('\n');
}

static void list_source(const struct sl_metric *metric)
{
	if (metric->section == SL_SECTION_COUNT)
		return;
	printf("    from: %s", sl_section_name(metric->section));
	for (unsigned i = 0; i < SL_METRIC_FIELDS && metric->fields[i].name != NULL; i++)
		printf("%s %s", i > 0 ? "," : "", metric->fields[i].name);
	putchar('\n');
}

void sl_metrics_list(void)
{
	for (unsigned i = 0; i < sl_metric_count; i++) {
		const struct sl_metric *metric = &sl_metrics[i];

		printf("%s%s (%s%s%s)\n    %s\n", metric->name, sl_metric_suffix(metric),
			sl_metric_type_name(metric->type), metric->unit != NULL ? ", " : "",
			metric->unit != NULL ? metric->unit : "", metric->help);
		if (sl_metric_key(metric->section) != NULL || metric->split != NULL ||
			metric->type == SL_INFO)
			list_labels(metric);
		list_source(metric);
	}
}
