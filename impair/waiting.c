/* SPDX-License-Identifier: BSD-2-Clause
 *
 * waiting.c: packets that wait. Nodes lie in one array and are named by index (from 1, 0 is none); the heap and the
 * chains of the hash table refer to them. Touches nothing else.
 */
#include "waiting.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/rand.h>

struct fos__node {
	struct fos__parcel p;
	uint32_t at;         /* in the heap */
	uint32_t next, prev; /* in its bucket; `next` also chains free nodes */
	uint32_t line, number;
	uint8_t stage;
	bool counted; /* it is in a bucket */
};

struct fos__heap_entry {
	uint64_t due_ns, order;
	uint32_t node;
};

struct fos__bucket {
	uint32_t head, tail;
};

struct fos__bytes *fos__bytes_new(uint32_t len)
{
	struct fos__bytes *b = malloc(sizeof *b + len);

	if (b) {
		b->next = NULL;
		b->refs = 1;
	}
	return b;
}

void fos__bytes_put(struct fos__bytes *b)
{
	if (b && --b->refs == 0)
		free(b);
}

void fos__waiting_free(struct fos__waiting *h)
{
	for (uint32_t i = 0; i < h->n; i++)
		fos__bytes_put(h->node[h->heap[i].node].p.bytes);
	free(h->node);
	free(h->heap);
	free(h->bucket);
	memset(h, 0, sizeof *h);
}

static struct fos__bucket *bucket_of(const struct fos__waiting *h, unsigned stage, uint32_t line, uint32_t number)
{
	return &h->bucket[fos_mix64(((uint64_t)line << 32 | number) ^ (uint64_t)stage << 60) & h->mask];
}

/* At the end: those that wait for the same packet leave in order of arrival. */
static void bucket_add(struct fos__waiting *h, uint32_t i)
{
	struct fos__node *n = &h->node[i];
	struct fos__bucket *b = bucket_of(h, n->stage, n->line, n->number);

	n->next = 0;
	n->prev = b->tail;
	if (b->tail)
		h->node[b->tail].next = i;
	else
		b->head = i;
	b->tail = i;
}

static void bucket_remove(struct fos__waiting *h, uint32_t i)
{
	struct fos__node *n = &h->node[i];
	struct fos__bucket *b = bucket_of(h, n->stage, n->line, n->number);

	if (n->prev)
		h->node[n->prev].next = n->next;
	else
		b->head = n->next;
	if (n->next)
		h->node[n->next].prev = n->prev;
	else
		b->tail = n->prev;
}

static inline bool before(const struct fos__heap_entry *a, const struct fos__heap_entry *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static inline void heap_put(struct fos__waiting *h, uint32_t at, struct fos__heap_entry e)
{
	h->heap[at] = e;
	h->node[e.node].at = at;
}

static void heap_up(struct fos__waiting *h, uint32_t at, struct fos__heap_entry e)
{
	while (at > 0 && before(&e, &h->heap[(at - 1) / 2])) {
		heap_put(h, at, h->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_put(h, at, e);
}

static void heap_down(struct fos__waiting *h, uint32_t at, struct fos__heap_entry e)
{
	uint32_t child;

	while ((child = 2 * at + 1) < h->n) {
		if (child + 1 < h->n && before(&h->heap[child + 1], &h->heap[child]))
			child++;
		if (!before(&h->heap[child], &e))
			break;
		heap_put(h, at, h->heap[child]);
		at = child;
	}
	heap_put(h, at, e);
}

static void heap_remove(struct fos__waiting *h, uint32_t at)
{
	struct fos__heap_entry last = h->heap[--h->n];

	if (at == h->n)
		return;
	if (at > 0 && before(&last, &h->heap[(at - 1) / 2]))
		heap_up(h, at, last);
	else
		heap_down(h, at, last);
}

/* Twice as many nodes; buckets are as many as nodes, and filled anew in the same order. */
static int grow(struct fos__waiting *h)
{
	uint32_t cap = h->cap ? 2 * h->cap : 128, old = h->cap ? h->mask + 1 : 0;
	struct fos__node *node = realloc(h->node, ((size_t)cap + 1) * sizeof *node);
	struct fos__heap_entry *heap;
	struct fos__bucket *was = h->bucket, *bucket;

	if (!node)
		return -ENOMEM;
	h->node = node;
	heap = realloc(h->heap, (size_t)cap * sizeof *heap);
	if (!heap)
		return -ENOMEM;
	h->heap = heap;
	bucket = calloc(cap, sizeof *bucket);
	if (!bucket)
		return -ENOMEM;
	for (uint32_t i = cap; i > h->cap; i--) {
		node[i].next = h->free;
		h->free = i;
	}
	h->bucket = bucket;
	h->cap = cap;
	h->mask = cap - 1;
	for (uint32_t b = 0; b < old; b++) {
		for (uint32_t i = was[b].head, next; i; i = next) {
			next = node[i].next;
			bucket_add(h, i);
		}
	}
	free(was);
	return 0;
}

static int add(struct fos__waiting *h, const struct fos__node *what, uint64_t due_ns)
{
	struct fos__heap_entry e;
	int r = h->free ? 0 : grow(h);

	if (r)
		return r;
	e = (struct fos__heap_entry){ .due_ns = due_ns, .order = h->order++, .node = h->free };
	h->free = h->node[e.node].next;
	h->node[e.node] = *what;
	if (what->counted)
		bucket_add(h, e.node);
	heap_up(h, h->n++, e);
	if (h->n > h->peak)
		h->peak = h->n;
	return 0;
}

int fos__waiting_for(struct fos__waiting *h, const struct fos__parcel *p, unsigned stage, uint64_t due_ns)
{
	struct fos__node node = { .p = *p, .stage = (uint8_t)stage };

	return add(h, &node, due_ns);
}

int fos__waiting_until(struct fos__waiting *h, const struct fos__parcel *p, unsigned stage, uint64_t due_ns,
                       uint32_t line, uint32_t number)
{
	struct fos__node node = { .p = *p, .stage = (uint8_t)stage, .line = line, .number = number, .counted = true };

	return add(h, &node, due_ns);
}

static void take(struct fos__waiting *h, uint32_t i, struct fos__release *out)
{
	struct fos__node *n = &h->node[i];

	out->p = n->p;
	out->due_ns = h->heap[n->at].due_ns;
	out->stage = n->stage;
	out->line = n->line;
	out->counted = n->counted;
	if (n->counted)
		bucket_remove(h, i);
	heap_remove(h, n->at);
	n->next = h->free;
	h->free = i;
}

bool fos__waiting_due(struct fos__waiting *h, uint64_t now_ns, struct fos__release *out)
{
	if (h->n == 0 || h->heap[0].due_ns > now_ns)
		return false;
	take(h, h->heap[0].node, out);
	return true;
}

uint64_t fos__waiting_next(const struct fos__waiting *h)
{
	return h->n ? h->heap[0].due_ns : UINT64_MAX;
}

bool fos__waiting_reached(struct fos__waiting *h, unsigned stage, uint32_t line, uint32_t number,
                          struct fos__release *out)
{
	uint32_t i = h->n ? bucket_of(h, stage, line, number)->head : 0;

	for (; i; i = h->node[i].next) {
		const struct fos__node *n = &h->node[i];

		if (n->line == line && n->number == number && n->stage == stage) {
			take(h, i, out);
			return true;
		}
	}
	return false;
}

void fos__waiting_end(struct fos__waiting *h, uint64_t now_ns)
{
	for (uint32_t i = 0; i < h->n; i++) {
		if (h->node[h->heap[i].node].counted)
			h->heap[i].due_ns = now_ns;
	}
	for (uint32_t i = h->n / 2; i-- > 0;)
		heap_down(h, i, h->heap[i]);
	h->ended = true;
}
