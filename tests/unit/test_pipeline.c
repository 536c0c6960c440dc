/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_pipeline.c: stages: what a later stage may see of what an earlier one has passed, at the same level and at
 * others; gaps, opening and closing in order; what is kept too long; datagrams.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_run.h"

#define HELLO "> S 1000; < SA 5000 1001; > A 1001 5001;"

/* A module that writes what it is shown of direction 0 and releases as its name says: 'a' all, 'n' nothing, 'l' whole
 * lines, 'p' all but the last packet, '2' all but the last two bytes. */
struct shy {
	char how;
	char log[4096];
	uint64_t shown; /* offset up to which bytes were written */
};

static struct shy shy[8];
static unsigned opened;

static void note(struct shy *x, const char *text, size_t len)
{
	size_t at = strlen(x->log);

	assert_true(at + len < sizeof(x->log));
	memcpy(x->log + at, text, len);
	x->log[at + len] = '\0';
}

static int shy_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	(void)args, (void)err, (void)errlen;
	*self = &shy[opened++];
	return 0;
}

static void release(struct shy *x, struct fos_stream *s)
{
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);
	char line[100];

	switch (x->how) {
	case 'a':
		fos_release_all(s);
		break;
	case 'l':
		while (fos_sp_read_line(&p, &tail, line, sizeof(line)) >= 0)
			fos_release(s, &p);
		break;
	case 'p':
		for (struct fos_sp next = p; fos_sp_next_packet(&next, &tail) == 0; p = next)
			fos_release_packet(s, &p);
		break;
	case '2':
		if (fos_sp_advance(&tail, -2) == 0)
			fos_release(s, &tail);
		break;
	default:
		break;
	}
}

static void shy_data(void *self, struct fos_stream *s)
{
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);
	struct shy *x = self;
	int c;

	if (fos_stream_dir(s))
		return;
	assert_true(tail.off > x->shown);
	while ((c = fos_sp_next(&p, &tail)) >= 0) {
		if (p.off <= x->shown)
			continue;
		note(x, (char[]){ (char)c }, 1);
		x->shown = p.off;
	}
	note(x, "|", 1);
	release(x, s);
}

static void shy_gap(void *self, struct fos_stream *s, uint64_t off, uint64_t len)
{
	static const char *const why[] = { "evidence", "time", "cap", "end" };
	struct fos_sp tail = fos_stream_tail(s);
	struct shy *x = self;
	char text[64];

	assert_int_equal(off, tail.off);
	x->shown = off + len;
	note(x, text, (size_t)sprintf(text, "[%d %s]", (int)len, why[fos_stream_gap_why(s)]));
}

static void shy_start(void *self, struct fos_stream *s)
{
	if (!fos_stream_dir(s))
		note(self, "(", 1);
	assert_int_equal(fos_stream_head(s).off, 0);
}

static void shy_close(void *self, struct fos_stream *s, enum fos_end end)
{
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);

	if (fos_stream_dir(s))
		return;
	note(self, ")", 1);
	for (int c; (c = fos_sp_next(&p, &tail)) >= 0;) /* what was never released */
		note(self, (char[]){ (char)c }, 1);
	note(self, " ", 1);
	note(self, fos_end_name(end), strlen(fos_end_name(end)));
}

static const struct fos_module shy_module = { .abi = FOS_MODULE_ABI,
	                                      .size = sizeof(struct fos_module),
	                                      .name = "shy",
	                                      .open = shy_open,
	                                      .stream_open = shy_start,
	                                      .stream_data = shy_data,
	                                      .stream_gap = shy_gap,
	                                      .stream_close = shy_close };

/* Modules as "l.a,n": stages separated by dots, modules of a stage by commas; a level may stand behind: "l@ip". */
static struct fos_worker *pipeline(const struct fos_worker_config *cfg, const char *levels, const char *text)
{
	struct fos_worker *w = er_worker(cfg, levels);
	char copy[100], *save, *word;
	unsigned stage = 0;

	memset(shy, 0, sizeof(shy));
	opened = 0;
	strcpy(copy, text);
	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		for (char *dot; (dot = strchr(word, '.')); word = dot + 1) {
			*dot = '\0';
			char *at = strchr(word, '@');

			shy[opened].how = word[0];
			er_module(w, stage++, &shy_module, at ? at + 1 : NULL);
		}
		char *at = strchr(word, '@');

		shy[opened].how = word[0];
		er_module(w, stage, &shy_module, at ? at + 1 : NULL);
	}
	return w;
}

static void end(struct fos_worker *w, struct er_trace *t)
{
	struct fos_worker_stats st;

	fos_worker_end(w, FOS_END_EOF);
	fos_worker_stats(w, &st);
	assert_int_equal(st.held_bytes, 0);
	fos_worker_destroy(w);
	er_trace_free(t);
}

static const struct {
	const char *stages, *script, *log[4];
} table[] = {
	/* one stage: modules do not see each other */
	{ "a,n", HELLO "> A 1001 5001 abc; > FA 1004 5001 def", { "(abc|def|) fin", "(abc|def|)abcdef fin" } },
	/* stage 1 sees what stage 0 has passed */
	{ "2.a", HELLO "> A 1001 5001 abc; > FA 1004 5001 def", { "(abc|def|)ef fin", "(a|bcd|ef|) fin" } },
	{ "n.a", HELLO "> A 1001 5001 abc; > FA 1004 5001 def", { "(abc|def|)abcdef fin", "(abcdef|) fin" } },
	{ "p.a", HELLO "> A 1001 5001 abc; > FA 1004 5001 def", { "(abc|def|)def fin", "(abc|def|) fin" } },
	/* every module of stage 0 must have passed */
	{ "2,n,a.a",
	  HELLO "> A 1001 5001 abc; > FA 1004 5001 def",
	  { "(abc|def|)ef fin", "(abc|def|)abcdef fin", "(abc|def|) fin", "(abcdef|) fin" } },
	{ "2,p.a",
	  HELLO "> A 1001 5001 abc; > FA 1004 5001 def",
	  { "(abc|def|)ef fin", "(abc|def|)def fin", "(abc|def|) fin" } },
	/* three stages */
	{ "2.2.a",
	  HELLO "> A 1001 5001 abcd; > FA 1005 5001 ef",
	  { "(abcd|ef|)ef fin", "(ab|cd|ef|)ef fin", "(ab|cdef|) fin" } },
	/* a gap: what lies before it is released; each stage is told when it gets there */
	{ "n.a",
	  HELLO "> A 1001 5001 abc; > FA 1014 5001 def",
	  { "(abc|[10 end]def|)def fin", "(abc|[10 end]def|) fin" } },
	{ "2.a",
	  HELLO "> A 1001 5001 abc; > A 1014 5001 def; t 121; > A 1017 5001",
	  { "(abc|[10 time]def|)ef eof", "(a|bc|[10 time]d|ef|) eof" } },
	{ "a.n",
	  HELLO "> A 1001 5001 abc; > A 1014 5001 def; > A 1027 5001 ghi; t 121; > A 1017 5001",
	  { "(abc|[10 time]def|[10 time]ghi|) eof", "(abc|[10 time]def|[10 time]ghi|)ghi eof" } },
	/* a gap at the beginning, and at the end */
	{ "2.a",
	  HELLO "> A 1003 5001 abc; > FA 1010 5001",
	  { "([2 end]abc|[4 end]) fin", "([2 end]abc|[4 end]) fin" } },
	{ "n.n",
	  HELLO "> A 1004 5001 abc; t 121; > A 1004 5001 abc",
	  { "([3 time]abc|)abc eof", "([3 time]abc|)abc eof" } },
	/* nothing but a handshake: no stream was opened */
	{ "a.a", HELLO "> FA 1001 5001", { "", "" } },
	/* nothing but a hole */
	{ "a.a", HELLO "> FA 1004 5001", { "([3 end]) fin", "([3 end]) fin" } },
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (unsigned mode = 0; mode < ER_MODES; mode++) {
			struct fos_worker *w = pipeline(NULL, NULL, table[i].stages);
			struct er_trace t = { 0 };

			er_script(&t, table[i].script);
			er_feed(w, &t, 1, mode);
			end(w, &t);
			for (unsigned k = 0; k < 4 && table[i].log[k]; k++)
				if (strcmp(shy[k].log, table[i].log[k]) != 0)
					fail_msg("%s with %s, module %u\nwant: %s\n got: %s", table[i].stages,
					         table[i].script, k, table[i].log[k], shy[k].log);
		}
	}
}

/* Takes the bars out: what was seen, however often it was shown. */
static const char *seen(struct shy *x)
{
	char *to = x->log;

	for (const char *from = x->log; *from; from++)
		if (*from != '|')
			*to++ = *from;
	*to = '\0';
	return x->log;
}

/* Random cuts, batches and ways of releasing: every stage sees the same in the end, and each in order. */
static void test_random(void **state)
{
	static const char text[] = "first line\nsecond\n\nfourth line, which is longer than the others\nlast";
	uint64_t rnd = er_seed();

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct er_trace t = { 0 };
		char stages[32];

		snprintf(stages, sizeof(stages), "%c,%c.%c.%c,%c", "anlp2"[er_draw(&rnd, 5)], "alp2"[er_draw(&rnd, 4)],
		         "anlp2"[er_draw(&rnd, 5)], "anlp2"[er_draw(&rnd, 5)], 'a');
		struct fos_worker *w = pipeline(NULL, NULL, stages);

		er_script(&t, HELLO);
		for (uint32_t at = 0, n; at < sizeof(text) - 1; at += n) {
			n = 1 + (uint32_t)er_draw(&rnd, 12);
			n = at + n < sizeof(text) - 1 ? n : (uint32_t)sizeof(text) - 1 - at;
			er_add(&t, &(struct er_spec){
			               .flags = FOS_TCP_ACK, .seq = 1001 + at, .data = text + at, .len = n });
			if (er_draw(&rnd, 3) == 0 && t.n > 5) { /* out of order */
				struct er_frame *f = &t.frame[t.n - 1], swap = f[-1];

				f[-1].mem = f->mem, f[-1].f.data = f->mem, f[-1].f.len = f->f.len;
				f->mem = swap.mem, f->f.data = swap.mem, f->f.len = swap.f.len;
				f->f.wire_len = f->f.len, f[-1].f.wire_len = f[-1].f.len;
			}
		}
		er_feed(w, &t, 1 + (unsigned)er_draw(&rnd, 5), (unsigned)round % ER_MODES);
		end(w, &t);
		for (unsigned k = 0; k < 5; k++) {
			const char *got = seen(&shy[k]);

			if (strncmp(got + 1, text, sizeof(text) - 1) != 0 || got[sizeof(text)] != ')')
				fail_msg("stages %s, module %u, round %d: %s", stages, k, round, got);
		}
	}
}

/* ---- levels --------------------------------------------------------------------------------------------------- */

static size_t log_len(unsigned k)
{
	size_t n = 0;

	for (const char *p = shy[k].log; *p; p++)
		n += *p != '|' && *p != '(';
	return n;
}

/* A later stage at another level stops where the packet begins that the earlier one is in. */
static void test_levels_in_stages(void **state)
{
	struct fos_worker *w = pipeline(NULL, NULL, "p.a@tcp");
	struct er_trace t = { 0 };

	(void)state;
	er_script(&t, "> S 1000; > A 1001 1 abc; > A 1004 1 def; > A 1007 1 ghi");
	er_feed(w, &t, 64, 0);
	assert_string_equal(shy[0].log, "(abcdefghi|");
	assert_int_equal(shy[1].shown, 20 + 23 + 23); /* the SYN's header and two packets */
	end(w, &t);
	assert_int_equal(shy[1].shown, 20 + 23 * 3);
}

/* The first stage stays at a packet that the second one's level does not have: an ACK. What lies before is passed. */
static void test_bare_packet_holds(void **state)
{
	struct fos_worker *w = pipeline(NULL, NULL, "p@ip.a");
	struct er_trace t = { 0 };

	(void)state;
	er_script(&t, "> S 1000; > A 1001 1 abc; > A 1004 1 def; > A 1007 2");
	er_feed(w, &t, 64, 0);
	assert_int_equal(shy[0].shown, 40 + 43 + 43 + 40);
	assert_string_equal(shy[1].log, "(abcdef|");
	end(w, &t);
}

/* A level that a stream turns out not to have holds nobody up, and shows no bytes, with or without a gap. */
static void test_level_without_bytes(void **state)
{
	(void)state;
	for (unsigned mode = 0; mode < ER_MODES; mode++) {
		struct fos_worker *w = pipeline(NULL, "ip:tcp:app:http", "a@http.a");
		struct er_trace t = { 0 };

		er_script(&t, HELLO "> A 1001 5001 abc; > A 1014 5001 def; t 121; > A 1017 5001 ghi");
		er_feed(w, &t, 1, mode);
		assert_int_equal(log_len(0), 0);
		assert_string_equal(shy[1].log, "(abc|[10 time]defghi|");
		end(w, &t);
	}
}

/* A gap in a stream whose next bytes belong to a packet that the level below was shown already. */
static void test_gap_within_packet(void **state)
{
	struct fos_worker_config cfg = { .overlap = FOS_OVERLAP_LAST };

	(void)state;
	for (unsigned batch = 1; batch < 3; batch++) {
		struct fos_worker *w = pipeline(&cfg, NULL, "a@tcp,a");
		struct er_trace t = { 0 };

		/* "abcdef" loses "cd" to another one, which is captured only in part: a hole within the packet */
		er_script(&t, "> S 1000; > A 1004 1 abcdefgh; > A 1006 1 XY; > A 1001 1 123; > A 1012 1 z");
		er_feed(w, &t, batch, 0);
		assert_string_equal(seen(&shy[1]), "(123abXYefghz");
		end(w, &t);
	}
}

/* The first piece of a packet is overwritten while it is held: the packet is nevertheless one at the levels below. */
static void test_first_piece_lost(void **state)
{
	struct fos_worker_config cfg = { .overlap = FOS_OVERLAP_LAST };
	struct fos_worker *w = pipeline(&cfg, NULL, "a@tcp,a");
	struct er_trace t = { 0 };

	(void)state;
	er_script(&t, "> S 1000; > A 1004 1 abcdef; > A 1006 1 XY; > A 1004 1 ++; > A 1001 1 123");
	er_feed(w, &t, 1, 0);
	assert_string_equal(seen(&shy[1]), "(123++XYef");
	assert_int_equal(shy[0].shown, 20 + 23 + 22 + 22 + 26);
	end(w, &t);
}

/* The original's notation: the application's level right above TCP. */
static void test_http_above_tcp(void **state)
{
	static const char *const levels[] = { "ip:tcp:app:http", "ip:tcp:http", "tcp:http", "http" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct fos_worker *w = pipeline(NULL, levels[i], "a@http");
		struct er_trace t = { 0 };

		er_script(&t, HELLO "> A 1005 5001 /x; > A 1001 5001 GET_; > A 1007 5001 yz");
		for (unsigned k = 3; k < 6; k++)
			for (uint32_t at = 54; at < t.frame[k].f.len; at++)
				if (t.frame[k].mem[at] == '_')
					t.frame[k].mem[at] = ' ';
		er_feed(w, &t, 64, ER_UNSTABLE);
		if (strcmp(seen(&shy[0]), "(GET /xyz") != 0)
			fail_msg("levels %s: %s", levels[i], shy[0].log);
		end(w, &t);
	}
}

/* ---- caps, UDP, nothing at all -------------------------------------------------------------------------------- */

static void test_retained_cap(void **state)
{
	struct fos_worker_config cfg = { .cap_retained_bytes = 100 };

	(void)state;
	for (unsigned mode = 0; mode < ER_MODES; mode++) {
		struct fos_worker *w = pipeline(&cfg, NULL, "n,a");
		struct fos_worker_stats st;
		struct er_trace t = { 0 };

		er_script(&t, HELLO);
		for (uint32_t i = 0; i < 25; i++)
			er_add(&t, &(struct er_spec){
			               .flags = FOS_TCP_ACK, .seq = 1001 + 10 * i, .data = "0123456789", .len = 10 });
		er_feed(w, &t, 1, mode);
		fos_worker_stats(w, &st);
		assert_int_equal(st.forced_releases, 2); /* at 110 bytes, twice */
		assert_int_equal(shy[0].shown, 250);
		assert_int_equal(shy[1].shown, 250);
		assert_int_equal(strlen(seen(&shy[0])), 1 + 250);
		end(w, &t);
	}
}

/* What one stage keeps for too long is passed to the next one: nobody misses a byte without being told. */
static void test_retained_cap_in_stages(void **state)
{
	struct fos_worker_config cfg = { .cap_retained_bytes = 100 };

	(void)state;
	for (unsigned batch = 1; batch < 30; batch += 4) {
		struct fos_worker *w = pipeline(&cfg, NULL, "n.n.a");
		struct er_trace t = { 0 };

		er_script(&t, HELLO);
		for (uint32_t i = 0; i < 45; i++)
			er_add(&t, &(struct er_spec){
			               .flags = FOS_TCP_ACK, .seq = 1001 + 10 * i, .data = "0123456789", .len = 10 });
		er_feed(w, &t, batch, batch % ER_MODES);
		end(w, &t);
		for (unsigned k = 0; k < 3; k++) {
			assert_int_equal(shy[k].shown, 450);
			assert_int_equal(strcspn(seen(&shy[k]), ")"), 1 + 450);
		}
	}
}

static unsigned datagrams;

static void grams_datagram(void *self, struct fos_session *s, const struct fos_pkt *p, int dir)
{
	(void)self;
	assert_int_equal(dir, 0);
	assert_in_range(p->app_len, 2, 3); /* the last of a super-packet may be shorter */
	assert_memory_equal(p->app, "abc", p->app_len);
	assert_int_equal(fos_session_id(s), 1);
	datagrams++;
}

static void grams_data(void *self, struct fos_stream *s)
{
	(void)self;
	fail_msg("a stream at %s", fos_stream_level(s));
}

static const struct fos_module grams = { .abi = FOS_MODULE_ABI,
	                                 .size = sizeof(struct fos_module),
	                                 .name = "grams",
	                                 .open = shy_open,
	                                 .datagram = grams_datagram,
	                                 .stream_data = grams_data };

/* A module that takes datagrams gets no streams of UDP, and holds up nobody in the stage behind it. */
static void test_datagrams(void **state)
{
	struct fos_worker *w = pipeline(NULL, NULL, "a");
	struct er_trace t = { 0 };

	(void)state;
	datagrams = 0;
	er_module(w, 0, &grams, NULL);
	shy[2].how = 'a';
	er_module(w, 1, &shy_module, NULL);
	for (int i = 0; i < 5; i++)
		er_add(&t, &(struct er_spec){ .udp = true, .data = "abc", .len = 3 });
	er_feed(w, &t, 2, ER_UNSTABLE);
	assert_int_equal(datagrams, 5);
	assert_string_equal(shy[0].log, "(abcabc|abcabc|abc|");
	assert_string_equal(shy[2].log, "(abcabc|abcabc|abc|");
	end(w, &t);
}

/* A super-packet of UDP is many datagrams; one that only lies around another's in a tunnel is one. */
static void test_joined_datagrams(void **state)
{
	struct fos_worker *w = pipeline(NULL, NULL, "a");
	struct er_trace t = { 0 };
	struct fos_worker_stats st;

	(void)state;
	datagrams = 0;
	er_module(w, 0, &grams, NULL);
	er_add(&t, &(struct er_spec){ .udp = true, .data = "abcabcab", .len = 8 });
	er_add(&t, &(struct er_spec){ .udp = true, .data = "abcabc", .len = 6 });
	er_add(&t, &(struct er_spec){ .udp = true, .data = "abc", .len = 3 });
	for (size_t i = 0; i < t.n; i++) {
		struct fos_frame *f = &t.frame[i].f;

		f->gso_type = FOS_GSO_UDP_L4;
		f->gso_size = 3;
		f->csum_start = (uint16_t)(t.frame[i].headers - 8);
		f->csum_offset = 6;
		f->flags |= FOS_FRAME_CSUM_OK | FOS_FRAME_CSUM_PARTIAL;
	}
	t.frame[2].f.gso_size = 1;
	t.frame[2].f.csum_start += 8; /* of what is within */
	er_feed(w, &t, 1, ER_UNSTABLE);
	assert_int_equal(datagrams, 3 + 2 + 1);
	fos_worker_stats(w, &st);
	assert_int_equal(st.datagrams, 3 + 2 + 1);
	assert_int_equal(st.datagram_bytes, 8 + 6 + 3);
	end(w, &t);
}

static void test_no_modules(void **state)
{
	struct fos_worker *w = er_worker(NULL, NULL);
	struct fos_worker_stats st;
	struct er_trace t = { 0 };

	(void)state;
	er_script(&t, HELLO "> A 1001 5001 abc; > A 1014 5001 def");
	er_add(&t, &(struct er_spec){ .udp = true, .data = "abc", .len = 3 });
	er_feed(w, &t, 64, ER_UNSTABLE);
	fos_worker_stats(w, &st);
	assert_int_equal(st.delivered_bytes, 3);
	end(w, &t);
}

/* A stream is opened with its own first bytes: a level below has bytes while it is not known where this one starts. */
static void teller_start(void *self, struct fos_stream *s)
{
	struct shy *x = self;
	char text[64];

	note(x, text,
	     (size_t)sprintf(text, "%s %u%s", fos_stream_level(s), fos_stream_start_seq(s),
	                     fos_stream_mid(s) ? " mid" : ""));
}

static void test_opened_with_its_own_bytes(void **state)
{
	static const struct fos_module teller = { .abi = FOS_MODULE_ABI,
		                                  .size = sizeof(struct fos_module),
		                                  .name = "teller",
		                                  .open = shy_open,
		                                  .stream_open = teller_start };
	struct fos_worker *w = pipeline(NULL, "ip:tcp:app", "a@ip");
	struct er_trace t = { 0 };

	(void)state;
	er_module(w, 0, &teller, "app");
	er_script(&t, "> A 1001 5001 one; > A 1004 5001 two; < A 5001 1007; > A 1007 5001 three");
	er_feed(w, &t, 1, ER_STABLE);
	assert_string_equal(shy[1].log, "");
	fos_worker_end(w, FOS_END_EOF);
	assert_string_equal(shy[1].log, "app 1001 mid");
	fos_worker_destroy(w);
	er_trace_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_levels_in_stages),
		cmocka_unit_test(test_bare_packet_holds),
		cmocka_unit_test(test_level_without_bytes),
		cmocka_unit_test(test_gap_within_packet),
		cmocka_unit_test(test_first_piece_lost),
		cmocka_unit_test(test_http_above_tcp),
		cmocka_unit_test(test_retained_cap),
		cmocka_unit_test(test_retained_cap_in_stages),
		cmocka_unit_test(test_opened_with_its_own_bytes),
		cmocka_unit_test(test_datagrams),
		cmocka_unit_test(test_joined_datagrams),
		cmocka_unit_test(test_no_modules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
