// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/pack.h"
#include "tests/unit/bpf/yard.h"

#define SOURCE(name, object, rest)                               \
	"{\"publisher\":\"net\",\"name\":\"" name                \
	"\",\"version\":\"1.0.0\",\"license\":\"GPL-2.0-only\"," \
	"\"programs\":[{\"object\":\"" object "\",\"entry\":\"" name "\",\"hook\":\"xdp\"" rest

static int build(const char *source, struct bytes *out, struct survey **survey, struct fault *why)
{
	char path[] = "/tmp/bpfseal-pack-XXXXXX";
	int fd = mkstemp(path);
	int result;

	assert_true(fd >= 0);
	*why = (struct fault){0};
	assert_int_equal(file_write_all(fd, source, strlen(source), why), 0);
	close(fd);
	result = pack_build(path, TEST_BPF_DIR, out, survey, why);
	unlink(path);
	return result;
}

static void refused(const char *source, enum fault_code code, const char *words)
{
	OWNED(bytes_drop) struct bytes out = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	struct fault why;

	assert_int_equal(build(source, &out, &survey, &why), -1);
	assert_int_equal(why.code, code);
	if (!strstr(why.text, words) && !strstr(why.cause, words))
		fail_msg("'%s' is neither in '%s' nor in '%s'", words, why.text, why.cause);
	assert_int_equal(out.len, 0);
	assert_null(survey);
}

static void a_build_fills_the_maps_from_the_object(void **state)
{
	OWNED(bytes_drop) struct bytes once = {0};
	OWNED(bytes_drop) struct bytes twice = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	OWNED(survey_drop) struct survey *again = NULL;
	const char *source = SOURCE("count", "count.bpf.o",
				    "}],\"maps\":[{\"name\":\"counts\",\"purpose\":\"counter\","
				    "\"unit\":\"packets\"}]}");
	const struct manifest_map *map;
	struct fault why;

	(void)state;
	assert_int_equal(build(source, &once, &survey, &why), 0);
	map = &survey->bundle->manifest->maps[0];
	assert_int_equal(survey->bundle->manifest->map_count, 1);
	assert_string_equal(map->type, "percpu_array");
	assert_string_equal(map->object, "count.bpf.o");
	assert_string_equal(map->unit, "packets");
	assert_int_equal(map->max_entries, 256);
	assert_int_equal(survey->object_count, 1);
	assert_int_equal(build(source, &twice, &again, &why), 0);
	assert_int_equal(once.len, twice.len);
	assert_memory_equal(once.data, twice.data, once.len);
}

static void what_a_node_would_refuse_is_not_built(void **state)
{
	(void)state;
	refused(SOURCE("bad_helper", "bad_helper.bpf.o", "}]}"), FAULT_POLICY, "probe_read_kernel");
	refused(SOURCE("bad_maps", "bad_maps.bpf.o", "}]}"), FAULT_POLICY, "map");
	refused(SOURCE("count", "count.bpf.o", ",\"linkage\":\"chain\"}]}"), FAULT_FORMAT,
		"bpfseal_next");
	refused(SOURCE("ratelimit", "ratelimit.bpf.o",
		       ",\"linkage\":\"own_map\",\"next_map\":\"rl_config\"}]}"),
		FAULT_FORMAT, "prog_array");
	refused(SOURCE("main", "count.bpf.o", "}]}"), FAULT_FORMAT, "no program main");
}

static void a_map_that_is_not_there_or_is_another_is_refused(void **state)
{
	(void)state;
	refused(SOURCE("count", "count.bpf.o", "}],\"maps\":[{\"name\":\"counters\"}]}"),
		FAULT_FORMAT, "counters");
	refused(SOURCE("count", "count.bpf.o",
		       "}],\"maps\":[{\"name\":\"counts\",\"type\":\"hash\"}]}"),
		FAULT_FORMAT, "counts");
}

static void an_object_that_is_not_there_is_a_wrong_call(void **state)
{
	(void)state;
	refused(SOURCE("count", "gone.bpf.o", "}]}"), FAULT_USAGE, "gone.bpf.o");
}

// ---- compiled here ----

#define HEAD                                                                                 \
	"{\"publisher\":\"net\",\"name\":\"p\",\"version\":\"1.0.0\",\"license\":\"GPL-2.0-" \
	"only\","
#define PROGRAM(where, rest) \
	"\"programs\":[{" where ",\"entry\":\"pass\",\"hook\":\"xdp\"}" rest "]}"
#define FROM_SOURCE HEAD PROGRAM("\"source\":\"p.bpf.c\"", "")

static void yard_fill(struct yard *yard, const char *manifest)
{
	yard_begin(yard);
	yard_write(yard, "p.bpf.c", YARD_SOURCE);
	yard_write(yard, "verdict.h", YARD_HEADER);
	yard_write(yard, "p.json", manifest);
}

static int build_in(const struct yard *yard, const char *object_dir, struct bytes *out,
		    struct survey **survey, struct fault *why)
{
	char path[128];

	*why = (struct fault){0};
	snprintf(path, sizeof(path), "%s/p.json", yard->dir);
	return pack_build(path, object_dir, out, survey, why);
}

static void yard_refused(const char *manifest, const char *object_dir, enum fault_code code,
			 const char *words)
{
	OWNED(yard_end) struct yard yard = {0};
	OWNED(bytes_drop) struct bytes out = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	struct fault why;

	yard_fill(&yard, manifest);
	yard_write(&yard, "q.bpf.o", "no object, and nobody gets that far");
	assert_int_equal(build_in(&yard, object_dir, &out, &survey, &why), -1);
	assert_int_equal(why.code, code);
	if (!strstr(why.text, words) && !strstr(why.cause, words))
		fail_msg("'%s' is neither in '%s' nor in '%s'", words, why.text, why.cause);
	assert_null(survey);
}

static void a_source_is_compiled_and_its_origin_told(void **state)
{
	OWNED(yard_end) struct yard yard = {0};
	OWNED(bytes_drop) struct bytes out = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	const struct manifest *manifest;
	struct fault why;

	(void)state;
	yard_fill(&yard, FROM_SOURCE);
	if (build_in(&yard, NULL, &out, &survey, &why))
		fail_msg("%s: %s", why.text, why.cause);
	manifest = survey->bundle->manifest;
	assert_string_equal(manifest->programs[0].object, "p.bpf.o");
	assert_non_null(strstr(manifest->compiler, "clang version"));
	assert_int_equal(strlen(manifest->source_sha256), 64);
	// The sources stay at home; what a bundle says is read by nodes that know no such key.
	assert_int_equal(survey->bundle->member_count, 2);
	assert_null(strstr(bytes_text(&survey->bundle->members[0].data), "\"source\""));
}

static void bundles_of_one_source_are_the_same_bytes_in_two_places(void **state)
{
	OWNED(yard_end) struct yard here = {0};
	OWNED(yard_end) struct yard there = {0};
	OWNED(bytes_drop) struct bytes one = {0};
	OWNED(bytes_drop) struct bytes two = {0};
	OWNED(survey_drop) struct survey *first = NULL;
	OWNED(survey_drop) struct survey *second = NULL;
	struct fault why;

	(void)state;
	yard_fill(&here, FROM_SOURCE);
	yard_fill(&there, FROM_SOURCE);
	assert_int_equal(build_in(&here, NULL, &one, &first, &why), 0);
	assert_int_equal(build_in(&there, NULL, &two, &second, &why), 0);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.data, two.data, one.len);
}

static void another_header_is_another_origin(void **state)
{
	OWNED(yard_end) struct yard yard = {0};
	OWNED(bytes_drop) struct bytes one = {0};
	OWNED(bytes_drop) struct bytes two = {0};
	OWNED(survey_drop) struct survey *first = NULL;
	OWNED(survey_drop) struct survey *second = NULL;
	struct fault why;

	(void)state;
	yard_fill(&yard, FROM_SOURCE);
	assert_int_equal(build_in(&yard, NULL, &one, &first, &why), 0);
	yard_write(&yard, "verdict.h", YARD_HEADER "// the same instructions\n");
	assert_int_equal(build_in(&yard, NULL, &two, &second, &why), 0);
	assert_string_not_equal(first->bundle->manifest->source_sha256,
				second->bundle->manifest->source_sha256);
}

static void an_object_that_is_not_there_is_compiled_from_its_source(void **state)
{
	OWNED(yard_end) struct yard yard = {0};
	OWNED(bytes_drop) struct bytes out = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	struct fault why;

	(void)state;
	yard_fill(&yard, HEAD PROGRAM("\"object\":\"p.bpf.o\"", ""));
	assert_int_equal(build_in(&yard, NULL, &out, &survey, &why), 0);
	assert_int_equal(strlen(survey->bundle->manifest->source_sha256), 64);
}

static void objects_from_a_directory_are_not_compiled(void **state)
{
	(void)state;
	yard_refused(FROM_SOURCE, "/nonexistent", FAULT_USAGE, "p.bpf.o");
}

static void an_origin_that_is_not_so_is_refused(void **state)
{
	(void)state;
	yard_refused(HEAD "\"compiler\":\"cc 1\"," PROGRAM("\"source\":\"p.bpf.c\"", ""), NULL,
		     FAULT_FORMAT, "\"compiler\" is cc 1");
	yard_refused(HEAD
		     "\"source_sha256\":\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6"
		     "c15b0f00a08\"," PROGRAM("\"source\":\"p.bpf.c\"", ""),
		     NULL, FAULT_FORMAT, "\"source_sha256\" is 9f86");
}

static void an_origin_of_a_part_is_refused(void **state)
{
	(void)state;
	yard_refused(HEAD PROGRAM("\"source\":\"p.bpf.c\"",
				  ",{\"object\":\"q.bpf.o\",\"entry\":\"q\",\"hook\":\"xdp\"}"),
		     NULL, FAULT_USAGE, "only a part");
	yard_refused(HEAD PROGRAM("\"source\":\"p.bpf.c\"",
				  ",{\"source\":\"q.bpf.c\",\"object\":\"p.bpf.o\",\"entry\":\"q\","
				  "\"hook\":\"xdp\"}"),
		     NULL, FAULT_FORMAT, "two sources");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_build_fills_the_maps_from_the_object),
		cmocka_unit_test(what_a_node_would_refuse_is_not_built),
		cmocka_unit_test(a_map_that_is_not_there_or_is_another_is_refused),
		cmocka_unit_test(an_object_that_is_not_there_is_a_wrong_call),
		cmocka_unit_test(a_source_is_compiled_and_its_origin_told),
		cmocka_unit_test(bundles_of_one_source_are_the_same_bytes_in_two_places),
		cmocka_unit_test(another_header_is_another_origin),
		cmocka_unit_test(an_object_that_is_not_there_is_compiled_from_its_source),
		cmocka_unit_test(objects_from_a_directory_are_not_compiled),
		cmocka_unit_test(an_origin_that_is_not_so_is_refused),
		cmocka_unit_test(an_origin_of_a_part_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
