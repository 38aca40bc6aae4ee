// SPDX-License-Identifier: Apache-2.0
// The peer of `apply`: a program that does as little as one can to bring the same programs into the kernel. No signature,
// no inspection, no policy, no chain, no record: each object is opened and loaded, the first program is attached.
//   plain INTERFACE ENTRY OBJECT...
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static int load(const char *path, const char *entry)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;
	int found = -1;

	if (!object)
		return -1;
	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), entry));
	if (bpf_object__load(object))
		return -1;
	bpf_object__for_each_program(program,
				     object) if (!strcmp(bpf_program__name(program), entry)) found =
		bpf_program__fd(program);
	return found;
}

int main(int argc, char **argv)
{
	int first = -1;

	for (int i = 3; i < argc; i++) {
		int fd = load(argv[i], argv[2]);

		if (fd < 0) {
			perror(argv[i]);
			return 1;
		}
		first = first < 0 ? fd : first;
	}
	if (first < 0 ||
	    bpf_xdp_attach((int)if_nametoindex(argv[1]), first, XDP_FLAGS_DRV_MODE, NULL)) {
		perror(argc > 1 ? argv[1] : argv[0]);
		return 1;
	}
	return 0;
}
