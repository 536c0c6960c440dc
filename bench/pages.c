/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pages.c: see pages.h. What it is told of waits in a ring, and is done a part at a time, so that nobody waits long to have it settled.
 */
#include "pages.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
	TOLD = 64,
	PART = 2 << 20,
	STACK = 128 << 10,
};

struct told {
	const uint8_t *at;
	size_t len;
	enum fos_ahead_use use;
};

struct bench_pages {
	struct fos_ahead ahead;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more, done;
	struct told told[TOLD];
	unsigned first, n; /* of those that wait */
	uint64_t parts;    /* done so far */
	unsigned settling; /* threads that wait for the one that is being done */
	bool busy, stop;
};

static void do_part(const struct told *t)
{
	void *at = (void *)(uintptr_t)t->at;

	switch (t->use) {
	case FOS_AHEAD_READ:
		fos_ahead_map(at, t->len);
		break;
	case FOS_AHEAD_WRITE: /* where the kernel does not know it, whoever writes does it */
#ifdef MADV_POPULATE_WRITE
		(void)madvise(at, t->len, MADV_POPULATE_WRITE);
#endif
		break;
	case FOS_AHEAD_DONE:
		(void)madvise(at, t->len, MADV_DONTNEED);
		break;
	}
}

/* The next part of what waits; false: nothing does. Under the lock. */
static bool next_part(struct bench_pages *p, struct told *part)
{
	struct told *t = &p->told[p->first];

	if (p->n == 0)
		return false;
	*part = *t;
	if (t->len > PART) {
		part->len = PART;
		t->at += PART;
		t->len -= PART;
		return true;
	}
	p->first = (p->first + 1) % TOLD;
	p->n--;
	return true;
}

static void *run(void *arg)
{
	struct bench_pages *p = arg;
	struct told part;

	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		p->busy = next_part(p, &part);
		if (!p->busy) {
			pthread_cond_wait(&p->more, &p->lock);
			continue;
		}
		pthread_mutex_unlock(&p->lock);
		do_part(&part);
		pthread_mutex_lock(&p->lock);
		p->parts++;
		if (p->settling)
			pthread_cond_broadcast(&p->done);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static bool want(void *arg, const void *at, size_t len, enum fos_ahead_use use)
{
	struct bench_pages *p = arg;

	pthread_mutex_lock(&p->lock);
	bool room = p->n < TOLD;

	if (room) {
		unsigned place = p->first + p->n;

		if (use == FOS_AHEAD_WRITE) /* it is needed first: there is more of the trace told of than of memory */
			place = p->first = (p->first + TOLD - 1) % TOLD;
		p->told[place % TOLD] = (struct told){ at, len, use };
		p->n++;
		if (!p->busy)
			pthread_cond_signal(&p->more);
	}
	pthread_mutex_unlock(&p->lock);
	return room;
}

static void settle(void *arg)
{
	struct bench_pages *p = arg;

	pthread_mutex_lock(&p->lock);
	uint64_t parts = p->parts;

	p->n = 0;
	p->settling++;
	while (p->busy && p->parts == parts)
		pthread_cond_wait(&p->done, &p->lock);
	p->settling--;
	pthread_mutex_unlock(&p->lock);
}

/* Where it may run: cpus, or the process' own, without `busy`. 0: nowhere. */
static int cpus_for(const struct bench_cpus *cpus, int busy, cpu_set_t *set)
{
	CPU_ZERO(set);
	for (unsigned i = 0; i < cpus->n; i++)
		CPU_SET((size_t)cpus->cpu[i], set);
	if (cpus->n == 0 && sched_getaffinity(0, sizeof(*set), set))
		return 0;
	if (busy >= 0)
		CPU_CLR((size_t)busy, set);
	return CPU_COUNT(set) - (busy < 0);
}

static int start(struct bench_pages *p, const cpu_set_t *set)
{
	pthread_attr_t attr;
	int rc = pthread_attr_init(&attr);

	if (rc)
		return rc;
	rc = pthread_attr_setaffinity_np(&attr, sizeof(*set), set);
	if (rc == 0)
		rc = pthread_attr_setstacksize(&attr, STACK);
	if (rc == 0)
		rc = pthread_create(&p->thread, &attr, run, p);
	pthread_attr_destroy(&attr);
	return rc;
}

struct bench_pages *bench_pages_start(const struct bench_cpus *cpus, int busy)
{
	struct bench_pages *p;
	cpu_set_t set;

	if (cpus_for(cpus, busy, &set) <= 0)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->ahead = (struct fos_ahead){ want, settle, p };
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	pthread_cond_init(&p->done, NULL);
	if (start(p, &set) == 0)
		return p;
	free(p);
	return NULL;
}

const struct fos_ahead *bench_pages_ahead(const struct bench_pages *p)
{
	return p ? &p->ahead : NULL;
}

void bench_pages_stop(struct bench_pages *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	pthread_cond_destroy(&p->done);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
