/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_engine.c: see mb_engine.h.
 */
#include "mb_engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/module_load.h>

#include "hash_seed.h"

/* Live, checksums are looked at, but where the driver vouches for them or they are still to be made. */
void mb_engine_config(const struct mb_conf *c, struct fos_worker_config *cfg)
{
	const struct bench_engine_opts *o = &c->engine;

	*cfg = (struct fos_worker_config){
		.seed = bench_hash_seed(),
		.overlap = o->overlap,
		.vlan_key = o->vlan_key,
		.verify_checksums = c->interfaces && !o->checksum_given ? true : bench_verify_checksums(o, &c->impair),
		.cap_direction_bytes = o->hold_cap ? o->hold_cap : c->caps.direction,
		.cap_total_bytes = c->caps.total,
		.cap_retained_bytes = c->caps.retained,
		.max_sessions = c->caps.sessions,
	};
	bench_hole_wait(o, &c->impair, &cfg->hole_wait_packets, &cfg->hole_wait_ns);
}

/* The number of the interface that a flow is bound to: in a trace, its interfaces in the same order. */
static int port_of(const struct mb_conf *c, const struct mb_flow *f)
{
	for (unsigned i = 0; i < c->named; i++)
		if (strcmp(c->interface[i], f->interface) == 0)
			return (int)i;
	return -1;
}

/* The flow without its pipeline. Returns its number. */
static int define(struct fos_worker *w, const struct mb_conf *c, const struct mb_flow *f, char *err, size_t errlen)
{
	const char *levels = f->levels ? f->levels : "ip:tcp:udp:app:http";
	char why[512] = "";
	int flow = fos_worker_add_flow(w, f->name, f->filter, levels, why, sizeof(why));

	if (flow < 0) /* what it is about stands in the message */
		snprintf(err, errlen, "%s%s",
		         mb_conf_where(c, f->filter && strstr(why, f->filter) ? f->filter : f->levels), why);
	return flow;
}

static int add_flow(struct fos_worker *w, const struct mb_conf *c, const struct mb_flow *f, char *err, size_t errlen)
{
	const struct mb_pipeline *p = f->pipeline >= 0 ? &c->pipeline[f->pipeline] : NULL;
	char why[512] = "";
	int flow = define(w, c, f, err, errlen);

	if (flow >= 0 && f->interface && fos_worker_flow_port(w, flow, port_of(c, f)) < 0)
		return -EINVAL;
	if (flow >= 0 && fos_worker_flow_release(w, flow, mb_conf_flow_release(c, f)) < 0)
		return -EINVAL;
	for (unsigned i = 0; flow >= 0 && p && i < p->stages; i++) {
		int rc = fos_stage_add(w, flow, i, p->stage[i], p->level, why, sizeof(why));

		if (rc < 0) {
			snprintf(err, errlen, "%sflow %s: stage %.200s: %s", mb_conf_where(c, p->stage[i]), f->name,
			         p->stage[i], why[0] ? why : strerror(-rc));
			return rc;
		}
	}
	return flow < 0 ? flow : 0;
}

int mb_engine_make(const struct mb_conf *c, mb_leave *leave, void *arg, struct fos_worker **out, char *err,
                   size_t errlen)
{
	struct fos_worker_config cfg;
	int rc;

	mb_engine_config(c, &cfg);
	if (mb_conf_gates(c)) {
		cfg.release = leave;
		cfg.release_arg = arg;
	}
	rc = fos_worker_create(&cfg, out);
	if (rc) {
		snprintf(err, errlen, "engine: %s", strerror(-rc));
		return rc;
	}
	for (unsigned i = 0; rc == 0 && i < c->flows; i++)
		rc = add_flow(*out, c, &c->flow[i], err, errlen);
	if (rc) {
		fos_worker_destroy(*out);
		*out = NULL;
	}
	return rc;
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* One that runs was taken, by whoever could look names up in its filter. */
static bool runs(const struct mb_conf *c, const struct mb_flow *f)
{
	for (unsigned i = 0; i < c->flows; i++)
		if (same(c->flow[i].filter, f->filter) && same(c->flow[i].levels, f->levels))
			return true;
	return false;
}

int mb_engine_check(const struct mb_conf *c, const struct mb_conf *running, char *err, size_t errlen)
{
	struct fos_worker_config cfg = { .max_sessions = 1 };
	struct fos_worker *w;
	int rc = fos_worker_create(&cfg, &w);

	if (rc) {
		snprintf(err, errlen, "engine: %s", strerror(-rc));
		return rc;
	}
	for (unsigned i = 0; rc >= 0 && i < c->flows; i++)
		if (!runs(running, &c->flow[i]))
			rc = define(w, c, &c->flow[i], err, errlen);
	fos_worker_destroy(w);
	return rc < 0 ? rc : 0;
}
