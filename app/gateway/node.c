/* SPDX-License-Identifier: BSD-3-Clause */
/* Node mode: see node.h. Speaks rtnetlink (rtnetlink(7)) to the kernel, one request and its acknowledgement at a time. */
#include "node.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

/* A request while it is being written. */
struct request {
	struct nlmsghdr header;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
		struct rtmsg route;
	} about;
	uint8_t attributes[128];
};

static struct request begin(uint16_t type, uint16_t flags, size_t about_size)
{
	return (struct request){.header = {
					.nlmsg_len = (uint32_t)NLMSG_LENGTH(about_size),
					.nlmsg_type = type,
					.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags),
				}};
}

/* There is room for the few attributes that are put here. */
static void put(struct request *r, uint16_t type, const void *data, size_t len)
{
	struct rtattr *attribute = (void *)((uint8_t *)r + NLMSG_ALIGN(r->header.nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(len);
	memcpy(RTA_DATA(attribute), data, len);
	r->header.nlmsg_len = NLMSG_ALIGN(r->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

/* Returns 0 or a negative errno. */
static int ask(int fd, const struct request *r)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		uint8_t echo[sizeof(*r)];
	} answer;
	ssize_t len;

	if (send(fd, r, r->header.nlmsg_len, 0) < 0)
		return -errno;
	len = recv(fd, &answer, sizeof(answer), 0);
	if (len < 0)
		return -errno;
	if ((size_t)len < NLMSG_LENGTH(sizeof(answer.error)) || answer.header.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return answer.error.error;
}

static uint8_t family_of(const struct sl_addr *a)
{
	return a->family == SL_IPV4 ? AF_INET : AF_INET6;
}

static int set_link(int fd, int interface, uint32_t mtu)
{
	struct request r = begin(RTM_NEWLINK, 0, sizeof(r.about.link));

	r.about.link = (struct ifinfomsg){
		.ifi_index = interface,
		.ifi_flags = IFF_UP | IFF_NOARP,
		.ifi_change = IFF_UP | IFF_NOARP,
	};
	put(&r, IFLA_MTU, &mtu, sizeof(mtu));
	return ask(fd, &r);
}

static int add_address(int fd, int interface, const struct sl_prefix *address)
{
	struct request r = begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(r.about.address));

	r.about.address = (struct ifaddrmsg){
		.ifa_family = family_of(&address->addr),
		.ifa_prefixlen = address->len,
		.ifa_flags = IFA_F_NODAD, /* nobody else is there */
		.ifa_index = (uint32_t)interface,
	};
	put(&r, IFA_LOCAL, address->addr.bytes, sl_addr_len(&address->addr));
	put(&r, IFA_ADDRESS, address->addr.bytes, sl_addr_len(&address->addr));
	return ask(fd, &r);
}

/* type: RTM_NEWROUTE or RTM_DELROUTE. */
static int set_route(int fd, int interface, uint16_t type, const struct sl_prefix *prefix)
{
	uint16_t flags = type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_REPLACE : 0;
	struct request r = begin(type, flags, sizeof(r.about.route));

	r.about.route = (struct rtmsg){
		.rtm_family = family_of(&prefix->addr),
		.rtm_dst_len = prefix->len,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_LINK,
		.rtm_type = RTN_UNICAST,
	};
	put(&r, RTA_DST, prefix->addr.bytes, sl_addr_len(&prefix->addr));
	put(&r, RTA_OIF, &interface, sizeof(interface));
	return ask(fd, &r);
}

static int refuse(const struct sl_config *c, const char *what, int error)
{
	fprintf(stderr, "%s:%d: interface %s: %s: %s%s\n", c->path, c->plain.port_line, c->plain.tap, what,
		strerror(-error), error == -EPERM ? " (run as root, or with CAP_NET_ADMIN)" : "");
	return -1;
}

static int add_addresses(const struct sl_config *c, int fd, int interface)
{
	char text[SL_ADDR_TEXT], what[SL_ADDR_TEXT + 32];

	for (unsigned i = 0; i < c->plain.address_count; i++) {
		int err = add_address(fd, interface, &c->plain.addresses[i]);

		snprintf(what, sizeof(what), "cannot have address %s",
			sl_prefix_text(&c->plain.addresses[i], text));
		if (err)
			return refuse(c, what, err);
	}
	return 0;
}

/* A prefix of a family that the interface has no address of cannot be used from here, nor does it need a route. */
static int add_routes(const struct sl_config *c, int fd, int interface)
{
	char text[SL_ADDR_TEXT], what[SL_ADDR_TEXT + 32];

	for (unsigned i = 0; i < c->peer_count; i++) {
		for (unsigned j = 0; j < c->peers[i].prefix_count; j++) {
			const struct sl_prefix *prefix = &c->peers[i].prefixes[j];
			int err = 0;

			if (sl_config_address(&c->plain, (enum sl_family)prefix->addr.family))
				err = set_route(fd, interface, RTM_NEWROUTE, prefix);
			snprintf(what, sizeof(what), "cannot have a route to %s",
				sl_prefix_text(prefix, text));
			if (err)
				return refuse(c, what, err);
		}
	}
	return 0;
}

int node_set_up(const struct sl_config *c, unsigned mtu)
{
	int interface = (int)if_nametoindex(c->plain.tap), fd, err;

	if (interface == 0)
		return refuse(c, "does not exist", -errno);
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return refuse(c, "no netlink socket", -errno);
	err = set_link(fd, interface, mtu);
	if (err)
		refuse(c, "cannot be brought up", err);
	else
		err = add_addresses(c, fd, interface) || add_routes(c, fd, interface) ? -1 : 0;
	close(fd);
	return err ? -1 : 0;
}

static bool has_prefix(const struct sl_config *c, const struct sl_prefix *prefix)
{
	for (unsigned i = 0; i < c->peer_count; i++) {
		for (unsigned j = 0; j < c->peers[i].prefix_count; j++) {
			const struct sl_prefix *other = &c->peers[i].prefixes[j];

			if (other->len == prefix->len && sl_addr_equal(&other->addr, &prefix->addr))
				return true;
		}
	}
	return false;
}

/* One that is not there any more is as good. */
static void remove_routes(const struct sl_config *old, const struct sl_config *c, int fd, int interface)
{
	for (unsigned i = 0; i < old->peer_count; i++) {
		for (unsigned j = 0; j < old->peers[i].prefix_count; j++) {
			const struct sl_prefix *prefix = &old->peers[i].prefixes[j];

			if (!has_prefix(c, prefix))
				set_route(fd, interface, RTM_DELROUTE, prefix);
		}
	}
}

void node_change(const struct sl_config *old, const struct sl_config *c)
{
	int interface = (int)if_nametoindex(c->plain.tap);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (interface == 0 || fd < 0) {
		refuse(c, "its routes cannot be changed", -errno);
	} else {
		add_routes(c, fd, interface);
		remove_routes(old, c, fd, interface);
	}
	if (fd >= 0)
		close(fd);
}
