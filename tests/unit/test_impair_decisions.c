/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_impair_decisions.c: decisions as lines and files; replaying them gives the packets that drawing gave.
 */
#include "test_impair.h"

#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/test_impair_decisions.XXXXXX";
static char path[128], other[128];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/decisions", dir);
	snprintf(other, sizeof other, "%s/other", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	unlink(other);
	return rmdir(dir);
}

static void write_text(const char *text)
{
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
}

static char *read_text(const char *name)
{
	char *text = calloc(1, 1 << 20);
	FILE *f = fopen(name, "r");

	assert_non_null(f);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return text;
}

#define HEAD "# flowos-decisions 1\n"

/* Every line that can be read is written as it was. */
static void test_lines(void **state)
{
	static const char *const lines[] = { "1 loss",
		                             "2 loss ns=200000000",
		                             "3 loss ns=1 delay ns=5",
		                             "4 corrupt bit=1234",
		                             "5 corrupt bit=0 fix reorder k=5 dup k=0 delay ns=7",
		                             "6 truncate len=60 reorder k=1000000 link",
		                             "7 reorder ns=1000000",
		                             "18446744073709551615 dup k=3" };
	static const char *const notes[] = {
		"flowos: frame 1: lost (loss)",
		"flowos: frame 2: lost, sent again after 200ms (loss)",
		"flowos: frame 3: lost, sent again after 1ns (loss); delayed by 5ns (delay)",
		"flowos: frame 4: bit 2 of byte 154 flipped (corrupt)",
		("flowos: frame 5: bit 0 of byte 0 flipped, checksum repaired (corrupt); held back by 5 packets "
		 "(reorder); sent twice, the copy directly after (dup); delayed by 7ns (delay)"),
		"flowos: frame 6: cut to 60 bytes (truncate); held back by 1000000 packets of the link (reorder)",
		"flowos: frame 7: held back for 1ms (reorder)",
		"flowos: frame 18446744073709551615: sent twice, the copy 3 packets later (dup)",
	};
	char text[2048] = HEAD, err[256], buf[FOS_DECISION_TEXT];
	struct fos_decisions *l;

	(void)state;
	for (size_t i = 0; i < 8; i++)
		sprintf(text + strlen(text), "%s\n", lines[i]);
	write_text(text);
	if (fos_decisions_read(path, &l, err, sizeof err) != 0)
		fail_msg("%s", err);
	assert_int_equal(fos_decisions_count(l), 8);
	for (size_t i = 0; i < 8; i++) {
		assert_string_equal(fos_decision_text(fos_decisions_at(l, i), buf, sizeof buf), lines[i]);
		assert_string_equal(fos_decision_note(fos_decisions_at(l, i), buf, sizeof buf), notes[i]);
	}
	assert_int_equal(fos_decisions_find(l, 5)->bit, 0);
	assert_null(fos_decisions_find(l, 8));
	assert_int_equal(fos_decisions_write(l, other, NULL, err, sizeof err), 0);
	char *again = read_text(other);
	assert_string_equal(text, again);
	free(again);
	fos_decisions_put(l);
}

static void test_bad_files(void **state)
{
	static const char *const bad[][2] = {
		{ "", ":0: an empty file" },
		{ "1 loss\n", ":1: not a file of decisions" },
		{ "# flowos-decisions 2\n", ":1: not a file of decisions of version 1" },
		{ HEAD "x loss\n", ":2: a line begins with the number" },
		{ HEAD "0 loss\n", ":2: a line begins with the number" },
		{ HEAD "99999999999999999999 loss\n", ":2: a line begins" },
		{ HEAD "1\n", ":2: a decision is missing" },
		{ HEAD "\n# c\n7 lose\n", ":4: not a decision" },
		{ HEAD "7 lossy\n", ":2: not a decision" },
		{ HEAD "7 loss  dup k=1\n", ":2: not a decision" },
		{ HEAD "7 reorder\n", ":2: not a decision" },
		{ HEAD "7 reorder k=0\n", ":2: not a decision" },
		{ HEAD "7 reorder k=4294967296\n", ":2: not a decision" },
		{ HEAD "7 corrupt bit=-1\n", ":2: not a decision" },
		{ HEAD "7 truncate len=0\n", ":2: not a decision" },
		{ HEAD "7 dup k=1 dup k=1\n", ":2: the same decision twice" },
		{ HEAD "7 loss reorder k=1\n", ":2: a lost packet" },
		{ HEAD "7 corrupt bit=9 truncate len=9\n", ":2: a corrupted packet" },
		{ HEAD "7 dup k=1\n9 loss\n7 loss\n", "frame 7 has two lines" },
	};
	struct fos_decisions *l;
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		write_text(bad[i][0]);
		assert_int_equal(fos_decisions_read(path, &l, err, sizeof err), -EINVAL);
		if (!strstr(err, bad[i][1]) || strncmp(err, path, strlen(path)) != 0)
			fail_msg("\"%s\" instead of \"%s\"", err, bad[i][1]);
	}
}

/* A file appears whole or not at all. */
static void test_whole(void **state)
{
	struct fos_decisions *l;
	char err[256], name[160];
	struct stat st;

	(void)state;
	assert_int_equal(fos_decisions_create(&l), 0);
	snprintf(name, sizeof name, "%s/none/x", dir);
	assert_int_equal(fos_decisions_write(l, name, NULL, err, sizeof err), -ENOENT);
	assert_non_null(strstr(err, "No such file"));
	assert_int_equal(fos_decisions_write(l, "/dev/null", NULL, err, sizeof err), 0);
	assert_int_equal(fos_decisions_write(l, "/dev/full", NULL, err, sizeof err), -ENOSPC);
	assert_int_equal(stat("/dev/full", &st), 0);
	assert_false(S_ISREG(st.st_mode));
	write_text("old");
	unlink(other);
	assert_int_equal(symlink(path, other), 0);
	assert_int_equal(fos_decisions_write(l, other, "--seed 1", err, sizeof err), 0);
	char *text = read_text(path);
	assert_string_equal(text, HEAD "# options: --seed 1\n");
	free(text);
	unlink(other);
	fos_decisions_put(l);
}

static void round_trip(const struct frames *fs, struct fos_impair_spec spec)
{
	struct fos_impair_spec replay;
	struct fos_impair_stats st, again;
	struct output a, b;
	struct fos_port *p;
	char in[256], err[256];

	assert_int_equal(fos_impair_spec_set(&spec, "decisions-out", path, err, sizeof err), 0);
	p = impair(array_open(fs, 64), &spec);
	a = drain(p);
	fos_impair_stats(p, &st);
	assert_true(st.decisions > 0);
	assert_int_equal(fos_impair_finish(p, err, sizeof err), 0);
	assert_int_equal(fos_port_close(p), 0);

	snprintf(in, sizeof in, "decisions-in=%s", path);
	replay = SPEC(in, "seed=77", "loss=50%");
	assert_true(fos_impair_spec_active(&replay));
	assert_int_equal(fos_impair_spec_lossless(&replay), fos_impair_spec_lossless(&spec));
	assert_true(fos_impair_spec_depth(&replay) <= fos_impair_spec_depth(&spec));
	assert_true(fos_impair_spec_delay(&replay) <= fos_impair_spec_delay(&spec));
	replay.decisions_out = strdup(other);
	p = impair(array_open(fs, 7), &replay);
	b = drain(p);
	fos_impair_stats(p, &again);
	assert_int_equal(fos_port_close(p), 0); /* writes */
	assert_int_equal(a.n, b.n);
	assert_int_equal(a.hash, b.hash);
	assert_int_equal(again.decisions, st.decisions);

	char *one = read_text(path), *two = read_text(other);
	assert_string_equal(strstr(one, "\n") + 1 + strcspn(strstr(one, "\n") + 1, "\n"),
	                    strstr(two, "\n") + 1 + strcspn(strstr(two, "\n") + 1, "\n"));
	free(one);
	free(two);
	output_free(&a);
	output_free(&b);
	fos_impair_spec_free(&spec);
	fos_impair_spec_free(&replay);
}

static void test_round_trip(void **state)
{
	struct frames fs = { 0 };

	(void)state;
	frames_mixed(&fs, 20, 40, 500000, 100);
	round_trip(&fs, SPEC("reorder=10%"));
	round_trip(&fs, SPEC("reorder=10%,scope=link", "dup=5%,depth=9"));
	round_trip(&fs, SPEC("reorder=10%,delay=3ms", "loss=5%,burst=3,retransmit=20ms"));
	round_trip(&fs, SPEC("corrupt=10%", "truncate=10%", "only=tcp src port 80"));
	round_trip(&fs, SPEC("corrupt=10%,checksum=fix", "delay=2ms,jitter=9ms", "loss=gemodel:5%,30%,80%,1%"));
	frames_free(&fs);
}

/* Notes are numbered from 1, and every frame that was touched carries the number of its own. */
static void test_notes(void **state)
{
	struct fos_impair_spec spec = SPEC("reorder=20%", "dup=20%");
	struct frames fs = { 0 };
	struct output o;
	struct fos_port *p;
	char note[FOS_DECISION_TEXT], want[64];
	size_t noted = 0;

	(void)state;
	frames_mixed(&fs, 5, 40, 1000, 10);
	spec.keep_decisions = true;
	p = impair(array_open(&fs, 64), &spec);
	assert_int_equal(fos_impair_note(p, 1, note, sizeof note), -ENOENT);
	o = drain(p);
	for (size_t i = 0; i < o.n; i++) {
		uint32_t touched = o.p[i].f.flags & (FOS_FRAME_REORDERED | FOS_FRAME_DUPLICATE);

		if (touched)
			assert_int_not_equal(o.p[i].f.note, 0);
		if (o.p[i].f.note == 0)
			continue;
		noted++;
		assert_int_equal(fos_impair_note(p, o.p[i].f.note, note, sizeof note), 0);
		snprintf(want, sizeof want, "flowos: frame %llu: ", (unsigned long long)o.p[i].f.num);
		assert_int_equal(strncmp(note, want, strlen(want)), 0);
		assert_int_equal(strstr(note, "(reorder)") != NULL, (touched & FOS_FRAME_REORDERED) != 0);
	}
	assert_true(noted > 0);
	assert_non_null(fos_impair_decisions(p));
	fos_port_close(p);
	output_free(&o);
	frames_free(&fs);
	fos_impair_spec_free(&spec);
}

/* A list in memory, as who shrinks a failure has it. */
static void test_replay_list(void **state)
{
	struct fos_decisions *l;
	struct fos_decision d = { .num = 2, .actions = FOS_DECISION_REORDER, .reorder_k = 2 };
	struct fos_impair_spec spec;
	struct frames fs = { 0 };
	struct output o;
	struct fos_port *p;

	(void)state;
	frames_mixed(&fs, 1, 12, 1000, 10); /* directions take turns */
	assert_int_equal(fos_decisions_create(&l), 0);
	assert_int_equal(fos_decisions_add(l, &d), 0);
	fos_impair_spec_init(&spec);
	fos_impair_spec_replay(&spec, l);
	fos_decisions_put(l);
	p = impair(array_open(&fs, 64), &spec);
	fos_impair_spec_free(&spec);
	o = drain(p);
	assert_int_equal(o.n, 12);
	assert_int_equal(o.p[1].f.num, 3);
	assert_int_equal(o.p[4].f.num, 6);
	assert_int_equal(o.p[5].f.num, 2);
	assert_int_equal(o.p[5].f.ts_ns, o.p[4].f.ts_ns);
	fos_port_close(p);
	output_free(&o);
	frames_free(&fs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),      cmocka_unit_test(test_bad_files), cmocka_unit_test(test_whole),
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_notes),     cmocka_unit_test(test_replay_list),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
