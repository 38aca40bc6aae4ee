// SPDX-License-Identifier: Apache-2.0
// Archives are made by hand here, byte by byte: a library would not make the broken ones.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "bpf/bundle.h"
#include "bpf/manifestreader.h"

#define BLOCK 512

// ---- a good bundle ----

static void member(struct bundle_member *out, const char *name, const char *text)
{
	struct fault why = {0};

	*out = (struct bundle_member){0};
	assert_int_equal(text_copy(name, &out->name, &why), 0);
	assert_int_equal(bytes_append_text(&out->data, text, &why), 0);
}

static struct manifest *source(void)
{
	static const char text[] =
		"{\"publisher\":\"net\",\"name\":\"count\",\"version\":\"1.0.0\","
		"\"license\":\"GPL-2.0-only\",\"programs\":[{\"object\":\"b.bpf.o\","
		"\"entry\":\"count\",\"hook\":\"xdp\"}]}";
	struct manifest *manifest = NULL;
	struct fault why = {0};

	assert_int_equal(manifest_parse_source(text, sizeof text - 1, "s.json", &manifest, &why),
			 0);
	return manifest;
}

static void pack(bool backwards, struct bytes *out)
{
	OWNED(manifest_drop) struct manifest *manifest = source();
	struct bundle_member members[2];
	struct fault why = {0};

	member(&members[backwards], "b.bpf.o", "these are the bytes of an object");
	member(&members[!backwards], "a.txt", "and a note");
	assert_int_equal(bundle_write(manifest, members, 2, out, &why), 0);
	for (int i = 0; i < 2; i++) {
		free(members[i].name);
		bytes_drop(&members[i].data);
	}
}

static int unpack(const void *data, size_t len, struct bundle **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes answer = {0};

	*why = (struct fault){0};
	if (bundle_job(data, len, &answer, why))
		return -1;
	return bundle_decode(answer.data, answer.len, out, why);
}

static void the_same_members_give_the_same_bytes_in_any_order(void **state)
{
	OWNED(bytes_drop) struct bytes once = {0};
	OWNED(bytes_drop) struct bytes twice = {0};

	(void)state;
	pack(false, &once);
	pack(true, &twice);
	assert_int_equal(once.len, twice.len);
	assert_memory_equal(once.data, twice.data, once.len);
}

static void a_bundle_is_read_in_a_worker(void **state)
{
	OWNED(bytes_drop) struct bytes packed = {0};
	OWNED(bundle_drop) struct bundle *bundle = NULL;
	struct fault why = {0};

	(void)state;
	pack(false, &packed);
	assert_int_equal(bundle_read(packed.data, packed.len, &bundle, &why), 0);
	assert_int_equal(bundle->member_count, 3);
	assert_string_equal(bundle->members[0].name, MANIFEST_NAME);
	assert_string_equal(bundle->members[1].name, "a.txt");
	assert_string_equal(bytes_text(&bundle->members[2].data),
			    "these are the bytes of an object");
	assert_string_equal(bundle->manifest->version, "1.0.0");
	assert_int_equal(bundle->manifest->file_count, 2);
}

static void a_refusal_comes_back_from_the_worker(void **state)
{
	OWNED(bundle_drop) struct bundle *bundle = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(bundle_read("hello", 5, &bundle, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_null(bundle);
}

static void a_flipped_bit_never_changes_a_file_of_the_manifest(void **state)
{
	OWNED(bytes_drop) struct bytes packed = {0};
	OWNED(bundle_drop) struct bundle *good = NULL;
	struct fault why;
	size_t refused = 0;

	(void)state;
	pack(false, &packed);
	assert_int_equal(unpack(packed.data, packed.len, &good, &why), 0);
	for (size_t bit = 0; bit < packed.len * 8; bit++) {
		OWNED(bundle_drop) struct bundle *bundle = NULL;

		packed.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
		if (unpack(packed.data, packed.len, &bundle, &why)) {
			refused++;
		} else {
			assert_int_equal(bundle->member_count, good->member_count);
			// The manifest's own words are held by the digest of the whole, which metadata signs.
			for (size_t i = 1; i < good->member_count; i++)
				assert_true(sha256_equal(&bundle->members[i].sha256,
							 &good->members[i].sha256));
		}
		packed.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	assert_true(refused > packed.len * 7);
}

static void a_cut_bundle_is_refused_at_every_length(void **state)
{
	OWNED(bytes_drop) struct bytes packed = {0};
	struct fault why;

	(void)state;
	pack(false, &packed);
	for (size_t len = 0; len < packed.len; len++) {
		OWNED(bundle_drop) struct bundle *bundle = NULL;

		assert_int_equal(unpack(packed.data, len, &bundle, &why), -1);
		assert_int_equal(why.code, FAULT_FORMAT);
	}
}

// ---- archives made by hand ----

struct tar_file {
	const char *name;
	const char *text;
	char type;	  // '0'
	const char *link; // NULL
	unsigned mode;	  // 0444
	unsigned mtime;	  // 0
	unsigned uid;	  // 0
	long size;	  // -1: what the text has
};

static void put(struct bytes *out, const void *data, size_t len)
{
	struct fault why = {0};

	assert_int_equal(bytes_append(out, data, len, &why), 0);
}

// Digits and a space.
static void octal(unsigned char *field, int digits, unsigned long number)
{
	field[digits] = ' ';
	while (digits--) {
		field[digits] = (unsigned char)('0' + (number & 7));
		number >>= 3;
	}
}

// As the archive library writes a plain ustar header.
static void tar_put(struct bytes *tar, const struct tar_file *file)
{
	unsigned char head[BLOCK] = {0}, padding[BLOCK] = {0};
	size_t len = strlen(file->text);
	unsigned sum = 0;

	memcpy(head, file->name, strlen(file->name));
	octal(head + 100, 6, file->mode);
	octal(head + 108, 6, file->uid);
	octal(head + 116, 6, 0);
	octal(head + 124, 11, file->size < 0 ? len : (unsigned long)file->size);
	octal(head + 136, 11, file->mtime);
	memset(head + 148, ' ', 8);
	head[156] = (unsigned char)file->type;
	if (file->link)
		memcpy(head + 157, file->link, strlen(file->link));
	memcpy(head + 257, "ustar\00000", 8);
	memcpy(head + 329, "000000 ", 7);
	memcpy(head + 337, "000000 ", 7);
	for (int i = 0; i < BLOCK; i++)
		sum += head[i];
	octal(head + 148, 6, sum);
	head[154] = '\0';
	head[155] = ' ';
	put(tar, head, BLOCK);
	put(tar, file->text, len);
	put(tar, padding, (BLOCK - len % BLOCK) % BLOCK);
}

static void tar_end(struct bytes *tar)
{
	static const unsigned char end[2 * BLOCK];

	put(tar, end, sizeof end);
}

// One zstd frame (RFC 8878) of raw blocks: no compression, so no library.
static void zstd_wrap(const struct bytes *tar, struct bytes *out)
{
	unsigned char head[13] = {0x28, 0xb5, 0x2f, 0xfd, 0xe0};
	uint64_t size = tar->len;
	size_t at = 0;

	memcpy(head + 5, &size, 8);
	put(out, head, sizeof head);
	do {
		size_t piece = tar->len - at < 65536 ? tar->len - at : 65536;
		uint32_t block = (uint32_t)(piece << 3 | (at + piece == tar->len));

		put(out, &block, 3);
		put(out, tar->data + at, piece);
		at += piece;
	} while (at < tar->len);
}

// The manifest of a bundle of one object.
static void manifest_for(const char *object, const char *text, struct bytes *out)
{
	OWNED(manifest_drop) struct manifest *manifest = source();
	struct fault why = {0};

	free(manifest->programs[0].object);
	assert_int_equal(text_copy(object, &manifest->programs[0].object, &why), 0);
	manifest->files = calloc(1, sizeof *manifest->files);
	manifest->file_count = 1;
	assert_int_equal(text_copy(object, &manifest->files[0].name, &why), 0);
	manifest->files[0].size = strlen(text);
	assert_int_equal(sha256_of(text, strlen(text), &manifest->files[0].sha256, &why), 0);
	assert_int_equal(manifest_write(manifest, out, &why), 0);
}

#define PLAIN(name, text)                                 \
	(struct tar_file)                                 \
	{                                                 \
		(name), (text), '0', NULL, 0444, 0, 0, -1 \
	}

// A bundle of a manifest for object.o "abc", then `files`, then `tail` more bytes.
static int read_by_hand(const struct tar_file *files, size_t count, const char *tail,
			struct fault *why)
{
	OWNED(bytes_drop) struct bytes manifest = {0};
	OWNED(bytes_drop) struct bytes tar = {0};
	OWNED(bytes_drop) struct bytes packed = {0};
	OWNED(bundle_drop) struct bundle *bundle = NULL;

	manifest_for("object.o", "abc", &manifest);
	tar_put(&tar, &PLAIN(MANIFEST_NAME, bytes_text(&manifest)));
	for (size_t i = 0; i < count; i++)
		tar_put(&tar, &files[i]);
	tar_end(&tar);
	put(&tar, tail, strlen(tail));
	zstd_wrap(&tar, &packed);
	return unpack(packed.data, packed.len, &bundle, why);
}

static void refused_by_hand(struct tar_file file, enum fault_code code)
{
	struct fault why;

	assert_int_equal(read_by_hand(&file, 1, "", &why), -1);
	assert_int_equal(why.code, code);
}

static void a_bundle_made_by_hand_in_the_one_spelling_is_read(void **state)
{
	struct tar_file file = PLAIN("object.o", "abc");
	struct fault why;

	(void)state;
	assert_int_equal(read_by_hand(&file, 1, "", &why), 0);
}

static void a_name_that_is_a_path_is_refused(void **state)
{
	static const char *const names[] = {
		"../object.o", "/object.o", "a/object.o", "./object.o", ".object.o",
		"object.o/",   "Object.o",  "object o",	  "..",		"object\x1b.o"};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		refused_by_hand(PLAIN(names[i], "abc"), FAULT_FORMAT);
}

static void only_regular_files_are_members(void **state)
{
	static const char types[] = "1234567xgLKSVDN";

	(void)state;
	for (const char *type = types; *type; type++) {
		struct tar_file file = PLAIN("object.o", "");

		file.type = *type;
		file.link = "/etc/passwd";
		refused_by_hand(file, FAULT_FORMAT);
	}
}

static void a_member_that_stands_twice_is_refused(void **state)
{
	struct tar_file files[2] = {PLAIN("object.o", "abc"), PLAIN("object.o", "xyz")};
	struct tar_file manifests[2] = {PLAIN("object.o", "abc"), PLAIN(MANIFEST_NAME, "{}")};
	struct fault why;

	(void)state;
	assert_int_equal(read_by_hand(files, 2, "", &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_non_null(strstr(why.text, "twice"));
	assert_int_equal(read_by_hand(manifests, 2, "", &why), -1);
	assert_non_null(strstr(why.text, "twice"));
}

static void metadata_other_than_the_one_spelling_is_refused(void **state)
{
	struct tar_file file = PLAIN("object.o", "abc");
	struct fault why;

	(void)state;
	file.mode = 04755;
	refused_by_hand(file, FAULT_FORMAT);
	file = PLAIN("object.o", "abc");
	file.mtime = 1;
	refused_by_hand(file, FAULT_FORMAT);
	file = PLAIN("object.o", "abc");
	file.uid = 1000;
	refused_by_hand(file, FAULT_FORMAT);
	file = PLAIN("object.o", "abc");
	assert_int_equal(read_by_hand(&file, 1, "x", &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
}

static void a_size_that_is_a_lie_is_refused(void **state)
{
	struct tar_file file = PLAIN("object.o", "abc");

	(void)state;
	file.size = 4;
	refused_by_hand(file, FAULT_DIGEST);
	file.size = 2;
	refused_by_hand(file, FAULT_FORMAT);
	file.size = 1 << 20;
	refused_by_hand(file, FAULT_FORMAT);
	file.size = 077777777777;
	refused_by_hand(file, FAULT_FORMAT);
}

static void exactly_the_files_of_the_manifest_are_members(void **state)
{
	struct tar_file files[2] = {PLAIN("object.o", "abc"), PLAIN("other.o", "abc")};
	struct fault why;

	(void)state;
	assert_int_equal(read_by_hand(files, 0, "", &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_int_equal(read_by_hand(files, 2, "", &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_int_equal(read_by_hand(&files[1], 1, "", &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	refused_by_hand(PLAIN("object.o", "abd"), FAULT_DIGEST);
	refused_by_hand(PLAIN("object.o", "abcd"), FAULT_DIGEST);
}

static void members_out_of_order_are_refused(void **state)
{
	struct tar_file files[2] = {PLAIN("object.o", "abc"), PLAIN("a.txt", "abc")};
	struct fault why;

	(void)state;
	assert_int_equal(read_by_hand(files, 2, "", &why), -1);
	assert_non_null(strstr(why.text, "order"));
}

static void more_members_than_the_cap_are_refused(void **state)
{
	struct tar_file files[BUNDLE_MEMBERS_MAX];
	char names[BUNDLE_MEMBERS_MAX][16];
	struct fault why;

	(void)state;
	for (int i = 0; i < BUNDLE_MEMBERS_MAX; i++) {
		snprintf(names[i], sizeof names[i], "o%02d", i);
		files[i] = PLAIN(names[i], "abc");
	}
	assert_int_equal(read_by_hand(files, BUNDLE_MEMBERS_MAX, "", &why), -1);
	assert_int_equal(why.code, FAULT_TOO_LARGE);
}

static void other_archives_are_refused(void **state)
{
	static const char *const starts[] = {
		"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
		"PK\x03\x04",
		"7z\xbc\xaf\x27\x1c",
		"Rar!\x1a\x07\x01",
		"070701000000",
		"\3757zXZ",
		"#mtree\n./a type=file\n",
		"!<arch>\n",
		"BZh91AY&SY",
	};
	OWNED(bytes_drop) struct bytes manifest = {0};
	OWNED(bytes_drop) struct bytes tar = {0};
	OWNED(bundle_drop) struct bundle *bundle = NULL;
	struct fault why;

	(void)state;
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
		char file[1024] = {0};

		memcpy(file, starts[i], strlen(starts[i]));
		assert_int_equal(unpack(file, sizeof file, &bundle, &why), -1);
		assert_int_equal(why.code, FAULT_FORMAT);
	}
	// A good tar without its compression is another spelling too.
	manifest_for("object.o", "abc", &manifest);
	tar_put(&tar, &PLAIN(MANIFEST_NAME, bytes_text(&manifest)));
	tar_put(&tar, &PLAIN("object.o", "abc"));
	tar_end(&tar);
	assert_int_equal(unpack(tar.data, tar.len, &bundle, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_int_equal(unpack("", 0, &bundle, &why), -1);
}

static void a_bomb_is_stopped_at_the_cap(void **state)
{
	// Blocks of 128 KiB from 4 bytes each: 1 GiB from 32 KiB.
	static const unsigned char head[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58};
	static const unsigned char block[] = {0x02, 0x00, 0x10, 0x00};
	OWNED(bytes_drop) struct bytes bomb = {0};
	OWNED(bundle_drop) struct bundle *bundle = NULL;
	struct fault why;

	(void)state;
	put(&bomb, head, sizeof head);
	for (int i = 0; i < 8192; i++)
		put(&bomb, block, sizeof block);
	assert_int_equal(unpack(bomb.data, bomb.len, &bundle, &why), -1);
	assert_int_equal(why.code, FAULT_TOO_LARGE);
}

static void a_file_past_the_cap_is_refused_unread(void **state)
{
	OWNED(bundle_drop) struct bundle *bundle = NULL;
	struct fault why = {0};

	(void)state;
	// Nothing is read: the length alone decides.
	assert_int_equal(bundle_read("x", (size_t)BUNDLE_MAX + 1, &bundle, &why), -1);
	assert_int_equal(why.code, FAULT_TOO_LARGE);
}

static void an_answer_of_a_worker_gone_bad_is_refused(void **state)
{
	OWNED(bytes_drop) struct bytes packed = {0};
	OWNED(bytes_drop) struct bytes answer = {0};
	struct fault why = {0};

	(void)state;
	pack(false, &packed);
	assert_int_equal(bundle_job(packed.data, packed.len, &answer, &why), 0);
	for (size_t len = 0; len < answer.len; len++) {
		OWNED(bundle_drop) struct bundle *bundle = NULL;

		assert_int_equal(bundle_decode(answer.data, len, &bundle, &why), -1);
	}
	for (size_t i = 0; i < answer.len; i++) {
		OWNED(bundle_drop) struct bundle *bundle = NULL;

		answer.data[i] ^= 0xff;
		assert_int_equal(bundle_decode(answer.data, answer.len, &bundle, &why), -1);
		answer.data[i] ^= 0xff;
	}
}

// ---- custom ----

static struct bundle *good(void)
{
	OWNED(bytes_drop) struct bytes packed = {0};
	struct bundle *bundle = NULL;
	struct fault why = {0};

	pack(false, &packed);
	assert_int_equal(unpack(packed.data, packed.len, &bundle, &why), 0);
	return bundle;
}

#define PATH "net/count/1.0.0.bundle"

static void a_bundle_agrees_with_its_own_custom(void **state)
{
	OWNED(bundle_drop) struct bundle *bundle = good();
	OWNED(json_drop) struct json *custom = NULL;
	OWNED(json_drop) struct json *target = json_make_object();
	OWNED(drop_heap) char *path = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(bundle_target_path(bundle->manifest, &path, &why), 0);
	assert_string_equal(path, PATH);
	assert_int_equal(bundle_custom(bundle, &custom, &why), 0);
	assert_int_equal(bundle_check_custom(bundle, PATH, custom, &why), 0);
	assert_int_equal(json_put(target, "bpfseal", HAND_OVER(custom), &why), 0);
	assert_int_equal(bundle_check_custom(bundle, PATH, target, &why), 0);
}

static void a_bundle_under_another_path_is_refused(void **state)
{
	OWNED(bundle_drop) struct bundle *bundle = good();
	OWNED(json_drop) struct json *custom = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(bundle_custom(bundle, &custom, &why), 0);
	assert_int_equal(bundle_check_custom(bundle, "net/count/1.0.1.bundle", custom, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
	assert_int_equal(json_put_text(custom, "version", "1.0.1", &why), 0);
	assert_int_equal(bundle_check_custom(bundle, PATH, custom, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
}

static void custom_refused(const char *members, enum fault_code code)
{
	OWNED(bundle_drop) struct bundle *bundle = good();
	OWNED(json_drop) struct json *custom = NULL;
	struct json *other = NULL;
	struct fault why = {0};

	assert_int_equal(bundle_custom(bundle, &custom, &why), 0);
	assert_int_equal(json_parse(members, strlen(members), "members", &other, &why), 0);
	assert_int_equal(json_put(custom, "members", other, &why), 0);
	assert_int_equal(bundle_check_custom(bundle, PATH, custom, &why), -1);
	assert_int_equal(why.code, code);
}

static void a_custom_that_signs_other_members_is_refused(void **state)
{
	OWNED(bundle_drop) struct bundle *bundle = good();
	struct fault why = {0};
	char text[512], hex[SHA256_HEX];

	(void)state;
	sha256_hex(&bundle->members[1].sha256, hex);
	custom_refused("{}", FAULT_DIGEST);
	custom_refused("[]", FAULT_FORMAT);
	snprintf(text, sizeof text, "{\"a.txt\":{\"sha256\":\"%s\",\"length\":10}}", hex);
	custom_refused(text, FAULT_DIGEST); // two members are not signed
	snprintf(text, sizeof text, "{\"a.txt\":{\"sha256\":\"%s\",\"length\":11}}", hex);
	custom_refused(text, FAULT_DIGEST);
	snprintf(text, sizeof text, "{\"c.txt\":{\"sha256\":\"%s\",\"length\":10}}", hex);
	custom_refused(text, FAULT_DIGEST);
	custom_refused("{\"a.txt\":{\"sha256\":\"\",\"length\":10}}", FAULT_FORMAT);
	custom_refused("{\"a.txt\":{\"length\":10}}", FAULT_FORMAT);
	snprintf(text, sizeof text, "{\"../a\":{\"sha256\":\"%s\",\"length\":10}}", hex);
	custom_refused(text, FAULT_FORMAT);
	assert_int_equal(bundle_check_custom(bundle, PATH, NULL, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_members_give_the_same_bytes_in_any_order),
		cmocka_unit_test(a_bundle_is_read_in_a_worker),
		cmocka_unit_test(a_refusal_comes_back_from_the_worker),
		cmocka_unit_test(a_flipped_bit_never_changes_a_file_of_the_manifest),
		cmocka_unit_test(a_cut_bundle_is_refused_at_every_length),
		cmocka_unit_test(a_bundle_made_by_hand_in_the_one_spelling_is_read),
		cmocka_unit_test(a_name_that_is_a_path_is_refused),
		cmocka_unit_test(only_regular_files_are_members),
		cmocka_unit_test(a_member_that_stands_twice_is_refused),
		cmocka_unit_test(metadata_other_than_the_one_spelling_is_refused),
		cmocka_unit_test(a_size_that_is_a_lie_is_refused),
		cmocka_unit_test(exactly_the_files_of_the_manifest_are_members),
		cmocka_unit_test(members_out_of_order_are_refused),
		cmocka_unit_test(more_members_than_the_cap_are_refused),
		cmocka_unit_test(other_archives_are_refused),
		cmocka_unit_test(a_bomb_is_stopped_at_the_cap),
		cmocka_unit_test(a_file_past_the_cap_is_refused_unread),
		cmocka_unit_test(an_answer_of_a_worker_gone_bad_is_refused),
		cmocka_unit_test(a_bundle_agrees_with_its_own_custom),
		cmocka_unit_test(a_bundle_under_another_path_is_refused),
		cmocka_unit_test(a_custom_that_signs_other_members_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
