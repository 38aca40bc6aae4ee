// SPDX-License-Identifier: Apache-2.0
// Who stands on an XDP hook may change between a look and the deed: what is taken off is the program that was meant, or
// nothing.
#include "loader/evict.h"

#include <net/if.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <linux/if_link.h>

#include "base/owned.h"
#include "loader/iface.h"
#include "tests/kernel/ground.h"
#include "tests/kernel/rival.h"

#define PASS 2

static const struct watchrule rule = {
	.name_foreign = true, .evict = {"other", "unwanted"}, .evict_count = 2};

// ---- programs of others ----

static int loaded(enum bpf_prog_type type, const char *name)
{
	const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = PASS},
					 {.code = BPF_JMP | BPF_EXIT}};
	int fd = bpf_prog_load(type, name, "GPL", insns, 2, NULL);

	assert_true(fd >= 0);
	return fd;
}

static uint32_t id_of(int fd)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	return info.id;
}

static int seal0(void)
{
	return (int)if_nametoindex(GROUND_IFACE);
}

static uint32_t standing(void)
{
	struct iface now;
	struct fault why = {0};

	assert_int_equal(iface_find(GROUND_IFACE, &now, &why), 0);
	return now.xdp_program;
}

// ---- the watch's side ----

static int start_namer(const struct watchrule *of, bool hands, struct namer *out)
{
	struct fault why = {0};

	if (namer_start(of, hands, out, &why) == 0)
		return 0;
	fail_msg("%s", why.text);
	return -1;
}

// The last that was told.
struct news {
	size_t gone, kept;
	char text[FAULT_TEXT_MAX];
};

static void tell(void *ctx, uint32_t program, const char *name, const struct fault *why)
{
	struct news *news = ctx;

	assert_string_equal(name, "unwanted");
	assert_true(program);
	*(why ? &news->kept : &news->gone) += 1;
	snprintf(news->text, sizeof(news->text), "%s", why ? why->text : "");
}

static size_t evict(struct namer *namer, uint32_t program, uint8_t mode, struct news *news)
{
	const struct truth truth = {
		.iface_index = (uint32_t)seal0(), .instead = program, .xdp_mode = mode};
	const struct evict evict = {.rule = &rule,
				    .namer = namer,
				    .hook = HOOK_XDP,
				    .truth = &truth,
				    .told = tell,
				    .ctx = news};

	*news = (struct news){0};
	return evict_run(&evict);
}

// ---- between the two ----

struct between {
	int here, there; // who asks, the namer
	int first, second;
};

static bool pass_on(int from, int to)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} beside;
	char bytes[256];
	struct iovec part = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &beside,
				 .msg_controllen = sizeof(beside)};
	ssize_t got = recvmsg(from, &message, 0);

	part.iov_len = got > 0 ? (size_t)got : 0;
	return got > 0 && sendmsg(to, &message, MSG_NOSIGNAL) == got;
}

// Stands between the watch and its namer, and puts his second program in the place of the first when the last question has
// been answered and nothing has been done yet. Counts the questions.
static bool swaps_at_the_last_moment(struct rival_board *board, const void *ctx)
{
	const struct between *between = ctx;
	struct pollfd asked = {.fd = between->here, .events = POLLIN};
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = between->first);
	const int flags = XDP_FLAGS_SKB_MODE | XDP_FLAGS_REPLACE;

	while (!atomic_load(&board->over)) {
		if (poll(&asked, 1, 10) <= 0)
			continue;
		if (!pass_on(between->here, between->there) ||
		    poll(&(struct pollfd){.fd = between->there, .events = POLLIN}, 1, -1) != 1)
			return false;
		if (atomic_fetch_add(&board->count, 1) == 1 &&
		    bpf_xdp_attach(seal0(), between->second, (uint32_t)flags, &opts))
			return false;
		if (!pass_on(between->there, between->here))
			return false;
	}
	return true;
}

// Puts one in the place of the other all the time, each only where the other is.
static bool swaps_all_the_time(struct rival_board *board, const void *ctx)
{
	const struct between *between = ctx;
	int now = between->first, next = between->second, was;

	while (!atomic_load(&board->over)) {
		LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = now);

		if (bpf_xdp_attach(seal0(), next, XDP_FLAGS_SKB_MODE | XDP_FLAGS_REPLACE, &opts)) {
			// The first may be taken off, the second not.
			if (now == between->second)
				return false;
			if (bpf_xdp_attach(seal0(), next, XDP_FLAGS_SKB_MODE, NULL))
				return false;
			atomic_fetch_add(&board->count, 1);
		}
		was = now;
		now = next;
		next = was;
	}
	return true;
}

// ---- tests ----

static int up(void **state)
{
	if (ground_setup(state))
		return -1;
	if (*state)
		ground_sh("packaging/setup.sh --root %s", ((struct ground *)*state)->root);
	return 0;
}

static void who_is_meant_is_taken_off_in_either_mode(void **state)
{
	static const uint32_t modes[] = {XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE};
	OWNED(namer_drop) struct namer namer = NAMER_NONE;
	OWNED(drop_fd) int unwanted = -1;
	struct news news;

	the_ground(state);
	unwanted = loaded(BPF_PROG_TYPE_XDP, "unwanted");
	start_namer(&rule, true, &namer);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(bpf_xdp_attach(seal0(), unwanted, modes[i], NULL), 0);
		assert_int_equal(evict(&namer, id_of(unwanted),
				       i ? XDP_ATTACHED_DRV : XDP_ATTACHED_SKB, &news),
				 1);
		assert_int_equal(news.gone, 1);
		assert_int_equal(standing(), 0);
	}
}

static void who_came_in_the_last_moment_stays(void **state)
{
	OWNED(namer_drop) struct namer namer = NAMER_NONE;
	OWNED(drop_fd) int first = -1, second = -1;
	struct between between;
	struct rival rival;
	struct news news;
	struct namer front = {.pid = -1};
	int ends[2];

	the_ground(state);
	first = loaded(BPF_PROG_TYPE_XDP, "unwanted");
	second = loaded(BPF_PROG_TYPE_XDP, "late");
	start_namer(&rule, true, &namer);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	between = (struct between){ends[1], namer.fd, first, second};
	assert_int_equal(bpf_xdp_attach(seal0(), first, XDP_FLAGS_SKB_MODE, NULL), 0);
	rival_start(&rival, swaps_at_the_last_moment, &between);
	front.fd = ends[0];
	assert_int_equal(evict(&front, id_of(first), XDP_ATTACHED_SKB, &news), 0);
	assert_int_equal(rival_stop(&rival), 2);
	assert_int_equal(news.kept, 1);
	assert_int_equal(standing(), id_of(second));
	close(ends[0]);
	close(ends[1]);
}

static void who_takes_its_place_again_and_again_is_never_taken_off(void **state)
{
	OWNED(namer_drop) struct namer namer = NAMER_NONE;
	OWNED(drop_fd) int first = -1, second = -1;
	struct between between;
	struct rival rival;
	struct news news;
	unsigned long found;
	size_t gone = 0;

	the_ground(state);
	first = loaded(BPF_PROG_TYPE_XDP, "unwanted");
	second = loaded(BPF_PROG_TYPE_XDP, "late");
	start_namer(&rule, true, &namer);
	between = (struct between){.first = first, .second = second};
	assert_int_equal(bpf_xdp_attach(seal0(), first, XDP_FLAGS_SKB_MODE, NULL), 0);
	rival_start(&rival, swaps_all_the_time, &between);
	for (int i = 0; i < 500; i++)
		gone += evict(&namer, id_of(first), XDP_ATTACHED_SKB, &news);
	found = rival_stop(&rival);
	// The last that was taken off may be one that he had no time to miss.
	assert_in_range(found + 1, gone, gone + 1);
}

static void a_descriptor_is_handed_of_nothing_else(void **state)
{
	OWNED(namer_drop) struct namer hands = NAMER_NONE, names = NAMER_NONE, none = NAMER_NONE;
	OWNED(drop_fd) int unwanted = -1, late = -1, filter = -1, got = -1;
	struct sys_program who;
	uint32_t gone;

	the_ground(state);
	unwanted = loaded(BPF_PROG_TYPE_XDP, "unwanted");
	late = loaded(BPF_PROG_TYPE_XDP, "unwanted_2");
	filter = loaded(BPF_PROG_TYPE_SCHED_CLS, "unwanted");
	gone = id_of(unwanted) + (1U << 30);
	start_namer(&rule, true, &hands);
	start_namer(&rule, false, &names);
	assert_false(namer_hand(&hands, id_of(late), &got));
	assert_false(namer_hand(&hands, id_of(filter), &got));
	assert_false(namer_hand(&hands, gone, &got));
	assert_false(namer_hand(&hands, 0, &got));
	assert_false(namer_hand(&names, id_of(unwanted), &got));
	assert_false(namer_hand(&none, id_of(unwanted), &got));
	assert_int_equal(got, -1);
	// And each goes on answering.
	assert_true(namer_ask(&hands, id_of(late), &who));
	assert_string_equal(who.name, "unwanted_2");
	assert_true(namer_ask(&names, id_of(unwanted), &who));
	assert_true(namer_hand(&hands, id_of(unwanted), &got));
	assert_int_equal(id_of(got), id_of(unwanted));
}

#define ON_GROUND(test) cmocka_unit_test_setup_teardown(test, up, ground_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_GROUND(who_is_meant_is_taken_off_in_either_mode),
		ON_GROUND(who_came_in_the_last_moment_stays),
		ON_GROUND(who_takes_its_place_again_and_again_is_never_taken_off),
		ON_GROUND(a_descriptor_is_handed_of_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
