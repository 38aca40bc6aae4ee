// SPDX-License-Identifier: Apache-2.0
#include "bpf/brief.h"

#include <limits.h>
#include <stdlib.h>

#include "base/owned.h"
#include "bpf/frame.h"
#include "bpf/node.h"

// "trial", and the form of what follows: two programs of different versions do not talk past each other.
#define BRIEF_MARK UINT64_C(0x747269616c000001)

void brief_drop(struct brief *brief)
{
	for (size_t i = 0; i < brief->member_count; i++) {
		free(brief->members[i].name);
		bytes_drop(&brief->members[i].data);
	}
	free(brief->policy_name);
	bytes_drop(&brief->policy);
	traffic_drop(&brief->traffic);
	brief->policy_name = NULL;
	brief->member_count = 0;
}

int brief_write(const struct bundle *bundle, const char *policy_name, const struct bytes *policy,
		const struct traffic *traffic, struct bytes *out, struct fault *why)
{
	if (frame_put_number(out, BRIEF_MARK, why) ||
	    frame_put_text(out, policy_name ? policy_name : "", why) ||
	    frame_put_block(out, policy->data, policy->len, why) ||
	    frame_put_number(out, bundle->member_count, why))
		return -1;
	for (size_t i = 0; i < bundle->member_count; i++) {
		const struct bundle_member *member = &bundle->members[i];

		if (frame_put_text(out, member->name, why) ||
		    frame_put_block(out, member->data.data, member->data.len, why))
			return -1;
	}
	if (frame_put_number(out, traffic->count, why))
		return -1;
	for (size_t i = 0; i < traffic->count; i++) {
		const struct traffic_packet *packet = &traffic->list[i];

		if (frame_put_text(out, packet->name, why) ||
		    frame_put_block(out, packet->data.data, packet->data.len, why))
			return -1;
	}
	return 0;
}

static int read_policy(struct frame *frame, struct brief *out, struct fault *why)
{
	char name[PATH_MAX];
	const void *data;
	size_t len;

	if (frame_get_text(frame, name, sizeof(name), why) ||
	    frame_get_block(frame, NODE_FILE_MAX, &data, &len, why))
		return -1;
	if (!name[0])
		return 0;
	if (text_copy(name, &out->policy_name, why))
		return -1;
	return bytes_append(&out->policy, data, len, why);
}

static int read_member(struct frame *frame, struct brief *out, struct fault *why)
{
	struct bundle_member *member = &out->members[out->member_count];
	char name[BUNDLE_NAME_MAX + 1];
	const void *data;
	size_t len;

	if (frame_get_text(frame, name, sizeof(name), why) ||
	    frame_get_block(frame, BUNDLE_UNPACKED_MAX, &data, &len, why))
		return -1;
	*member = (struct bundle_member){0};
	out->member_count++;
	if (text_copy(name, &member->name, why) || bytes_append(&member->data, data, len, why))
		return -1;
	return sha256_of(data, len, &member->sha256, why);
}

static int read_packet(struct frame *frame, struct brief *out, struct fault *why)
{
	char name[TRAFFIC_NAME_MAX];
	const void *data;
	size_t len;

	if (frame_get_text(frame, name, sizeof(name), why) ||
	    frame_get_block(frame, TRAFFIC_PACKET_MAX, &data, &len, why))
		return -1;
	return traffic_add(&out->traffic, name, data, len, why);
}

int brief_read(const void *data, size_t len, struct brief *out, struct fault *why)
{
	struct frame frame = {data, len};
	uint64_t mark, count;

	if (frame_get_number(&frame, UINT64_MAX, &mark, why) || mark != BRIEF_MARK)
		return fault_set(why, FAULT_FORMAT,
				 "the input is no trial that 'bundle check' wrote");
	if (read_policy(&frame, out, why) ||
	    frame_get_number(&frame, BUNDLE_MEMBERS_MAX, &count, why))
		return -1;
	while (count--)
		if (read_member(&frame, out, why))
			return -1;
	if (frame_get_number(&frame, TRAFFIC_MAX, &count, why))
		return -1;
	while (count--)
		if (read_packet(&frame, out, why))
			return -1;
	return frame_end(&frame, why);
}
