/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_release.c: which packets leave, when, and in which order: holes, repeats, overlaps, FIN and RST, caps and ends,
 * modules that keep, several stages and flows; and, at random, that what leaves is what came, not before it was released.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/seq.h>

#include "engine_run.h"

#define HELLO "> S 1000; < SA 5000 1001; > A 1001 5001;" /* frames 1 to 3 */

/* ---- what leaves --------------------------------------------------------------------------------------------------- */

struct out {
	char log[4096];           /* numbers of frames in the order in which they left, '|' behind each batch */
	const struct er_trace *t; /* what they should be */
	unsigned *times;          /* how often each frame left */
	size_t n;
	void (*each)(const struct fos_frame *f);
};

static struct out out;

static void note(const char *text)
{
	assert_true(strlen(out.log) + strlen(text) < sizeof(out.log));
	strcat(out.log, text);
}

/* The frame is the one that came, whatever memory it is in now. */
static void check_frame(const struct fos_frame *f)
{
	const struct fos_frame *was = &out.t->frame[f->num - 1].f;

	assert_int_equal(fos_frame_caplen(f), was->len);
	assert_memory_equal(f->data, was->data, f->len);
	if (f->ext_len)
		assert_memory_equal(f->ext, was->data + f->len, f->ext_len);
	assert_int_equal(f->wire_len, was->wire_len);
	assert_int_equal(f->ts_ns, was->ts_ns);
	assert_int_equal(f->port, was->port);
	assert_int_equal(f->gso_size, was->gso_size);
	assert_int_equal(f->gso_type, was->gso_type);
	assert_int_equal(f->csum_start, was->csum_start);
	assert_int_equal(f->csum_offset, was->csum_offset);
	assert_int_equal(f->flags & FOS_FRAME_CSUM_PARTIAL, was->flags & FOS_FRAME_CSUM_PARTIAL);
}

static void left(void *arg, const struct fos_batch *b)
{
	char text[32];

	assert_ptr_equal(arg, &out);
	assert_in_range(b->n, 1, FOS_BATCH_MAX);
	for (uint32_t i = 0; i < b->n; i++) {
		const struct fos_frame *f = &b->pkt[i].f;

		assert_in_range(f->num, 1, out.t->n);
		check_frame(f);
		out.times[f->num - 1]++;
		out.n++;
		if (out.each) {
			out.each(f);
			continue;
		}
		sprintf(text, "%llu ", (unsigned long long)f->num);
		note(text);
	}
}

/* ---- modules that keep --------------------------------------------------------------------------------------------- */

enum { DIRS = 512 };

static char how[4];              /* by stage: 'a' releases all, 'n' nothing, 'd' all up to a '.', 'r' at random */
static uint64_t passed[4][DIRS]; /* by stage and stream: up to where it released */
static unsigned opened;
static uint64_t rnd;

static int keeper_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	(void)args, (void)err, (void)errlen;
	*self = &how[opened++];
	return 0;
}

static void keeper_data(void *self, struct fos_stream *s)
{
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s), to = p;
	unsigned stage = (unsigned)((char *)self - how);

	switch (how[stage]) {
	case 'a':
		to = tail;
		break;
	case 'd':
		for (int c; (c = fos_sp_next(&p, &tail)) >= 0;)
			if (c == '.')
				to = p;
		break;
	case 'r':
		if (er_draw(&rnd, 3))
			assert_int_equal(fos_sp_advance(&to, (int64_t)er_draw(&rnd, tail.off - p.off + 1)), 0);
		break;
	default:
		break;
	}
	fos_release(s, &to);
	if (fos_stream_id(s) < DIRS)
		passed[stage][fos_stream_id(s)] = to.off;
}

static void keeper_close(void *self, struct fos_stream *s, enum fos_end end)
{
	(void)end;
	if (fos_stream_id(s) < DIRS)
		passed[(char *)self - how][fos_stream_id(s)] = UINT64_MAX;
}

static const struct fos_module keeper = { .abi = FOS_MODULE_ABI,
	                                  .size = sizeof(struct fos_module),
	                                  .name = "keeper",
	                                  .open = keeper_open,
	                                  .stream_data = keeper_data,
	                                  .stream_close = keeper_close };

/* ---- running it ---------------------------------------------------------------------------------------------------- */

struct plan {
	enum fos_release release;
	const char *how; /* of each stage; NULL: "a" */
	struct fos_worker_config cfg;
	const char *level, *filter;
	bool copies; /* only frames that must be copied: what is kept costs memory */
};

static void add_stages(struct fos_worker *w, const struct plan *p)
{
	char err[256] = "";

	opened = 0;
	for (unsigned i = 0; how[i]; i++)
		if (fos_worker_add_module(w, 0, i, &keeper, NULL, p->level, err, sizeof(err)))
			fail_msg("%s", err);
}

static struct fos_worker *gate(const struct plan *p, const struct er_trace *t)
{
	struct fos_worker_config cfg = p->cfg;
	struct fos_worker *w;
	char err[256] = "";

	memset(passed, 0, sizeof(passed));
	snprintf(how, sizeof(how), "%s", p->how ? p->how : "a");
	out = (struct out){ .t = t, .times = calloc(t->n + 1, sizeof(unsigned)) };
	assert_non_null(out.times);
	cfg.release = left;
	cfg.release_arg = &out;
	assert_int_equal(fos_worker_create(&cfg, &w), 0);
	assert_int_equal(fos_worker_add_flow(w, "gate", p->filter, "ip:tcp:udp:app:http", err, sizeof(err)), 0);
	add_stages(w, p);
	assert_int_equal(fos_worker_flow_release(w, 0, p->release), 0);
	return w;
}

/* Ends it, and nothing is left. */
static void end(struct fos_worker *w, struct fos_worker_stats *st)
{
	struct fos_worker_stats own;

	fos_worker_end(w, FOS_END_EOF);
	fos_worker_stats(w, &own);
	assert_int_equal(own.release.released, out.n);
	assert_int_equal(own.release.waiting, 0);
	assert_int_equal(own.release.waiting_bytes, 0);
	assert_int_equal(own.held_bytes, 0);
	assert_int_equal(own.release.released + own.release.dropped, out.t->n);
	assert_int_equal(own.no_memory, 0);
	if (st)
		*st = own;
	fos_worker_destroy(w);
	free(out.times);
	out.times = NULL;
}

static void check_once(void)
{
	for (size_t i = 0; i < out.t->n; i++)
		if (out.times[i] > 1)
			fail_msg("frame %zu left %u times", i + 1, out.times[i]);
}

static void play(const struct plan *p, const struct er_trace *t, unsigned batch, unsigned mode,
                 struct fos_worker_stats *st)
{
	struct fos_worker *w = gate(p, t);

	for (size_t at = 0; at < t->n; at += batch) {
		er_feed_part(w, t, at, at + batch < t->n ? at + batch : t->n, batch, mode);
		note("|");
	}
	fos_worker_end(w, FOS_END_EOF);
	check_once();
	end(w, st);
}

/* Packet by packet what is written down must be `want`; in any batches each leaves once, or as many are dropped. */
static void expect(const struct plan *p, const char *script, const char *want, struct fos_worker_stats *st)
{
	struct er_trace t = { 0 };
	struct fos_worker_stats one, other;

	er_script(&t, script);
	for (unsigned mode = 0; mode < ER_MODES; mode++) {
		if (p->copies && !(mode & ER_UNSTABLE))
			continue;
		play(p, &t, 1, mode, &one);
		if (strcmp(out.log, want) != 0)
			fail_msg("script: %s\nwant: %s\n got: %s", script, want, out.log);
	}
	for (unsigned batch = 2; batch <= FOS_BATCH_MAX; batch++) {
		play(p, &t, batch, batch % ER_MODES | (p->copies ? ER_UNSTABLE : 0), &other);
		assert_int_equal(other.release.released, one.release.released);
	}
	if (st)
		*st = one;
	er_trace_free(&t);
}

static const struct plan open_gate = { .release = FOS_RELEASE_OPEN };
static const struct plan closed_gate = { .release = FOS_RELEASE_CLOSED };

/* ---- order, holes -------------------------------------------------------------------------------------------------- */

static void test_in_order(void **state)
{
	struct fos_worker_stats st;

	(void)state;
	expect(&open_gate, HELLO "> A 1001 5001 abc; < A 5001 1004 xyz; > FA 1004 5004; < FA 5004 1005; > A 1005 5005",
	       "1 |2 |3 |4 |5 |6 |7 |8 |", &st);
	assert_int_equal(st.release.waited, 0);
	assert_int_equal(st.release.waiting_peak, 0);
}

static void test_hole(void **state)
{
	struct fos_worker_stats st;

	(void)state;
	/* two above the hole, the later one first; an ACK passes by; the one that fills it takes them along, in order */
	expect(&open_gate,
	       HELLO "> A 1007 5001 ghi; > A 1004 5001 def; > A 1010 5001; > A 1001 5001 abc; > A 1010 5001 j",
	       "1 |2 |3 |||6 |7 5 4 |8 |", &st);
	assert_int_equal(st.release.waited, 2);
	assert_int_equal(st.release.waiting_peak, 2);
	assert_int_equal(st.release.longest_wait_ns, 3 * (ER_SECOND / 1000));
	assert_int_equal(st.gaps, 0);
	/* and nobody gives it up: not for what was acknowledged, not for time */
	struct plan p = open_gate;

	p.cfg.hole_wait_packets = 1;
	expect(&p, HELLO "> A 1004 5001 def; < A 5001 1007; *5 > A 1007 5001; t 300; > A 1007 5001; > A 1001 5001 abc",
	       "1 |2 |3 ||5 |6 |7 |8 |9 |10 |11 |12 4 |", &st);
	assert_int_equal(st.gaps, 0);
}

/* In a batch: what waits leaves between the one that fills the hole and what comes behind it. */
static void test_order_in_batch(void **state)
{
	struct er_trace t = { 0 };
	struct plan p = open_gate;

	(void)state;
	er_script(&t,
	          HELLO "> A 1004 5001 def; > A 1010 5001 j; > A 1001 5001 abc; > A 1007 5001 ghi; > A 1011 5001 k");
	for (unsigned mode = 0; mode < ER_MODES; mode++) {
		struct fos_worker *w = gate(&p, &t);

		er_feed_part(w, &t, 0, 5, 5, mode);
		assert_string_equal(out.log, "1 2 3 ");
		er_feed_part(w, &t, 5, 8, 3, mode);
		assert_string_equal(out.log, "1 2 3 6 4 7 5 8 ");
		end(w, NULL);
	}
	er_trace_free(&t);
}

static void test_late(void **state)
{
	(void)state;
	/* what was released passes again; what waits is repeated and waits, too */
	expect(&open_gate,
	       HELLO "> A 1001 5001 abc; > A 1001 5001 abc; > A 1000 5001 0; > A 1007 5001 ghi; > A 1007 5001 ghi;"
	             "> A 1004 5001 def; > A 1004 5001 def; > A 1004 5001 defghi",
	       "1 |2 |3 |4 |5 |6 |||9 7 8 |10 |11 |", NULL);
}

static void test_partial_overlap(void **state)
{
	(void)state;
	/* frame 5 has one byte that is released and three above the next hole's end; 6 and 7 overlap each other */
	expect(&open_gate,
	       HELLO "> A 1001 5001 abc; > A 1003 5001 cde; > A 1008 5001 hij; > A 1009 5001 ijk; > A 1006 5001 fgh",
	       "1 |2 |3 |4 |5 |||8 6 7 |", NULL);
	static const enum fos_overlap policy[] = { FOS_OVERLAP_FIRST, FOS_OVERLAP_LAST, FOS_OVERLAP_LINUX };

	for (unsigned i = 0; i < 3; i++) {
		struct plan p = open_gate;

		p.cfg.overlap = policy[i];
		expect(&p, HELLO "> A 1003 5001 cdef; > A 1002 5001 BCD; > A 1005 5001 EFGH; > A 1001 5001 a",
		       "1 |2 |3 ||||7 5 4 6 |", NULL);
	}
}

static void test_fin_and_rst(void **state)
{
	(void)state;
	/* a FIN waits for what is before it, and leaves behind it though it came first; RST and ACK pass */
	expect(&open_gate, HELLO "> FA 1004 5001; > A 1001 5001 abc; < A 5001 1005", "1 |2 |3 ||5 4 |6 |", NULL);
	expect(&open_gate, HELLO "> FA 1004 5001 def; > R 1007; < A 5001 1001; > A 1001 5001 abc",
	       "1 |2 |3 ||5 |6 |7 4 |", NULL);
	/* at the end what is above a hole leaves, or does not */
	expect(&open_gate, HELLO "> FA 1004 5001 def; > R 1007", "1 |2 |3 ||5 |4 ", NULL);
	expect(&closed_gate, HELLO "> FA 1004 5001 def; > R 1007", "1 |2 |3 ||5 |", NULL);
}

static void test_middle(void **state)
{
	struct fos_worker_stats st;

	(void)state;
	/* no SYN: the first payload is the start, and what comes from before it passes */
	expect(&open_gate,
	       "> A 1001 5001 abc; > A 900 5001 xyz; < FA 7 1004; < A 5 1004 12; > A 1007 5001 g; > A 1004 5001 def",
	       "1 |2 |3 |4 ||6 5 |", &st);
	assert_int_equal(st.gaps, 0);
	/* the SYN-ACK says that bytes are missing in front */
	expect(&open_gate, "< SA 5000 1001; > A 1004 5001 def; > A 1001 5001 abc", "1 ||3 2 |", NULL);
}

/* ---- modules that keep --------------------------------------------------------------------------------------------- */

static void test_module_keeps(void **state)
{
	struct plan p = { .release = FOS_RELEASE_OPEN, .how = "d" };
	struct fos_worker_stats st;

	(void)state;
	/* frame 5 has a byte behind the dot, so it waits for the next one; the repeat of 4 passes, that of 5 does not */
	expect(&p,
	       HELLO "> A 1001 5001 ab.; > A 1004 5001 cd.e; > A 1001 5001 ab.; > A 1004 5001 cd.e; > A 1008 5001 f;"
	             "> A 1009 5001 .; > A 1010 5001 gh; > FA 1012 5001",
	       "1 |2 |3 |4 ||6 |||5 7 8 9 |||10 11 ", &st);
	assert_int_equal(st.release.waited, 5);
	/* the order of the places is the stream's, whoever keeps; closed or open, what a module saw to the end leaves */
	p.release = FOS_RELEASE_CLOSED;
	expect(&p, HELLO "> A 1001 5001 ab; > A 1005 5001 .; > A 1003 5001 cd; > A 1006 5001 x",
	       "1 |2 |3 |||4 6 5 ||7 ", &st);
	assert_int_equal(st.release.dropped, 0);
}

static void test_stages(void **state)
{
	struct plan p = { .release = FOS_RELEASE_OPEN, .how = "ad" };

	(void)state;
	expect(&p, HELLO "> A 1001 5001 ab; > A 1003 5001 .", "1 |2 |3 ||4 5 |", NULL);
	p.how = "da";
	expect(&p, HELLO "> A 1001 5001 ab; > A 1003 5001 .", "1 |2 |3 ||4 5 |", NULL);
	p.how = "aan";
	expect(&p, HELLO "> A 1001 5001 ab; > A 1003 5001 .", "1 |2 |3 |||4 5 ", NULL);
}

/* Modules that read levels below and above. */
static void test_levels(void **state)
{
	static const char *const level[] = { "tcp", "ip", "http" };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct plan p = { .release = FOS_RELEASE_OPEN, .how = "d", .level = level[i] };
		struct fos_worker *w;
		struct er_trace t = { 0 };

		er_script(&t, "> S 1000; > A 1001 1 GET_/aaa; > A 1009 1 b; > A 1010 1 .; > A 1012 1 .; > A 1011 1 x");
		for (unsigned k = 1; k < 2; k++)
			for (uint32_t at = 54; at < t.frame[k].f.len; at++)
				if (t.frame[k].mem[at] == '_')
					t.frame[k].mem[at] = ' ';
		w = gate(&p, &t);
		er_feed_part(w, &t, 0, 3, 1, ER_UNSTABLE);
		assert_string_equal(out.log, "1 ");
		er_feed_part(w, &t, 3, 4, 1, ER_UNSTABLE);
		assert_string_equal(out.log, "1 2 3 4 ");
		er_feed_part(w, &t, 4, 6, 1, ER_UNSTABLE);
		assert_string_equal(out.log, "1 2 3 4 6 5 ");
		end(w, NULL);
		er_trace_free(&t);
	}
}

/* ---- caps ---------------------------------------------------------------------------------------------------------- */

static void test_cap(void **state)
{
	struct plan p = open_gate;
	struct fos_worker_stats st;

	(void)state;
	p.cfg.cap_direction_bytes = 10000;
	p.copies = true;
	expect(&p,
	       HELLO "> A 2001 5001 #5000; > A 7001 5001 #6000; > A 1001 5001 #1000; > A 13001 5001 z; < A 5001 1001 q",
	       "1 |2 |3 ||4 5 |6 |7 |8 |", &st);
	assert_int_equal(st.cap_gaps, 1);
	assert_int_equal(st.release.dropped, 0);
	p.release =
	    FOS_RELEASE_CLOSED; /* nothing more passes with bytes, one way; what has none does, and the other way */
	expect(&p,
	       HELLO "> A 2001 5001 #5000; > A 7001 5001 #6000; > A 1001 5001 #1000; > A 13001 5001 z; < A 5001 1001 q;"
	             "> A 13002 5001; > FA 13002 5001; > A 990 5001 #9; > R 13003",
	       "1 |2 |3 |||||8 |9 ||11 |12 |", &st);
	assert_int_equal(st.release.dropped, 5);
	assert_int_equal(st.release.shut, 1);
}

static void test_cap_of_modules(void **state)
{
	struct plan p = { .release = FOS_RELEASE_OPEN, .how = "n", .cfg = { .cap_retained_bytes = 100 } };
	struct fos_worker_stats st;
	const char *script = HELLO "> A 1001 5001 #60; > A 1061 5001 #60; > A 1121 5001 #60; > A 1001 5001 #60";

	(void)state;
	expect(&p, script, "1 |2 |3 ||4 5 ||7 |6 ", &st);
	p.release = FOS_RELEASE_CLOSED;
	expect(&p, script, "1 |2 |3 |||||", NULL);
}

/* What waits beyond all that modules keep and holes hold, repeats for instance, is bounded. */
static void test_overflow(void **state)
{
	struct plan p = { .release = FOS_RELEASE_OPEN,
		          .cfg = { .cap_direction_bytes = 4000, .cap_retained_bytes = 4000 } };
	struct fos_worker_stats st;
	struct er_trace t = { 0 };

	(void)state;
	er_script(&t, HELLO "*200 > A 1101 5001 #1000; > A 1001 5001 #100");
	for (int closed = 0; closed < 2; closed++) {
		p.release = closed ? FOS_RELEASE_CLOSED : FOS_RELEASE_OPEN;
		play(&p, &t, 1, ER_UNSTABLE, &st);
		assert_in_range(st.release.waiting_peak_bytes, 10000, 20000);
		assert_in_range(st.release.overflow, 150, 199);
		assert_int_equal(st.release.dropped, closed ? st.release.overflow : 0);
		assert_int_equal(st.gaps, 0);
	}
	er_trace_free(&t);
}

/* ---- ends ---------------------------------------------------------------------------------------------------------- */

static void test_session_ends(void **state)
{
	struct plan p = open_gate;
	struct fos_worker_stats st;

	(void)state;
	p.cfg.idle_ns = ER_SECOND;
	/* another session's packet shows that it is late: what waits leaves then */
	expect(&p, HELLO "> A 1004 5001 def; t 5; > A 1001 5001 abc", "1 |2 |3 ||5 4 |", NULL);
	p.release = FOS_RELEASE_CLOSED;
	expect(&p, HELLO "> A 1004 5001 def; t 5; > A 1001 5001 abc", "1 |2 |3 ||5 |", &st);
	assert_int_equal(st.release.dropped, 1);
}

/* A connection's data overtakes its SYN, and the 4-tuple was used before. */
static void test_used_again(void **state)
{
	(void)state;
	expect(&closed_gate,
	       HELLO "> A 1001 5001 abc; > FA 1004 5001; < FA 5001 1005; > A 1005 5002;"
	             "> A 90001 9001 def; > S 90000; < SA 9000 90001; > A 90004 9001 g",
	       "1 |2 |3 |4 |5 |6 |7 |8 |9 |10 |11 |", NULL);
}

/* ---- who need not wait --------------------------------------------------------------------------------------------- */

static void test_others(void **state)
{
	static const uint8_t arp[60] = { [12] = 0x08, [13] = 0x06 };
	struct plan p = { .release = FOS_RELEASE_CLOSED, .how = "n", .filter = "port 80" };
	struct er_trace t = { 0 };
	struct fos_worker_stats st;

	(void)state;
	p.cfg.verify_checksums = true;
	er_add_raw(&t, arp, sizeof(arp));
	er_add_raw(&t, arp, 13);
	er_add(&t, &(struct er_spec){ .port = 81, .flags = FOS_TCP_ACK, .seq = 50, .data = "abc", .len = 3 });
	er_add(&t,
	       &(struct er_spec){ .port = 81, .flags = FOS_TCP_ACK, .seq = 9, .data = "abc", .len = 3, .v6 = true });
	er_add(&t, &(struct er_spec){ .flags = FOS_TCP_ACK, .seq = 50, .data = "abc", .len = 3, .bad = true });
	er_add(&t, &(struct er_spec){ .flags = FOS_TCP_ACK, .seq = 50, .data = "abc", .len = 3 });
	for (unsigned batch = 1; batch <= FOS_BATCH_MAX; batch++) {
		play(&p, &t, batch, batch % ER_MODES, &st);
		assert_int_equal(st.release.released, 6);
		if (batch == 1)
			assert_string_equal(out.log, "1 |2 |3 |4 |5 ||6 ");
	}
	er_trace_free(&t);
}

static void test_udp(void **state)
{
	struct plan p = { .release = FOS_RELEASE_OPEN, .how = "d" };
	struct er_trace t = { 0 };

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		er_add(&t, &(struct er_spec){ .udp = true, .data = i == 2 ? "xy." : "abc", .len = 3 });
	play(&p, &t, 1, ER_UNSTABLE, NULL);
	assert_string_equal(out.log, "||1 2 3 ||4 ");
	er_trace_free(&t);
}

/* Without a gate, and with one that reads nothing, packets leave as they came, holes or not. */
static void test_tap(void **state)
{
	struct plan p = { .release = FOS_RELEASE_TAP };

	(void)state;
	expect(&p, HELLO "> A 1007 5001 ghi; > A 1004 5001 def", "1 |2 |3 |4 |5 |", NULL);
	struct fos_worker *w = er_worker(NULL, NULL);

	assert_int_equal(fos_worker_flow_release(w, 0, FOS_RELEASE_OPEN), -EINVAL); /* nobody would get the packets */
	assert_int_equal(fos_worker_flow_release(w, 1, FOS_RELEASE_TAP), -EINVAL);
	fos_worker_destroy(w);
}

/* Two flows: one that waits and one that does not. */
static void test_flows(void **state)
{
	struct plan p = { .release = FOS_RELEASE_OPEN, .filter = "port 80" };
	struct er_trace t = { 0 };
	char err[256];

	(void)state;
	for (unsigned i = 0; i < 6; i++)
		er_add(&t, &(struct er_spec){ .port = i % 2 ? 81 : 80,
		                              .flags = i < 2 ? FOS_TCP_SYN : FOS_TCP_ACK,
		                              .seq = i < 2   ? 1000
		                                     : i < 4 ? 1004
		                                             : 1001,
		                              .data = "abc",
		                              .len = i < 2 ? 0 : 3 });
	struct fos_worker *w = gate(&p, &t);

	assert_int_equal(fos_worker_add_flow(w, "tap", NULL, NULL, err, sizeof(err)), 1);
	assert_int_equal(fos_worker_add_module(w, 1, 0, &keeper, NULL, NULL, err, sizeof(err)), 0);
	er_feed(w, &t, 1, ER_UNSTABLE);
	assert_string_equal(out.log, "1 2 4 5 3 6 ");
	end(w, NULL);
	er_trace_free(&t);
}

/* A super-packet leaves as one, with its offloads. */
static void test_offloads(void **state)
{
	struct plan p = open_gate;
	struct er_trace t = { 0 };

	(void)state;
	er_script(&t, HELLO "> A 4001 5001 #3000; > A 1001 5001 #3000");
	for (unsigned i = 3; i < 5; i++) {
		t.frame[i].f.gso_size = 1448;
		t.frame[i].f.gso_type = FOS_GSO_TCPV4;
		t.frame[i].f.csum_start = 34;
		t.frame[i].f.csum_offset = 16;
		t.frame[i].f.flags |= FOS_FRAME_CSUM_PARTIAL | FOS_FRAME_CSUM_OK;
		t.frame[i].f.port = 1;
	}
	for (unsigned mode = 0; mode < ER_MODES; mode++) {
		play(&p, &t, 1, mode, NULL);
		assert_string_equal(out.log, "1 |2 |3 ||5 4 |");
	}
	er_trace_free(&t);
}

/* ---- at random ----------------------------------------------------------------------------------------------------- */

enum { TALKS = 12, TALK_BYTES = 4000 };

static bool ended;

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Sessions are numbered in the order of their hosts; direction 0 begins at 1001, the other at 5001. The last stage is
 * the last one that there is. */
static void check_passed(const struct fos_frame *f)
{
	const uint8_t *ip = f->data + 14, *tcp = ip + 20;
	unsigned dir = tcp[0] == 0 && tcp[1] == 80, host = dir ? ip[19] : ip[15];
	uint32_t len = fos_frame_caplen(f) - 54, upto = get32(tcp + 4) + len - (dir ? 5001 : 1001);

	if (len == 0 || ended)
		return;
	for (unsigned i = 0; how[i]; i++)
		assert_true(passed[i][2 * host + dir] >= upto);
}

static void add_talk(struct er_trace *t, unsigned host)
{
	static uint8_t bytes[TALK_BYTES];
	uint32_t at[2] = { 0, 0 };

	er_add(t, &(struct er_spec){ .host = (uint8_t)host, .flags = FOS_TCP_SYN, .seq = 1000 });
	er_add(t, &(struct er_spec){
	              .host = (uint8_t)host, .dir = 1, .flags = FOS_TCP_SYN | FOS_TCP_ACK, .seq = 5000, .ack = 1001 });
	while (at[0] + at[1] < 2 * TALK_BYTES - 2000) {
		int dir = (int)er_draw(&rnd, 2);
		uint32_t back = er_draw(&rnd, 4) ? 0 : (uint32_t)er_draw(&rnd, 200), len = (uint32_t)er_draw(&rnd, 300);

		back = back < at[dir] ? back : at[dir];
		len = at[dir] + len < TALK_BYTES ? len : TALK_BYTES - at[dir];
		uint32_t from = at[dir] - back;

		er_add(t, &(struct er_spec){ .host = (uint8_t)host,
		                             .dir = dir,
		                             .flags = FOS_TCP_ACK,
		                             .seq = (dir ? 5001 : 1001) + from,
		                             .ack = (dir ? 1001 : 5001) + at[!dir],
		                             .data = bytes + from,
		                             .len = back + len });
		at[dir] += len;
	}
	for (int dir = 0; dir < 2; dir++)
		er_add(t, &(struct er_spec){ .host = (uint8_t)host,
		                             .dir = dir,
		                             .flags = FOS_TCP_FIN | FOS_TCP_ACK,
		                             .seq = (dir ? 5001 : 1001) + at[dir],
		                             .ack = (dir ? 1001 : 5001) + at[!dir] });
}

/* Packets change places with near ones, but SYN and SYN-ACK: these come first. */
static void shuffle(struct er_trace *t, size_t from)
{
	for (size_t i = t->n; i-- > from;) {
		size_t to = i - (size_t)er_draw(&rnd, 12);

		if (er_draw(&rnd, 2) || to < from || to > i)
			continue;
		struct er_frame x = t->frame[i];

		t->frame[i] = t->frame[to];
		t->frame[to] = x;
	}
	for (size_t i = 0; i < t->n; i++) {
		t->frame[i].f.num = i + 1;
		t->frame[i].f.ts_ns = (uint64_t)1600000000 * ER_SECOND + i * 1000000;
	}
}

/* Talks are mixed by sorting packets anew under a random number each, which keeps their own order. */
static void mix(struct er_trace *t, unsigned talks)
{
	struct er_trace one[TALKS] = { { 0 } }, all = { 0 };
	size_t left_over = 0, at[TALKS] = { 0 };

	for (unsigned i = 0; i < talks; i++) {
		add_talk(&one[i], i + 1);
		shuffle(&one[i], 2);
		left_over += one[i].n;
	}
	all.frame = calloc(left_over, sizeof(*all.frame));
	assert_non_null(all.frame);
	for (unsigned i = 0; i < talks; i++)
		for (; at[i] < 2; at[i]++, left_over--)
			all.frame[all.n++] = one[i].frame[at[i]];
	while (left_over) {
		unsigned i = (unsigned)er_draw(&rnd, talks);

		if (at[i] == one[i].n)
			continue;
		all.frame[all.n++] = one[i].frame[at[i]++];
		left_over--;
	}
	for (unsigned i = 0; i < talks; i++)
		free(one[i].frame);
	*t = all;
	shuffle(t, t->n);
}

static void test_random(void **state)
{
	static const char *const stages[] = { "a", "r", "rr", "ar", "rra" };

	(void)state;
	rnd = er_seed();
	for (unsigned round = 0; round < 60; round++) {
		struct plan p = { .release = round % 2 ? FOS_RELEASE_OPEN : FOS_RELEASE_CLOSED,
			          .how = stages[round % 5],
			          .cfg = { .overlap = (enum fos_overlap)(round % 3) } };
		struct er_trace t = { 0 };
		struct fos_worker_stats st;

		mix(&t, 1 + round % TALKS);
		struct fos_worker *w = gate(&p, &t);

		ended = false;
		out.each = check_passed;
		er_feed(w, &t, 1 + (unsigned)er_draw(&rnd, FOS_BATCH_MAX), round % ER_MODES);
		ended = true;
		fos_worker_end(w, FOS_END_EOF);
		for (size_t i = 0; i < t.n; i++)
			assert_int_equal(out.times[i], 1);
		end(w, &st);
		assert_int_equal(st.gaps, 0);
		assert_int_equal(st.release.dropped, 0);
		assert_int_equal(st.release.overflow, 0);
		er_trace_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_hole),
		cmocka_unit_test(test_order_in_batch),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_partial_overlap),
		cmocka_unit_test(test_fin_and_rst),
		cmocka_unit_test(test_middle),
		cmocka_unit_test(test_module_keeps),
		cmocka_unit_test(test_stages),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_cap_of_modules),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_session_ends),
		cmocka_unit_test(test_used_again),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_tap),
		cmocka_unit_test(test_flows),
		cmocka_unit_test(test_offloads),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
