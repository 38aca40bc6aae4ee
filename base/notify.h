// SPDX-License-Identifier: Apache-2.0
// sd_notify(3) without libsystemd: tells the service manager that a service is ready, alive or stopping. Does nothing where
// there is no service manager.
#pragma once

// Opens the socket that NOTIFY_SOCKET names, before the sandbox is entered; -1 where there is none. The caller closes it.
int notify_open(void);
// Sends "READY=1", "WATCHDOG=1" or "STOPPING=1". Never blocks; errors are ignored.
void notify_say(int fd, const char *state);
