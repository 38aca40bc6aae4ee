// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/flood_send.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>

#include <cmocka.h>

#include "base/owned.h"

#define BATCH	       64
#define FLOWS_A_SENDER (FLOOD_FLOWS / FLOOD_SENDERS_MAX)

struct sender {
	const char *iface;
	unsigned cpu, index;
};

struct batch {
	uint64_t next[FLOOD_FLOWS]; // sequence numbers

	struct flood_frame frames[BATCH];
	struct iovec parts[BATCH];
	struct mmsghdr messages[BATCH];
};

static unsigned flow_of(const struct sender *sender, unsigned i)
{
	return sender->index * FLOWS_A_SENDER + i % FLOWS_A_SENDER;
}

static void frame_make(struct flood_frame *frame, unsigned flow)
{
	const unsigned char ip[20] = {
		0x45, 0, 0, sizeof(*frame) - 14, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10,
		0,    0, 2};

	*frame = (struct flood_frame){.source = htons((uint16_t)(40000 + flow)),
				      .dest = htons(FLOOD_PORT),
				      .length = htons(sizeof(*frame) - 34),
				      .flow = flow};
	memset(frame->eth, 0xfe, 12); // nobody here: the stack looks no further than its address
	frame->eth[12] = ETH_P_IP >> 8;
	memcpy(frame->ip, ip, sizeof(ip));
}

static void batch_make(struct batch *batch, const struct sender *sender)
{
	memset(batch, 0, sizeof(*batch));
	for (unsigned i = 0; i < BATCH; i++) {
		frame_make(&batch->frames[i], flow_of(sender, i));
		batch->parts[i] = (struct iovec){&batch->frames[i], sizeof(batch->frames[i])};
		batch->messages[i].msg_hdr =
			(struct msghdr){.msg_iov = &batch->parts[i], .msg_iovlen = 1};
	}
}

static int socket_to(const char *iface)
{
	const struct sockaddr_ll to = {.sll_family = AF_PACKET,
				       .sll_ifindex = (int)if_nametoindex(iface)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&to, sizeof(to)))
		drop_fd(&fd);
	return fd;
}

static bool sender_run(struct rival_board *board, const void *ctx)
{
	const struct sender *sender = ctx;
	int fd = socket_to(sender->iface);
	struct batch batch;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sender->cpu, &cpus);
	// Another processor will do where this one is not ours.
	sched_setaffinity(0, sizeof(cpus), &cpus);
	batch_make(&batch, sender);
	while (fd >= 0 && !atomic_load_explicit(&board->over, memory_order_relaxed)) {
		int got;

		for (unsigned i = 0; i < BATCH; i++)
			batch.frames[i].seq = batch.next[flow_of(sender, i)] + i / FLOWS_A_SENDER;
		got = sendmmsg(fd, batch.messages, BATCH, 0);
		if (got <= 0)
			sched_yield();
		for (int i = 0; i < got; i++)
			batch.next[flow_of(sender, (unsigned)i)]++;
		atomic_fetch_add(&board->count, got > 0 ? (unsigned long)got : 0);
	}
	return fd >= 0;
}

void flood_send_some(const char *iface, unsigned count, uint64_t *seq)
{
	struct flood_frame frame;
	OWNED(drop_fd) int fd = socket_to(iface);

	assert_true(fd >= 0);
	frame_make(&frame, 0);
	for (unsigned i = 0; i < count; i++) {
		frame.seq = (*seq)++;
		// What a chain on the way out drops is refused to the sender: it was on its way all the same.
		if (send(fd, &frame, sizeof(frame), 0) < 0 && errno != ENOBUFS)
			fail_msg("cannot send: %s", strerror(errno));
	}
}

void flood_send_start(struct flood_send *send, const char *iface)
{
	int cpus = get_nprocs();

	memset(send, 0, sizeof(*send));
	// Two also on one processor: the flows are then still several.
	send->count = cpus < 2 ? 2 : cpus > FLOOD_SENDERS_MAX ? FLOOD_SENDERS_MAX : (unsigned)cpus;
	for (unsigned i = 0; i < send->count; i++) {
		struct sender sender = {.iface = iface, .cpu = i % (unsigned)cpus, .index = i};

		rival_start(&send->senders[i], sender_run, &sender);
	}
}

uint64_t flood_send_stop(struct flood_send *send)
{
	uint64_t sent = 0;

	for (unsigned i = 0; i < send->count; i++)
		sent += rival_stop(&send->senders[i]);
	send->count = 0;
	return sent;
}
