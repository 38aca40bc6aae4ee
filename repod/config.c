// SPDX-License-Identifier: Apache-2.0
#include "repod/config.h"

#include <stdlib.h>

#include "base/program.h"

#define CONNECTIONS 2048
#define CONNECTIONS_EACH \
	512 // a site behind one address is not locked out; no single address takes all

void config_drop(struct config *config)
{
	free(config->state);
	free(config->signer);
	config->state = config->signer = NULL;
}

static int read_lives(const struct cli *cli, struct config *out, struct fault *why)
{
	if (cli_duration(cli, "--snapshot-expires", INT64_C(7) * 86400, &out->snapshot_s, why) ||
	    cli_duration(cli, "--timestamp-expires", 86400, &out->timestamp_s, why))
		return -1;
	if (out->snapshot_s > CONFIG_SNAPSHOT_MAX_S || out->timestamp_s > CONFIG_TIMESTAMP_MAX_S) {
		fault_set(why, FAULT_USAGE, "snapshots live 30d at most, timestamps 7d");
		return fault_fix(why, "they are renewed by themselves: a shorter life costs "
				      "nothing while the server runs");
	}
	return 0;
}

int config_read(const struct cli *cli, struct config *out, struct fault *why)
{
	int64_t fd, connections, each;

	*out = (struct config){0};
	out->listen = cli_value(cli, "--listen");
	if (!out->listen)
		out->listen = "127.0.0.1:8080";
	if (read_lives(cli, out, why) || cli_number(cli, "--ready-fd", 1, 1023, -1, &fd, why) ||
	    cli_number(cli, "--connections", 4, 65536, CONNECTIONS, &connections, why) ||
	    cli_number(cli, "--connections-per-address", 1, 65536, CONNECTIONS_EACH, &each, why))
		return -1;
	out->ready_fd = (int)fd;
	out->connections_max = (unsigned)connections;
	out->per_address_max = (unsigned)each;
	if (cli_path(cli, DIR_REPOD, &out->state, why) ||
	    cli_path(cli, DIR_SIGNER, &out->signer, why)) {
		config_drop(out);
		return -1;
	}
	return 0;
}
