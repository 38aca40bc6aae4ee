// SPDX-License-Identifier: Apache-2.0
#include "repod/broker.h"

#include "base/owned.h"
#include "base/worker.h"
#include "repod/channel.h"

enum errand { ERRAND_BUNDLE = 1, ERRAND_INSPECT = 2 };

// An unpacked bundle, its copy in the answer and what the libraries take for themselves.
#define WORKER_MEMORY_MAX  ((size_t)512 << 20)
#define WORKER_SECONDS_MAX 10
// The members and the framing around them.
#define BUNDLE_ANSWER_MAX  ((size_t)BUNDLE_UNPACKED_MAX + 65536)
#define INSPECT_ANSWER_MAX ((size_t)1 << 20)

static int run_errand(uint32_t errand, const struct bytes *question, struct bytes *answer,
		      struct fault *why)
{
	struct worker_limits limits = {WORKER_MEMORY_MAX, WORKER_SECONDS_MAX, BUNDLE_ANSWER_MAX};

	if (errand == ERRAND_BUNDLE)
		return worker_run(bundle_job, question->data, question->len, &limits, answer, why);
	limits.output_max = INSPECT_ANSWER_MAX;
	if (errand == ERRAND_INSPECT)
		return worker_run(inspect_job, question->data, question->len, &limits, answer, why);
	return fault_set(why, FAULT_OTHER, "the broker knows no errand %u", errand);
}

int broker_serve(int fd, struct fault *why)
{
	for (;;) {
		OWNED(bytes_drop) struct bytes question = {0}, answer = {0};
		struct fault refusal = {0};
		uint32_t errand = 0;
		bool open = false;

		if (channel_receive(fd, BUNDLE_MAX, &errand, &question, &open, why))
			return -1;
		if (!open)
			return 0;
		if (run_errand(errand, &question, &answer, &refusal)) {
			if (channel_refuse(fd, &refusal, why))
				return -1;
		} else if (channel_send(fd, errand, answer.data, answer.len, why)) {
			return -1;
		}
	}
}

int broker_bundle(int fd, const void *data, size_t len, struct bundle **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes answer = {0};

	if (len > BUNDLE_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "a bundle has at most %u bytes", BUNDLE_MAX);
	if (channel_ask(fd, ERRAND_BUNDLE, data, len, BUNDLE_ANSWER_MAX, &answer, why))
		return -1;
	return bundle_decode(answer.data, answer.len, out, why);
}

int broker_inspect(int fd, const void *object, size_t len, struct inspection **out,
		   struct fault *why)
{
	OWNED(bytes_drop) struct bytes answer = {0};

	if (len > INSPECT_OBJECT_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "an object has at most %u bytes",
				 (unsigned)INSPECT_OBJECT_MAX);
	if (channel_ask(fd, ERRAND_INSPECT, object, len, INSPECT_ANSWER_MAX, &answer, why))
		return -1;
	return inspect_decode(answer.data, answer.len, out, why);
}
