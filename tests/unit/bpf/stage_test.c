// SPDX-License-Identifier: Apache-2.0
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/index.h"
#include "bpf/manifestreader.h"
#include "bpf/stage.h"
#include "keys/signing.h"

#define EXPIRES INT64_C(2000000000)

// A ceremony directory with an empty draft of the role "net".
struct ceremony {
	char dir[64];
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void drop_ceremony(struct ceremony *ceremony)
{
	nftw(ceremony->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_ceremony(struct ceremony *ceremony)
{
	OWNED(json_drop) struct json *draft = NULL;
	struct fault why = {0};
	char path[128];

	strcpy(ceremony->dir, "/tmp/bpfseal-stage-XXXXXX");
	assert_non_null(mkdtemp(ceremony->dir));
	snprintf(path, sizeof path, "%s/metadata", ceremony->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(signing_new_targets(1, EXPIRES, &draft, &why), 0);
	assert_int_equal(draft_save(ceremony->dir, "net", draft, &why), 0);
}

static void read_file(const struct ceremony *ceremony, const char *name, struct bytes *out)
{
	struct fault why = {0};
	char path[256];

	snprintf(path, sizeof path, "%s/%s", ceremony->dir, name);
	assert_int_equal(file_read(path, BUNDLE_MAX, out, &why), 0);
}

static void write_file(const struct ceremony *ceremony, const char *name, const struct bytes *data)
{
	struct fault why = {0};
	char path[256];

	snprintf(path, sizeof path, "%s/%s", ceremony->dir, name);
	assert_int_equal(file_replace(path, data->data, data->len, 0644, &why), 0);
}

// A bundle of the counter, whose description makes its bytes its own.
static void bundle(const char *version, const char *description, struct bytes *data,
		   struct survey **survey)
{
	OWNED(manifest_drop) struct manifest *manifest = NULL;
	struct bundle_member member = {.name = (char *)"allow.bpf.o"};
	struct fault why = {0};
	char text[512], path[512];

	snprintf(text, sizeof text,
		 "{\"publisher\":\"net\",\"name\":\"allow\",\"version\":\"%s\",\"description\":\"%"
		 "s\","
		 "\"license\":\"GPL-2.0-only\",\"programs\":[{\"object\":\"allow.bpf.o\","
		 "\"entry\":\"allow\",\"hook\":\"xdp\"}]}",
		 version, description);
	snprintf(path, sizeof path, "%s/allow.bpf.o", TEST_BPF_DIR);
	assert_int_equal(manifest_parse_source(text, strlen(text), "s", &manifest, &why), 0);
	assert_int_equal(file_read(path, INSPECT_OBJECT_MAX, &member.data, &why), 0);
	assert_int_equal(bundle_write(manifest, &member, 1, data, &why), 0);
	assert_int_equal(survey_new(data->data, data->len, survey, &why), 0);
	bytes_drop(&member.data);
}

static int add(const struct ceremony *ceremony, const char *version, const char *description,
	       bool *changed, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	OWNED(stage_drop) struct stage stage = {0};

	bundle(version, description, &data, &survey);
	*why = (struct fault){0};
	if (stage_add(&(struct stage_place){ceremony->dir, "net", EXPIRES}, NULL, &data, survey,
		      &stage, why))
		return -1;
	assert_string_equal(stage.index_path, "net/allow/index.json");
	*changed = stage.changed;
	return 0;
}

// The draft names exactly `count` targets, each of them a file with that digest and length.
static void check_draft(const struct ceremony *ceremony, size_t count)
{
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(json_drop) struct json *draft = NULL;
	struct json_walk walk = {0};
	const struct json *targets;
	struct fault why = {0};

	read_file(ceremony, "metadata/net.json", &text);
	assert_int_equal(json_parse(text.data, text.len, "net.json", &draft, &why), 0);
	targets = json_member(json_member(draft, "signed"), "targets");
	assert_int_equal(json_count(targets), count);
	while (json_next(targets, &walk)) {
		OWNED(bytes_drop) struct bytes data = {0};
		struct sha256 sha256, named;
		char name[256];

		snprintf(name, sizeof name, "targets/%s", walk.key);
		read_file(ceremony, name, &data);
		assert_int_equal(sha256_of(data.data, data.len, &sha256, &why), 0);
		assert_int_equal(sha256_read(json_text(json_member(
						     json_member(walk.value, "hashes"), "sha256")),
					     &named),
				 0);
		assert_true(sha256_equal(&sha256, &named));
		assert_int_equal(json_int(json_member(walk.value, "length")), data.len);
	}
}

static void a_bundle_and_its_index_stand_in_the_draft(void **state)
{
	OWNED(drop_ceremony) struct ceremony ceremony;
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(index_drop) struct index *index = NULL;
	struct fault why;
	bool changed = false;

	(void)state;
	make_ceremony(&ceremony);
	assert_int_equal(add(&ceremony, "1.0.0", "first", &changed, &why), 0);
	assert_true(changed);
	check_draft(&ceremony, 2);
	assert_int_equal(add(&ceremony, "1.1.0", "second", &changed, &why), 0);
	check_draft(&ceremony, 3);
	read_file(&ceremony, "targets/net/allow/index.json", &text);
	assert_int_equal(index_parse(text.data, text.len, &index, &why), 0);
	assert_int_equal(index->count, 2);
	assert_string_equal(index->versions[1].version, "1.1.0");
}

static void the_draft_signs_every_member(void **state)
{
	OWNED(drop_ceremony) struct ceremony ceremony;
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	OWNED(json_drop) struct json *draft = NULL;
	const struct json *target;
	struct fault why;
	bool changed;

	(void)state;
	make_ceremony(&ceremony);
	assert_int_equal(add(&ceremony, "1.0.0", "first", &changed, &why), 0);
	bundle("1.0.0", "first", &data, &survey);
	read_file(&ceremony, "metadata/net.json", &text);
	assert_int_equal(json_parse(text.data, text.len, "net.json", &draft, &why), 0);
	target = json_member(json_member(json_member(draft, "signed"), "targets"),
			     "net/allow/1.0.0.bundle");
	assert_int_equal(bundle_check_custom(survey->bundle, "net/allow/1.0.0.bundle",
					     json_member(target, "custom"), &why),
			 0);
}

static void the_same_bundle_again_changes_nothing(void **state)
{
	OWNED(drop_ceremony) struct ceremony ceremony;
	OWNED(bytes_drop) struct bytes before = {0};
	OWNED(bytes_drop) struct bytes after = {0};
	struct fault why;
	bool changed = true;

	(void)state;
	make_ceremony(&ceremony);
	assert_int_equal(add(&ceremony, "1.0.0", "first", &changed, &why), 0);
	read_file(&ceremony, "metadata/net.json", &before);
	assert_int_equal(add(&ceremony, "1.0.0", "first", &changed, &why), 0);
	assert_false(changed);
	read_file(&ceremony, "metadata/net.json", &after);
	assert_string_equal(bytes_text(&before), bytes_text(&after));
}

static void other_bytes_under_the_same_version_are_refused(void **state)
{
	OWNED(drop_ceremony) struct ceremony ceremony;
	struct fault why;
	bool changed;

	(void)state;
	make_ceremony(&ceremony);
	assert_int_equal(add(&ceremony, "1.0.0", "first", &changed, &why), 0);
	assert_int_equal(add(&ceremony, "1.0.0", "other", &changed, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
	check_draft(&ceremony, 2);
}

static void a_run_that_broke_off_before_the_index_is_completed(void **state)
{
	OWNED(drop_ceremony) struct ceremony ceremony;
	OWNED(bytes_drop) struct bytes old = {0};
	struct fault why;
	bool changed = true;
	char path[128];

	(void)state;
	make_ceremony(&ceremony);
	assert_int_equal(add(&ceremony, "1.0.0", "first", &changed, &why), 0);
	snprintf(path, sizeof path, "%s/targets/net/allow/index.json", ceremony.dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(add(&ceremony, "1.0.0", "first", &changed, &why), 0);
	assert_false(changed);
	check_draft(&ceremony, 2);
	read_file(&ceremony, "targets/net/allow/index.json", &old);
	assert_int_equal(add(&ceremony, "1.1.0", "second", &changed, &why), 0);
	write_file(&ceremony, "targets/net/allow/index.json", &old);
	assert_int_equal(add(&ceremony, "1.1.0", "second", &changed, &why), 0);
	check_draft(&ceremony, 3);
}

static void an_index_that_nobody_signed_is_refused(void **state)
{
	OWNED(drop_ceremony) struct ceremony ceremony;
	OWNED(bytes_drop) struct bytes foreign = {0};
	OWNED(index_drop) struct index *index = NULL;
	struct sha256 sha256 = {{7}};
	struct fault why;
	bool changed;

	(void)state;
	make_ceremony(&ceremony);
	assert_int_equal(add(&ceremony, "1.0.0", "first", &changed, &why), 0);
	assert_int_equal(index_new("net/allow", &index, &why), 0);
	assert_int_equal(
		index_add(index, "9.0.0", "net/allow/9.0.0.bundle", &sha256, "released", &why), 0);
	assert_int_equal(index_write(index, &foreign, &why), 0);
	write_file(&ceremony, "targets/net/allow/index.json", &foreign);
	assert_int_equal(add(&ceremony, "1.1.0", "second", &changed, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
}

static void a_role_without_a_draft_is_not_found(void **state)
{
	OWNED(drop_ceremony) struct ceremony ceremony;
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	OWNED(stage_drop) struct stage stage = {0};
	struct fault why = {0};

	(void)state;
	make_ceremony(&ceremony);
	bundle("1.0.0", "first", &data, &survey);
	assert_int_equal(stage_add(&(struct stage_place){ceremony.dir, "lab", EXPIRES}, NULL, &data,
				   survey, &stage, &why),
			 -1);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
}

static const char *channel_of(const struct ceremony *ceremony, const char *version)
{
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(index_drop) struct index *index = NULL;
	const struct index_version *found;
	static char channel[INDEX_CHANNEL_MAX + 1];
	struct fault why = {0};

	read_file(ceremony, "targets/net/allow/index.json", &text);
	assert_int_equal(index_parse(text.data, text.len, &index, &why), 0);
	found = index_find(index, version);
	snprintf(channel, sizeof channel, "%s", found ? found->channel : "none");
	return channel;
}

static int promote(const struct ceremony *ceremony, const char *version, const char *channel,
		   bool *changed, struct fault *why)
{
	const struct stage_place place = {ceremony->dir, "net", EXPIRES};
	OWNED(stage_drop) struct stage stage = {0};

	*why = (struct fault){0};
	if (stage_promote(&place, "net/allow", version, channel, &stage, why))
		return -1;
	*changed = stage.changed;
	return 0;
}

static int withdraw(const struct ceremony *ceremony, const char *version, struct fault *why)
{
	const struct stage_place place = {ceremony->dir, "net", EXPIRES};
	OWNED(stage_drop) struct stage stage = {0};

	*why = (struct fault){0};
	return stage_withdraw(&place, "net/allow", version, &stage, why);
}

static void a_promoted_version_stays_there_when_it_is_added_again(void **state)
{
	OWNED(drop_ceremony) struct ceremony ceremony;
	struct fault why;
	bool changed;

	(void)state;
	make_ceremony(&ceremony);
	assert_int_equal(add(&ceremony, "1.0.0", "first", &changed, &why), 0);
	assert_string_equal(channel_of(&ceremony, "1.0.0"), "released");
	assert_int_equal(promote(&ceremony, "1.0.0", "tested", &changed, &why), 0);
	assert_true(changed);
	assert_string_equal(channel_of(&ceremony, "1.0.0"), "tested");
	check_draft(&ceremony, 2);
	assert_int_equal(add(&ceremony, "1.0.0", "first", &changed, &why), 0);
	assert_false(changed);
	assert_string_equal(channel_of(&ceremony, "1.0.0"), "tested");
	assert_int_equal(promote(&ceremony, "1.0.0", "tested", &changed, &why), 0);
	assert_false(changed);
	assert_int_equal(promote(&ceremony, "2.0.0", "tested", &changed, &why), -1);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
}

static void a_withdrawn_version_is_in_neither_index_nor_draft(void **state)
{
	OWNED(drop_ceremony) struct ceremony ceremony;
	struct fault why;
	bool changed;

	(void)state;
	make_ceremony(&ceremony);
	assert_int_equal(add(&ceremony, "1.0.0", "first", &changed, &why), 0);
	assert_int_equal(add(&ceremony, "1.1.0", "second", &changed, &why), 0);
	check_draft(&ceremony, 3);
	assert_int_equal(withdraw(&ceremony, "1.1.0", &why), 0);
	check_draft(&ceremony, 2);
	assert_string_equal(channel_of(&ceremony, "1.1.0"), "none");
	assert_string_equal(channel_of(&ceremony, "1.0.0"), "released");
	assert_int_equal(withdraw(&ceremony, "1.1.0", &why), -1);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
	// Its name still means the bytes it meant.
	assert_int_equal(add(&ceremony, "1.1.0", "another", &changed, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
	assert_int_equal(add(&ceremony, "1.1.0", "second", &changed, &why), 0);
	check_draft(&ceremony, 3);
}

static void a_withdrawal_that_broke_off_before_the_index_is_completed(void **state)
{
	OWNED(drop_ceremony) struct ceremony ceremony;
	OWNED(bytes_drop) struct bytes index = {0};
	struct fault why;
	bool changed;

	(void)state;
	make_ceremony(&ceremony);
	assert_int_equal(add(&ceremony, "1.0.0", "first", &changed, &why), 0);
	assert_int_equal(add(&ceremony, "1.1.0", "second", &changed, &why), 0);
	read_file(&ceremony, "targets/net/allow/index.json", &index);
	assert_int_equal(withdraw(&ceremony, "1.1.0", &why), 0);
	write_file(&ceremony, "targets/net/allow/index.json", &index);
	assert_int_equal(withdraw(&ceremony, "1.1.0", &why), 0);
	check_draft(&ceremony, 2);
}

static int deny_one(void *ctx, struct deny *deny, struct fault *why)
{
	const struct sha256 sha256 = {{5}};

	return ctx ? deny_add(deny, &sha256, ctx, 1, why) : deny_remove(deny, &sha256, why);
}

static void the_deny_list_is_a_target_like_any_other(void **state)
{
	OWNED(drop_ceremony) struct ceremony ceremony;
	OWNED(bytes_drop) struct bytes forged = {0};
	const struct stage_place place = {ceremony.dir, "net", EXPIRES};
	const struct stage_place nobody = {ceremony.dir, "lab", EXPIRES};
	char reason[] = "drops mail";
	struct fault why = {0};
	bool changed;

	(void)state;
	make_ceremony(&ceremony);
	assert_int_equal(stage_deny(&nobody, deny_one, reason, &changed, &why), -1);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
	assert_int_equal(stage_deny(&place, deny_one, reason, &changed, &why), 0);
	assert_true(changed);
	check_draft(&ceremony, 1);
	assert_int_equal(stage_deny(&place, deny_one, reason, &changed, &why), 0);
	assert_false(changed);
	read_file(&ceremony, "targets/deny/list.json", &forged);
	forged.data[forged.len - 1] = ' ';
	write_file(&ceremony, "targets/deny/list.json", &forged);
	assert_int_equal(stage_deny(&place, deny_one, NULL, &changed, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bundle_and_its_index_stand_in_the_draft),
		cmocka_unit_test(the_draft_signs_every_member),
		cmocka_unit_test(the_same_bundle_again_changes_nothing),
		cmocka_unit_test(other_bytes_under_the_same_version_are_refused),
		cmocka_unit_test(a_run_that_broke_off_before_the_index_is_completed),
		cmocka_unit_test(an_index_that_nobody_signed_is_refused),
		cmocka_unit_test(a_role_without_a_draft_is_not_found),
		cmocka_unit_test(a_promoted_version_stays_there_when_it_is_added_again),
		cmocka_unit_test(a_withdrawn_version_is_in_neither_index_nor_draft),
		cmocka_unit_test(a_withdrawal_that_broke_off_before_the_index_is_completed),
		cmocka_unit_test(the_deny_list_is_a_target_like_any_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
