// SPDX-License-Identifier: Apache-2.0
#include "loader/applied.h"

#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/owned.h"

// Of what it says: blanks and the order of keys are nobody's decision.
static int digest_of(const struct node *node, char hex[static SHA256_HEX], struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};
	struct sha256 digest;

	if (json_write_sorted(node->document, &text, why) ||
	    sha256_of(text.data, text.len, &digest, why))
		return -1;
	sha256_hex(&digest, hex);
	return 0;
}

int applied_note(int loader_dirfd, const struct node *node, struct fault *why)
{
	char hex[SHA256_HEX];

	if (applied_is(loader_dirfd, node))
		return 0;
	return digest_of(node, hex, why) || file_replace_at(loader_dirfd, APPLIED_FILE, hex,
							    strlen(hex), 0600, why)
		       ? -1
		       : 0;
}

bool applied_is(int loader_dirfd, const struct node *node)
{
	OWNED(bytes_drop) struct bytes noted = {0};
	struct fault ignored = {0};
	char hex[SHA256_HEX];

	return !file_read_at(loader_dirfd, APPLIED_FILE, SHA256_HEX, &noted, &ignored) &&
	       !digest_of(node, hex, &ignored) && noted.len == strlen(hex) &&
	       !memcmp(noted.data, hex, noted.len);
}
