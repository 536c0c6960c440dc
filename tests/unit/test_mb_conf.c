/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mb_conf.c: what a configuration file comes to, key by key; how two of them differ. What is refused, and how, is in
 * golden/test_cli_flowos.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <flowos/rand.h>

#include "mb_conf.h"

/* libconfig does not free the text that a file ends inside of. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

static struct mb_conf *read_text(const char *text)
{
	char path[] = "/tmp/flowos-conf-XXXXXX", err[512] = "";
	struct mb_conf *c = malloc(sizeof(*c));
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	mb_conf_init(c);
	if (mb_conf_read(c, path, err, sizeof(err)))
		fail_msg("%s", err);
	unlink(path);
	return c;
}

static void done(struct mb_conf *c)
{
	mb_conf_free(c);
	free(c);
}

static void test_every_key(void **state)
{
	struct mb_conf *c =
	    read_text("ports = { interfaces = [ \"a0\", \"b0\" ]; ring = { bytes = \"8M\"; frame-bytes = 2048; "
	              "slot-bytes = 512; receive "
	              "= \"blocks\";\n"
	              "  block-time = \"5ms\"; send = \"ring\"; qdisc-bypass = true; port = \"afxdp\"; xdp = \"copy\"; "
	              "}; };\n"
	              "workers = 3; release = \"tap\"; control = \"/x/y\"; metrics = \"127.0.0.1:1\"; user = "
	              "\"nobody\"; json = \"-\";\n"
	              "handoff = false; seccomp = false; net-admin = true; duration = \"2s\";\n"
	              "engine = { overlap = \"windows\"; checksum = \"ignore\"; hole-wait = \"100,3ms\"; hold-cap = "
	              "5000; vlan-key = true; };\n"
	              "caps = { direction = \"1k\"; total = 2000; retained = 3000L; sessions = \"4M\"; };\n"
	              "impair = { loss = \"1%\"; seed = 9; };\n"
	              "pipelines = ( { name = \"p\"; level = \"tcp\"; stages = [ \"count\", \"sum+digest\" ]; }, { "
	              "name = \"q\"; stages = ( \"sum\" ); } );\n"
	              "flows = ( { name = \"f\"; filter = \"tcp\"; interface = \"b0\"; levels = \"ip:tcp\"; pipeline = "
	              "\"q\"; },\n"
	              "  { name = \"g\"; overlap = \"windows\"; caps = { direction = 1000; total = 2000; retained = "
	              "3000; sessions = 4000000; }; } );\n");

	(void)state;
	assert_int_equal(c->interfaces, 2);
	assert_int_equal(c->named, 2);
	assert_string_equal(c->interface[0], "a0");
	assert_string_equal(c->interface[1], "b0");
	assert_int_equal(c->ring.bytes, 8000000);
	assert_int_equal(c->ring.frame_bytes, 2048);
	assert_int_equal(c->ring.slot_bytes, 512);
	assert_int_equal(c->ring.block_ns, 5000000);
	assert_true(c->ring.blocks && c->ring.send_ring && c->ring.qdisc_bypass);
	assert_int_equal(c->ring.port, MB_PORT_AFXDP);
	assert_int_equal(c->ring.xdp, MB_XDP_COPY);
	assert_int_equal(c->workers, 3);
	assert_string_equal(c->control, "/x/y");
	assert_string_equal(c->metrics, "127.0.0.1:1");
	assert_string_equal(c->user, "nobody");
	assert_string_equal(c->json, "-");
	assert_true(c->no_handoff && c->no_seccomp && c->keep_net_admin && c->control_given);
	assert_int_equal(c->duration_ns, 2000000000);
	assert_int_equal(c->engine.overlap, fos_overlap_by_name("windows"));
	assert_true(c->engine.checksum_given && !c->engine.verify && c->engine.vlan_key);
	assert_int_equal(c->engine.hole_packets, 100);
	assert_int_equal(c->engine.hole_ns, 3000000);
	assert_int_equal(c->engine.hold_cap, 5000);
	assert_int_equal(c->caps.direction, 1000);
	assert_int_equal(c->caps.total, 2000);
	assert_int_equal(c->caps.retained, 3000);
	assert_int_equal(c->caps.sessions, 4000000);
	assert_true(c->impair.loss.share == FOS_SHARE_ONE / 100);
	assert_int_equal(c->impair.seed, 9);
	assert_int_equal(c->pipelines, 2);
	assert_string_equal(c->pipeline[0].level, "tcp");
	assert_int_equal(c->pipeline[0].stages, 2);
	assert_string_equal(c->pipeline[0].stage[1], "sum+digest");
	assert_int_equal(c->flows, 2);
	assert_int_equal(c->flow[0].pipeline, 1);
	assert_string_equal(c->flow[0].interface, "b0");
	assert_string_equal(c->flow[0].levels, "ip:tcp");
	assert_int_equal(c->flow[1].pipeline, -1);
	assert_null(c->flow[1].filter);
	done(c);
}

/* What all flows say is what the engine does. */
static void test_flows_agree(void **state)
{
	struct mb_conf *c = read_text("flows = ( { name = \"f\"; overlap = \"linux\"; caps = { sessions = 5; }; },\n"
	                              "  { name = \"g\"; overlap = \"linux\"; caps = { sessions = 5; }; } );\n");

	(void)state;
	assert_int_equal(c->engine.overlap, fos_overlap_by_name("linux"));
	assert_int_equal(c->caps.sessions, 5);
	done(c);
}

struct changes {
	char text[4096];
	unsigned n;
};

static void note(void *arg, const char *key, const char *was, const char *now)
{
	struct changes *c = arg;
	size_t n = strlen(c->text);

	snprintf(c->text + n, sizeof(c->text) - n, "%s: %s -> %s\n", key, was ? was : "-", now ? now : "-");
	c->n++;
}

static void test_diff(void **state)
{
	static const char before[] = "ports = { interfaces = [ \"a\", \"b\" ]; };\nimpair = { loss = \"1%\"; };\n"
	                             "flows = ( { name = \"f\"; filter = \"tcp\"; } );\n";
	static const char after[] = "ports = { interfaces = [ \"a\", \"c\" ]; };\nimpair = { loss = \"2%\"; };\n"
	                            "metrics = \"127.0.0.1:5\";\nflows = ( { name = \"f\"; } );\n";
	struct mb_conf *a = read_text(before), *b = read_text(after), *same = read_text(before);
	struct changes c = { "", 0 };

	(void)state;
	assert_int_equal(mb_conf_diff(a, b, note, &c), 0);
	assert_string_equal(c.text, "ports.interfaces[1]: b -> c\nimpair.loss: 1% -> 2%\nflows[0].filter: tcp -> -\n"
	                            "metrics: - -> 127.0.0.1:5\n");
	c = (struct changes){ "", 0 };
	assert_int_equal(mb_conf_diff(a, same, note, &c), 0);
	assert_int_equal(c.n, 0);
	assert_true(mb_conf_changeable("impair.loss"));
	assert_true(mb_conf_changeable("metrics"));
	assert_true(mb_conf_changeable("engine.hole-wait"));
	assert_false(mb_conf_changeable("engine.hold-cap"));
	assert_false(mb_conf_changeable("flows[0].filter"));
	assert_false(mb_conf_changeable("ports.interfaces[1]"));
	done(a);
	done(b);
	done(same);
}

/* The example, with bytes of it changed, doubled and taken away: it is read or refused, with a line that says where. */
static void test_damaged(void **state)
{
	const char *given = getenv("FLOWOS_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : 1, rnd = seed << 32;
	static char text[1 << 16], bad[1 << 16];
	FILE *f = fopen(FLOWOS_TOP "/bench/conf/flowos.conf", "r");
	size_t len;
	unsigned refused = 0;

	(void)state;
	print_message("FLOWOS_SEED=%llu\n", (unsigned long long)seed);
	assert_non_null(f);
	len = fread(text, 1, sizeof(text) / 2, f);
	fclose(f);
	for (int round = 0; round < 2000; round++) {
		char path[] = "/tmp/flowos-conf-XXXXXX", err[512] = "";
		struct mb_conf *c = malloc(sizeof(*c));
		size_t n = len;
		int fd = mkstemp(path), rc;

		memcpy(bad, text, len);
		for (uint64_t k = fos_below(fos_mix64(rnd++), 4) + 1; k && n > 100; k--) {
			size_t at = (size_t)fos_below(fos_mix64(rnd++), n - 50);
			size_t run = (size_t)fos_below(fos_mix64(rnd++), 40) + 1;

			switch (fos_below(fos_mix64(rnd++), 3)) {
			case 0: /* another byte */
				bad[at] = (char)fos_below(fos_mix64(rnd++), 256);
				break;
			case 1: /* a run less */
				memmove(bad + at, bad + at + run, n - at - run);
				n -= run;
				break;
			default: /* a run twice */
				memmove(bad + at + run, bad + at, n - at);
				n += run;
			}
		}
		assert_true(fd >= 0);
		assert_int_equal(write(fd, bad, n), (ssize_t)n);
		close(fd);
		mb_conf_init(c);
		rc = mb_conf_read(c, path, err, sizeof(err));
		if (rc && (strncmp(err, path, strlen(path)) != 0 || err[strlen(path)] != ':'))
			fail_msg("round %d: %s", round, err);
		refused += rc != 0;
		unlink(path);
		done(c);
	}
	assert_in_range(refused, 200, 1999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_flows_agree),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
