// SPDX-License-Identifier: Apache-2.0
#include "repod/exchange.h"

#include <stdio.h>

#include "base/owned.h"

#define TYPE_PROBLEM "application/problem+json"

static const char *title_of(unsigned status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 409:
		return "Conflict";
	case 411:
		return "Length Required";
	case 413:
		return "Content Too Large";
	case 414:
		return "URI Too Long";
	case 422:
		return "Unprocessable Content";
	case 503:
		return "Service Unavailable";
	default:
		return "Internal Server Error";
	}
}

static int put_safe(struct json *object, const char *key, const char *text, struct fault *why)
{
	char safe[8 * 2 * FAULT_TEXT_MAX];

	if (!text[0])
		return 0;
	return json_put_text(object, key, text_safe(text, safe, sizeof(safe)), why);
}

// What was refused and why, in the one member that every client shows.
static int put_detail(struct json *problem, const struct fault *refusal, struct fault *why)
{
	char detail[2 * FAULT_TEXT_MAX + 4];

	snprintf(detail, sizeof(detail), "%s%s%s", refusal->text, refusal->cause[0] ? ": " : "",
		 refusal->cause);
	return put_safe(problem, "detail", detail, why);
}

static int write_problem(struct answer *answer, const struct fault *refusal, struct fault *why)
{
	OWNED(json_drop) struct json *problem = json_make_object();

	if (json_put_text(problem, "type", "about:blank", why) ||
	    json_put_text(problem, "title", title_of(answer->status), why) ||
	    json_put_int(problem, "status", answer->status, why) ||
	    put_detail(problem, refusal, why) || put_safe(problem, "where", refusal->where, why) ||
	    put_safe(problem, "fix", refusal->fix, why) ||
	    json_put_text(problem, "code", fault_name(refusal->code), why))
		return -1;
	return json_write(problem, false, &answer->body, why);
}

static void answer_reset(struct answer *answer)
{
	shelf_drop(&answer->item);
	drop_fd(&answer->fd);
	bytes_drop(&answer->body);
	*answer = (struct answer){.fd = -1, .close = answer->close};
}

// Makes the answer a refusal (RFC 9457). Without memory for the text the status says it alone.
void exchange_refuse(struct exchange *exchange, unsigned status, const struct fault *refusal)
{
	struct answer *answer = &exchange->answer;
	struct fault ignored = {0};

	answer_reset(answer);
	answer->status = status;
	answer->type = TYPE_PROBLEM;
	if (write_problem(answer, refusal, &ignored))
		answer->body.len = 0;
}

void exchange_refuse_text(struct exchange *exchange, unsigned status, enum fault_code code,
			  const char *text)
{
	struct fault refusal = {0};

	fault_set(&refusal, code, "%s", text);
	exchange_refuse(exchange, status, &refusal);
}

// Our own trouble: what it is goes to the log, not to strangers.
void exchange_fail(struct exchange *exchange, const struct fault *why)
{
	fault_print(why, stderr);
	if (why->code == FAULT_BUSY)
		exchange_refuse_text(exchange, 503, FAULT_BUSY, "the server is busy; try again");
	else
		exchange_refuse_text(exchange, 500, FAULT_OTHER,
				     "the server has a fault; its log says more");
}

void exchange_json(struct exchange *exchange, const struct json *document)
{
	struct answer *answer = &exchange->answer;
	struct fault why = {0};

	answer->status = 200;
	answer->type = TYPE_JSON;
	answer->caching = CACHE_NEVER;
	if (!document || json_write(document, false, &answer->body, &why))
		exchange_refuse_text(exchange, 500, FAULT_OTHER, "out of memory");
}

void exchange_free(struct exchange *exchange)
{
	if (!exchange)
		return;
	answer_reset(&exchange->answer);
	upload_drop(&exchange->upload);
	digest_drop(&exchange->digest);
	bytes_drop(&exchange->body);
	free(exchange);
}
