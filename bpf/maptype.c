// SPDX-License-Identifier: Apache-2.0
#include "bpf/maptype.h"

#include <linux/bpf.h>
#include <stddef.h>

static const struct {
	const char *name;
	bool allowed, percpu;
} types[] = {
	[BPF_MAP_TYPE_HASH] = {"hash", true, false},
	[BPF_MAP_TYPE_ARRAY] = {"array", true, false},
	[BPF_MAP_TYPE_PROG_ARRAY] = {"prog_array", true, false},
	[BPF_MAP_TYPE_PERF_EVENT_ARRAY] = {"perf_event_array", true, false},
	[BPF_MAP_TYPE_PERCPU_HASH] = {"percpu_hash", true, true},
	[BPF_MAP_TYPE_PERCPU_ARRAY] = {"percpu_array", true, true},
	[BPF_MAP_TYPE_STACK_TRACE] = {"stack_trace", false, false},
	[BPF_MAP_TYPE_CGROUP_ARRAY] = {"cgroup_array", false, false},
	[BPF_MAP_TYPE_LRU_HASH] = {"lru_hash", true, false},
	[BPF_MAP_TYPE_LRU_PERCPU_HASH] = {"lru_percpu_hash", true, true},
	[BPF_MAP_TYPE_LPM_TRIE] = {"lpm_trie", true, false},
	[BPF_MAP_TYPE_ARRAY_OF_MAPS] = {"array_of_maps", true, false},
	[BPF_MAP_TYPE_HASH_OF_MAPS] = {"hash_of_maps", true, false},
	[BPF_MAP_TYPE_DEVMAP] = {"devmap", true, false},
	[BPF_MAP_TYPE_SOCKMAP] = {"sockmap", false, false},
	[BPF_MAP_TYPE_CPUMAP] = {"cpumap", true, false},
	[BPF_MAP_TYPE_XSKMAP] = {"xskmap", true, false},
	[BPF_MAP_TYPE_SOCKHASH] = {"sockhash", false, false},
	[BPF_MAP_TYPE_CGROUP_STORAGE] = {"cgroup_storage", false, false},
	[BPF_MAP_TYPE_REUSEPORT_SOCKARRAY] = {"reuseport_sockarray", false, false},
	[BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE] = {"percpu_cgroup_storage", false, true},
	[BPF_MAP_TYPE_QUEUE] = {"queue", true, false},
	[BPF_MAP_TYPE_STACK] = {"stack", true, false},
	[BPF_MAP_TYPE_SK_STORAGE] = {"sk_storage", false, false},
	[BPF_MAP_TYPE_DEVMAP_HASH] = {"devmap_hash", true, false},
	[BPF_MAP_TYPE_STRUCT_OPS] = {"struct_ops", false, false},
	[BPF_MAP_TYPE_RINGBUF] = {"ringbuf", true, false},
	[BPF_MAP_TYPE_INODE_STORAGE] = {"inode_storage", false, false},
	[BPF_MAP_TYPE_TASK_STORAGE] = {"task_storage", false, false},
	[BPF_MAP_TYPE_BLOOM_FILTER] = {"bloom_filter", true, false},
	[BPF_MAP_TYPE_USER_RINGBUF] = {"user_ringbuf", false, false},
};

static bool is_known(uint32_t type)
{
	return type < sizeof types / sizeof *types && types[type].name;
}

const char *map_type_name(uint32_t type)
{
	return is_known(type) ? types[type].name : NULL;
}

bool map_type_is_percpu(uint32_t type)
{
	return is_known(type) && types[type].percpu;
}

bool map_type_is_allowed(uint32_t type)
{
	return is_known(type) && types[type].allowed;
}

bool map_type_is_data(uint32_t type)
{
	switch (type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_LPM_TRIE:
	case BPF_MAP_TYPE_QUEUE:
	case BPF_MAP_TYPE_STACK:
	case BPF_MAP_TYPE_BLOOM_FILTER:
	case BPF_MAP_TYPE_RINGBUF:
	case BPF_MAP_TYPE_DEVMAP:
	case BPF_MAP_TYPE_DEVMAP_HASH:
	case BPF_MAP_TYPE_CPUMAP:
		return true;
	default:
		return false;
	}
}
