// SPDX-License-Identifier: Apache-2.0
// Preloaded into a program under test: at its N-th call that changes a disk, the power goes or the disk fails.
//
// NTH_PAGE   a file of 16 bytes: N in eight digits (00000000: never), then the calls counted so far (64 bits). Shared by
//            all processes that come from one start, and may be rewritten in place while they run.
// NTH_HOW    kill, kill-after (the call is done, then nothing more), or ENOSPC, EIO (this once), ENOSPC-on, EIO-on
// NTH_TRACE  a file that gets a line for each call that succeeded, for order.awk
//
// Read before main, which empties the environment; and opened before main, which jails itself. What is counted: calls on
// files and directories, never on pipes or sockets, so that N means the same in every run.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DIGITS	 8
#define TRACE_FD 400 // away from what a program closes

struct page {
	char at[DIGITS];
	_Atomic uint64_t count;
};

static struct page *page;
static bool is_kill, is_after, is_on;
static int error;
static int trace = -1;

static void put_out(void)
{
	syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), SIGKILL);
	__builtin_trap();
}

static void refuse(const char *what)
{
	fprintf(stderr, "nth: %s\n", what);
	_exit(99);
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("NTH_PAGE"), *how = getenv("NTH_HOW"), *to = getenv("NTH_TRACE");
	int fd;

	if (!path)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	page = fd < 0 ? MAP_FAILED
		      : mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		refuse("NTH_PAGE cannot be mapped");
	close(fd);
	if (how && !strncmp(how, "ENOSPC", 6))
		error = ENOSPC;
	else if (how && !strncmp(how, "EIO", 3))
		error = EIO;
	else if (how && strcmp(how, "kill") && strcmp(how, "kill-after"))
		refuse("NTH_HOW is none that there is");
	is_kill = !error;
	is_after = how && !strcmp(how, "kill-after");
	is_on = how && strstr(how, "-on");
	if (!to)
		return;
	fd = open(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	trace = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, TRACE_FD);
	if (trace < 0)
		refuse("NTH_TRACE cannot be opened");
	close(fd);
}

// ---- the instant ----

static uint64_t instant(void)
{
	uint64_t at = 0;

	for (int i = 0; i < DIGITS; i++)
		at = 10 * at + (uint64_t)(page->at[i] - '0');
	return at;
}

// Counts a call. True: it is to fail, and errno says why. A full disk still lets go of files.
static bool strikes(bool frees, bool *last)
{
	uint64_t count, at;

	*last = false;
	if (!page)
		return false;
	count = atomic_fetch_add(&page->count, 1) + 1;
	at = instant();
	if (!at || count < at || (count > at && !is_on))
		return false;
	if (is_kill && !is_after)
		put_out();
	*last = is_kill;
	if (is_kill || (frees && error == ENOSPC))
		return false;
	errno = error;
	return true;
}

// ---- the trace ----

static void path_of(int dirfd, const char *name, char out[static PATH_MAX])
{
	char link[64], base[PATH_MAX / 2] = "";
	ssize_t len = 0;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	if (dirfd != AT_FDCWD && (!name || name[0] != '/'))
		len = readlink(link, base, sizeof(base) - 1);
	base[len < 0 ? 0 : len] = '\0';
	snprintf(out, PATH_MAX, "%s%s%.*s", base, name && base[0] ? "/" : "", PATH_MAX / 4,
		 name ? name : "");
}

static void tell(const char *call, int dirfd, const char *name, int to_dirfd, const char *to_name)
{
	char from[PATH_MAX], to[PATH_MAX] = "", line[2 * PATH_MAX + 32];
	int before = errno, len;

	if (trace < 0)
		return;
	path_of(dirfd, name, from);
	if (to_name)
		path_of(to_dirfd, to_name, to);
	len = snprintf(line, sizeof(line), "%s %s%s%s\n", call, from, to_name ? " " : "", to);
	syscall(SYS_write, trace, line, len);
	errno = before;
}

static long done(long result, bool last, const char *call, int dirfd, const char *name)
{
	if (result >= 0)
		tell(call, dirfd, name, -1, NULL);
	if (last)
		put_out();
	return result;
}

// ---- the calls ----

static mode_t kind(int fd)
{
	struct stat st;
	int before = errno, failed = fstat(fd, &st);

	errno = before;
	return failed ? 0 : st.st_mode & S_IFMT;
}

ssize_t write(int fd, const void *data, size_t len)
{
	bool last;

	if (!page || kind(fd) != S_IFREG)
		return syscall(SYS_write, fd, data, len);
	if (strikes(false, &last))
		return -1;
	return done(syscall(SYS_write, fd, data, len), last, "write", fd, NULL);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	bool last;

	if (strikes(false, &last))
		return -1;
	return done(syscall(SYS_pwrite64, fd, data, len, at), last, "write", fd, NULL);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	return pwrite64(fd, data, len, at);
}

static int synced(long number, int fd)
{
	bool last;

	if (strikes(false, &last))
		return -1;
	return (int)done(syscall(number, fd), last, kind(fd) == S_IFDIR ? "sync-dir" : "sync-file",
			 fd, NULL);
}

int fsync(int fd)
{
	return synced(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return synced(SYS_fdatasync, fd);
}

int ftruncate64(int fd, off64_t len)
{
	bool last;

	if (strikes(false, &last))
		return -1;
	return (int)done(syscall(SYS_ftruncate, fd, len), last, "write", fd, NULL);
}

int ftruncate(int fd, off_t len)
{
	return ftruncate64(fd, len);
}

static int opened(int dirfd, const char *name, int flags, mode_t mode)
{
	bool last;

	if (!(flags & O_CREAT))
		return (int)syscall(SYS_openat, dirfd, name, flags, mode);
	if (strikes(false, &last))
		return -1;
	// Without O_EXCL it may have been there: a lock, a log.
	return (int)done(syscall(SYS_openat, dirfd, name, flags, mode), last,
			 flags & O_EXCL ? "make" : "open", dirfd, name);
}

static mode_t mode_of(int flags, va_list arguments)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

#define OPENAT(function)                                          \
	int function(int dirfd, const char *name, int flags, ...) \
	{                                                         \
		va_list arguments;                                \
		mode_t mode;                                      \
                                                                  \
		va_start(arguments, flags);                       \
		mode = mode_of(flags, arguments);                 \
		va_end(arguments);                                \
		return opened(dirfd, name, flags, mode);          \
	}
OPENAT(openat)
OPENAT(openat64)

#define OPEN(function)                                      \
	int function(const char *name, int flags, ...)      \
	{                                                   \
		va_list arguments;                          \
		mode_t mode;                                \
                                                            \
		va_start(arguments, flags);                 \
		mode = mode_of(flags, arguments);           \
		va_end(arguments);                          \
		return opened(AT_FDCWD, name, flags, mode); \
	}
OPEN(open)
OPEN(open64)

int mkdirat(int dirfd, const char *name, mode_t mode)
{
	bool last;

	if (strikes(false, &last))
		return -1;
	return (int)done(syscall(SYS_mkdirat, dirfd, name, mode), last, "make-dir", dirfd, name);
}

int mkdir(const char *name, mode_t mode)
{
	return mkdirat(AT_FDCWD, name, mode);
}

int symlinkat(const char *text, int dirfd, const char *name)
{
	bool last;

	if (strikes(false, &last))
		return -1;
	return (int)done(syscall(SYS_symlinkat, text, dirfd, name), last, "symlink", dirfd, name);
}

int unlinkat(int dirfd, const char *name, int flags)
{
	bool last;

	if (strikes(true, &last))
		return -1;
	return (int)done(syscall(SYS_unlinkat, dirfd, name, flags), last, "unlink", dirfd, name);
}

int unlink(const char *name)
{
	return unlinkat(AT_FDCWD, name, 0);
}

int linkat(int dirfd, const char *name, int to_dirfd, const char *to_name, int flags)
{
	bool last;
	int result;

	if (strikes(false, &last))
		return -1;
	result = (int)syscall(SYS_linkat, dirfd, name, to_dirfd, to_name, flags);
	if (!result)
		tell("link", dirfd, name, to_dirfd, to_name);
	if (last)
		put_out();
	return result;
}

int renameat(int dirfd, const char *name, int to_dirfd, const char *to_name)
{
	bool last;
	int result;

	if (strikes(false, &last))
		return -1;
	result = (int)syscall(SYS_renameat, dirfd, name, to_dirfd, to_name);
	if (!result)
		tell("rename", dirfd, name, to_dirfd, to_name);
	if (last)
		put_out();
	return result;
}

int rename(const char *name, const char *to_name)
{
	return renameat(AT_FDCWD, name, AT_FDCWD, to_name);
}
