/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_table.c: numbers as text, the terminal's table, the verdict's words, the progress line, the machine.
 */
#include "table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine.h"
#include "progress.h"
#include "result_format.h"
#include "result_verdict.h"
#include "test_bench_fixture.h"

static void test_numbers(void **state)
{
	char b[32];

	(void)state;
	assert_string_equal(bench_format_count(9999, b, sizeof(b)), "9999");
	assert_string_equal(bench_format_count(12345, b, sizeof(b)), "12.3k");
	assert_string_equal(bench_format_count(999999, b, sizeof(b)), "1.00M");
	assert_string_equal(bench_format_grouped(0, b, sizeof(b)), "0");
	assert_string_equal(bench_format_grouped(1234567, b, sizeof(b)), "1,234,567");
	assert_string_equal(bench_format_bytes(0, b, sizeof(b)), "0 B");
	assert_string_equal(bench_format_bytes(1536, b, sizeof(b)), "1.50 KiB");
	assert_string_equal(bench_format_seconds(0.0456, b, sizeof(b)), "45.6 ms");
	assert_string_equal(bench_format_seconds(0, b, sizeof(b)), "0 ns");
	assert_string_equal(bench_format_seconds(120, b, sizeof(b)), "120 s");
	assert_string_equal(bench_format_number(0.01234, b, sizeof(b)), "0.012");
	assert_string_equal(bench_format_number(99.97, b, sizeof(b)), "100");
}

static void test_repeat(void **state)
{
	struct bench_result *r = fixture_result();
	static char *argv[] = { "flowos-bench", "--gen", "bytes=1,mss=2", "--only",
		                "tcp port 80",  "",      "--seed=3",      "it's" };
	char *text = bench_result_repeat(r);

	(void)state;
	assert_non_null(strstr(text, " --reorder 5%,depth=32 --seed 42"));
	free(text);
	bench_result_command(r, 8, argv);
	text = bench_result_repeat(r);
	assert_string_equal(text, "flowos-bench --gen bytes=1,mss=2 --only 'tcp port 80' '' --seed=3 'it'\\''s'");
	free(text);
	bench_result_free(r);
}

static char *table(const struct bench_result *r, unsigned width, bool colour)
{
	struct bench_table_style style = { .width = width, .colour = colour };
	static char *text; /* static: gcc 12 takes it for a dangling pointer otherwise */
	static size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_int_equal(bench_table_write(r, f, &style), 0);
	fclose(f);
	return text;
}

/* The longest line of the table itself, which is between the first two empty lines. */
static size_t widest(const char *text)
{
	const char *line = strstr(text, "\n\n");
	size_t most = 0;

	assert_non_null(line);
	for (line += 2; *line != '\n'; line += strcspn(line, "\n") + 1) {
		size_t n = strcspn(line, "\n");

		most = n > most ? n : most;
	}
	return most;
}

static struct bench_result *three(void)
{
	struct bench_result *r = fixture_result();
	struct bench_run *run;

	fixture_run(r, 10, 0.12);
	run = fixture_run(r, 1000000, 1.5);
	run->impaired.lost = 12345;
	run->streams.identical -= 40;
	run->streams.gapped = 40;
	run->streams.gap_bytes = 55555;
	run = bench_result_run(r);
	run->sessions = 2000000;
	bench_text_set(&run->error, "no memory for\033[2J this");
	return r;
}

static void test_table(void **state)
{
	struct bench_result *r = three();
	char *text = table(r, 100, false), *narrow = table(r, 60, false), *colour = table(r, 100, true);

	(void)state;
	assert_null(strchr(text, '\033'));
	assert_non_null(strchr(colour, '\033'));
	assert_null(strstr(colour, "\033[2J"));
	assert_true(widest(text) <= 100);
	assert_true(widest(narrow) <= 60);
	assert_true(widest(text) > widest(narrow));
	assert_non_null(strstr(narrow, "Gbit/s"));
	assert_non_null(strstr(text, "sessions=2000000 failed: no memory for?[2J this"));
	assert_non_null(strstr(text, "Does not hold: 1 point could not be measured."));
	assert_non_null(strstr(text, "\nrepeat: flowos-bench"));
	free(text);
	free(narrow);
	free(colour);
	bench_result_free(r);
}

static void verdict_is(const struct bench_result *r, enum bench_verdict verdict, const char *words)
{
	char text[1024];

	assert_int_equal(bench_result_verdict(r), verdict);
	bench_result_verdict_text(r, text, sizeof(text));
	if (!strstr(text, words))
		fail_msg("\"%s\" lacks \"%s\"", text, words);
}

static void test_verdict(void **state)
{
	struct bench_result *r = fixture_result();
	struct bench_run *run;

	(void)state;
	verdict_is(r, BENCH_UNCHECKED, "Nothing was run");
	run = fixture_run(r, 10, 0.1);
	verdict_is(r, BENCH_HOLDS, "all 20 streams are identical");
	run->streams.identical = 18;
	run->streams.conflicted = 2;
	verdict_is(
	    r, BENCH_HOLDS,
	    "18 of 20 streams are identical to the reference; 2 depend on the order of packets in the "
	    "trace itself (different bytes for one place, or an unclear connection) and were held against the model");
	run->streams.identical = 17;
	run->streams.gapped = 1;
	verdict_is(r, BENCH_FAILS, "1 stream has gaps although nothing was lost");
	run->impaired.lost = 1;
	verdict_is(r, BENCH_HOLDS, "1 has gaps");
	run->streams.needless_gap_bytes = 5;
	verdict_is(r, BENCH_FAILS, "5 bytes arrived and were still reported as a gap");
	run->streams.needless_gap_bytes = 0;
	run->streams.differ = 1;
	verdict_is(r, BENCH_FAILS, "1 of 20 streams carries bytes that differ");
	run->streams.differ = 0;
	run->udp.differ = 2;
	verdict_is(r, BENCH_FAILS, "2 UDP conversations differ");
	run->udp.differ = 0;
	run->streams.known = false;
	verdict_is(r, BENCH_UNCHECKED, "Not checked");
	run->partial = true;
	verdict_is(r, BENCH_UNCHECKED, "damaged");
	bench_result_free(r);
}

static void test_progress(void **state)
{
	struct bench_progress p;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len), *silent;
	const uint64_t ms = 1000000;

	(void)state;
	bench_progress_init(&p, NULL, 0);
	bench_progress_update(&p, 1, 1, 2, "packets", "x");
	bench_progress_clear(&p);
	silent = tmpfile();
	bench_progress_init(&p, silent, 0); /* no terminal */
	assert_null(p.out);
	fclose(silent);
	p = (struct bench_progress){ .out = f, .width = 100, .start_ns = 0 };
	for (uint64_t t = 1000; t < 2000; t += 10)
		bench_progress_update(&p, t * ms, t * 1000, 4000000, "packets", "point 1 of 3");
	fflush(f);
	size_t draws = 0;
	for (const char *s = text; *s; s++)
		draws += *s == '\r';
	assert_int_equal(draws, 10);
	assert_non_null(strstr(text, "[#####...............]  25%  1.00M packets/s  0:01, 0:03 left  point 1 of 3"));
	bench_progress_clear(&p);
	fclose(f);
	assert_string_equal(text + len - 4, "\r\033[K");
	free(text);
}

static void put_file(const char *root, const char *path, const char *text)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_machine(void **state)
{
	char root[] = "/tmp/test_bench_machine.XXXXXX", dir[64], host[256];
	struct bench_machine m = { 0 };
	struct bench_result *r = bench_result_create();
	json_t *json;
	char *text;

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_int_equal(bench_machine_read(&m, root), 0);
	assert_null(m.cpu);
	snprintf(dir, sizeof(dir), "%s/proc", root);
	mkdir(dir, 0700);
	snprintf(dir, sizeof(dir), "%s/etc", root);
	mkdir(dir, 0700);
	put_file(root, "/proc/cpuinfo",
	         "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nstepping\t: 1\n"
	         "flags\t\t: fpu hypervisor\n\nprocessor\t: 1\nmodel name\t: AMD EPYC\n");
	put_file(root, "/proc/meminfo", "MemTotal:       1024 kB\nMemFree: 5 kB\n");
	put_file(root, "/etc/os-release", "NAME=\"x\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
	assert_int_equal(bench_machine_read(&m, root), 0);
	assert_string_equal(m.cpu, "AMD EPYC (family 25, model 17, stepping 1)");
	assert_int_equal(m.cores, 2);
	assert_int_equal(m.memory_bytes, 1024 * 1024);
	assert_string_equal(m.distro, "Debian GNU/Linux 12 (bookworm)");
	assert_string_equal(m.hypervisor, "yes");
	bench_machine_clear(&m);

	assert_int_equal(bench_machine_read(&r->machine, ""), 0);
	json = bench_json_result(r);
	text = json_dumps(json_object_get(json, "machine"), 0);
	if (gethostname(host, sizeof(host)) == 0 && strlen(host) > 6)
		assert_null(strstr(text, host));
	free(text);
	json_decref(json);
	bench_result_free(r);
	for (size_t i = 0; i < 5; i++) {
		static const char *const made[] = { "/proc/cpuinfo", "/proc/meminfo", "/etc/os-release", "/proc",
			                            "/etc" };
		char full[512];

		snprintf(full, sizeof(full), "%s%s", root, made[i]);
		assert_int_equal(remove(full), 0);
	}
	rmdir(root);
}

static void test_commit(void **state)
{
	static const char digest[] = "0123456789abcdef0123456789abcdef01234567";
	static const char *const made[] = { "/.git/packed-refs", "/.git/HEAD", "/.git" };
	char root[] = "/tmp/test_bench_commit.XXXXXX", full[512], text[256], *commit = NULL;

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_int_equal(bench_machine_commit(root, &commit), 0);
	assert_null(commit);
	snprintf(full, sizeof(full), "%s/.git", root);
	mkdir(full, 0700);
	put_file(root, "/.git/HEAD", "ref: refs/heads/main\n");
	snprintf(text, sizeof(text), "# pack-refs with: peeled\n%s refs/heads/main\n", digest);
	put_file(root, "/.git/packed-refs", text);
	assert_int_equal(bench_machine_commit(root, &commit), 0);
	assert_string_equal(commit, digest);
	put_file(root, "/.git/HEAD", "fedcba9876543210fedcba9876543210fedcba98\n");
	assert_int_equal(bench_machine_commit(root, &commit), 0);
	assert_string_equal(commit, "fedcba9876543210fedcba9876543210fedcba98");
	put_file(root, "/.git/HEAD", "rubbish\n");
	assert_int_equal(bench_machine_commit(root, &commit), 0);
	assert_string_equal(commit, "fedcba9876543210fedcba9876543210fedcba98");
	free(commit);
	for (size_t i = 0; i < 3; i++) {
		snprintf(full, sizeof(full), "%s%s", root, made[i]);
		assert_int_equal(remove(full), 0);
	}
	rmdir(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_repeat),   cmocka_unit_test(test_table),
		cmocka_unit_test(test_verdict), cmocka_unit_test(test_progress), cmocka_unit_test(test_machine),
		cmocka_unit_test(test_commit),
	};

	return cmocka_run_group_tests_name("bench_table", tests, NULL, NULL);
}
