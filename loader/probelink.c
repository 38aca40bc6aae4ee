// SPDX-License-Identifier: Apache-2.0
#include "loader/probelink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/owned.h"

// The perf event type of kprobes: a number that differs between kernels.
#define KPROBE_TYPE "/sys/bus/event_source/devices/kprobe/type"
// Bit 0 of config, as .../kprobe/format/retprobe has had it since Linux 4.17.
#define KPROBE_RETURN UINT64_C(1)

static int refuse(const struct probelink_event *event, int error, struct fault *why)
{
	return fault_set(why, FAULT_KERNEL, "cannot watch %s %s: %s", probe_kind_name(event->kind),
			 event->target, strerror(error));
}

// Debian's kernels know a level of their own, 3, and have it by default: no perf event without CAP_SYS_ADMIN, whatever
// CAP_PERFMON says elsewhere. Tracepoints and kprobes are perf events; raw tracepoints and typed programs are none.
static int refuse_event(const struct probelink_event *event, int error, struct fault *why)
{
	if (error != EACCES)
		return refuse(event, error, why);
	fault_set(why, FAULT_KERNEL,
		  "cannot watch %s %s: the kernel gives the loader no perf event, as where the "
		  "sysctl "
		  "kernel.perf_event_paranoid is above 2",
		  probe_kind_name(event->kind), event->target);
	return fault_fix(
		why, "'sysctl -w kernel.perf_event_paranoid=2', and in /etc/sysctl.d for the next "
		     "boot; or watch by a raw tracepoint");
}

// One event for the whole machine: a program on a perf event of a tracepoint or kprobe runs on every CPU, wherever the
// event itself is counted.
static int perf_open(const struct probelink_event *event, struct perf_event_attr *attr, int *out,
		     struct fault *why)
{
	long fd;

	attr->size = sizeof(*attr);
	attr->sample_period = 1;
	attr->wakeup_events = 1;
	fd = syscall(SYS_perf_event_open, attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return refuse_event(event, errno, why);
	*out = (int)fd;
	return 0;
}

static int kprobe_type(uint32_t *out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(drop_fd) int fd = open(KPROBE_TYPE, O_RDONLY | O_CLOEXEC);
	uint64_t type;

	if (fd < 0)
		return fault_set(why, FAULT_KERNEL, "this kernel has no kprobes");
	if (file_read_fd(fd, 32, &text, why))
		return -1;
	type = strtoul(bytes_text(&text), NULL, 10);
	if (!type || type > UINT32_MAX)
		return fault_set(why, FAULT_KERNEL, "%s says nothing", KPROBE_TYPE);
	*out = (uint32_t)type;
	return 0;
}

static int link_perf(const struct probelink_event *event, struct perf_event_attr *attr,
		     int program_fd, int *link_fd, struct fault *why)
{
	OWNED(drop_fd) int event_fd = -1;

	if (perf_open(event, attr, &event_fd, why))
		return -1;
	// The link holds the event from here on (Linux 5.15).
	*link_fd = bpf_link_create(program_fd, event_fd, BPF_PERF_EVENT, NULL);
	return *link_fd < 0 ? refuse(event, -*link_fd, why) : 0;
}

static int link_tracepoint(const struct probelink_event *event, int program_fd, int *link_fd,
			   struct fault *why)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT,
				       .config = event->tracepoint_id};

	if (!event->tracepoint_id)
		return fault_set(why, FAULT_KERNEL, "this kernel shows no tracepoint %s",
				 event->target);
	return link_perf(event, &attr, program_fd, link_fd, why);
}

static int link_kprobe(const struct probelink_event *event, int program_fd, int *link_fd,
		       struct fault *why)
{
	struct perf_event_attr attr = {
		.config = event->kind == PROBE_KRETPROBE ? KPROBE_RETURN : 0,
		.kprobe_func = (uint64_t)(uintptr_t)event->target,
	};

	if (kprobe_type(&attr.type, why))
		return fault_within(why, "cannot watch %s %s", probe_kind_name(event->kind),
				    event->target);
	return link_perf(event, &attr, program_fd, link_fd, why);
}

// What typed programs watch was settled when they were loaded; only raw tracepoints are named here.
static int link_raw(const struct probelink_event *event, int program_fd, int *link_fd,
		    struct fault *why)
{
	const char *name = event->kind == PROBE_RAW_TRACEPOINT ? event->target : NULL;

	*link_fd = bpf_raw_tracepoint_open(name, program_fd);
	return *link_fd < 0 ? refuse(event, -*link_fd, why) : 0;
}

int probelink_make(const struct probelink_event *event, int program_fd, int *link_fd,
		   struct fault *why)
{
	switch (event->kind) {
	case PROBE_TRACEPOINT:
		return link_tracepoint(event, program_fd, link_fd, why);
	case PROBE_KPROBE:
	case PROBE_KRETPROBE:
		return link_kprobe(event, program_fd, link_fd, why);
	case PROBE_RAW_TRACEPOINT:
	case PROBE_TP_BTF:
	case PROBE_FENTRY:
	case PROBE_FEXIT:
	case PROBE_KINDS:
	default:
		return link_raw(event, program_fd, link_fd, why);
	}
}
