// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/claims.h"
#include "bpf/inspect.h"
#include "bpf/policy.h"

static void object(const char *name, struct bytes *out)
{
	struct fault why = {0};
	char path[512];

	snprintf(path, sizeof path, "%s/%s", TEST_BPF_DIR, name);
	assert_int_equal(file_read(path, INSPECT_OBJECT_MAX, out, &why), 0);
}

static struct inspection *inspected(const char *name)
{
	OWNED(bytes_drop) struct bytes data = {0};
	struct inspection *inspection = NULL;
	struct fault why = {0};

	object(name, &data);
	if (inspect_object(data.data, data.len, &inspection, &why))
		fail_msg("%s: %s", name, why.text);
	return inspection;
}

static void refused(const struct bytes *data)
{
	OWNED(inspection_drop) struct inspection *inspection = NULL;
	struct fault why = {0};

	assert_int_equal(inspect_object(data->data, data->len, &inspection, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_null(inspection);
}

static void a_plain_counter_is_told_as_it_is(void **state)
{
	OWNED(inspection_drop) struct inspection *inspection = inspected("count.bpf.o");
	const struct inspect_map *map = inspection_map(inspection, "counts");

	(void)state;
	assert_int_equal(inspection->program_count, 1);
	assert_string_equal(inspection->programs[0].name, "count");
	assert_string_equal(inspection->programs[0].section, "xdp");
	assert_true(inspection->has_btf);
	assert_false(inspection->tail_calls);
	assert_false(inspection->helper_unknown);
	assert_true(inspection->helpers[BPF_FUNC_map_lookup_elem]);
	assert_int_equal(inspection->kfunc_count, 0);
	assert_non_null(map);
	assert_int_equal(map->type, BPF_MAP_TYPE_PERCPU_ARRAY);
	assert_int_equal(map->key_size, 4);
	assert_int_equal(map->max_entries, 256);
	assert_string_equal(map->key, "__u32");
	assert_false(map->pinned_by_name);
}

static void a_program_that_jumps_by_itself_is_seen_to(void **state)
{
	OWNED(inspection_drop) struct inspection *inspection = inspected("ratelimit.bpf.o");
	const struct inspect_map *map = inspection_map(inspection, "bpfseal_next");

	(void)state;
	assert_true(inspection->tail_calls);
	assert_non_null(map);
	assert_int_equal(map->type, BPF_MAP_TYPE_PROG_ARRAY);
	assert_string_equal(inspection_map(inspection, "rl_state")->key, "__be32");
}

static void a_helper_in_a_function_of_another_section_is_found(void **state)
{
	OWNED(inspection_drop) struct inspection *inspection = inspected("bad_helper.bpf.o");
	struct manifest manifest = {0};
	struct policy policy = policy_widest();
	struct fault why = {0};

	(void)state;
	assert_true(inspection->helpers[BPF_FUNC_probe_read_kernel]);
	assert_int_equal(policy_check(&policy, inspection, &manifest, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
}

static void a_kernel_function_is_found_by_name(void **state)
{
	OWNED(inspection_drop) struct inspection *inspection = inspected("bad_kfunc.bpf.o");

	(void)state;
	assert_int_equal(inspection->kfunc_count, 1);
	assert_string_equal(inspection->kfuncs[0], "bpf_xdp_metadata_rx_hash");
}

static void a_map_whose_size_is_left_to_a_loader_of_its_own_is_refused(void **state)
{
	OWNED(inspection_drop) struct inspection *inspection = inspected("count.bpf.o");
	struct inspect_map *map =
		(struct inspect_map *)(uintptr_t)inspection_map(inspection, "counts");
	struct manifest manifest = {0};
	struct fault why = {0};

	(void)state;
	map->max_entries = 0;
	assert_int_equal(claims_check(inspection, &manifest, "count.bpf.o", &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_non_null(strstr(why.text, "max_entries"));
	// libbpf sizes it by the machine.
	map->type = BPF_MAP_TYPE_PERF_EVENT_ARRAY;
	assert_int_equal(claims_check(inspection, &manifest, "count.bpf.o", &why), -1);
	assert_null(strstr(why.text, "max_entries"));
}

static void maps_of_the_legacy_format_are_refused_with_the_reason(void **state)
{
	OWNED(inspection_drop) struct inspection *inspection = NULL;
	OWNED(bytes_drop) struct bytes object = {0};
	struct fault why = {0};
	unsigned char *name;

	(void)state;
	assert_int_equal(file_read(TEST_BPF_DIR "/count.bpf.o", INSPECT_OBJECT_MAX, &object, &why),
			 0);
	// ".maps" becomes "maps", in the table of names and in the BTF.
	while ((name = memmem(object.data, object.len, "\0.maps", 7)))
		memcpy(name + 1, "maps\0", 6);
	assert_int_equal(inspect_object(object.data, object.len, &inspection, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_true(strstr(why.text, "legacy format") || strstr(why.cause, "legacy format"));
	assert_non_null(strstr(why.fix, ".maps"));
}

static void an_array_that_comes_with_programs_in_it_is_refused(void **state)
{
	OWNED(inspection_drop) struct inspection *inspection = NULL;
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};

	(void)state;
	object("filled.bpf.o", &data);
	assert_int_equal(inspect_object(data.data, data.len, &inspection, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_non_null(strstr(why.text, "filled with programs"));
}

static void what_is_wrong_with_maps_is_found(void **state)
{
	OWNED(inspection_drop) struct inspection *inspection = inspected("bad_maps.bpf.o");
	struct manifest manifest = {0};
	struct policy policy = policy_widest();
	struct fault why = {0};
	bool inner = false;

	(void)state;
	assert_true(inspection_map(inspection, "pinned")->pinned_by_name);
	assert_int_equal(inspection_map(inspection, "sockets")->type, BPF_MAP_TYPE_SOCKMAP);
	assert_int_equal(inspection_map(inspection, "open_map")->flags, BPF_F_MMAPABLE);
	assert_int_equal(inspection_map(inspection, "huge")->value_size, 4096);
	assert_string_equal(inspection_map(inspection, "huge")->value, "struct page");
	for (size_t i = 0; i < inspection->map_count; i++) {
		const struct inspect_map *map = &inspection->maps[i];

		if (!map->inner)
			continue;
		inner = true;
		assert_string_equal(map->name, "outer");
		assert_int_equal(map->type, BPF_MAP_TYPE_HASH);
		assert_string_equal(map->value, "__u16[3]");
	}
	assert_true(inner);
	assert_int_equal(policy_check(&policy, inspection, &manifest, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
}

// ---- objects that were tampered with ----

// The one place in the object where `pattern` stands at an instruction's place.
static unsigned char *find(struct bytes *data, const unsigned char *pattern, size_t len)
{
	for (size_t at = 0; at + len <= data->len; at += 8) {
		if (memcmp(data->data + at, pattern, len) == 0)
			return data->data + at;
	}
	fail_msg("the pattern is not there");
	return NULL;
}

static void a_map_by_number_is_refused(void **state)
{
	// r? = map, before relocation: 16 bytes, empty but for code and register.
	OWNED(bytes_drop) struct bytes data = {0};
	static const unsigned char load[8] = {0x18, 0x01};
	unsigned char *place;

	(void)state;
	object("count.bpf.o", &data);
	place = find(&data, load, sizeof load);
	place[1] = 0x11; // src_reg 1: the imm is a descriptor of whoever loads
	place[4] = 5;
	refused(&data);
}

static const unsigned char lookup_call[8] = {0x85, 0, 0, 0, 1};

static void a_helper_number_past_the_end_is_noticed(void **state)
{
	static const int32_t numbers[] = {0, -1, 256, 9999, INT32_MAX, INT32_MIN};

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		OWNED(bytes_drop) struct bytes data = {0};
		OWNED(inspection_drop) struct inspection *inspection = NULL;
		struct fault why = {0};

		object("count.bpf.o", &data);
		memcpy(find(&data, lookup_call, sizeof lookup_call) + 4, &numbers[i], 4);
		assert_int_equal(inspect_object(data.data, data.len, &inspection, &why), 0);
		assert_true(inspection->helper_unknown);
	}
}

// In a compiled object, through the worker, under a policy that grants all that it can: every helper there is, by itself.
static void every_helper_of_an_object_is_found_and_judged_by_itself(void **state)
{
	struct policy policy = policy_widest();
	struct manifest manifest = {0};
	unsigned refused_count = 0;

	(void)state;
	memset(policy.helpers, true, sizeof policy.helpers);
	for (uint32_t id = 1; id < INSPECT_HELPERS_MAX; id++) {
		OWNED(bytes_drop) struct bytes data = {0};
		OWNED(inspection_drop) struct inspection *inspection = NULL;
		struct fault why = {0};
		int group = helper_group(id);
		bool passes;

		object("count.bpf.o", &data);
		memcpy(find(&data, lookup_call, sizeof lookup_call) + 4, &id, 4);
		assert_int_equal(inspect_object(data.data, data.len, &inspection, &why), 0);
		assert_true(inspection->helpers[id]);
		passes = policy_check(&policy, inspection, &manifest, &why) == 0;
		refused_count += !passes;
		if (passes != (group >= 0 && group != HELPERS_TRACING))
			fail_msg("helper %u (%s): %s", id, helper_name(id), why.text);
		if (!passes)
			assert_int_equal(strncmp(why.text, "helpers: ", 9), 0);
	}
	assert_true(refused_count > 130);
}

static void a_call_in_another_form_is_noticed(void **state)
{
	static const struct {
		unsigned char code, regs;
	} calls[] = {{0x8d, 0}, {0x86, 0}, {0x85, 0x30}, {0x85, 0xf0}};

	(void)state;
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		OWNED(bytes_drop) struct bytes data = {0};
		OWNED(inspection_drop) struct inspection *inspection = NULL;
		struct fault why = {0};
		unsigned char *place;

		object("count.bpf.o", &data);
		place = find(&data, lookup_call, sizeof lookup_call);
		place[0] = calls[i].code;
		place[1] = calls[i].regs;
		assert_int_equal(inspect_object(data.data, data.len, &inspection, &why), 0);
		assert_true(inspection->helper_unknown);
	}
}

static void a_kernel_function_by_number_is_noticed(void **state)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(inspection_drop) struct inspection *inspection = NULL;
	struct fault why = {0};

	(void)state;
	object("count.bpf.o", &data);
	find(&data, lookup_call, sizeof lookup_call)[1] = 0x20;
	assert_int_equal(inspect_object(data.data, data.len, &inspection, &why), 0);
	assert_int_equal(inspection->kfunc_count, 1);
	assert_string_equal(inspection->kfuncs[0], "#1");
}

static void what_is_no_bpf_object_is_refused(void **state)
{
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};

	(void)state;
	refused(&data);
	assert_int_equal(bytes_append_text(&data, "hello", &why), 0);
	refused(&data);
	bytes_drop(&data);
	assert_int_equal(file_read("/proc/self/exe", 64u << 20, &data, &why), 0);
	data.len = data.len > INSPECT_OBJECT_MAX ? INSPECT_OBJECT_MAX : data.len;
	refused(&data);
}

static void a_header_that_lies_is_refused(void **state)
{
	OWNED(bytes_drop) struct bytes good = {0};
	Elf64_Ehdr head;
	struct fault why = {0};

	(void)state;
	object("count.bpf.o", &good);
	for (int i = 0; i < 9; i++) {
		OWNED(bytes_drop) struct bytes data = {0};

		assert_int_equal(bytes_append(&data, good.data, good.len, &why), 0);
		memcpy(&head, data.data, sizeof head);
		switch (i) {
		case 0:
			head.e_machine = EM_X86_64;
			break;
		case 1:
			head.e_ident[EI_DATA] = ELFDATA2MSB;
			break;
		case 2:
			head.e_ident[EI_CLASS] = ELFCLASS32;
			break;
		case 3:
			head.e_shoff = UINT64_MAX - 8;
			break;
		case 4:
			head.e_shnum = 0xfeff;
			break;
		case 5:
			head.e_shnum = 0;
			break;
		case 6:
			head.e_shstrndx = head.e_shnum;
			break;
		case 7:
			head.e_type = ET_EXEC;
			break;
		default:
			head.e_shentsize = 1;
		}
		memcpy(data.data, &head, sizeof head);
		refused(&data);
	}
}

static void a_section_that_lies_is_refused(void **state)
{
	OWNED(bytes_drop) struct bytes good = {0};
	Elf64_Ehdr head;
	struct fault why = {0};

	(void)state;
	object("count.bpf.o", &good);
	memcpy(&head, good.data, sizeof head);
	for (unsigned i = 1; i < head.e_shnum; i++) {
		OWNED(bytes_drop) struct bytes data = {0};
		size_t place = head.e_shoff + i * sizeof(Elf64_Shdr);
		Elf64_Shdr section;

		assert_int_equal(bytes_append(&data, good.data, good.len, &why), 0);
		memcpy(&section, data.data + place, sizeof section);
		if (section.sh_type == SHT_NOBITS)
			continue;
		section.sh_offset = UINT64_MAX - 1;
		section.sh_size = 4096;
		memcpy(data.data + place, &section, sizeof section);
		refused(&data);
	}
}

static void a_cut_object_is_refused_at_every_length(void **state)
{
	OWNED(bytes_drop) struct bytes data = {0};

	(void)state;
	object("count.bpf.o", &data);
	// The table of sections stands last: no cut leaves it whole. Our own check refuses before a library looks.
	for (size_t len = 0; len < data.len; len++) {
		struct fault why = {0};

		assert_int_equal(shape_check(data.data, len, &why), -1);
		assert_int_equal(why.code, FAULT_FORMAT);
	}
}

// The place of the symbol of the object's first function.
static size_t function_of(const struct bytes *data, Elf64_Sym *symbol)
{
	Elf64_Shdr section = {0};
	Elf64_Ehdr head;

	memcpy(&head, data->data, sizeof head);
	for (unsigned i = 0; i < head.e_shnum && section.sh_type != SHT_SYMTAB; i++)
		memcpy(&section, data->data + head.e_shoff + i * sizeof section, sizeof section);
	for (size_t at = 0; at < section.sh_size; at += sizeof *symbol) {
		memcpy(symbol, data->data + section.sh_offset + at, sizeof *symbol);
		if (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC)
			return section.sh_offset + at;
	}
	fail_msg("the object has no function");
	return 0;
}

static void a_function_outside_its_section_or_cut_is_refused(void **state)
{
	static const unsigned char load[8] = {0x18, 0x01};
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};
	Elf64_Sym whole, symbol;
	Elf64_Shdr section;
	Elf64_Ehdr head;
	size_t place, cut;

	(void)state;
	object("count.bpf.o", &data);
	place = function_of(&data, &whole);
	memcpy(&head, data.data, sizeof head);
	memcpy(&section, data.data + head.e_shoff + whole.st_shndx * sizeof section,
	       sizeof section);
	cut = (size_t)(find(&data, load, sizeof load) - data.data) - section.sh_offset + 8;
	assert_in_range(cut, 16, section.sh_size - 8);
	const struct {
		uint64_t value, size;
	} bad[] = {
		{section.sh_size, 8},	  // past the end
		{0, section.sh_size + 8}, // over the end
		{8, section.sh_size},	  // the same
		{(uint64_t)0 - 96, 96},	  // 2^64 - 96: the sum is 0
		{(uint64_t)0 - 96, 104},  // the sum is 8
		{8, (uint64_t)0 - 8},	  // the other way round
		{4, section.sh_size - 8}, // between two instructions
		{0, section.sh_size - 4}, // ends in one
		{0, 0},			  // nothing
		{0, cut},		  // ends in the first half of a 64-bit load
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		symbol = whole;
		symbol.st_value = bad[i].value;
		symbol.st_size = bad[i].size;
		memcpy(data.data + place, &symbol, sizeof symbol);
		fault_clear(&why);
		assert_int_equal(shape_check(data.data, data.len, &why), -1);
		assert_int_equal(why.code, FAULT_FORMAT);
		assert_non_null(strstr(why.text, "a function lies outside its section"));
		refused(&data);
	}
	// A part of the section may well be a function.
	symbol.st_value = 8;
	symbol.st_size = section.sh_size - 8;
	memcpy(data.data + place, &symbol, sizeof symbol);
	assert_int_equal(shape_check(data.data, data.len, &why), 0);
}

static void a_function_of_a_section_of_no_kind_is_not_looked_for_in_the_file(void **state)
{
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};
	Elf64_Shdr section;
	Elf64_Sym symbol;
	Elf64_Ehdr head;
	size_t place;

	(void)state;
	object("count.bpf.o", &data);
	place = function_of(&data, &symbol);
	memcpy(&head, data.data, sizeof head);
	// Nothing says where a section of type NULL lies; an offset in it is anywhere.
	section = (Elf64_Shdr){.sh_flags = SHF_EXECINSTR,
			       .sh_offset = UINT64_C(1) << 46,
			       .sh_size = symbol.st_size};
	memcpy(data.data + head.e_shoff, &section, sizeof section);
	symbol.st_shndx = 0;
	memcpy(data.data + place, &symbol, sizeof symbol);
	assert_int_equal(shape_check(data.data, data.len, &why), 0);
}

static void broken_bytes_break_nothing_but_the_worker(void **state)
{
	static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
	void (*before[sizeof deadly / sizeof *deadly])(int);
	OWNED(bytes_drop) struct bytes good = {0};
	unsigned seed = 1, died = 0;

	(void)state;
	object("ratelimit.bpf.o", &good);
	// libbpf does crash on some of these. The worker has to die of it, not to jump back into this test.
	for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
		before[i] = signal(deadly[i], SIG_DFL);
	for (int run = 0; run < 400; run++) {
		OWNED(bytes_drop) struct bytes data = {0};
		OWNED(inspection_drop) struct inspection *inspection = NULL;
		struct fault why = {0};

		assert_int_equal(bytes_append(&data, good.data, good.len, &why), 0);
		for (int i = 0; i < 8; i++) {
			seed = seed * 1103515245u + 12345u;
			data.data[(seed >> 8) % data.len] = (unsigned char)(seed >> 24);
		}
		if (inspect_object(data.data, data.len, &inspection, &why)) {
			assert_in_range(why.code, FAULT_FORMAT, FAULT_TOO_LARGE);
			died += strstr(why.text, "signal") != NULL;
		}
	}
	for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
		signal(deadly[i], before[i]);
	print_message("%u of 400 workers died\n", died);
}

static void an_answer_of_a_worker_gone_bad_is_refused(void **state)
{
	OWNED(inspection_drop) struct inspection *inspection = inspected("ratelimit.bpf.o");
	OWNED(bytes_drop) struct bytes answer = {0};
	struct fault why = {0};

	(void)state;
	assert_int_equal(inspection_write(inspection, &answer, &why), 0);
	for (size_t len = 0; len < answer.len; len++) {
		OWNED(inspection_drop) struct inspection *again = NULL;

		assert_int_equal(inspect_decode(answer.data, len, &again, &why), -1);
		assert_int_equal(why.code, FAULT_FORMAT);
	}
	for (size_t i = 0; i < answer.len; i++) {
		OWNED(inspection_drop) struct inspection *again = NULL;

		// Either refused, or within every bound that the rest of the program relies on.
		answer.data[i] ^= 0xff;
		if (!inspect_decode(answer.data, answer.len, &again, &why))
			assert_in_range(again->kfunc_count, 0, INSPECT_KFUNCS_MAX);
		answer.data[i] ^= 0xff;
	}
}

// ---- against a manifest ----

static struct manifest_program counter = {.object = (char *)"count.bpf.o",
					  .entry = (char *)"count"};
static struct manifest_map counts = {.name = (char *)"counts",
				     .object = (char *)"count.bpf.o",
				     .type = (char *)"percpu_array",
				     .key = (char *)"__u32",
				     .key_size = 4,
				     .max_entries = 256};

static int check(const struct inspection *inspection, const struct manifest_program *program,
		 const struct manifest_map *map, struct fault *why)
{
	struct manifest_program programs[1] = {*program};
	struct manifest_map maps[1];
	struct manifest manifest = {.programs = programs, .program_count = 1};

	if (map) {
		maps[0] = *map;
		manifest.maps = maps;
		manifest.map_count = 1;
	}
	*why = (struct fault){0};
	return claims_check(inspection, &manifest, "count.bpf.o", why);
}

static void a_manifest_that_says_otherwise_is_refused(void **state)
{
	OWNED(inspection_drop) struct inspection *inspection = inspected("count.bpf.o");
	const struct inspect_map *real = inspection_map(inspection, "counts");
	struct manifest_program program = counter;
	struct manifest_map map = counts;
	struct fault why;

	(void)state;
	map.value_size = real->value_size;
	map.value = (char *)real->value;
	assert_int_equal(check(inspection, &program, &map, &why), 0);
	assert_int_equal(check(inspection, &program, NULL, &why), -1); // a map left out
	assert_int_equal(why.code, FAULT_FORMAT);
	map.max_entries = 257;
	assert_int_equal(check(inspection, &program, &map, &why), -1);
	map.max_entries = 256;
	map.type = (char *)"array";
	assert_int_equal(check(inspection, &program, &map, &why), -1);
	map.type = (char *)"percpu_array";
	map.key = (char *)"__be32";
	assert_int_equal(check(inspection, &program, &map, &why), -1);
	map.key = (char *)"__u32";
	map.name = (char *)"others";
	assert_int_equal(check(inspection, &program, &map, &why), -1);
	map.name = (char *)"counts";
	program.entry = (char *)"main";
	assert_int_equal(check(inspection, &program, &map, &why), -1);
	program = counter;
	program.linkage = LINK_CHAIN;
	assert_int_equal(check(inspection, &program, &map, &why), -1);
	program.linkage = LINK_OWN_MAP;
	program.next_map = (char *)"counts";
	assert_int_equal(check(inspection, &program, &map, &why), -1);
	assert_non_null(strstr(why.text, "prog_array"));
}

static void a_program_in_a_section_that_is_not_for_packets_is_refused(void **state)
{
	static const char *const bad[] = {
		"place_fentry", "place_fexit",	    "place_fmod_ret",	"place_freplace",
		"place_iter",	"place_lsm",	    "place_tp_btf",	"place_kprobe",
		"place_raw_tp", "place_tracepoint", "place_perf_event", "place_socket",
		"place_cgroup", "place_syscall",    "place_devmap",	"place_cpumap",
	};
	OWNED(inspection_drop) struct inspection *places = inspected("places.bpf.o");
	OWNED(inspection_drop) struct inspection *marks = inspected("marks.bpf.o");
	struct manifest_program program = counter;
	struct fault why;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		program.entry = (char *)(uintptr_t)bad[i];
		assert_int_equal(check(places, &program, NULL, &why), -1);
		assert_int_equal(why.code, FAULT_FORMAT);
		assert_non_null(strstr(why.text, "not for packets"));
	}
	program.entry = (char *)"place_xdp";
	assert_int_equal(check(places, &program, NULL, &why), 0);
	// Nor may it say that what was written for one hook is for the other.
	program.hook = HOOK_TC_EGRESS;
	assert_int_equal(check(places, &program, NULL, &why), -1);
	assert_non_null(strstr(why.text, "\"xdp\", which is not for packets on tc_egress"));
	program.entry = (char *)"place_tc";
	assert_int_equal(check(places, &program, NULL, &why), 0);
	program.hook = HOOK_XDP;
	assert_int_equal(check(places, &program, NULL, &why), -1);
	program.entry = (char *)"place_classifier";
	assert_int_equal(check(places, &program, NULL, &why), -1);
	assert_string_equal(why.fix, "build it with SEC(\"xdp\")");
	// A section that nobody knows says nothing against the manifest; its maps are what is missing here.
	program.entry = (char *)"mark_odd";
	assert_int_equal(check(marks, &program, NULL, &why), -1);
	assert_non_null(strstr(why.text, "a map"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_counter_is_told_as_it_is),
		cmocka_unit_test(a_program_that_jumps_by_itself_is_seen_to),
		cmocka_unit_test(a_helper_in_a_function_of_another_section_is_found),
		cmocka_unit_test(a_kernel_function_is_found_by_name),
		cmocka_unit_test(a_map_whose_size_is_left_to_a_loader_of_its_own_is_refused),
		cmocka_unit_test(maps_of_the_legacy_format_are_refused_with_the_reason),
		cmocka_unit_test(an_array_that_comes_with_programs_in_it_is_refused),
		cmocka_unit_test(what_is_wrong_with_maps_is_found),
		cmocka_unit_test(a_map_by_number_is_refused),
		cmocka_unit_test(a_helper_number_past_the_end_is_noticed),
		cmocka_unit_test(every_helper_of_an_object_is_found_and_judged_by_itself),
		cmocka_unit_test(a_call_in_another_form_is_noticed),
		cmocka_unit_test(a_kernel_function_by_number_is_noticed),
		cmocka_unit_test(what_is_no_bpf_object_is_refused),
		cmocka_unit_test(a_header_that_lies_is_refused),
		cmocka_unit_test(a_section_that_lies_is_refused),
		cmocka_unit_test(a_cut_object_is_refused_at_every_length),
		cmocka_unit_test(a_function_outside_its_section_or_cut_is_refused),
		cmocka_unit_test(a_function_of_a_section_of_no_kind_is_not_looked_for_in_the_file),
		cmocka_unit_test(broken_bytes_break_nothing_but_the_worker),
		cmocka_unit_test(an_answer_of_a_worker_gone_bad_is_refused),
		cmocka_unit_test(a_manifest_that_says_otherwise_is_refused),
		cmocka_unit_test(a_program_in_a_section_that_is_not_for_packets_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
