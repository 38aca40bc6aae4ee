// SPDX-License-Identifier: Apache-2.0
// The kernel's route netlink: one request, all of its answers, one verdict. (Not libbpf's: it binds sockets of its own,
// keeps no sentence of the kernel's refusals, and asks about more than is asked for.)
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/fault.h"

// The longest that we ask is a filter with its name.
#define NETLINK_REQUEST_MAX 512

// A request in the making: a type, the body that goes with it, then attributes. What does not fit shows when it is asked.
struct netlink_request {
	union {
		struct nlmsghdr head;
		unsigned char bytes[NETLINK_REQUEST_MAX];
	};
	bool overflow;
};
void netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags, const void *body,
		   size_t len);
void netlink_put(struct netlink_request *request, uint16_t type, const void *data, size_t len);
void netlink_put_text(struct netlink_request *request, uint16_t type, const char *text);
// What is put between them lies inside an attribute of this type.
size_t netlink_nest(struct netlink_request *request, uint16_t type);
void netlink_end(struct netlink_request *request, size_t nest);

// What the kernel said in the end: 0, or an errno and its own sentence, where it has one.
struct netlink_verdict {
	int error;
	char text[128];
};
int netlink_refuse(const struct netlink_verdict *verdict, struct fault *why, const char *format,
		   ...) __attribute__((format(printf, 3, 4)));

// Sees each answer. -1 with *why ends the reading.
typedef int (*netlink_each)(const struct nlmsghdr *answer, void *ctx, struct fault *why);

// Asks, and reads until the kernel has said all. `each` may be NULL. A dump that changed while it was read ends with the
// verdict EINTR: ask again. Only an unusable socket or answer is a refusal; the kernel's own is in `verdict`.
int netlink_ask(struct netlink_request *request, netlink_each each, void *ctx,
		struct netlink_verdict *verdict, struct fault *why) MUST_CHECK;

// The attribute of a type among those that follow a body, or inside a nest; NULL when it is not there or is shorter
// than `min`.
const struct rtattr *netlink_find(const struct nlmsghdr *answer, size_t body, uint16_t type,
				  size_t min);
const struct rtattr *netlink_find_in(const struct rtattr *nest, uint16_t type, size_t min);
uint32_t netlink_u32(const struct rtattr *attribute); // 0 for NULL
// A text, cut to the room.
void netlink_text(const struct rtattr *attribute, char *out, size_t room);
