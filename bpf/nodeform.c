// SPDX-License-Identifier: Apache-2.0
#include "bpf/nodeform.h"

#include <ctype.h>
#include <net/if.h>
#include <string.h>

#include "base/bytes.h"
#include "bpf/index.h"
#include "bpf/node.h"
#include "bpf/policyfile.h"
#include "bpf/version.h"
#include "keys/pin.h"

#define NAME_LEN_MAX 64 // publisher, bundle, repository: each is a directory's name somewhere
#define MAPS_MAX     MANIFEST_MAPS_MAX // a bundle has no more
#define ENTRIES_MAX  65536	       // of one map; the file's size stops it earlier
#define PATH_LEN_MAX 1024

// ---- what a text may be ----

static int check_channel(const char *text, struct fault *why)
{
	return index_channel_check(text, FAULT_CONFIG, why);
}

static int check_use(const char *text, struct fault *why)
{
	const char *slash = strchr(text, '/');
	char publisher[NAME_LEN_MAX + 1] = "";

	if (slash && slash - text <= NAME_LEN_MAX)
		memcpy(publisher, text, (size_t)(slash - text));
	if (!slash || !name_is_plain(publisher, NAME_LEN_MAX) ||
	    !name_is_plain(slash + 1, NAME_LEN_MAX))
		return fault_set(why, FAULT_CONFIG,
				 "\"%.80s\" is not PUBLISHER/NAME, as in net/count", text);
	return 0;
}

static int check_interface(const char *text, struct fault *why)
{
	if (!node_is_interface_name(text))
		return fault_set(why, FAULT_CONFIG,
				 "\"%.80s\" cannot be a network interface: 1 to %d characters, "
				 "no blank, '/' or ':'",
				 text, IFNAMSIZ - 1);
	return 0;
}

// A file that the admin names. A relative one lies below the directory of node.json and cannot climb out of it, so
// the check of that directory's owner covers it.
static int check_path(const char *text, struct fault *why)
{
	size_t len = strlen(text);
	bool is_fine = len >= 1 && len <= PATH_LEN_MAX && text[len - 1] != '/';

	for (size_t i = 0; i < len; i++)
		is_fine = is_fine && !iscntrl((unsigned char)text[i]);
	for (const char *part = text; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (!strcmp(part, "..") || !strncmp(part, "../", 3))
			is_fine = false;
	}
	if (!is_fine)
		return fault_set(why, FAULT_CONFIG,
				 "\"%.80s\" is not the path of a file without ..", text);
	return 0;
}

// ---- the form of the file ----

static const char *const mode_words[] = {"secure", NULL};
static const char *const class_words[] = {"private", "public", NULL};
const char *const node_denied_words[] = {
	[NODE_DENIED_REMOVE] = "remove",
	[NODE_DENIED_DROP] = "drop",
	[NODE_DENIED_KEEP] = "keep-and-alarm",
	NULL,
};
const char *const node_xdp_mode_words[] = {
	[NODE_XDP_NATIVE] = "native",
	[NODE_XDP_GENERIC] = "generic",
	[NODE_XDP_EITHER] = "native-or-generic",
	[NODE_XDP_OFFLOAD] = "offload",
	NULL,
};
const char *const node_tc_attach_words[] = {
	[NODE_TC_AUTO] = "auto",
	[NODE_TC_TCX] = "tcx",
	[NODE_TC_CLSACT] = "clsact",
	NULL,
};

static const struct schema channel_form = {
	.kind = SCHEMA_TEXT,
	.check = check_channel,
	.pattern = "^(?!withdrawn$)[a-z0-9][a-z0-9._-]{0,31}$",
};
static const struct schema url_form = {
	.kind = SCHEMA_TEXT,
	.check = pin_url_check,
	.pattern = "^https?://[^ ]+$",
};
static const struct schema path_form = {
	.kind = SCHEMA_TEXT,
	.check = check_path,
	.pattern = "[^/]$",
};
static const struct schema use_form = {
	.kind = SCHEMA_TEXT,
	.check = check_use,
	.pattern = "^[a-z0-9][a-z0-9._-]{0,63}/[a-z0-9][a-z0-9._-]{0,63}$",
};
static const struct schema version_form = {
	.kind = SCHEMA_TEXT,
	.check = version_pattern_check,
	.pattern = "^([0-9]+\\.[0-9]+\\.[0-9]+|([0-9]+\\.){0,2}\\*)$",
};
static const struct schema mode_form = {.kind = SCHEMA_WORD, .words = mode_words};
static const struct schema class_form = {.kind = SCHEMA_WORD, .words = class_words};
static const struct schema xdp_mode_form = {.kind = SCHEMA_WORD, .words = node_xdp_mode_words};
static const struct schema tc_attach_form = {.kind = SCHEMA_WORD, .words = node_tc_attach_words};
static const struct schema denied_form = {.kind = SCHEMA_WORD, .words = node_denied_words};

static const struct schema_key entry_keys[] = {
	{"key", &schema_any, true, "the key, as the map's BTF type has it"},
	{"value", &schema_any, true, "the value, as the map's BTF type has it"},
	{0},
};
static const struct schema entry_form = {.kind = SCHEMA_OBJECT, .keys = entry_keys};
static const struct schema entries_form = {
	.kind = SCHEMA_LIST,
	.item = &entry_form,
	.count_max = ENTRIES_MAX,
};
static const struct schema maps_form = {
	.kind = SCHEMA_TABLE,
	.item = &entries_form,
	.count_max = MAPS_MAX,
	.key = &schema_identifier,
};

static const struct schema globals_form = {
	.kind = SCHEMA_TABLE,
	.item = &schema_any,
	.count_max = MANIFEST_GLOBALS_MAX,
	.key = &schema_identifier,
};

static const struct schema_key use_keys[] = {
	{"use", &use_form, true, "the bundle, PUBLISHER/NAME"},
	{"version", &version_form, true, "a version (1.4.2) or a pattern (1.4.*, 1.*, *)"},
	{"channel", &channel_form, false,
	 "the channel that a pattern takes from, beside what is released (default: released)"},
	{"from", &schema_name, false, "the repository; not needed where there is only one"},
	{"program", &schema_identifier, false,
	 "which program, where the bundle has several for this hook"},
	{"maps", &maps_form, false, "values to write into the program's maps, by map name"},
	{"globals", &globals_form, false, "values of the program's global variables, by name"},
	{0},
};
static const struct schema chain_item_form = {.kind = SCHEMA_OBJECT, .keys = use_keys};
static const struct schema chain_form = {
	.kind = SCHEMA_LIST,
	.item = &chain_item_form,
	.count_max = NODE_CHAIN_MAX,
};

static const struct schema_key interface_keys[] = {
	{"xdp", &chain_form, false, "the programs on XDP, in the order in which packets meet them"},
	{"tc_ingress", &chain_form, false, "the programs on TC ingress, in order"},
	{"tc_egress", &chain_form, false, "the programs on TC egress, in order"},
	{"xdp_mode", &xdp_mode_form, false,
	 "how XDP is attached: in the driver (default), in the network stack, on the card"},
	{"tc_attach", &tc_attach_form, false,
	 "how TC is attached (default: auto, TCX where the kernel has it, else clsact)"},
	{"on_denied", &denied_form, false,
	 "what takes the place of a running program that was denied (default: remove)"},
	{0},
};
static const struct schema interface_form = {.kind = SCHEMA_OBJECT, .keys = interface_keys};
static const struct schema interface_name_form = {
	.kind = SCHEMA_TEXT,
	.check = check_interface,
	.pattern = "^[!-.0-9;-~]{1,15}$",
};
static const struct schema interfaces_form = {
	.kind = SCHEMA_TABLE,
	.item = &interface_form,
	.count_max = NODE_INTERFACES_MAX,
	.key = &interface_name_form,
};

static const struct schema_key repository_keys[] = {
	{"url", &url_form, true, "where the repository is served; https, or http on this machine"},
	{"class", &class_form, false, "private (default) or public"},
	{"ca", &path_form, false,
	 "CA certificates for https, absolute or below the directory of this file"},
	{0},
};
static const struct schema repository_form = {.kind = SCHEMA_OBJECT, .keys = repository_keys};
static const struct schema repositories_form = {
	.kind = SCHEMA_TABLE,
	.item = &repository_form,
	.count_max = NODE_REPOSITORIES_MAX,
	.key = &schema_name,
};

static const struct schema probes_form = {
	.kind = SCHEMA_LIST,
	.item = &chain_item_form,
	.count_max = NODE_CHAIN_MAX,
};

static const struct schema_key node_keys[] = {
	{"repositories", &repositories_form, false,
	 "where bundles come from, by a name of your own"},
	{"interfaces", &interfaces_form, false,
	 "what runs, by network interface or by a pattern of their names (* and ?)"},
	{"probes", &probes_form, false, "the programs that watch events of this machine"},
	{"policy", &policyfile_form, false, "what a signed program may be and do here"},
	{"watch", &watchrule_form, false, "what watch may do besides looking and putting back"},
	{"mode", &mode_form, false, "secure, which is also what absence means"},
	{0},
};
const struct schema node_form = {.kind = SCHEMA_OBJECT, .keys = node_keys};
