/* SPDX-License-Identifier: BSD-2-Clause
 *
 * threads.c: see threads.h. Threads wait at a gate until all are there, so that none has a start.
 */
#include "threads.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "measure.h"

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int go; /* 0: wait, 1: work, -1: do not */
	void (*work)(void *arg, uint32_t k);
	void *arg;
};

struct thread {
	struct gate *gate;
	pthread_t id;
	uint32_t k;
	uint64_t start_ns, end_ns;
};

static void *run(void *arg)
{
	struct thread *t = arg;
	struct gate *g = t->gate;
	int go;

	pthread_mutex_lock(&g->lock);
	while (!g->go)
		pthread_cond_wait(&g->changed, &g->lock);
	go = g->go;
	pthread_mutex_unlock(&g->lock);
	t->start_ns = bench_now_ns();
	if (go > 0)
		g->work(g->arg, t->k);
	t->end_ns = bench_now_ns();
	return NULL;
}

static int start(struct thread *t, const struct bench_cpus *cpus)
{
	pthread_attr_t attr;
	int rc = pthread_attr_init(&attr);

	if (rc)
		return -rc;
	if (cpus && cpus->n) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET((size_t)cpus->cpu[t->k % cpus->n], &set);
		rc = pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	}
	if (rc == 0)
		rc = pthread_create(&t->id, &attr, run, t);
	pthread_attr_destroy(&attr);
	return -rc;
}

static void open_gate(struct gate *g, int go)
{
	pthread_mutex_lock(&g->lock);
	g->go = go;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

int bench_threads_run(uint32_t n, const struct bench_cpus *cpus, void (*work)(void *arg, uint32_t k), void *arg,
                      double *seconds)
{
	struct gate g = {
		.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .work = work, .arg = arg
	};
	struct thread *t = calloc(n, sizeof(*t));
	uint64_t first = UINT64_MAX, last = 0;
	uint32_t started = 0;
	int rc = t ? 0 : -ENOMEM;

	for (; rc == 0 && started < n; started += rc == 0) {
		t[started] = (struct thread){ .gate = &g, .k = started };
		rc = start(&t[started], cpus);
	}
	open_gate(&g, rc ? -1 : 1);
	for (uint32_t k = 0; k < started; k++) {
		pthread_join(t[k].id, NULL);
		first = t[k].start_ns < first ? t[k].start_ns : first;
		last = t[k].end_ns > last ? t[k].end_ns : last;
	}
	*seconds = rc || n == 0 ? 0 : (double)(last - first) / 1e9;
	free(t);
	return rc;
}
