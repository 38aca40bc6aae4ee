// SPDX-License-Identifier: Apache-2.0
#include "bpf/cmd_new.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/boilerplate.h"

#define HEADERS "bpfseal"

static int read_words(const struct cli *cli, struct boilerplate *about, struct fault *why)
{
	const char *hook = cli_arg(cli, 0), *linkage = cli_value(cli, "--linkage");
	const char *publisher = cli_value(cli, "--publisher");

	*about = (struct boilerplate){.name = cli_arg(cli, 1),
				      .publisher = publisher ? publisher : "net",
				      .hook = HOOK_XDP,
				      .linkage = LINK_WRAP};
	if (!strcmp(hook, "tc"))
		about->hook = HOOK_TC_INGRESS;
	else if (strcmp(hook, "xdp") != 0)
		return fault_set(why, FAULT_USAGE, "a new program is for xdp or tc, not '%.40s'",
				 hook);
	if (linkage && !strcmp(linkage, "chain"))
		about->linkage = LINK_CHAIN;
	else if (linkage && strcmp(linkage, "wrap") != 0)
		return fault_set(why, FAULT_USAGE, "--linkage is wrap or chain, not '%.40s'",
				 linkage);
	return 0;
}

// Before the first is written: what is there is somebody's work, and half a set is of no use.
static int check_absent(int dirfd, const char *dir, const struct boilerplate_files *files,
			struct fault *why)
{
	struct stat st;

	for (size_t i = 0; i < files->count; i++) {
		if (fstatat(dirfd, files->list[i].name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return fault_set(why, FAULT_USAGE,
					 "%s/%s exists already and is not overwritten", dir,
					 files->list[i].name);
		if (errno != ENOENT)
			return fault_errno(why, FAULT_OTHER, "cannot look for %s/%s", dir,
					   files->list[i].name);
	}
	return 0;
}

static int write_files(const char *dir, const struct boilerplate_files *files, struct fault *why)
{
	OWNED(drop_fd) int dirfd = -1;
	OWNED(drop_fd) int headers = -1;

	if (dir_make(dir, 0755, &dirfd, why) || check_absent(dirfd, dir, files, why) ||
	    dir_make_at(dirfd, HEADERS, 0755, &headers, why))
		return -1;
	for (size_t i = 0; i < files->count; i++) {
		const struct boilerplate_file *file = &files->list[i];
		const char *slash = strchr(file->name, '/');

		if (file_create_at(slash ? headers : dirfd, slash ? slash + 1 : file->name,
				   file->text.data, file->text.len, 0644, why))
			return fault_within(why, "cannot write %s/%s", dir, file->name);
	}
	return 0;
}

int cmd_new(struct cli *cli, struct fault *why)
{
	OWNED(boilerplate_files_drop) struct boilerplate_files files = {.count = 0};
	OWNED(json_drop) struct json *document = json_make_object();
	struct json *list = json_make_array();
	struct boilerplate about;
	const char *dir;

	if (json_put(document, "files", list, why) || read_words(cli, &about, why) ||
	    boilerplate_write(&about, &files, why))
		return -1;
	dir = cli_value(cli, "--dir") ? cli_value(cli, "--dir") : about.name;
	if (write_files(dir, &files, why))
		return -1;
	for (size_t i = 0; i < files.count; i++) {
		cli_say(cli, "wrote %s/%s", dir, files.list[i].name);
		if (json_add(list, json_make_text(files.list[i].name), why))
			return -1;
	}
	cli_say(cli, "next: make -C %s test && make -C %s check", dir, dir);
	if (json_put_text(document, "dir", dir, why))
		return -1;
	return cli_document(cli, "bpfseal.new/1", HAND_OVER(document), why);
}
