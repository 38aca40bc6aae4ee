// SPDX-License-Identifier: Apache-2.0
// Standard output or error that goes to systemd's journal: there each line may begin with its priority, so that
// `journalctl -p warning` shows what somebody has to look at. Elsewhere nothing is put before a line.
#pragma once

#include <stdbool.h>
#include <stdio.h>

// Whether this stream is what systemd connected with the journal (JOURNAL_STREAM), and not only a service's pipe or file.
bool journal_is(FILE *stream);
// What a line on this stream begins with, by its first word: "alarm:", "error:", "warning:", "note:". "" for any other
// line, and for every stream that is not the journal.
const char *journal_priority(FILE *stream, const char *line);
