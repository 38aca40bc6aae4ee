// SPDX-License-Identifier: Apache-2.0
// The sample programs in the kernel: each is loaded by itself and given packets by BPF_PROG_TEST_RUN.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/owned.h"
#include "bpf/chain.h"

// ---- the kernel, or the reason why not ----

static int no_log(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static bool is_required(void)
{
	const char *wanted = getenv("BPFSEAL_REQUIRE");

	return wanted && strstr(wanted, "bpf");
}

// The smallest program there is. The attach type is what libbpf gives SEC("xdp"): a prog array takes programs of one
// attach type only.
static int tiny_program(int verdict)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict},
		{.code = BPF_JMP | BPF_EXIT},
	};

	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_XDP);

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "tiny", "GPL", insns, 2, &opts);
}

static void need_kernel(void)
{
	OWNED(drop_fd) int fd = tiny_program(XDP_PASS);

	if (fd >= 0)
		return;
	if (is_required())
		fail_msg("the kernel loads no XDP program: %s", strerror(errno));
	print_message("skipped: the kernel loads no XDP program: %s\n", strerror(errno));
	skip();
}

// ---- packets ----

struct frame {
	unsigned char bytes[256];
	unsigned len;
};

static void frame_add(struct frame *frame, const void *data, size_t len)
{
	assert_true(frame->len + len <= sizeof(frame->bytes));
	memcpy(frame->bytes + frame->len, data, len);
	frame->len += (unsigned)len;
}

static void frame_add_u16(struct frame *frame, uint16_t number)
{
	uint16_t big = htons(number);

	frame_add(frame, &big, 2);
}

static struct frame frame_of(uint16_t ether_type)
{
	struct frame frame = {0};

	frame_add(&frame, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	frame_add_u16(&frame, ether_type);
	return frame;
}

static void frame_add_ipv4(struct frame *frame, const char *source, uint8_t protocol)
{
	struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = protocol};

	ip.tot_len = htons(sizeof(ip) + 8);
	assert_int_equal(inet_pton(AF_INET, source, &ip.saddr), 1);
	frame_add(frame, &ip, sizeof(ip));
	frame_add(frame, "\0\1\0\2\0\10\0\0", 8);
}

static struct frame ipv4_frame(const char *source, uint8_t protocol)
{
	struct frame frame = frame_of(ETH_P_IP);

	frame_add_ipv4(&frame, source, protocol);
	return frame;
}

static struct frame ipv6_frame(uint8_t protocol)
{
	struct ipv6hdr ip = {.version = 6, .nexthdr = protocol, .hop_limit = 64};
	struct frame frame = frame_of(ETH_P_IPV6);

	frame_add(&frame, &ip, sizeof(ip));
	return frame;
}

// An IPv4 frame behind `tags` VLAN tags, the outer ones as 802.1ad.
static struct frame tagged_frame(const char *source, unsigned tags)
{
	struct frame frame = frame_of(tags > 1 ? ETH_P_8021AD : ETH_P_8021Q);

	for (unsigned i = 0; i < tags; i++) {
		frame_add_u16(&frame, 0);
		frame_add_u16(&frame, i + 1 < tags ? ETH_P_8021Q : ETH_P_IP);
	}
	frame_add_ipv4(&frame, source, IPPROTO_UDP);
	return frame;
}

// ---- a sample, loaded ----

struct sample {
	struct bpf_object *object;
	int program;
};

static void sample_drop(struct sample *sample)
{
	bpf_object__close(sample->object);
}

// An ordinary load, as any tool of libbpf's does it: no wrapper, no chain.
static struct sample sample_load(const char *file, const char *entry)
{
	struct sample sample = {0};
	struct bpf_program *program;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", TEST_BPF_DIR, file);
	sample.object = bpf_object__open_file(path, NULL);
	if (libbpf_get_error(sample.object))
		fail_msg("cannot open %s", path);
	if (bpf_object__load(sample.object))
		fail_msg("the kernel refuses %s: %s", path, strerror(errno));
	program = bpf_object__find_program_by_name(sample.object, entry);
	assert_non_null(program);
	sample.program = bpf_program__fd(program);
	return sample;
}

static int map_of(const struct sample *sample, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(sample->object, name);

	if (fd < 0)
		fail_msg("there is no map %s", name);
	return fd;
}

// The verdict for one frame, given `times` times.
static uint32_t run(const struct sample *sample, const struct frame *frame, unsigned times)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->bytes, .data_size_in = frame->len,
		    .repeat = (int)times);

	if (bpf_prog_test_run_opts(sample->program, &opts))
		fail_msg("the kernel does not run it on %u bytes: %s", frame->len, strerror(errno));
	return opts.retval;
}

struct pair {
	uint64_t packets, bytes;
};

// Adds up what all CPUs counted, `words` numbers a value.
static void percpu_sum(int map, uint32_t slot, uint64_t *sums, size_t words)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *values = calloc((size_t)cpus * words, sizeof(*values));

	assert_non_null(values);
	assert_int_equal(bpf_map_lookup_elem(map, &slot, values), 0);
	memset(sums, 0, words * sizeof(*sums));
	for (size_t i = 0; i < (size_t)cpus * words; i++)
		sums[i % words] += values[i];
	free(values);
}

static uint64_t drops_of(const struct sample *sample, const char *map)
{
	uint64_t drops;

	percpu_sum(map_of(sample, map), 0, &drops, 1);
	return drops;
}

static struct pair counted(const struct sample *sample, uint32_t protocol)
{
	uint64_t sums[2];

	percpu_sum(map_of(sample, "counts"), protocol, sums, 2);
	return (struct pair){sums[0], sums[1]};
}

// ---- allow ----

static void allow_source(const struct sample *sample, const char *address)
{
	uint32_t key, value = 1;

	assert_int_equal(inet_pton(AF_INET, address, &key), 1);
	assert_int_equal(bpf_map_update_elem(map_of(sample, "allow_v4"), &key, &value, BPF_ANY), 0);
}

static struct sample allow_loaded(void)
{
	struct sample sample = sample_load("allow.bpf.o", "allow");

	allow_source(&sample, "192.0.2.1");
	return sample;
}

static void allow_lets_a_listed_source_pass_and_drops_another(void **state)
{
	struct frame listed = ipv4_frame("192.0.2.1", IPPROTO_UDP);
	struct frame other = ipv4_frame("192.0.2.2", IPPROTO_UDP);

	(void)state;
	need_kernel();
	OWNED(sample_drop) struct sample sample = allow_loaded();

	assert_int_equal(run(&sample, &listed, 1), XDP_PASS);
	assert_int_equal(drops_of(&sample, "allow_drops"), 0);
	assert_int_equal(run(&sample, &other, 5), XDP_DROP);
	assert_int_equal(drops_of(&sample, "allow_drops"), 5);
	allow_source(&sample, "192.0.2.2");
	assert_int_equal(run(&sample, &other, 1), XDP_PASS);
}

static void allow_with_an_empty_list_drops_all_ipv4(void **state)
{
	struct frame frame = ipv4_frame("192.0.2.1", IPPROTO_TCP);

	(void)state;
	need_kernel();
	OWNED(sample_drop) struct sample sample = sample_load("allow.bpf.o", "allow");

	assert_int_equal(run(&sample, &frame, 1), XDP_DROP);
}

static void allow_lets_pass_what_is_not_ipv4(void **state)
{
	struct frame arp = frame_of(ETH_P_ARP), six = ipv6_frame(IPPROTO_TCP);

	(void)state;
	need_kernel();
	OWNED(sample_drop) struct sample sample = allow_loaded();

	assert_int_equal(run(&sample, &arp, 1), XDP_PASS);
	assert_int_equal(run(&sample, &six, 1), XDP_PASS);
	assert_int_equal(drops_of(&sample, "allow_drops"), 0);
}

static void allow_looks_behind_vlan_tags(void **state)
{
	(void)state;
	need_kernel();
	OWNED(sample_drop) struct sample sample = allow_loaded();

	for (unsigned tags = 1; tags <= 2; tags++) {
		struct frame listed = tagged_frame("192.0.2.1", tags);
		struct frame other = tagged_frame("192.0.2.2", tags);

		assert_int_equal(run(&sample, &listed, 1), XDP_PASS);
		assert_int_equal(run(&sample, &other, 1), XDP_DROP);
	}
}

static void allow_drops_a_third_tag(void **state)
{
	struct frame frame = tagged_frame("192.0.2.1", 3);

	(void)state;
	need_kernel();
	OWNED(sample_drop) struct sample sample = allow_loaded();

	assert_int_equal(run(&sample, &frame, 1), XDP_DROP);
}

// Every length from the bare Ethernet header up to one byte less than the IP header needs.
static void allow_drops_ipv4_that_is_cut_short(void **state)
{
	(void)state;
	need_kernel();
	OWNED(sample_drop) struct sample sample = allow_loaded();

	for (unsigned tags = 0; tags <= 2; tags++) {
		struct frame frame = tags ? tagged_frame("192.0.2.1", tags)
					  : ipv4_frame("192.0.2.1", IPPROTO_UDP);
		unsigned header = ETH_HLEN + 4 * tags + (unsigned)sizeof(struct iphdr);

		for (frame.len = ETH_HLEN; frame.len < header; frame.len++)
			assert_int_equal(run(&sample, &frame, 1), XDP_DROP);
		assert_int_equal(run(&sample, &frame, 1), XDP_PASS);
	}
}

static void allow_drops_a_header_that_is_not_ipv4_inside(void **state)
{
	struct frame version = ipv4_frame("192.0.2.1", IPPROTO_UDP), length = version;

	(void)state;
	need_kernel();
	OWNED(sample_drop) struct sample sample = allow_loaded();

	version.bytes[ETH_HLEN] = 0x65;
	length.bytes[ETH_HLEN] = 0x44;
	assert_int_equal(run(&sample, &version, 1), XDP_DROP);
	assert_int_equal(run(&sample, &length, 1), XDP_DROP);
}

// ---- ratelimit ----

static struct sample limit_loaded(uint32_t limit)
{
	struct sample sample = sample_load("ratelimit.bpf.o", "ratelimit");
	uint32_t slot = 0;

	assert_int_equal(bpf_map_update_elem(map_of(&sample, "rl_config"), &slot, &limit, BPF_ANY),
			 0);
	return sample;
}

// As in bpf/ratelimit.bpf.c.
struct rl_source {
	uint64_t start_ns, packets;
};

#define HOUR_NS	  INT64_C(3600000000000)
#define SECOND_NS INT64_C(1000000000)

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct rl_source source_of(const struct sample *sample, const char *address)
{
	struct rl_source source = {0};
	struct in_addr key;

	assert_int_equal(inet_pton(AF_INET, address, &key), 1);
	assert_int_equal(bpf_map_lookup_elem(map_of(sample, "rl_state"), &key, &source), 0);
	return source;
}

// Lets the second of a source begin so long from now. One that begins in an hour does not end while a test runs, however
// long others keep the processor.
static void second_begins(const struct sample *sample, const char *address, int64_t in_ns)
{
	struct rl_source source = {0};
	struct in_addr key;

	assert_int_equal(inet_pton(AF_INET, address, &key), 1);
	// What it has sent in it stays; of one that has sent nothing there is no entry.
	(void)bpf_map_lookup_elem(map_of(sample, "rl_state"), &key, &source);
	source.start_ns = (uint64_t)(now_ns() + in_ns);
	assert_int_equal(bpf_map_update_elem(map_of(sample, "rl_state"), &key, &source, BPF_ANY),
			 0);
}

static void ratelimit_drops_what_is_past_the_limit_of_a_source(void **state)
{
	struct frame loud = ipv4_frame("192.0.2.1", IPPROTO_UDP);
	struct frame quiet = ipv4_frame("192.0.2.2", IPPROTO_UDP);

	(void)state;
	need_kernel();
	OWNED(sample_drop) struct sample sample = limit_loaded(10);

	second_begins(&sample, "192.0.2.1", HOUR_NS);
	assert_int_equal(run(&sample, &loud, 10), XDP_PASS);
	assert_int_equal(drops_of(&sample, "rl_drops"), 0);
	assert_int_equal(run(&sample, &loud, 1), XDP_DROP);
	assert_int_equal(run(&sample, &loud, 5), XDP_DROP);
	assert_int_equal(drops_of(&sample, "rl_drops"), 6);
	assert_int_equal(run(&sample, &quiet, 10), XDP_PASS);
	assert_int_equal(drops_of(&sample, "rl_drops"), 6);
}

static void ratelimit_begins_the_second_of_a_source_with_its_first_packet(void **state)
{
	struct frame frame = ipv4_frame("192.0.2.1", IPPROTO_UDP);
	struct rl_source source;
	int64_t before;

	(void)state;
	need_kernel();
	OWNED(sample_drop) struct sample sample = limit_loaded(3);

	before = now_ns();
	assert_int_equal(run(&sample, &frame, 1), XDP_PASS);
	source = source_of(&sample, "192.0.2.1");
	assert_in_range(source.start_ns, (uint64_t)before, (uint64_t)now_ns());
	assert_int_equal(source.packets, 1);
}

static void ratelimit_lets_a_source_send_again_in_the_next_second(void **state)
{
	struct frame frame = ipv4_frame("192.0.2.1", IPPROTO_UDP);

	(void)state;
	need_kernel();
	OWNED(sample_drop) struct sample sample = limit_loaded(3);

	second_begins(&sample, "192.0.2.1", HOUR_NS);
	assert_int_equal(run(&sample, &frame, 4), XDP_DROP);
	second_begins(&sample, "192.0.2.1", -SECOND_NS);
	assert_int_equal(run(&sample, &frame, 1), XDP_PASS);
	assert_int_equal(source_of(&sample, "192.0.2.1").packets, 1);
	assert_true((int64_t)source_of(&sample, "192.0.2.1").start_ns <= now_ns());
	second_begins(&sample, "192.0.2.1", HOUR_NS);
	assert_int_equal(run(&sample, &frame, 2), XDP_PASS);
	assert_int_equal(run(&sample, &frame, 1), XDP_DROP);
}

static void ratelimit_without_a_limit_lets_all_pass(void **state)
{
	struct frame frame = ipv4_frame("192.0.2.1", IPPROTO_UDP);

	(void)state;
	need_kernel();
	OWNED(sample_drop) struct sample sample = sample_load("ratelimit.bpf.o", "ratelimit");

	assert_int_equal(run(&sample, &frame, 10000), XDP_PASS);
	assert_int_equal(drops_of(&sample, "rl_drops"), 0);
}

static void ratelimit_counts_a_tagged_packet_as_its_sources(void **state)
{
	struct frame plain = ipv4_frame("192.0.2.1", IPPROTO_UDP);
	struct frame tagged = tagged_frame("192.0.2.1", 1);

	(void)state;
	need_kernel();
	OWNED(sample_drop) struct sample sample = limit_loaded(2);

	second_begins(&sample, "192.0.2.1", HOUR_NS);
	assert_int_equal(run(&sample, &plain, 2), XDP_PASS);
	assert_int_equal(run(&sample, &tagged, 1), XDP_DROP);
}

static void ratelimit_lets_pass_what_has_no_ipv4_source(void **state)
{
	struct frame arp = frame_of(ETH_P_ARP), six = ipv6_frame(IPPROTO_UDP);
	struct frame cut = ipv4_frame("192.0.2.1", IPPROTO_UDP);

	(void)state;
	need_kernel();
	OWNED(sample_drop) struct sample sample = limit_loaded(1);

	cut.len = ETH_HLEN + 4;
	assert_int_equal(run(&sample, &arp, 5), XDP_PASS);
	assert_int_equal(run(&sample, &six, 5), XDP_PASS);
	assert_int_equal(run(&sample, &cut, 5), XDP_PASS);
}

// bpf/chain.h: what stands in slot 0 of bpfseal_next gets the packet and has the last word; a dropped packet never
// gets there.
static void ratelimit_jumps_to_the_next_member(void **state)
{
	struct frame frame = ipv4_frame("192.0.2.1", IPPROTO_UDP);
	uint32_t slot = CHAIN_NEXT_SLOT;

	(void)state;
	need_kernel();
	OWNED(sample_drop) struct sample sample = limit_loaded(1);
	OWNED(drop_fd) int next = tiny_program(XDP_TX);

	assert_true(next >= 0);
	assert_int_equal(
		bpf_map_update_elem(map_of(&sample, CHAIN_NEXT_MAP), &slot, &next, BPF_ANY), 0);
	second_begins(&sample, "192.0.2.1", HOUR_NS);
	assert_int_equal(run(&sample, &frame, 1), XDP_TX);
	assert_int_equal(run(&sample, &frame, 1), XDP_DROP);
}

static void the_next_map_is_as_the_loader_makes_it(void **state)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	(void)state;
	need_kernel();
	OWNED(sample_drop) struct sample sample = limit_loaded(1);

	assert_int_equal(bpf_obj_get_info_by_fd(map_of(&sample, CHAIN_NEXT_MAP), &info, &len), 0);
	assert_int_equal(info.type, BPF_MAP_TYPE_PROG_ARRAY);
	assert_int_equal(info.key_size, 4);
	assert_int_equal(info.value_size, 4);
	assert_int_equal(info.max_entries, 1);
}

// ---- count ----

static void counters_add_up(const char *object)
{
	struct frame udp = ipv4_frame("192.0.2.1", IPPROTO_UDP),
		     tcp = ipv4_frame("192.0.2.2", IPPROTO_TCP);
	struct frame tagged = tagged_frame("192.0.2.1", 2), six = ipv6_frame(IPPROTO_TCP);
	struct frame arp = frame_of(ETH_P_ARP), cut = udp;
	uint64_t packets = 0, bytes = 0;

	need_kernel();
	OWNED(sample_drop) struct sample sample = sample_load(object, "count");

	cut.len = ETH_HLEN + 10;
	assert_int_equal(run(&sample, &udp, 7), XDP_PASS);
	assert_int_equal(run(&sample, &tagged, 2), XDP_PASS);
	assert_int_equal(run(&sample, &tcp, 3), XDP_PASS);
	assert_int_equal(run(&sample, &six, 4), XDP_PASS);
	assert_int_equal(run(&sample, &arp, 5), XDP_PASS);
	assert_int_equal(run(&sample, &cut, 1), XDP_PASS);

	assert_int_equal(counted(&sample, IPPROTO_UDP).packets, 9);
	assert_int_equal(counted(&sample, IPPROTO_UDP).bytes, 7 * udp.len + 2 * tagged.len);
	assert_int_equal(counted(&sample, IPPROTO_TCP).packets, 7);
	assert_int_equal(counted(&sample, 255).packets, 6);
	for (uint32_t protocol = 0; protocol < 256; protocol++) {
		packets += counted(&sample, protocol).packets;
		bytes += counted(&sample, protocol).bytes;
	}
	assert_int_equal(packets, 22);
	assert_int_equal(bytes, 7 * udp.len + 2 * tagged.len + 3 * tcp.len + 4 * six.len +
					5 * arp.len + cut.len);
}

static void count_adds_up_by_protocol(void **state)
{
	(void)state;
	counters_add_up("count.bpf.o");
}

static void count_2_adds_up_by_protocol(void **state)
{
	(void)state;
	counters_add_up("count2.bpf.o");
}

static void count_2_says_when_it_saw_its_first_packet(void **state)
{
	struct frame frame = ipv4_frame("192.0.2.1", IPPROTO_UDP);
	struct timespec before, after;
	uint64_t since, again;
	uint32_t slot = 0;

	(void)state;
	need_kernel();
	OWNED(sample_drop) struct sample sample = sample_load("count2.bpf.o", "count");
	int map = map_of(&sample, "count_since");

	assert_int_equal(bpf_map_lookup_elem(map, &slot, &since), 0);
	assert_int_equal(since, 0);
	clock_gettime(CLOCK_MONOTONIC, &before);
	run(&sample, &frame, 1);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_int_equal(bpf_map_lookup_elem(map, &slot, &since), 0);
	assert_in_range(since, (uint64_t)before.tv_sec * 1000000000 + (uint64_t)before.tv_nsec,
			(uint64_t)after.tv_sec * 1000000000 + (uint64_t)after.tv_nsec);
	run(&sample, &frame, 10);
	assert_int_equal(bpf_map_lookup_elem(map, &slot, &again), 0);
	assert_int_equal(since, again);
}

// What an upgrade relies on: version 2 takes over the map that version 1 filled.
static void count_2_goes_on_with_the_counts_of_version_1(void **state)
{
	struct frame frame = ipv4_frame("192.0.2.1", IPPROTO_UDP);
	struct sample second = {0};
	char path[512];

	(void)state;
	need_kernel();
	OWNED(sample_drop) struct sample first = sample_load("count.bpf.o", "count");

	run(&first, &frame, 7);
	snprintf(path, sizeof(path), "%s/count2.bpf.o", TEST_BPF_DIR);
	second.object = bpf_object__open_file(path, NULL);
	assert_int_equal(libbpf_get_error(second.object), 0);
	assert_int_equal(bpf_map__reuse_fd(bpf_object__find_map_by_name(second.object, "counts"),
					   map_of(&first, "counts")),
			 0);
	assert_int_equal(bpf_object__load(second.object), 0);
	second.program = bpf_program__fd(bpf_object__find_program_by_name(second.object, "count"));
	run(&second, &frame, 5);
	assert_int_equal(counted(&second, IPPROTO_UDP).packets, 12);
	assert_int_equal(counted(&first, IPPROTO_UDP).packets, 12);
	sample_drop(&second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allow_lets_a_listed_source_pass_and_drops_another),
		cmocka_unit_test(allow_with_an_empty_list_drops_all_ipv4),
		cmocka_unit_test(allow_lets_pass_what_is_not_ipv4),
		cmocka_unit_test(allow_looks_behind_vlan_tags),
		cmocka_unit_test(allow_drops_a_third_tag),
		cmocka_unit_test(allow_drops_ipv4_that_is_cut_short),
		cmocka_unit_test(allow_drops_a_header_that_is_not_ipv4_inside),
		cmocka_unit_test(ratelimit_drops_what_is_past_the_limit_of_a_source),
		cmocka_unit_test(ratelimit_begins_the_second_of_a_source_with_its_first_packet),
		cmocka_unit_test(ratelimit_lets_a_source_send_again_in_the_next_second),
		cmocka_unit_test(ratelimit_without_a_limit_lets_all_pass),
		cmocka_unit_test(ratelimit_counts_a_tagged_packet_as_its_sources),
		cmocka_unit_test(ratelimit_lets_pass_what_has_no_ipv4_source),
		cmocka_unit_test(ratelimit_jumps_to_the_next_member),
		cmocka_unit_test(the_next_map_is_as_the_loader_makes_it),
		cmocka_unit_test(count_adds_up_by_protocol),
		cmocka_unit_test(count_2_adds_up_by_protocol),
		cmocka_unit_test(count_2_says_when_it_saw_its_first_packet),
		cmocka_unit_test(count_2_goes_on_with_the_counts_of_version_1),
	};

	libbpf_set_print(no_log);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
