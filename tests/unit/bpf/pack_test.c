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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_build_fills_the_maps_from_the_object),
		cmocka_unit_test(what_a_node_would_refuse_is_not_built),
		cmocka_unit_test(a_map_that_is_not_there_or_is_another_is_refused),
		cmocka_unit_test(an_object_that_is_not_there_is_a_wrong_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
