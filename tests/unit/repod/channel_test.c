// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "repod/broker.h"
#include "repod/channel.h"

static const int nothing[] = {-1};

// Answers kind 1 with the same bytes, kind 2 with a refusal, kind 3 with another kind, and dies at kind 4.
static int echo(int fd, void *ctx, struct fault *why)
{
	(void)ctx;
	for (;;) {
		OWNED(bytes_drop) struct bytes message = {0};
		struct fault refusal = {0};
		uint32_t kind = 0;
		bool open = false;

		if (channel_receive(fd, 1 << 20, &kind, &message, &open, why) || !open)
			return 0;
		fault_set(&refusal, FAULT_POLICY, "no");
		if (kind == 4)
			raise(SIGKILL);
		if (kind == 2 ? channel_refuse(fd, &refusal, why)
			      : channel_send(fd, kind == 3 ? 7 : kind, message.data, message.len,
					     why))
			return -1;
	}
}

static void a_message_comes_back_whole(void **state)
{
	OWNED(bytes_drop) struct bytes big = {0}, out = {0};
	struct fault why = {0};
	struct child child;

	(void)state;
	for (int i = 0; i < 50000; i++)
		assert_int_equal(bytes_format(&big, &why, "%d,", i), 0);
	assert_int_equal(child_start("echo", echo, NULL, nothing, &child, &why), 0);
	assert_int_equal(channel_ask(child.fd, 1, big.data, big.len, 1 << 20, &out, &why), 0);
	assert_int_equal(out.len, big.len);
	assert_memory_equal(out.data, big.data, big.len);
	child_end(&child);
}

static void a_refusal_of_the_other_side_becomes_ours(void **state)
{
	OWNED(bytes_drop) struct bytes out = {0};
	struct fault why = {0};
	struct child child;

	(void)state;
	assert_int_equal(child_start("echo", echo, NULL, nothing, &child, &why), 0);
	assert_int_equal(channel_ask(child.fd, 2, "", 0, 100, &out, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
	assert_int_equal(channel_ask(child.fd, 3, "", 0, 100, &out, &why), -1);
	assert_int_equal(why.code, FAULT_OTHER);
	child_end(&child);
}

static void an_answer_past_the_cap_is_refused(void **state)
{
	OWNED(bytes_drop) struct bytes out = {0};
	struct fault why = {0};
	struct child child;
	char data[8192] = {0};

	(void)state;
	assert_int_equal(child_start("echo", echo, NULL, nothing, &child, &why), 0);
	assert_int_equal(channel_ask(child.fd, 1, data, sizeof(data), 100, &out, &why), -1);
	assert_int_equal(why.code, FAULT_TOO_LARGE);
	child_end(&child);
}

static void a_process_that_dies_is_a_sentence_not_a_signal(void **state)
{
	OWNED(bytes_drop) struct bytes out = {0};
	struct fault why = {0};
	struct child child;

	(void)state;
	assert_int_equal(child_start("echo", echo, NULL, nothing, &child, &why), 0);
	assert_int_equal(channel_ask(child.fd, 4, "", 0, 100, &out, &why), -1);
	assert_int_equal(why.code, FAULT_OTHER);
	assert_int_equal(channel_ask(child.fd, 1, "", 0, 100, &out, &why), -1);
	assert_int_equal(why.code, FAULT_OTHER);
	child_end(&child);
}

static int broker(int fd, void *ctx, struct fault *why)
{
	(void)ctx;
	return broker_serve(fd, why);
}

static void the_broker_survives_what_its_workers_are_given(void **state)
{
	OWNED(bundle_drop) struct bundle *bundle = NULL;
	OWNED(inspection_drop) struct inspection *inspection = NULL;
	struct fault why = {0};
	struct child child;

	(void)state;
	assert_int_equal(child_start("broker", broker, NULL, nothing, &child, &why), 0);
	assert_int_equal(broker_bundle(child.fd, "junk", 4, &bundle, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_int_equal(broker_inspect(child.fd, "\177ELF junk", 9, &inspection, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_int_equal(broker_bundle(child.fd, "", 0, &bundle, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	child_end(&child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_comes_back_whole),
		cmocka_unit_test(a_refusal_of_the_other_side_becomes_ours),
		cmocka_unit_test(an_answer_past_the_cap_is_refused),
		cmocka_unit_test(a_process_that_dies_is_a_sentence_not_a_signal),
		cmocka_unit_test(the_broker_survives_what_its_workers_are_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
