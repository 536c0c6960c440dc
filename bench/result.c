/* SPDX-License-Identifier: BSD-2-Clause
 *
 * result.c: making, filling and freeing results.
 */
#include "result.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats.h"

int bench_text_set(char **member, const char *text)
{
	char *copy = NULL;

	if (text) {
		copy = strdup(text);
		if (!copy)
			return -ENOMEM;
	}
	free(*member);
	*member = copy;
	return 0;
}

const struct bench_pair *bench_pairs_find(const struct bench_pairs *p, const char *key)
{
	for (size_t i = 0; i < p->count; i++) {
		if (strcmp(p->at[i].key, key) == 0)
			return &p->at[i];
	}
	return NULL;
}

/* The pair of that key, made when there is none. NULL: no memory. */
static struct bench_pair *pairs_get(struct bench_pairs *p, const char *key)
{
	struct bench_pair *at;

	for (size_t i = 0; i < p->count; i++) {
		if (strcmp(p->at[i].key, key) == 0)
			return &p->at[i];
	}
	at = reallocarray(p->at, p->count + 1, sizeof(*at));
	if (!at)
		return NULL;
	p->at = at;
	at += p->count;
	*at = (struct bench_pair){ .key = strdup(key) };
	if (!at->key)
		return NULL;
	p->count++;
	return at;
}

int bench_pairs_set_text(struct bench_pairs *p, const char *key, const char *text)
{
	struct bench_pair *at = pairs_get(p, key);

	return at ? bench_text_set(&at->text, text) : -ENOMEM;
}

int bench_pairs_set_number(struct bench_pairs *p, const char *key, double number)
{
	struct bench_pair *at = pairs_get(p, key);

	if (!at)
		return -ENOMEM;
	bench_text_set(&at->text, NULL);
	at->number = number;
	return 0;
}

const char *bench_pair_value(const struct bench_pair *p, char *buf, size_t len)
{
	if (p->text)
		snprintf(buf, len, "%s", p->text);
	else
		snprintf(buf, len, "%.12g", p->number);
	return buf;
}

static bool pair_equal(const struct bench_pair *a, const struct bench_pair *b)
{
	if (a->text && b->text)
		return strcmp(a->text, b->text) == 0;
	return !a->text && !b->text && !(a->number < b->number) && !(a->number > b->number);
}

bool bench_pairs_equal(const struct bench_pairs *a, const struct bench_pairs *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct bench_pair *other = bench_pairs_find(b, a->at[i].key);

		if (!other || !pair_equal(&a->at[i], other))
			return false;
	}
	return true;
}

void bench_pairs_clear(struct bench_pairs *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->at[i].key);
		free(p->at[i].text);
	}
	free(p->at);
	*p = (struct bench_pairs){ 0 };
}

void bench_machine_clear(struct bench_machine *m)
{
	free(m->cpu);
	free(m->arch);
	free(m->kernel);
	free(m->distro);
	free(m->compiler);
	free(m->commit);
	free(m->flags);
	free(m->governor);
	free(m->hypervisor);
	*m = (struct bench_machine){ 0 };
}

struct bench_result *bench_result_create(void)
{
	struct bench_result *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
#ifdef FLOWOS_VERSION
	if (bench_text_set(&r->flowos, FLOWOS_VERSION)) {
		free(r);
		return NULL;
	}
#endif
	return r;
}

static void result_command_clear(struct bench_result *r)
{
	for (size_t i = 0; i < r->command_count; i++)
		free(r->command[i]);
	free(r->command);
	r->command = NULL;
	r->command_count = 0;
}

void bench_result_free(struct bench_result *r)
{
	if (!r)
		return;
	result_command_clear(r);
	free(r->flowos);
	free(r->trace_name);
	free(r->trace_sha256);
	bench_pairs_clear(&r->impair);
	bench_machine_clear(&r->machine);
	for (size_t i = 0; i < r->run_count; i++)
		bench_run_clear(&r->runs[i]);
	free(r->runs);
	free(r);
}

int bench_result_command(struct bench_result *r, int argc, char *const *argv)
{
	size_t n = argc > 0 ? (size_t)argc : 0;
	char **copy = calloc(n + 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	result_command_clear(r);
	r->command = copy;
	for (size_t i = 0; i < n; i++, r->command_count++) {
		if (bench_text_set(&copy[i], argv[i]))
			return -ENOMEM;
	}
	return 0;
}

struct bench_run *bench_result_run(struct bench_result *r)
{
	struct bench_run *runs = reallocarray(r->runs, r->run_count + 1, sizeof(*runs));

	if (!runs)
		return NULL;
	r->runs = runs;
	runs += r->run_count++;
	memset(runs, 0, sizeof(*runs));
	return runs;
}

void bench_seconds_clear(struct bench_seconds *s)
{
	free(s->samples);
	*s = (struct bench_seconds){ 0 };
}

void bench_run_clear(struct bench_run *run)
{
	bench_seconds_clear(&run->seconds);
	free(run->streams.reference);
	for (size_t i = 0; i < run->drop_count; i++)
		free(run->drops[i].reason);
	free(run->drops);
	bench_pairs_clear(&run->axes);
	free(run->partial_reason);
	free(run->error);
	for (size_t i = 0; i < run->module_count; i++) {
		free(run->modules[i].name);
		json_decref(run->modules[i].report);
	}
	free(run->modules);
	for (size_t i = 0; i < run->peer_count; i++) {
		free(run->peers[i].name);
		bench_seconds_clear(&run->peers[i].seconds);
	}
	free(run->peers);
	memset(run, 0, sizeof(*run));
}

static int seconds_set(struct bench_seconds *s, const double *samples, size_t count, uint64_t seed, bool *noisy)
{
	struct bench_summary sum;
	double *copy;
	int rc = bench_stats_summary(samples, count, seed, &sum);

	if (rc)
		return rc;
	copy = malloc(count * sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, samples, count * sizeof(*copy));
	bench_seconds_clear(s);
	*s = (struct bench_seconds){ .median = sum.median,
		                     .min = sum.min,
		                     .max = sum.max,
		                     .ci95 = { sum.ci95[0], sum.ci95[1] },
		                     .samples = copy,
		                     .count = count };
	*noisy = sum.noisy;
	return 0;
}

int bench_run_time(struct bench_run *run, const double *samples, size_t count, uint64_t delivered_bytes, uint64_t seed)
{
	int rc = seconds_set(&run->seconds, samples, count, seed, &run->noisy);

	if (rc)
		return rc;
	double s = run->seconds.median;

	run->pps = (double)run->packets / s;
	run->gbps = (double)run->wire_bytes * 8e-9 / s;
	run->goodput_gbps = (double)delivered_bytes * 8e-9 / s;
	run->sessions_per_second = (double)run->sessions / s;
	return 0;
}

int bench_run_drop(struct bench_run *run, const char *reason, uint64_t count)
{
	struct bench_drop *d;

	for (size_t i = 0; i < run->drop_count; i++) {
		if (strcmp(run->drops[i].reason, reason) == 0) {
			run->drops[i].count += count;
			return 0;
		}
	}
	d = reallocarray(run->drops, run->drop_count + 1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	run->drops = d;
	d += run->drop_count;
	*d = (struct bench_drop){ .reason = strdup(reason), .count = count };
	if (!d->reason)
		return -ENOMEM;
	run->drop_count++;
	return 0;
}

int bench_run_module(struct bench_run *run, const char *name, json_t *report)
{
	struct bench_module_report *m = reallocarray(run->modules, run->module_count + 1, sizeof(*m));
	char *copy;

	if (!m)
		goto no_memory;
	run->modules = m;
	copy = strdup(name);
	if (!copy)
		goto no_memory;
	m[run->module_count++] = (struct bench_module_report){ .name = copy, .report = report };
	return 0;
no_memory:
	json_decref(report);
	return -ENOMEM;
}

/* Are they the same point but for the workers? */
static bool same_but_workers(const struct bench_run *a, const struct bench_run *b)
{
	if (a->sessions != b->sessions || a->axes.count != b->axes.count)
		return false;
	for (size_t i = 0; i < a->axes.count; i++) {
		const struct bench_pair *x = &a->axes.at[i], *y = bench_pairs_find(&b->axes, x->key);

		if (!y || (strcmp(x->key, "workers") != 0 && !pair_equal(x, y)))
			return false;
	}
	return true;
}

static const struct bench_peer *floor_of(const struct bench_run *run)
{
	for (size_t i = 0; i < run->peer_count; i++)
		if (strcmp(run->peers[i].name, "floor: sum") == 0)
			return &run->peers[i];
	return NULL;
}

static int set_speedup(struct bench_run *run, const struct bench_run *one, uint64_t seed)
{
	const struct bench_peer *floor = floor_of(run), *floor_one = floor_of(one);
	struct bench_ratio ratio;
	int rc = bench_stats_ratio(run->seconds.samples, run->seconds.count, one->seconds.samples, one->seconds.count,
	                           seed, &ratio);

	if (rc)
		return rc;
	run->speedup = (struct bench_speedup){
		.known = true, .engine = ratio.ratio, .ci95_low = ratio.ci95[0], .ci95_high = ratio.ci95[1]
	};
	if (floor && floor_one && floor->seconds.median > 0)
		run->speedup.floor = floor_one->seconds.median / floor->seconds.median;
	return 0;
}

int bench_result_speedup(struct bench_result *r)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < r->run_count; i++) {
		struct bench_run *run = &r->runs[i];
		const struct bench_run *one = NULL;

		for (size_t k = 0; !one && k < r->run_count; k++)
			if (r->runs[k].workers == 1 && same_but_workers(run, &r->runs[k]))
				one = &r->runs[k];
		if (one && run->workers > 1 && one->seconds.count && run->seconds.count)
			rc = set_speedup(run, one, r->seed);
	}
	return rc;
}

int bench_run_peer(struct bench_run *run, const char *name, const double *samples, size_t count, uint64_t bytes,
                   uint64_t seed)
{
	struct bench_peer peer = { 0 }, *list;
	struct bench_ratio ratio;
	bool noisy;
	int rc = bench_stats_ratio(run->seconds.samples, run->seconds.count, samples, count, seed, &ratio);

	if (rc)
		return rc;
	list = reallocarray(run->peers, run->peer_count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	run->peers = list;
	rc = seconds_set(&peer.seconds, samples, count, seed, &noisy);
	if (rc)
		return rc;
	rc = bench_text_set(&peer.name, name);
	if (rc) {
		bench_seconds_clear(&peer.seconds);
		return rc;
	}
	peer.bytes = bytes;
	peer.ratio = ratio.ratio;
	peer.ratio_ci95[0] = ratio.ci95[0];
	peer.ratio_ci95[1] = ratio.ci95[1];
	list[run->peer_count++] = peer;
	return 0;
}

const char *bench_run_name(const struct bench_run *run, char *buf, size_t len)
{
	size_t at = (size_t)snprintf(buf, len, "sessions=%llu", (unsigned long long)run->sessions);
	char value[128];

	for (size_t i = 0; i < run->axes.count && at < len; i++) {
		const struct bench_pair *p = &run->axes.at[i];

		at += (size_t)snprintf(buf + at, len - at, " %s=%s", p->key, bench_pair_value(p, value, sizeof(value)));
	}
	return buf;
}
