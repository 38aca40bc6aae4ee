// SPDX-License-Identifier: Apache-2.0
#include "loader/doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/membarrier.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/audit.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/jail.h"
#include "base/owned.h"
#include "base/program.h"
#include "bpf/node.h"
#include "keys/pin.h"
#include "loader/reserve.h"
#include "loader/source.h"
#include "loader/sys.h"

#define DAY_S	    INT64_C(86400)
#define LOOPBACK    1 // its index in every network namespace
#define SETUP	    "packaging/setup.sh, which 'make install' runs"
#define TIMERS	    "/etc/systemd/system/timers.target.wants"
#define NO_FETCHER  "bpfseal-metrics" // a timer of ours that fetches nothing
#define SYSTEMD_RUN "/run/systemd/system"

// ---- findings ----

static const char *grade_name(enum doctor_grade grade)
{
	static const char *const names[] = {"ok", "warning", "failed", "unknown"};

	return names[grade];
}

int doctor_new(const char *root, int64_t now, struct doctor *out, struct fault *why)
{
	*out = (struct doctor){
		.root = root, .now = now, .as_root = geteuid() == 0, .findings = json_make_array()};
	return out->findings ? 0 : fault_set(why, FAULT_OTHER, "out of memory");
}

void doctor_drop(struct doctor *doctor)
{
	json_free(doctor->findings);
	doctor->findings = NULL;
}

int doctor_add(struct doctor *doctor, enum doctor_grade grade, const char *check, const char *fix,
	       struct fault *why, const char *format, ...)
{
	struct json *finding = json_make_object();
	char raw[FAULT_TEXT_MAX], text[FAULT_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(raw, sizeof(raw), format, arguments);
	va_end(arguments);
	doctor->failed = doctor->failed || grade == DOCTOR_FAILED;
	if (json_add(doctor->findings, finding, why) ||
	    json_put_text(finding, "grade", grade_name(grade), why) ||
	    json_put_text(finding, "check", check, why) ||
	    json_put_text(finding, "text", text_safe(raw, text, sizeof(text)), why))
		return -1;
	return fix && *fix ? json_put_text(finding, "fix", fix, why) : 0;
}

// What a call of ours refused, as a finding.
static int add_refusal(struct doctor *doctor, enum doctor_grade grade, const char *check,
		       const struct fault *refusal, struct fault *why)
{
	return doctor_add(doctor, grade, check, refusal->fix, why, "%s%s%s%s%s", refusal->text,
			  refusal->cause[0] ? ": " : "", refusal->cause,
			  refusal->where[0] ? ", at " : "", refusal->where);
}

// ---- switches of the kernel ----

// One line of a file that the kernel makes. False when it cannot be read.
static bool read_line(const char *path, char *out, size_t room)
{
	OWNED(drop_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, out, room - 1);

	if (len < 0)
		return false;
	out[len] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return true;
}

static int look_at_unprivileged(struct doctor *doctor, struct fault *why)
{
	char line[32];

	if (!read_line("/proc/sys/kernel/unprivileged_bpf_disabled", line, sizeof(line)))
		return doctor_add(doctor, DOCTOR_UNKNOWN, "unprivileged", NULL, why,
				  "kernel.unprivileged_bpf_disabled cannot be read");
	if (!strcmp(line, "0"))
		return doctor_add(doctor, DOCTOR_WARNING, "unprivileged",
				  "sysctl -w kernel.unprivileged_bpf_disabled=1", why,
				  "every user of this machine may load BPF programs");
	return doctor_add(doctor, DOCTOR_OK, "unprivileged", NULL, why,
			  "users without privileges load no BPF");
}

// See loader/probelink.c: level 3 is Debian's own, and its default.
static int look_at_events(struct doctor *doctor, struct fault *why)
{
	char line[32];

	if (!read_line("/proc/sys/kernel/perf_event_paranoid", line, sizeof(line)))
		return doctor_add(doctor, DOCTOR_UNKNOWN, "events", NULL, why,
				  "kernel.perf_event_paranoid cannot be read");
	if (strtol(line, NULL, 10) > 2)
		return doctor_add(
			doctor, DOCTOR_WARNING, "events",
			"if probes shall run: sysctl -w kernel.perf_event_paranoid=2", why,
			"kernel.perf_event_paranoid is %s: the loader gets no tracepoints "
			"and kprobes, raw tracepoints only",
			line);
	return doctor_add(doctor, DOCTOR_OK, "events", NULL, why,
			  "tracepoints and kprobes can be watched");
}

static int look_at_btf(struct doctor *doctor, struct fault *why)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return doctor_add(doctor, DOCTOR_WARNING, "btf",
				  "use a kernel built with CONFIG_DEBUG_INFO_BTF", why,
				  "the kernel does not tell its types: programs that ask for them "
				  "cannot be loaded");
	return doctor_add(doctor, DOCTOR_OK, "btf", NULL, why, "the kernel tells its types");
}

static int look_at_release(struct doctor *doctor, struct fault *why)
{
	struct utsname about;

	if (uname(&about))
		return fault_errno(why, FAULT_OTHER, "cannot name this kernel");
	return doctor_add(doctor, DOCTOR_OK, "kernel", NULL, why, "%s %s, %s", about.sysname,
			  about.release, about.machine);
}

// ---- users and directories ----

static int look_at_user(struct doctor *doctor, const char *user, struct fault *why)
{
	struct fault refusal = {0};
	char check[64];
	unsigned uid, gid;

	snprintf(check, sizeof(check), "user %s", user);
	if (jail_user(user, &uid, &gid, &refusal))
		return add_refusal(doctor, DOCTOR_FAILED, check, &refusal, why);
	return doctor_add(doctor, DOCTOR_OK, check, NULL, why, "is there, uid %u", uid);
}

// The loader reads what the fetcher left by this group.
static int look_at_group(struct doctor *doctor, struct fault *why)
{
	const struct group *group = getgrnam(GROUP_STORE);
	const struct passwd *user;
	gid_t wanted, groups[64];
	int count = 64;

	if (!group)
		return doctor_add(doctor, DOCTOR_FAILED, "group", "run " SETUP, why,
				  "there is no group " GROUP_STORE);
	wanted = group->gr_gid;
	user = getpwnam(USER_LOADER);
	if (!user)
		return 0;
	if (getgrouplist(USER_LOADER, user->pw_gid, groups, &count) < 0)
		return doctor_add(doctor, DOCTOR_UNKNOWN, "group", NULL, why,
				  USER_LOADER " is in more groups than can be looked at");
	for (int i = 0; i < count; i++)
		if (groups[i] == wanted)
			return doctor_add(doctor, DOCTOR_OK, "group", NULL, why,
					  USER_LOADER " is in group " GROUP_STORE);
	return doctor_add(
		doctor, DOCTOR_FAILED, "group", "usermod -a -G " GROUP_STORE " " USER_LOADER, why,
		USER_LOADER " is not in group " GROUP_STORE ", and cannot read what is fetched");
}

struct directory {
	const char *path;
	const char *user;   // NULL: root
	mode_t mode;	    // at most these bits
	const char *absent; // why it may be absent; NULL: it may not
};

static int judge_directory(struct doctor *doctor, const struct directory *directory,
			   const char *path, const struct stat *st, struct fault *why)
{
	const struct passwd *user = directory->user ? getpwnam(directory->user) : NULL;
	const char *name = directory->user ? directory->user : "root";
	char fix[FAULT_TEXT_MAX];

	snprintf(fix, sizeof(fix), "chown %s %s && chmod %o %s", name, path, directory->mode, path);
	if (!S_ISDIR(st->st_mode))
		return doctor_add(doctor, DOCTOR_FAILED, path, NULL, why, "is no directory");
	// Without the user its line has been said.
	if (directory->user && !user)
		return 0;
	if (st->st_uid != (user ? user->pw_uid : 0))
		return doctor_add(doctor, DOCTOR_FAILED, path, fix, why,
				  "belongs to uid %u, not %s", st->st_uid, name);
	if (st->st_mode & 07777 & ~directory->mode)
		return doctor_add(doctor, DOCTOR_FAILED, path, fix, why,
				  "has mode %o: others can do what only %s may",
				  st->st_mode & 07777, name);
	return doctor_add(doctor, DOCTOR_OK, path, NULL, why, "belongs to %s, mode %o", name,
			  st->st_mode & 07777);
}

static int look_at_directory(struct doctor *doctor, const struct directory *directory,
			     struct fault *why)
{
	OWNED(drop_heap) char *path = NULL;
	struct stat st;

	if (path_under(doctor->root, directory->path, &path, why))
		return -1;
	if (!lstat(path, &st))
		return judge_directory(doctor, directory, path, &st, why);
	if (errno == EACCES)
		return doctor_add(doctor, DOCTOR_UNKNOWN, path, "run this as root", why,
				  "cannot be looked at");
	if (errno == ENOENT && directory->absent)
		return doctor_add(doctor, DOCTOR_OK, path, NULL, why, "is not there yet: %s",
				  directory->absent);
	return doctor_add(doctor, DOCTOR_FAILED, path, "run " SETUP, why, "%s",
			  errno == ENOENT ? "is not there" : strerror(errno));
}

static int look_at_directories(struct doctor *doctor, struct fault *why)
{
	static const struct directory directories[] = {
		{DIR_CONFIG, NULL, 0755, NULL},
		{DIR_CONFIG "/trust", NULL, 0755, NULL},
		{DIR_STORE, USER_FETCH, 02750, NULL},
		{DIR_LOADER, USER_LOADER, 0700, "apply makes it"},
		{DIR_BPFFS, USER_LOADER, 0700, "apply makes it"},
	};

	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++)
		if (look_at_directory(doctor, &directories[i], why))
			return -1;
	return 0;
}

static int look_at_bpffs(struct doctor *doctor, struct fault *why)
{
	OWNED(drop_heap) char *path = NULL;
	char fix[FAULT_TEXT_MAX];
	struct statfs about;

	if (path_under(doctor->root, "/sys/fs/bpf", &path, why))
		return -1;
	snprintf(fix, sizeof(fix), "mount -t bpf bpf %s", path);
	if (statfs(path, &about) || about.f_type != BPF_FS_MAGIC)
		return doctor_add(doctor, DOCTOR_FAILED, "bpffs", fix, why,
				  "no BPF file system is mounted at %s", path);
	return doctor_add(doctor, DOCTOR_OK, "bpffs", NULL, why, "is mounted at %s", path);
}

// ---- who fetches ----

static bool runs_process_of(uid_t uid)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	bool found = false;
	struct stat st;

	while (proc && !found && (entry = readdir(proc)))
		found = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
			!fstatat(dirfd(proc), entry->d_name, &st, 0) && st.st_uid == uid;
	if (proc)
		closedir(proc);
	return found;
}

// A timer of ours that systemd starts at boot, or of the admin's under such a name: "" where there is none.
static int find_timer(const struct doctor *doctor, char *out, size_t room, struct fault *why)
{
	OWNED(drop_heap) char *path = NULL;
	const struct dirent *entry;
	DIR *dir;

	*out = '\0';
	if (path_under(doctor->root, TIMERS, &path, why))
		return -1;
	dir = opendir(path);
	while (dir && !*out && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "bpfseal", strlen("bpfseal")) &&
		    strncmp(entry->d_name, NO_FETCHER, strlen(NO_FETCHER)) != 0)
			snprintf(out, room, "%s", entry->d_name);
	if (dir)
		closedir(dir);
	return 0;
}

static int look_at_schedule(struct doctor *doctor, struct fault *why)
{
	const struct passwd *user = getpwnam(USER_FETCH);
	OWNED(drop_heap) char *systemd = NULL;
	char timer[NAME_MAX + 1];

	if (path_under(doctor->root, SYSTEMD_RUN, &systemd, why) ||
	    find_timer(doctor, timer, sizeof(timer), why))
		return -1;
	if (!access(systemd, F_OK) && *timer)
		return doctor_add(doctor, DOCTOR_OK, "schedule", NULL, why, "%s is enabled", timer);
	if (user && runs_process_of(user->pw_uid))
		return doctor_add(doctor, DOCTOR_OK, "schedule", NULL, why,
				  "a process of " USER_FETCH " runs");
	return doctor_add(doctor, DOCTOR_WARNING, "schedule",
			  access(systemd, F_OK) ? "run 'bpfseal sync --every 60s' as a service"
						: "systemctl enable --now bpfseal-sync.timer",
			  why, "nothing fetches by itself: neither a running fetcher nor a timer");
}

int doctor_machine(struct doctor *doctor, struct fault *why)
{
	if (look_at_release(doctor, why) || look_at_unprivileged(doctor, why) ||
	    look_at_events(doctor, why) || look_at_btf(doctor, why) || look_at_bpffs(doctor, why) ||
	    look_at_user(doctor, USER_LOADER, why) || look_at_user(doctor, USER_FETCH, why) ||
	    look_at_group(doctor, why) || look_at_directories(doctor, why))
		return -1;
	return look_at_schedule(doctor, why);
}

// ---- what the kernel lets us do ----

// Without the compiler a program cannot make a tail call out of a subprogram, which every wrapped one does. (The switch
// itself, net.core.bpf_jit_enable, shows in the first network namespace only.)
static int look_at_jit(struct doctor *doctor, int program_fd, struct fault *why)
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(program_fd, &info, &len))
		return doctor_add(doctor, DOCTOR_UNKNOWN, "jit", NULL, why,
				  "the kernel tells nothing about a program");
	if (!info.jited_prog_len)
		return doctor_add(doctor, DOCTOR_FAILED, "jit",
				  "sysctl -w net.core.bpf_jit_enable=1", why,
				  "the kernel interprets BPF: chains need its compiler");
	return doctor_add(doctor, DOCTOR_OK, "jit", NULL, why, "BPF is compiled");
}

static int look_at_tcx(struct doctor *doctor, struct fault *why)
{
	if (sys_has_tcx(LOOPBACK))
		return doctor_add(doctor, DOCTOR_OK, "tcx", NULL, why,
				  "TC chains are attached by links");
	return doctor_add(doctor, DOCTOR_WARNING, "tcx", "use a kernel of 6.6 or later", why,
			  "this kernel has no TCX: a TC chain is attached as a filter, which "
			  "anybody with CAP_NET_ADMIN can take off");
}

static int look_at_grace(struct doctor *doctor, struct fault *why)
{
	long commands = syscall(__NR_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	if (commands >= 0 && commands & MEMBARRIER_CMD_GLOBAL)
		return doctor_add(doctor, DOCTOR_OK, "membarrier", NULL, why,
				  "packets in flight can be waited for");
	return doctor_add(doctor, DOCTOR_FAILED, "membarrier",
			  "boot without nohz_full, or allow membarrier(2)", why,
			  "packets in flight cannot be waited for when a chain changes");
}

int doctor_kernel(struct doctor *doctor, struct fault *why)
{
	OWNED(drop_fd) int fd = sys_tiny_program(HOOK_XDP, false, 0);
	int number = errno;

	if (fd < 0)
		return doctor_add(doctor, DOCTOR_FAILED, "bpf",
				  "look for what forbids bpf(2): a container, a lockdown, an LSM",
				  why, "the kernel refuses every program of the loader: %s",
				  strerror(number));
	if (doctor_add(doctor, DOCTOR_OK, "bpf", NULL, why, "programs can be loaded") ||
	    look_at_jit(doctor, fd, why) || look_at_tcx(doctor, why))
		return -1;
	return look_at_grace(doctor, why);
}

// ---- configuration, pins, metadata ----

static int say_expiry(struct doctor *doctor, const char *check, const struct client_versions *good,
		      struct fault *why)
{
	bool root_first = good->root_expires < good->targets_expires;
	int64_t first = root_first ? good->root_expires : good->targets_expires;
	char when[CLOCK_TEXT_LEN], until[CLOCK_TEXT_LEN];

	clock_write(first, when);
	clock_write(good->timestamp_expires, until);
	if (first - doctor->now < DOCTOR_SOON_DAYS * DAY_S)
		return doctor_add(doctor, DOCTOR_WARNING, check,
				  "ask its security team to renew it: 'bpfseal keys doctor' tells "
				  "them too",
				  why, "its %s expires on %s", root_first ? "root" : "targets",
				  when);
	return doctor_add(doctor, DOCTOR_OK, check, NULL, why,
			  "what was fetched is good until %s; its root and targets until %s", until,
			  when);
}

static int look_at_metadata(struct doctor *doctor, const char *check,
			    const struct source_places *places, struct fault *why)
{
	struct client_versions good;
	struct fault refusal = {0};

	if (!doctor->as_root && (places->store_dirfd < 0 || places->trust_dirfd < 0))
		return doctor_add(doctor, DOCTOR_UNKNOWN, check, "run this as root", why,
				  "what was fetched cannot be looked at");
	if (places->trust_dirfd < 0)
		fault_set(&refusal, FAULT_NOT_FOUND, "nothing was ever verified");
	else if (!source_look(places, &good, &refusal))
		return say_expiry(doctor, check, &good, why);
	if (refusal.code == FAULT_NOT_FOUND)
		return doctor_add(doctor, DOCTOR_WARNING, check,
				  "run 'bpfseal sync', then 'bpfseal apply'", why,
				  "nothing of it has been verified here yet");
	if (!refusal.fix[0] && refusal.code == FAULT_EXPIRED)
		fault_fix(&refusal, "run 'bpfseal sync'");
	return add_refusal(doctor, DOCTOR_FAILED, check, &refusal, why);
}

static int look_at_repository(struct doctor *doctor, const struct node_repository *repository,
			      const int dirs[2], struct fault *why)
{
	const struct source_places places = {.root = doctor->root,
					     .name = repository->name,
					     .store_dirfd = dirs[0],
					     .trust_dirfd = dirs[1],
					     .now = doctor->now};
	OWNED(bytes_drop) struct bytes root_json = {0};
	struct fault refusal = {0};
	char check[96];

	snprintf(check, sizeof(check), "pin of %.64s", repository->name);
	if (pin_load(doctor->root, repository->name, &root_json, &refusal))
		return add_refusal(doctor, DOCTOR_FAILED, check, &refusal, why);
	if (doctor_add(doctor, DOCTOR_OK, check, NULL, why, "is there, and as it was recorded"))
		return -1;
	snprintf(check, sizeof(check), "repository %.64s", repository->name);
	return look_at_metadata(doctor, check, &places, why);
}

// A directory that may be shut to us, or not there: then -1 in `*fd`.
static int open_if(struct doctor *doctor, const char *path, int *fd, struct fault *why)
{
	OWNED(drop_heap) char *full = NULL;
	struct fault ignored = {0};

	if (path_under(doctor->root, path, &full, why))
		return -1;
	if (dir_open(full, fd, &ignored))
		*fd = -1;
	return 0;
}

static int look_at_room(struct doctor *doctor, int dirfd, struct fault *why)
{
	if (!reserve_is_needed(dirfd))
		return doctor_add(doctor, DOCTOR_OK, "room", NULL, why,
				  "the disk has room for the records of what is applied");
	return doctor_add(doctor, DOCTOR_FAILED, "room",
			  "make room on the file system of " DIR_LOADER, why,
			  "less than 1 MiB is free: soon nothing can be applied");
}

// The only place where the whole log is verified: whoever appends to it checks no more than the newest file.
static int look_at_audit(struct doctor *doctor, int dirfd, struct fault *why)
{
	struct fault refusal = {0};
	uint64_t records;

	if (audit_check(dirfd, "audit.log", &records, &refusal)) {
		if (refusal.code == FAULT_DIGEST)
			fault_fix(&refusal, "somebody wrote to it: keep its files for an "
					    "investigation, and move them away");
		return add_refusal(doctor, DOCTOR_FAILED, "audit log", &refusal, why);
	}
	return doctor_add(doctor, DOCTOR_OK, "audit log", NULL, why,
			  "is whole: %" PRIu64 " records, each following the one before it",
			  records);
}

int doctor_node(struct doctor *doctor, struct fault *why)
{
	OWNED(node_drop) struct node *node = NULL;
	OWNED(drop_fd) int loader = -1;
	OWNED(drop_fd) int store = -1;
	OWNED(drop_fd) int trust = -1;
	struct fault refusal = {0};

	if (open_if(doctor, DIR_LOADER, &loader, why))
		return -1;
	if (loader >= 0 &&
	    (look_at_room(doctor, loader, why) || look_at_audit(doctor, loader, why)))
		return -1;
	if (node_load(doctor->root, NULL, &node, &refusal))
		return add_refusal(doctor, DOCTOR_FAILED, "node.json", &refusal, why);
	if (doctor_add(doctor, DOCTOR_OK, "node.json", NULL, why,
		       "is fine: %zu repositories, %zu interfaces", node->repository_count,
		       node->interface_count) ||
	    open_if(doctor, DIR_STORE, &store, why) ||
	    open_if(doctor, DIR_LOADER "/trust", &trust, why))
		return -1;
	for (size_t i = 0; i < node->repository_count; i++)
		if (look_at_repository(doctor, &node->repositories[i], (const int[]){store, trust},
				       why))
			return -1;
	return 0;
}
