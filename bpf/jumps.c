// SPDX-License-Identifier: Apache-2.0
#include "bpf/jumps.h"

#include <stdlib.h>
#include <string.h>

#include "base/owned.h"

#define REGISTERS 10 // r0 to r9; r10 is the frame
// The verifier follows eight frames; what is deeper, or calls itself, never loads.
#define DEPTH_MAX 16
#define NOWHERE	  UINT32_MAX

#define LOAD_64 (BPF_LD | BPF_DW | BPF_IMM)
#define NO_INSN 0 // the second half of a 64-bit load
#define TAIL_CALL(insn)                                                  \
	((insn)->code == (BPF_JMP | BPF_CALL) && (insn)->src_reg == 0 && \
	 (insn)->imm == BPF_FUNC_tail_call)
#define OWN_CALL(insn)	  ((insn)->code == (BPF_JMP | BPF_CALL) && (insn)->src_reg == BPF_PSEUDO_CALL)
#define OWN_ADDRESS(insn) ((insn)->code == LOAD_64 && (insn)->src_reg == BPF_PSEUDO_FUNC)

// What a register can hold: nothing seen yet, a number from 0 on, the address of map -1 - value, or anything. It only ever
// climbs this ladder, so the walk ends.
enum {
	VALUE_NONE = INT32_MIN,
	VALUE_ANY = INT32_MIN + 1,
};

struct node {
	int32_t registers[REGISTERS]; // before the instruction
	int32_t function;	      // that it is in; -1: not reached
	uint32_t next;		      // of the same function
	uint32_t number, low, home;   // Tarjan's; home: the first of its cycle
	uint32_t most;		      // tail calls from here to the end
	uint8_t step;
	bool queued, open;
};

struct function {
	uint32_t entry, first; // first: head of the list of its instructions
	uint32_t most;
	bool done, under_way;
};

struct walk {
	const struct bpf_insn *insns;
	const int32_t *maps;
	uint32_t count;
	struct node *nodes;
	struct function *functions;
	int32_t function_count;
	uint32_t *queue, *path, *open; // stacks of instructions, `count` deep each
	uint32_t queued, path_len, open_len, numbered;
	bool unclear;
};

void jumps_drop(struct jumps *jumps)
{
	free(jumps->sites);
	*jumps = (struct jumps){0};
}

static void walk_drop(struct walk *walk)
{
	free(walk->nodes);
	free(walk->functions);
	free(walk->queue);
	free(walk->path);
	free(walk->open);
}

static int walk_make(struct walk *walk, struct fault *why)
{
	size_t room = walk->count ? walk->count : 1;

	walk->nodes = calloc(room, sizeof(*walk->nodes));
	walk->functions = calloc(room, sizeof(*walk->functions));
	walk->queue = calloc(room, sizeof(*walk->queue));
	walk->path = calloc(room, sizeof(*walk->path));
	walk->open = calloc(room, sizeof(*walk->open));
	if (!walk->nodes || !walk->functions || !walk->queue || !walk->path || !walk->open)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (uint32_t i = 0; i < walk->count; i++) {
		walk->nodes[i].function = -1;
		walk->nodes[i].next = NOWHERE;
		for (int r = 0; r < REGISTERS; r++)
			walk->nodes[i].registers[r] = VALUE_NONE;
	}
	return 0;
}

// ---- where an instruction goes on ----

// The instruction at a distance, or NOWHERE with `unclear` set.
static uint32_t target(struct walk *walk, uint32_t from, int64_t distance)
{
	int64_t to = (int64_t)from + distance;

	if (to >= 0 && to < walk->count && walk->insns[to].code != NO_INSN)
		return (uint32_t)to;
	walk->unclear = true;
	return NOWHERE;
}

static bool is_branch(const struct bpf_insn *insn)
{
	unsigned class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT;
}

// Its successors in its own function: none behind an exit, two behind a condition.
static unsigned successors(struct walk *walk, uint32_t at, uint32_t out[2])
{
	const struct bpf_insn *insn = &walk->insns[at];
	unsigned count = 0;

	if (insn->code == (BPF_JMP | BPF_EXIT))
		return 0;
	if (insn->code == (BPF_JMP32 | BPF_JA)) {
		out[count++] = target(walk, at, (int64_t)insn->imm + 1);
	} else if (is_branch(insn)) {
		bool always = insn->code == (BPF_JMP | BPF_JA);

		// A jump to a computed place has another source bit; so has nothing else of these.
		if (BPF_OP(insn->code) == BPF_JA && !always)
			walk->unclear = true;
		out[count++] = target(walk, at, (int64_t)insn->off + 1);
		if (!always)
			out[count++] = target(walk, at, 1);
	} else {
		out[count++] = target(walk, at, insn->code == LOAD_64 ? 2 : 1);
	}
	return count;
}

// ---- what registers hold ----

static bool join(int32_t *into, int32_t value)
{
	int32_t joined = *into == VALUE_NONE			 ? value
			 : value == VALUE_NONE || value == *into ? *into
								 : VALUE_ANY;
	bool changed = joined != *into;

	*into = joined;
	return changed;
}

// Every register's value reaches `to`, an instruction of `function`.
static void reach(struct walk *walk, uint32_t to, int32_t function, const int32_t *registers)
{
	struct node *node = &walk->nodes[to];
	bool changed = node->function < 0;

	if (changed) {
		node->function = function;
		node->next = walk->functions[function].first;
		walk->functions[function].first = to;
	} else if (node->function != function) {
		walk->unclear = true; // two functions share code: nothing that a compiler makes
		return;
	}
	for (int r = 0; r < REGISTERS; r++)
		changed |= join(&node->registers[r], registers[r]);
	if (changed && !node->queued) {
		node->queued = true;
		walk->queue[walk->queued++] = to;
	}
}

// A function of the program's own begins at `to`.
static void enter(struct walk *walk, uint32_t to, const int32_t *registers)
{
	int32_t function = walk->nodes[to].function;

	if (function < 0) {
		function = walk->function_count++;
		walk->functions[function] = (struct function){.entry = to, .first = NOWHERE};
	}
	if (walk->functions[function].entry != to)
		walk->unclear = true;
	else
		reach(walk, to, function, registers);
}

static void forget(int32_t *registers, int from, int to)
{
	for (int r = from; r <= to; r++)
		registers[r] = VALUE_ANY;
}

static int32_t number_value(int64_t number)
{
	return number >= 0 && number <= INT32_MAX ? (int32_t)number : VALUE_ANY;
}

static int32_t loaded_value(const struct walk *walk, uint32_t at)
{
	const struct bpf_insn *insn = &walk->insns[at];

	if (insn->src_reg == 0 && at + 1 < walk->count && walk->insns[at + 1].imm == 0)
		return number_value(insn->imm);
	if (insn->src_reg != 0 && walk->maps[at] >= 0)
		return -1 - walk->maps[at];
	return VALUE_ANY;
}

static void set(int32_t *registers, unsigned which, int32_t value)
{
	if (which < REGISTERS)
		registers[which] = value;
}

static int32_t moved_value(const struct bpf_insn *insn, const int32_t *registers)
{
	bool is_wide = BPF_CLASS(insn->code) == BPF_ALU64;
	int32_t value;

	// With an offset it extends a sign or changes the address space; narrow, it cuts an address.
	if (insn->off)
		return VALUE_ANY;
	if (BPF_SRC(insn->code) == BPF_K)
		return number_value(insn->imm);
	if (insn->src_reg >= REGISTERS)
		return VALUE_ANY;
	value = registers[insn->src_reg];
	return is_wide || value >= 0 || value == VALUE_NONE ? value : VALUE_ANY;
}

// What the instruction makes of the registers. Anything that is not understood makes anything of what it can write.
static void apply(const struct walk *walk, uint32_t at, int32_t *registers)
{
	const struct bpf_insn *insn = &walk->insns[at];
	unsigned class = BPF_CLASS(insn->code);

	if (insn->code == LOAD_64) {
		set(registers, insn->dst_reg, loaded_value(walk, at));
	} else if (class == BPF_ALU || class == BPF_ALU64) {
		set(registers, insn->dst_reg,
		    BPF_OP(insn->code) == BPF_MOV ? moved_value(insn, registers) : VALUE_ANY);
	} else if (class == BPF_LDX) {
		set(registers, insn->dst_reg, VALUE_ANY);
	} else if (class == BPF_LD || BPF_OP(insn->code) == BPF_CALL) {
		// The old packet loads clobber what a call does.
		if (class == BPF_LD || class == BPF_JMP || class == BPF_JMP32)
			forget(registers, 0, 5);
	}
	if (class == BPF_STX && BPF_MODE(insn->code) == BPF_ATOMIC) {
		set(registers, insn->dst_reg, VALUE_ANY);
		set(registers, insn->src_reg, VALUE_ANY);
		registers[0] = VALUE_ANY;
	}
}

static void enter_called(struct walk *walk, uint32_t at)
{
	const struct bpf_insn *insn = &walk->insns[at];
	int32_t registers[REGISTERS];
	uint32_t to;

	if (!OWN_CALL(insn) && !OWN_ADDRESS(insn))
		return;
	memcpy(registers, walk->nodes[at].registers, sizeof(registers));
	forget(registers, 6, 9);
	registers[0] = VALUE_ANY;
	if (OWN_ADDRESS(insn)) // the kernel calls it, with what it likes
		forget(registers, 0, 9);
	to = target(walk, at, (int64_t)insn->imm + 1);
	if (to != NOWHERE)
		enter(walk, to, registers);
}

static void walk_all(struct walk *walk, uint32_t entry)
{
	int32_t registers[REGISTERS];

	forget(registers, 0, REGISTERS - 1);
	enter(walk, entry, registers);
	while (walk->queued && !walk->unclear) {
		uint32_t at = walk->queue[--walk->queued], next[2];
		unsigned count;

		walk->nodes[at].queued = false;
		memcpy(registers, walk->nodes[at].registers, sizeof(registers));
		enter_called(walk, at);
		apply(walk, at, registers);
		count = successors(walk, at, next);
		for (unsigned i = 0; i < count && !walk->unclear; i++)
			reach(walk, next[i], walk->nodes[at].function, registers);
	}
}

// ---- how many ----

static uint32_t add(uint32_t a, uint32_t b)
{
	return a == JUMPS_ENDLESS || b == JUMPS_ENDLESS || a + b < a ? JUMPS_ENDLESS : a + b;
}

static uint32_t function_at(const struct walk *walk, uint32_t at)
{
	return (uint32_t)walk->nodes[at + 1 + (uint32_t)walk->insns[at].imm].function;
}

// What one instruction spends by itself. Its callees have been counted.
static uint32_t spends(const struct walk *walk, uint32_t at)
{
	const struct bpf_insn *insn = &walk->insns[at];

	if (TAIL_CALL(insn))
		return 1;
	if (OWN_CALL(insn))
		return walk->functions[function_at(walk, at)].most;
	// Whoever gets the address may call it any number of times.
	if (OWN_ADDRESS(insn))
		return walk->functions[function_at(walk, at)].most ? JUMPS_ENDLESS : 0;
	return 0;
}

static uint32_t behind(struct walk *walk, uint32_t at, uint32_t home, bool *loops)
{
	uint32_t next[2], most = 0;
	unsigned count = successors(walk, at, next);

	for (unsigned i = 0; i < count; i++) {
		const struct node *node = &walk->nodes[next[i]];

		if (node->home == home)
			*loops = true;
		else if (node->most > most)
			most = node->most;
	}
	return most;
}

// All instructions of a cycle have been found, the last of them at the top of `open`: what a run spends from there on.
static void close_cycle(struct walk *walk, uint32_t home)
{
	uint32_t first = walk->open_len, own = 0, after = 0;
	bool loops = false;

	do {
		struct node *node = &walk->nodes[walk->open[--first]];

		node->open = false;
		node->home = home;
		own = add(own, spends(walk, walk->open[first]));
	} while (walk->open[first] != home);
	for (uint32_t i = first; i < walk->open_len; i++) {
		uint32_t most = behind(walk, walk->open[i], home, &loops);

		after = most > after ? most : after;
	}
	if (loops && own)
		own = JUMPS_ENDLESS;
	for (uint32_t i = first; i < walk->open_len; i++)
		walk->nodes[walk->open[i]].most = add(own, after);
	walk->open_len = first;
}

static void path_push(struct walk *walk, uint32_t at)
{
	struct node *node = &walk->nodes[at];

	node->number = node->low = ++walk->numbered;
	node->open = true;
	walk->path[walk->path_len++] = at;
	walk->open[walk->open_len++] = at;
}

static void path_step(struct walk *walk)
{
	uint32_t at = walk->path[walk->path_len - 1], next[2];
	struct node *node = &walk->nodes[at], *other;

	if (node->step < successors(walk, at, next)) {
		other = &walk->nodes[next[node->step]];
		if (!other->number)
			path_push(walk, next[node->step++]);
		else if (++node->step && other->open && other->number < node->low)
			node->low = other->number;
		return;
	}
	walk->path_len--;
	if (node->low == node->number)
		close_cycle(walk, at);
	if (!walk->path_len)
		return;
	other = &walk->nodes[walk->path[walk->path_len - 1]];
	if (node->low < other->low)
		other->low = node->low;
}

// Tarjan's strongly connected components come out with what is behind them first: just the order in which to add up.
static void function_add_up(struct walk *walk, struct function *function)
{
	path_push(walk, function->entry);
	while (walk->path_len)
		path_step(walk);
	function->most = walk->nodes[function->entry].most;
}

static void function_count(struct walk *walk, uint32_t which, unsigned depth)
{
	struct function *function = &walk->functions[which];

	if (function->done)
		return;
	if (function->under_way || depth > DEPTH_MAX) {
		function->most = JUMPS_ENDLESS;
		function->done = true;
		return;
	}
	function->under_way = true;
	for (uint32_t at = function->first; at != NOWHERE; at = walk->nodes[at].next)
		if (OWN_CALL(&walk->insns[at]) || OWN_ADDRESS(&walk->insns[at]))
			function_count(walk, function_at(walk, at), depth + 1);
	if (!function->done)
		function_add_up(walk, function);
	function->done = true;
}

// ---- the answer ----

static int sites_take(const struct walk *walk, struct jumps *out, struct fault *why)
{
	size_t count = 0;

	for (uint32_t i = 0; i < walk->count; i++)
		count += walk->nodes[i].function >= 0 && TAIL_CALL(&walk->insns[i]);
	out->sites = calloc(count ? count : 1, sizeof(*out->sites));
	if (!out->sites)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (uint32_t i = 0; i < walk->count; i++) {
		const struct node *node = &walk->nodes[i];
		int32_t map = node->registers[2], slot = node->registers[3];

		if (node->function < 0 || !TAIL_CALL(&walk->insns[i]))
			continue;
		out->sites[out->count++] = (struct jumps_site){
			.insn = i,
			// A walk that broke off has not seen every value.
			.map = map < 0 && map > VALUE_ANY && !walk->unclear ? -1 - map
									    : JUMPS_UNKNOWN,
			.slot = slot >= 0 && !walk->unclear ? slot : JUMPS_UNKNOWN,
			.in_entry = node->function == 0,
		};
	}
	return 0;
}

int jumps_find(const struct bpf_insn *insns, size_t count, const int32_t *maps, size_t entry,
	       struct jumps *out, struct fault *why)
{
	OWNED(walk_drop) struct walk walk = {.insns = insns, .maps = maps};

	*out = (struct jumps){.unclear = true, .most = JUMPS_ENDLESS};
	// More than the kernel takes, or nothing there.
	if (count > INT32_MAX || entry >= count || insns[entry].code == NO_INSN)
		return 0;
	walk.count = (uint32_t)count;
	if (walk_make(&walk, why))
		return -1;
	walk_all(&walk, (uint32_t)entry);
	if (sites_take(&walk, out, why))
		return -1;
	out->unclear = walk.unclear;
	if (walk.unclear)
		return 0;
	out->most = 0;
	if (out->count) {
		function_count(&walk, 0, 0);
		out->most = walk.functions[0].most;
	}
	return 0;
}
