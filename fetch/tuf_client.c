// SPDX-License-Identifier: Apache-2.0
// tuf-client: our client behind the command line of the public TUF conformance suite. An adapter for tests; nodes run
// bpfseal-fetch. Exit status 0 or 1, nothing else.
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/jail.h"
#include "base/owned.h"
#include "fetch/download.h"
#include "fetch/source.h"
#include "keys/client.h"
#include "keys/local.h"

#define TARGET_MAX  (256u << 20) // a target is held in memory
#define TARGETS_MAX 256
#define ROOT_MAX    512000
#define LOCK_MS	    10000

struct words {
	const char *metadata_dir, *metadata_url, *target_dir, *target_base_url;
	const char *targets[TARGETS_MAX];
	size_t target_count;
	size_t targets_max; // bytes of one targets role; 0: the default
	const char *command, *root_file;
	int64_t now;
};

// Never given back: the process ends with it, and to free the tree of a large role value by value costs a quarter of a
// run. It stands here, and not in a local, so that those who look for leaks still find it reachable.
static struct client *the_client;

static const struct option long_options[] = {
	{"metadata-dir", required_argument, NULL, 'd'},
	{"metadata-url", required_argument, NULL, 'u'},
	{"target-name", required_argument, NULL, 'n'},
	{"target-dir", required_argument, NULL, 't'},
	{"target-base-url", required_argument, NULL, 'b'},
	{"targets-max", required_argument, NULL, 'm'}, // ours, for tests/bench
	{NULL, 0, NULL, 0},
};

static int add_target(struct words *words, const char *name, struct fault *why)
{
	if (words->target_count == TARGETS_MAX)
		return fault_set(why, FAULT_USAGE, "more than %d targets", TARGETS_MAX);
	words->targets[words->target_count++] = name;
	return 0;
}

static int take_options(struct words *words, int argc, char **argv, struct fault *why)
{
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == 'd')
			words->metadata_dir = optarg;
		else if (option == 'u')
			words->metadata_url = optarg;
		else if (option == 't')
			words->target_dir = optarg;
		else if (option == 'b')
			words->target_base_url = optarg;
		else if (option == 'm')
			words->targets_max = strtoul(optarg, NULL, 10);
		else if (option != 'n')
			return fault_set(why, FAULT_USAGE, "unknown option");
		else if (add_target(words, optarg, why))
			return -1;
	}
	words->command = argv[optind];
	words->root_file = words->command ? argv[optind + 1] : NULL;
	if (!words->command || !words->metadata_dir)
		return fault_set(why, FAULT_USAGE,
				 "usage: tuf-client --metadata-dir D [OPTION]... "
				 "init ROOT | refresh | download");
	return 0;
}

// ---- init ----

static int run_init(const struct words *words, struct fault *why)
{
	OWNED(bytes_drop) struct bytes root = {0};
	OWNED(drop_fd) int dir = -1;

	if (!words->root_file)
		return fault_set(why, FAULT_USAGE, "init needs a root file");
	if (file_read(words->root_file, ROOT_MAX, &root, why) ||
	    dir_open(words->metadata_dir, &dir, why))
		return -1;
	return file_replace_at(dir, "root.json", root.data, root.len, 0644, why);
}

// ---- download ----

// "http://host:1/a/b/" -> a door to "http://host:1", and "a/b/". The suite puts quoted test names into its paths, which
// no admin's URL has and pin_url_check therefore refuses in a base.
static int open_door(const char *url, struct download **out, const char **prefix, struct fault *why)
{
	const struct download_limits limits = download_limits_default();
	OWNED(drop_heap) char *base = NULL;
	const char *host = strstr(url, "://"), *path;

	path = host ? strchr(host + 3, '/') : NULL;
	*prefix = path ? path + 1 : "";
	if (text_copy(url, &base, why))
		return -1;
	if (path)
		base[path - url] = '\0';
	return download_new(base, NULL, &limits, out, why);
}

// Is the file there already, as signed? Then the repository is not asked.
static bool is_there(int dir, const char *file, const struct target *target)
{
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault ignored = {0};

	return !file_read_at(dir, file, TARGET_MAX, &data, &ignored) &&
	       !target_check(target, data.data, data.len, &ignored);
}

// Where targets come from, and where they go.
struct way {
	struct download *download;
	const char *prefix;
	int dir;
	bool consistent;
};

static int download_target(struct client *client, const struct way *way, const char *path,
			   struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(drop_heap) char *file = NULL;
	const struct target *target;

	if (client_find(client, path, &target, why) || role_quote(path, &file, why))
		return -1;
	if (is_there(way->dir, file, target))
		return 0;
	if (source_target(way->download, way->prefix, target, way->consistent, TARGET_MAX, &data,
			  why))
		return -1;
	return file_replace_at(way->dir, file, data.data, data.len, 0644, why);
}

static int download_all(const struct words *words, struct client *client, struct source *source,
			struct fault *why)
{
	OWNED(download_drop) struct download *download = NULL;
	OWNED(drop_fd) int dir = -1;
	struct way way = {0};

	if (!words->target_dir || !words->target_base_url)
		return fault_set(why, FAULT_USAGE,
				 "download needs --target-dir and --target-base-url");
	if (open_door(words->target_base_url, &download, &way.prefix, why) ||
	    dir_open(words->target_dir, &dir, why) ||
	    source_is_consistent(source, &way.consistent, why))
		return -1;
	way.download = download;
	way.dir = dir;
	for (size_t i = 0; i < words->target_count; i++)
		if (download_target(client, &way, words->targets[i], why))
			return -1;
	return 0;
}

static int run_client(const struct words *words, struct fault *why)
{
	struct client_limits caps = client_limits_default();
	OWNED(drop_fd) int dir = -1;
	OWNED(drop_fd) int lock = -1;
	OWNED(download_drop) struct download *download = NULL;
	const char *prefix;

	if (!words->metadata_url)
		return fault_set(why, FAULT_USAGE, "%s needs --metadata-url", words->command);
	if (dir_open(words->metadata_dir, &dir, why) ||
	    file_lock_at(dir, ".lock", LOCK_MS, &lock, why) ||
	    open_door(words->metadata_url, &download, &prefix, why))
		return -1;
	struct source source = {
		.download = download,
		.prefix = prefix,
		.local = {.dirfd = dir, .roots_dirfd = -1, .mode = 0644},
	};
	struct client_io io = source_io(&source);

	if (words->targets_max)
		caps.targets_max = words->targets_max;
	if (client_new(&io, &caps, words->now, &the_client, why) || client_refresh(the_client, why))
		return -1;
	if (!strcmp(words->command, "refresh"))
		return 0;
	return download_all(words, the_client, &source, why);
}

static int run(const struct words *words, struct fault *why)
{
	if (!strcmp(words->command, "init"))
		return run_init(words, why);
	if (!strcmp(words->command, "refresh") || !strcmp(words->command, "download"))
		return run_client(words, why);
	return fault_set(why, FAULT_USAGE, "unknown command %s", words->command);
}

int main(int argc, char **argv)
{
	// First of all: the suite sets this clock through the environment, which the next line empties.
	struct words words = {.now = (int64_t)time(NULL)};
	struct fault why = {0};

	signal(SIGPIPE, SIG_IGN);
	if (jail_start(argc, &why) || take_options(&words, argc, argv, &why) || run(&words, &why)) {
		fault_print(&why, stderr);
		return 1;
	}
	return 0;
}
