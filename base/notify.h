// SPDX-License-Identifier: Apache-2.0
// What a service tells systemd of itself: that it is ready, and that it is alive. Nothing anywhere else.
#pragma once

// The socket that NOTIFY_SOCKET names, to be opened before the jail shuts; -1 where there is none. Yours to close.
int notify_open(void);
// "READY=1", "WATCHDOG=1", "STOPPING=1". Never blocks, and what is not heard is not missed.
void notify_say(int fd, const char *state);
