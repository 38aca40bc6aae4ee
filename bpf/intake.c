// SPDX-License-Identifier: Apache-2.0
#include "bpf/intake.h"

#include "base/file.h"

int intake_file(const char *path, size_t max, struct bytes *out, struct fault *why)
{
	if (!file_read(path, max, out, why))
		return 0;
	if (why->code == FAULT_NOT_FOUND)
		why->code = FAULT_USAGE;
	return -1;
}

int intake_bundle(const char *path, struct bytes *data, struct sha256 *sha256, struct survey **out,
		  struct fault *why)
{
	if (intake_file(path, BUNDLE_MAX, data, why) ||
	    sha256_of(data->data, data->len, sha256, why))
		return -1;
	if (survey_new(data->data, data->len, out, why))
		return fault_within(why, "%s is refused", path);
	return 0;
}
