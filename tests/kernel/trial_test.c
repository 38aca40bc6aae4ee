// SPDX-License-Identifier: Apache-2.0
// What `bundle check` has the loader do: programs loaded alone and in a chain, run on packets, and nothing left of it.
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/pack.h"
#include "loader/trial.h"
#include "tests/kernel/ground.h"

static int64_t ticks_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool ready;

static void need_kernel(void)
{
	if (!ready)
		skip();
}

// A brief as the other side of the pipe gets it, of programs of our test objects.
static void brief_make(const char *programs, const char *policy, size_t packets, struct brief *out)
{
	OWNED(bytes_drop) struct bytes bundle = {0};
	OWNED(bytes_drop) struct bytes frame = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	OWNED(traffic_drop) struct traffic traffic = {.count = 0};
	char path[] = "/tmp/bpfseal-trial-XXXXXX", text[2048];
	struct bytes policy_text = {0};
	struct fault why = {0};
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	snprintf(text, sizeof(text),
		 "{\"publisher\":\"net\",\"name\":\"tried\",\"version\":\"1.2.3\",\"license\":"
		 "\"GPL-2.0-only\",\"programs\":[%s]}",
		 programs);
	assert_int_equal(file_write_all(fd, text, strlen(text), &why), 0);
	close(fd);
	if (pack_build(path, TEST_BPF_DIR, &bundle, &survey, &why))
		fail_msg("%s (%s)", why.text, why.cause);
	unlink(path);
	policy_text.data = (unsigned char *)(uintptr_t)policy;
	policy_text.len = policy ? strlen(policy) : 0;
	assert_int_equal(traffic_add_ours(&traffic, &why), 0);
	if (brief_write(survey->bundle, policy ? "node.json" : NULL, &policy_text, &traffic, &frame,
			&why) ||
	    brief_read(frame.data, frame.len, out, &why))
		fail_msg("%s", why.text);
	// Each run of an XDP program takes the kernel some time to set up.
	while (out->traffic.count > packets)
		bytes_drop(&out->traffic.list[--out->traffic.count].data);
}

static int try(const struct brief *brief, bool apart, struct json **out, struct fault *why)
{
	const struct trial trial = {.brief = brief, .apart = apart, .ticks_us = ticks_us};

	*why = (struct fault){0};
	return trial_run(&trial, out, why);
}

static const struct json *program_of(const struct json *document, size_t index)
{
	return json_item(json_member(document, "programs"), index);
}

// What came of one of our packets, by its name.
static const struct json *run_of(const struct json *document, size_t index, const char *packet)
{
	const struct json *runs = json_member(program_of(document, index), "packets");

	for (size_t i = 0; i < json_count(runs); i++)
		if (!strcmp(json_text(json_member(json_item(runs, i), "packet")), packet))
			return json_item(runs, i);
	fail_msg("nothing about %s", packet);
	return NULL;
}

static void came(const struct json *document, size_t index, const char *packet, const char *verdict,
		 bool goes_on)
{
	const struct json *run = run_of(document, index, packet);

	assert_string_equal(json_text(json_member(run, "verdict")), verdict);
	assert_true(json_is(json_member(run, "goes_on"), JSON_KIND_BOOL));
	assert_int_equal(json_bool(json_member(run, "goes_on")), goes_on);
	assert_true(json_int(json_member(run, "ns")) > 0);
	assert_true(json_int(json_member(run, "chained_ns")) > 0);
}

#define PROGRAM(object, entry, hook, linkage)                                       \
	"{\"object\":\"" object "\",\"entry\":\"" entry "\",\"hook\":\"" hook "\"," \
	"\"linkage\":\"" linkage "\"}"
#define ALLOW PROGRAM("allow.bpf.o", "allow", "xdp", "wrap")

static void an_ordinary_program_is_tried_alone_and_wrapped(void **state)
{
	OWNED(brief_drop) struct brief brief = {.member_count = 0};
	OWNED(json_drop) struct json *document = NULL;
	const struct json *alone, *chained;
	struct fault why;

	(void)state;
	need_kernel();
	brief_make(ALLOW, NULL, TRAFFIC_MAX, &brief);
	if (try(&brief, true, &document, &why))
		fail_msg("%s (%s)", why.text, why.cause);
	came(document, 0, "ARP request", "XDP_PASS", true);
	came(document, 0, "IPv4 UDP", "XDP_DROP", false);
	came(document, 0, "IPv6 TCP SYN", "XDP_PASS", true);
	came(document, 0, "an Ethernet header", "XDP_DROP", false);
	came(document, 0, "IPv4 UDP, 1514 bytes", "XDP_DROP", false);
	alone = json_member(program_of(document, 0), "alone");
	chained = json_member(program_of(document, 0), "chained");
	assert_true(json_int(json_member(alone, "verified_instructions")) > 0);
	// The wrapper is in it, and went through the verifier with it.
	assert_true(json_int(json_member(chained, "instructions")) >
		    json_int(json_member(alone, "instructions")));
	assert_null(json_member(document, "refused"));
}

static void values_of_node_json_are_in_the_maps(void **state)
{
	static const char policy[] =
		"{\"repositories\":{\"corp\":{\"url\":\"https://corp.example\"}},\"interfaces\":"
		"{\"eth0\":{\"xdp\":[{\"use\":\"net/other\",\"version\":\"*\"},"
		"{\"use\":\"net/tried\",\"version\":\"1.2.*\",\"maps\":{\"allow_v4\":"
		"[{\"key\":\"192.0.2.1\",\"value\":1}]}}]}}}";
	OWNED(brief_drop) struct brief brief = {.member_count = 0};
	OWNED(json_drop) struct json *document = NULL;
	struct fault why;

	(void)state;
	need_kernel();
	brief_make(ALLOW, policy, 2, &brief);
	if (try(&brief, true, &document, &why))
		fail_msg("%s (%s)", why.text, why.cause);
	came(document, 0, "IPv4 UDP", "XDP_PASS", true);
	assert_non_null(
		strstr(json_text(json_member(program_of(document, 0), "values")), "node.json:1:"));
}

#define RATELIMIT PROGRAM("ratelimit.bpf.o", "ratelimit", "xdp", "chain")
#define DROP	  PROGRAM("drop_xdp.bpf.o", "bpfseal_drop", "xdp", "terminal")
#define RELAY                                                               \
	"{\"object\":\"relay.bpf.o\",\"entry\":\"relay\",\"hook\":\"xdp\"," \
	"\"linkage\":\"own_map\",\"next_map\":\"relay_next\"}"

static void programs_that_jump_and_one_that_ends_are_told_apart(void **state)
{
	OWNED(brief_drop) struct brief brief = {.member_count = 0};
	OWNED(json_drop) struct json *document = NULL;
	struct fault why;

	(void)state;
	need_kernel();
	brief_make(RATELIMIT "," RELAY "," DROP, NULL, 2, &brief);
	if (try(&brief, true, &document, &why))
		fail_msg("%s (%s)", why.text, why.cause);
	came(document, 0, "IPv4 UDP", "XDP_PASS", true);
	// Its own word for the case that there is nothing behind it.
	came(document, 1, "IPv4 UDP", "XDP_ABORTED", true);
	assert_null(json_member(run_of(document, 2, "IPv4 UDP"), "goes_on"));
	assert_string_equal(json_text(json_member(run_of(document, 2, "IPv4 UDP"), "verdict")),
			    "XDP_DROP");
	assert_null(json_member(program_of(document, 2), "chained"));
}

#define FORKS                                                                            \
	",{\"object\":\"probes.bpf.o\",\"entry\":\"forks\",\"hook\":\"raw_tracepoint\"," \
	"\"attach\":\"sched_process_fork\"}"
#define INSIDE	PROGRAM("bounds.bpf.o", "inside", "xdp", "wrap")
#define OUTSIDE PROGRAM("bounds.bpf.o", "outside", "xdp", "wrap")

static void what_the_verifier_refuses_comes_with_its_log(void **state)
{
	OWNED(brief_drop) struct brief brief = {.member_count = 0};
	OWNED(json_drop) struct json *document = NULL;
	struct fault why;

	(void)state;
	need_kernel();
	brief_make(INSIDE "," OUTSIDE, NULL, 2, &brief);
	assert_int_equal(try(&brief, true, &document, &why), -1);
	assert_int_equal(why.code, FAULT_KERNEL);
	assert_non_null(strstr(why.text, "verifier"));
	assert_non_null(document);
	assert_non_null(strstr(json_text(json_member(document, "log")), "packet"));
	assert_string_equal(json_text(json_member(json_member(document, "refused"), "code")),
			    "kernel");
	came(document, 0, "IPv4 UDP", "XDP_PASS", true);
}

static void a_program_of_packets_in_several_buffers_has_its_like_behind_it(void **state)
{
	OWNED(brief_drop) struct brief brief = {.member_count = 0};
	OWNED(json_drop) struct json *document = NULL;
	struct fault why;

	(void)state;
	need_kernel();
	brief_make(PROGRAM("bounds.bpf.o", "inside_frags", "xdp", "wrap"), NULL, 2, &brief);
	if (try(&brief, true, &document, &why))
		fail_msg("%s (%s)", why.text, why.cause);
	came(document, 0, "IPv4 UDP", "XDP_PASS", true);
}

static void the_policy_is_asked_here_too(void **state)
{
	static const char policy[] = "{\"policy\":{\"programs\":[\"tc\"]}}";
	OWNED(brief_drop) struct brief brief = {.member_count = 0};
	OWNED(json_drop) struct json *document = NULL;
	struct fault why;

	(void)state;
	need_kernel();
	brief_make(ALLOW, policy, 2, &brief);
	assert_int_equal(try(&brief, true, &document, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
	assert_null(json_member(program_of(document, 0), "alone"));
}

static void an_object_that_is_not_the_manifests_is_refused(void **state)
{
	OWNED(brief_drop) struct brief brief = {.member_count = 0};
	OWNED(json_drop) struct json *document = NULL;
	struct fault why;

	(void)state;
	need_kernel();
	brief_make(ALLOW, NULL, 2, &brief);
	brief.members[1].sha256.byte[0] ^= 1;
	assert_int_equal(try(&brief, true, &document, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
}

static void what_sends_packets_is_tried_only_where_nothing_is_wired(void **state)
{
	static const char policy[] = "{\"policy\":{\"helpers\":[\"base\",\"redirect\"]}}";
	static const char *const senders[] = {
		PROGRAM("sends.bpf.o", "send_copy", "tc_ingress", "wrap"),
		PROGRAM("sends.bpf.o", "send_from_function", "tc_ingress", "wrap"),
		PROGRAM("sends.bpf.o", "send_from_global", "tc_ingress", "wrap"),
		PROGRAM("sends.bpf.o", "send_from_loop", "tc_ingress", "wrap"),
	};
	struct fault why;

	(void)state;
	need_kernel();
	for (size_t i = 0; i < sizeof(senders) / sizeof(*senders); i++) {
		OWNED(brief_drop) struct brief brief = {.member_count = 0};
		OWNED(json_drop) struct json *here = NULL;
		OWNED(json_drop) struct json *apart = NULL;

		brief_make(senders[i], policy, 2, &brief);
		assert_int_equal(try(&brief, false, &here, &why), -1);
		assert_int_equal(why.code, FAULT_KERNEL);
		assert_non_null(strstr(why.text, "can send packets"));
		assert_null(json_member(program_of(here, 0), "packets"));
		if (try(&brief, true, &apart, &why))
			fail_msg("%s", why.text);
		// Interface 1 of the test's own namespace is down.
		came(apart, 0, "IPv4 UDP", "TC_ACT_SHOT", false);
	}
}

static void what_sends_nothing_is_tried_beside_one_that_does(void **state)
{
	static const char policy[] = "{\"policy\":{\"helpers\":[\"base\",\"redirect\"]}}";
	OWNED(brief_drop) struct brief brief = {.member_count = 0};
	OWNED(json_drop) struct json *document = NULL;
	struct fault why;

	(void)state;
	need_kernel();
	brief_make(PROGRAM("sends.bpf.o", "send_nothing", "tc_ingress", "wrap"), policy, 2, &brief);
	if (try(&brief, false, &document, &why))
		fail_msg("%s", why.text);
	came(document, 0, "IPv4 UDP", "TC_ACT_SHOT", false);
}

static void a_packet_that_the_kernel_does_not_take_is_told(void **state)
{
	OWNED(brief_drop) struct brief brief = {.member_count = 0};
	OWNED(json_drop) struct json *document = NULL;
	struct fault why;

	(void)state;
	need_kernel();
	brief_make(ALLOW, NULL, 2, &brief);
	brief.traffic.list[0].data.len = 10;
	if (try(&brief, true, &document, &why))
		fail_msg("%s", why.text);
	assert_string_equal(json_text(json_member(run_of(document, 0, "IPv4 TCP SYN"), "error")),
			    strerror(EINVAL));
	assert_null(json_member(run_of(document, 0, "IPv4 TCP SYN"), "verdict"));
	came(document, 0, "IPv4 UDP", "XDP_DROP", false);
}

static void a_probe_is_loaded_and_nothing_more(void **state)
{
	static const char policy[] = "{\"policy\":{\"probes\":[\"raw_tracepoint/sched_*\"],"
				     "\"helpers\":[\"base\",\"tracing\"]}}";
	OWNED(brief_drop) struct brief brief = {.member_count = 0};
	OWNED(json_drop) struct json *document = NULL;
	const struct json *forks;
	struct fault why;

	(void)state;
	need_kernel();
	brief_make(PROGRAM("probes.bpf.o", "packets", "xdp", "wrap") FORKS, policy, 2, &brief);
	if (try(&brief, true, &document, &why))
		fail_msg("%s (%s)", why.text, why.cause);
	came(document, 0, "IPv4 UDP", "XDP_PASS", true);
	forks = program_of(document, 1);
	assert_string_equal(json_text(json_member(forks, "hook")), "raw_tracepoint");
	assert_string_equal(json_text(json_member(forks, "attach")), "sched_process_fork");
	assert_non_null(json_member(forks, "alone"));
	assert_null(json_member(forks, "chained"));
	assert_int_equal(json_count(json_member(forks, "packets")), 0);
}

static size_t open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void nothing_stays_open(void **state)
{
	OWNED(brief_drop) struct brief good = {.member_count = 0};
	OWNED(brief_drop) struct brief bad = {.member_count = 0};
	OWNED(json_drop) struct json *document = NULL;
	OWNED(json_drop) struct json *refused = NULL;
	struct fault why;
	size_t before;

	(void)state;
	need_kernel();
	brief_make(ALLOW, NULL, 2, &good);
	brief_make(OUTSIDE, NULL, 2, &bad);
	before = open_descriptors();
	assert_int_equal(try(&good, true, &document, &why), 0);
	assert_int_equal(try(&bad, true, &refused, &why), -1);
	assert_int_equal(open_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ordinary_program_is_tried_alone_and_wrapped),
		cmocka_unit_test(values_of_node_json_are_in_the_maps),
		cmocka_unit_test(programs_that_jump_and_one_that_ends_are_told_apart),
		cmocka_unit_test(what_the_verifier_refuses_comes_with_its_log),
		cmocka_unit_test(a_program_of_packets_in_several_buffers_has_its_like_behind_it),
		cmocka_unit_test(the_policy_is_asked_here_too),
		cmocka_unit_test(an_object_that_is_not_the_manifests_is_refused),
		cmocka_unit_test(what_sends_packets_is_tried_only_where_nothing_is_wired),
		cmocka_unit_test(what_sends_nothing_is_tried_beside_one_that_does),
		cmocka_unit_test(a_packet_that_the_kernel_does_not_take_is_told),
		cmocka_unit_test(a_probe_is_loaded_and_nothing_more),
		cmocka_unit_test(nothing_stays_open),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
