// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Every kind of question that a program can ask about the kernel's types when it is loaded (CO-RE): each program is a row
// of answers, which end up as numbers in its instructions.
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define OF_THE_KERNEL __attribute__((preserve_access_index))

// As little of each as is asked for, and not where the kernel has it.
struct list_head {
	struct list_head *prev, *next;
} OF_THE_KERNEL;
struct qspinlock___of_old {
	__u16 locked_pending;
} OF_THE_KERNEL;
struct net {
	__u32 hash_mix;
	struct list_head list;
} OF_THE_KERNEL;
typedef struct {
	struct net *net;
} possible_net_t___mine;
struct net_device {
	char name[4];
	unsigned ifindex;
	struct list_head dev_list;
	struct net_device *nowhere;
	possible_net_t___mine nd_net;
} OF_THE_KERNEL;
struct net_device___never {
	int no_such_field;
	struct list_head napi_list;
} OF_THE_KERNEL;
struct task_struct___flavour {
	int pid;
	char comm[2];
	struct {
		unsigned sched_reset_on_fork : 1;
		unsigned in_execve : 1;
	};
	unsigned no_cgroup_migration : 1;
	struct list_head tasks;
	void *stack;
} OF_THE_KERNEL;
struct tcp_sock {
	__u8 nonagle : 4, repair : 1;
	__u32 snd_cwnd;
} OF_THE_KERNEL;
union bpf_attr___mine {
	__u32 prog_type;
	__u32 target_fd;
} OF_THE_KERNEL;
enum bpf_map_type___mine {
	BPF_MAP_TYPE_HASH___mine = 77,
	BPF_MAP_TYPE_DEVMAP___mine = 78,
	BPF_MAP_TYPE_NEVER = 79,
};
typedef __u32 __wsum;

static __always_inline unsigned mix(unsigned sum, unsigned answer)
{
	return sum * 31 + answer;
}

// Arrays, members in members, anonymous ones, behind typedefs.
SEC("xdp")
int fields(struct xdp_md *ctx)
{
	struct net_device *dev = (void *)(long)ctx->ingress_ifindex;
	struct task_struct___flavour *task = (void *)dev;
	struct net *net = (void *)dev;
	unsigned sum = bpf_core_field_exists(dev->name);

	sum = mix(sum, bpf_core_field_offset(dev->ifindex));
	sum = mix(sum, bpf_core_field_offset(dev->dev_list.prev));
	sum = mix(sum, bpf_core_field_offset(dev->name[3]));
	sum = mix(sum, bpf_core_field_offset(dev->nd_net));
	sum = mix(sum, bpf_core_field_offset(task->tasks.next));
	sum = mix(sum, bpf_core_field_offset(task->stack));
	sum = mix(sum, bpf_core_field_offset(net->list.next));
	sum = mix(sum, bpf_core_field_size(dev->name));
	sum = mix(sum, bpf_core_field_size(dev->dev_list));
	sum = mix(sum, bpf_core_field_size(task->comm));
	sum = mix(sum, bpf_core_field_exists(dev->nowhere));
	return (int)sum;
}

// The shifts that take a bit field out of the bytes around it, and whether it has a sign.
SEC("xdp")
int bits(struct xdp_md *ctx)
{
	struct task_struct___flavour *task = (void *)(long)ctx->ingress_ifindex;
	struct tcp_sock *tcp = (void *)task;
	unsigned sum = 1;

	sum = mix(sum, __CORE_RELO(task, sched_reset_on_fork, LSHIFT_U64));
	sum = mix(sum, __CORE_RELO(task, sched_reset_on_fork, RSHIFT_U64));
	sum = mix(sum, __CORE_RELO(task, sched_reset_on_fork, BYTE_OFFSET));
	sum = mix(sum, __CORE_RELO(task, in_execve, LSHIFT_U64));
	sum = mix(sum, __CORE_RELO(task, in_execve, BYTE_SIZE));
	sum = mix(sum, __CORE_RELO(task, no_cgroup_migration, LSHIFT_U64));
	sum = mix(sum, __CORE_RELO(tcp, nonagle, LSHIFT_U64));
	sum = mix(sum, __CORE_RELO(tcp, nonagle, RSHIFT_U64));
	sum = mix(sum, __CORE_RELO(tcp, repair, LSHIFT_U64));
	sum = mix(sum, __CORE_RELO(tcp, nonagle, SIGNED));
	sum = mix(sum, __CORE_RELO(task, pid, SIGNED));
	return (int)sum;
}

SEC("xdp")
int enums(struct xdp_md *ctx)
{
	unsigned sum = ctx->ingress_ifindex;

	sum = mix(sum, bpf_core_enum_value(enum bpf_map_type___mine, BPF_MAP_TYPE_HASH___mine));
	sum = mix(sum, bpf_core_enum_value(enum bpf_map_type___mine, BPF_MAP_TYPE_DEVMAP___mine));
	sum = mix(sum, bpf_core_enum_value_exists(enum bpf_map_type___mine, BPF_MAP_TYPE_NEVER));
	sum = mix(sum,
		  bpf_core_enum_value_exists(enum bpf_map_type___mine, BPF_MAP_TYPE_DEVMAP___mine));
	return (int)sum;
}

SEC("xdp")
int types(struct xdp_md *ctx)
{
	unsigned sum = ctx->ingress_ifindex;

	sum = mix(sum, bpf_core_type_exists(struct net_device));
	sum = mix(sum, bpf_core_type_size(struct net_device));
	sum = mix(sum, bpf_core_type_exists(union bpf_attr___mine));
	sum = mix(sum, bpf_core_type_size(union bpf_attr___mine));
	sum = mix(sum, bpf_core_type_exists(struct qspinlock___of_old));
	sum = mix(sum, bpf_core_type_size(enum bpf_map_type___mine));
	sum = mix(sum, bpf_core_type_exists(__wsum));
	sum = mix(sum, bpf_core_type_size(__wsum));
	sum = mix(sum, bpf_core_type_size(struct list_head));
	return (int)sum;
}

// What is not there is an answer too.
SEC("xdp")
int absent(struct xdp_md *ctx)
{
	struct net_device___never *never = (void *)(long)ctx->ingress_ifindex;
	unsigned sum = 1;

	sum = mix(sum, bpf_core_field_exists(never->no_such_field));
	sum = mix(sum, bpf_core_field_exists(never->napi_list));
	sum = mix(sum, bpf_core_field_offset(never->napi_list.next));
	return (int)sum;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
