// SPDX-License-Identifier: Apache-2.0
// keys/pin: the fingerprint of a root depends on what it says and not on how; fingerprints and URLs read by people.
// First line: a fingerprint. Second: a URL. Rest: a root file.
#include "keys/pin.h"

#include <ctype.h>

#include "base/owned.h"
#include "tests/fuzz/fuzz.h"

static void read_fingerprint(const char *text)
{
	char written[PIN_FINGERPRINT_LEN], hex[SHA256_HEX];
	struct sha256 digest, again;
	struct fault why = {0};
	size_t count = 0;

	if (pin_fingerprint_read(text, &digest, &why)) {
		fuzz_refused(&why);
		return;
	}
	pin_fingerprint_write(&digest, written);
	MUST(pin_fingerprint_read(written, &again, &must));
	HOLDS(sha256_equal(&digest, &again));
	// Nothing but the digits counted.
	sha256_hex(&digest, hex);
	for (const char *at = text; *at; at++)
		if (*at != '-')
			HOLDS(count < SHA256_HEX - 1 &&
			      tolower((unsigned char)*at) == hex[count++]);
	HOLDS(count == SHA256_HEX - 1);
}

// "[::1]" in any of its spellings, "[0:0::1]" or "[::0.0.0.1]": zeros, and a one at the end.
static bool is_one_in_six(const char *host)
{
	size_t zeros = *host == '[' ? strspn(host + 1, "0:.") : 0;

	return zeros && !strncmp(host + 1 + zeros, "1]", 2);
}

static void check_url(const char *url)
{
	struct fault why = {0};

	if (pin_url_check(url, &why)) {
		fuzz_refused(&why);
		return;
	}
	HOLDS(!strncmp(url, "https://", 8) || !strncmp(url, "http://", 7));
	HOLDS(!strpbrk(url, "@?#\\ \t\r\n\""));
	for (const char *at = url; *at; at++)
		HOLDS((unsigned char)*at > ' ' && (unsigned char)*at < 0x7f);
	if (!strncmp(url, "http://", 7))
		HOLDS(!strncmp(url + 7, "127.", 4) || is_one_in_six(url + 7) ||
		      !strncasecmp(url + 7, "localhost", 9));
}

static void take_fingerprint(const uint8_t *root, size_t len)
{
	OWNED(json_drop) struct json *document = NULL;
	OWNED(bytes_drop) struct bytes text = {0};
	struct sha256 digest, again;
	struct fault why = {0};

	if (pin_fingerprint(root, len, &digest, &why)) {
		fuzz_refused(&why);
		return;
	}
	MUST(json_parse(root, len, "root", &document, &must));
	MUST(json_write(document, true, &text, &must));
	MUST(pin_fingerprint(text.data, text.len, &again, &must));
	HOLDS(sha256_equal(&digest, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	OWNED(drop_heap) char *fingerprint = fuzz_line(&input);
	OWNED(drop_heap) char *url = fuzz_line(&input);

	read_fingerprint(fingerprint);
	check_url(url);
	take_fingerprint(input.at, input.left);
	return 0;
}
