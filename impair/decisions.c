/* SPDX-License-Identifier: BSD-2-Clause
 *
 * decisions.c: the list of decisions: an array that grows, sorted by frame when it is to be searched. Touches only
 * itself.
 */
#include <flowos/decisions.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct fos_decisions {
	atomic_uint refs;
	struct fos_decision *d;
	size_t n, cap;
};

_Static_assert(sizeof(struct fos_decision) == 48, "impair_spec.h says what keeping decisions costs");

int fos_decisions_create(struct fos_decisions **out)
{
	struct fos_decisions *l = calloc(1, sizeof *l);

	if (!l)
		return -ENOMEM;
	atomic_init(&l->refs, 1);
	*out = l;
	return 0;
}

struct fos_decisions *fos_decisions_get(struct fos_decisions *l)
{
	if (l)
		atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
	return l;
}

void fos_decisions_put(struct fos_decisions *l)
{
	if (!l || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1)
		return;
	free(l->d);
	free(l);
}

int fos_decisions_add(struct fos_decisions *l, const struct fos_decision *d)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		struct fos_decision *more = realloc(l->d, cap * sizeof *more);

		if (!more)
			return -ENOMEM;
		l->d = more;
		l->cap = cap;
	}
	l->d[l->n++] = *d;
	return 0;
}

size_t fos_decisions_count(const struct fos_decisions *l)
{
	return l->n;
}

const struct fos_decision *fos_decisions_at(const struct fos_decisions *l, size_t i)
{
	return &l->d[i];
}

static int by_frame(const void *a, const void *b)
{
	const struct fos_decision *x = a, *y = b;

	return (x->num > y->num) - (x->num < y->num);
}

int fos_decisions_sort(struct fos_decisions *l, uint64_t *twice)
{
	bool sorted = true;
	int r = 0;

	for (size_t i = 1; i < l->n && sorted; i++)
		sorted = l->d[i - 1].num < l->d[i].num;
	if (sorted)
		return 0;
	qsort(l->d, l->n, sizeof *l->d, by_frame);
	for (size_t i = 1; i < l->n; i++) {
		if (l->d[i - 1].num == l->d[i].num) {
			if (twice && r == 0)
				*twice = l->d[i].num;
			r = -EEXIST;
		}
	}
	return r;
}

const struct fos_decision *fos_decisions_find(const struct fos_decisions *l, uint64_t num)
{
	size_t from = 0, to = l->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (l->d[mid].num < num)
			from = mid + 1;
		else
			to = mid;
	}
	return from < l->n && l->d[from].num == num ? &l->d[from] : NULL;
}
