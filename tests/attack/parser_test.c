// SPDX-License-Identifier: Apache-2.0
// A06, A18, A25-A30: bytes that two readers could understand differently, and bytes that never end. Each file is built
// as text and signed as a generous reader would have understood it.
#include "tests/attack/attack.h"

#include <sodium.h>

#include "keys/canon.h"

// A timestamp document around this text of a signed part, signed over `canonical`.
static void serve_timestamp_text(struct sim *sim, const char *body, const char *canonical)
{
	const struct sim_key *key = &sim_role(sim, "timestamp")->keys[0];
	OWNED(bytes_drop) struct bytes document = {0};
	unsigned char raw[crypto_sign_BYTES];
	char sig[2 * sizeof(raw) + 1];
	struct fault why = {0};

	crypto_sign_detached(raw, NULL, (const unsigned char *)canonical, strlen(canonical),
			     key->secret);
	hex_write(raw, sizeof(raw), sig);
	assert_int_equal(
		bytes_format(&document, &why,
			     "{\"signatures\":[{\"keyid\":\"%s\",\"sig\":\"%s\"}],\"signed\":%s}",
			     key->id, sig, body),
		0);
	sim_serve_raw(sim, "timestamp.json", document.data, document.len);
}

#define BODY(version, extra)                                             \
	"{\"_type\":\"timestamp\",\"expires\":\"2027-02-01T00:00:00Z\"," \
	"\"meta\":{\"snapshot.json\":{\"version\":1}},"                  \
	"\"spec_version\":\"1.0.31\",\"version\":" version extra "}"

static void text_that_is_signed_as_it_stands_is_accepted(void **state)
{
	struct sim *sim = *state;

	serve_timestamp_text(sim, BODY("2", ""), BODY("2", ""));
	assert_accepted(sim);
	assert_int_equal(sim_kept(sim, "timestamp"), 2);
}

static void white_space_and_escapes_do_not_change_what_is_signed(void **state)
{
	struct sim *sim = *state;

	serve_timestamp_text(sim, " " BODY("2", " , \"x\" : \"\\u0061\\n\\/\\u00e9\" "),
			     BODY("2", ",\"x\":\"a\n/\xc3\xa9\""));
	assert_accepted(sim);
	assert_int_equal(sim_kept(sim, "timestamp"), 2);
}

static void a_key_that_stands_twice_is_refused(void **state)
{
	struct sim *sim = *state;

	serve_timestamp_text(sim, BODY("2", ",\"version\":3"), BODY("2", ""));
	assert_refused(sim, FAULT_FORMAT);
	serve_timestamp_text(sim, BODY("2", ",\"version\":3"), BODY("3", ""));
	assert_refused(sim, FAULT_FORMAT);
	serve_timestamp_text(sim, BODY("2", ",\"x\":{\"y\":[{\"z\":1,\"z\":1}]}"), BODY("2", ""));
	assert_refused(sim, FAULT_FORMAT);
}

static void numbers_with_two_spellings_are_refused(void **state)
{
	static const char *const numbers[] = {
		BODY("2.0", ""), BODY("2e0", ""),	  BODY("02", ""),    BODY("+2", ""),
		BODY("0x2", ""), BODY("2", ",\"x\":1.5"), BODY("\"2\"", ""), BODY("true", ""),
	};
	struct sim *sim = *state;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		serve_timestamp_text(sim, numbers[i], BODY("2", ""));
		assert_refused(sim, strstr(numbers[i], "\"2\"") || strstr(numbers[i], "true")
					    ? FAULT_SIGNATURE
					    : FAULT_FORMAT);
		serve_timestamp_text(sim, numbers[i], numbers[i]);
		assert_refused(sim, FAULT_FORMAT);
	}
}

static void versions_out_of_range_are_refused(void **state)
{
	static const char *const bodies[] = {
		BODY("0", ""),
		BODY("-1", ""),
		BODY("9007199254740992", ""),
		BODY("9223372036854775807", ""),
		BODY("9223372036854775808", ""),
	};
	struct sim *sim = *state;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		serve_timestamp_text(sim, bodies[i], bodies[i]);
		assert_refused(sim, FAULT_FORMAT);
	}
}

static void text_that_is_not_strict_utf8_is_refused(void **state)
{
	static const char *const tricks[] = {
		",\"x\":\"\xc0\xaf\"",	   // overlong '/'
		",\"x\":\"\xed\xa0\x80\"", // a surrogate in UTF-8
		",\"x\":\"\\ud800\"",	   // half a pair
		",\"x\":\"\xff\"",	   // never a byte of UTF-8
		",\"x\":\"\\u0000\"",	   // would end a C string early
		",\"x\":\"\x01\"",	   // a raw control byte
	};
	struct sim *sim = *state;
	char body[512];

	for (size_t i = 0; i < sizeof(tricks) / sizeof(*tricks); i++) {
		snprintf(body, sizeof(body), BODY("2", "%s"), tricks[i]);
		serve_timestamp_text(sim, body, body);
		assert_refused(sim, FAULT_FORMAT);
	}
}

static void a_byte_order_mark_is_refused(void **state)
{
	struct sim *sim = *state;
	struct fault why = {0};
	OWNED(bytes_drop) struct bytes marked = {0};
	struct bytes *served = sim_served(sim, "timestamp.json");

	assert_int_equal(bytes_append_text(&marked, "\xef\xbb\xbf", &why), 0);
	assert_int_equal(bytes_append(&marked, served->data, served->len, &why), 0);
	sim_serve_raw(sim, "timestamp.json", marked.data, marked.len);
	assert_refused(sim, FAULT_FORMAT);
}

static void bytes_behind_the_document_are_refused(void **state)
{
	static const char *const tails[] = {"x", "{}", "\0", ",", "]"};
	struct sim *sim = *state;

	for (size_t i = 0; i < 5; i++) {
		OWNED(bytes_drop) struct bytes data = {0};
		struct fault why = {0};

		sim_sign(sim_role(sim, "timestamp"), &data);
		assert_int_equal(
			bytes_append(&data, tails[i], tails[i][0] ? strlen(tails[i]) : 1, &why), 0);
		sim_serve_raw(sim, "timestamp.json", data.data, data.len);
		assert_refused(sim, FAULT_FORMAT);
	}
}

static void half_a_document_and_none_are_refused(void **state)
{
	struct sim *sim = *state;
	OWNED(bytes_drop) struct bytes data = {0};

	sim_sign(sim_role(sim, "timestamp"), &data);
	for (size_t len = 0; len < data.len - 1; len += 37) {
		sim_serve_raw(sim, "timestamp.json", data.data, len);
		assert_refused(sim, FAULT_FORMAT);
	}
}

static void other_documents_than_an_envelope_are_refused(void **state)
{
	static const char *const documents[] = {
		"null",
		"[]",
		"{}",
		"1",
		"\"signed\"",
		"{\"signed\":{}}",
		"{\"signed\":{},\"signatures\":{}}",
		"{\"signed\":[],\"signatures\":[]}",
		"{\"signed\":{},\"signatures\":[1]}",
		"{\"signed\":{},\"signatures\":[{\"sig\":\"\"}]}",
		"{\"signed\":{},\"signatures\":[{\"keyid\":7,\"sig\":\"\"}]}",
	};
	struct sim *sim = *state;

	for (size_t i = 0; i < sizeof(documents) / sizeof(*documents); i++) {
		sim_serve_raw(sim, "timestamp.json", documents[i], strlen(documents[i]));
		assert_refused(sim, FAULT_FORMAT);
	}
}

static void deep_nesting_is_refused_without_deep_recursion(void **state)
{
	struct sim *sim = *state;
	size_t len = (size_t)10 << 20;
	OWNED(drop_heap) char *brackets = malloc(len);

	assert_non_null(brackets);
	memset(brackets, '[', len);
	sim->limits.root_max = len;
	sim_serve_raw(sim, "2.root.json", brackets, len);
	assert_refused(sim, FAULT_FORMAT);
}

static void a_million_keys_end_at_the_cap(void **state)
{
	struct sim *sim = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};

	assert_int_equal(bytes_append_text(&data, "{\"signatures\":[],\"signed\":{", &why), 0);
	for (int i = 0; i < 50000; i++)
		assert_int_equal(bytes_format(&data, &why, "%s\"%d\":0", i ? "," : "", i), 0);
	assert_int_equal(bytes_append_text(&data, "}}", &why), 0);
	sim_serve_raw(sim, "2.root.json", data.data, data.len);
	assert_true(data.len < sim->limits.root_max);
	assert_refused(sim, FAULT_SIGNATURE);
	sim->limits.root_max = data.len - 1;
	assert_refused(sim, FAULT_TOO_LARGE);
}

// A06: each role has its cap before a signature is looked at; a signed length is a cap as well.
static void more_bytes_than_the_cap_are_refused(void **state)
{
	struct sim *sim = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};
	size_t signed_len;

	sim_bump(sim_role(sim, "timestamp"));
	sim_sign(sim_role(sim, "timestamp"), &data);
	signed_len = data.len;
	while (data.len <= sim->limits.timestamp_max)
		assert_int_equal(bytes_append_text(&data, "        ", &why), 0);
	sim_serve_raw(sim, "timestamp.json", data.data, data.len);
	assert_refused(sim, FAULT_TOO_LARGE);
	sim_serve_raw(sim, "timestamp.json", data.data, sim->limits.timestamp_max);
	assert_true(signed_len < sim->limits.timestamp_max);
	assert_accepted(sim);
}

static void one_byte_more_than_the_signed_length_is_refused(void **state)
{
	struct sim *sim = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};

	sim->hashes = true;
	sim_bump(sim_role(sim, "targets"));
	sim_publish(sim);
	copy_served(sim, "2.targets.json", &data);
	assert_int_equal(bytes_append(&data, "\n", 1, &why), 0);
	replay(sim, "2.targets.json", &data);
	assert_refused_keeping(sim, FAULT_TOO_LARGE, 1, 2, 2, 1, 1);
	data.len -= 2;
	replay(sim, "2.targets.json", &data);
	assert_refused_keeping(sim, FAULT_DIGEST, 1, 2, 2, 1, 1);
}

// A18: a digest that is malformed is a refusal, never a check left out.
static void malformed_digests_are_refused(void **state)
{
	static const char *const digests[] = {
		"",
		" ",
		"00",
		" 0000000000000000000000000000000000000000000000000000000000000000",
		"000000000000000000000000000000000000000000000000000000000000000",
		"00000000000000000000000000000000000000000000000000000000000000000",
		"ABCDEF0000000000000000000000000000000000000000000000000000000000",
	};
	struct sim *sim = *state;

	for (size_t i = 0; i < sizeof(digests) / sizeof(*digests); i++) {
		sim_set_text(
			sim_at(sim_role(sim, "net")->body, "targets", SIM_TARGET, "hashes", NULL),
			"sha256", digests[i]);
		sim_bump(sim_role(sim, "net"));
		sim_publish(sim);
		assert_refused_keeping(sim, FAULT_FORMAT, 1, (int64_t)i + 2, (int64_t)i + 2, 1, 1);
	}
}

static void a_target_without_a_digest_we_know_is_refused(void **state)
{
	struct sim *sim = *state;
	struct json *hashes =
		sim_at(sim_role(sim, "net")->body, "targets", SIM_TARGET, "hashes", NULL);
	struct target none = {.path = "x", .length = 0};
	struct fault why = {0};

	json_remove(hashes, "sha256");
	sim_set_text(hashes, "md5", "d41d8cd98f00b204e9800998ecf8427e");
	sim_bump(sim_role(sim, "net"));
	sim_publish(sim);
	assert_int_equal(sim_install(sim, SIM_TARGET, &why), -1);
	assert_code(&why, FAULT_DIGEST);
	assert_int_equal(target_check(&none, "", 0, &why), -1);
	assert_code(&why, FAULT_DIGEST);
	json_remove(hashes, "md5");
	sim_bump(sim_role(sim, "net"));
	sim_publish(sim);
	assert_int_equal(sim_install(sim, SIM_TARGET, &why), -1);
	assert_code(&why, FAULT_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(text_that_is_signed_as_it_stands_is_accepted),
		SCENE(white_space_and_escapes_do_not_change_what_is_signed),
		SCENE(a_key_that_stands_twice_is_refused),
		SCENE(numbers_with_two_spellings_are_refused),
		SCENE(versions_out_of_range_are_refused),
		SCENE(text_that_is_not_strict_utf8_is_refused),
		SCENE(a_byte_order_mark_is_refused),
		SCENE(bytes_behind_the_document_are_refused),
		SCENE(half_a_document_and_none_are_refused),
		SCENE(other_documents_than_an_envelope_are_refused),
		SCENE(deep_nesting_is_refused_without_deep_recursion),
		SCENE(a_million_keys_end_at_the_cap),
		SCENE(more_bytes_than_the_cap_are_refused),
		SCENE(one_byte_more_than_the_signed_length_is_refused),
		SCENE(malformed_digests_are_refused),
		SCENE(a_target_without_a_digest_we_know_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
