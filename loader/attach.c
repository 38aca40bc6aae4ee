// SPDX-License-Identifier: Apache-2.0
#include "loader/attach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <linux/if_link.h>

#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/filter.h"
#include "loader/offload.h"
#include "loader/sys.h"

#define RELEASE_STEPS	50
#define RELEASE_STEP_NS 2000000

#define LINK	"link"	  // in a place: the pinned link
#define IFINDEX "ifindex" // in a place: what it was attached to
#define QDISC	"qdisc"	  // beside the places of an interface: a qdisc of ours is on this index

struct attach_wish attach_wish(const struct node_interface *interface, enum hook hook,
			       const struct truth *truth)
{
	bool generic = truth->xdp_mode == XDP_ATTACHED_SKB;
	bool on_card = truth->xdp_mode == XDP_ATTACHED_HW;

	if (interface)
		return (struct attach_wish){.native_ok = interface->xdp_native_ok,
					    .generic_ok = interface->xdp_generic_ok,
					    .on_card = hook == HOOK_XDP && interface->xdp_offload,
					    .tc = interface->tc_attach};
	return (struct attach_wish){.native_ok = !generic && !on_card,
				    .generic_ok = generic,
				    .on_card = on_card,
				    .tc = truth->by == TRUTH_BY_CLSACT ? NODE_TC_CLSACT
								       : NODE_TC_AUTO};
}

// ---- what can be ----

static bool wants_clsact(const struct attach_wish *wish, uint32_t ifindex)
{
	return wish->tc == NODE_TC_CLSACT || (wish->tc == NODE_TC_AUTO && !sys_has_tcx(ifindex));
}

bool attach_fits(enum hook hook, const struct attach_wish *wish, const struct truth *truth)
{
	if (!truth->attached || hook == HOOK_PROBE)
		return true;
	if (hook == HOOK_XDP && truth->xdp_mode == XDP_ATTACHED_HW)
		return wish->on_card;
	if (hook == HOOK_XDP)
		return truth->xdp_mode == XDP_ATTACHED_SKB ? wish->generic_ok : wish->native_ok;
	return wants_clsact(wish, truth->iface_index) == (truth->by == TRUTH_BY_CLSACT);
}

static int refuse_program(const char *iface, enum hook hook, uint32_t id, struct fault *why)
{
	struct sys_program program;

	sys_program_by_id(id, &program);
	if (program.name[0] || program.tag[0])
		fault_set(why, FAULT_KERNEL,
			  "a program that is not ours is on %s of %s: id %u, name \"%s\", tag %s, "
			  "loaded by uid %u",
			  hook_name(hook), iface, id, program.name, program.tag, program.uid);
	else
		fault_set(why, FAULT_KERNEL, "a program that is not ours is on %s of %s: id %u",
			  hook_name(hook), iface, id);
	return fault_fix(why,
			 "see 'bpftool prog show id %u'; remove it with the tool that put it there",
			 id);
}

static int refuse_filter(const char *iface, enum hook hook, const struct truth_other *other,
			 struct fault *why)
{
	fault_set(why, FAULT_KERNEL,
		  "a filter that is not ours is where ours belongs on %s of %s: kind %s, pref %u, "
		  "handle 0x%x, program id %u, name \"%s\"",
		  hook_name(hook), iface, other->kind, other->pref, other->handle,
		  other->program_id, other->name);
	return fault_fix(
		why, "see 'tc filter show dev %s %s'; remove it with the tool that put it there",
		iface, hook == HOOK_TC_EGRESS ? "egress" : "ingress");
}

// The older qdisc has one list of filters, for what comes in: a filter for egress would run there, on the wrong packets,
// and the kernel says nothing.
static int check_qdisc(const char *iface, enum hook hook, uint32_t ifindex, struct fault *why)
{
	enum filter_qdisc qdisc;

	if (filter_qdisc(ifindex, &qdisc, why))
		return -1;
	if (qdisc != FILTER_QDISC_OTHER || hook == HOOK_TC_INGRESS)
		return 0;
	fault_set(why, FAULT_KERNEL,
		  "a qdisc \"ingress\" stands on %s where clsact belongs; it has no egress", iface);
	return fault_fix(why,
			 "remove it with the tool that put it there: 'tc qdisc del dev %s ingress'",
			 iface);
}

static int check_tc(const char *iface, enum hook hook, const struct attach_wish *wish,
		    const struct truth *truth, struct fault *why)
{
	if (!wants_clsact(wish, truth->iface_index)) {
		if (sys_has_tcx(truth->iface_index))
			return 0; // ours goes to the head; nobody is in its way
		fault_set(why, FAULT_KERNEL, "this kernel has no TCX for %s of %s", hook_name(hook),
			  iface);
		return fault_fix(why, "\"tc_attach\": \"auto\" takes clsact where there is no TCX; "
				      "kernels have it since 6.6");
	}
	if (truth->by == TRUTH_BY_CLSACT || truth->doubled)
		return 0;
	if (truth->blocked)
		return refuse_filter(iface, hook, &truth->blocker, why);
	return check_qdisc(iface, hook, truth->iface_index, why);
}

// Whose ever, on XDP. A card and the host each take one.
static uint32_t stands_there(const struct attach_wish *wish, const struct truth *truth)
{
	return wish->on_card ? truth->card_program : truth->iface_program;
}

int attach_check(const char *iface, enum hook hook, const struct attach_wish *wish,
		 const struct truth *truth, struct fault *why)
{
	uint32_t there;

	if (hook == HOOK_PROBE)
		return 0; // any number of programs may watch one event
	if (!truth->iface_index)
		return fault_set(why, FAULT_NOT_FOUND, "there is no interface %s here", iface);
	if (hook != HOOK_XDP)
		return check_tc(iface, hook, wish, truth, why);
	// Ours is what our own pinned link runs, on this interface; and our root, whose link has just lost its pin.
	there = stands_there(wish, truth);
	if (!there || there == truth->root_id ||
	    (truth->attached && truth->link.program_id == there))
		return wish->on_card ? offload_probe(iface, truth->iface_index, why) : 0;
	return refuse_program(iface, hook, there, why);
}

// ---- links ----

static int keep_link(const struct attach *attach, const struct truth *truth, int fd,
		     struct fault *why)
{
	return bpffs_note(attach->place, IFINDEX, truth->iface_index, why) ||
			       bpffs_replace(fd, attach->place, LINK, why)
		       ? -1
		       : 0;
}

static int refuse_link(const struct attach *attach, int error, struct fault *why)
{
	if (error == EBUSY || error == EEXIST) {
		fault_set(why, FAULT_KERNEL, "another program holds %s of %s",
			  hook_name(attach->hook), attach->iface);
		return fault_fix(why,
				 "see 'bpftool net'; remove it with the tool that put it there");
	}
	if (error == EOPNOTSUPP && attach->hook == HOOK_XDP && !attach->wish.on_card) {
		fault_set(why, FAULT_KERNEL, "the driver of %s has no native XDP", attach->iface);
		return fault_fix(
			why,
			"\"xdp_mode\": \"native-or-generic\" in node.json allows the slow way");
	}
	errno = error;
	return fault_errno(why, FAULT_KERNEL, "cannot attach to %s of %s", hook_name(attach->hook),
			   attach->iface);
}

// The kernel lets go of a link without a pin in its own time: what is left of ours may stand in the way for a moment.
static int try_link(const struct attach *attach, const struct truth *truth, int program_fd,
		    enum sys_mode mode)
{
	const struct timespec moment = {.tv_nsec = RELEASE_STEP_NS};
	uint32_t there = stands_there(&attach->wish, truth);
	bool was_ours = there && there == truth->root_id;
	int fd = -1;

	for (int i = 0; i < RELEASE_STEPS; i++) {
		fd = sys_attach(program_fd, truth->iface_index, attach->hook, mode);
		if (!was_ours || (fd != -EBUSY && fd != -EEXIST))
			return fd;
		nanosleep(&moment, NULL);
	}
	return fd;
}

static int new_link(const struct attach *attach, const struct truth *truth, int program_fd,
		    char how[static ATTACH_HOW], struct fault *why)
{
	static const char *const words[] = {
		[SYS_NATIVE] = "native", [SYS_GENERIC] = "generic", [SYS_CARD] = "offload"};
	bool xdp = attach->hook == HOOK_XDP;
	enum sys_mode mode = attach->wish.on_card     ? SYS_CARD
			     : attach->wish.native_ok ? SYS_NATIVE
						      : SYS_GENERIC;
	OWNED(drop_fd) int fd = try_link(attach, truth, program_fd, mode);

	// A driver may have native XDP and refuse it all the same, for the size of its packets or the want of a queue.
	if (fd < 0 && fd != -EBUSY && fd != -EEXIST && fd != -EPERM && fd != -ENODEV && xdp &&
	    mode == SYS_NATIVE && attach->wish.generic_ok) {
		mode = SYS_GENERIC;
		fd = sys_attach(program_fd, truth->iface_index, attach->hook, mode);
	}
	if (fd < 0)
		return refuse_link(attach, -fd, why);
	snprintf(how, ATTACH_HOW, "attached (%s)", xdp ? words[mode] : "tcx");
	return keep_link(attach, truth, fd, why);
}

// Our root as the truth found it under the link, so that nothing else is replaced with it. -1: it found something else
// there, or no pin of it, and whatever it is goes.
static int former_root(const struct attach *attach, const struct truth *truth)
{
	struct fault ignored = {0};
	char dir[BPFFS_PATH_MAX];
	int fd = -1;

	if (truth->root_number && truth->link.program_id == truth->root_id &&
	    !bpffs_join_number(attach->place, "root", truth->root_number, dir, &ignored) &&
	    bpffs_get(dir, "prog", &fd, &ignored))
		return -1;
	return fd;
}

static int update_link(const struct attach *attach, const struct truth *truth, int program_fd,
		       struct fault *why)
{
	OWNED(drop_fd) int link = -1;
	OWNED(drop_fd) int old = former_root(attach, truth);
	LIBBPF_OPTS(bpf_link_update_opts, opts, .flags = old >= 0 ? BPF_F_REPLACE : 0,
		    .old_prog_fd = old >= 0 ? (__u32)old : 0);

	if (bpffs_get(attach->place, LINK, &link, why))
		return -1;
	if (!bpf_link_update(link, program_fd, &opts))
		return 0;
	if (errno == EPERM && old >= 0)
		return fault_set(why, FAULT_KERNEL,
				 "another program was just attached to our link");
	return fault_errno(why, FAULT_KERNEL, "cannot put our root under the link");
}

static int detach_link(const char *place, struct fault *why)
{
	OWNED(drop_fd) int link = -1;
	char path[BPFFS_PATH_MAX];

	if (bpffs_get(place, LINK, &link, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (bpf_link_detach(link) && errno != EOPNOTSUPP && errno != ENOLINK)
		return fault_errno(why, FAULT_KERNEL, "cannot detach %s", place);
	// The link first: while it stands, what it runs must stand.
	return bpffs_join(place, LINK, path, why) || bpffs_remove(path, why) ? -1 : 0;
}

// The kernel lets one mode in at a time, so the old one leaves first. Where the new one is refused the old one returns.
static int change_mode(const struct attach *attach, const struct truth *truth, int program_fd,
		       char how[static ATTACH_HOW], struct fault *why)
{
	struct attach back = *attach;
	struct fault trouble = {0};

	if (detach_link(attach->place, why))
		return -1;
	if (!new_link(attach, truth, program_fd, how, why))
		return 0;
	back.wish.generic_ok = truth->xdp_mode == XDP_ATTACHED_SKB;
	back.wish.native_ok = !back.wish.generic_ok;
	if (new_link(&back, truth, program_fd, how, &trouble))
		fault_within(why, "and the earlier mode does not come back (%.200s)", trouble.text);
	return -1;
}

// From the host to the card or back: each takes one program, so the new one stands first, and for a moment packets meet both.
static int cross(const struct attach *attach, const struct truth *truth, int program_fd,
		 char how[static ATTACH_HOW], struct fault *why)
{
	OWNED(drop_fd) int old = -1;

	if (bpffs_get(attach->place, LINK, &old, why) ||
	    new_link(attach, truth, program_fd, how, why))
		return -1;
	if (bpf_link_detach(old) && errno != ENOLINK)
		return fault_errno(why, FAULT_KERNEL, "cannot detach our former link");
	return 0;
}

// ---- filters ----

static void above(const char *place, char out[static BPFFS_PATH_MAX])
{
	snprintf(out, BPFFS_PATH_MAX, "%s", place);
	*strrchr(out, '/') = '\0';
}

static int new_filter(const struct attach *attach, const struct truth *truth, int program_fd,
		      char how[static ATTACH_HOW], struct fault *why)
{
	char dir[BPFFS_PATH_MAX];
	bool made;

	above(attach->place, dir);
	snprintf(how, ATTACH_HOW, "attached (clsact)");
	// Noted first: what is attached must be found again.
	if (bpffs_note(attach->place, IFINDEX, truth->iface_index, why) ||
	    filter_qdisc_make(truth->iface_index, &made, why) ||
	    (made && bpffs_note(dir, QDISC, truth->iface_index, why)))
		return -1;
	return filter_add(truth->iface_index, attach->hook, program_fd, why);
}

static int detach_filter(const char *place, enum hook hook, struct fault *why)
{
	uint32_t ifindex = bpffs_noted(place, IFINDEX);
	char dir[BPFFS_PATH_MAX], path[BPFFS_PATH_MAX];
	bool ours;

	if (hook == HOOK_XDP || !ifindex)
		return 0;
	above(place, dir);
	if (filter_remove(ifindex, hook, why))
		return -1;
	if (bpffs_noted(dir, QDISC) != ifindex)
		return 0;
	// The other hook may need it still. What others have put there meanwhile makes it theirs.
	if (filter_qdisc_tidy(ifindex, &ours, why))
		return -1;
	return !ours && (bpffs_join(dir, QDISC, path, why) || bpffs_remove(path, why)) ? -1 : 0;
}

// ---- all of it ----

int attach_root(const struct attach *attach, const struct truth *truth, int program_fd,
		uint32_t program_id, char how[static ATTACH_HOW], struct fault *why)
{
	bool clsact = attach->hook != HOOK_XDP && wants_clsact(&attach->wish, truth->iface_index);
	bool same = truth->attached && truth->link.program_id == program_id && !truth->idle;
	bool on_card = attach->wish.on_card;

	// On a card each generation is its own root.
	snprintf(how, ATTACH_HOW, same || on_card ? "switched" : "root replaced");
	if (!truth->attached || !attach_fits(attach->hook, &attach->wish, truth)) {
		if (clsact && !truth->doubled)
			return new_filter(attach, truth, program_fd, how, why);
		if (clsact)
			return filter_replace(truth->iface_index, attach->hook, program_fd, why);
		if (attach->hook == HOOK_XDP && truth->attached &&
		    on_card != (truth->xdp_mode == XDP_ATTACHED_HW))
			return cross(attach, truth, program_fd, how, why);
		if (attach->hook == HOOK_XDP && truth->attached)
			return change_mode(attach, truth, program_fd, how, why);
		return new_link(attach, truth, program_fd, how, why);
	}
	if (same)
		return 0;
	return clsact ? filter_replace(truth->iface_index, attach->hook, program_fd, why)
		      : update_link(attach, truth, program_fd, why);
}

int attach_tidy(const struct attach *attach, const struct truth *truth, struct fault *why)
{
	bool clsact = attach->hook != HOOK_XDP && wants_clsact(&attach->wish, truth->iface_index);

	if (attach->hook == HOOK_XDP)
		return 0;
	if (clsact)
		return detach_link(attach->place, why);
	return truth->by == TRUTH_BY_CLSACT || truth->doubled
		       ? detach_filter(attach->place, attach->hook, why)
		       : 0;
}

int attach_remove(const char *place, struct fault *why)
{
	enum hook hook;

	if (hook_parse(strrchr(place, '/') + 1, &hook, why))
		return -1;
	if (hook == HOOK_PROBE)
		return 0; // the links of probes go with their generation
	if (detach_link(place, why))
		return -1;
	return detach_filter(place, hook, why);
}
