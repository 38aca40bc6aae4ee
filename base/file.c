// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "base/owned.h"

// ---- directories ----

int path_under(const char *root, const char *path, char **out, struct fault *why)
{
	size_t len = root ? strlen(root) : 0;

	while (len && root[len - 1] == '/')
		len--;
	if (asprintf(out, "%.*s%s", (int)len, root ? root : "", path) < 0) {
		*out = NULL;
		return fault_set(why, FAULT_OTHER, "out of memory");
	}
	return 0;
}

static int opened(int fd, const char *name, const char *what, int *out, struct fault *why)
{
	if (fd < 0)
		return fault_errno(why, errno == ENOENT ? FAULT_NOT_FOUND : FAULT_OTHER,
				   "cannot open %s %s", what, name);
	*out = fd;
	return 0;
}

int path_parent(const char *path, char **out, struct fault *why)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return text_copy(".", out, why);
	if (text_copy(path, out, why))
		return -1;
	(*out)[slash == path ? 1 : slash - path] = '\0';
	return 0;
}

int dir_open(const char *path, int *out, struct fault *why)
{
	return opened(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), path, "directory", out, why);
}

int dir_open_at(int dirfd, const char *name, int *out, struct fault *why)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

	return opened(openat(dirfd, name, flags), name, "directory", out, why);
}

int dir_make_at(int dirfd, const char *name, mode_t mode, int *out, struct fault *why)
{
	if (mkdirat(dirfd, name, mode) == 0) {
		// The umask is 077; the mode asked for is the mode meant.
		if (fchmodat(dirfd, name, mode, 0))
			return fault_errno(why, FAULT_OTHER, "cannot set the mode of %s", name);
		if (dir_sync(dirfd, why))
			return -1;
	} else if (errno != EEXIST) {
		return fault_errno(why, FAULT_OTHER, "cannot make directory %s", name);
	}
	return dir_open_at(dirfd, name, out, why);
}

int dir_make(const char *path, mode_t mode, int *out, struct fault *why)
{
	OWNED(drop_heap) char *copy = NULL;
	OWNED(drop_fd) int fd = -1;
	char *at, *name, *save = NULL;

	if (text_copy(path, &copy, why))
		return -1;
	fd = open(path[0] == '/' ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fault_errno(why, FAULT_OTHER, "cannot open the start of %s", path);
	for (at = copy; (name = strtok_r(at, "/", &save)); at = NULL) {
		int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (next < 0 && dir_make_at(fd, name, mode, &next, why))
			return fault_within(why, "cannot make %s", path);
		close(fd);
		fd = next;
	}
	*out = HAND_OVER_FD(fd);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_drop(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
	*names = (struct names){0};
}

static int names_add(struct names *names, const char *name, struct fault *why)
{
	char **grown = realloc(names->name, (names->count + 1) * sizeof(*grown));

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	names->name = grown;
	if (text_copy(name, &grown[names->count], why))
		return -1;
	names->count++;
	return 0;
}

static void drop_stream(DIR **stream)
{
	if (*stream)
		closedir(*stream);
}

int names_list(int dirfd, struct names *out, struct fault *why)
{
	// A descriptor of its own: fdopendir takes over the one it gets, and the offset is shared.
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWNED(drop_stream) DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	OWNED(names_drop) struct names found = {0};
	struct dirent *entry;

	if (!stream) {
		fault_errno(why, FAULT_OTHER, "cannot list a directory");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((errno = 0, entry = readdir(stream))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (names_add(&found, entry->d_name, why))
			return -1;
	}
	if (errno)
		return fault_errno(why, FAULT_OTHER, "cannot list a directory");
	if (found.count)
		qsort(found.name, found.count, sizeof(*found.name), by_name);
	names_drop(out);
	*out = found;
	found = (struct names){0};
	return 0;
}

int dir_sync(int dirfd, struct fault *why)
{
	if (fsync(dirfd))
		return fault_errno(why, FAULT_OTHER, "cannot make a directory durable");
	return 0;
}

// ---- reading ----

static int check_regular(int fd, const char *name, struct fault *why)
{
	struct stat st;

	if (fstat(fd, &st))
		return fault_errno(why, FAULT_OTHER, "cannot stat %s", name);
	if (!S_ISREG(st.st_mode))
		return fault_set(why, FAULT_OTHER, "%s is not a regular file", name);
	return 0;
}

static int open_regular(int dirfd, const char *name, int extra, int *out, struct fault *why)
{
	// O_NONBLOCK: a fifo put in the file's place must not hang us before we see what it is.
	OWNED(drop_fd)
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | extra);

	if (fd < 0)
		return opened(fd, name, "file", out, why);
	if (check_regular(fd, name, why))
		return -1;
	*out = HAND_OVER_FD(fd);
	return 0;
}

int file_open_at(int dirfd, const char *name, int *out, struct fault *why)
{
	return open_regular(dirfd, name, O_NOFOLLOW, out, why);
}

#define READ_PIECE 16384

int file_read_fd(int fd, size_t max, struct bytes *out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes all = {0};
	struct stat st;
	// A hint that saves growing: files of the kernel have no size, and any file may grow while it is read.
	size_t hint =
		fstat(fd, &st) == 0 && st.st_size > READ_PIECE ? (size_t)st.st_size : READ_PIECE;

	if (bytes_reserve(&all, hint < max ? hint : max, why))
		return -1;
	for (;;) {
		ssize_t got;

		if (all.len + 1 == all.room && bytes_reserve(&all, READ_PIECE, why))
			return -1;
		got = pread(fd, all.data + all.len, all.room - all.len - 1, (off_t)all.len);
		if (got < 0 && errno == EINTR)
			continue;
		// A read error is not the end of the file (apt CVE-2016-1252).
		if (got < 0)
			return fault_errno(why, FAULT_OTHER, "cannot read");
		if (got == 0)
			break;
		all.len += (size_t)got;
		if (all.len > max)
			return fault_set(why, FAULT_TOO_LARGE, "more than %zu bytes", max);
	}
	all.data[all.len] = '\0';
	bytes_move(out, &all);
	return 0;
}

static int read_opened(int fd, const char *name, size_t max, struct bytes *out, struct fault *why)
{
	if (file_read_fd(fd, max, out, why))
		return fault_within(why, "cannot read %s", name);
	return 0;
}

int file_read_at(int dirfd, const char *name, size_t max, struct bytes *out, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;

	if (file_open_at(dirfd, name, &fd, why))
		return -1;
	return read_opened(fd, name, max, out, why);
}

int file_read(const char *path, size_t max, struct bytes *out, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;

	if (open_regular(AT_FDCWD, path, 0, &fd, why))
		return -1;
	return read_opened(fd, path, max, out, why);
}

// ---- writing ----

int file_write_all(int fd, const void *data, size_t len, struct fault *why)
{
	const unsigned char *from = data;

	while (len) {
		ssize_t put = write(fd, from, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return fault_errno(why, FAULT_OTHER, "cannot write");
		from += put;
		len -= (size_t)put;
	}
	return 0;
}

#define TEMPORARY ".tmp-"

int file_draft_at(int dirfd, const void *data, size_t len, mode_t mode,
		  char name[static FILE_DRAFT_LEN], int *out, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	unsigned char random[8];
	char hex[2 * sizeof(random) + 1];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return fault_errno(why, FAULT_OTHER, "no random bytes");
	hex_write(random, sizeof(random), hex);
	snprintf(name, FILE_DRAFT_LEN, TEMPORARY "%s", hex);
	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fault_errno(why, FAULT_OTHER, "cannot make a file");
	if (file_write_all(fd, data, len, why) == 0) {
		if (fchmod(fd, mode) == 0) {
			*out = HAND_OVER_FD(fd);
			return 0;
		}
		fault_errno(why, FAULT_OTHER, "cannot make a file");
	}
	unlinkat(dirfd, name, 0);
	return -1;
}

// A durable one.
static int write_temporary(int dirfd, const void *data, size_t len, mode_t mode,
			   char name[static FILE_DRAFT_LEN], struct fault *why)
{
	OWNED(drop_fd) int fd = -1;

	if (file_draft_at(dirfd, data, len, mode, name, &fd, why))
		return -1;
	// After a failed fsync the pages may be gone: the whole transaction is dead (A66).
	if (fsync(fd) == 0)
		return 0;
	fault_errno(why, FAULT_OTHER, "cannot make a file durable");
	unlinkat(dirfd, name, 0);
	return -1;
}

int file_place_at(int dirfd, const char *temporary, const char *name, struct fault *why)
{
	if (renameat(dirfd, temporary, dirfd, name) == 0)
		return 0;
	fault_errno(why, FAULT_OTHER, "cannot put %s in place", name);
	unlinkat(dirfd, temporary, 0);
	return -1;
}

int file_replace_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		    struct fault *why)
{
	char temporary[FILE_DRAFT_LEN];

	if (write_temporary(dirfd, data, len, mode, temporary, why))
		return fault_within(why, "cannot write %s", name);
	return file_place_at(dirfd, temporary, name, why) ? -1 : dir_sync(dirfd, why);
}

int file_create_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		   struct fault *why)
{
	char temporary[FILE_DRAFT_LEN];
	int linked, number;

	if (write_temporary(dirfd, data, len, mode, temporary, why))
		return fault_within(why, "cannot write %s", name);
	linked = linkat(dirfd, temporary, dirfd, name, 0);
	number = errno;
	unlinkat(dirfd, temporary, 0);
	errno = number;
	if (linked && number == EEXIST)
		return fault_set(why, FAULT_USAGE, "%s exists already and is not overwritten",
				 name);
	if (linked)
		return fault_errno(why, FAULT_OTHER, "cannot put %s in place", name);
	return dir_sync(dirfd, why);
}

bool file_holds_at(int dirfd, const char *name, const void *data, size_t len)
{
	OWNED(bytes_drop) struct bytes there = {0};
	struct fault ignored = {0};

	return file_read_at(dirfd, name, len, &there, &ignored) == 0 && there.len == len &&
	       (!len || !memcmp(there.data, data, len));
}

int file_store_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		  struct fault *why)
{
	if (file_holds_at(dirfd, name, data, len))
		return 0;
	return file_replace_at(dirfd, name, data, len, mode, why);
}

typedef int write_at(int, const char *, const void *, size_t, mode_t, struct fault *);

static int write_by_path(write_at *write, const char *path, const void *data, size_t len,
			 mode_t mode, struct fault *why)
{
	OWNED(drop_heap) char *dir = NULL;
	OWNED(drop_fd) int dirfd = -1;
	const char *slash = strrchr(path, '/');

	if (path_parent(path, &dir, why) || dir_open(dir, &dirfd, why))
		return -1;
	return write(dirfd, slash ? slash + 1 : path, data, len, mode, why);
}

int file_replace(const char *path, const void *data, size_t len, mode_t mode, struct fault *why)
{
	return write_by_path(file_replace_at, path, data, len, mode, why);
}

int file_create(const char *path, const void *data, size_t len, mode_t mode, struct fault *why)
{
	return write_by_path(file_create_at, path, data, len, mode, why);
}

int file_remove_at(int dirfd, const char *name, struct fault *why)
{
	if (unlinkat(dirfd, name, 0)) {
		if (errno == ENOENT)
			return 0;
		return fault_errno(why, FAULT_OTHER, "cannot remove %s", name);
	}
	return dir_sync(dirfd, why);
}

int dir_sweep_temporaries(int dirfd, struct fault *why)
{
	OWNED(names_drop) struct names names = {0};

	if (names_list(dirfd, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (!strncmp(names.name[i], TEMPORARY, strlen(TEMPORARY)) &&
		    file_remove_at(dirfd, names.name[i], why))
			return -1;
	return 0;
}

// ---- locks ----

int file_lock_at(int dirfd, const char *name, unsigned wait_ms, int *out, struct fault *why)
{
	OWNED(drop_fd)
	int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
	unsigned waited = 0;

	if (fd < 0)
		return fault_errno(why, FAULT_OTHER, "cannot open the lock file %s", name);
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fault_errno(why, FAULT_OTHER, "cannot take the lock %s", name);
		if (waited >= wait_ms) {
			fault_set(why, FAULT_BUSY, "another run is at work and holds the lock");
			return fault_fix(why, "wait for it to end, then run the command again");
		}
		nanosleep(&pause, NULL);
		waited += 10;
	}
	*out = HAND_OVER_FD(fd);
	return 0;
}

// ---- who owns it ----

static int owner_is_fine(const struct stat *st, const char *path, struct fault *why)
{
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		fault_set(why, FAULT_CONFIG, "%s belongs to uid %u, not to root", path, st->st_uid);
		return fault_fix(why, "chown root %s", path);
	}
	// Whoever may write it could say what runs here. A sticky directory (like /tmp) lets nobody replace
	// what is another's.
	if ((st->st_mode & 022) && !(S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX))) {
		fault_set(why, FAULT_CONFIG, "%s may be written by others (mode %04o)", path,
			  st->st_mode & 07777);
		return fault_fix(why, "chmod go-w %s", path);
	}
	return 0;
}

int file_check_owner(int fd, const char *path, struct fault *why)
{
	struct stat st;

	if (fstat(fd, &st))
		return fault_errno(why, FAULT_OTHER, "cannot stat %s", path);
	if (!S_ISREG(st.st_mode))
		return fault_set(why, FAULT_CONFIG, "%s is not a regular file", path);
	return owner_is_fine(&st, path, why);
}

int path_check_owner(const char *root, const char *path, struct fault *why)
{
	OWNED(drop_heap) char *part = NULL;
	size_t root_len = root ? strlen(root) : 0;

	if (text_copy(path, &part, why))
		return -1;
	while (root_len && root[root_len - 1] == '/')
		root_len--;
	// From the file up to the root: each level, and none of them a symlink.
	for (;;) {
		struct stat st;
		char *slash;

		if (lstat(part[0] ? part : "/", &st))
			return fault_errno(why, errno == ENOENT ? FAULT_NOT_FOUND : FAULT_OTHER,
					   "cannot stat %s", part);
		if (S_ISLNK(st.st_mode))
			return fault_set(why, FAULT_CONFIG, "%s is a symbolic link", part);
		if (owner_is_fine(&st, part[0] ? part : "/", why))
			return -1;
		slash = strrchr(part, '/');
		if (!part[0] || !slash || strlen(part) <= root_len)
			return 0;
		*slash = '\0';
	}
}
