// SPDX-License-Identifier: Apache-2.0
#include "loader/namer.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/jail.h"
#include "base/owned.h"
#include "base/program.h"
#include "bpf/watchrule.h"

// What it gives up at its start takes a few milliseconds, and on a busy machine its turn.
#define START_MS 10000
// An answer waits for nothing, and who asks has a second to tell what was seen.
#define PATIENCE_MS 500

// What goes over the socket: this there, an answer back. The first answer is of id 0: that it stands, or why not.
struct question {
	uint32_t id, hand; // whether a descriptor is asked for, too
};
struct answer {
	uint32_t id, known, uid;
	uint64_t loaded_ns;
	char name[BPF_OBJ_NAME_LEN];
	uint8_t tag[BPF_TAG_SIZE];
};

// ---- in the process that has the capability ----

// The calls themselves, not libbpf: that would try others around them, and there are no others here.
static long bpf_call(enum bpf_cmd command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

// Returns a descriptor of the program where the question may have one, else -1.
static int look_up(const struct watchrule *hands, const struct question *about, struct answer *out)
{
	union bpf_attr attr;
	struct bpf_prog_info info;
	int fd;

	memset(&attr, 0, sizeof(attr));
	memset(&info, 0, sizeof(info));
	*out = (struct answer){.id = about->id};
	attr.prog_id = about->id;
	fd = (int)bpf_call(BPF_PROG_GET_FD_BY_ID, &attr);
	if (fd < 0)
		return -1;
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)(uintptr_t)&info;
	if (bpf_call(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0) {
		out->known = 1;
		out->uid = info.created_by_uid;
		out->loaded_ns = info.load_time;
		memcpy(out->name, info.name, sizeof(out->name));
		memcpy(out->tag, info.tag, sizeof(out->tag));
	}
	info.name[sizeof(info.name) - 1] = '\0';
	// Who asks may be anybody by now: it is this process that says which programs somebody else gets a hold of.
	if (out->known && about->hand && hands && info.type == BPF_PROG_TYPE_XDP &&
	    watchrule_evicts(hands, info.name))
		return fd;
	close(fd);
	return -1;
}

static bool reply(int fd, const struct answer *answer, int program)
{
	union {
		char room[CMSG_SPACE(sizeof(program))];
		struct cmsghdr head;
	} beside = {0};
	struct iovec said = {.iov_base = (void *)(uintptr_t)answer, .iov_len = sizeof(*answer)};
	struct msghdr message = {.msg_iov = &said, .msg_iovlen = 1};

	if (program >= 0) {
		beside.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(program)),
					       .cmsg_level = SOL_SOCKET,
					       .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&beside.head), &program, sizeof(program));
		message.msg_control = &beside;
		message.msg_controllen = sizeof(beside);
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)sizeof(*answer);
}

// Gives up everything but the capability, the socket and the two questions.
static int shut_in(int fd, struct fault *why)
{
	bool enforced;

	if (fd > 0 && close_range(0, (unsigned)fd - 1, 0))
		return fault_errno(why, FAULT_OTHER, "cannot close descriptors");
	if (close_range((unsigned)fd + 1, ~0U, 0))
		return fault_errno(why, FAULT_OTHER, "cannot close descriptors");
	if (jail_become(USER_LOADER, JAIL_CAP(CAP_SYS_ADMIN), why) ||
	    jail_paths(NULL, 0, &enforced, why))
		return -1;
	// After the change of user, which clears it: it must not outlive who asks.
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return fault_errno(why, FAULT_OTHER, "cannot tie it to its parent");
	return jail_syscalls(JAIL_NAMER, why);
}

static void serve(int fd, const struct watchrule *hands)
{
	struct fault why = {0};
	struct answer answer;
	struct question question;
	int program = -1;

	if (shut_in(fd, &why)) {
		// The text of a refusal travels in the place of an answer.
		if (write(fd, why.text, sizeof(why.text)) < 0)
			_exit(1);
		_exit(1);
	}
	answer = (struct answer){.known = 1};
	while (reply(fd, &answer, program) &&
	       read(fd, &question, sizeof(question)) == (ssize_t)sizeof(question)) {
		drop_fd(&program);
		program = look_up(hands, &question, &answer);
	}
	_exit(0);
}

// ---- in the process that asks ----

void namer_drop(struct namer *namer)
{
	drop_fd(&namer->fd);
	if (namer->pid > 0) {
		kill(namer->pid, SIGKILL);
		while (waitpid(namer->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	namer->pid = -1;
}

// Its first word.
static int greet(struct namer *namer, struct fault *why)
{
	char said[FAULT_TEXT_MAX] = "";
	ssize_t got = read(namer->fd, said, sizeof(said));

	if (got == (ssize_t)sizeof(struct answer))
		return 0;
	said[sizeof(said) - 1] = '\0';
	namer_drop(namer);
	fault_set(why, FAULT_KERNEL, "the process that names programs of others did not start%s%s",
		  got > 0 ? ": " : "", said);
	return fault_fix(why, "start the command as root, with CAP_SYS_ADMIN in its bounding set");
}

static int be_patient(struct namer *namer, unsigned ms, struct fault *why)
{
	const struct timeval patience = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	if (setsockopt(namer->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0)
		return 0;
	fault_errno(why, FAULT_OTHER, "cannot set a limit of time");
	namer_drop(namer);
	return -1;
}

static int start(const struct watchrule *hands, struct namer *out, struct fault *why)
{
	OWNED(drop_fd) int mine = -1;
	int ends[2];

	// Whole messages, so that neither side can be left with half of one.
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return fault_errno(why, FAULT_OTHER, "cannot make a pair of sockets");
	mine = ends[0];
	out->pid = fork();
	if (out->pid == 0)
		serve(ends[1], hands);
	close(ends[1]);
	if (out->pid < 0)
		return fault_errno(why, FAULT_OTHER, "cannot start the namer");
	out->fd = HAND_OVER_FD(mine);
	if (be_patient(out, START_MS, why) || greet(out, why))
		return -1;
	return be_patient(out, PATIENCE_MS, why);
}

int namer_start(const struct watchrule *rule, bool hands, struct namer *out, struct fault *why)
{
	*out = (struct namer)NAMER_NONE;
	return rule->name_foreign ? start(hands ? rule : NULL, out, why) : 0;
}

static bool is_late(ssize_t got)
{
	return got < 0 && (errno == EAGAIN || errno == EINTR);
}

// One message; a descriptor beside it becomes *program where that is asked for, and is closed by the kernel otherwise.
static ssize_t hear(int fd, struct answer *out, int *program)
{
	union {
		char room[CMSG_SPACE(sizeof(*program))];
		struct cmsghdr head;
	} beside = {0};
	struct iovec said = {.iov_base = out, .iov_len = sizeof(*out)};
	struct msghdr message = {.msg_iov = &said, .msg_iovlen = 1};
	const struct cmsghdr *head;
	ssize_t got;

	if (program) {
		message.msg_control = &beside;
		message.msg_controllen = sizeof(beside);
	}
	got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	head = got < 0 ? NULL : CMSG_FIRSTHDR(&message);
	if (program && head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len == CMSG_LEN(sizeof(*program)))
		memcpy(program, CMSG_DATA(head), sizeof(*program));
	return got;
}

// Whether it has answered. `program` as above, may be NULL.
static bool ask(struct namer *namer, uint32_t id, struct answer *answer, int *program)
{
	const struct question question = {.id = id, .hand = program != NULL};
	ssize_t got = -1;

	if (namer->fd < 0 || !id)
		return false;
	// On a busy machine, or stopped by somebody: nobody waits twice for it, and the answer that was given up goes first.
	if (namer->silent) {
		struct pollfd late = {.fd = namer->fd, .events = POLLIN};

		if (poll(&late, 1, 0) == 0)
			return false;
		got = hear(namer->fd, answer, NULL);
	}
	if (got == 0 ||
	    send(namer->fd, &question, sizeof(question), MSG_NOSIGNAL) != (ssize_t)sizeof(question))
		got = 0;
	else
		got = hear(namer->fd, answer, program);
	namer->silent = is_late(got);
	if (namer->silent)
		return false;
	if (got == (ssize_t)sizeof(*answer) && answer->id == id)
		return true;
	// Killed, or out of step: a wrong name would be worse than none.
	namer_drop(namer);
	return false;
}

bool namer_ask(struct namer *namer, uint32_t id, struct sys_program *out)
{
	struct answer answer = {0};

	*out = (struct sys_program){.id = id};
	if (!ask(namer, id, &answer, NULL) || !answer.known)
		return false;
	out->uid = answer.uid;
	out->loaded_ns = answer.loaded_ns;
	memcpy(out->name, answer.name, sizeof(out->name));
	out->name[sizeof(out->name) - 1] = '\0';
	hex_write(answer.tag, sizeof(answer.tag), out->tag);
	return true;
}

bool namer_hand(struct namer *namer, uint32_t id, int *program)
{
	OWNED(drop_fd) int handed = -1;
	struct answer answer = {0};

	*program = -1;
	if (!ask(namer, id, &answer, &handed) || handed < 0)
		return false;
	*program = HAND_OVER_FD(handed);
	return true;
}
