// SPDX-License-Identifier: Apache-2.0
#include "loader/cmd_doctor.h"

#include <linux/capability.h>
#include <string.h>

#include "base/jail.h"
#include "base/owned.h"
#include "base/program.h"
#include "loader/doctor.h"

#define DOCTOR_CAPS (JAIL_CAP(CAP_BPF) | JAIL_CAP(CAP_NET_ADMIN) | JAIL_CAP(CAP_PERFMON))

// From here on what others wrote is read. Nothing can be written.
static int shut(struct doctor *doctor, const struct cli *cli, struct fault *why)
{
	OWNED(drop_heap) char *config = NULL;
	OWNED(drop_heap) char *store = NULL;
	OWNED(drop_heap) char *loader = NULL;
	bool enforced;

	if (cli_path(cli, DIR_CONFIG, &config, why) || cli_path(cli, DIR_STORE, &store, why) ||
	    cli_path(cli, DIR_LOADER, &loader, why))
		return -1;
	const struct jail_path paths[] = {
		{.path = config},
		{.path = store},
		{.path = loader},
		{.path = "/sys/devices/system/cpu"},
	};

	if (jail_paths(paths, sizeof(paths) / sizeof(*paths), &enforced, why) ||
	    jail_syscalls(JAIL_KERNEL, why))
		return -1;
	if (enforced)
		return doctor_add(doctor, DOCTOR_OK, "landlock", NULL, why,
				  "each of our processes is confined to its files");
	return doctor_add(doctor, DOCTOR_WARNING, "landlock",
			  "boot with landlock among the lsm= of the command line", why,
			  "the kernel does not confine our processes to their files");
}

// Becomes what the loader is. False where that cannot be: then the rest is looked at as the caller may.
static int become(struct doctor *doctor, bool *may_load, struct fault *why)
{
	struct fault refusal = {0};

	*may_load = !jail_become(USER_LOADER, DOCTOR_CAPS, &refusal);
	if (*may_load)
		return 0;
	return doctor_add(doctor, doctor->as_root ? DOCTOR_FAILED : DOCTOR_UNKNOWN, "bpf",
			  doctor->as_root ? refusal.fix : "run this as root", why, "%s",
			  refusal.text);
}

static void say(const struct cli *cli, const struct json *findings)
{
	for (size_t i = 0; i < json_count(findings); i++) {
		const struct json *one = json_item(findings, i);
		const char *fix = json_text(json_member(one, "fix"));

		cli_say(cli, "%-8s %s: %s", json_text(json_member(one, "grade")),
			json_text(json_member(one, "check")), json_text(json_member(one, "text")));
		if (fix)
			cli_say(cli, "         fix: %s", fix);
	}
}

int run_doctor(struct cli *cli, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	OWNED(doctor_drop) struct doctor doctor = {.findings = NULL};
	bool may_load;

	if (doctor_new(cli_root(cli), cli_now(cli), &doctor, why) || doctor_machine(&doctor, why) ||
	    become(&doctor, &may_load, why) || shut(&doctor, cli, why) ||
	    (may_load && doctor_kernel(&doctor, why)) || doctor_node(&doctor, why))
		return -1;
	say(cli, doctor.findings);
	if (json_put(document, "findings", HAND_OVER(doctor.findings), why) ||
	    json_put_bool(document, "ok", !doctor.failed, why) ||
	    cli_document(cli, "bpfseal.doctor/1", HAND_OVER(document), why))
		return -1;
	if (!doctor.failed)
		return 0;
	cli_document_done(cli);
	return fault_set(why, FAULT_DRIFT, "something on this node cannot work as it is");
}
