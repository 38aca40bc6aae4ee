// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "bpf/traffic.h"

// A capture with `count` frames of `len` bytes, its numbers in this machine's order or the other.
static void capture(struct bytes *out, uint32_t magic, uint32_t link, size_t count, uint32_t len,
		    bool swapped)
{
	const uint32_t head[6] = {magic, 0x00040002, 0, 0, 65535, link};
	const uint32_t record[4] = {1700000000, 5, len, len};
	const uint32_t *parts[2] = {head, record};
	struct fault why = {0};

	for (size_t i = 0; i <= count; i++) {
		for (size_t k = 0; k < (i ? 4u : 6u); k++) {
			uint32_t number = parts[i ? 1 : 0][k];

			number = swapped ? __builtin_bswap32(number) : number;
			assert_int_equal(bytes_append(out, &number, sizeof(number), &why), 0);
		}
		for (uint32_t k = 0; i && k < len; k++)
			assert_int_equal(bytes_append(out, &(char){(char)i}, 1, &why), 0);
	}
}

static int take(struct traffic *traffic, const char *name, const void *data, size_t len,
		struct fault *why)
{
	*why = (struct fault){0};
	return traffic_add_file(traffic, name, data, len, why);
}

static void refused(const void *data, size_t len, const char *words)
{
	OWNED(traffic_drop) struct traffic traffic = {.count = 0};
	struct fault why;

	assert_int_equal(take(&traffic, "dir/p", data, len, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	if (!strstr(why.text, words))
		fail_msg("'%s' is not in '%s'", words, why.text);
}

static void our_packets_are_frames_that_a_kernel_takes(void **state)
{
	OWNED(traffic_drop) struct traffic traffic = {.count = 0};
	struct fault why = {0};

	(void)state;
	assert_int_equal(traffic_add_ours(&traffic, &why), 0);
	assert_int_equal(traffic.count, 8);
	for (size_t i = 0; i < traffic.count; i++) {
		const struct traffic_packet *packet = &traffic.list[i];

		assert_true(packet->name[0] != '\0');
		assert_in_range(packet->data.len, 14, 1514);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(packet->name, traffic.list[k].name);
	}
	assert_int_equal(traffic.list[5].data.len, 14);
	assert_int_equal(traffic.list[7].data.len, 1514);
}

static void a_capture_is_read_in_either_order_and_either_unit(void **state)
{
	static const uint32_t magics[] = {0xa1b2c3d4, 0xa1b23c4d};

	(void)state;
	for (int i = 0; i < 4; i++) {
		OWNED(traffic_drop) struct traffic traffic = {.count = 0};
		OWNED(bytes_drop) struct bytes file = {0};
		struct fault why;

		capture(&file, magics[i % 2], 1, 3, 60, i > 1);
		if (take(&traffic, "dir/c.pcap", file.data, file.len, &why))
			fail_msg("%s", why.text);
		assert_int_equal(traffic.count, 3);
		assert_string_equal(traffic.list[2].name, "c.pcap #3");
		assert_int_equal(traffic.list[2].data.len, 60);
		assert_int_equal(traffic.list[2].data.data[59], 3);
	}
}

static void a_capture_that_is_cut_anywhere_is_refused(void **state)
{
	OWNED(bytes_drop) struct bytes file = {0};

	(void)state;
	capture(&file, 0xa1b2c3d4, 1, 2, 60, false);
	// At the ends of the head and of a frame it is a whole capture of fewer; the first of these has none.
	for (size_t len = 4; len < file.len; len++)
		if (len != 24 + 16 + 60)
			refused(file.data, len, len == 24 ? "no packet" : "cut short");
}

static void a_length_past_everything_is_refused(void **state)
{
	OWNED(bytes_drop) struct bytes file = {0};
	uint32_t huge = 0xffffffff;

	(void)state;
	capture(&file, 0xa1b2c3d4, 1, 1, 60, false);
	memcpy(file.data + 24 + 8, &huge, sizeof(huge));
	refused(file.data, file.len, "cut short");
}

static void frames_of_other_links_and_lengths_are_refused(void **state)
{
	OWNED(bytes_drop) struct bytes raw = {0};
	OWNED(bytes_drop) struct bytes tiny = {0};
	OWNED(bytes_drop) struct bytes giant = {0};
	const uint32_t pcapng[4] = {0x0a0d0d0a};

	(void)state;
	capture(&raw, 0xa1b2c3d4, 101, 1, 60, false);
	refused(raw.data, raw.len, "no Ethernet");
	capture(&tiny, 0xa1b2c3d4, 1, 1, 13, false);
	refused(tiny.data, tiny.len, "13 bytes");
	capture(&giant, 0xa1b2c3d4, 1, 1, 9217, false);
	refused(giant.data, giant.len, "9217 bytes");
	refused(pcapng, sizeof(pcapng), "pcapng");
}

static void lines_of_digits_are_frames(void **state)
{
	static const char text[] = "# two frames\n\n"
				   "0200 0000 0001 0200 0000 0002 0800   # a head\n"
				   "0a:";
	static const char good[] = "# two frames\n\n"
				   "0200 0000 0001 0200 0000 0002 0800   # a head\r\n"
				   "FFFFFFFFFFFF020000000002080600";
	OWNED(traffic_drop) struct traffic traffic = {.count = 0};
	struct fault why;

	(void)state;
	if (take(&traffic, "f.hex", good, strlen(good), &why))
		fail_msg("%s", why.text);
	assert_int_equal(traffic.count, 2);
	assert_string_equal(traffic.list[0].name, "f.hex:3");
	assert_int_equal(traffic.list[0].data.len, 14);
	assert_int_equal(traffic.list[1].data.len, 15);
	assert_int_equal(traffic.list[1].data.data[0], 0xff);
	traffic_drop(&traffic);
	assert_int_equal(take(&traffic, "f.hex", text, strlen(text), &why), -1);
	assert_string_equal(why.where, "f.hex:4");
}

static void what_is_no_frame_is_refused(void **state)
{
	static const char half[] = "0200000000010200000000020806001";
	static const char small[] = "02000000000102000000000208";

	(void)state;
	refused("", 0, "no packet");
	refused("# nothing\n", 10, "no packet");
	refused(half, strlen(half), "hexadecimal");
	refused(small, strlen(small), "13 bytes");
	refused("hello", 5, "hexadecimal");
	refused("\x7f"
		"ELF\0\0",
		6, "hexadecimal");
}

static void a_line_that_is_too_long_is_refused(void **state)
{
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault why = {0};

	(void)state;
	for (size_t i = 0; i < 9217; i++)
		assert_int_equal(bytes_append_text(&text, "00", &why), 0);
	refused(text.data, text.len, "hexadecimal");
}

static void past_the_limit_packets_are_counted_and_left_out(void **state)
{
	OWNED(traffic_drop) struct traffic traffic = {.count = 0};
	OWNED(bytes_drop) struct bytes file = {0};
	struct fault why;

	(void)state;
	capture(&file, 0xa1b2c3d4, 1, TRAFFIC_MAX + 3, 60, false);
	assert_int_equal(take(&traffic, "c", file.data, file.len, &why), 0);
	assert_int_equal(traffic.count, TRAFFIC_MAX);
	assert_int_equal(traffic.left_out, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_packets_are_frames_that_a_kernel_takes),
		cmocka_unit_test(a_capture_is_read_in_either_order_and_either_unit),
		cmocka_unit_test(a_capture_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(a_length_past_everything_is_refused),
		cmocka_unit_test(frames_of_other_links_and_lengths_are_refused),
		cmocka_unit_test(lines_of_digits_are_frames),
		cmocka_unit_test(what_is_no_frame_is_refused),
		cmocka_unit_test(a_line_that_is_too_long_is_refused),
		cmocka_unit_test(past_the_limit_packets_are_counted_and_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
