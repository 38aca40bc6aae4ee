// SPDX-License-Identifier: Apache-2.0
// Somebody else with all rights on the node: does one thing to a chain, and says when it was done. What the kernel refuses
// him he says, too, and ends with 1.
//     foe now                          the time, in milliseconds
//     foe pin xdp|tc NAME PATH         loads a program that lets everything by, and pins it
//     foe detach PIN                   BPF_LINK_DETACH
//     foe detach-id ID                 the same, of a link found by its id
//     foe update PIN xdp|tc            BPF_LINK_UPDATE to such a program
//     foe write PIN xdp|tc             puts such a program into slot 0 of an array
//     foe delete PIN                   empties slot 0
//     foe before|after IFACE HOOK NAME attaches one to a TCX hook, without a link
//     foe lead IFACE HOOK NAME         the same with a link, and stays until it is killed
//     foe link IFACE                   an XDP link of his own
//     foe look PIN                     only asks for a link's state, ten thousand times: nanoseconds of a processor for each
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define TCX_INGRESS 46
#define TCX_EGRESS  47
#define BEFORE	    (1u << 3)
#define AFTER	    (1u << 4)

struct tcx_attach {
	uint32_t ifindex, fd, attach_type, flags, unused, neighbour;
	uint64_t revision;
};

static struct timespec begun; // before the deed: nobody can have seen it earlier

static int refused(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

static int done(void)
{
	printf("%lld\n", (long long)begun.tv_sec * 1000 + begun.tv_nsec / 1000000);
	fflush(stdout);
	return 0;
}

// Lets everything by: XDP_PASS, or TC_ACT_UNSPEC.
static int pass(const char *kind, const char *name)
{
	bool xdp = !strcmp(kind, "xdp");
	const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = xdp ? 2 : -1},
					 {.code = BPF_JMP | BPF_EXIT}};
	LIBBPF_OPTS(bpf_prog_load_opts, opts);

	if (xdp)
		opts.expected_attach_type = BPF_XDP;
	return bpf_prog_load(xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS, name, "GPL", insns,
			     2, &opts);
}

static uint32_t hook_type(const char *hook)
{
	return !strcmp(hook, "tc_egress") ? TCX_EGRESS : TCX_INGRESS;
}

static int attach(const char *way, const char *iface, const char *hook, const char *name)
{
	struct tcx_attach attr = {.ifindex = if_nametoindex(iface),
				  .fd = (uint32_t)pass("tc", name),
				  .attach_type = hook_type(hook),
				  .flags = strcmp(way, "after") ? BEFORE : AFTER};

	return syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)) ? refused("attach") : done();
}

static int lead(const char *iface, const char *hook, const char *name)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = BEFORE);

	if (bpf_link_create(pass("tc", name), (int)if_nametoindex(iface),
			    (enum bpf_attach_type)hook_type(hook), &opts) < 0)
		return refused("link");
	done();
	pause();
	return 0;
}

static int on_slot(const char *path, const char *kind)
{
	int array = bpf_obj_get(path), program = kind ? pass(kind, "foe") : -1;
	uint32_t zero = 0;

	if (array < 0)
		return refused("open");
	if (kind ? bpf_map_update_elem(array, &zero, &program, BPF_ANY)
		 : bpf_map_delete_elem(array, &zero))
		return refused("write");
	return done();
}

static int on_link(int link, const char *kind)
{
	if (link < 0)
		return refused("open");
	if (kind ? bpf_link_update(link, pass(kind, "foe"), NULL) : bpf_link_detach(link))
		return refused("link");
	return done();
}

static int look(int link)
{
	enum { TIMES = 10000 };
	struct bpf_link_info info;
	struct timespec spent;

	for (int i = 0; i < TIMES; i++) {
		__u32 len = sizeof(info);

		memset(&info, 0, sizeof(info));
		if (bpf_obj_get_info_by_fd(link, &info, &len))
			return refused("info");
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
	printf("%lld\n", ((long long)spent.tv_sec * 1000000000 + spent.tv_nsec) / TIMES);
	return 0;
}

static int pin(const char *kind, const char *name, const char *path)
{
	int fd = pass(kind, name);

	return fd < 0 || bpf_obj_pin(fd, path) ? refused("pin") : done();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	clock_gettime(CLOCK_REALTIME, &begun);
	if (!strcmp(what, "now"))
		return done();
	if (!strcmp(what, "pin") && argc == 5)
		return pin(argv[2], argv[3], argv[4]);
	if (!strcmp(what, "detach") && argc == 3)
		return on_link(bpf_obj_get(argv[2]), NULL);
	if (!strcmp(what, "detach-id") && argc == 3)
		return on_link(bpf_link_get_fd_by_id((uint32_t)strtoul(argv[2], NULL, 10)), NULL);
	if (!strcmp(what, "update") && argc == 4)
		return on_link(bpf_obj_get(argv[2]), argv[3]);
	if (!strcmp(what, "write") && argc == 4)
		return on_slot(argv[2], argv[3]);
	if (!strcmp(what, "delete") && argc == 3)
		return on_slot(argv[2], NULL);
	if ((!strcmp(what, "before") || !strcmp(what, "after")) && argc == 5)
		return attach(what, argv[2], argv[3], argv[4]);
	if (!strcmp(what, "lead") && argc == 5)
		return lead(argv[2], argv[3], argv[4]);
	if (!strcmp(what, "look") && argc == 3)
		return look(bpf_obj_get(argv[2]));
	if (!strcmp(what, "link") && argc == 3)
		return bpf_link_create(pass("xdp", "foe"), (int)if_nametoindex(argv[2]), BPF_XDP,
				       NULL) < 0
			       ? refused("link")
			       : done();
	fprintf(stderr, "foe: no such deed\n");
	return 2;
}
