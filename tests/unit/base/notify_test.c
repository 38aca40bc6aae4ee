// SPDX-License-Identifier: Apache-2.0
#include "base/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/owned.h"

static int forget(void **state)
{
	(void)state;
	return unsetenv("NOTIFY_SOCKET");
}

// Listens as systemd does, on a path or ('@') on a name.
static int listen_on(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (const struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
			 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	return fd;
}

static void hears(int listener, const char *state)
{
	char text[64] = "";

	assert_true(recv(listener, text, sizeof(text) - 1, MSG_DONTWAIT) > 0);
	assert_string_equal(text, state);
}

static void what_is_said_is_heard_one_word_at_a_time(void **state)
{
	char dir[] = "/tmp/bpfseal-notify-XXXXXX", path[64];
	OWNED(drop_fd) int listener = -1;
	OWNED(drop_fd) int fd = -1;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/notify", dir);
	listener = listen_on(path);
	fd = notify_open();
	assert_true(fd >= 0);
	notify_say(fd, "READY=1");
	notify_say(fd, "WATCHDOG=1");
	hears(listener, "READY=1");
	hears(listener, "WATCHDOG=1");
	unlink(path);
	rmdir(dir);
}

static void a_name_without_a_file_is_one_too(void **state)
{
	char name[64];
	OWNED(drop_fd) int listener = -1;
	OWNED(drop_fd) int fd = -1;

	(void)state;
	snprintf(name, sizeof(name), "@bpfseal-notify-%d", (int)getpid());
	listener = listen_on(name);
	fd = notify_open();
	assert_true(fd >= 0);
	notify_say(fd, "READY=1");
	hears(listener, "READY=1");
}

static void where_nobody_listens_nothing_is_said(void **state)
{
	static const char *const odd[] = {"", "/", "notify", "@", "/nonexistent/notify"};
	char longer[300];

	(void)state;
	assert_int_equal(notify_open(), -1);
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		assert_int_equal(setenv("NOTIFY_SOCKET", odd[i], 1), 0);
		assert_int_equal(notify_open(), -1);
	}
	memset(longer, '/', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(setenv("NOTIFY_SOCKET", longer, 1), 0);
	assert_int_equal(notify_open(), -1);
	notify_say(-1, "READY=1");
}

// A reader that has stopped must not stop the service.
static void who_does_not_listen_is_not_waited_for(void **state)
{
	char name[64];
	OWNED(drop_fd) int listener = -1;
	OWNED(drop_fd) int fd = -1;

	(void)state;
	snprintf(name, sizeof(name), "@bpfseal-notify-full-%d", (int)getpid());
	listener = listen_on(name);
	fd = notify_open();
	assert_true(fd >= 0);
	alarm(300);
	for (int i = 0; i < 100000; i++)
		notify_say(fd, "WATCHDOG=1");
	alarm(0);
	hears(listener, "WATCHDOG=1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_is_said_is_heard_one_word_at_a_time, forget),
		cmocka_unit_test_teardown(a_name_without_a_file_is_one_too, forget),
		cmocka_unit_test_teardown(where_nobody_listens_nothing_is_said, forget),
		cmocka_unit_test_teardown(who_does_not_listen_is_not_waited_for, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
