/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_worker_life.c: a worker is made, started, ended; and gets another impairment. See mb_worker.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <flowos/pcapng_writer.h>

#include "mb_news.h"
#include "mb_worker_loop.h"

void mb_worker_failed(struct mb_worker *w, int status, const char *text)
{
	if (w->status)
		return;
	w->status = status;
	snprintf(w->err, sizeof(w->err), "%s", text && *text ? text : strerror(-status));
}

static int make_waiting(struct mb_worker *w)
{
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (w->wake < 0 || w->timer < 0)
		return -errno;
	w->batch = calloc(1, sizeof(*w->batch));
	w->side = calloc(1, sizeof(*w->side));
	w->part = calloc(1, sizeof(*w->part));
	w->handed = calloc(1, sizeof(*w->handed));
	w->news = w->conf->trace ? -ENOENT : mb_news_open();
	return w->handed && w->batch && w->side && w->part ? 0 : -ENOMEM;
}

static int open_links(struct mb_worker *w, mb_say *say, void *say_arg, char *err, size_t errlen)
{
	const struct mb_conf *c = w->conf;
	int rc = 0;

	w->links = c->trace ? 1 : c->interfaces;
	for (unsigned i = 0; i < w->links; i++) {
		struct mb_link *l = &w->link[i];

		l->opener = c->trace ? mb_open_trace : mb_open_live;
		l->conf = c;
		l->index = i;
		l->worker = w->index;
		l->shared = !c->trace && c->workers > 1;
		l->trouble = w->trouble;
		l->say = say;
		l->say_arg = say_arg;
		snprintf(l->name, sizeof(l->name), "%s", c->trace ? c->trace : c->interface[i]);
	}
	for (unsigned i = 0; rc == 0 && i < w->links && !w->link[i].shared; i++)
		rc = mb_link_open(&w->link[i], err, errlen);
	if (rc == 0 && c->output) {
		rc = fos_pcapng_writer_open(c->output, &w->out);
		if (rc)
			snprintf(err, errlen, "%s: %s", c->output, strerror(-rc));
	}
	return rc;
}

/* Puts an impairment round the inlet, if there is something to do. */
static int wrap(struct mb_worker *w, const struct fos_impair_spec *spec, char *err, size_t errlen)
{
	int rc = 0;

	w->inlet.ending = false;
	w->rx = &w->inlet.port;
	w->impair = NULL;
	if (fos_impair_spec_active(spec) || spec->decisions_in || spec->decisions_out)
		rc = fos_impair_open(&w->inlet.port, spec, &w->impair, err, errlen);
	if (rc)
		w->impair = NULL;
	if (w->impair)
		w->rx = w->impair;
	return rc;
}

int mb_worker_make(struct mb_worker *w, const struct mb_conf *c, unsigned index, int ended, int trouble, mb_say *say,
                   void *say_arg, char *err, size_t errlen)
{
	int rc;

	memset(w, 0, sizeof(*w));
	w->conf = c;
	w->gates = mb_conf_gates(c);
	w->index = index;
	w->ended = ended;
	w->trouble = trouble;
	w->wake = w->timer = w->news = -1;
	rc = make_waiting(w);
	if (rc) {
		snprintf(err, errlen, "worker %u: %s", index, strerror(-rc));
		return rc;
	}
	rc = open_links(w, say, say_arg, err, errlen);
	mb_inlet_init(&w->inlet, w->link, w->links, c->trace != NULL);
	if (rc == 0)
		rc = wrap(w, &c->impair, err, errlen);
	if (rc == 0)
		rc = mb_engine_make(c, mb_worker_leave, w, &w->engine, err, errlen);
	return rc;
}

int mb_worker_start(struct mb_worker *w)
{
	char name[16];
	const struct bench_cpus *cpus = w->conf->engine.cpus;
	pthread_attr_t attr;
	cpu_set_t set;
	int rc;

	pthread_attr_init(&attr);
	if (cpus && cpus->n) {
		CPU_ZERO(&set);
		CPU_SET((size_t)cpus->cpu[w->index % cpus->n], &set);
		pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	}
	rc = pthread_create(&w->thread, &attr, mb_worker_loop, w);
	pthread_attr_destroy(&attr);
	if (rc)
		return -rc;
	w->running = true;
	snprintf(name, sizeof(name), "worker-%u", w->index);
	pthread_setname_np(w->thread, name);
	return 0;
}

void mb_worker_stop(struct mb_worker *w)
{
	uint64_t one = 1;

	atomic_store(&w->stop, true);
	(void)!write(w->wake, &one, sizeof(one));
}

void mb_worker_join(struct mb_worker *w)
{
	if (!w->running)
		return;
	pthread_join(w->thread, NULL);
	w->running = false;
	atomic_store(&w->ask, NULL);
}

/* What changed the impairment so far counts in all. */
static void unwrap(struct mb_worker *w, char *err, size_t errlen)
{
	struct fos_impair_stats st, *all = &w->count.impair;

	if (!w->impair)
		return;
	if (fos_impair_finish(w->impair, err, errlen))
		mb_worker_failed(w, -EIO, err);
	fos_impair_stats(w->impair, &st);
	all->packets += st.packets;
	all->lost += st.lost;
	all->retransmitted += st.retransmitted;
	all->corrupted += st.corrupted;
	all->truncated += st.truncated;
	all->selected += st.selected;
	all->duplicated += st.duplicated;
	all->delayed += st.delayed;
	fos_port_close(w->impair);
	w->impair = NULL;
	w->rx = &w->inlet.port;
}

void mb_worker_last(struct mb_worker *w)
{
	char text[512] = "";
	int rc;

	fos_worker_end(w->engine, FOS_END_EOF);
	unwrap(w, text, sizeof(text));
	if (w->inlet.status)
		mb_worker_failed(w, w->inlet.status, w->inlet.error);
	rc = fos_worker_finish(w->engine, text, sizeof(text));
	if (rc)
		mb_worker_failed(w, rc, text);
	rc = w->out ? fos_port_close(w->out) : 0;
	w->out = NULL;
	if (rc) {
		snprintf(text, sizeof(text), "%s: %s", w->conf->output, strerror(-rc));
		mb_worker_failed(w, rc, text);
	}
}

void mb_worker_patience(struct mb_worker *w, void *arg)
{
	const struct mb_patience *p = arg;

	fos_worker_set_hole_wait(w->engine, p->packets, p->ns);
}

void mb_worker_impair(struct mb_worker *w, void *arg)
{
	struct mb_new_impair *n = arg;

	if (w->impair) {
		mb_worker_drain(w);
		unwrap(w, n->err, sizeof(n->err));
	}
	n->status = wrap(w, n->spec, n->err, sizeof(n->err));
	mb_worker_patience(w, &n->patience);
}

void mb_worker_free(struct mb_worker *w)
{
	fos_worker_destroy(w->engine);
	fos_port_close(w->impair);
	fos_pcapng_abort(w->out);
	for (unsigned i = 0; i < w->links; i++)
		mb_link_close(&w->link[i]);
	free(w->batch);
	free(w->side);
	free(w->part);
	free(w->handed);
	if (w->wake >= 0)
		close(w->wake);
	if (w->timer >= 0)
		close(w->timer);
	if (w->news >= 0)
		close(w->news);
	memset(w, 0, sizeof(*w));
}
