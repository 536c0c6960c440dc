/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz_tcp.c: TCP segments in both directions of a few conversations through a worker. Whatever they are: each byte that is
 * delivered came for its place, bytes and gaps follow each other without a seam, a gap is of places that did not come,
 * counters are what was told, and batches of 1 and of 64 give the same streams. Where the packets leave no doubt (a clean
 * case), the streams are those of a naive reassembler.
 */
#include <stdlib.h>

#include "tcp_case.h"
#include "tcp_model.h"
#include "tcp_run.h"

FUZZ_RECORDS({ .header = TCP_SETTINGS, .record = TCP_RECORD, .records = TCP_RECORDS });

static struct tcp_case the_case;
static struct tcp_run big, small; /* in batches of 64 and of 1 */

/* Which 4-tuples became several sessions? */
static void count_sessions(const struct tcp_run *r, unsigned sessions[TCP_TUPLES])
{
	memset(sessions, 0, TCP_TUPLES * sizeof(*sessions));
	for (unsigned id = 1; 2 * id + 1 < r->n_streams; id++) {
		const struct tcp_stream *a = &r->stream[2 * id], *b = a + 1;
		unsigned tuple = a->opened ? a->tuple : 255;

		if (b->opened && b->tuple != 255)
			tuple = b->tuple;
		if (tuple != 255)
			sessions[tuple]++;
	}
}

/* No byte of a gap had come when it was given up. Only where it is plain where each packet belongs: one session of its
 * 4-tuple, and no stream so long that a sequence number may mean two places. */
static void check_gaps(const struct tcp_run *r)
{
	unsigned sessions[TCP_TUPLES];

	if (r->st.out_of_window || r->c->cfg.max_sessions)
		return;
	count_sessions(r, sessions);
	if (r->st.sessions > sessions[0] + sessions[1] + sessions[2] + sessions[3])
		return;
	for (uint32_t g = 0; g < r->n_gaps; g++) {
		const struct tcp_gap *gap = &r->gap[g];
		const struct tcp_stream *t = &r->stream[gap->stream];

		if (t->tuple == 255 || sessions[t->tuple] != 1 || t->next >= 1u << 30)
			continue;
		for (uint32_t i = 0; i + 1 < gap->fed; i++) {
			const struct tcp_packet *p = &r->c->packet[i];
			uint32_t from = p->first - t->start_seq;

			if (p->tuple != t->tuple || (p->tuple != TCP_SELF && p->dir != t->dir) || !p->len || p->bad ||
			    (p->flags & FOS_TCP_RST))
				continue;
			FUZZ_CHECK(from >= gap->off + gap->len || from + p->len <= gap->off,
			           "packet %u had brought bytes of the gap %llu+%llu", i, (unsigned long long)gap->off,
			           (unsigned long long)gap->len);
		}
	}
}

static void check_same(const struct tcp_run *a, const struct tcp_run *b)
{
	/* Caps over all sessions depend on when an idle session is looked at, which is once a batch. */
	if (a->c->cfg.cap_total_bytes || a->c->cfg.max_sessions || a->c->cfg.cap_direction_bytes)
		return;
	FUZZ_CHECK(a->st.sessions == b->st.sessions && a->st.gaps == b->st.gaps &&
	               a->st.delivered_bytes == b->st.delivered_bytes && a->st.late_bytes == b->st.late_bytes &&
	               a->st.conflicts == b->st.conflicts && a->st.before_start_bytes == b->st.before_start_bytes &&
	               a->st.out_of_window == b->st.out_of_window,
	           "the counts depend on the size of batches");
	for (unsigned i = 2; i < a->n_streams; i++) {
		const struct tcp_stream *s = &a->stream[i], *t = &b->stream[i];

		FUZZ_CHECK(s->seen == t->seen && s->opened == t->opened && s->mid == t->mid && s->end == t->end &&
		               s->next == t->next && s->hash == t->hash && s->late == t->late &&
		               (!s->seen || s->start_seq == t->start_seq),
		           "stream %u depends on the size of batches", i);
	}
}

/* The stream of a direction of a clean case: there is one at most. */
static const struct tcp_stream *find(const struct tcp_run *r, unsigned tuple, unsigned dir)
{
	const struct tcp_stream *found = NULL;

	for (unsigned i = 2; i < r->n_streams; i++) {
		if (!r->stream[i].opened || r->stream[i].tuple != tuple || r->stream[i].dir != dir)
			continue;
		FUZZ_CHECK(!found, "two streams of one direction");
		found = &r->stream[i];
	}
	return found;
}

static void check_clean(const struct tcp_run *r)
{
	static struct tcp_model m;

	for (unsigned tuple = 0; tuple < 2; tuple++) {
		for (unsigned dir = 0; dir < 2; dir++) {
			const struct tcp_stream *t = find(r, tuple, dir);
			uint32_t bytes = 0;

			tcp_model_run(r->c, tuple, dir, &m);
			for (uint32_t at = m.start; at < m.next; at++)
				bytes += m.owner[at] != TCP_NOBODY;
			FUZZ_CHECK((t != NULL) == (bytes > 0), "conversation %u.%u: %u bytes expected", tuple, dir,
			           bytes);
			if (!t)
				continue;
			FUZZ_CHECK(t->start_seq == r->c->base[tuple][dir] + m.start && t->mid == m.mid,
			           "conversation %u.%u starts elsewhere", tuple, dir);
			FUZZ_CHECK(t->next == m.next - m.start && t->bytes == bytes,
			           "conversation %u.%u: %llu bytes to offset %llu, not %u to %u", tuple, dir,
			           (unsigned long long)t->bytes, (unsigned long long)t->next, bytes, m.next - m.start);
			FUZZ_CHECK(t->end == (m.fin ? FOS_END_FIN : FOS_END_EOF), "conversation %u.%u: its end", tuple,
			           dir);
			if (r->c->cfg.overlap ==
			    FOS_OVERLAP_LINUX) /* its runs are no naive model's: see tests/kernel */
				continue;
			for (uint32_t at = m.start; at < m.next; at++)
				FUZZ_CHECK(t->owner[at - m.start] == m.owner[at],
				           "conversation %u.%u: place %u is of packet %d, not %d", tuple, dir, at,
				           t->owner[at - m.start], m.owner[at]);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	tcp_case_read(&the_case, data, size);
	if (getenv("FLOWOS_FUZZ_SHOW"))
		tcp_case_print(&the_case, stderr);
	tcp_run(&small, &the_case, 1, the_case.mode);
	check_gaps(&small);
	if (the_case.clean)
		check_clean(&small);
	tcp_run(&big, &the_case, FOS_BATCH_MAX, the_case.mode ^ TCP_UNSTABLE);
	check_same(&small, &big);
	return 0;
}
