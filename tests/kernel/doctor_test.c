// SPDX-License-Identifier: Apache-2.0
// What the doctor says of a node's configuration, pin and metadata, and that he changes nothing.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/owned.h"
#include "keys/signing.h"
#include "loader/doctor.h"
#include "tests/kernel/world.h"

#define DAY    STOCK_LIFE
#define CONFIG "{\"repositories\":{\"" STOCK_REPO "\":{\"url\":\"https://repo.test\"}}}"

static bool ready;

static int up(void **state)
{
	static struct world world;

	if (!ready)
		return 0;
	ground_up(&world.ground);
	stock_up(&world.stock, &world.ground);
	stock_add(&world.stock, "count.json");
	stock_publish(&world.stock, STOCK_NOW + 29 * DAY);
	stock_configure(&world.stock, "[{\"use\":\"net/count\",\"version\":\"1.0.0\"}]");
	*state = &world;
	return 0;
}

static struct world *need(void **state)
{
	if (!*state)
		skip();
	return *state;
}

static void configure(const struct world *world, const char *text)
{
	struct fault why = {0};
	char path[128];

	snprintf(path, sizeof(path), "%s/etc/bpfseal/node.json", world->ground.root);
	assert_int_equal(file_replace(path, text, strlen(text), 0644, &why), 0);
}

static void apply(struct world *world)
{
	struct fault why = {0};

	if (stock_apply(&world->stock, STOCK_NOW, &why))
		fail_msg("%s", why.text);
}

static void examine(const struct world *world, int64_t now, struct doctor *out)
{
	struct fault why = {0};

	if (doctor_new(world->ground.root, now, out, &why) || doctor_node(out, &why))
		fail_msg("%s", why.text);
}

static const struct json *finding(const struct doctor *doctor, const char *check)
{
	for (size_t i = 0; i < json_count(doctor->findings); i++) {
		const struct json *one = json_item(doctor->findings, i);

		if (!strcmp(json_text(json_member(one, "check")), check))
			return one;
	}
	fail_msg("nothing is said about %s", check);
	return NULL;
}

static void says(const struct doctor *doctor, const char *check, const char *grade,
		 const char *words, const char *fix)
{
	const struct json *one = finding(doctor, check);
	const char *text = json_text(json_member(one, "text"));
	const char *told = json_text(json_member(one, "fix"));

	if (strcmp(json_text(json_member(one, "grade")), grade) || !strstr(text, words))
		fail_msg("%s is %s: %s", check, json_text(json_member(one, "grade")), text);
	if (fix && (!told || !strstr(told, fix)))
		fail_msg("the fix of %s is %s, not %s", check, told ? told : "none", fix);
}

static void a_sound_node_is_told_until_when_it_is(void **state)
{
	OWNED(doctor_drop) struct doctor doctor = {.findings = NULL};
	struct world *world = need(state);

	configure(world, CONFIG);
	apply(world);
	examine(world, STOCK_NOW, &doctor);
	assert_false(doctor.failed);
	says(&doctor, "node.json", "ok", "1 repositories", NULL);
	says(&doctor, "pin of corp", "ok", "is there", NULL);
	says(&doctor, "repository corp", "ok", "is good until 2027-02-13", NULL);
}

static void what_expires_soon_is_told_before_it_does(void **state)
{
	OWNED(doctor_drop) struct doctor doctor = {.findings = NULL};
	struct world *world = need(state);
	struct json *targets = NULL;
	char when[CLOCK_TEXT_LEN];
	struct fault why = {0};

	clock_write(STOCK_NOW + 10 * DAY, when);
	assert_int_equal(signing_part(world->stock.targets, "signed", &targets, &why), 0);
	assert_int_equal(json_put_text(targets, "expires", when, &why), 0);
	stock_publish(&world->stock, STOCK_NOW + 9 * DAY);
	configure(world, CONFIG);
	apply(world);
	examine(world, STOCK_NOW + 5 * DAY, &doctor);
	assert_false(doctor.failed);
	says(&doctor, "repository corp", "warning", "its targets expires on", "renew");
}

static void what_has_expired_or_is_from_the_future_is_a_failure(void **state)
{
	OWNED(doctor_drop) struct doctor late = {.findings = NULL};
	OWNED(doctor_drop) struct doctor early = {.findings = NULL};
	struct world *world = need(state);

	configure(world, CONFIG);
	apply(world);
	examine(world, STOCK_NOW + 30 * DAY, &late);
	assert_true(late.failed);
	says(&late, "repository corp", "failed", "expired", "bpfseal sync");
	examine(world, STOCK_NOW - DAY, &early);
	assert_true(early.failed);
	says(&early, "repository corp", "failed", "clock", NULL);
}

static void what_was_never_verified_is_told(void **state)
{
	OWNED(doctor_drop) struct doctor doctor = {.findings = NULL};
	struct world *world = need(state);

	configure(world, CONFIG);
	examine(world, STOCK_NOW, &doctor);
	assert_false(doctor.failed);
	says(&doctor, "repository corp", "warning", "nothing of it has been verified", "apply");
}

static void a_repository_without_a_pin_is_a_failure(void **state)
{
	OWNED(doctor_drop) struct doctor doctor = {.findings = NULL};
	struct world *world = need(state);

	configure(world, "{\"repositories\":{\"other\":{\"url\":\"https://repo.test\"}}}");
	examine(world, STOCK_NOW, &doctor);
	assert_true(doctor.failed);
	says(&doctor, "pin of other", "failed", "pinned", "trust add");
}

static void a_file_that_is_refused_is_told_with_its_place(void **state)
{
	OWNED(doctor_drop) struct doctor doctor = {.findings = NULL};
	struct world *world = need(state);

	configure(world, "{\"repositorys\":{}}");
	examine(world, STOCK_NOW, &doctor);
	assert_true(doctor.failed);
	says(&doctor, "node.json", "failed", "node.json:1:2", NULL);
}

static void nothing_is_changed(void **state)
{
	OWNED(doctor_drop) struct doctor before = {.findings = NULL};
	OWNED(doctor_drop) struct doctor after = {.findings = NULL};
	struct world *world = need(state);
	const char *root = world->ground.root;

	configure(world, CONFIG);
	ground_sh("find %s/var %s/etc -printf '%%p %%m %%T@ %%s\\n' | sort >%s.before", root, root,
		  root);
	examine(world, STOCK_NOW, &before);
	ground_sh("find %s/var %s/etc -printf '%%p %%m %%T@ %%s\\n' | sort | cmp - %s.before", root,
		  root, root);
	apply(world);
	ground_sh("find %s/var %s/etc -printf '%%p %%m %%T@ %%s\\n' | sort >%s.before", root, root,
		  root);
	examine(world, STOCK_NOW + 5, &after);
	ground_sh("find %s/var %s/etc -printf '%%p %%m %%T@ %%s\\n' | sort | cmp - %s.before", root,
		  root, root);
	ground_sh("rm %s.before", root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_sound_node_is_told_until_when_it_is, up,
						world_down),
		cmocka_unit_test_setup_teardown(what_expires_soon_is_told_before_it_does, up,
						world_down),
		cmocka_unit_test_setup_teardown(what_has_expired_or_is_from_the_future_is_a_failure,
						up, world_down),
		cmocka_unit_test_setup_teardown(what_was_never_verified_is_told, up, world_down),
		cmocka_unit_test_setup_teardown(a_repository_without_a_pin_is_a_failure, up,
						world_down),
		cmocka_unit_test_setup_teardown(a_file_that_is_refused_is_told_with_its_place, up,
						world_down),
		cmocka_unit_test_setup_teardown(nothing_is_changed, up, world_down),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
