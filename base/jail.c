// SPDX-License-Identifier: Apache-2.0
#include "base/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/owned.h"

// ---- start ----

// What may stay of the environment; its values decide nothing about trust.
static const char *const kept_names[] = {"TERM", "COLUMNS", "CREDENTIALS_DIRECTORY",
					 "JOURNAL_STREAM", "NOTIFY_SOCKET"};
#define KEPT_COUNT (sizeof(kept_names) / sizeof(*kept_names))

static int clean_environment(struct fault *why)
{
	char *kept[KEPT_COUNT] = {NULL};
	int failed = 0;

	for (size_t i = 0; i < KEPT_COUNT; i++) {
		const char *value = getenv(kept_names[i]);

		kept[i] = value ? strdup(value) : NULL;
	}
	failed |= clearenv();
	failed |= setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	failed |= setenv("LC_ALL", "C", 1);
	for (size_t i = 0; i < KEPT_COUNT; i++) {
		if (kept[i])
			failed |= setenv(kept_names[i], kept[i], 1);
		free(kept[i]);
	}
	return failed ? fault_set(why, FAULT_OTHER, "cannot clean the environment") : 0;
}

int jail_start(int argc, struct fault *why)
{
	const struct rlimit no_core = {0, 0};

	// execve() with an empty argv makes argv[1] point into the environment (CVE-2021-4034).
	if (argc < 1)
		return fault_set(why, FAULT_USAGE, "started without a program name");
	// A closed 0, 1 or 2 would be reused for the next file opened, and then be written to by mistake.
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return fault_errno(why, FAULT_OTHER, "cannot open /dev/null");
	if (setrlimit(RLIMIT_CORE, &no_core))
		return fault_errno(why, FAULT_OTHER, "cannot forbid core dumps");
	umask(077);
	return clean_environment(why);
}

// ---- users and capabilities ----

int jail_user(const char *user, unsigned *uid, unsigned *gid, struct fault *why)
{
	const struct passwd *entry = getpwnam(user);

	if (!entry) {
		fault_set(why, FAULT_CONFIG, "there is no user %s on this machine", user);
		return fault_fix(
			why, "run 'make install' as root, or packaging/setup.sh, which makes it");
	}
	*uid = entry->pw_uid;
	*gid = entry->pw_gid;
	return 0;
}

static void drop_caps(cap_t *caps)
{
	if (*caps)
		cap_free(*caps);
}

// Permitted and effective become exactly `wanted`; inheritable and ambient nothing.
static int set_caps(uint64_t wanted, struct fault *why)
{
	OWNED(drop_caps) cap_t caps = cap_init();

	if (!caps)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (cap_value_t cap = 0; cap < 64; cap++) {
		if (!(wanted & JAIL_CAP(cap)))
			continue;
		if (cap_set_flag(caps, CAP_PERMITTED, 1, &cap, CAP_SET) ||
		    cap_set_flag(caps, CAP_EFFECTIVE, 1, &cap, CAP_SET))
			return fault_errno(why, FAULT_OTHER, "cannot name a capability");
	}
	if (cap_set_proc(caps))
		return fault_errno(why, FAULT_KERNEL, "cannot reduce the capabilities");
	return 0;
}

int jail_lose_caps(struct fault *why)
{
	return set_caps(0, why);
}

static int has_caps(uint64_t wanted, struct fault *why)
{
	OWNED(drop_caps) cap_t caps = cap_get_proc();

	if (!caps)
		return fault_errno(why, FAULT_OTHER, "cannot read the capabilities");
	for (cap_value_t cap = 0; cap < 64; cap++) {
		cap_flag_value_t value = CAP_CLEAR;
		OWNED(drop_heap) char *copy = NULL;
		char *name;

		if (!(wanted & JAIL_CAP(cap)) ||
		    (cap_get_flag(caps, cap, CAP_PERMITTED, &value) == 0 && value == CAP_SET))
			continue;
		name = cap_to_name(cap);
		copy = name ? strdup(name) : NULL;
		cap_free(name);
		fault_set(why, FAULT_KERNEL, "this process has no %s",
			  copy ? copy : "capability it needs");
		return fault_fix(why, "run the command as root; it keeps only what it needs");
	}
	return 0;
}

bool jail_can(uint64_t caps)
{
	struct fault ignored = {0};

	return !has_caps(caps, &ignored);
}

static void drop_bounding_set(void)
{
	// Fails without CAP_SETPCAP; then there is nothing to gain from it either: no_new_privs is set.
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static int become_user(const char *user, struct fault *why)
{
	const struct passwd *entry = getpwnam(user);

	if (!entry) {
		unsigned uid, gid;

		return jail_user(user, &uid, &gid, why);
	}
	if (entry->pw_uid == 0)
		return fault_set(why, FAULT_CONFIG, "user %s is root itself", user);
	if (initgroups(user, entry->pw_gid))
		return fault_errno(why, FAULT_OTHER, "cannot take the groups of %s", user);
	// Capabilities survive the change of uid, to be cut down right after it.
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		return fault_errno(why, FAULT_OTHER, "cannot keep capabilities");
	drop_bounding_set();
	if (setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) ||
	    setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid))
		return fault_errno(why, FAULT_OTHER, "cannot become %s", user);
	prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	return 0;
}

int jail_become(const char *user, uint64_t caps, struct fault *why)
{
	if (geteuid() == 0) {
		if (become_user(user, why))
			return -1;
	} else {
		drop_bounding_set();
	}
	if (has_caps(caps, why) || set_caps(caps, why))
		return -1;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fault_errno(why, FAULT_OTHER, "cannot set no_new_privs");
	// There must be no way back.
	if (geteuid() != 0 && setresuid(0, 0, 0) == 0)
		return fault_set(why, FAULT_OTHER, "the way back to root is still open");
	return 0;
}

// ---- Landlock ----

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (UINT64_C(1) << 14)
#endif

#define FILE_READ  (UINT64_C(0) | LANDLOCK_ACCESS_FS_READ_FILE)
#define FILE_WRITE (UINT64_C(0) | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define DIR_READ   (UINT64_C(0) | LANDLOCK_ACCESS_FS_READ_DIR)
#define DIR_WRITE                                                                                  \
	(UINT64_C(0) | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |            \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM | \
	 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REFER)
#define FILE_EXECUTE (UINT64_C(0) | LANDLOCK_ACCESS_FS_EXECUTE)

// What this kernel's Landlock knows of the rights above (each version added some).
static uint64_t known_rights(long version)
{
	uint64_t rights = FILE_READ | FILE_WRITE | DIR_READ | DIR_WRITE | FILE_EXECUTE |
			  LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;

	if (version < 2)
		rights &= ~(uint64_t)LANDLOCK_ACCESS_FS_REFER;
	if (version < 3)
		rights &= ~LANDLOCK_ACCESS_FS_TRUNCATE;
	return rights;
}

static int allow_path(int ruleset, const struct jail_path *path, uint64_t known, struct fault *why)
{
	OWNED(drop_fd) int fd = open(path->path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {.parent_fd = fd};
	struct stat st;

	if (fd < 0)
		return errno == ENOENT
			       ? 0
			       : fault_errno(why, FAULT_OTHER, "cannot open %s", path->path);
	if (fstat(fd, &st))
		return fault_errno(why, FAULT_OTHER, "cannot stat %s", path->path);
	rule.allowed_access = FILE_READ;
	if (S_ISDIR(st.st_mode))
		rule.allowed_access |= DIR_READ;
	if (path->write)
		rule.allowed_access |= FILE_WRITE | (S_ISDIR(st.st_mode) ? DIR_WRITE : 0);
	if (path->execute)
		rule.allowed_access |= FILE_EXECUTE;
	rule.allowed_access &= known;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
		return fault_errno(why, FAULT_OTHER, "cannot confine to %s", path->path);
	return 0;
}

int jail_paths(const struct jail_path *paths, size_t count, bool *enforced, struct fault *why)
{
	struct landlock_ruleset_attr attr = {0};
	OWNED(drop_fd) int ruleset = -1;
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	*enforced = false;
	if (version < 1)
		return 0;
	attr.handled_access_fs = known_rights(version);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return fault_errno(why, FAULT_OTHER, "cannot make a Landlock ruleset");
	for (size_t i = 0; i < count; i++)
		if (allow_path(ruleset, &paths[i], attr.handled_access_fs, why))
			return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_landlock_restrict_self, ruleset, 0))
		return fault_errno(why, FAULT_OTHER, "cannot shut the Landlock");
	*enforced = true;
	return 0;
}

// ---- seccomp ----

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif

// Memory, time, exit: all that a worker has.
static const int pure_calls[] = {
	SCMP_SYS(read),		 SCMP_SYS(write),
	SCMP_SYS(readv),	 SCMP_SYS(writev),
	SCMP_SYS(close),	 SCMP_SYS(lseek),
	SCMP_SYS(fstat),	 SCMP_SYS(mmap),
	SCMP_SYS(munmap),	 SCMP_SYS(mremap),
	SCMP_SYS(mprotect),	 SCMP_SYS(madvise),
	SCMP_SYS(brk),		 SCMP_SYS(futex),
	SCMP_SYS(rt_sigaction),	 SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),	 SCMP_SYS(sigaltstack),
	SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
	SCMP_SYS(time),		 SCMP_SYS(getpid),
	SCMP_SYS(gettid),	 SCMP_SYS(tgkill),
	SCMP_SYS(sysinfo),	 SCMP_SYS(getrandom),
	SCMP_SYS(sched_yield),	 SCMP_SYS(exit),
	SCMP_SYS(exit_group),	 SCMP_SYS(restart_syscall),
	SCMP_SYS(uname),
};

// A worker's libraries may try these (character sets, locales); they are told no and go on without.
static const int pure_refused[] = {
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(stat),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(ioctl),
	SCMP_SYS(prlimit64),
	SCMP_SYS(getcwd),
	SCMP_SYS(fcntl),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_getparam),
	SCMP_SYS(getrusage),
};

// Files, threads, children, waiting.
static const int common_calls[] = {
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(openat2),
	SCMP_SYS(close_range),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(statfs),
	SCMP_SYS(fstatfs),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(preadv),
	SCMP_SYS(pwritev),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate),
	SCMP_SYS(fadvise64),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(sync_file_range),
	SCMP_SYS(flock),
	SCMP_SYS(fcntl),
	SCMP_SYS(getdents64),
	SCMP_SYS(getcwd),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(rmdir),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(link),
	SCMP_SYS(linkat),
	SCMP_SYS(symlink),
	SCMP_SYS(symlinkat),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(chmod),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(umask),
	SCMP_SYS(utimensat),
	SCMP_SYS(memfd_create),
	SCMP_SYS(sendfile),
	SCMP_SYS(copy_file_range),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(eventfd2),
	SCMP_SYS(ioctl),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(epoll_create),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(signalfd4),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(clock_getres),
	SCMP_SYS(alarm),
	SCMP_SYS(setitimer),
	SCMP_SYS(getitimer),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(clone),
	SCMP_SYS(clone3),
	SCMP_SYS(wait4),
	SCMP_SYS(waitid),
	SCMP_SYS(kill),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(rt_sigsuspend),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(get_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_setaffinity),
	SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_getscheduler),
	SCMP_SYS(getcpu),
	SCMP_SYS(prctl),
	SCMP_SYS(arch_prctl),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getresuid),
	SCMP_SYS(getresgid),
	SCMP_SYS(getgroups),
	SCMP_SYS(getppid),
	SCMP_SYS(getpgrp),
	SCMP_SYS(getsid),
	SCMP_SYS(setsid),
	SCMP_SYS(uname),
	SCMP_SYS(getrlimit),
	SCMP_SYS(setrlimit),
	SCMP_SYS(prlimit64),
	SCMP_SYS(getrusage),
	SCMP_SYS(times),
	SCMP_SYS(mlock),
	SCMP_SYS(mlock2),
	SCMP_SYS(munlock),
	SCMP_SYS(msync),
	SCMP_SYS(mincore),
	SCMP_SYS(membarrier),
	SCMP_SYS(capget),
	SCMP_SYS(capset),
	SCMP_SYS(seccomp),
	SCMP_SYS(landlock_create_ruleset),
	SCMP_SYS(landlock_add_rule),
	SCMP_SYS(landlock_restrict_self),
	// Data over a socket that is open already. New ones are decided by family, below.
	SCMP_SYS(socketpair),
	SCMP_SYS(sendto),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvmsg),
	SCMP_SYS(shutdown),
};

static const int socket_calls[] = {
	SCMP_SYS(connect),    SCMP_SYS(bind),	     SCMP_SYS(listen),	    SCMP_SYS(accept),
	SCMP_SYS(accept4),    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(setsockopt),
	SCMP_SYS(getsockopt), SCMP_SYS(sendmmsg),    SCMP_SYS(recvmmsg),
};

#ifdef IS_SANITIZED
// The leak checker stops its own threads with ptrace. Only in sanitizer builds, which are never installed.
static const int sanitizer_calls[] = {
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(openat),
	SCMP_SYS(readlink),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(prctl),
	SCMP_SYS(prlimit64),
	SCMP_SYS(kill),
	SCMP_SYS(gettid),
	SCMP_SYS(getdents),
};
#endif

static void drop_filter(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

static int allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
	int failed = 0;

	for (size_t i = 0; i < count; i++)
		failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return failed;
}

// A socket of another family gets an error, not a killed process: resolvers try and go on.
static int allow_families(scmp_filter_ctx filter, const int *families, size_t count)
{
	int failed = 0;

	for (size_t i = 0; i < count; i++)
		failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
					   SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
	return failed;
}

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

// Less than a worker: no memory, no clock. What it answers is on its stack.
static int add_namer(scmp_filter_ctx filter)
{
	static const int calls[] = {SCMP_SYS(read), SCMP_SYS(sendmsg), SCMP_SYS(close),
				    SCMP_SYS(exit_group)};
	static const unsigned commands[] = {BPF_PROG_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD};
	int failed = allow(filter, calls, COUNT(calls));

	for (size_t i = 0; i < COUNT(commands); i++)
		failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(bpf), 1,
					   SCMP_A0(SCMP_CMP_EQ, commands[i], 0));
	return failed;
}

static int add_rules(scmp_filter_ctx filter, enum jail_profile profile)
{
	static const int network[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};
	static const int kernel[] = {AF_NETLINK, AF_UNIX};
	// The timers are for the verifier: it stops at a signal.
	static const int bpf_call[] = {SCMP_SYS(bpf), SCMP_SYS(timer_create),
				       SCMP_SYS(timer_settime), SCMP_SYS(timer_delete)};
	// Looks at what changes: who pins, who unpins.
	static const int notify_calls[] = {SCMP_SYS(inotify_init1), SCMP_SYS(inotify_add_watch),
					   SCMP_SYS(inotify_rm_watch)};
	int failed = 0;

#ifdef IS_SANITIZED
	failed |= allow(filter, sanitizer_calls, COUNT(sanitizer_calls)) |
		  allow(filter, pure_calls, COUNT(pure_calls));
#endif
	if (profile == JAIL_NAMER)
		return failed | add_namer(filter);
	failed |= allow(filter, pure_calls, COUNT(pure_calls));
	if (profile == JAIL_PURE) {
		for (size_t i = 0; i < COUNT(pure_refused); i++)
			seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), pure_refused[i], 0);
		return failed;
	}
	failed |= allow(filter, common_calls, COUNT(common_calls));
	if (profile == JAIL_NETWORK) {
		failed |= allow(filter, socket_calls, COUNT(socket_calls));
		failed |= allow_families(filter, network, COUNT(network));
	} else if (profile == JAIL_KERNEL) {
		failed |= allow(filter, socket_calls, COUNT(socket_calls));
		failed |= allow_families(filter, kernel, COUNT(kernel));
		failed |= allow(filter, bpf_call, COUNT(bpf_call));
		// Events of the whole machine, which programs are attached to; never a look at one process.
		failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(perf_event_open), 1,
					   SCMP_A1_32(SCMP_CMP_EQ, UINT32_MAX, 0));
		failed |= allow(filter, notify_calls, COUNT(notify_calls));
	}
	return failed;
}

int jail_syscalls(enum jail_profile profile, struct fault *why)
{
	OWNED(drop_filter) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);

	if (!filter)
		return fault_set(why, FAULT_OTHER, "out of memory");
	// Every thread gets the filter, not only this one.
	if (seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) || add_rules(filter, profile))
		return fault_set(why, FAULT_OTHER, "cannot make the system call filter");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || seccomp_load(filter))
		return fault_set(why, FAULT_OTHER, "the kernel refused the system call filter");
	// To give the heap back is a system call that this one does not have; it lives on its stack and ends soon.
	if (profile == JAIL_NAMER)
		filter = NULL;
	return 0;
}
