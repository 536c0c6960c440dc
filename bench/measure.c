/* SPDX-License-Identifier: BSD-2-Clause
 *
 * measure.c: see measure.h.
 */
#include "measure.h"

#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "json_out.h"

uint64_t bench_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void bench_pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void fill(struct fos_batch *b, const struct fos_frame *v, size_t n)
{
	b->n = n < FOS_BATCH_MAX ? (uint32_t)n : FOS_BATCH_MAX;
	for (uint32_t k = 0; k < b->n; k++)
		b->pkt[k].f = v[k];
	b->now_ns = b->pkt[b->n - 1].f.ts_ns;
}

uint64_t bench_anonymous_bytes(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long kb = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %llu", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb * 1024;
}

/* When packet i is to arrive, ns after the first. */
uint64_t bench_pace_due(const struct bench_pace *pace, const struct fos_frames *f, size_t i, uint64_t bytes)
{
	if (pace->pps > 0)
		return (uint64_t)((double)i * 1e9 / pace->pps);
	if (pace->mbps > 0)
		return (uint64_t)((double)bytes * 8e3 / pace->mbps);
	uint64_t first = f->v[0].ts_ns, at = f->v[i].ts_ns;

	return at > first ? (uint64_t)((double)(at - first) / pace->multiplier) : 0;
}

void bench_wait_until(uint64_t at_ns)
{
	uint64_t now = bench_now_ns();

	if (at_ns > now + 200000) {
		uint64_t until = at_ns - 100000;
		struct timespec t = { .tv_sec = (time_t)(until / 1000000000u), .tv_nsec = (long)(until % 1000000000u) };

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	}
	while (bench_now_ns() < at_ns)
		;
}

/* Hands over what is due, as many as are; a batch is what has come meanwhile. */
static int feed_paced(struct fos_worker *w, const struct fos_frames *f, const struct bench_pace *pace,
                      struct fos_batch *b, struct bench_hist *latency)
{
	uint64_t start = bench_now_ns(), bytes = 0, at[FOS_BATCH_MAX];
	int rc = 0;

	for (size_t i = 0; i < f->n;) {
		uint32_t n = 0;

		at[0] = start + bench_pace_due(pace, f, i, bytes);
		bench_wait_until(at[0]);
		uint64_t now = bench_now_ns();

		do {
			bytes += fos_frame_caplen(&f->v[i + n]);
			n++;
			if (i + n == f->n || n == FOS_BATCH_MAX)
				break;
			at[n] = start + bench_pace_due(pace, f, i + n, bytes);
		} while (at[n] <= now);
		fill(b, &f->v[i], n);
		int err = fos_worker_run(w, b);

		rc = err ? err : rc;
		now = bench_now_ns();
		for (uint32_t k = 0; latency && k < n; k++)
			bench_hist_add(latency, now > at[k] ? now - at[k] : 0);
		i += n;
	}
	return rc;
}

static int feed(struct fos_worker *w, const struct fos_frames *f, struct fos_batch *b)
{
	int rc = 0;

	for (size_t i = 0; i < f->n; i += b->n) {
		fill(b, &f->v[i], f->n - i);
		int err = fos_worker_run(w, b);

		rc = err ? err : rc;
	}
	return rc;
}

/* From the port, as it comes. Damage ends the trace. */
static int feed_port(struct fos_worker *w, struct fos_port *port, struct fos_batch *b, struct bench_pass *out)
{
	int rc = 0, got;

	if (port->ops->rewind && fos_port_rewind(port))
		return -EIO;
	while ((got = fos_port_rx(port, b)) >= 0) {
		int err = got ? fos_worker_run(w, b) : 0;

		rc = err ? err : rc;
	}
	if (got == -ENODATA)
		return rc;
	snprintf(out->damaged, sizeof(out->damaged), "%s", fos_port_error(port));
	fos_worker_stats(w, &out->stats);
	return got == -EBADMSG || out->stats.packets ? rc : got;
}

json_t *bench_module_reports(const struct fos_worker *w)
{
	struct bench_report_json r;

	bench_report_json_init(&r);
	fos_worker_report(w, &r.report);
	return bench_report_json_take(&r);
}

int bench_pass(const struct bench_prepared *p, const struct bench_point *pt, const struct bench_pace *pace,
               bool reports, struct bench_hist *latency, struct bench_pass *out, char *err, size_t errlen)
{
	const struct fos_frames *f = &p->schedule.frames;
	const struct fos_worker_config cfg = { .ahead = p->ahead };
	struct fos_batch *b = malloc(sizeof(*b));
	struct fos_worker *w = NULL;
	uint64_t start;
	int rc = b ? 0 : -ENOMEM;

	memset(out, 0, sizeof(*out));
	if (bench_workers(&pt->engine) > 1) {
		free(b);
		return bench_team_pass(p, pt, pace, reports, latency, out, err, errlen);
	}
	if (rc == 0)
		rc = bench_worker_make(&pt->engine, &pt->impair, NULL, &cfg, &w, err, errlen);
	if (rc == 0) {
		bool paced = pace && (pace->multiplier > 0 || pace->pps > 0 || pace->mbps > 0);

		start = bench_now_ns();
		rc = p->stream       ? feed_port(w, p->stream, b, out)
		     : paced && f->n ? feed_paced(w, f, pace, b, latency)
		                     : feed(w, f, b);
		fos_worker_end(w, FOS_END_EOF);
		out->seconds = (double)(bench_now_ns() - start) / 1e9;
		out->finish = fos_worker_finish(w, out->finish_text, sizeof(out->finish_text));
		fos_worker_stats(w, &out->stats);
		if (reports && rc == 0 && pt->engine.stages) {
			out->modules = bench_module_reports(w);
			rc = out->modules ? 0 : -ENOMEM;
		}
		if (rc)
			snprintf(err, errlen, "the engine: %s", strerror(-rc));
	}
	fos_worker_destroy(w);
	free(b);
	return rc;
}

static void add_wait(void *arg, uint64_t wait_ns, uint32_t bytes)
{
	bench_hist_add_n(arg, wait_ns, bytes);
}

void bench_quantiles(struct bench_ns *ns, const struct bench_hist *h)
{
	ns->known = true;
	ns->p50 = bench_hist_quantile(h, 0.5);
	ns->p99 = bench_hist_quantile(h, 0.99);
	ns->p999 = bench_hist_quantile(h, 0.999);
}

/* Memory is looked at some hundred times in a pass: often enough to see its peak, too rarely to be felt. */
static int feed_closely(struct fos_worker *w, const struct fos_frames *f, struct fos_batch *b,
                        struct bench_hist *service, uint64_t *peak)
{
	size_t every = f->n / 256 / FOS_BATCH_MAX + 1, batches = 0;
	int rc = 0;

	for (size_t i = 0; i < f->n; i += b->n) {
		fill(b, &f->v[i], f->n - i);
		uint64_t start = bench_now_ns();
		int err = fos_worker_run(w, b);
		uint64_t took = bench_now_ns() - start;

		rc = err ? err : rc;
		bench_hist_add_n(service, took / b->n, b->n);
		if (++batches % every == 0) {
			uint64_t now = bench_anonymous_bytes();

			*peak = now > *peak ? now : *peak;
		}
	}
	return rc;
}

int bench_detail(const struct bench_prepared *p, const struct bench_point *pt, struct bench_run *run, char *err,
                 size_t errlen)
{
	struct bench_hist *h = calloc(2, sizeof(*h)); /* service, waits */
	struct fos_batch *b = malloc(sizeof(*b));
	struct fos_worker_config cfg = { .hol_wait = add_wait, .hol_wait_arg = h ? &h[1] : NULL };
	struct fos_worker *w = NULL;
	struct fos_worker_stats st;
	struct rusage usage;
	uint64_t before, peak;
	int rc = h && b ? 0 : -ENOMEM;

	if (bench_workers(&pt->engine) > 1) {
		free(h);
		free(b);
		return bench_team_detail(p, pt, run, err, errlen);
	}
	malloc_trim(0);
	before = peak = bench_anonymous_bytes();
	if (rc == 0)
		rc = bench_worker_make(&pt->engine, &pt->impair, NULL, &cfg, &w, err, errlen);
	if (rc == 0) {
		rc = feed_closely(w, &p->schedule.frames, b, &h[0], &peak);
		uint64_t last = bench_anonymous_bytes();

		peak = last > peak ? last : peak;
		fos_worker_end(w, FOS_END_EOF);
		fos_worker_stats(w, &st);
		bench_quantiles(&run->service_ns, &h[0]);
		bench_quantiles(&run->hol_wait_ns, &h[1]);
		getrusage(RUSAGE_SELF, &usage);
		run->memory.known = true;
		run->memory.peak_rss_bytes = (uint64_t)usage.ru_maxrss * 1024;
		run->memory.peak_anon_bytes = peak;
		run->memory.held_peak_bytes = st.held_peak_bytes;
		run->memory.bytes_per_session =
		    st.sessions_peak ? (double)(peak - before) / (double)st.sessions_peak : 0;
	}
	fos_worker_destroy(w);
	free(b);
	free(h);
	return rc;
}
