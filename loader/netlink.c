// SPDX-License-Identifier: Apache-2.0
#include "loader/netlink.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/owned.h"

// What the kernel sends at once is at most 32 KiB.
#define ANSWER_MAX 32768
#define SEQUENCE   1 // each question has a socket of its own

static int open_socket(int *out, struct fault *why)
{
	OWNED(drop_fd) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	const struct timeval patience = {.tv_sec = 5};
	const int on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		return fault_errno(why, FAULT_KERNEL, "cannot open a netlink socket");
	// The sentence behind an error number. A kernel without it still gives the number.
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	*out = HAND_OVER_FD(fd);
	return 0;
}

// ---- asking ----

void netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags, const void *body,
		   size_t len)
{
	memset(request, 0, sizeof(*request));
	request->head.nlmsg_type = type;
	request->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	request->head.nlmsg_seq = SEQUENCE;
	request->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
	memcpy(request->bytes + NLMSG_HDRLEN, body, len);
}

void netlink_put(struct netlink_request *request, uint16_t type, const void *data, size_t len)
{
	size_t at = NLMSG_ALIGN(request->head.nlmsg_len);
	struct rtattr head = {.rta_len = (unsigned short)RTA_LENGTH(len), .rta_type = type};

	if (at + RTA_SPACE(len) > sizeof(request->bytes)) {
		request->overflow = true;
		return;
	}
	memcpy(request->bytes + at, &head, sizeof(head));
	if (len)
		memcpy(request->bytes + at + RTA_LENGTH(0), data, len);
	request->head.nlmsg_len = (uint32_t)(at + RTA_LENGTH(len));
}

void netlink_put_text(struct netlink_request *request, uint16_t type, const char *text)
{
	netlink_put(request, type, text, strlen(text) + 1);
}

size_t netlink_nest(struct netlink_request *request, uint16_t type)
{
	size_t nest = NLMSG_ALIGN(request->head.nlmsg_len);

	netlink_put(request, (uint16_t)(type | NLA_F_NESTED), NULL, 0);
	return nest;
}

void netlink_end(struct netlink_request *request, size_t nest)
{
	uint16_t len = (uint16_t)(request->head.nlmsg_len - nest);

	if (!request->overflow)
		memcpy(request->bytes + nest, &len, sizeof(len));
}

// ---- the answer ----

static void verdict_read(const struct nlmsghdr *head, struct netlink_verdict *verdict)
{
	const struct nlmsgerr *error = NLMSG_DATA(head);
	size_t echoed = head->nlmsg_flags & NLM_F_CAPPED ? 0 : error->msg.nlmsg_len - NLMSG_HDRLEN;

	verdict->error = -error->error;
	if ((head->nlmsg_flags & NLM_F_ACK_TLVS) && error->msg.nlmsg_len >= NLMSG_HDRLEN)
		netlink_text(netlink_find(head, sizeof(*error) + NLMSG_ALIGN(echoed),
					  NLMSGERR_ATTR_MSG, 1),
			     verdict->text, sizeof(verdict->text));
}

struct reading {
	netlink_each each;
	void *ctx;
	struct netlink_verdict *verdict;
	bool torn; // the dump changed while it was read
	bool done;
};

static int read_one(struct reading *reading, const struct nlmsghdr *head, struct fault *why)
{
	int error = 0;

	if (head->nlmsg_seq != SEQUENCE)
		return 0; // nothing that we asked for
	reading->torn |= (head->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
	if (head->nlmsg_type == NLMSG_ERROR) {
		if (head->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr)))
			return fault_set(why, FAULT_KERNEL, "an answer of netlink is cut short");
		verdict_read(head, reading->verdict);
		reading->done = true;
		return 0;
	}
	if (head->nlmsg_type == NLMSG_DONE) {
		if (head->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
			memcpy(&error, NLMSG_DATA(head), sizeof(error));
		reading->verdict->error = -error;
		reading->done = true;
		return 0;
	}
	return reading->each ? reading->each(head, reading->ctx, why) : 0;
}

// One packet of answers. Only the kernel may answer: any process can be named as the sender of a netlink message.
static int read_packet(int fd, unsigned char *room, struct reading *reading, struct fault *why)
{
	struct sockaddr_nl from = {0};
	struct iovec part = {.iov_base = room, .iov_len = ANSWER_MAX};
	struct msghdr message = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1};
	ssize_t got = recvmsg(fd, &message, 0);
	const struct nlmsghdr *head;
	size_t at = 0, len = got < 0 ? 0 : (size_t)got;

	if (got < 0)
		return fault_errno(why, FAULT_KERNEL, "no answer of netlink");
	if (message.msg_flags & MSG_TRUNC)
		return fault_set(why, FAULT_KERNEL, "an answer of netlink is cut short");
	if (from.nl_pid != 0)
		return 0;
	for (; !reading->done && at < len; at += NLMSG_ALIGN(head->nlmsg_len)) {
		head = (const void *)(room + at);
		if (len - at < sizeof(*head) || head->nlmsg_len < sizeof(*head) ||
		    head->nlmsg_len > len - at)
			return fault_set(why, FAULT_KERNEL, "an answer of netlink is cut short");
		if (read_one(reading, head, why))
			return -1;
	}
	return 0;
}

int netlink_ask(struct netlink_request *request, netlink_each each, void *ctx,
		struct netlink_verdict *verdict, struct fault *why)
{
	struct reading reading = {.each = each, .ctx = ctx, .verdict = verdict};
	OWNED(drop_heap) unsigned char *room = malloc(ANSWER_MAX);
	OWNED(drop_fd) int fd = -1;

	*verdict = (struct netlink_verdict){0};
	if (!room)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (request->overflow)
		return fault_set(why, FAULT_OTHER, "a question for netlink is too long");
	// A dump ends with NLMSG_DONE; everything else has to ask for an acknowledgement.
	if ((request->head.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->head.nlmsg_flags |= NLM_F_ACK;
	if (open_socket(&fd, why))
		return -1;
	if (send(fd, request->bytes, request->head.nlmsg_len, 0) !=
	    (ssize_t)request->head.nlmsg_len)
		return fault_errno(why, FAULT_KERNEL, "cannot ask netlink");
	while (!reading.done)
		if (read_packet(fd, room, &reading, why))
			return -1;
	if (reading.torn && !verdict->error)
		verdict->error = EINTR;
	return 0;
}

int netlink_refuse(const struct netlink_verdict *verdict, struct fault *why, const char *format,
		   ...)
{
	char text[FAULT_TEXT_MAX / 2];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	errno = verdict->error;
	fault_errno(why, FAULT_KERNEL, "%s", text);
	return verdict->text[0] ? fault_within(why, "%s: %s", text, verdict->text) : -1;
}

// ---- attributes ----

// Not RTA_NEXT: its remaining length underflows behind a last attribute that has no padding.
static const struct rtattr *find(const void *start, size_t len, uint16_t type, size_t min)
{
	const struct rtattr *attribute;

	for (size_t at = 0; at < len && len - at >= sizeof(*attribute);
	     at += RTA_ALIGN(attribute->rta_len)) {
		attribute = (const void *)((const unsigned char *)start + at);
		if (attribute->rta_len < sizeof(*attribute) || attribute->rta_len > len - at)
			return NULL;
		if ((attribute->rta_type & NLA_TYPE_MASK) == type)
			return RTA_PAYLOAD(attribute) >= min ? attribute : NULL;
	}
	return NULL;
}

const struct rtattr *netlink_find(const struct nlmsghdr *answer, size_t body, uint16_t type,
				  size_t min)
{
	size_t start = NLMSG_SPACE(body);

	if (answer->nlmsg_len < start)
		return NULL;
	return find((const unsigned char *)answer + start, answer->nlmsg_len - start, type, min);
}

const struct rtattr *netlink_find_in(const struct rtattr *nest, uint16_t type, size_t min)
{
	return nest ? find(RTA_DATA(nest), RTA_PAYLOAD(nest), type, min) : NULL;
}

uint32_t netlink_u32(const struct rtattr *attribute)
{
	uint32_t value = 0;

	if (attribute && RTA_PAYLOAD(attribute) >= sizeof(value))
		memcpy(&value, RTA_DATA(attribute), sizeof(value));
	return value;
}

void netlink_text(const struct rtattr *attribute, char *out, size_t room)
{
	size_t len = attribute ? RTA_PAYLOAD(attribute) : 0;

	len = len < room - 1 ? len : room - 1;
	if (len)
		memcpy(out, RTA_DATA(attribute), len);
	out[len] = '\0';
}
