// SPDX-License-Identifier: Apache-2.0
#include "loader/trial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/manifestreader.h"
#include "bpf/node.h"
#include "loader/admit.h"
#include "loader/anchor.h"
#include "loader/fit.h"
#include "loader/maps.h"
#include "loader/object.h"
#include "loader/stopwatch.h"
#include "loader/sys.h"

// No program of anybody's: what stands behind the tried one answers with it, so that "it went on" can be told from
// every verdict.
#define WENT_ON 0x5ea1

// Each round is long enough that the clock's own steps do not show; of many packets each gets less.
#define ROUND_NS_MIN 200000u
#define ROUND_NS_MAX 1000000u
#define PROGRAM_NS   80000000u

// One program under trial: what it is, and its two forms.
struct subject {
	const struct trial *trial;
	const struct policy *policy;
	struct member member;
	struct object *alone, *chained; // chained: NULL where it stands in no chain, or last
	int repeat;
	int next_fd, fell_fd, marker_fd;
	struct json *report;
	struct json *log; // the verifier's, when it refused
};

static void subject_drop(struct subject *subject)
{
	object_free(subject->alone);
	object_free(subject->chained);
	drop_fd(&subject->next_fd);
	drop_fd(&subject->fell_fd);
	drop_fd(&subject->marker_fd);
	// Its manifest is the trial's.
	subject->member.manifest = NULL;
	member_drop(&subject->member);
}

int trial_ready(struct fault *why)
{
	OWNED(drop_fd) int fd = sys_tiny_program(HOOK_XDP, false, WENT_ON);

	return fd < 0 ? fault_errno(why, FAULT_KERNEL,
				    "the kernel refuses every program of this process")
		      : 0;
}

// ---- members ----

static const struct bundle_member *find_member(const struct brief *brief, const char *name)
{
	for (size_t i = 0; i < brief->member_count; i++)
		if (!strcmp(brief->members[i].name, name))
			return &brief->members[i];
	return NULL;
}

static const struct bundle_member *find_object(const struct brief *brief,
					       const struct manifest *manifest, const char *name)
{
	const struct manifest_file *file = manifest_file(manifest, name);
	const struct bundle_member *member = find_member(brief, name);

	if (!file || !member || file->size != member->data.len ||
	    !sha256_equal(&file->sha256, &member->sha256))
		return NULL;
	return member;
}

static bool uses_program(const struct node_use *use, const struct manifest *manifest,
			 const struct manifest_program *program)
{
	size_t len = strlen(manifest->publisher);

	return !strncmp(use->use, manifest->publisher, len) && use->use[len] == '/' &&
	       !strcmp(use->use + len + 1, manifest->name) &&
	       version_matches(manifest->version, use->version) &&
	       (!use->program || !strcmp(use->program, program->entry));
}

// The first place of node.json that asks for this program: its values go into the maps, as they would there.
static const struct node_use *find_use(const struct node *node, const struct manifest *manifest,
				       const struct manifest_program *program)
{
	for (size_t i = 0; node && i < node->interface_count; i++) {
		const struct node_interface *interface = &node->interfaces[i];

		for (size_t k = 0; k < interface->chain_count[program->hook]; k++)
			if (uses_program(&interface->chain[program->hook][k], manifest, program))
				return &interface->chain[program->hook][k];
	}
	return NULL;
}

static int subject_member(struct subject *subject, const struct node *node,
			  struct manifest *manifest, const struct manifest_program *program,
			  struct fault *why)
{
	const struct bundle_member *object =
		find_object(subject->trial->brief, manifest, program->object);
	const struct node_use *use = find_use(node, manifest, program);
	const struct node_use none = {0};
	struct member *member = &subject->member;

	member->manifest = manifest;
	member->program = program;
	if (!object)
		return fault_set(why, FAULT_DIGEST, "%s is not what the manifest says it is",
				 program->object);
	if (asprintf(&member->name, "%s/%s", manifest->publisher, manifest->name) < 0) {
		member->name = NULL;
		return fault_set(why, FAULT_OTHER, "out of memory");
	}
	if (text_copy(manifest->version, &member->version, why) ||
	    text_copy("", &member->from, why) ||
	    member_take_values(member, use ? use : &none, why) ||
	    sys_sealed(object->data.data, object->data.len, program->object, &member->object_fd,
		       why) ||
	    admit_object(NULL, subject->policy, member, why))
		return -1;
	return use ? json_put_text(subject->report, "values", use->where, why) : 0;
}

// ---- loading ----

// Judges no packet and stands in no chain: it is loaded, and that is all that can be tried.
static bool is_probe(const struct manifest_program *program)
{
	return program->hook == HOOK_PROBE;
}

// One way of sending a packet out for real, which a test run does not hold back. Of a program that was loaded libbpf has
// the instructions of all its functions, those of others in the object not.
static bool sends_packets(const struct object *object, const char *entry)
{
	const struct bpf_program *program =
		bpf_object__find_program_by_name(object_bpf(object), entry);
	const struct bpf_insn *insns = bpf_program__insns(program);

	for (size_t i = 0; i < bpf_program__insn_cnt(program); i++)
		if (insns[i].code == (BPF_JMP | BPF_CALL) && insns[i].src_reg == 0 &&
		    insns[i].imm == BPF_FUNC_clone_redirect)
			return true;
	return false;
}

static int report_form(struct subject *subject, const char *key, const struct object *object,
		       int64_t load_us, struct fault *why)
{
	OWNED(json_drop) struct json *form = json_make_object();
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(object_program_fd(object), &info, &len))
		return fault_errno(why, FAULT_KERNEL, "cannot ask the kernel about a program");
	if (json_put_bool(form, "sewn", !object_is_plain(object), why) ||
	    json_put_int(form, "instructions", info.xlated_prog_len / sizeof(struct bpf_insn),
			 why) ||
	    json_put_int(form, "verified_instructions", info.verified_insns, why) ||
	    json_put_int(form, "machine_bytes", info.jited_prog_len, why) ||
	    json_put_int(form, "load_us", load_us, why))
		return -1;
	return json_put(subject->report, key, HAND_OVER(form), why);
}

// How a form differs from the program as it is: by a wrapper, or by what counts its own jumps that find nothing.
struct guise {
	const struct wrap *wrap;
	const struct fall *fall;
};

static int load_form(struct subject *subject, const char *key, const struct guise *guise,
		     struct object **out, struct fault *why)
{
	const struct member *member = &subject->member;
	OWNED(bytes_drop) struct bytes bytes = {0};
	OWNED(maps_report_drop) struct maps_report maps = {0};
	OWNED(values_drop) struct values values = {0};
	const struct maps_places places = {.named = member->maps};
	struct meaning meaning;
	char label[MEMBER_LABEL_MAX];
	struct object_source source = {.entry = member->program->entry,
				       .hook = member->program->hook,
				       .frags = fit_has_frags(member),
				       .probe = is_probe(member->program) ? member->program : NULL,
				       .policy = subject->policy,
				       .label = label,
				       .logs_dirfd = -1};
	int64_t start = subject->trial->ticks_us();

	member_label(member, label);
	if (file_read_fd(member->object_fd, INSPECT_OBJECT_MAX, &bytes, why))
		return -1;
	source.data = bytes.data;
	source.len = bytes.len;
	if (object_open(&source, out, why))
		return -1;
	meaning = (struct meaning){*out, member->manifest, member->program->object};
	if (values_make(&meaning, member, NULL, &values, why) ||
	    maps_settle(*out, &meaning, &values, &places, false, &maps, why) ||
	    maps_preset(&meaning, &values, why))
		return -1;
	if (guise->fall)
		object_count_falls(*out, guise->fall);
	if (object_load(*out, guise->wrap, why)) {
		json_free(subject->log);
		subject->log = json_make_text(object_log(*out));
		return -1;
	}
	if (report_form(subject, key, *out, subject->trial->ticks_us() - start, why))
		return -1;
	return maps_fill(&meaning, &values, &maps, why);
}

static int make_array(enum bpf_map_type type, const char *name, uint32_t value_size, int *out,
		      struct fault *why)
{
	int fd = bpf_map_create(type, name, sizeof(uint32_t), value_size, 1, NULL);

	if (fd < 0)
		return fault_errno(why, FAULT_KERNEL, "cannot make a map of the chain");
	*out = fd;
	return 0;
}

static const char *next_map_of(const struct manifest_program *program)
{
	return program->linkage == LINK_OWN_MAP ? program->next_map : "bpfseal_next";
}

// As apply does: sewn to its wrapper where that can be, and called by it where the verifier takes nothing else.
static int load_wrapped(struct subject *subject, int32_t fell_verdict, struct fault *why)
{
	const struct manifest_program *program = subject->member.program;
	struct wrap wrap = {.continue_on = program->continue_on,
			    .continue_count = program->continue_count,
			    .next_fd = subject->next_fd,
			    .fell_fd = subject->fell_fd,
			    .fell_verdict = fell_verdict};
	const struct guise guise = {.wrap = &wrap};

	if (!load_form(subject, "chained", &guise, &subject->chained, why))
		return 0;
	if (why->code != FAULT_KERNEL || !subject->chained || object_is_plain(subject->chained))
		return -1;
	object_drop(&subject->chained);
	fault_clear(why);
	wrap.by_call = true;
	return load_form(subject, "chained", &guise, &subject->chained, why);
}

static int load_jumping(struct subject *subject, int32_t fell_verdict, struct fault *why)
{
	const struct fall fall = {.next_map = next_map_of(subject->member.program),
				  .fell_fd = subject->fell_fd,
				  .verdict = fell_verdict};
	const struct guise guise = {.fall = &fall};

	return load_form(subject, "chained", &guise, &subject->chained, why);
}

// The array through which a program that jumps by itself goes on.
static int find_next(struct subject *subject, struct fault *why)
{
	const char *name = next_map_of(subject->member.program);
	const struct bpf_map *map =
		bpf_object__find_map_by_name(object_bpf(subject->chained), name);

	if (!map || bpf_map__type(map) != BPF_MAP_TYPE_PROG_ARRAY)
		return fault_set(why, FAULT_FORMAT, "%s has no prog_array %s to jump through",
				 subject->member.program->entry, name);
	subject->next_fd = dup(object_map_fd(subject->chained, map));
	return subject->next_fd < 0 ? fault_errno(why, FAULT_OTHER, "cannot keep a descriptor") : 0;
}

// Puts the program that answers WENT_ON behind it; from then on `chained` is what stands in a chain.
static int put_marker(struct subject *subject, struct fault *why)
{
	uint32_t zero = 0;

	subject->marker_fd = sys_tiny_program(subject->member.program->hook,
					      fit_has_frags(&subject->member), WENT_ON);
	if (subject->marker_fd < 0)
		return fault_errno(why, FAULT_KERNEL, "the kernel refuses the smallest program");
	if (bpf_map_update_elem(subject->next_fd, &zero, &subject->marker_fd, BPF_ANY))
		return fault_errno(why, FAULT_KERNEL,
				   "the kernel does not let %s go on to the next",
				   subject->member.program->entry);
	return 0;
}

static int load_chained(struct subject *subject, struct fault *why)
{
	const struct manifest_program *program = subject->member.program;
	int32_t verdict = anchor_verdict(program->hook, subject->policy->on_fall_through_drop);

	if (make_array(BPF_MAP_TYPE_ARRAY, "bpfseal_fell", sizeof(uint64_t), &subject->fell_fd,
		       why))
		return -1;
	if (fit_jumps(&subject->member))
		return load_jumping(subject, verdict, why) || find_next(subject, why) ? -1 : 0;
	if (make_array(BPF_MAP_TYPE_PROG_ARRAY, "bpfseal_next", sizeof(uint32_t), &subject->next_fd,
		       why))
		return -1;
	return load_wrapped(subject, verdict, why);
}

static int subject_load(struct subject *subject, struct fault *why)
{
	const struct manifest_program *program = subject->member.program;
	const struct guise as_it_is = {NULL, NULL};

	if (load_form(subject, "alone", &as_it_is, &subject->alone, why))
		return -1;
	if (!subject->trial->apart && sends_packets(subject->alone, program->entry)) {
		fault_set(why, FAULT_KERNEL, "%s can send packets, and would send them from here",
			  program->entry);
		return fault_fix(why, "run this as root: it is then tried where nothing is wired");
	}
	if (program->linkage == LINK_TERMINAL || is_probe(program))
		return 0;
	return load_chained(subject, why) || put_marker(subject, why) ? -1 : 0;
}

// ---- running ----

static uint32_t round_of(const struct trial *trial)
{
	size_t count = trial->brief->traffic.count;
	uint32_t ns =
		count ? (uint32_t)(PROGRAM_NS / (2 * STOPWATCH_ROUNDS * count)) : ROUND_NS_MAX;

	return ns < ROUND_NS_MIN ? ROUND_NS_MIN : ns > ROUND_NS_MAX ? ROUND_NS_MAX : ns;
}

static int put_verdict(struct json *run, enum hook hook, uint32_t verdict, struct fault *why)
{
	const char *name = verdict_name(hook, (int32_t)verdict);

	return name ? json_put_text(run, "verdict", name, why)
		    : json_put_int(run, "verdict", (int32_t)verdict, why);
}

// What a run costs with nothing in it, on the first packet that the hook takes.
static int put_empty(struct subject *subject, struct fault *why)
{
	const struct traffic *traffic = &subject->trial->brief->traffic;
	OWNED(drop_fd)
	int fd = sys_tiny_program(subject->member.program->hook, fit_has_frags(&subject->member),
				  WENT_ON);
	uint32_t ns;
	int repeat = 0;

	if (fd < 0)
		return fault_errno(why, FAULT_KERNEL, "the kernel refuses the smallest program");
	for (size_t i = 0; i < traffic->count; i++)
		if (!stopwatch_median(fd, &traffic->list[i].data, round_of(subject->trial), &repeat,
				      &ns))
			return json_put_int(subject->report, "empty_ns", ns, why);
	return 0;
}

static int put_error(struct json *run, struct fault *why)
{
	return json_put_text(run, "error", strerror(errno), why);
}

static int run_alone(struct subject *subject, const struct traffic_packet *packet, struct json *run,
		     struct fault *why)
{
	int fd = object_program_fd(subject->alone);
	uint32_t verdict, ns;

	if (stopwatch_run(fd, &packet->data, 1, &verdict, &ns) ||
	    stopwatch_median(fd, &packet->data, round_of(subject->trial), &subject->repeat, &ns))
		return put_error(run, why);
	if (put_verdict(run, subject->member.program->hook, verdict, why))
		return -1;
	return json_put_int(run, "ns", ns, why);
}

static int run_chained(struct subject *subject, const struct traffic_packet *packet,
		       struct json *run, struct fault *why)
{
	int fd = object_program_fd(subject->chained);
	uint32_t verdict, ns;

	if (stopwatch_run(fd, &packet->data, 1, &verdict, &ns) ||
	    stopwatch_median(fd, &packet->data, round_of(subject->trial), &subject->repeat, &ns))
		return put_error(run, why);
	if (json_put_bool(run, "goes_on", verdict == WENT_ON, why))
		return -1;
	return json_put_int(run, "chained_ns", ns, why);
}

static int subject_run(struct subject *subject, struct fault *why)
{
	const struct traffic *traffic = &subject->trial->brief->traffic;
	struct json *runs = json_make_array();

	if (json_put(subject->report, "packets", runs, why))
		return -1;
	if (is_probe(subject->member.program))
		return 0;
	if (put_empty(subject, why))
		return -1;
	for (size_t i = 0; i < traffic->count; i++) {
		const struct traffic_packet *packet = &traffic->list[i];
		struct json *run = json_make_object();

		if (json_add(runs, run, why) || json_put_text(run, "packet", packet->name, why) ||
		    json_put_int(run, "bytes", (int64_t)packet->data.len, why) ||
		    run_alone(subject, packet, run, why))
			return -1;
		if (subject->chained && !json_member(run, "error") &&
		    run_chained(subject, packet, run, why))
			return -1;
	}
	return 0;
}

// ---- the trial ----

static const char *linkage_word(enum linkage linkage)
{
	static const char *const words[] = {"wrap", "chain", "own_map", "terminal"};

	return words[linkage];
}

static const char *hook_of(const struct manifest_program *program)
{
	return is_probe(program) ? probe_kind_name(program->probe) : hook_name(program->hook);
}

static int try_program(const struct trial *trial, const struct policy *policy,
		       const struct node *node, struct manifest *manifest, size_t index,
		       struct json *document, struct fault *why)
{
	const struct manifest_program *program = &manifest->programs[index];
	OWNED(subject_drop)
	struct subject subject = {.trial = trial,
				  .policy = policy,
				  .member = {.object_fd = -1},
				  .next_fd = -1,
				  .fell_fd = -1,
				  .marker_fd = -1};
	struct json *list = (struct json *)(uintptr_t)json_member(document, "programs");

	subject.report = json_make_object();
	if (json_add(list, subject.report, why) ||
	    json_put_text(subject.report, "program", program->entry, why) ||
	    json_put_text(subject.report, "hook", hook_of(program), why) ||
	    json_put_text(subject.report, "linkage", linkage_word(program->linkage), why) ||
	    json_put_text(subject.report, "object", program->object, why) ||
	    (is_probe(program) && json_put_text(subject.report, "attach", program->target, why)))
		return -1;
	if (!subject_member(&subject, node, manifest, program, why) &&
	    !subject_load(&subject, why) && !subject_run(&subject, why))
		return 0;
	if (subject.log && json_text(subject.log)[0]) {
		struct fault ignored = {0};

		if (json_put(document, "log", subject.log, &ignored))
			fault_clear(&ignored);
	} else {
		json_free(subject.log);
	}
	return -1;
}

static int put_machine(struct json *document, struct fault *why)
{
	struct utsname about;

	if (uname(&about))
		return fault_errno(why, FAULT_OTHER, "cannot name this kernel");
	if (json_put_text(document, "kernel", about.release, why))
		return -1;
	return json_put_text(document, "machine", about.machine, why);
}

static int put_refusal(struct json *document, const struct fault *refusal, struct fault *why)
{
	OWNED(json_drop) struct json *refused = json_make_object();

	if (json_put_text(refused, "code", fault_name(refusal->code), why) ||
	    json_put_text(refused, "message", refusal->text, why) ||
	    json_put_text(refused, "cause", refusal->cause, why) ||
	    json_put_text(refused, "where", refusal->where, why) ||
	    json_put_text(refused, "fix", refusal->fix, why))
		return -1;
	return json_put(document, "refused", HAND_OVER(refused), why);
}

static int read_node(const struct brief *brief, struct node **out, struct fault *why)
{
	if (!brief->policy_name)
		return 0;
	return node_parse(brief->policy.data, brief->policy.len, brief->policy_name, out, why);
}

int trial_run(const struct trial *trial, struct json **out, struct fault *why)
{
	const struct brief *brief = trial->brief;
	OWNED(json_drop) struct json *document = json_make_object();
	OWNED(manifest_drop) struct manifest *manifest = NULL;
	OWNED(node_drop) struct node *node = NULL;
	struct policy policy = policy_default();
	struct fault ignored = {0};
	int failed = 0;

	if (!brief->member_count || strcmp(brief->members[0].name, MANIFEST_NAME) != 0)
		return fault_set(why, FAULT_FORMAT, "there is no manifest to try");
	if (manifest_parse(brief->members[0].data.data, brief->members[0].data.len, MANIFEST_NAME,
			   &manifest, why) ||
	    read_node(brief, &node, why) || json_put_bool(document, "ran", true, why) ||
	    put_machine(document, why) || json_put(document, "programs", json_make_array(), why))
		return -1;
	if (node)
		policy = node->policy;
	for (size_t i = 0; i < manifest->program_count && !failed; i++)
		failed = try_program(trial, &policy, node, manifest, i, document, why);
	if (failed && put_refusal(document, why, &ignored))
		return -1;
	*out = HAND_OVER(document);
	return failed;
}
