// SPDX-License-Identifier: Apache-2.0
// The specification that `bundle build` makes: globals, formats, shared maps.

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/claims.h"
#include "bpf/pack.h"

#define SOURCE(more)                                                                           \
	"{\"publisher\":\"net\",\"name\":\"knobs\",\"version\":\"1.0.0\",\"license\":\"GPL\"," \
	"\"programs\":[{\"object\":\"knobs.bpf.o\",\"entry\":\"knob\",\"hook\":\"xdp\"}]" more "}"

static int build(const char *source, struct survey **survey, struct fault *why)
{
	OWNED(bytes_drop) struct bytes out = {0};
	char path[] = "/tmp/bpfseal-globals-XXXXXX";
	int fd = mkstemp(path);
	int result;

	assert_true(fd >= 0);
	*why = (struct fault){0};
	assert_int_equal(file_write_all(fd, source, strlen(source), why), 0);
	close(fd);
	result = pack_build(path, TEST_BPF_DIR, &out, survey, why);
	unlink(path);
	return result;
}

static struct survey *built(const char *source)
{
	struct survey *survey = NULL;
	struct fault why;

	if (build(source, &survey, &why))
		fail_msg("%s (%s) %s", why.text, why.cause, why.fix);
	return survey;
}

static void refused(const char *source, const char *words, const char *fix)
{
	OWNED(survey_drop) struct survey *survey = NULL;
	struct fault why;

	assert_int_equal(build(source, &survey, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	if ((!strstr(why.text, words) && !strstr(why.cause, words)) || !strstr(why.fix, fix))
		fail_msg("'%s' and '%s' are not in '%s', '%s', '%s'", words, fix, why.text,
			 why.cause, why.fix);
}

static void every_global_that_can_be_set_is_listed_with_its_type(void **state)
{
	static const struct {
		const char *name, *section, *type, *purpose;
		uint32_t size;
	} want[] = {
		{"limit", ".rodata", "__u32", "config", 4},
		{"gateway", ".rodata", "__u32", "config", 4},
		{"verdict", ".rodata", "enum xdp_action", "config", 4},
		{"uplink", ".rodata", "__u8[6]", "config", 6},
		{"level", ".data", "__u32", "state", 4},
		{"packets", ".bss", "__u64", "state", 8},
	};
	OWNED(survey_drop) struct survey *survey = built(SOURCE(""));
	const struct manifest *manifest = survey->bundle->manifest;

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		const struct manifest_global *global =
			manifest_global(manifest, "knobs.bpf.o", want[i].name);

		if (!global)
			fail_msg("%s is not listed", want[i].name);
		assert_string_equal(global->section, want[i].section);
		assert_string_equal(global->type, want[i].type);
		assert_string_equal(global->purpose, want[i].purpose);
		assert_int_equal(global->size, want[i].size);
	}
	// `folded`, `hidden` and `mine` cannot be set: not volatile, or static.
	assert_int_equal(manifest->global_count, sizeof(want) / sizeof(*want));
}

static void what_the_author_says_of_a_global_stands_in_the_bundle(void **state)
{
	OWNED(survey_drop)
	struct survey *survey = built(
		SOURCE(",\"globals\":[{\"name\":\"gateway\",\"format\":\"ipv4\",\"unit\":\"u\","
		       "\"description\":\"d\"},{\"name\":\"packets\",\"purpose\":\"counter\"}]"));
	const struct manifest *manifest = survey->bundle->manifest;
	const struct manifest_global *gateway = manifest_global(manifest, "knobs.bpf.o", "gateway");

	(void)state;
	assert_int_equal(notations_at(&gateway->format, ""), NOTATION_IPV4);
	assert_string_equal(gateway->unit, "u");
	assert_string_equal(gateway->description, "d");
	assert_string_equal(gateway->purpose, "config");
	assert_string_equal(manifest_global(manifest, "knobs.bpf.o", "packets")->purpose,
			    "counter");
	assert_int_equal(manifest->global_count, 6);
}

static void a_global_that_cannot_be_set_is_refused(void **state)
{
	(void)state;
	refused(SOURCE(",\"globals\":[{\"name\":\"limti\"}]"), "no object lets be set",
		"did you mean \"limit\"?");
	refused(SOURCE(",\"globals\":[{\"name\":\"folded\"}]"), "folded", "const volatile");
	refused(SOURCE(",\"globals\":[{\"name\":\"hidden\"}]"), "hidden", "not static");
	refused(SOURCE(",\"globals\":[{\"name\":\"mine\"}]"), "mine", "");
}

static void a_global_that_is_another_than_described_is_refused(void **state)
{
	(void)state;
	refused(SOURCE(",\"globals\":[{\"name\":\"limit\",\"type\":\"__u64\"}]"),
		"global limit of knobs.bpf.o is not as", "");
	refused(SOURCE(",\"globals\":[{\"name\":\"limit\",\"section\":\".data\"}]"),
		"global limit of knobs.bpf.o is not as", "");
	refused(SOURCE(",\"globals\":[{\"name\":\"limit\",\"section\":\".text\"}]"),
		"'.text' is no section of variables", "");
	refused(SOURCE(",\"globals\":[{\"name\":\"limit\"},{\"name\":\"limit\"}]"), "occurs twice",
		"");
	refused(SOURCE(",\"globals\":[{\"name\":\"limit\",\"purpose\":\"confg\"}]"),
		"no map purpose", "");
}

static void a_format_that_does_not_fit_is_refused_with_the_nearest_field(void **state)
{
	(void)state;
	refused(SOURCE(",\"maps\":[{\"name\":\"flows\",\"key_format\":{\"scr\":\"ipv4\"}}]"),
		"flow has no field \"scr\"", "did you mean \"src\"?");
	refused(SOURCE(",\"maps\":[{\"name\":\"flows\",\"key_format\":{\"port\":\"ipv4\"}}]"),
		"does not fit port", "");
	refused(SOURCE(",\"maps\":[{\"name\":\"tuned\",\"value_format\":\"ipv6\"}]"),
		"does not fit 4 bytes", "");
	refused(SOURCE(",\"globals\":[{\"name\":\"limit\",\"format\":\"mac\"}]"),
		"does not fit 4 bytes", "");
	refused(SOURCE(",\"maps\":[{\"name\":\"tuned\",\"value_format\":\"ipv5\"}]"),
		"there is no format \"ipv5\"", "did you mean \"ipv4\"?");
}

static void formats_and_sharing_stand_in_the_bundle(void **state)
{
	OWNED(survey_drop)
	struct survey *survey =
		built(SOURCE(",\"maps\":[{\"name\":\"flows\",\"key_format\":{\"src\":\"ipv4\","
			     "\"port\":\"be16\"}},{\"name\":\"together\",\"shared\":true}]"));
	const struct manifest *manifest = survey->bundle->manifest;
	const struct manifest_map *flows = manifest_map(manifest, "knobs.bpf.o", "flows");

	(void)state;
	assert_int_equal(notations_at(&flows->key_format, "src"), NOTATION_IPV4);
	assert_int_equal(notations_at(&flows->key_format, "port"), NOTATION_BE16);
	assert_int_equal(notations_at(&flows->key_format, "mac"), NOTATION_TYPE);
	assert_int_equal(flows->value_format.count, 0);
	assert_false(flows->shared);
	assert_true(manifest_map(manifest, "knobs.bpf.o", "together")->shared);
}

static void only_data_can_be_shared(void **state)
{
	(void)state;
	refused("{\"publisher\":\"net\",\"name\":\"r\",\"version\":\"1.0.0\",\"license\":\"GPL\","
		"\"programs\":[{\"object\":\"ratelimit.bpf.o\",\"entry\":\"ratelimit\","
		"\"hook\":\"xdp\",\"linkage\":\"chain\"}],"
		"\"maps\":[{\"name\":\"bpfseal_next\",\"shared\":true}]}",
		"cannot be shared", "");
	// A timer lives as long as its map, and that as long as anybody shares it.
	refused("{\"publisher\":\"net\",\"name\":\"t\",\"version\":\"1.0.0\",\"license\":\"GPL\","
		"\"programs\":[{\"object\":\"ticks.bpf.o\",\"entry\":\"tick\","
		"\"hook\":\"xdp\",\"linkage\":\"wrap\"}],"
		"\"maps\":[{\"name\":\"ticks\",\"shared\":true}]}",
		"start timers", "share the maps of an object that starts none");
	refused(SOURCE(",\"maps\":[{\"name\":\"together\",\"shared\":1}]"), "shared", "");
}

static void a_bundle_that_lists_a_global_that_is_not_there_does_not_hold(void **state)
{
	OWNED(survey_drop) struct survey *survey = built(SOURCE(""));
	struct manifest *manifest = survey->bundle->manifest;
	const struct inspection *inspection = survey->objects[0].inspection;
	struct fault why = {0};

	(void)state;
	assert_int_equal(claims_check(inspection, manifest, "knobs.bpf.o", &why), 0);
	manifest->globals[0].size++;
	assert_int_equal(claims_check(inspection, manifest, "knobs.bpf.o", &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	manifest->globals[0].size--;
	manifest->globals[0].name[0]++;
	assert_int_equal(claims_check(inspection, manifest, "knobs.bpf.o", &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_global_that_can_be_set_is_listed_with_its_type),
		cmocka_unit_test(what_the_author_says_of_a_global_stands_in_the_bundle),
		cmocka_unit_test(a_global_that_cannot_be_set_is_refused),
		cmocka_unit_test(a_global_that_is_another_than_described_is_refused),
		cmocka_unit_test(a_format_that_does_not_fit_is_refused_with_the_nearest_field),
		cmocka_unit_test(formats_and_sharing_stand_in_the_bundle),
		cmocka_unit_test(only_data_can_be_shared),
		cmocka_unit_test(a_bundle_that_lists_a_global_that_is_not_there_does_not_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
