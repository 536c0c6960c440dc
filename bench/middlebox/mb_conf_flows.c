/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_conf_flows.c: flows, pipelines and caps of a configuration file. The engine has one overlap policy and one set of caps
 * per worker: a flow may say them, and all flows must agree. See mb_conf.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mb_reader.h"

/* --- caps ---------------------------------------------------------------------------------------------------------- */

static int set_cap(struct mb_reader *r, void *to, const config_setting_t *s)
{
	struct mb_caps *c = to;
	const char *name = config_setting_name(s);
	uint64_t *at = strcmp(name, "direction") == 0  ? &c->direction
	               : strcmp(name, "total") == 0    ? &c->total
	               : strcmp(name, "retained") == 0 ? &c->retained
	                                               : &c->sessions;

	return mb_read_count(r, s, 1, at == &c->sessions ? UINT32_MAX / 2 : UINT64_MAX / 2, at);
}

static int read_caps(struct mb_reader *r, struct mb_caps *to, const config_setting_t *s)
{
	static const struct mb_key keys[] = {
		{ "direction", set_cap }, { "total", set_cap }, { "retained", set_cap },
		{ "sessions", set_cap },  { NULL, NULL },
	};

	return mb_read_group(r, to, s, keys);
}

int mb_read_caps(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return read_caps(r, &((struct mb_conf *)to)->caps, s);
}

/* --- pipelines ----------------------------------------------------------------------------------------------------- */

static int set_pipeline_name(struct mb_reader *r, void *to, const config_setting_t *s)
{
	struct mb_pipeline *p = to;
	int rc = mb_read_text(r, s, &p->name);

	for (const struct mb_pipeline *q = r->conf->pipeline; rc == 0 && q < p; q++)
		if (q->name && strcmp(q->name, p->name) == 0)
			rc = mb_bad(r, s, "a pipeline of this name was there before");
	return rc;
}

static int set_pipeline_level(struct mb_reader *r, void *to, const config_setting_t *s)
{
	struct bench_engine_opts o = { 0 };
	struct mb_pipeline *p = to;
	char why[256];
	int rc = mb_read_text(r, s, &p->level);

	if (rc == 0 && bench_engine_opts_set(&o, "level", p->level, why, sizeof(why)))
		rc = mb_bad(r, s, "%s", why);
	return rc;
}

static int set_stages(struct mb_reader *r, void *to, const config_setting_t *s)
{
	struct mb_pipeline *p = to;
	int n = config_setting_length(s), rc = 0;

	if (!config_setting_is_array(s) && !config_setting_is_list(s))
		return mb_bad(r, s, "a list of stages is needed: [ \"count\", \"grep:pattern=x+digest\" ]");
	if (n > BENCH_STAGES_MAX)
		return mb_bad(r, s, "at most %d stages", BENCH_STAGES_MAX);
	for (int i = 0; rc == 0 && i < n; i++)
		rc = mb_read_text(r, config_setting_get_elem(s, (unsigned)i), &p->stage[i]);
	p->stages = (unsigned)n;
	return rc;
}

int mb_read_pipelines(struct mb_reader *r, void *to, const config_setting_t *s)
{
	static const struct mb_key keys[] = {
		{ "name", set_pipeline_name },
		{ "level", set_pipeline_level },
		{ "stages", set_stages },
		{ NULL, NULL },
	};
	struct mb_conf *c = to;
	int rc = 0;

	if (!config_setting_is_list(s) || config_setting_length(s) > MB_PIPELINES_MAX)
		return mb_bad(r, s, "a list of at most %d groups is needed: ( { name = ...; }, ... )",
		              MB_PIPELINES_MAX);
	for (int i = 0; rc == 0 && i < config_setting_length(s); i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);
		struct mb_pipeline *p = &c->pipeline[c->pipelines++];

		rc = mb_read_group(r, p, e, keys);
		if (rc == 0 && (!p->name || !p->stages))
			rc = mb_bad(r, e, "%s is missing", p->name ? "stages" : "name");
	}
	return rc;
}

/* --- flows --------------------------------------------------------------------------------------------------------- */

static unsigned number_of(const struct mb_reader *r, const struct mb_flow *f)
{
	return (unsigned)(f - r->conf->flow);
}

static int set_flow_name(struct mb_reader *r, void *to, const config_setting_t *s)
{
	struct mb_flow *f = to;
	int rc = mb_read_text(r, s, &f->name);

	if (rc == 0 && strlen(f->name) > 31)
		rc = mb_bad(r, s, "at most 31 characters");
	for (const struct mb_flow *g = r->conf->flow; rc == 0 && g < f; g++)
		if (g->name && strcmp(g->name, f->name) == 0)
			rc = mb_bad(r, s, "a flow of this name was there before");
	return rc;
}

static int set_filter(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return mb_read_text(r, s, &((struct mb_flow *)to)->filter);
}

static int set_interface(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return mb_read_text(r, s, &((struct mb_flow *)to)->interface);
}

static int set_levels(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return mb_read_text(r, s, &((struct mb_flow *)to)->levels);
}

static int set_flow_pipeline(struct mb_reader *r, void *to, const config_setting_t *s)
{
	unsigned i = number_of(r, to);

	r->pipeline_at[i] = s;
	return mb_read_any(r, s, r->pipeline_of[i], sizeof(r->pipeline_of[i]));
}

static int set_flow_overlap(struct mb_reader *r, void *to, const config_setting_t *s)
{
	struct bench_engine_opts o = { 0 };
	const char *text = config_setting_get_string(s);
	char why[256];

	if (!text || bench_engine_opts_set(&o, "overlap", text, why, sizeof(why)))
		return mb_bad(r, s, "%s", text ? why : "a policy's name is needed");
	r->wish[number_of(r, to)].overlap = (int)o.overlap;
	return 0;
}

static int set_flow_release(struct mb_reader *r, void *to, const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);
	char why[64];

	return mb_conf_release(&((struct mb_flow *)to)->release, text ? text : "", why, sizeof(why))
	           ? mb_bad(r, s, "%s", why)
	           : 0;
}

static int set_flow_fail(struct mb_reader *r, void *to, const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);
	char why[64];

	return mb_conf_fail(&((struct mb_flow *)to)->release, text ? text : "", why, sizeof(why))
	           ? mb_bad(r, s, "%s", why)
	           : 0;
}

static int set_flow_caps(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return read_caps(r, &r->wish[number_of(r, to)].caps, s);
}

int mb_read_flows(struct mb_reader *r, void *to, const config_setting_t *s)
{
	static const struct mb_key keys[] = {
		{ "name", set_flow_name },         { "filter", set_filter },
		{ "interface", set_interface },    { "levels", set_levels },
		{ "pipeline", set_flow_pipeline }, { "overlap", set_flow_overlap },
		{ "release", set_flow_release },   { "fail", set_flow_fail },
		{ "caps", set_flow_caps },         { NULL, NULL },
	};
	struct mb_conf *c = to;
	int rc = 0;

	if (!config_setting_is_list(s) || config_setting_length(s) > MB_FLOWS_MAX)
		return mb_bad(r, s, "a list of at most %d groups is needed: ( { name = ...; }, ... )", MB_FLOWS_MAX);
	for (int i = 0; rc == 0 && i < config_setting_length(s); i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);
		struct mb_flow *f = &c->flow[c->flows];

		*f = (struct mb_flow){ .pipeline = -1 };
		r->wish[c->flows] = (struct mb_wish){ .overlap = -1, .at = e };
		c->flows++;
		rc = mb_read_group(r, f, e, keys);
		if (rc == 0 && !f->name)
			rc = mb_bad(r, e, "name is missing");
	}
	return rc;
}

/* --- all together -------------------------------------------------------------------------------------------------- */

static int find_pipelines(struct mb_reader *r)
{
	struct mb_conf *c = r->conf;

	for (unsigned i = 0; i < c->flows; i++) {
		if (!r->pipeline_at[i])
			continue;
		for (unsigned k = 0; k < c->pipelines; k++)
			if (strcmp(c->pipeline[k].name, r->pipeline_of[i]) == 0)
				c->flow[i].pipeline = (int)k;
		if (c->flow[i].pipeline < 0)
			return mb_bad(r, r->pipeline_at[i], "no pipeline is named %s", r->pipeline_of[i]);
	}
	return 0;
}

static int agree_overlap(struct mb_reader *r)
{
	struct mb_conf *c = r->conf;

	if (!r->overlap_given && c->flows && r->wish[0].overlap >= 0)
		c->engine.overlap = (enum fos_overlap)r->wish[0].overlap;
	for (unsigned i = 0; i < c->flows; i++) {
		bool said = r->wish[i].overlap >= 0;
		bool first = !r->overlap_given && r->wish[0].overlap >= 0;

		if (said ? r->wish[i].overlap != (int)c->engine.overlap : first)
			return mb_bad(r, r->wish[i].at,
			              "overlap: %s here and %s elsewhere: one policy for each flow is not built yet",
			              said ? fos_overlap_name((enum fos_overlap)r->wish[i].overlap) : "nothing",
			              fos_overlap_name(c->engine.overlap));
	}
	return 0;
}

static int agree_caps(struct mb_reader *r)
{
	struct mb_caps *all = &r->conf->caps, none = { 0 };
	bool given = memcmp(all, &none, sizeof(none)) != 0;

	if (!given && r->conf->flows)
		*all = r->wish[0].caps;
	for (unsigned i = 0; i < r->conf->flows; i++) {
		const struct mb_caps *w = &r->wish[i].caps;

		if (memcmp(w, all, sizeof(*w)) != 0 && (!given || memcmp(w, &none, sizeof(none)) != 0))
			return mb_bad(r, r->wish[i].at,
			              "caps differ from those elsewhere: caps for each flow are not built yet");
	}
	return 0;
}

int mb_flows_done(struct mb_reader *r)
{
	int rc = find_pipelines(r);

	if (rc == 0)
		rc = agree_overlap(r);
	return rc ? rc : agree_caps(r);
}
