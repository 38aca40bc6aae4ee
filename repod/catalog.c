// SPDX-License-Identifier: Apache-2.0
#include "repod/catalog.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/owned.h"

// How long a statement waits for another connection's transaction. Ours take milliseconds (A58).
#define BUSY_MS 5000

// Each statement is compiled once (re-preparing halves the rate); all text is constant (A56).
enum query {
	QUERY_BEGIN,
	QUERY_COMMIT,
	QUERY_UNDO,
	QUERY_CLEAR_TARGETS,
	QUERY_CLEAR_BUNDLES,
	QUERY_ADD_TARGET,
	QUERY_ADD_BUNDLE,
	QUERY_MARK,
	QUERY_MARKED,
	QUERY_HAS_TARGET,
	QUERY_BUNDLE_DIGEST,
	QUERY_TARGETS,
	QUERY_BUNDLES,
	QUERY_ADD_NONCE,
	QUERY_OLD_NONCES,
	QUERIES,
};

static const char *const query_texts[QUERIES] = {
	[QUERY_BEGIN] = "BEGIN IMMEDIATE",
	[QUERY_COMMIT] = "COMMIT",
	[QUERY_UNDO] = "ROLLBACK",
	[QUERY_CLEAR_TARGETS] = "DELETE FROM target",
	[QUERY_CLEAR_BUNDLES] = "DELETE FROM bundle",
	[QUERY_ADD_TARGET] = "INSERT INTO target (path, sha256, size, role, role_version) "
			     "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (path, sha256) DO NOTHING",
	[QUERY_ADD_BUNDLE] = "INSERT INTO bundle (publisher, name, version, path, sha256, size, "
			     "role, role_version, "
			     "committed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
			     "ON CONFLICT (path) DO NOTHING",
	[QUERY_MARK] = "INSERT INTO mark (id, timestamp) VALUES (1, ?1) "
		       "ON CONFLICT (id) DO UPDATE SET timestamp = excluded.timestamp",
	[QUERY_MARKED] = "SELECT timestamp FROM mark WHERE id = 1",
	[QUERY_HAS_TARGET] = "SELECT 1 FROM target WHERE path = ?1 AND sha256 = ?2",
	[QUERY_BUNDLE_DIGEST] = "SELECT sha256 FROM bundle WHERE path = ?1",
	[QUERY_TARGETS] = "SELECT path, sha256, size, role, role_version FROM target",
	[QUERY_BUNDLES] =
		"SELECT publisher, name, version, path, sha256, size, role, role_version, "
		"committed_at FROM bundle WHERE path > ?1 ORDER BY path LIMIT ?2",
	[QUERY_ADD_NONCE] = "INSERT INTO nonce (nonce, seen_at) VALUES (?1, ?2) "
			    "ON CONFLICT (nonce) DO NOTHING",
	[QUERY_OLD_NONCES] = "DELETE FROM nonce WHERE seen_at < ?1",
};

// Schema step N brings user_version N to N + 1. A step that was released is never changed.
static const char *const schema_steps[] = {
	"CREATE TABLE target (path TEXT NOT NULL, sha256 BLOB NOT NULL CHECK (length(sha256) = "
	"32), "
	"size INTEGER NOT NULL, role TEXT NOT NULL, role_version INTEGER NOT NULL, "
	"PRIMARY KEY (path, sha256)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE bundle (path TEXT NOT NULL PRIMARY KEY, publisher TEXT NOT NULL, "
	"name TEXT NOT NULL, version TEXT NOT NULL, "
	"sha256 BLOB NOT NULL CHECK (length(sha256) = 32), size INTEGER NOT NULL, "
	"role TEXT NOT NULL, role_version INTEGER NOT NULL, committed_at INTEGER NOT NULL, "
	"UNIQUE (publisher, name, version)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE nonce (nonce TEXT NOT NULL PRIMARY KEY, seen_at INTEGER NOT NULL) "
	"STRICT, WITHOUT ROWID;"
	"CREATE INDEX nonce_age ON nonce (seen_at);"
	"CREATE TABLE mark (id INTEGER PRIMARY KEY CHECK (id = 1), "
	"timestamp BLOB NOT NULL CHECK (length(timestamp) = 32)) STRICT;",
};
#define SCHEMA_VERSION ((int)(sizeof(schema_steps) / sizeof(*schema_steps)))

struct catalog {
	sqlite3 *db;
	sqlite3_stmt *queries[QUERIES];
};

static int refuse(struct catalog *catalog, const char *what, struct fault *why)
{
	int code = sqlite3_errcode(catalog->db) & 0xff;
	enum fault_code fault = FAULT_OTHER;

	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		fault = FAULT_FORMAT;
	if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		fault = FAULT_BUSY;
	return fault_set(why, fault, "the catalogue: cannot %s: %s", what,
			 sqlite3_errmsg(catalog->db));
}

void catalog_free(struct catalog *catalog)
{
	if (!catalog)
		return;
	for (size_t i = 0; i < QUERIES; i++)
		sqlite3_finalize(catalog->queries[i]);
	sqlite3_close(catalog->db);
	free(catalog);
}

// ---- opening ----

static int run_text(struct catalog *catalog, const char *text, const char *what, struct fault *why)
{
	if (sqlite3_exec(catalog->db, text, NULL, NULL, NULL) != SQLITE_OK)
		return refuse(catalog, what, why);
	return 0;
}

// Whatever stands in the file, it cannot make SQLite run code of its own or write into its shadow tables (A57).
static int harden(struct catalog *catalog, struct fault *why)
{
	sqlite3_extended_result_codes(catalog->db, 1);
	if (sqlite3_db_config(catalog->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
	    sqlite3_db_config(catalog->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
	    sqlite3_db_config(catalog->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL) != SQLITE_OK ||
	    sqlite3_db_config(catalog->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL) != SQLITE_OK)
		return refuse(catalog, "harden the database", why);
	sqlite3_busy_timeout(catalog->db, BUSY_MS);
	return run_text(catalog,
			"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
			"PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; "
			"PRAGMA mmap_size = 0; PRAGMA foreign_keys = OFF",
			"set up the database", why);
}

static int read_version(struct catalog *catalog, int *version, struct fault *why)
{
	sqlite3_stmt *query = NULL;

	if (sqlite3_prepare_v2(catalog->db, "PRAGMA user_version", -1, &query, NULL) != SQLITE_OK)
		return refuse(catalog, "read the schema version", why);
	if (sqlite3_step(query) != SQLITE_ROW) {
		sqlite3_finalize(query);
		return refuse(catalog, "read the schema version", why);
	}
	*version = sqlite3_column_int(query, 0);
	sqlite3_finalize(query);
	return 0;
}

static int migrate(struct catalog *catalog, bool create, struct fault *why)
{
	int version;

	if (read_version(catalog, &version, why))
		return -1;
	if (version > SCHEMA_VERSION || version < 0)
		return fault_set(why, FAULT_CONFIG,
				 "the catalogue was made by a newer program (schema %d, not %d)",
				 version, SCHEMA_VERSION);
	if (version < SCHEMA_VERSION && !create)
		return fault_set(why, FAULT_FORMAT, "the catalogue has no schema");
	for (; version < SCHEMA_VERSION; version++) {
		char mark[48];

		snprintf(mark, sizeof(mark), "PRAGMA user_version = %d", version + 1);
		if (run_text(catalog, "BEGIN IMMEDIATE", "change the schema", why) ||
		    run_text(catalog, schema_steps[version], "change the schema", why) ||
		    run_text(catalog, mark, "change the schema", why) ||
		    run_text(catalog, "COMMIT", "change the schema", why))
			return -1;
	}
	return 0;
}

static int prepare(struct catalog *catalog, struct fault *why)
{
	for (size_t i = 0; i < QUERIES; i++)
		if (sqlite3_prepare_v3(catalog->db, query_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &catalog->queries[i], NULL) != SQLITE_OK)
			return refuse(catalog, "prepare a query", why);
	return 0;
}

int catalog_open(const char *path, bool create, struct catalog **out, struct fault *why)
{
	OWNED(catalog_drop) struct catalog *catalog = calloc(1, sizeof(*catalog));
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX;

	if (!catalog)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (create)
		flags |= SQLITE_OPEN_CREATE;
	if (sqlite3_open_v2(path, &catalog->db, flags, NULL) != SQLITE_OK) {
		if (!catalog->db)
			return fault_set(why, FAULT_OTHER, "out of memory");
		return refuse(catalog, "open it", why);
	}
	if (harden(catalog, why) || migrate(catalog, create, why) || prepare(catalog, why))
		return -1;
	*out = HAND_OVER(catalog);
	return 0;
}

int catalog_check(struct catalog *catalog, struct fault *why)
{
	sqlite3_stmt *query = NULL;
	int failed = 0;

	if (sqlite3_prepare_v2(catalog->db, "PRAGMA integrity_check(1)", -1, &query, NULL) !=
	    SQLITE_OK)
		return refuse(catalog, "check it", why);
	if (sqlite3_step(query) != SQLITE_ROW)
		failed = refuse(catalog, "check it", why);
	else if (strcmp((const char *)sqlite3_column_text(query, 0), "ok") != 0)
		failed = fault_set(why, FAULT_DIGEST, "the catalogue is damaged: %.200s",
				   (const char *)sqlite3_column_text(query, 0));
	sqlite3_finalize(query);
	return failed;
}

// ---- statements ----

// A statement ready to be bound, and back at its start when the caller's scope ends.
static void drop_query(sqlite3_stmt **query)
{
	if (!*query)
		return;
	sqlite3_reset(*query);
	sqlite3_clear_bindings(*query);
}

static void bind_text(sqlite3_stmt *query, int at, const char *text)
{
	sqlite3_bind_text(query, at, text, -1, SQLITE_TRANSIENT);
}

static void bind_digest(sqlite3_stmt *query, int at, const struct sha256 *digest)
{
	sqlite3_bind_blob(query, at, digest->byte, SHA256_SIZE, SQLITE_TRANSIENT);
}

static bool column_digest(sqlite3_stmt *query, int at, struct sha256 *out)
{
	const void *bytes = sqlite3_column_blob(query, at);

	if (!bytes || sqlite3_column_bytes(query, at) != SHA256_SIZE)
		return false;
	memcpy(out->byte, bytes, SHA256_SIZE);
	return true;
}

static const char *column_text(sqlite3_stmt *query, int at)
{
	const char *text = (const char *)sqlite3_column_text(query, at);

	return text ? text : "";
}

static int run(struct catalog *catalog, sqlite3_stmt *query, const char *what, struct fault *why)
{
	if (sqlite3_step(query) != SQLITE_DONE)
		return refuse(catalog, what, why);
	return 0;
}

static int run_plain(struct catalog *catalog, enum query which, const char *what, struct fault *why)
{
	OWNED(drop_query) sqlite3_stmt *query = catalog->queries[which];

	return run(catalog, query, what, why);
}

int catalog_begin(struct catalog *catalog, struct fault *why)
{
	return run_plain(catalog, QUERY_BEGIN, "begin", why);
}

int catalog_commit(struct catalog *catalog, struct fault *why)
{
	return run_plain(catalog, QUERY_COMMIT, "commit", why);
}

void catalog_undo(struct catalog *catalog)
{
	struct fault ignored = {0};

	if (!sqlite3_get_autocommit(catalog->db) &&
	    run_plain(catalog, QUERY_UNDO, "undo", &ignored))
		return;
}

int catalog_clear(struct catalog *catalog, struct fault *why)
{
	if (run_plain(catalog, QUERY_CLEAR_TARGETS, "clear", why))
		return -1;
	return run_plain(catalog, QUERY_CLEAR_BUNDLES, "clear", why);
}

// ---- targets and bundles ----

// "net/count/1.0.0.bundle" in its parts; false for any other path.
static bool split_bundle(const char *path, char *copy, size_t room, const char *parts[3])
{
	size_t len = strlen(path);
	char *first, *second;

	if (len >= room || len < 8 || strcmp(path + len - 7, ".bundle") != 0)
		return false;
	memcpy(copy, path, len - 7);
	copy[len - 7] = '\0';
	first = strchr(copy, '/');
	second = first ? strchr(first + 1, '/') : NULL;
	if (!second || strchr(second + 1, '/'))
		return false;
	*first = *second = '\0';
	parts[0] = copy;
	parts[1] = first + 1;
	parts[2] = second + 1;
	return parts[0][0] && parts[1][0] && parts[2][0];
}

static int add_bundle(struct catalog *catalog, const struct catalog_target *target,
		      const char *const parts[3], int64_t now, struct fault *why)
{
	OWNED(drop_query) sqlite3_stmt *query = catalog->queries[QUERY_ADD_BUNDLE];
	struct sha256 have;
	bool known;

	for (int i = 0; i < 3; i++)
		bind_text(query, i + 1, parts[i]);
	bind_text(query, 4, target->path);
	bind_digest(query, 5, &target->sha256);
	sqlite3_bind_int64(query, 6, target->length);
	bind_text(query, 7, target->role);
	sqlite3_bind_int64(query, 8, target->role_version);
	sqlite3_bind_int64(query, 9, now);
	if (run(catalog, query, "add a bundle", why))
		return -1;
	if (sqlite3_changes(catalog->db) > 0)
		return 0;
	if (catalog_bundle_digest(catalog, target->path, &known, &have, why))
		return -1;
	if (!known || !sha256_equal(&have, &target->sha256))
		return fault_set(why, FAULT_UNTRUSTED,
				 "%s was published before with other bytes; a name and version "
				 "never changes its content",
				 target->path);
	return 0;
}

int catalog_add(struct catalog *catalog, const struct catalog_target *target, int64_t now,
		struct fault *why)
{
	OWNED(drop_query) sqlite3_stmt *query = catalog->queries[QUERY_ADD_TARGET];
	const char *parts[3];
	char copy[512];

	bind_text(query, 1, target->path);
	bind_digest(query, 2, &target->sha256);
	sqlite3_bind_int64(query, 3, target->length);
	bind_text(query, 4, target->role);
	sqlite3_bind_int64(query, 5, target->role_version);
	if (run(catalog, query, "add a target", why))
		return -1;
	if (!split_bundle(target->path, copy, sizeof(copy), parts))
		return 0;
	return add_bundle(catalog, target, parts, now, why);
}

int catalog_mark(struct catalog *catalog, const struct sha256 *timestamp, struct fault *why)
{
	OWNED(drop_query) sqlite3_stmt *query = catalog->queries[QUERY_MARK];

	bind_digest(query, 1, timestamp);
	return run(catalog, query, "mark what it stands for", why);
}

int catalog_marked(struct catalog *catalog, bool *known, struct sha256 *timestamp,
		   struct fault *why)
{
	OWNED(drop_query) sqlite3_stmt *query = catalog->queries[QUERY_MARKED];
	int code = sqlite3_step(query);

	*known = code == SQLITE_ROW && column_digest(query, 0, timestamp);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return refuse(catalog, "read what it stands for", why);
	return 0;
}

int catalog_has_target(struct catalog *catalog, const char *path, const struct sha256 *sha256,
		       bool *has, struct fault *why)
{
	OWNED(drop_query) sqlite3_stmt *query = catalog->queries[QUERY_HAS_TARGET];
	int code;

	bind_text(query, 1, path);
	bind_digest(query, 2, sha256);
	code = sqlite3_step(query);
	*has = code == SQLITE_ROW;
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return refuse(catalog, "look up a target", why);
	return 0;
}

int catalog_bundle_digest(struct catalog *catalog, const char *path, bool *known,
			  struct sha256 *out, struct fault *why)
{
	OWNED(drop_query) sqlite3_stmt *query = catalog->queries[QUERY_BUNDLE_DIGEST];
	int code;

	bind_text(query, 1, path);
	code = sqlite3_step(query);
	*known = code == SQLITE_ROW;
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return refuse(catalog, "look up a bundle", why);
	if (*known && !column_digest(query, 0, out))
		return fault_set(why, FAULT_FORMAT, "the catalogue holds no digest for a bundle");
	return 0;
}

int catalog_targets(struct catalog *catalog,
		    int (*each)(void *ctx, const struct catalog_target *target, struct fault *why),
		    void *ctx, struct fault *why)
{
	OWNED(drop_query) sqlite3_stmt *query = catalog->queries[QUERY_TARGETS];
	int code;

	while ((code = sqlite3_step(query)) == SQLITE_ROW) {
		struct catalog_target target = {
			.path = column_text(query, 0),
			.length = sqlite3_column_int64(query, 2),
			.role = column_text(query, 3),
			.role_version = sqlite3_column_int64(query, 4),
		};

		if (!column_digest(query, 1, &target.sha256))
			return fault_set(why, FAULT_FORMAT, "the catalogue holds a broken target");
		if (each(ctx, &target, why))
			return -1;
	}
	return code == SQLITE_DONE ? 0 : refuse(catalog, "list targets", why);
}

int catalog_bundles(struct catalog *catalog, const char *after, int64_t limit,
		    int (*each)(void *ctx, const struct catalog_bundle *bundle, struct fault *why),
		    void *ctx, struct fault *why)
{
	OWNED(drop_query) sqlite3_stmt *query = catalog->queries[QUERY_BUNDLES];
	int code;

	bind_text(query, 1, after);
	sqlite3_bind_int64(query, 2, limit);
	while ((code = sqlite3_step(query)) == SQLITE_ROW) {
		struct catalog_bundle bundle = {
			.publisher = column_text(query, 0),
			.name = column_text(query, 1),
			.version = column_text(query, 2),
			.path = column_text(query, 3),
			.length = sqlite3_column_int64(query, 5),
			.role = column_text(query, 6),
			.role_version = sqlite3_column_int64(query, 7),
			.committed_at = sqlite3_column_int64(query, 8),
		};

		if (!column_digest(query, 4, &bundle.sha256))
			return fault_set(why, FAULT_FORMAT, "the catalogue holds a broken bundle");
		if (each(ctx, &bundle, why))
			return -1;
	}
	return code == SQLITE_DONE ? 0 : refuse(catalog, "list bundles", why);
}

// ---- nonces ----

static int forget_nonces(struct catalog *catalog, int64_t horizon, struct fault *why)
{
	OWNED(drop_query) sqlite3_stmt *query = catalog->queries[QUERY_OLD_NONCES];

	sqlite3_bind_int64(query, 1, horizon);
	return run(catalog, query, "forget old nonces", why);
}

static int add_nonce(struct catalog *catalog, const char *nonce, int64_t now, bool *fresh,
		     struct fault *why)
{
	OWNED(drop_query) sqlite3_stmt *query = catalog->queries[QUERY_ADD_NONCE];

	bind_text(query, 1, nonce);
	sqlite3_bind_int64(query, 2, now);
	if (run(catalog, query, "remember a nonce", why))
		return -1;
	*fresh = sqlite3_changes(catalog->db) > 0;
	return 0;
}

int catalog_nonce(struct catalog *catalog, const char *nonce, int64_t now, int64_t horizon,
		  bool *fresh, struct fault *why)
{
	if (catalog_begin(catalog, why))
		return -1;
	if (forget_nonces(catalog, horizon, why) || add_nonce(catalog, nonce, now, fresh, why) ||
	    catalog_commit(catalog, why)) {
		catalog_undo(catalog);
		return -1;
	}
	return 0;
}
