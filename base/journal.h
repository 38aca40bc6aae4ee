// SPDX-License-Identifier: Apache-2.0
// Priorities of lines on stdout or stderr when these are connected to systemd's journal, so that `journalctl -p warning`
// selects what needs attention. Elsewhere lines get no prefix.
#pragma once

#include <stdbool.h>
#include <stdio.h>

// Whether this stream is the one that systemd connected with the journal (JOURNAL_STREAM), not a pipe or file.
bool journal_is(FILE *stream);
// The prefix "<N>" for a line on this stream, by its first word: "alarm:", "error:", "warning:", "note:". "" for any other line
// and for a stream that is not the journal.
const char *journal_priority(FILE *stream, const char *line);
