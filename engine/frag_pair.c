/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frag_pair.c: see frag_pair.h. A pair exists while something of it waits. When its number changes it goes to the end of
 * the line for that number, also where that is the same line: this is how pairs take turns.
 */
#include "frag_pair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/rand.h>

_Static_assert(sizeof(struct fos__frag_hosts) == 40, "hosts are hashed and compared as bytes: no padding");

struct fos__frag_pair {
	struct fos__frag_pair *next_hash;
	struct fos__frag_pair *before, *after; /* in its line */
	struct fos__frag_link *oldest, *newest;
	struct fos__frag_hosts hosts;
	uint32_t bucket;
	uint32_t count;
};

const size_t fos__frag_pair_bytes = sizeof(struct fos__frag_pair);

int fos__frag_pairs_init(struct fos__frag_pairs *p, uint32_t buckets, uint64_t seed)
{
	memset(p, 0, sizeof *p);
	p->mask = buckets - 1;
	p->seed = seed;
	p->bucket = calloc(buckets, sizeof *p->bucket);
	return p->bucket ? 0 : -ENOMEM;
}

void fos__frag_pairs_free(struct fos__frag_pairs *p)
{
	free(p->bucket);
	p->bucket = NULL;
}

static uint32_t bucket_of(const struct fos__frag_pairs *p, const struct fos__frag_hosts *hosts)
{
	uint64_t word[5], h = ~p->seed;

	memcpy(word, hosts, sizeof word);
	for (unsigned i = 0; i < 5; i++)
		h = fos_mix64(h ^ word[i]);
	return (uint32_t)h & p->mask;
}

/* floor(log2(count)) */
static unsigned line_of(const struct fos__frag_pair *x)
{
	return 31u - (unsigned)__builtin_clz(x->count);
}

static void line_leave(struct fos__frag_pairs *p, struct fos__frag_pair *x)
{
	unsigned n = line_of(x);

	*(x->before ? &x->before->after : &p->line[n].first) = x->after;
	*(x->after ? &x->after->before : &p->line[n].last) = x->before;
	if (!p->line[n].first)
		p->used &= ~(1u << n);
}

static void line_join(struct fos__frag_pairs *p, struct fos__frag_pair *x)
{
	unsigned n = line_of(x);

	x->before = p->line[n].last;
	x->after = NULL;
	*(x->before ? &x->before->after : &p->line[n].first) = x;
	p->line[n].last = x;
	p->used |= 1u << n;
}

static struct fos__frag_pair *find(const struct fos__frag_pairs *p, const struct fos__frag_hosts *hosts,
                                   uint32_t bucket)
{
	struct fos__frag_pair *x = p->bucket[bucket];

	while (x && memcmp(&x->hosts, hosts, sizeof *hosts) != 0)
		x = x->next_hash;
	return x;
}

int fos__frag_pairs_join(struct fos__frag_pairs *p, const struct fos__frag_hosts *hosts, struct fos__frag_link *l)
{
	uint32_t bucket = bucket_of(p, hosts);
	struct fos__frag_pair *x = find(p, hosts, bucket);

	if (x) {
		line_leave(p, x);
	} else {
		x = calloc(1, sizeof *x);
		if (!x)
			return -ENOMEM;
		x->hosts = *hosts;
		x->bucket = bucket;
		x->next_hash = p->bucket[bucket];
		p->bucket[bucket] = x;
	}
	l->pair = x;
	l->older = x->newest;
	l->newer = NULL;
	*(l->older ? &l->older->newer : &x->oldest) = l;
	x->newest = l;
	x->count++;
	line_join(p, x);
	return 0;
}

void fos__frag_pairs_leave(struct fos__frag_pairs *p, struct fos__frag_link *l)
{
	struct fos__frag_pair *x = l->pair, **at;

	*(l->older ? &l->older->newer : &x->oldest) = l->newer;
	*(l->newer ? &l->newer->older : &x->newest) = l->older;
	line_leave(p, x);
	if (--x->count) {
		line_join(p, x);
		return;
	}
	for (at = &p->bucket[x->bucket]; *at != x; at = &(*at)->next_hash)
		;
	*at = x->next_hash;
	free(x);
}

struct fos__frag_link *fos__frag_pairs_most(const struct fos__frag_pairs *p)
{
	if (p->used >> FOS__FRAG_MANY == 0)
		return NULL;
	return p->line[31 - __builtin_clz(p->used)].first->oldest;
}
