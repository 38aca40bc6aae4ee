// SPDX-License-Identifier: Apache-2.0
#include "bpf/cmd_build.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/jail.h"
#include "base/owned.h"
#include "bpf/intake.h"
#include "bpf/node.h"
#include "bpf/pack.h"
#include "bpf/show.h"
#include "bpf/tryout.h"

// The compiler works in the directory of the sources, so what the call names relative to its own is made absolute.
struct places {
	char *clang;
	char **includes;
	size_t count;
};

static void places_drop(struct places *places)
{
	for (size_t i = 0; i < places->count; i++)
		free(places->includes[i]);
	free(places->includes);
	free(places->clang);
}

static int place_find(const char *path, char **out, struct fault *why)
{
	*out = realpath(path, NULL);
	if (*out)
		return 0;
	return fault_errno(why, errno == ENOENT ? FAULT_USAGE : FAULT_OTHER, "cannot find %s",
			   path);
}

static int places_read(const struct cli *cli, struct places *places, struct fault *why)
{
	const char *clang = cli_value(cli, "--clang");
	size_t count = cli_value_count(cli, "--include");

	places->includes = calloc(count + 1, sizeof(*places->includes));
	if (!places->includes)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (; places->count < count; places->count++)
		if (place_find(cli_value_at(cli, "--include", places->count),
			       &places->includes[places->count], why))
			return -1;
	// A plain name is looked for where programs are, a path is one.
	if (clang && strchr(clang, '/'))
		return place_find(clang, &places->clang, why);
	return clang ? text_copy(clang, &places->clang, why) : 0;
}

// Everything that starts another program, and then no more of that.
static int gather(const struct cli *cli, struct tryout *tryout, struct packing **out,
		  struct fault *why)
{
	OWNED(places_drop) struct places places = {0};
	struct pack_order order = {.object_dir = cli_value(cli, "--object-dir")};

	if (cli_need(cli, "--manifest", &order.manifest, why) || places_read(cli, &places, why))
		return -1;
	order.clang = places.clang;
	order.includes = (const char *const *)places.includes;
	order.include_count = places.count;
	if (pack_gather(&order, out, why) || (cli_has(cli, "--test") && tryout_must(tryout, why)))
		return -1;
	return jail_syscalls(JAIL_OFFLINE, why);
}

// Has this kernel load what was packed, and its name packed with it.
static int test(const struct cli *cli, struct tryout *tryout, struct packing *packing,
		const struct survey *survey, struct fault *why)
{
	OWNED(traffic_drop) struct traffic traffic = {.count = 0};
	OWNED(json_drop) struct json *trial = NULL;
	OWNED(bytes_drop) struct bytes policy = {0};
	const char *name = cli_value(cli, "--policy"), *kernel, *machine;

	if ((name && intake_file(name, NODE_FILE_MAX, &policy, why)) ||
	    traffic_add_ours(&traffic, why) ||
	    tryout_run(cli, tryout, survey->bundle, name, &policy, &traffic, &trial, why) ||
	    json_need_text(trial, "kernel", &kernel, why) ||
	    json_need_text(trial, "machine", &machine, why))
		return -1;
	cli_say(cli, "%s", "");
	return pack_tested(packing, kernel, machine, why);
}

// Packed, tested where that is asked for, and then packed again with what came of it.
static int build(const struct cli *cli, struct bytes *data, struct survey **survey,
		 struct fault *why)
{
	OWNED(tryout_drop) struct tryout tryout = TRYOUT_NONE;
	OWNED(pack_drop) struct packing *packing = NULL;
	OWNED(survey_drop) struct survey *untested = NULL;

	if (cli_has(cli, "--policy") && !cli_has(cli, "--test"))
		return fault_set(why, FAULT_USAGE, "--policy goes with --test");
	if (gather(cli, &tryout, &packing, why) || pack_finish(packing, data, &untested, why))
		return -1;
	if (!cli_has(cli, "--test")) {
		*survey = HAND_OVER(untested);
		return 0;
	}
	if (test(cli, &tryout, packing, untested, why))
		return -1;
	bytes_drop(data);
	return pack_finish(packing, data, survey, why);
}

int cmd_build(struct cli *cli, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	OWNED(json_drop) struct json *document = NULL;
	const char *output;
	struct sha256 sha256;

	if (cli_need(cli, "--output", &output, why) || build(cli, &data, &survey, why) ||
	    sha256_of(data.data, data.len, &sha256, why) ||
	    file_replace(output, data.data, data.len, 0644, why) ||
	    show_survey(cli, survey, data.len, &sha256, why) ||
	    show_document(survey, data.len, &sha256, &document, why) ||
	    json_put_text(document, "file", output, why))
		return -1;
	cli_say(cli, "wrote %s", output);
	cli_say(cli, "next: bpfseal bundle check %s", output);
	cli_say(cli, "      bpfseal bundle add %s --dir DIR --role ROLE", output);
	return cli_document(cli, "bpfseal.build/1", HAND_OVER(document), why);
}
