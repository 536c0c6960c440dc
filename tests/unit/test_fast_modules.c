/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_fast_modules.c: the short way of packets changes nothing, under any settings and any modules: whatever is drawn, every
 * call of every module is the same with it and without it, and so is everything that is counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker_state.h"

#include "odd_traffic.h"

enum { KINDS = 11, FIRST_RUN = 8, LOG = 4 << 20, MS = ER_SECOND / 1000 };

/* ---- modules that write down every call, and keep, read and release by chance -------------------------------------- */

static char *wrote;
static size_t at;
static uint64_t chance; /* of what modules do: the same calls draw the same */
static uint64_t opened; /* instances */
static size_t longest;  /* run of packets */

__attribute__((format(printf, 1, 2))) static void note(const char *form, ...)
{
	va_list ap;

	va_start(ap, form);
	at += (size_t)vsnprintf(wrote + at, at < LOG ? LOG - at : 0, form, ap);
	va_end(ap);
	assert_true(at < LOG);
}

static uint32_t sum_of(const uint8_t *run, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum = sum * 31 + run[i];
	return sum;
}

static int mix_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	(void)args, (void)err, (void)errlen;
	*self = (void *)(uintptr_t)++opened;
	return 0;
}

static void where(const char *what, void *self, const struct fos_stream *s)
{
	const struct fos_session *of = fos_stream_session(s);

	note("%s %u %u %llu %llu+%llu t%llu: ", what, (unsigned)(uintptr_t)self, s->inst,
	     (unsigned long long)fos_stream_id(s), (unsigned long long)fos_stream_offset(s),
	     (unsigned long long)fos_stream_window(s), (unsigned long long)fos_session_last_ns(of));
}

/* All of the window, and the packets that it came in. */
static void read_window(struct fos_stream *s)
{
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);
	uint32_t sum = 0;
	const uint8_t *run;
	size_t n;

	while ((run = fos_sp_run(&p, &tail, &n))) {
		const struct fos_pkt *pkt = fos_sp_pkt(&p);

		sum = sum_of(run, n, sum);
		note("%llu@%llu ", pkt ? (unsigned long long)pkt->id : 0, (unsigned long long)p.off);
		assert_int_equal(fos_sp_advance(&p, (int64_t)n), 0);
	}
	note("sum %x ", sum);
}

static void take_run(struct fos_stream *s)
{
	size_t n;
	const uint8_t *run = fos_stream_take(s, &n);

	note("took %zu %x ", n, sum_of(run, n, 0));
}

static void release_some(struct fos_stream *s)
{
	struct fos_sp p = fos_stream_head(s);

	if (fos_stream_window(s) == 0)
		return;
	assert_int_equal(fos_sp_advance(&p, (int64_t)er_draw(&chance, fos_stream_window(s) + 1)), 0);
	if (er_draw(&chance, 3))
		fos_release(s, &p);
	else
		fos_release_packet(s, &p);
}

static void some_of(struct fos_stream *s)
{
	switch (er_draw(&chance, 6)) {
	case 0:
		read_window(s);
		break;
	case 1:
		take_run(s);
		read_window(s);
		break;
	case 2:
		take_run(s);
		take_run(s);
		release_some(s);
		break;
	case 3:
		release_some(s);
		read_window(s);
		break;
	case 4:
		read_window(s);
		fos_release_all(s);
		break;
	default:
		while (fos_stream_window(s))
			take_run(s);
	}
}

static void mix_data(void *self, struct fos_stream *s)
{
	where("data", self, s);
	some_of(s);
	note("-> %llu\n", (unsigned long long)fos_stream_offset(s));
}

static void all_data(void *self, struct fos_stream *s)
{
	where("all", self, s);
	while (fos_stream_window(s))
		take_run(s);
	note("\n");
}

static void peer_data(void *self, struct fos_stream *s)
{
	where("peer", self, fos_stream_peer(s));
	if (fos_stream_window(fos_stream_peer(s)))
		some_of(fos_stream_peer(s));
	mix_data(self, s);
}

static void mix_gap(void *self, struct fos_stream *s, uint64_t off, uint64_t len)
{
	where("gap", self, s);
	note("%llu %llu why %d\n", (unsigned long long)off, (unsigned long long)len, fos_stream_gap_why(s));
}

static void mix_started(void *self, struct fos_stream *s)
{
	where("open", self, s);
	note("%u %d\n", fos_stream_start_seq(s), fos_stream_mid(s));
}

static void mix_ended(void *self, struct fos_stream *s, enum fos_end end)
{
	where("close", self, s);
	read_window(s);
	note("%s\n", fos_end_name(end));
}

static void mix_late(void *self, struct fos_stream *s, int64_t off, const uint8_t *data, uint32_t len)
{
	where("late", self, s);
	note("%lld %x\n", (long long)off, sum_of(data, len, 0));
}

static void mix_packet(void *self, struct fos_session *s, const struct fos_pkt *p, int dir)
{
	note("packet %u %llu %llu %d t%llu\n", (unsigned)(uintptr_t)self, (unsigned long long)fos_session_id(s),
	     (unsigned long long)p->id, dir, (unsigned long long)fos_session_last_ns(s));
}

static void mix_each(void *self, struct fos_session *s, const struct fos_pkt *p, int dir)
{
	note("seen %u %llu %llu %d\n", (unsigned)(uintptr_t)self, (unsigned long long)fos_session_id(s),
	     (unsigned long long)p->id, dir);
}

static void mix_run(void *self, const struct fos_seen *v, size_t n)
{
	assert_in_range(n, 1, FOS_BATCH_MAX);
	longest = n > longest ? n : longest;
	for (size_t i = 0; i < n; i++)
		mix_each(self, v[i].session, v[i].pkt, v[i].dir);
}

static void mix_session(void *self, struct fos_session *s)
{
	note("session %u %llu %u %u %d %d\n", (unsigned)(uintptr_t)self, (unsigned long long)fos_session_id(s),
	     fos_session_conflicts(s, 0), fos_session_conflicts(s, 1), fos_session_end(s, 0), fos_session_end(s, 1));
}

#define MIX                                                                                                            \
	.abi = FOS_MODULE_ABI, .size = sizeof(struct fos_module), .name = "mix", .open = mix_open,                     \
	.session_close = mix_session
#define STREAMS .stream_open = mix_started, .stream_gap = mix_gap, .stream_close = mix_ended

static const struct fos_module kind[KINDS] = {
	{ MIX, STREAMS, .stream_data = all_data },
	{ MIX, STREAMS, .stream_data = mix_data },
	{ MIX, .stream_data = all_data },
	{ MIX, STREAMS, .stream_data = peer_data },
	{ MIX, STREAMS, .stream_data = mix_data, .packet = mix_packet },
	{ MIX, .packet = mix_packet },
	{ MIX, STREAMS, .stream_late = mix_late },
	{ MIX, STREAMS, .stream_data = mix_data, .datagram = mix_packet, .stream_state = 24 },
	{ MIX, STREAMS, .stream_data = mix_data, .stream_late = mix_late, .packets = mix_run },
	{ MIX, .packets = mix_run },
	{ MIX, STREAMS, .stream_data = all_data, .datagram = mix_packet, .packets = mix_run, .packet = mix_packet },
};

/* The same, but that they see each packet as it comes. */
static const struct fos_module each[KINDS - FIRST_RUN] = {
	{ MIX, STREAMS, .stream_data = mix_data, .stream_late = mix_late, .packet = mix_each },
	{ MIX, .packet = mix_each },
	{ MIX, STREAMS, .stream_data = all_data, .datagram = mix_packet, .packet = mix_each },
};

/* ---- settings, and both ways --------------------------------------------------------------------------------------- */

struct drawn {
	struct fos_worker_config cfg;
	unsigned batch, flows;
	const char *filter[2], *levels[2], *level[2][5];
	unsigned modules[2], stage[2][5], kind[2][5];
	bool each; /* packets one by one */
	uint64_t modules_do;
	unsigned how;   /* enum er_mode, or */
	bool clock;     /* the worker has a share of the packets */
	size_t ends_at; /* and all ends once before the end */
};

static uint64_t one_of(uint64_t *rnd, size_t n, const uint64_t *from)
{
	return from[er_draw(rnd, n)];
}
#define ONE_OF(...) one_of(rnd, sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t), (uint64_t[]){ __VA_ARGS__ })

static void draw_modules(struct drawn *d, unsigned f, uint64_t *rnd)
{
	static const char *const levels[] = { "ip:tcp:udp:app", "ip:tcp:udp:app:http", "app" };
	unsigned l = er_draw(rnd, 3) ? 2 : (unsigned)er_draw(rnd, 2), stage = 0;

	d->levels[f] = levels[l];
	d->modules[f] = (unsigned)ONE_OF(0, 1, 1, 1, 2, 3, 5);
	for (unsigned i = 0; i < d->modules[f]; i++) {
		stage += i && er_draw(rnd, 2);
		d->stage[f][i] = stage;
		d->kind[f][i] = (unsigned)er_draw(rnd, KINDS);
		d->level[f][i] = "app";
		if (l < 2 && er_draw(rnd, 2))
			d->level[f][i] = er_draw(rnd, 2) ? "ip" : "tcp";
	}
}

static void draw(struct drawn *d, uint64_t *rnd)
{
	*d = (struct drawn){ .cfg = { .overlap = (enum fos_overlap)er_draw(rnd, FOS_OVERLAPS),
		                      .verify_checksums = er_draw(rnd, 2),
		                      .vlan_key = er_draw(rnd, 2),
		                      .hole_wait_packets = (uint32_t)ONE_OF(0, 1, 3, 20, UINT32_MAX),
		                      .hole_wait_ns = ONE_OF(0, 0, 3 * MS, 30 * MS),
		                      .hole_timeout_ns = ONE_OF(0, 20 * MS, 200 * MS),
		                      .idle_ns = ONE_OF(0, 500 * MS),
		                      .linger_ns = ONE_OF(0, 100 * MS),
		                      .cap_direction_bytes = ONE_OF(0, 0, 900, 2000),
		                      .cap_total_bytes = ONE_OF(0, 0, 1500, 3000, 5000),
		                      .cap_retained_bytes = ONE_OF(0, 0, 1, 50, 200),
		                      .max_sessions = ONE_OF(0, 0, 0, 5, 140) },
		             .batch = (unsigned)ONE_OF(1, 2, 7, 64),
		             .flows = 1 + (unsigned)er_draw(rnd, 2),
		             .filter = { er_draw(rnd, 2) ? NULL : "port 80", "tcp" },
		             .modules_do = fos_mix64((*rnd)++),
		             .how = (unsigned)er_draw(rnd, ER_MODES),
		             .clock = er_draw(rnd, 3) == 0,
		             .ends_at = er_draw(rnd, 3) ? 0 : er_draw(rnd, ODD_STEPS) };
	for (unsigned f = 0; f < d->flows; f++)
		draw_modules(d, f, rnd);
}

static struct fos_worker *worker_of(const struct drawn *d)
{
	struct fos_worker *w;
	char err[256] = "";

	assert_int_equal(fos_worker_create(&d->cfg, &w), 0);
	for (unsigned f = 0; f < d->flows; f++) {
		char name[2] = { (char)('a' + f) };

		assert_int_equal(fos_worker_add_flow(w, name, d->filter[f], d->levels[f], err, sizeof(err)), f);
		for (unsigned i = 0; i < d->modules[f]; i++) {
			unsigned k = d->kind[f][i];
			const struct fos_module *m = d->each && k >= FIRST_RUN ? &each[k - FIRST_RUN] : &kind[k];

			if (fos_worker_add_module(w, (int)f, d->stage[f][i], m, NULL, d->level[f][i], err, sizeof(err)))
				fail_msg("%s", err);
		}
	}
	return w;
}

/* With a clock that is ahead of the packets now and then. */
static void feed_clocked(struct fos_worker *w, const struct er_trace *t, size_t from, size_t to, unsigned batch)
{
	static struct fos_batch b;
	uint64_t clock[FOS_BATCH_MAX], now = 0, rnd = 7;

	while (from < to) {
		for (b.n = 0; b.n < batch && from < to; b.n++, from++) {
			b.pkt[b.n].f = t->frame[from].f;
			now = t->frame[from].f.ts_ns > now ? t->frame[from].f.ts_ns : now;
			now += er_draw(&rnd, 9) ? 0 : er_draw(&rnd, 5) * MS;
			clock[b.n] = now;
		}
		b.now_ns = now;
		assert_int_equal(fos_worker_run_at(w, &b, clock), 0);
	}
}

static void feed(struct fos_worker *w, const struct drawn *d, const struct er_trace *t, size_t from, size_t to)
{
	if (d->clock)
		feed_clocked(w, t, from, to, d->batch);
	else
		er_feed_part(w, t, from, to, d->batch, d->how);
}

static char *run(const struct er_trace *t, const struct drawn *d, bool fast, struct fos_worker_stats *st)
{
	struct fos_worker *w;
	size_t end = d->ends_at < t->n ? d->ends_at : t->n;

	at = 0;
	opened = 0;
	chance = d->modules_do;
	w = worker_of(d);
	if (!fast)
		w->quiet_ns = w->short_ns = 0; /* what was not quiet for any time at all */
	feed(w, d, t, 0, end);
	if (end) {
		fos_worker_end(w, FOS_END_EOF);
		note("ended\n");
	}
	feed(w, d, t, end, t->n);
	fos_worker_end(w, FOS_END_EOF);
	fos_worker_stats(w, st);
	assert_int_equal(st->held_bytes, 0);
	assert_int_equal(w->store.held.chunks, w->store.held.empty);
	assert_int_equal(w->store.origin.chunks, w->store.origin.empty);
	assert_int_equal(w->store.span.chunks, w->store.span.empty);
	assert_int_equal(w->store.spans.chunks, w->store.spans.empty);
	assert_int_equal(w->store.trouble.chunks, w->store.trouble.empty);
	fos_worker_destroy(w);
	return strdup(wrote);
}

static void say_difference(const char *a, const char *b, int n)
{
	size_t same = 0, line = 0;

	for (; a[same] && a[same] == b[same]; same++)
		line = a[same] == '\n' ? same + 1 : line;
	fail_msg("case %d, after %zu bytes:\nslow: %.300s\nfast: %.300s", n, line, a + line, b + line);
}

static void test_no_call_changes(void **state)
{
	uint64_t rnd = er_seed();
	const char *cases = getenv("FLOWOS_CASES");
	int many = cases ? atoi(cases) : 300;

	(void)state;
	wrote = malloc(LOG);
	assert_non_null(wrote);
	for (int n = 0; n < many; n++) {
		struct fos_worker_stats slow_st, st;
		struct er_trace t = { 0 };
		struct drawn d;

		draw(&d, &rnd);
		odd_traffic(&t, &rnd);
		wrote[0] = '\0';
		char *slow = run(&t, &d, false, &slow_st), *fast = run(&t, &d, true, &st);

		if (strcmp(slow, fast) != 0)
			say_difference(slow, fast, n);
		for (size_t i = 0; i < sizeof(st) / sizeof(uint64_t); i++)
			if (((uint64_t *)&st)[i] != ((uint64_t *)&slow_st)[i])
				fail_msg("case %d: number %zu of the counters: slow %llu, fast %llu", n, i,
				         (unsigned long long)((uint64_t *)&slow_st)[i],
				         (unsigned long long)((uint64_t *)&st)[i]);
		free(slow);
		free(fast);
		er_trace_free(&t);
	}
	free(wrote);
}

/* The lines of the instance with this number; in each it is the second word. */
static char *lines_of(const char *all, uint64_t number)
{
	char *lines = malloc(strlen(all) + 1), *to = lines;

	assert_non_null(lines);
	for (const char *p = all, *end; *p; p = end) {
		const char *space = strchr(p, ' ');

		end = strchr(p, '\n') + 1;
		if (space && space < end && strtoull(space, NULL, 10) == number) {
			memcpy(to, p, (size_t)(end - p));
			to += end - p;
		}
	}
	*to = '\0';
	return lines;
}

/* Instance by instance; frees both. */
static void compare(char *runs, char *one_by_one, int n)
{
	for (uint64_t i = 1; i <= opened; i++) {
		char *a = lines_of(one_by_one, i), *b = lines_of(runs, i);

		if (strcmp(a, b) != 0)
			say_difference(a, b, n);
		free(a);
		free(b);
	}
	free(runs);
	free(one_by_one);
}

/* What an instance is told, and in which order, is the same with runs of packets and with each by itself. */
static void test_runs(void **state)
{
	uint64_t rnd = er_seed() + 1;
	const char *cases = getenv("FLOWOS_CASES");
	int many = cases ? atoi(cases) : 300;

	(void)state;
	longest = 0;
	wrote = malloc(LOG);
	assert_non_null(wrote);
	for (int n = 0; n < many; n++) {
		struct fos_worker_stats st;
		struct er_trace t = { 0 };
		struct drawn d;

		draw(&d, &rnd);
		for (unsigned f = 0; f < d.flows; f++)
			if (d.modules[f])
				d.kind[f][0] = FIRST_RUN + (unsigned)er_draw(&rnd, KINDS - FIRST_RUN);
		odd_traffic(&t, &rnd);
		wrote[0] = '\0';
		char *runs = run(&t, &d, true, &st);

		d.each = true;
		compare(runs, run(&t, &d, true, &st), n);
		er_trace_free(&t);
	}
	assert_true(longest > 4);
	free(wrote);
}

/* A hole is filled above which so much waits that modules look at it before the batch ends. */
static void test_run_before_much(void **state)
{
	struct drawn d = { .batch = 64,
		           .flows = 1,
		           .levels = { "app" },
		           .modules = { 1 },
		           .kind = { { FIRST_RUN } },
		           .level = { { "app" } } };
	struct fos_worker_stats st;
	struct er_trace t = { 0 };

	(void)state;
	wrote = malloc(LOG);
	assert_non_null(wrote);
	er_script(&t, "> S 100; < SA 500 101; > A 101 501");
	for (uint32_t i = 0; i < 1000; i++)
		er_add(&t,
		       &(struct er_spec){ .flags = FOS_TCP_ACK, .seq = 102 + i, .ack = 501, .data = "x", .len = 1 });
	er_script(&t, "< A 501 101 y; > A 101 501 z; < A 502 102 y");
	char *runs = run(&t, &d, true, &st);

	assert_int_equal(st.held_segments, 1000);
	d.each = true;
	compare(runs, run(&t, &d, true, &st), 0);
	free(wrote);
	er_trace_free(&t);
}

/* A segment for which the other direction of its session has to give up a hole: the next hole there may be known to be lost. */
static void test_the_other_direction_pays(void **state)
{
	struct drawn d = { .batch = 1, .flows = 1, .levels = { "app" }, .modules = { 1 }, .level = { { "app" } } };
	struct fos_worker_stats st;
	struct er_trace t = { 0 };

	(void)state;
	wrote = malloc(LOG);
	assert_non_null(wrote);
	er_script(&t, "> S 100; < SA 500 101; > A 101 501; < A 501 101 ab; > A 101 900; < A 540 101 b; < A 560 101 d;"
	              "< A 580 101 e; < A 520 101 a; < A 600 101 f; > A 200 501 one; > A 220 501 two");
	d.cfg.hole_wait_packets = 4;
	free(run(&t, &d, false, &st));
	d.cfg.cap_total_bytes = st.held_peak_bytes - 1;
	char *slow = run(&t, &d, false, &st);

	assert_int_equal(st.cap_gaps, 1);
	char *fast = run(&t, &d, true, &st);

	assert_string_equal(fast, slow);
	free(slow);
	free(fast);
	free(wrote);
	er_trace_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_no_call_changes), cmocka_unit_test(test_runs),
		                            cmocka_unit_test(test_run_before_much),
		                            cmocka_unit_test(test_the_other_direction_pays) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
