/* SPDX-License-Identifier: BSD-2-Clause
 *
 * json_out.c: a result as JSON. Keys are in the order of the interface.
 *
 * Jansson's setters steal references and fail on NULL, so that a chain of puts needs one check: `bad` is sticky.
 */
#include "json_out.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json_out_text.h"
#include "result_fields.h"
#include "result_file.h"

struct put {
	json_t *object;
	bool bad;
};

static void put(struct put *p, const char *key, json_t *value)
{
	p->bad |= json_object_set_new(p->object, key, value) != 0;
}

static json_t *integer(uint64_t value)
{
	if (value > INT64_MAX)
		return json_sprintf("%llu", (unsigned long long)value);
	return json_integer((json_int_t)value);
}

/* 15 digits: enough for a clock, and 0.1 stays 0.1. */
static json_t *number(double value)
{
	if (!isfinite(value))
		return json_null();
	if (value >= -1e15 && value <= 1e15 && value - trunc(value) == 0)
		return json_integer((json_int_t)value);
	return json_real(value);
}

static json_t *real(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *text(const char *s)
{
	return s ? bench_json_text(s) : json_null();
}

static json_t *done(struct put *p)
{
	if (p->object && !p->bad)
		return p->object;
	json_decref(p->object);
	return NULL;
}

static json_t *pairs(const struct bench_pairs *list)
{
	struct put p = { .object = json_object() };

	for (size_t i = 0; i < list->count; i++) {
		const struct bench_pair *at = &list->at[i];

		put(&p, at->key, at->text ? text(at->text) : number(at->number));
	}
	return done(&p);
}

static json_t *reals(const double *value, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		if (json_array_append_new(array, real(value[i]))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *seconds(const struct bench_seconds *s)
{
	struct put p = { .object = json_object() };

	if (s->count == 0) {
		json_decref(p.object);
		return json_null();
	}
	put(&p, "median", real(s->median));
	put(&p, "min", real(s->min));
	put(&p, "max", real(s->max));
	put(&p, "ci95", reals(s->ci95, 2));
	put(&p, "samples", reals(s->samples, s->count));
	return done(&p);
}

static void put_fields(struct put *p, const struct bench_run *run, const struct bench_group *g, bool known)
{
	for (size_t i = 0; i < g->count; i++) {
		const void *at = bench_field_at(run, g->field[i].offset);
		json_t *value;

		if (!known)
			value = json_null();
		else if (g->field[i].kind == BENCH_U64)
			value = integer(*(const uint64_t *)at);
		else
			value = real(*(const double *)at);
		put(p, g->field[i].key, value);
	}
}

static json_t *group(const struct bench_run *run, const struct bench_group *g)
{
	struct put p = { .object = NULL };

	if (!bench_group_known(g, run))
		return json_null();
	p.object = json_object();
	if (strcmp(g->key, "streams") == 0)
		put(&p, "reference", text(run->streams.reference));
	put_fields(&p, run, g, true);
	return done(&p);
}

static json_t *drops(const struct bench_run *run)
{
	struct put p = { .object = json_object() };

	for (size_t i = 0; i < run->drop_count; i++)
		put(&p, run->drops[i].reason, integer(run->drops[i].count));
	return done(&p);
}

/* An array of {"name", "report"}: the same module may stand in several stages. */
static json_t *modules(const struct bench_run *run)
{
	json_t *array = json_array();

	for (size_t i = 0; i < run->module_count; i++) {
		struct put p = { .object = json_object() };

		put(&p, "name", text(run->modules[i].name));
		put(&p, "report", json_incref(run->modules[i].report));
		if (json_array_append_new(array, done(&p))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *peers(const struct bench_run *run)
{
	json_t *array = json_array();

	for (size_t i = 0; i < run->peer_count; i++) {
		struct put p = { .object = json_object() };

		put(&p, "name", text(run->peers[i].name));
		put(&p, "seconds", seconds(&run->peers[i].seconds));
		put(&p, "bytes", run->peers[i].bytes ? integer(run->peers[i].bytes) : json_null());
		put(&p, "ratio", real(run->peers[i].ratio));
		put(&p, "ratio_ci95", reals(run->peers[i].ratio_ci95, 2));
		if (json_array_append_new(array, done(&p))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *run_object(const struct bench_run *run)
{
	struct put p = { .object = json_object() };

	for (size_t i = 0; i < bench_run_group_count; i++) {
		const struct bench_group *g = &bench_run_groups[i];

		if (bench_group_timed(g))
			put(&p, "seconds", seconds(&run->seconds));
		if (g->key)
			put(&p, g->key, group(run, g));
		else
			put_fields(&p, run, g, !bench_group_timed(g) || run->seconds.count);
	}
	put(&p, "drops", drops(run));
	put(&p, "noisy", json_boolean(run->noisy));
	put(&p, "axes", pairs(&run->axes));
	if (run->mapped_ahead)
		put(&p, "mapped_ahead", json_true());
	put(&p, "partial", json_boolean(run->partial));
	if (run->partial_reason)
		put(&p, "partial_reason", text(run->partial_reason));
	if (run->error)
		put(&p, "error", text(run->error));
	if (run->module_count)
		put(&p, "modules", modules(run));
	if (run->peer_count)
		put(&p, "peers", peers(run));
	return done(&p);
}

json_t *bench_json_machine(const struct bench_machine *m)
{
	struct put p = { .object = json_object() };

	put(&p, "cpu", text(m->cpu));
	put(&p, "cores", m->cores ? integer(m->cores) : json_null());
	put(&p, "memory_bytes", m->memory_bytes ? integer(m->memory_bytes) : json_null());
	put(&p, "arch", text(m->arch));
	put(&p, "hypervisor", text(m->hypervisor));
	put(&p, "governor", text(m->governor));
	put(&p, "kernel", text(m->kernel));
	put(&p, "distro", text(m->distro));
	put(&p, "compiler", text(m->compiler));
	put(&p, "flags", text(m->flags));
	put(&p, "commit", text(m->commit));
	return done(&p);
}

json_t *bench_json_result(const struct bench_result *r)
{
	struct put p = { .object = json_object() }, trace = { .object = json_object() };
	json_t *command = json_array(), *runs = json_array();

	put(&p, "schema", json_integer(BENCH_SCHEMA));
	put(&p, "flowos", text(r->flowos));
	for (size_t i = 0; i < r->command_count; i++)
		p.bad |= json_array_append_new(command, text(r->command[i])) != 0;
	put(&p, "command", command);
	put(&trace, "name", text(r->trace_name));
	put(&trace, "sha256", text(r->trace_sha256));
	put(&p, "trace", done(&trace));
	put(&p, "seed", integer(r->seed));
	put(&p, "impair", pairs(&r->impair));
	put(&p, "machine", bench_json_machine(&r->machine));
	for (size_t i = 0; i < r->run_count; i++)
		p.bad |= json_array_append_new(runs, run_object(&r->runs[i])) != 0;
	put(&p, "runs", runs);
	return done(&p);
}

int bench_json_write(const struct bench_result *r, FILE *out)
{
	json_t *root = bench_json_result(r);
	int rc = 0;

	if (!root)
		return -ENOMEM;
	if (json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) || fputc('\n', out) == EOF)
		rc = -EIO;
	json_decref(root);
	return rc;
}

int bench_json_save(const struct bench_result *r, const char *path, char *err, size_t errlen)
{
	return bench_file_save(r, bench_json_write, path, err, errlen);
}
