// SPDX-License-Identifier: Apache-2.0
#include "bpf/custom.h"

#include <string.h>

#include "base/owned.h"
#include "bpf/bundle.h"

int bundle_target_path(const struct manifest *manifest, char **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes path = {0};

	if (bytes_format(&path, why, "%s/%s/%s.bundle", manifest->publisher, manifest->name,
			 manifest->version))
		return -1;
	return text_copy(bytes_text(&path), out, why);
}

static int custom_add_member(struct json *members, const struct bundle_member *member,
			     struct fault *why)
{
	OWNED(json_drop) struct json *object = json_make_object();
	char hex[SHA256_HEX];

	sha256_hex(&member->sha256, hex);
	if (json_put_text(object, "sha256", hex, why) ||
	    json_put_int(object, "length", (int64_t)member->data.len, why))
		return -1;
	return json_put(members, member->name, HAND_OVER(object), why);
}

int bundle_custom(const struct bundle *bundle, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *custom = json_make_object();
	OWNED(json_drop) struct json *members = json_make_object();
	OWNED(bytes_drop) struct bytes name = {0};

	if (bytes_format(&name, why, "%s/%s", bundle->manifest->publisher,
			 bundle->manifest->name) ||
	    json_put_text(custom, "name", bytes_text(&name), why) ||
	    json_put_text(custom, "version", bundle->manifest->version, why))
		return -1;
	for (size_t i = 0; i < bundle->member_count; i++) {
		if (custom_add_member(members, &bundle->members[i], why))
			return -1;
	}
	if (json_put(custom, "members", HAND_OVER(members), why))
		return -1;
	*out = HAND_OVER(custom);
	return 0;
}

// A target's custom, or its part that is ours.
static const struct json *custom_ours(const struct json *custom)
{
	const struct json *ours = json_member(custom, "bpfseal");

	return ours ? ours : custom;
}

int custom_members(const struct json *custom,
		   int (*each)(void *ctx, const char *name, const struct sha256 *sha256,
			       uint64_t length, struct fault *why),
		   void *ctx, struct fault *why)
{
	const struct json *members;
	struct json_walk walk = {0};

	if (json_need_object(custom_ours(custom), "members", &members, why))
		return fault_within(why, "the target's custom does not sign the bundle's members");
	if (json_count(members) > BUNDLE_MEMBERS_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "the target signs more than %d members",
				 BUNDLE_MEMBERS_MAX);
	while (json_next(members, &walk)) {
		struct sha256 sha256;
		const char *hex;
		int64_t length;

		if (!name_is_plain(walk.key, BUNDLE_NAME_MAX))
			return fault_set(why, FAULT_FORMAT, "the target signs a member '%.80s'",
					 walk.key);
		if (json_need_text(walk.value, "sha256", &hex, why) ||
		    json_need_int(walk.value, "length", 0, BUNDLE_UNPACKED_MAX, &length, why))
			return fault_within(why, "member '%s' in the target's custom", walk.key);
		// One strict form: a digest that "nearly" parses must not mean that none is checked (A18).
		if (sha256_read(hex, &sha256))
			return fault_set(why, FAULT_FORMAT,
					 "member '%s' in the target's custom has no SHA-256 digest",
					 walk.key);
		if (each(ctx, walk.key, &sha256, (uint64_t)length, why))
			return -1;
	}
	return 0;
}

struct custom_check {
	const struct bundle *bundle;
	size_t seen;
};

static int check_custom_member(void *ctx, const char *name, const struct sha256 *sha256,
			       uint64_t length, struct fault *why)
{
	struct custom_check *check = ctx;

	for (size_t i = 0; i < check->bundle->member_count; i++) {
		const struct bundle_member *member = &check->bundle->members[i];

		if (strcmp(member->name, name) != 0)
			continue;
		if (member->data.len != length || !sha256_equal(&member->sha256, sha256))
			return fault_set(why, FAULT_DIGEST,
					 "member '%s' is not the one that was signed", name);
		check->seen++;
		return 0;
	}
	return fault_set(why, FAULT_DIGEST, "the signed member '%s' is not in the bundle", name);
}

int bundle_check_custom(const struct bundle *bundle, const char *path, const struct json *custom,
			struct fault *why)
{
	const struct manifest *manifest = bundle->manifest;
	struct custom_check check = {bundle, 0};
	OWNED(bytes_drop) struct bytes own_name = {0};
	OWNED(drop_heap) char *own_path = NULL;
	const char *name, *version;

	if (bundle_target_path(manifest, &own_path, why) ||
	    bytes_format(&own_name, why, "%s/%s", manifest->publisher, manifest->name))
		return -1;
	// Else a bundle signed for one name could be served under another.
	if (strcmp(own_path, path) != 0)
		return fault_set(why, FAULT_DIGEST, "the bundle at '%.200s' says that it is %s",
				 path, own_path);
	if (json_need_text(custom_ours(custom), "name", &name, why) ||
	    json_need_text(custom_ours(custom), "version", &version, why))
		return fault_within(why, "the custom of target %s", own_path);
	if (strcmp(name, bytes_text(&own_name)) != 0 || strcmp(version, manifest->version) != 0)
		return fault_set(why, FAULT_DIGEST, "target %s is signed as %.80s %.40s", own_path,
				 name, version);
	if (custom_members(custom, check_custom_member, &check, why))
		return -1;
	// JSON keys are distinct, so as many as there are members means every member.
	if (check.seen != bundle->member_count)
		return fault_set(why, FAULT_DIGEST,
				 "the bundle has a member that its target does not sign");
	return 0;
}
