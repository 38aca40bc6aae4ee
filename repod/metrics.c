// SPDX-License-Identifier: Apache-2.0
#include "repod/metrics.h"

#include <inttypes.h>

static int head(struct bytes *out, const char *name, const char *type, const char *help,
		struct fault *why)
{
	return bytes_format(out, why, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static int write_answers(struct metrics *metrics, struct bytes *out, struct fault *why)
{
	static const char name[] = "bpfseal_repod_http_answers_total";

	if (head(out, name, "counter", "Answers by class of status.", why))
		return -1;
	for (int i = 2; i < 6; i++)
		if (bytes_format(out, why, "%s{class=\"%dxx\"} %" PRIuFAST64 "\n", name, i,
				 atomic_load(&metrics->answers[i])))
			return -1;
	return 0;
}

static int write_counters(struct metrics *metrics, struct bytes *out, struct fault *why)
{
	const struct {
		const char *name, *type, *help;
		uint_fast64_t value;
	} rows[] = {
		{"bpfseal_repod_uploads_total", "counter", "Files received and kept.",
		 atomic_load(&metrics->uploads)},
		{"bpfseal_repod_upload_bytes_total", "counter", "Bytes of files received and kept.",
		 atomic_load(&metrics->upload_bytes)},
		{"bpfseal_repod_commits_total", "counter", "Metadata files published.",
		 atomic_load(&metrics->commits)},
		{"bpfseal_repod_refusals_total", "counter",
		 "Metadata files refused by the verdict.", atomic_load(&metrics->refusals)},
		{"bpfseal_repod_conflicts_total", "counter",
		 "Metadata files that would change what is published.",
		 atomic_load(&metrics->conflicts)},
		{"bpfseal_repod_failures_total", "counter",
		 "Submissions failed by the server itself.", atomic_load(&metrics->failures)},
		{"bpfseal_repod_knocks_refused_total", "counter",
		 "Requests without a good signature of a known publisher.",
		 atomic_load(&metrics->knocks_refused)},
		{"bpfseal_repod_deadlines_total", "counter",
		 "Connections cut because a request took too long.",
		 atomic_load(&metrics->deadlines)},
		{"bpfseal_repod_renewals_total", "counter", "Renewals of snapshot and timestamp.",
		 atomic_load(&metrics->renewals)},
		{"bpfseal_repod_renewal_failures_total", "counter", "Renewals that failed.",
		 atomic_load(&metrics->renewal_failures)},
		{"bpfseal_repod_connections", "gauge", "Connections open now.",
		 atomic_load(&metrics->connections)},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (head(out, rows[i].name, rows[i].type, rows[i].help, why) ||
		    bytes_format(out, why, "%s %" PRIuFAST64 "\n", rows[i].name, rows[i].value))
			return -1;
	return 0;
}

static int write_versions(const struct release *release, int64_t now, struct bytes *out,
			  struct fault *why)
{
	const struct client_versions *v = &release->versions;
	const struct {
		const char *role;
		int64_t version, expires;
	} rows[] = {
		{"root", v->root, v->root_expires},
		{"timestamp", v->timestamp, v->timestamp_expires},
		{"snapshot", v->snapshot, v->snapshot_expires},
		{"targets", v->targets, v->targets_expires},
	};
	const size_t count = sizeof(rows) / sizeof(*rows);

	if (head(out, "bpfseal_repod_metadata_version", "gauge", "Version of each top-level role.",
		 why))
		return -1;
	for (size_t i = 0; i < count; i++)
		if (bytes_format(out, why,
				 "bpfseal_repod_metadata_version{role=\"%s\"} %" PRId64 "\n",
				 rows[i].role, rows[i].version))
			return -1;
	if (head(out, "bpfseal_repod_metadata_expires_seconds", "gauge",
		 "Seconds until each published top-level role expires; negative once it has.", why))
		return -1;
	for (size_t i = 0; i < count; i++)
		if (rows[i].version &&
		    bytes_format(out, why,
				 "bpfseal_repod_metadata_expires_seconds{role=\"%s\"} %" PRId64
				 "\n",
				 rows[i].role, rows[i].expires - now))
			return -1;
	return 0;
}

// What a publication costs grows with the first of the two, not with the second.
static int write_roles(const struct release *release, struct bytes *out, struct fault *why)
{
	if (head(out, "bpfseal_repod_roles_checked", "gauge",
		 "Targets roles read and verified for the last commit; all of them at start.",
		 why) ||
	    bytes_format(out, why, "bpfseal_repod_roles_checked %zu\n", release->checked) ||
	    head(out, "bpfseal_repod_roles", "gauge", "Targets roles that the snapshot lists.",
		 why))
		return -1;
	return bytes_format(out, why, "bpfseal_repod_roles %zu\n", release->role_count);
}

int metrics_write(struct metrics *metrics, const struct release *release, int64_t now,
		  struct bytes *out, struct fault *why)
{
	if (write_answers(metrics, out, why) || write_counters(metrics, out, why) ||
	    write_roles(release, out, why))
		return -1;
	return write_versions(release, now, out, why);
}
