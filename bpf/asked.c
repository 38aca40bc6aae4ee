// SPDX-License-Identifier: Apache-2.0
#include "bpf/asked.h"

#include <linux/bpf.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// The head of the section, as far as it goes to what is looked for here, and what each run of records begins with.
struct head {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t len;
	uint32_t functions[2], lines[2]; // offset behind the head, length
	uint32_t records_offset, records_len;
};
struct run {
	uint32_t section, count;
};

static void add(struct inspection *inspection, const struct bpf_core_relo *record)
{
	struct inspect_type *types = inspection->types;
	size_t at = 0;

	// Asks for nothing of the kernel.
	if (record->kind == BPF_CORE_TYPE_ID_LOCAL)
		return;
	while (at < inspection->type_count && types[at].id != record->type_id)
		at++;
	if ((uint32_t)record->kind >= 32 || at == INSPECT_TYPES_MAX) {
		inspection->types_unclear = true;
		return;
	}
	if (at == inspection->type_count)
		types[inspection->type_count++] = (struct inspect_type){.id = record->type_id};
	types[at].kinds |= UINT32_C(1) << record->kind;
}

// The runs of records, of one section of code each. False when they do not fill their place.
static bool scan_runs(const unsigned char *at, size_t left, size_t size,
		      struct inspection *inspection)
{
	struct bpf_core_relo record;
	struct run run;

	while (left) {
		if (left < sizeof run)
			return false;
		memcpy(&run, at, sizeof run);
		at += sizeof run;
		left -= sizeof run;
		if (!run.count || run.count > left / size)
			return false;
		for (uint32_t i = 0; i < run.count; i++, at += size, left -= size) {
			memcpy(&record, at, sizeof record);
			add(inspection, &record);
		}
	}
	return true;
}

static bool scan(const unsigned char *section, size_t len, struct inspection *inspection)
{
	struct head head;
	uint32_t size;

	if (len < offsetof(struct head, records_offset))
		return false;
	memset(&head, 0, sizeof head);
	memcpy(&head, section, len < sizeof head ? len : sizeof head);
	if (head.magic != BTF_MAGIC || head.len > len)
		return false;
	// From before there were such records.
	if (head.len < sizeof head)
		return true;
	section += head.len;
	len -= head.len;
	if (!head.records_len)
		return true;
	if (head.records_offset > len || head.records_len > len - head.records_offset ||
	    head.records_len < sizeof size)
		return false;
	section += head.records_offset;
	memcpy(&size, section, sizeof size);
	if (size < sizeof(struct bpf_core_relo))
		return false;
	return scan_runs(section + sizeof size, head.records_len - sizeof size, size, inspection);
}

void asked_scan(const void *section, size_t len, struct inspection *inspection)
{
	if (!scan(section, len, inspection))
		inspection->types_unclear = true;
}
