// SPDX-License-Identifier: Apache-2.0
// keys/client: a repository's life and an attacker's doings, as a program of bytes, one or more a step. After each run of the client the
// ledger's rules hold for all that the node keeps, a second run changes nothing, and what is found is what was released.
#include "base/owned.h"
#include "keys/local.h"
#include "keys/role.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/ledger.h"

#define STEPS_MAX 32
#define RUNS_MAX  5
#define SHELF_MAX 24 // old files that the attacker remembers

struct world {
	struct sim *sim;
	struct client_io doors; // the simulator's own
	struct ledger *ledger;
	struct fuzz_input input;
	struct bytes shelf[SHELF_MAX];
	size_t shelf_count;
	struct sim_key thief; // a key that nobody ever trusted
	bool released_second; // SIM_TARGET was released with other content, too
	unsigned runs;
};

#define SECOND_CONTENT "the counter, once more"

static size_t pick(struct world *world, size_t count)
{
	return fuzz_byte(&world->input) % count;
}

static struct sim_role *pick_role(struct world *world)
{
	struct sim_role *role = world->sim->roles;
	size_t count = 0;

	for (const struct sim_role *each = role; each; each = each->next)
		count++;
	for (size_t skip = pick(world, count); skip; skip--)
		role = role->next;
	return role;
}

static struct sim_file *pick_file(struct world *world)
{
	struct sim_file *file = world->sim->served;
	size_t count = 0;

	for (const struct sim_file *each = file; each; each = each->next)
		count++;
	if (!count)
		return NULL;
	for (size_t skip = pick(world, count); skip; skip--)
		file = file->next;
	return file;
}

// ---- the owners ----

static void publish(struct world *world)
{
	struct sim_role *role = pick_role(world);

	if (role != world->sim->roles && strcmp(role->name, "timestamp") != 0 &&
	    strcmp(role->name, "snapshot") != 0)
		sim_bump(role);
	sim_publish(world->sim);
	ledger_signed_all(world->ledger);
}

static void sign_alone(struct world *world)
{
	struct sim_role *role = pick_role(world);

	sim_bump(role);
	sim_serve(world->sim, role->name);
	ledger_signed(world->ledger, role);
}

// Serves the root's next version signed by these keys alone.
static void serve_root(struct world *world, const struct sim_role *signing)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(drop_heap) char *name = NULL;

	sim_bump(sim_role(world->sim, "root"));
	sim_sign(signing, &data);
	ledger_signed(world->ledger, signing);
	MUST(role_file("root", sim_version(signing), &name, &must));
	sim_serve_raw(world->sim, name, data.data, data.len);
}

// New keys for a role, and the root that says so: signed by the old and the new root keys, or by one side only.
static void rotate(struct world *world)
{
	static const char *const names[] = {"root", "timestamp", "snapshot", "targets"};
	struct sim_role *root = sim_role(world->sim, "root"), old = *root;
	size_t way = pick(world, 6), name = pick(world, 4), count = 1 + pick(world, 3);
	int64_t threshold = (int64_t)(1 + pick(world, count));

	if (world->sim->counter > 200)
		return;
	sim_rotate(world->sim, names[name], count, threshold);
	if (way == 0) {
		serve_root(world, root);
	} else if (way == 1) {
		serve_root(world, &old);
	} else {
		sim_publish_root(world->sim, &old);
		ledger_signed(world->ledger, root);
		ledger_signed(world->ledger, &old);
	}
}

static void delegate(struct world *world)
{
	static const char *const names[] = {"net", "lab", "lab/a", "snapshot"};
	static const char *const patterns[] = {"net/*/*", "net/count/*", "*", "lab/*"};
	const char *from = pick(world, 2) ? "targets" : names[pick(world, 3)];
	const char *to = names[pick(world, 4)], *pattern = patterns[pick(world, 4)];
	bool terminating = fuzz_byte(&world->input) & 1;

	if (sim_role(world->sim, from) && world->sim->counter < 200)
		sim_delegate(world->sim, from, to, pattern, terminating);
}

// A role of which the owner has lost the newest version: everything is signed anew around an older one.
static void fall_back(struct world *world)
{
	struct sim_role *role = pick_role(world);

	sim_set_int(role->body, "version", sim_version(role) - 1);
	sim_publish(world->sim);
	ledger_signed_all(world->ledger);
}

// One of the root's keys for a role listed a second time under another name, and two keys asked for.
static void alias(struct world *world)
{
	static const char *const names[] = {"timestamp", "snapshot", "targets"};
	struct sim_role *role = sim_role(world->sim, names[pick(world, 3)]);
	struct json *root = sim_role(world->sim, "root")->body;
	struct sim_key *second = &role->keys[1];

	role->key_count = 2;
	*second = role->keys[0];
	second->id[0] = second->id[0] == 'x' ? 'y' : 'x';
	MUST(json_put(sim_at(root, "keys", NULL), second->id, sim_key_json(second), &must));
	MUST(json_add(sim_at(root, "roles", role->name, "keyids", NULL), json_make_text(second->id),
		      &must));
	sim_set_int(sim_at(root, "roles", role->name, NULL), "threshold", 2);
	sim_publish_root(world->sim, NULL);
	ledger_signed(world->ledger, sim_role(world->sim, "root"));
}

static void set_version(struct world *world)
{
	static const int64_t versions[] = {0, 1, 2, 3, 7, -1, ROLE_INT_MAX, ROLE_INT_MAX + 1};

	struct sim_role *role = pick_role(world);

	sim_set_int(role->body, "version", versions[pick(world, 8)]);
}

static void set_expiry(struct world *world)
{
	struct sim_role *role = pick_role(world);

	sim_set_time(role, world->sim->now + ((int64_t)pick(world, 5) - 2) * SIM_DAY / 2);
}

static void release(struct world *world)
{
	sim_target(world->sim, "net", SIM_TARGET, SECOND_CONTENT);
	world->released_second = true;
	sim_bump(sim_role(world->sim, "net"));
}

static void set_style(struct world *world)
{
	uint8_t style = fuzz_byte(&world->input);

	world->sim->hashes = style & 1;
	world->sim->consistent = style & 2;
	sim_set_int(sim_role(world->sim, "root")->body, "x-style", style & 3);
	MUST(json_put(sim_role(world->sim, "root")->body, "consistent_snapshot",
		      json_make_bool(style & 2), &must));
}

// ---- the attacker ----

static void remember(struct world *world)
{
	struct sim_file *file = pick_file(world);

	if (!file || world->shelf_count == SHELF_MAX)
		return;
	MUST(bytes_append(&world->shelf[world->shelf_count++], file->data.data, file->data.len,
			  &must));
}

// An old file under the name of another one.
static void replay(struct world *world)
{
	struct sim_file *file = pick_file(world);
	const struct bytes *old;

	if (!file || !world->shelf_count)
		return;
	old = &world->shelf[pick(world, world->shelf_count)];
	sim_serve_raw(world->sim, file->name, old->data, old->len);
}

static void rename_file(struct world *world)
{
	static const char *const roles[] = {"root",    "timestamp", "snapshot",
					    "targets", "net",	    "lab"};
	struct sim_file *file = pick_file(world);
	size_t role = pick(world, 6), version = pick(world, 8);
	OWNED(drop_heap) char *name = NULL;
	OWNED(bytes_drop) struct bytes copy = {0};

	if (!file)
		return;
	MUST(role_file(roles[role], (int64_t)version, &name, &must));
	MUST(bytes_append(&copy, file->data.data, file->data.len, &must));
	sim_serve_raw(world->sim, name, copy.data, copy.len);
}

static void damage(struct world *world)
{
	struct sim_file *file = pick_file(world);
	size_t at = fuzz_number(&world->input, 2);
	uint8_t change = fuzz_byte(&world->input);

	if (!file || !file->data.len)
		return;
	if (change)
		file->data.data[at % file->data.len] ^= change;
	else
		file->data.len = at % file->data.len;
}

static void withdraw(struct world *world)
{
	struct sim_file *file = pick_file(world);

	if (file)
		sim_withdraw(world->sim, file->name);
}

// A role's file by the thief's key, or by keys of another role.
static void forge(struct world *world)
{
	struct sim_role *role = pick_role(world), *other = pick_role(world), mine = *role;
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(drop_heap) char *name = NULL;
	bool numbered = strcmp(role->name, "timestamp") != 0 &&
			(world->sim->consistent || role == world->sim->roles);

	memcpy(mine.keys, other->keys, sizeof(mine.keys));
	mine.key_count = other->key_count;
	if (other == role) {
		mine.keys[0] = world->thief;
		mine.key_count = 1;
	}
	sim_bump(role);
	sim_sign(&mine, &data);
	ledger_signed(world->ledger, &mine);
	MUST(role_file(role->name, numbered ? sim_version(role) : 0, &name, &must));
	sim_serve_raw(world->sim, name, data.data, data.len);
}

// Everything published in good order, but one role is signed by the keys of another, by the thief's, or by one too few.
static void betray(struct world *world)
{
	struct sim_role *role = pick_role(world), *other = pick_role(world), honest = *role;

	if (other != role) {
		memcpy(role->keys, other->keys, sizeof(role->keys));
		role->key_count = other->key_count;
	} else if (fuzz_byte(&world->input) & 1) {
		role->keys[0] = world->thief;
	} else {
		role->key_count--;
	}
	if (role != world->sim->roles)
		sim_bump(role);
	sim_publish(world->sim);
	ledger_signed_all(world->ledger);
	memcpy(role->keys, honest.keys, sizeof(role->keys));
	role->key_count = honest.key_count;
}

// The signatures of one file on what another one says.
static void graft(struct world *world)
{
	struct sim_file *to = pick_file(world), *from = pick_file(world);
	OWNED(json_drop) struct json *left = NULL;
	OWNED(json_drop) struct json *right = NULL;
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};
	const struct json *signatures;

	if (!to || !from || json_parse(to->data.data, to->data.len, "to", &left, &why) ||
	    json_parse(from->data.data, from->data.len, "from", &right, &why))
		return;
	signatures = json_member(right, "signatures");
	if (!signatures || !json_is(left, JSON_KIND_OBJECT))
		return;
	MUST(json_put(left, "signatures", json_keep(signatures), &must));
	MUST(json_write(left, false, &data, &must));
	sim_serve_raw(world->sim, to->name, data.data, data.len);
}

static void outage(struct world *world)
{
	static const enum fault_code codes[] = {FAULT_NONE, FAULT_NETWORK, FAULT_NOT_FOUND,
						FAULT_TOO_LARGE};

	world->sim->outage = codes[pick(world, 4)];
}

static void pass_time(struct world *world)
{
	world->sim->now += (int64_t)pick(world, 4) * SIM_DAY / 2;
}

// ---- the node ----

static int keep(void *ctx, const char *role, int64_t version, const void *data, size_t len,
		struct fault *why)
{
	struct world *world = ctx;

	ledger_keep(world->ledger, role, version, data, len);
	return world->doors.keep(world->sim, role, version, data, len, why);
}

static int fetch(void *ctx, const char *file, size_t max, struct bytes *out, struct fault *why)
{
	struct world *world = ctx;

	return world->doors.fetch(world->sim, file, max, out, why);
}

static int load(void *ctx, const char *role, struct bytes *out, struct fault *why)
{
	struct world *world = ctx;

	return world->doors.load(world->sim, role, out, why);
}

static bool is_released(const struct world *world, const struct target *target)
{
	struct fault why = {0};

	return target_check(target, SIM_CONTENT, strlen(SIM_CONTENT), &why) == 0 ||
	       (world->released_second &&
		target_check(target, SECOND_CONTENT, strlen(SECOND_CONTENT), &why) == 0);
}

static void check_versions(const struct world *world, const struct client *client)
{
	struct client_versions versions;

	client_versions(client, &versions);
	HOLDS(versions.root == sim_kept(world->sim, "root"));
	HOLDS(versions.timestamp == sim_kept(world->sim, "timestamp"));
	HOLDS(versions.snapshot == sim_kept(world->sim, "snapshot"));
	HOLDS(versions.targets == sim_kept(world->sim, "targets"));
	HOLDS(versions.root_expires > world->sim->now);
	HOLDS(versions.timestamp_expires > world->sim->now);
	HOLDS(versions.snapshot_expires > world->sim->now);
	HOLDS(versions.targets_expires > world->sim->now);
}

// What the client tells of a role is what the node keeps of it.
static int check_told(void *ctx, const char *role, int64_t version, const void *data, size_t len,
		      struct fault *why)
{
	const struct world *world = ctx;

	(void)data;
	(void)len;
	(void)why;
	HOLDS(sim_kept(world->sim, role) == version);
	return 0;
}

static int run(struct world *world, struct fault *why)
{
	struct client_io io = {world, fetch, load, keep};
	OWNED(client_drop) struct client *client = NULL;
	const struct target *target = NULL;

	MUST(client_new(&io, &world->sim->limits, world->sim->now, &client, &must));
	if (client_refresh(client, why))
		return -1;
	check_versions(world, client);
	if (client_load_all(client, why) || client_find(client, SIM_TARGET, &target, why))
		return -1;
	HOLDS(!strcmp(target->path, SIM_TARGET) && is_released(world, target));
	HOLDS(!client_knows_publisher(client, world->thief.public));
	return client_roles(client, check_told, world, why);
}

// Asked twice, a node says the same and keeps the same.
static void run_twice(struct world *world)
{
	struct fault first = {0}, second = {0};
	struct sha256 before, after;
	int verdict;

	if (world->runs++ >= RUNS_MAX)
		return;
	sim_requests_clear(world->sim);
	verdict = run(world, &first);
	if (verdict)
		fuzz_refused(&first);
	before = sim_state(world->sim);
	HOLDS(run(world, &second) == verdict && first.code == second.code);
	after = sim_state(world->sim);
	HOLDS(sha256_equal(&before, &after));
	world->sim->outage = FAULT_NONE;
}

static void step(struct world *world)
{
	static void (*const steps[])(struct world *) = {
		run_twice, publish,	sign_alone, rotate,   delegate,	 fall_back,
		alias,	   set_version, set_expiry, release,  set_style, remember,
		replay,	   rename_file, damage,	    withdraw, forge,	 betray,
		graft,	   outage,	pass_time,  publish,  run_twice,
	};

	steps[pick(world, sizeof(steps) / sizeof(steps[0]))](world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct world world = {.input = {data, len}};

	world.sim = sim_new();
	world.ledger = ledger_new(world.sim);
	world.thief = sim_key_new(world.sim);
	world.doors = sim_io(world.sim);
	for (unsigned i = 0; i < STEPS_MAX && world.input.left; i++)
		step(&world);
	run_twice(&world);
	for (size_t i = 0; i < world.shelf_count; i++)
		bytes_drop(&world.shelf[i]);
	ledger_free(world.ledger);
	sim_free(world.sim);
	return 0;
}
