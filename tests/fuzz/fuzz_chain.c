/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz_chain.c: a capture of any bytes through all that stands before and behind the engine: what is in it, its
 * sessions multiplied, impaired, recorded as a golden file, and compared. Impairments that lose nothing are drawn twice and are the
 * same; what the engine delivers of the frames as they are is the same twice, and the same as what a worker of another
 * seed delivers.
 *
 * An input: 0-3 what is done, then a capture file.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include <flowos/memport.h>
#include <flowos/scale.h>
#include <flowos/trace.h>

#include "golden.h"
#include "golden_arrived.h"
#include "golden_case.h"
#include "replay.h"
#include "trace_facts.h"

enum { PACKETS_MAX = 2000, TEXT = 1024 };

uint64_t __wrap_bench_hash_seed(void);
static uint64_t hash_seed;

uint64_t __wrap_bench_hash_seed(void)
{
	return hash_seed;
}

static const char *const specs[] = {
	"--reorder 40%,depth=5",
	"--reorder 30%,delay=3ms --dup 20%,depth=3",
	"--loss 10%,burst=3 --reorder 10%",
	"--loss gemodel:2%,30%,80%,0.1%",
	"--corrupt 30%,checksum=fix --truncate 20%",
	"--truncate 50% --delay 2ms,jitter=5ms",
	"--dup 50%,depth=4 --delay 1ms --reorder 20%,depth=9,scope=link",
	"--loss 20%,retransmit=10ms --corrupt 20%,checksum=fix --dup 10%",
	"--loss 50% --dup 30% --only 'tcp or ip6'",
};

static void spec_of(struct fos_impair_spec *spec, uint8_t which, uint8_t seed)
{
	char text[200], err[TEXT] = "";

	fos_impair_spec_init(spec);
	snprintf(text, sizeof(text), "%s --seed %u", specs[which % (sizeof(specs) / sizeof(specs[0]))], seed);
	FUZZ_CHECK(golden_spec_from_text(spec, text, err, sizeof(err)) == 0, "%s: %s", text, err);
}

static void record(const struct bench_engine_opts *o, const struct fos_impair_spec *spec, const struct fos_frames *f,
                   struct bench_golden *g, struct bench_record **out)
{
	struct bench_record *r;
	struct fos_worker_stats st;
	char err[TEXT] = "";

	memset(g, 0, sizeof(*g));
	FUZZ_CHECK(bench_record_run(o, spec, f, &r, &st, err, sizeof(err)) == 0, "%s", err);
	FUZZ_CHECK(st.packets == f->n && st.held_bytes == 0 && st.sessions_now == 0 && st.no_memory == 0, "left over");
	FUZZ_CHECK(bench_record_hash(r) == 0 && bench_golden_add(g, r) == 0, "no golden lines");
	if (out)
		*out = r;
	else
		bench_record_free(r);
}

static void check_equal(const struct bench_golden *a, const struct bench_golden *b, const char *what)
{
	FUZZ_CHECK(a->lines == b->lines, "%s: %zu lines and %zu", what, a->lines, b->lines);
	for (size_t i = 0; i < a->lines; i++)
		FUZZ_CHECK(strcmp(a->line[i], b->line[i]) == 0, "%s:\n%s\n%s", what, a->line[i], b->line[i]);
}

/* As bench_schedule_make(), but reordering is not measured: that takes 40 MB, which costs more than all else. False: --only
 * cannot be on this link type, and says so. */
static bool draw(struct bench_schedule *s, const struct fos_frames *f, const struct fos_impair_spec *spec)
{
	struct fos_port *mem;
	char err[TEXT] = "";

	memset(s, 0, sizeof(*s));
	FUZZ_CHECK(fos_mem_port_open(f->v, f->n, &mem) == 0, "no memory");
	FUZZ_CHECK(fos_impair_open(mem, spec, &s->port, err, sizeof(err)) == 0, "%s", err);
	if (fos_frames_load(s->port, &s->frames, NULL, NULL)) {
		FUZZ_CHECK(strncmp(s->frames.error, "--only ", 7) == 0, "%s", s->frames.error);
		bench_schedule_free(s);
		return false;
	}
	fos_impair_stats(s->port, &s->stats);
	return true;
}

/* The decisions that were taken, replayed, and each in words. */
static void replay(const struct bench_schedule *s, const struct fos_frames *f, const struct fos_impair_spec *spec,
                   struct bench_schedule *out)
{
	struct fos_decisions *list = fos_impair_decisions(s->port);
	struct fos_impair_spec again;
	char text[FOS_DECISION_TEXT];

	FUZZ_CHECK(list && fos_decisions_count(list) == s->stats.decisions, "decisions were not kept");
	for (uint32_t i = 1; i <= s->stats.decisions; i++)
		FUZZ_CHECK(fos_impair_note(s->port, i, text, sizeof(text)) == 0 && text[0], "decision %u has no words",
		           i);
	FUZZ_CHECK(fos_impair_spec_copy(&again, spec) == 0, "no copy");
	list = fos_decisions_get(list);
	FUZZ_CHECK(fos_decisions_sort(list, NULL) == 0, "two decisions for one frame");
	fos_impair_spec_replay(&again, list);
	fos_decisions_put(list);
	FUZZ_CHECK(draw(out, f, &again), "replayed, the link type is not known");
	fos_impair_spec_free(&again);
}

static void check_schedules(const struct bench_schedule *a, const struct bench_schedule *b)
{
	FUZZ_CHECK(a->frames.n == b->frames.n && a->stats.lost == b->stats.lost, "drawn again, it is another");
	for (size_t i = 0; i < a->frames.n; i++) {
		const struct fos_frame *x = &a->frames.v[i], *y = &b->frames.v[i];

		FUZZ_CHECK(x->num == y->num && x->ts_ns == y->ts_ns && x->len == y->len && x->flags == y->flags,
		           "packet %zu, drawn again, is another", i);
		FUZZ_CHECK(x->len == 0 || memcmp(x->data, y->data, x->len) == 0, "packet %zu has other bytes", i);
	}
	FUZZ_CHECK(a->stats.held == 0 && a->stats.released == a->frames.n, "something was not released");
	FUZZ_CHECK(a->stats.packets + a->stats.duplicated == a->frames.n + a->stats.lost - a->stats.retransmitted,
	           "%llu packets, %llu doubled, %llu lost, and %zu came out", (unsigned long long)a->stats.packets,
	           (unsigned long long)a->stats.duplicated, (unsigned long long)a->stats.lost, a->frames.n);
}

static void impair(const struct fos_frames *f, const struct bench_engine_opts *o, uint8_t which, uint8_t seed)
{
	struct bench_schedule s, again;
	struct fos_impair_spec spec;
	struct bench_golden clean, got;
	struct bench_golden_diff d;
	struct bench_record *ref, *run;
	struct golden_arrived arrived;
	char err[TEXT] = "";

	spec_of(&spec, which, seed);
	spec.keep_decisions = true;
	if (!draw(&s, f, &spec)) {
		fos_impair_spec_free(&spec);
		return;
	}
	if (seed % 64 > 32)
		FUZZ_CHECK(draw(&again, f, &spec), "drawn again, the link type is not known");
	else if (seed % 64)
		replay(&s, f, &spec, &again);
	else
		FUZZ_CHECK(bench_schedule_make(&again, f, &spec, err, sizeof(err)) == 0, "%s", err);
	check_schedules(&s, &again);
	record(o, &spec, f, &clean, &ref);
	record(o, &spec, &s.frames, &got, &run);
	FUZZ_CHECK(bench_golden_diff(&clean, &got, which & 7, &d) == 0, "no memory");
	bench_golden_diff_free(&d);
	FUZZ_CHECK(golden_arrived_check(&s.frames, o, &spec, run, ref, &arrived) == 0, "no memory");
	bench_record_free(run);
	bench_record_free(ref);
	bench_golden_free(&got);
	bench_golden_free(&clean);
	bench_schedule_free(&again);
	bench_schedule_free(&s);
	fos_impair_spec_free(&spec);
}

static void scale(const struct fos_frames *f, const struct bench_engine_opts *o, uint8_t sessions, uint8_t seed)
{
	struct fos_scale_opts opts = { .sessions = 1 + (sessions & 15),
		                       .seed = seed,
		                       .target_packets = sessions & 16 ? 500 : 0 };
	struct fos_scale_info info;
	struct fos_frames frames = { 0 };
	struct fos_port *port;
	struct bench_golden g;
	int rc = fos_scale_open(f, &opts, &info, &port);

	FUZZ_CHECK(rc == 0 || rc == -ENODATA || rc == -ERANGE, "scaled: %d", rc);
	if (rc)
		return;
	FUZZ_CHECK(fos_frames_load(port, &frames, NULL, NULL) == 0, "scaled: %s", frames.error);
	FUZZ_CHECK(frames.n == info.packets, "scaled: %zu packets, said %llu", frames.n,
	           (unsigned long long)info.packets);
	record(o, NULL, &frames, &g, NULL);
	bench_golden_free(&g);
	fos_frames_free(&frames);
	fos_port_close(port);
}

static void facts(const struct bench_trace *t, const struct bench_engine_opts *o)
{
	static struct trace_facts facts;
	char err[TEXT] = "", *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	FUZZ_CHECK(trace_facts_make(&facts, &t->frames, o, NULL, NULL, err, sizeof(err)) == 0, "%s", err);
	FUZZ_CHECK(facts.packets == t->frames.n, "%llu packets", (unsigned long long)facts.packets);
	FUZZ_CHECK(out != NULL, "no memory");
	trace_facts_print(&facts, t, out);
	fclose(out);
	FUZZ_CHECK(len > 0, "nothing is said of it");
	free(text);
}

static void chain(const struct bench_trace *t, uint8_t what, uint8_t which, uint8_t sessions, uint8_t seed)
{
	struct bench_engine_opts o = { .overlap = (enum fos_overlap)(what % FOS_OVERLAPS),
		                       .checksum_given = true,
		                       .verify = what & 64,
		                       .vlan_key = what & 128,
		                       .hole_packets = what & 32 ? 3 : 0 };
	struct bench_golden one, two;

	hash_seed = 1;
	record(&o, NULL, &t->frames, &one, NULL);
	hash_seed = seed * 77u + 2;
	record(&o, NULL, &t->frames, &two, NULL);
	check_equal(&one, &two, "under another seed");
	bench_golden_free(&one);
	bench_golden_free(&two);
	impair(&t->frames, &o, which, seed);
	scale(&t->frames, &o, sessions, seed);
	facts(t, &o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { .at = data, .end = data + size };
	uint8_t what = fuzz_u8(&in), which = fuzz_u8(&in), sessions = fuzz_u8(&in), seed = fuzz_u8(&in);
	struct bench_trace t;
	struct fuzz_file file;
	char err[TEXT] = "";

	fuzz_file_open(&file, in.at, fuzz_left(&in));
	if (bench_trace_load(&t, file.path, false, NULL, NULL, err, sizeof(err)) == 0) {
		if (t.frames.n <= PACKETS_MAX)
			chain(&t, what, which, sessions, seed);
		bench_trace_free(&t);
	}
	fuzz_file_close(&file);
	return 0;
}
