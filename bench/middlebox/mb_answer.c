/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_answer.c: questions and answers of the control socket. See mb_answer.h.
 */
#include "mb_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_out_text.h"

struct command {
	const char *name, *help;
	json_t *(*answer)(struct mb_box *b, const json_t *request, char *err, size_t errlen);
};

static json_t *no_memory(char *err, size_t errlen)
{
	snprintf(err, errlen, "no memory");
	return NULL;
}

static json_t *answer_stats(struct mb_box *b, const json_t *request, char *err, size_t errlen)
{
	struct mb_stats *st = malloc(sizeof(*st));
	json_t *all;

	(void)request;
	if (!st)
		return no_memory(err, errlen);
	mb_box_stats(b, st);
	all = mb_stats_json(st);
	free(st);
	return all ? all : no_memory(err, errlen);
}

static void set_text(json_t *o, const char *key, const char *value)
{
	if (value)
		json_object_set_new(o, key, bench_json_text(value));
}

/* Flows as they are configured, and how many sessions each has now. */
struct counting {
	const struct mb_conf *conf;
	uint64_t now[MB_FLOWS_MAX], half_open[MB_FLOWS_MAX], looked;
	uint32_t from;
};

static int count_one(void *arg, const struct fos_session *s)
{
	struct counting *c = arg;

	for (unsigned i = 0; i < c->conf->flows; i++) {
		if (strcmp(c->conf->flow[i].name, fos_session_flow(s)) == 0) {
			c->now[i]++;
			c->half_open[i] += fos_session_half_open(s);
			break;
		}
	}
	return 0;
}

static void count_some(struct mb_worker *w, void *arg)
{
	struct counting *c = arg;

	c->from = fos_worker_sessions(w->engine, c->from, MB_LOOKS, count_one, c);
	c->looked += MB_LOOKS;
}

static json_t *flow_json(const struct mb_conf *c, unsigned i, const struct counting *n)
{
	const struct mb_flow *f = &c->flow[i];
	const struct mb_pipeline *p = f->pipeline >= 0 ? &c->pipeline[f->pipeline] : NULL;
	json_t *o = json_object(), *stages = json_array();

	set_text(o, "name", f->name);
	set_text(o, "filter", f->filter);
	set_text(o, "interface", f->interface);
	set_text(o, "levels", f->levels);
	set_text(o, "pipeline", p ? p->name : NULL);
	for (unsigned k = 0; p && k < p->stages; k++)
		json_array_append_new(stages, bench_json_text(p->stage[k]));
	json_object_set_new(o, "stages", stages);
	enum fos_release how = mb_conf_flow_release(c, f);

	set_text(o, "release", how == FOS_RELEASE_TAP ? "tap" : "gate");
	if (how != FOS_RELEASE_TAP)
		set_text(o, "fail", how == FOS_RELEASE_OPEN ? "open" : "closed");
	set_text(o, "overlap", fos_overlap_name(c->engine.overlap));
	json_object_set_new(o, "sessions", json_integer((json_int_t)n->now[i]));
	json_object_set_new(o, "half_open", json_integer((json_int_t)n->half_open[i]));
	return o;
}

static json_t *answer_flows(struct mb_box *b, const json_t *request, char *err, size_t errlen)
{
	struct counting n = { .conf = b->conf };
	json_t *list = json_array(), *all = json_object();
	bool whole = true;

	(void)request, (void)err, (void)errlen;
	for (unsigned i = 0; i < b->made; i++) {
		n.from = 0;
		n.looked = 0;
		do
			whole &= mb_worker_ask(&b->worker[i], count_some, &n) == 0;
		while (n.from && whole && n.looked < MB_LOOKS_MAX);
		whole &= n.from == 0;
	}
	for (unsigned i = 0; i < b->conf->flows; i++)
		json_array_append_new(list, flow_json(b->conf, i, &n));
	json_object_set_new(all, "flows", list);
	json_object_set_new(all, "complete", json_boolean(whole)); /* else the counts are of a part of the sessions */
	return all;
}

static json_t *answer_version(struct mb_box *b, const json_t *request, char *err, size_t errlen)
{
	(void)b, (void)request, (void)err, (void)errlen;
	return json_pack("{s:s}", "version", FLOWOS_VERSION);
}

static json_t *answer_help(struct mb_box *b, const json_t *request, char *err, size_t errlen);

static const struct command commands[] = {
	{ "flows", "the flows, and how many sessions each has", answer_flows },
	{ "sessions", "sessions, page by page", mb_answer_sessions },
	{ "stats", "everything that is counted", answer_stats },
	{ "version", "the version that runs", answer_version },
	{ "help", "the commands", answer_help },
	{ NULL, NULL, NULL },
};

static const char *const later[] = { "attach", "detach", "migrate", "msg", "top", NULL };

static json_t *answer_help(struct mb_box *b, const json_t *request, char *err, size_t errlen)
{
	json_t *all = json_object();

	(void)b, (void)request, (void)err, (void)errlen;
	for (const struct command *c = commands; c->name; c++)
		json_object_set_new(all, c->name, json_string(c->help));
	return all;
}

static json_t *run(struct mb_box *b, const json_t *request, char *err, size_t errlen)
{
	const char *name = json_string_value(json_object_get(request, "command"));

	if (!json_is_object(request) || !name) {
		snprintf(err, errlen, "a question is {\"command\": NAME, ...}");
		return NULL;
	}
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c->answer(b, request, err, errlen);
	for (int i = 0; later[i]; i++) {
		if (strcmp(later[i], name) == 0) {
			snprintf(err, errlen, "%s is not built yet", name);
			return NULL;
		}
	}
	snprintf(err, errlen, "%.32s: no such command; help lists them", name);
	return NULL;
}

char *mb_answer(struct mb_box *b, const char *line, size_t len)
{
	char err[512] = "", *text, *out = NULL;
	json_error_t wrong;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &wrong), *result = NULL, *answer, *id;

	if (request)
		result = run(b, request, err, sizeof(err));
	else
		snprintf(err, sizeof(err), "no JSON: %.100s", wrong.text);
	if (result)
		answer = json_pack("{s:b,s:s,s:O,s:o}", "ok", 1, "flowos", FLOWOS_VERSION, "command",
		                   json_object_get(request, "command"), "result", result);
	else
		answer = json_pack("{s:b,s:s,s:o}", "ok", 0, "flowos", FLOWOS_VERSION, "error", bench_json_text(err));
	id = json_object_get(request, "id"); /* whatever it is, it comes back */
	if (answer && id)
		json_object_set(answer, "id", id);
	text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	if (text && asprintf(&out, "%s\n", text) < 0)
		out = NULL;
	free(text);
	json_decref(answer);
	json_decref(request);
	return out;
}
