// SPDX-License-Identifier: Apache-2.0
#include "base/cli.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "base/table.h"

// What one run of a program printed, and how it ended.
struct ran {
	int status;
	struct bytes out;
	struct bytes err;
};

static int64_t got_seconds, got_number;

static int run_show(struct cli *cli, struct fault *why)
{
	static const char *const columns[] = {"NAME", ">COUNT", NULL};
	OWNED(table_drop) struct table *table = NULL;
	struct json *document = json_make_object();
	const char *name = cli_arg(cli, 0);

	if (cli_duration(cli, "--every", 60, &got_seconds, why) ||
	    cli_number(cli, "--number", 1, 9, 5, &got_number, why) ||
	    table_new(columns, &table, why) ||
	    table_row(table, (const char *const[]){name, "7"}, why) ||
	    table_row(table, (const char *const[]){"b", ""}, why) ||
	    json_put_text(document, "name", name, why)) {
		json_free(document);
		return -1;
	}
	if (!strcmp(name, "none")) {
		json_free(document);
		return fault_set(why, FAULT_NOT_FOUND, "cannot open it");
	}
	if (!strcmp(name, "bad")) {
		json_free(document);
		fault_set(why, FAULT_ROLLBACK, "it is older");
		return fault_fix(why, "look at the clock");
	}
	table_print(table, cli);
	cli_say(cli, "said %s", name);
	return cli_document(cli, "test.show/1", document, why);
}

static const struct cli_option show_options[] = {
	{"--every", "TIME", "how often", false},
	{"--number", "N", "a number", false},
	{"--tag", "T", "a tag", true},
	{NULL, NULL, NULL, false},
};
static const struct cli_command commands[] = {
	{"thing show", "NAME", "show a thing", show_options, 1, 1, run_show},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};
static const struct cli_program program = {"test", "a test", commands, .asks_nobody = true};

static int swap_out(int fd, int to)
{
	int kept = dup(fd);

	dup2(to, fd);
	return kept;
}

static void swap_back(int fd, int kept)
{
	dup2(kept, fd);
	close(kept);
}

static struct ran run(int argc, char **argv)
{
	OWNED(drop_fd) int out = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	OWNED(drop_fd) int err = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	struct ran ran = {0};
	struct fault why = {0};
	int kept_out, kept_err;

	fflush(stdout);
	kept_out = swap_out(1, out);
	kept_err = swap_out(2, err);
	ran.status = cli_main(&program, argc, argv);
	fflush(stdout);
	swap_back(1, kept_out);
	swap_back(2, kept_err);
	if (file_read_fd(out, 1 << 20, &ran.out, &why) ||
	    file_read_fd(err, 1 << 20, &ran.err, &why))
		fail();
	return ran;
}

#define RUN(...)                                                                \
	run((int)(sizeof((char *[]){"bpfseal", __VA_ARGS__}) / sizeof(char *)), \
	    (char *[]){"bpfseal", __VA_ARGS__, NULL})

static void drop_ran(struct ran *ran)
{
	bytes_drop(&ran->out);
	bytes_drop(&ran->err);
}

static void a_table_is_aligned_and_escaped(void **state)
{
	OWNED(drop_ran) struct ran ran = RUN("thing", "show", "a\x1b[1mz");

	(void)state;
	assert_int_equal(ran.status, 0);
	assert_string_equal(
		bytes_text(&ran.out),
		"NAME       COUNT\na\\x1b[1mz      7\nb              -\nsaid a\\x1b[1mz\n");
}

static void json_is_one_document_with_a_schema(void **state)
{
	OWNED(drop_ran) struct ran ran = RUN("thing", "show", "x", "--json");

	(void)state;
	assert_string_equal(bytes_text(&ran.out),
			    "{\"schema\":\"test.show/1\",\"ok\":true,\"name\":\"x\"}\n");
}

static void the_first_word_of_several_commands_lists_them(void **state)
{
	OWNED(drop_ran) struct ran help = RUN("thing", "--help");
	OWNED(drop_ran) struct ran bare = RUN("thing");
	OWNED(drop_ran) struct ran odd = RUN("thing", "shwo");

	(void)state;
	assert_int_equal(help.status, 0);
	assert_non_null(strstr(bytes_text(&help.out), "  thing show           show a thing\n"));
	assert_int_equal(bare.status, 2);
	assert_non_null(strstr(bytes_text(&bare.err), "'bpfseal thing' needs one more word"));
	assert_int_equal(odd.status, 2);
	assert_non_null(strstr(bytes_text(&odd.err), "unknown command 'thing shwo'"));
	assert_non_null(strstr(bytes_text(&odd.err), "did you mean 'bpfseal thing show'?"));
}

// 6 would send somebody to look at his network.
static void a_file_that_is_not_there_is_wrong_usage_where_nobody_is_asked(void **state)
{
	OWNED(drop_ran) struct ran ran = RUN("thing", "show", "none");

	(void)state;
	assert_int_equal(ran.status, 2);
}

static void a_refusal_has_the_error_form_and_its_exit_status(void **state)
{
	OWNED(drop_ran) struct ran ran = RUN("thing", "show", "bad");
	OWNED(drop_ran) struct ran json = RUN("thing", "show", "--json", "bad");

	(void)state;
	assert_int_equal(ran.status, 4);
	assert_string_equal(bytes_text(&ran.out), "");
	assert_string_equal(bytes_text(&ran.err), "error: it is older\n  fix: look at the clock\n");
	assert_int_equal(json.status, 4);
	assert_non_null(
		strstr(bytes_text(&json.out), "\"ok\":false,\"error\":{\"code\":\"rollback\""));
}

static void a_negative_number_is_a_word_and_no_option(void **state)
{
	OWNED(drop_ran) struct ran ran = RUN("thing", "show", "-7", "--json");
	OWNED(drop_ran) struct ran option = RUN("thing", "show", "-x7");

	(void)state;
	assert_non_null(strstr(bytes_text(&ran.out), "\"name\":\"-7\""));
	assert_int_equal(option.status, 2);
}

static void wrong_words_are_told_in_json_when_that_was_asked_for(void **state)
{
	OWNED(drop_ran) struct ran ran = RUN("thing", "show", "--none", "--json");

	(void)state;
	assert_int_equal(ran.status, 2);
	assert_memory_equal(bytes_text(&ran.out), "{\"schema\":\"bpfseal.error/1\"", 27);
}

static void wrong_words_are_usage_with_a_hint(void **state)
{
	static char *const wrong[][4] = {
		{"thing", "shew", "x", NULL},
		{"thing", "show", NULL, NULL},
		{"thing", "show", "a", "b"},
		{"thing", "show", "a", "--evry=3s"},
		{"thing", "show", "a", "--every"},
		{"thing", "show", "a", "--every=3"},
		{"thing", "show", "a", "--every=-1s"},
		{"thing", "show", "a", "--number=10"},
		{"thing", "show", "a", "--number=0x5"},
		{"thing", "show", "a", "--json=1"},
		{"thing", "show", "a", "--number="},
		{"thing", "show", "a", "--every=99999999999d"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char *argv[6] = {"bpfseal"};
		int argc = 1;

		for (; argc < 5 && wrong[i][argc - 1]; argc++)
			argv[argc] = wrong[i][argc - 1];
		OWNED(drop_ran) struct ran ran = run(argc, argv);

		assert_int_equal(ran.status, 2);
		assert_memory_equal(bytes_text(&ran.err), "error: ", 7);
	}
}

static void options_may_stand_anywhere_and_carry_their_value(void **state)
{
	OWNED(drop_ran) struct ran ran = RUN("thing", "show", "--every", "15m", "x", "--number=9");
	OWNED(drop_ran) struct ran after = RUN("thing", "show", "--", "--x");

	(void)state;
	assert_int_equal(ran.status, 0);
	assert_int_equal(got_number, 5);
	assert_int_equal(after.status, 0);
	OWNED(drop_ran)
	struct ran again = RUN("thing", "show", "--every", "15m", "x", "--number=9");

	assert_int_equal(got_seconds, 900);
	assert_int_equal(got_number, 9);
	assert_int_equal(again.status, 0);
}

static void help_names_every_option(void **state)
{
	OWNED(drop_ran) struct ran ran = RUN("thing", "show", "--help");

	(void)state;
	assert_int_equal(ran.status, 0);
	assert_non_null(strstr(bytes_text(&ran.out), "usage: bpfseal thing show [OPTION]... NAME"));
	assert_non_null(strstr(bytes_text(&ran.out), "--tag T"));
	assert_non_null(strstr(bytes_text(&ran.out), "--json"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_is_aligned_and_escaped),
		cmocka_unit_test(json_is_one_document_with_a_schema),
		cmocka_unit_test(the_first_word_of_several_commands_lists_them),
		cmocka_unit_test(a_refusal_has_the_error_form_and_its_exit_status),
		cmocka_unit_test(a_file_that_is_not_there_is_wrong_usage_where_nobody_is_asked),
		cmocka_unit_test(wrong_words_are_usage_with_a_hint),
		cmocka_unit_test(a_negative_number_is_a_word_and_no_option),
		cmocka_unit_test(wrong_words_are_told_in_json_when_that_was_asked_for),
		cmocka_unit_test(options_may_stand_anywhere_and_carry_their_value),
		cmocka_unit_test(help_names_every_option),
	};

	return cmocka_run_group_tests_name("base/cli", tests, NULL, NULL);
}
