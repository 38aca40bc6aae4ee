// SPDX-License-Identifier: Apache-2.0
#include "loader/deadline.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

// From the deadline on the signal is repeated at this interval: libbpf loads again when the verifier was interrupted
// (EAGAIN), five times without a log and five times with one.
#define TICK_NS 5000000L

// To one thread, as the verifier works in one; newer headers have a name for the field.
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

// Signal handlers are process-wide and programs are loaded by several threads: the first deadline that starts installs
// ours, the last one that stops restores what was there.
static struct {
	pthread_mutex_t lock;
	unsigned users;
	struct sigaction before;
} handler = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void strike(int number, siginfo_t *info, void *context)
{
	struct deadline *deadline = info->si_value.sival_ptr;

	(void)number, (void)context;
	if (info->si_code != SI_TIMER || !deadline)
		return;
	// A log that is not empty: the program was refused in time, and libbpf loads it again only to get the reason.
	if (!deadline->struck)
		deadline->explaining = deadline->log[0] != '\0';
	deadline->struck = 1;
}

static int handler_take(void)
{
	struct sigaction action = {.sa_sigaction = strike, .sa_flags = SA_SIGINFO | SA_RESTART};
	int failed = 0;

	sigemptyset(&action.sa_mask);
	pthread_mutex_lock(&handler.lock);
	if (handler.users == 0)
		failed = sigaction(SIGALRM, &action, &handler.before);
	if (!failed)
		handler.users++;
	pthread_mutex_unlock(&handler.lock);
	return failed;
}

static void handler_give(void)
{
	pthread_mutex_lock(&handler.lock);
	if (--handler.users == 0)
		sigaction(SIGALRM, &handler.before, NULL);
	pthread_mutex_unlock(&handler.lock);
}

int deadline_start(struct deadline *deadline, unsigned seconds, const char *log, struct fault *why)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID,
				 .sigev_signo = SIGALRM,
				 .sigev_value.sival_ptr = deadline};
	const struct itimerspec when = {.it_value.tv_sec = (time_t)seconds,
					.it_interval.tv_nsec = TICK_NS};
	sigset_t alarm;

	deadline_stop(deadline);
	*deadline = (struct deadline){.log = log};
	event.sigev_notify_thread_id = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &deadline->timer))
		return fault_errno(why, FAULT_OTHER, "cannot make a timer");
	if (handler_take()) {
		timer_delete(deadline->timer);
		return fault_errno(why, FAULT_OTHER, "cannot handle a timer's signal");
	}
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	deadline->running = true;
	if (pthread_sigmask(SIG_UNBLOCK, &alarm, &deadline->old_mask) ||
	    timer_settime(deadline->timer, 0, &when, NULL)) {
		fault_errno(why, FAULT_OTHER, "cannot start a timer");
		deadline_stop(deadline);
		return -1;
	}
	return 0;
}

void deadline_stop(struct deadline *deadline)
{
	if (!deadline->running)
		return;
	// A signal that is under way arrives before this returns, while the handler is still ours.
	timer_delete(deadline->timer);
	handler_give();
	pthread_sigmask(SIG_SETMASK, &deadline->old_mask, NULL);
	deadline->running = false;
}
