/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_impair_spec.c: options as text, good and bad, and what follows from them.
 */
#include "test_impair.h"

#include <unistd.h>

#define SEED " --seed 1"

/* option, text, the canonical line */
static const char *const good[][3] = {
	{ "reorder", "5%", "--reorder 5%,depth=32,scope=session" SEED },
	{ "reorder", "0.5%,depth=4k", "--reorder 0.5%,depth=4000,scope=session" SEED },
	{ "reorder", "100%,depth=1M,scope=link", "--reorder 100%,depth=1000000,scope=link" SEED },
	{ "reorder", "5%,scope=session,depth=1", "--reorder 5%,depth=1,scope=session" SEED },
	{ "reorder", "5.0%,delay=1.5ms", "--reorder 5%,delay=1500us" SEED },
	{ "reorder", "0%", "--seed 1" },
	{ "reorder", ".0000000001%", "--reorder 0.0000000001%,depth=32,scope=session" SEED },
	{ "loss", "1%", "--loss 1%" SEED },
	{ "loss", "1%,burst=4", "--loss 1%,burst=4" SEED },
	{ "loss", "1%,retransmit=200ms,burst=2", "--loss 1%,burst=2,retransmit=200ms" SEED },
	{ "loss", "gemodel:1%,10%,70%,0.1%", "--loss gemodel:1%,10%,70%,0.1%" SEED },
	{ "loss", "gemodel:1%", "--loss gemodel:1%,99%,100%,0%" SEED },
	{ "loss", "gemodel:1%,20%,retransmit=1s", "--loss gemodel:1%,20%,100%,0%,retransmit=1s" SEED },
	{ "dup", "2%", "--dup 2%" SEED },
	{ "dup", "2%,depth=8", "--dup 2%,depth=8" SEED },
	{ "corrupt", "0.01%", "--corrupt 0.01%" SEED },
	{ "corrupt", "1%,checksum=fix", "--corrupt 1%,checksum=fix" SEED },
	{ "truncate", "3%", "--truncate 3%" SEED },
	{ "delay", "10ms", "--delay 10ms" SEED },
	{ "delay", "0ms,jitter=250us", "--delay 0s,jitter=250us" SEED },
	{ "delay", "3600s", "--delay 3600s" SEED },
	{ "delay", "7ns", "--delay 7ns" SEED },
	{ "only", "tcp port 80", "--only 'tcp port 80'" SEED },
	{ "only", "ip[0] != '\\'' ", NULL },
	{ "only", "ether host 00:11:22:33:44:55", "--only 'ether host 00:11:22:33:44:55'" SEED },
	{ "seed", "18446744073709551615", "--seed 18446744073709551615" },
	{ "seed", "0x10", "--seed 16" },
	{ "decisions-out", "/tmp/x", "--seed 1" },
};

/* option, text, a part of the message */
static const char *const bad[][3] = {
	{ "reorder", "5", "--reorder 5: a share needs %, such as 5%" },
	{ "reorder", "", "a share" },
	{ "reorder", "five%", "a share is a number and %" },
	{ "reorder", "-1%", "a share is a number" },
	{ "reorder", "100.1%", "at most 100%" },
	{ "reorder", "5%%", "a share is a number" },
	{ "reorder", "1.2.3%", "a share is a number" },
	{ "reorder", "0.00000000001%", "at most 10 decimals" },
	{ "reorder", "9999999999999999999%", "a share is a number" },
	{ "reorder", "5%,depth=0", "a count is from 1 to 1000000" },
	{ "reorder", "5%,depth=1000001", "a count is from 1" },
	{ "reorder", "5%,depth=2M", "a count is from 1" },
	{ "reorder", "5%,depth=1.5", "a count is a whole number" },
	{ "reorder", "5%,depth=5%", "without a unit" },
	{ "reorder", "5%,depth=", "depth" },
	{ "reorder", "5%,delay=10", "a time needs a unit" },
	{ "reorder", "5%,delay=10m", "units of time" },
	{ "reorder", "5%,delay=0ms", "a time of 0" },
	{ "reorder", "5%,delay=1ms,depth=3", "not by both" },
	{ "reorder", "5%,scope=world", "scope is session or link" },
	{ "reorder", "5%,color=red", "'color=red' is not known here (depth=N" },
	{ "reorder", "5%,", "is not known here" },
	{ "loss", "1", "a share needs %" },
	{ "loss", "1%,burst=0", "burst: a count" },
	{ "loss", "1%,retransmit=200", "retransmit: a time needs a unit" },
	{ "loss", "90%,burst=2", "at most N/(N+1)" },
	{ "loss", "gemodel:1,10%", "gemodel: a share needs %" },
	{ "loss", "gemodel:1%,2%,3%,4%,5%", "'5%' is not known here" },
	{ "loss", "gemodel:1%,burst=3", "gemodel has its bursts" },
	{ "dup", "1%,depth=x", "depth: a count" },
	{ "dup", "1%,burst=3", "is not known here (depth=N)" },
	{ "corrupt", "1%,checksum=break", "is not known here (checksum=fix)" },
	{ "truncate", "1%,2%", "nothing follows" },
	{ "delay", "10", "--delay 10: a time needs a unit (ns, us, ms, s), such as 10ms" },
	{ "delay", "0.5ns", "whole number of ns" },
	{ "delay", "3601s", "at most 3600s" },
	{ "delay", "1ms,jitter=5", "jitter: a time needs a unit" },
	{ "only", "", "matches all" },
	{ "only", "tcp prot 80", "--only tcp prot 80: " },
	{ "seed", "", "whole number" },
	{ "seed", "-1", "whole number" },
	{ "seed", "18446744073709551616", "64 bits" },
	{ "decisions-in", "/nonexistent/file", "/nonexistent/file: No such file" },
	{ "decisions-out", "", "missing" },
};

static void test_good(void **state)
{
	char err[256], line[512];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct fos_impair_spec spec;

		fos_impair_spec_init(&spec);
		if (!good[i][2]) { /* whatever libpcap says */
			fos_impair_spec_set(&spec, good[i][0], good[i][1], err, sizeof err);
			fos_impair_spec_free(&spec);
			continue;
		}
		if (fos_impair_spec_set(&spec, good[i][0], good[i][1], err, sizeof err) != 0)
			fail_msg("%s", err);
		assert_int_equal(fos_impair_spec_text(&spec, line, sizeof line), strlen(good[i][2]));
		assert_string_equal(line, good[i][2]);
		fos_impair_spec_free(&spec);
	}
}

static void test_bad(void **state)
{
	char err[256], line[512];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct fos_impair_spec spec = SPEC("reorder=7%", "only=udp");

		assert_true(fos_impair_spec_set(&spec, bad[i][0], bad[i][1], err, sizeof err) < 0);
		if (!strstr(err, bad[i][2]))
			fail_msg("%s %s: \"%s\" instead of \"%s\"", bad[i][0], bad[i][1], err, bad[i][2]);
		assert_null(strchr(err, '\n'));
		fos_impair_spec_text(&spec, line, sizeof line);
		assert_string_equal(line, "--reorder 7%,depth=32,scope=session --only 'udp' --seed 1");
		fos_impair_spec_free(&spec);
	}
	struct fos_impair_spec spec = SPEC("seed=2");
	assert_int_equal(fos_impair_spec_set(&spec, "shuffle", "5%", err, sizeof err), -ENOENT);
	fos_impair_spec_free(&spec);
}

/* The line, taken apart and set again, gives the same line; a short buffer is no harm. */
static void test_text(void **state)
{
	struct fos_impair_spec spec = SPEC("seed=9", "delay=1ms,jitter=3us", "truncate=1%", "corrupt=2%", "dup=3%",
	                                   "loss=gemodel:4%,30%", "reorder=5%", "only=tcp and host 1.2.3.4"),
	                       copy;
	char line[512], again[512], tiny[8];

	(void)state;
	fos_impair_spec_text(&spec, line, sizeof line);
	assert_string_equal(line, "--reorder 5%,depth=32,scope=session --loss gemodel:4%,30%,100%,0% --dup 3% "
	                          "--corrupt 2% --truncate 1% --delay 1ms,jitter=3us "
	                          "--only 'tcp and host 1.2.3.4' --seed 9");
	assert_int_equal(fos_impair_spec_text(&spec, tiny, sizeof tiny), strlen(line));
	assert_string_equal(tiny, "--reord");
	assert_int_equal(fos_impair_spec_copy(&copy, &spec), 0);
	fos_impair_spec_free(&spec);
	fos_impair_spec_text(&copy, again, sizeof again);
	assert_string_equal(line, again);
	fos_impair_spec_value(&copy, "delay", again, sizeof again);
	assert_string_equal(again, "1ms,jitter=3us");
	fos_impair_spec_value(&copy, "decisions-in", again, sizeof again);
	assert_string_equal(again, "");
	fos_impair_spec_free(&copy);
	fos_impair_spec_init(&spec);
	spec.only = strdup("it's");
	fos_impair_spec_text(&spec, line, sizeof line);
	assert_string_equal(line, "--only 'it'\\''s' --seed 1");
	fos_impair_spec_free(&spec);
}

static void test_options(void **state)
{
	struct fos_impair_spec spec;
	char err[256];

	(void)state;
	fos_impair_spec_init(&spec);
	for (const struct fos_impair_option *o = fos_impair_options; o->name; o++) {
		assert_true(*o->meta && *o->help);
		assert_int_not_equal(fos_impair_spec_set(&spec, o->name, "%", err, sizeof err), -ENOENT);
	}
	fos_impair_spec_free(&spec);
}

struct fact {
	const char *option;
	bool active, lossless;
	uint64_t depth, delay_ns;
};

static void test_facts(void **state)
{
	static const struct fact facts[] = {
		{ "seed=3", false, true, 0, 0 },
		{ "reorder=0%", false, true, 0, 0 },
		{ "reorder=5%,depth=100", true, true, 199, 0 },
		{ "reorder=5%,delay=3ms", true, true, 0, 3000000 },
		{ "loss=1%", true, false, 0, 0 },
		{ "loss=1%,retransmit=200ms", true, false, 0, 200000000 },
		{ "loss=gemodel:0%,0%,0%,1%", true, false, 0, 0 },
		{ "loss=gemodel:0%", false, true, 0, 0 },
		{ "dup=1%", true, true, 0, 0 },
		{ "corrupt=1%", true, false, 0, 0 },
		{ "truncate=1%", true, false, 0, 0 },
		{ "delay=10ms,jitter=5ms", true, true, 0, 15000000 },
		{ "only=tcp", false, true, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
		struct fos_impair_spec spec = SPEC(facts[i].option);

		assert_int_equal(fos_impair_spec_active(&spec), facts[i].active);
		assert_int_equal(fos_impair_spec_lossless(&spec), facts[i].lossless);
		assert_int_equal(fos_impair_spec_depth(&spec), facts[i].depth);
		assert_int_equal(fos_impair_spec_delay(&spec), facts[i].delay_ns);
		fos_impair_spec_free(&spec);
	}
	struct fos_impair_spec both = SPEC("reorder=5%", "dup=1%", "delay=1ms");
	assert_int_equal(fos_impair_spec_depth(&both), 126);
	assert_int_equal(fos_impair_spec_delay(&both), 1000000);
	fos_impair_spec_free(&both);
}

/* What gemodel's parameters and bursts come to. */
static void test_chain(void **state)
{
	struct fos_impair_spec ge = SPEC("loss=gemodel:1%,9%,50%,2%"), burst = SPEC("loss=10%,burst=4");

	(void)state;
	assert_int_equal(ge.loss.share, FOS_SHARE_ONE / 1000 * 68); /* 10% * 50% + 90% * 2% */
	assert_int_equal(burst.loss.r, FOS_SHARE_ONE / 4);
	assert_int_equal(burst.loss.p, FOS_SHARE_ONE / 36);
	fos_impair_spec_free(&ge);
	fos_impair_spec_free(&burst);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),  cmocka_unit_test(test_bad),     cmocka_unit_test(test_text),
		cmocka_unit_test(test_facts), cmocka_unit_test(test_options), cmocka_unit_test(test_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
