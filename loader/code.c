// SPDX-License-Identifier: Apache-2.0
#include "loader/code.h"

#include <stdlib.h>
#include <string.h>

#include "base/owned.h"

#define RECORD_SIZE_MAX 4096

void code_drop(struct code *code)
{
	free(code->insns);
	free(code->functions.data);
	free(code->lines.data);
	*code = (struct code){0};
}

static int records_take(const void *data, uint32_t count, uint32_t size, struct code_records *out,
			struct fault *why)
{
	if (!data || !count)
		return 0;
	if (size < sizeof(uint32_t) || size > RECORD_SIZE_MAX)
		return fault_set(why, FAULT_FORMAT, "BTF records of %u bytes make no sense", size);
	out->data = calloc(count, size);
	if (!out->data)
		return fault_set(why, FAULT_OTHER, "out of memory");
	memcpy(out->data, data, (size_t)count * size);
	out->count = count;
	out->size = size;
	return 0;
}

int code_take(const struct bpf_insn *insns, size_t count, const struct bpf_prog_load_opts *opts,
	      struct code *out, struct fault *why)
{
	OWNED(code_drop) struct code made = {.count = count};

	made.insns = calloc(count ? count : 1, sizeof(*insns));
	if (!made.insns)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (count)
		memcpy(made.insns, insns, count * sizeof(*insns));
	if (records_take(opts->func_info, opts->func_info_cnt, opts->func_info_rec_size,
			 &made.functions, why) ||
	    records_take(opts->line_info, opts->line_info_cnt, opts->line_info_rec_size,
			 &made.lines, why))
		return -1;
	*out = made;
	made = (struct code){0};
	return 0;
}

// Moves the records from `first` on.
static void records_shift(const struct code_records *records, size_t first, uint32_t by)
{
	unsigned char *at = records->data;

	for (size_t i = first; i < records->count; i++) {
		uint32_t offset;

		memcpy(&offset, at + i * records->size, sizeof(offset));
		offset += by;
		memcpy(at + i * records->size, &offset, sizeof(offset));
	}
}

// Moves all records, and puts a copy of the first at instruction 0: the kernel wants one at the start of every function.
static int records_lead(struct code_records *records, uint32_t by, struct fault *why)
{
	unsigned char *grown;

	if (!records->count)
		return 0;
	grown = reallocarray(records->data, (size_t)records->count + 1, records->size);
	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	memmove(grown + records->size, grown, (size_t)records->count * records->size);
	memset(grown, 0, sizeof(uint32_t));
	records->data = grown;
	records->count++;
	records_shift(records, 1, by);
	return 0;
}

int code_prepend(struct code *code, const struct bpf_insn *front, size_t count, bool own_function,
		 struct fault *why)
{
	struct bpf_insn *grown =
		reallocarray(code->insns, code->count + count, sizeof(*code->insns));

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	code->insns = grown;
	memmove(grown + count, grown, code->count * sizeof(*grown));
	memcpy(grown, front, count * sizeof(*grown));
	code->count += count;
	if (records_lead(&code->lines, (uint32_t)count, why))
		return -1;
	if (own_function)
		return records_lead(&code->functions, (uint32_t)count, why);
	records_shift(&code->functions, 1, (uint32_t)count);
	return 0;
}
