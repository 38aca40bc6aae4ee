// SPDX-License-Identifier: Apache-2.0
#include "base/journal.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool journal_is(FILE *stream)
{
	const char *text = getenv("JOURNAL_STREAM");
	uint64_t device, inode;
	struct stat about;
	char tail;

	// "device:inode", as fstat() has them: a stream that was redirected since is another one.
	if (!text || sscanf(text, "%20" SCNu64 ":%20" SCNu64 "%c", &device, &inode, &tail) != 2 ||
	    fstat(fileno(stream), &about))
		return false;
	return about.st_dev == device && about.st_ino == inode;
}

const char *journal_priority(FILE *stream, const char *line)
{
	static const struct {
		const char *word, *priority;
	} known[] = {{"alarm:", "<2>"}, {"error:", "<3>"}, {"warning:", "<4>"}, {"note:", "<5>"}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strncmp(line, known[i].word, strlen(known[i].word)))
			return journal_is(stream) ? known[i].priority : "";
	return "";
}
