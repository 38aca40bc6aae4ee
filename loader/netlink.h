// SPDX-License-Identifier: Apache-2.0
// A minimal route netlink client: one request, all of its answers, the kernel's verdict. (libbpf's own is not used: it drops
// the kernel's extended error messages and requests more than we need.)
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/fault.h"

// The longest request of ours adds a filter with its name.
#define NETLINK_REQUEST_MAX 512

// A request under construction: message type, fixed body, then attributes. If something does not fit, `overflow` is set and
// netlink_ask refuses.
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
// Attributes that are put between these two calls are nested in an attribute of this type.
size_t netlink_nest(struct netlink_request *request, uint16_t type);
void netlink_end(struct netlink_request *request, size_t nest);

// The kernel's final answer: 0, or an errno with its extended error message, if any.
struct netlink_verdict {
	int error;
	char text[128];
};
// Sets FAULT_KERNEL from a verdict, with the formatted text before the kernel's message. Returns -1.
int netlink_refuse(const struct netlink_verdict *verdict, struct fault *why, const char *format,
		   ...) __attribute__((format(printf, 3, 4)));

// Called for each answer message. -1 with *why ends the reading.
typedef int (*netlink_each)(const struct nlmsghdr *answer, void *ctx, struct fault *why);

// Sends the request and reads all answers. `each` may be NULL. A dump that changed while it was read ends with the verdict
// EINTR: ask again. -1 only for a failing socket or a malformed answer; the kernel's refusal is in `verdict`.
int netlink_ask(struct netlink_request *request, netlink_each each, void *ctx,
		struct netlink_verdict *verdict, struct fault *why) MUST_CHECK;

// The attribute of this type behind the fixed body of `body` bytes, or inside a nest; NULL when it is missing or its payload
// is shorter than `min`. Borrowed.
const struct rtattr *netlink_find(const struct nlmsghdr *answer, size_t body, uint16_t type,
				  size_t min);
const struct rtattr *netlink_find_in(const struct rtattr *nest, uint16_t type, size_t min);
uint32_t netlink_u32(const struct rtattr *attribute); // 0 for NULL
// Copies a text attribute, truncated to `room`; "" for NULL.
void netlink_text(const struct rtattr *attribute, char *out, size_t room);
