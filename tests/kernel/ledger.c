// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/ledger.h"

#include <ctype.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "base/owned.h"

#define WAIT_STEPS  600 // of 200 ms
#define SAID_MAX    20
#define MAPS_A_PROG 64

static const struct {
	const char *name, *key; // as /proc/PID/fdinfo has it
	int (*next)(__u32 start, __u32 *next);
	int (*open)(__u32 id);
} kinds[LEDGER_KINDS] = {
	[LEDGER_PROGRAMS] = {"program", "prog_id:", bpf_prog_get_next_id, bpf_prog_get_fd_by_id},
	[LEDGER_MAPS] = {"map", "map_id:", bpf_map_get_next_id, bpf_map_get_fd_by_id},
	[LEDGER_LINKS] = {"link", "link_id:", bpf_link_get_next_id, bpf_link_get_fd_by_id},
	[LEDGER_BTFS] = {"BTF", "btf_id:", bpf_btf_get_next_id, bpf_btf_get_fd_by_id},
};

static void add(struct ledger *ledger, enum ledger_kind kind, uint32_t id)
{
	size_t count = ledger->counts[kind];

	if (!(count & (count + 1))) { // 0, 1, 3, 7 ...: room for twice as many and one
		ledger->ids[kind] =
			reallocarray(ledger->ids[kind], 2 * count + 1, sizeof(uint32_t));
		assert_non_null(ledger->ids[kind]);
	}
	ledger->ids[kind][ledger->counts[kind]++] = id;
}

static bool has(const struct ledger *ledger, enum ledger_kind kind, uint32_t id)
{
	for (size_t i = 0; i < ledger->counts[kind]; i++)
		if (ledger->ids[kind][i] == id)
			return true;
	return false;
}

void ledger_take(struct ledger *ledger)
{
	memset(ledger, 0, sizeof(*ledger));
	for (enum ledger_kind kind = 0; kind < LEDGER_KINDS; kind++)
		for (__u32 id = 0; !kinds[kind].next(id, &id);)
			add(ledger, kind, id);
}

void ledger_drop(struct ledger *ledger)
{
	for (enum ledger_kind kind = 0; kind < LEDGER_KINDS; kind++)
		free(ledger->ids[kind]);
	memset(ledger, 0, sizeof(*ledger));
}

void ledger_sign(uint32_t uid)
{
	// The kernel writes the real uid into what is loaded; rights go by the effective one.
	assert_int_equal(setresuid(uid, 0, 0), 0);
}

static bool program_info(uint32_t id, struct bpf_prog_info *info, uint32_t maps[MAPS_A_PROG])
{
	OWNED(drop_fd) int fd = bpf_prog_get_fd_by_id(id);
	__u32 len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	info->nr_map_ids = MAPS_A_PROG;
	info->map_ids = (uintptr_t)maps;
	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, info, &len);
}

static uint32_t map_btf(uint32_t id)
{
	OWNED(drop_fd) int fd = bpf_map_get_fd_by_id(id);
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);

	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) ? info.btf_id : 0;
}

static uint32_t link_program(uint32_t id)
{
	OWNED(drop_fd) int fd = bpf_link_get_fd_by_id(id);
	struct bpf_link_info info = {0};
	__u32 len = sizeof(info);

	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) ? info.prog_id : 0;
}

size_t ledger_programs_of(uint32_t uid)
{
	size_t count = 0;

	for (__u32 id = 0; !bpf_prog_get_next_id(id, &id);) {
		uint32_t maps[MAPS_A_PROG];
		struct bpf_prog_info info;

		count += program_info(id, &info, maps) && info.created_by_uid == uid;
	}
	return count;
}

// ---- whose the others are ----

static void read_fdinfo(const char *pid, struct ledger *others)
{
	char path[320], line[256];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.16s/fdinfo", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%.16s/fdinfo/%.200s", pid, entry->d_name);
		file = fopen(path, "re");
		while (file && fgets(line, sizeof(line), file))
			for (enum ledger_kind kind = 0; kind < LEDGER_KINDS; kind++)
				if (!strncmp(line, kinds[kind].key, strlen(kinds[kind].key)))
					add(others, kind,
					    (uint32_t)strtoul(line + strlen(kinds[kind].key), NULL,
							      10));
		if (file)
			fclose(file);
	}
	if (dir)
		closedir(dir);
}

// What other processes have open, and what programs of other uids use.
static void take_others(struct ledger *others, uint32_t uid)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char self[16];

	memset(others, 0, sizeof(*others));
	snprintf(self, sizeof(self), "%d", getpid());
	while (proc && (entry = readdir(proc)))
		if (isdigit((unsigned char)*entry->d_name) && strcmp(entry->d_name, self))
			read_fdinfo(entry->d_name, others);
	if (proc)
		closedir(proc);
	for (__u32 id = 0; !bpf_prog_get_next_id(id, &id);) {
		uint32_t maps[MAPS_A_PROG];
		struct bpf_prog_info info;

		if (!program_info(id, &info, maps) || info.created_by_uid == uid)
			continue;
		add(others, LEDGER_PROGRAMS, id);
		add(others, LEDGER_BTFS, info.btf_id);
		for (uint32_t i = 0; i < info.nr_map_ids && i < MAPS_A_PROG; i++) {
			add(others, LEDGER_MAPS, maps[i]);
			add(others, LEDGER_BTFS, map_btf(maps[i]));
		}
	}
}

static bool is_others(const struct ledger *others, enum ledger_kind kind, uint32_t id)
{
	if (has(others, kind, id))
		return true;
	return kind == LEDGER_LINKS && has(others, LEDGER_PROGRAMS, link_program(id));
}

static void say(enum ledger_kind kind, uint32_t id)
{
	OWNED(drop_fd) int fd = kinds[kind].open(id);
	char name[BPF_OBJ_NAME_LEN + 1] = "";
	struct bpf_prog_info program = {0};
	struct bpf_map_info map = {0};
	__u32 program_len = sizeof(program), map_len = sizeof(map);

	if (kind == LEDGER_PROGRAMS && !bpf_obj_get_info_by_fd(fd, &program, &program_len))
		memcpy(name, program.name, BPF_OBJ_NAME_LEN);
	if (kind == LEDGER_MAPS && !bpf_obj_get_info_by_fd(fd, &map, &map_len))
		memcpy(name, map.name, BPF_OBJ_NAME_LEN);
	fprintf(stderr, "leaked: %s %u %s\n", kinds[kind].name, id, name);
}

// Of those that were there when the counting began: others go on making new ones.
static size_t count_leaked(const struct ledger *before, const struct ledger *then, uint32_t uid,
			   bool aloud)
{
	struct ledger others;
	size_t leaked = 0;

	take_others(&others, uid);
	for (enum ledger_kind kind = 0; kind < LEDGER_KINDS; kind++)
		for (size_t i = 0; i < then->counts[kind]; i++) {
			uint32_t id = then->ids[kind][i];
			OWNED(drop_fd) int fd = kinds[kind].open(id);

			// Gone by now, or held by nobody but us who look.
			if (fd < 0 || has(before, kind, id) || is_others(&others, kind, id))
				continue;
			if (aloud && ++leaked <= SAID_MAX)
				say(kind, id);
			leaked += !aloud;
		}
	ledger_drop(&others);
	return leaked;
}

size_t ledger_leaked(const struct ledger *before, uint32_t uid)
{
	OWNED(ledger_drop) struct ledger then;

	ledger_take(&then);
	for (int i = 0; i < WAIT_STEPS; i++) {
		if (!count_leaked(before, &then, uid, false))
			return 0;
		usleep(200000);
	}
	return count_leaked(before, &then, uid, true);
}
