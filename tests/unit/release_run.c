/* SPDX-License-Identifier: BSD-2-Clause
 *
 * release_run.c: see release_run.h.
 */
#include "release_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what leaves --------------------------------------------------------------------------------------------------- */

struct rr_left rr_out;

void rr_note(const char *text)
{
	assert_true(strlen(rr_out.log) + strlen(text) < sizeof(rr_out.log));
	strcat(rr_out.log, text);
}

/* The frame is the one that came, whatever memory it is in now. */
static void check_frame(const struct fos_frame *f)
{
	const struct fos_frame *was = &rr_out.t->frame[f->num - 1].f;

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

	assert_ptr_equal(arg, &rr_out);
	assert_in_range(b->n, 1, FOS_BATCH_MAX);
	for (uint32_t i = 0; i < b->n; i++) {
		const struct fos_frame *f = &b->pkt[i].f;

		assert_in_range(f->num, 1, rr_out.t->n);
		check_frame(f);
		rr_out.times[f->num - 1]++;
		rr_out.n++;
		if (rr_out.each) {
			rr_out.each(f);
			continue;
		}
		sprintf(text, "%llu ", (unsigned long long)f->num);
		rr_note(text);
	}
}

/* ---- modules that keep --------------------------------------------------------------------------------------------- */

char rr_how[4];
uint64_t rr_passed[4][DIRS];
static unsigned opened;
uint64_t rr_rnd;

static int keeper_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	(void)args, (void)err, (void)errlen;
	*self = &rr_how[opened++];
	return 0;
}

static void keeper_data(void *self, struct fos_stream *s)
{
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s), to = p;
	unsigned stage = (unsigned)((char *)self - rr_how);

	switch (rr_how[stage]) {
	case 'a':
		to = tail;
		break;
	case 'd':
		for (int c; (c = fos_sp_next(&p, &tail)) >= 0;)
			if (c == '.')
				to = p;
		break;
	case 'r':
		if (er_draw(&rr_rnd, 3))
			assert_int_equal(fos_sp_advance(&to, (int64_t)er_draw(&rr_rnd, tail.off - p.off + 1)), 0);
		break;
	default:
		break;
	}
	fos_release(s, &to);
	if (fos_stream_id(s) < DIRS)
		rr_passed[stage][fos_stream_id(s)] = to.off;
}

static void keeper_close(void *self, struct fos_stream *s, enum fos_end end)
{
	(void)end;
	if (fos_stream_id(s) < DIRS)
		rr_passed[(char *)self - rr_how][fos_stream_id(s)] = UINT64_MAX;
}

const struct fos_module rr_keeper = { .abi = FOS_MODULE_ABI,
	                              .size = sizeof(struct fos_module),
	                              .name = "keeper",
	                              .open = keeper_open,
	                              .stream_data = keeper_data,
	                              .stream_close = keeper_close };

/* ---- running it ---------------------------------------------------------------------------------------------------- */

static void add_stages(struct fos_worker *w, const struct rr_plan *p)
{
	char err[256] = "";

	opened = 0;
	for (unsigned i = 0; rr_how[i]; i++)
		if (fos_worker_add_module(w, 0, i, &rr_keeper, NULL, p->level, err, sizeof(err)))
			fail_msg("%s", err);
}

struct fos_worker *rr_gate(const struct rr_plan *p, const struct er_trace *t)
{
	struct fos_worker_config cfg = p->cfg;
	struct fos_worker *w;
	char err[256] = "";

	memset(rr_passed, 0, sizeof(rr_passed));
	snprintf(rr_how, sizeof(rr_how), "%s", p->how ? p->how : "a");
	rr_out = (struct rr_left){ .t = t, .times = calloc(t->n + 1, sizeof(unsigned)) };
	assert_non_null(rr_out.times);
	cfg.release = left;
	cfg.release_arg = &rr_out;
	assert_int_equal(fos_worker_create(&cfg, &w), 0);
	assert_int_equal(fos_worker_add_flow(w, "gate", p->filter, "ip:tcp:udp:app:http", err, sizeof(err)), 0);
	add_stages(w, p);
	assert_int_equal(fos_worker_flow_release(w, 0, p->release), 0);
	return w;
}

/* Ends it, and nothing is left. */
void rr_end(struct fos_worker *w, struct fos_worker_stats *st)
{
	struct fos_worker_stats own;

	fos_worker_end(w, FOS_END_EOF);
	fos_worker_stats(w, &own);
	assert_int_equal(own.release.released, rr_out.n);
	assert_int_equal(own.release.waiting, 0);
	assert_int_equal(own.release.waiting_bytes, 0);
	assert_int_equal(own.held_bytes, 0);
	assert_int_equal(own.release.released + own.release.dropped, rr_out.t->n);
	assert_int_equal(own.no_memory, 0);
	if (st)
		*st = own;
	fos_worker_destroy(w);
	free(rr_out.times);
	rr_out.times = NULL;
}

static void check_once(void)
{
	for (size_t i = 0; i < rr_out.t->n; i++)
		if (rr_out.times[i] > 1)
			fail_msg("frame %zu left %u times", i + 1, rr_out.times[i]);
}

void rr_play(const struct rr_plan *p, const struct er_trace *t, unsigned batch, unsigned mode,
             struct fos_worker_stats *st)
{
	struct fos_worker *w = rr_gate(p, t);

	for (size_t at = 0; at < t->n; at += batch) {
		er_feed_part(w, t, at, at + batch < t->n ? at + batch : t->n, batch, mode);
		rr_note("|");
	}
	fos_worker_end(w, FOS_END_EOF);
	check_once();
	rr_end(w, st);
}

/* Packet by packet what is written down must be `want`; in any batches each leaves once, or as many are dropped. */
void rr_expect(const struct rr_plan *p, const char *script, const char *want, struct fos_worker_stats *st)
{
	struct er_trace t = { 0 };
	struct fos_worker_stats one, other;

	er_script(&t, script);
	for (unsigned mode = 0; mode < ER_MODES; mode++) {
		if (p->copies && !(mode & ER_UNSTABLE))
			continue;
		rr_play(p, &t, 1, mode, &one);
		if (strcmp(rr_out.log, want) != 0)
			fail_msg("script: %s\nwant: %s\n got: %s", script, want, rr_out.log);
	}
	for (unsigned batch = 2; batch <= FOS_BATCH_MAX; batch++) {
		rr_play(p, &t, batch, batch % ER_MODES | (p->copies ? ER_UNSTABLE : 0), &other);
		assert_int_equal(other.release.released, one.release.released);
	}
	if (st)
		*st = one;
	er_trace_free(&t);
}
