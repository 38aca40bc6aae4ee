// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/rival.h"

#include <linux/if_packet.h>
#include <net/if.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

void rival_start(struct rival *rival, rival_job *job, const void *ctx)
{
	const int access = PROT_READ | PROT_WRITE, kind = MAP_SHARED | MAP_ANONYMOUS;
	struct rival_board *board = mmap(NULL, sizeof(*board), access, kind, -1, 0);

	assert_true(board != MAP_FAILED);
	*rival = (struct rival){.pid = fork(), .board = board};
	assert_true(rival->pid >= 0);
	if (rival->pid)
		return;
	// A test that dies takes it along.
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	_exit(job(board, ctx) ? 0 : 1);
}

unsigned long rival_stop(struct rival *rival)
{
	unsigned long count;
	int status;

	if (!rival->pid)
		return 0;
	atomic_store(&rival->board->over, true);
	assert_int_equal(waitpid(rival->pid, &status, 0), rival->pid);
	count = atomic_load(&rival->board->count);
	munmap(rival->board, sizeof(*rival->board));
	*rival = (struct rival){0};
	assert_int_equal(status, 0);
	return count;
}

bool rival_sends(struct rival_board *board, const void *ctx)
{
	const struct rival_sender *sender = ctx;
	const unsigned char frame[64] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [12] = 0x88, 0xb5};
	const struct sockaddr_ll to = {.sll_family = AF_PACKET,
				       .sll_ifindex = (int)if_nametoindex(sender->iface),
				       .sll_halen = 6};
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	while (fd >= 0 && !atomic_load(&board->over)) {
		if (sendto(fd, frame, sizeof(frame), 0, (const struct sockaddr *)&to, sizeof(to)) >
		    0)
			atomic_fetch_add(&board->count, 1);
		if (sender->pause_us)
			usleep(sender->pause_us);
	}
	return fd >= 0;
}
