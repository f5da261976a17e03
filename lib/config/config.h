/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/config: the configuration file.
 *
 * One INI file says everything about a gateway: [gateway], [wire], [plain], one [peer NAME] section a peer, and one [flow
 * NAME] section for traffic that shall have a child SA of its own. Peers and flows may be in files of their own, which it
 * includes. It is read and checked as a whole: the result is either a complete, valid configuration, or nothing and every complaint,
 * one line each, as `file:line: what is wrong, what is expected`. Unknown sections and keys are errors; whatever is
 * left out has a default that is right for a datacenter link.
 *
 * The reference of all keys is in README.md. Text after ` ;` or a line that begins with `#` or `;` is a comment.
 *
 *     [gateway]
 *     name        = alpha.example
 *     private-key = alpha.key             relative to the folder of the configuration file
 *     eal         = -l 0-1 -a 0000:3b:00.0
 *     idle-sleep  = 50us                  longest sleep of an idle worker; 0 polls without rest
 *     mss-clamp   = yes                   TCP agrees on segments that fit the tunnel
 *     group       = netops                who may ask the gateway, beside its own user
 *     include     = beta.conf, gamma.conf more [peer NAME] and [flow NAME] sections: names or patterns, as in a shell
 *
 *     [wire]
 *     port        = 0000:3b:00.1
 *     address     = 192.0.2.1/24, 2001:db8::1/64
 *     mtu         = 1500
 *     vlan        = 42                    802.1Q; without it untagged
 *     next-hop    = 192.0.2.254           one of each family; must lie in the network of an address
 *
 *     [plain]                             port, address, mtu and vlan as in [wire]
 *     port        = tap:sealane0          an interface of this host's kernel, which then has the addresses
 *     routes      = 10.9.0.0/16 via 10.1.0.254, ...
 *     wait-for-peer = no                  receive nothing until a link is up
 *
 *     [peer beta.example]
 *     public-key  = base64                once for each key it may sign with, at most 4
 *     endpoint    = 192.0.2.2[:4500]      or [2001:db8::2]:4500
 *     prefixes    = 10.2.0.0/16, fd00:2::/64
 *     cipher      = aes256gcm16, aes128gcm16
 *     esn         = yes
 *     encapsulation = udp                 or esp: IP protocol 50, where no NAT is between
 *     udp-checksum = yes                  of UDP around ESP over IPv6; no: zero
 *     dscp        = copy                  or 0..63: of the outer header
 *     start       = boot                  or traffic: when it waits; or none: never; default none without endpoint
 *     source-port = 4500                  or per-sa: of the UDP around ESP, so that a NIC tells our SAs apart
 *     dpd-delay   = 10s                   0 never checks
 *     rekey-after-time    = 1h            of an SA, whichever of the three comes first
 *     rekey-after-packets = 4294967296
 *     rekey-after-bytes   = 256GiB
 *     ppk         = link1.ppk             post-quantum preshared key, relative like private-key
 *     ppk-id      = link1                 what both ends call it
 *     ppk-required = yes                  no: without it when the peer does not have it
 *
 *     [flow database]
 *     peer        = beta.example
 *     local       = 10.1.7.0/24           default: all that is behind us
 *     remote      = 10.2.7.0/24           default: all that is behind the peer
 *     protocol    = tcp                   default: any
 *     local-port  = 1024-65535            default: any
 *     remote-port = 5432
 *     rekey-after-time, -packets, -bytes  default: those of the peer
 */
#ifndef SEALANE_CONFIG_CONFIG_H
#define SEALANE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../crypto/crypto.h"
#include "../crypto/gcm.h"
#include "../crypto/secret.h"
#include "../net/addr.h"
#include "../net/selector.h"

enum {
	SL_CONFIG_PEERS_MAX = 4096,
	SL_CONFIG_FLOWS_MAX = 32,      /* with one peer */
	SL_CONFIG_PUBLIC_KEYS_MAX = 4, /* of a peer */
	SL_CONFIG_ADDRESSES_MAX = 8,   /* of a port */
	SL_CONFIG_ROUTES_MAX = 8,
	SL_CONFIG_MTU_MIN = 576,   /* RFC 791: what every IPv4 host takes */
	SL_CONFIG_MTU_MIN6 = 1280, /* RFC 8200 5 */
	SL_CONFIG_MTU_MAX = 9000,
	SL_CONFIG_DSCP_COPY = 64, /* no DSCP, but that of the inner packet */
};

/* What lies behind a router on the plain side. */
struct sl_config_route {
	struct sl_prefix prefix;
	struct sl_addr via;
};

struct sl_config_port {
	char *port; /* PCI address or vdev name, as DPDK names it */
	char *tap;  /* the kernel interface that port stands for; NULL: none */
	int port_line;
	struct sl_prefix addresses[SL_CONFIG_ADDRESSES_MAX]; /* host part kept */
	unsigned address_count;
	struct sl_addr next_hop, next_hop6; /* SL_NONE when not given */
	struct sl_config_route routes[SL_CONFIG_ROUTES_MAX];
	unsigned route_count;
	unsigned mtu;  /* bytes of an IP packet; default 1500 */
	unsigned vlan; /* 0: untagged */
	bool wait_for_peer;
};

/* When we connect to a peer. */
enum sl_config_start {
	SL_CONFIG_START_BOOT,    /* at once, and whenever the link is lost */
	SL_CONFIG_START_TRAFFIC, /* when traffic waits */
	SL_CONFIG_START_NONE,    /* never */
};

struct sl_config_peer {
	char *name;
	int line; /* of its section header, counted on through included files */
	/* In the order of the file; more than one while the peer's key is being replaced. */
	uint8_t public_keys[SL_CONFIG_PUBLIC_KEYS_MAX][SL_ED25519_PUBLIC_LEN];
	int public_key_lines[SL_CONFIG_PUBLIC_KEYS_MAX];
	unsigned public_key_count;
	struct sl_endpoint endpoint; /* SL_NONE: responder only */
	struct sl_prefix prefixes[SL_TS_MAX];
	unsigned prefix_count;
	enum sl_cipher ciphers[SL_CIPHER_COUNT];
	unsigned cipher_count;
	bool esn;
	bool udp;          /* encapsulation */
	bool udp_checksum; /* over IPv6 */
	uint8_t dscp;      /* 0..63 or SL_CONFIG_DSCP_COPY */
	enum sl_config_start start;
	bool source_port_per_sa;
	uint64_t dpd_delay;  /* ns; 0: never */
	uint64_t rekey_time; /* ns */
	uint64_t rekey_packets, rekey_bytes;
	struct sl_ppk *ppk; /* secret memory; NULL: none */
	char *ppk_id;       /* given with ppk, and only then */
	bool ppk_required;
};

/* Traffic with a peer that has a child SA of its own. */
struct sl_config_flow {
	char *name, *peer_name;
	int line;
	unsigned peer; /* its index */
	struct sl_prefix local[SL_TS_MAX], remote[SL_TS_MAX];
	unsigned local_count, remote_count;
	uint8_t protocol; /* 0: any */
	uint16_t local_port_first, local_port_last, remote_port_first, remote_port_last;
	uint64_t rekey_time, rekey_packets, rekey_bytes;
};

struct sl_config {
	char *path; /* as given */
	char *name;
	struct sl_ed25519_key *key; /* secret memory */
	char *key_path;             /* where it is from */
	char *eal;                  /* NULL when not given */
	uint64_t idle_sleep;        /* ns */
	bool mss_clamp;
	char *group; /* whose members may use the telemetry socket; NULL: nobody but our own user */
	int group_line;
	struct sl_config_port wire, plain;
	struct sl_secret_pool *ppks;  /* where those of the peers are; NULL when there is none */
	struct sl_config_peer *peers; /* sorted as in the file */
	unsigned peer_count;
	struct sl_config_flow *flows; /* sorted as in the file */
	unsigned flow_count;
};

/* The address of this family that a port has first, or NULL. */
const struct sl_prefix *sl_config_address(const struct sl_config_port *port, enum sl_family family);

/*
 * What lies behind us: the networks of the plain port and those behind its routers. Returns how many, at most SL_TS_MAX.
 */
unsigned sl_config_behind_us(const struct sl_config *config, struct sl_prefix behind[static SL_TS_MAX]);

/* Gets one complaint, without a newline. */
typedef void sl_config_report(void *ctx, const char *line);

/*
 * Reads and checks the file and the private key it names. Returns the configuration, or NULL after at least one call of
 * report. sl_crypto_init() must have been called.
 */
struct sl_config *sl_config_load(const char *path, sl_config_report *report, void *ctx);

/* How whatever a configuration names is read: as below, or by stand-ins that touch no file. */
struct sl_config_loaders {
	int (*key)(struct sl_ed25519_key *key, const char *path);
	int (*ppk)(struct sl_ppk *ppk, const char *path);

	/* Calls take for each file of this pattern, in the order of their names, or for none. Returns 0 or an errno value. */
	int (*match)(const char *pattern, void (*take)(void *ctx, const char *path), void *ctx);
	FILE *(*open)(const char *path);
};

/* sl_key_load(), sl_ppk_load(), glob() and fopen(). */
extern const struct sl_config_loaders sl_config_from_files;

/*
 * The same for a file that is open already, wherever its bytes come from: path is what complaints call it and what
 * key files are relative to. The file is not closed.
 */
struct sl_config *sl_config_parse(FILE *file, const char *path, const struct sl_config_loaders *loaders,
	sl_config_report *report, void *ctx);

/* Wipes the keys and frees; NULL is fine. */
void sl_config_free(struct sl_config *config);

#endif
