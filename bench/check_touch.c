/* SPDX-License-Identifier: BSD-2-Clause
 *
 * check_touch.c: which streams of a record are ambiguous: where packets do not say which connection they belong to, the
 * order in which they come decides (ORDER.md, "Ambiguous streams"). Pure on its arguments.
 */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { STRAY = 1 << 20 };

static uint64_t length(const struct bench_stream *st)
{
	uint64_t n = st->bytes;

	for (uint32_t i = 0; i < st->gaps; i++)
		n += st->gap[i].len;
	return n;
}

static bool wide_gap(const struct bench_stream *st)
{
	for (uint32_t i = 0; i < st->gaps; i++)
		if (st->gap[i].len > STRAY)
			return true;
	return false;
}

/* Do the ranges of two streams of one direction overlap, or are they at most one apart? */
static bool touch(const struct bench_stream *a, const struct bench_stream *b)
{
	int64_t ahead = (int32_t)(b->start_seq - a->start_seq);

	if ((a->mid && a->bytes == 0) || (b->mid && b->bytes == 0))
		return false;
	return ahead <= (int64_t)length(a) + 1 && -ahead <= (int64_t)length(b) + 1;
}

static bool same_conversation(const struct bench_stream *a, const struct bench_stream *b)
{
	struct fos_key ka = a->key, kb = b->key;

	ka.vlan = kb.vlan = 0xffff;
	return memcmp(&ka, &kb, sizeof(ka)) == 0;
}

/* One conversation's streams [from, to): those of uses that touch another one. */
static void mark(const struct bench_record *r, size_t from, size_t to, bool *ambiguous)
{
	for (size_t i = from; i < to; i++) {
		for (size_t k = i + 1; k < to; k++) {
			const struct bench_stream *a = &r->stream[i], *b = &r->stream[k];

			if (a->side != b->side || a->use == b->use || !touch(a, b))
				continue;
			for (size_t n = from; n < to; n++)
				if (r->stream[n].use == a->use || r->stream[n].use == b->use)
					ambiguous[n] = true;
		}
	}
}

/* Was a later use of the 4-tuple made without any SYN? Then where one ended and the next began was guessed. */
static bool guessed(const struct bench_record *r, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		bool mid = r->stream[i].use != 0;

		for (size_t k = from; mid && k < to; k++)
			mid = r->stream[k].use != r->stream[i].use || r->stream[k].mid;
		if (mid)
			return true;
	}
	return false;
}

int bench_check_ambiguous(const struct bench_record *r, bool **out)
{
	bool *ambiguous = calloc(r->streams + 1, sizeof(*ambiguous));

	if (!ambiguous)
		return -ENOMEM;
	for (size_t i = 0, to; i < r->streams; i = to) {
		for (to = i + 1; to < r->streams && same_conversation(&r->stream[i], &r->stream[to]); to++)
			;
		mark(r, i, to, ambiguous);
		if (guessed(r, i, to))
			memset(ambiguous + i, true, to - i);
	}
	for (size_t i = 0; i < r->streams; i++)
		ambiguous[i] |= wide_gap(&r->stream[i]);
	*out = ambiguous;
	return 0;
}
