// SPDX-License-Identifier: Apache-2.0
#include "bpf/place.h"

#include <stdint.h>

#define DAY_S		  INT64_C(86400)
#define TARGETS_EXPIRES_S (90 * DAY_S) // targets expire within 90 days at most (SECURITY.md)

const char *place_dir(const struct cli *cli)
{
	return cli_value(cli, "--dir") ? cli_value(cli, "--dir") : ".";
}

int place_read(const struct cli *cli, struct stage_place *place, struct fault *why)
{
	int64_t expires_s;

	place->dir = place_dir(cli);
	if (cli_need(cli, "--role", &place->role, why) ||
	    cli_duration(cli, "--expires", TARGETS_EXPIRES_S, &expires_s, why))
		return -1;
	if (expires_s > TARGETS_EXPIRES_S)
		return fault_set(why, FAULT_USAGE, "--expires is at most 90d");
	place->expires = cli_now(cli) + expires_s;
	return 0;
}

int place_refuse(struct fault *why)
{
	if (why->code != FAULT_NOT_FOUND)
		return -1;
	why->code = FAULT_USAGE;
	if (why->fix[0])
		return -1;
	return fault_fix(why,
			 "--dir is the ceremony directory, --role targets or a role that 'bpfseal "
			 "root delegate' made there");
}

void place_say_next(const struct cli *cli, const struct stage_place *place)
{
	cli_say(cli, "next: bpfseal sign %s/metadata/%s.json --key KEY", place->dir, place->role);
}
