/* SPDX-License-Identifier: BSD-2-Clause
 *
 * json_out_load.c: a result from JSON. What is there must have the right type; the message says where it has not.
 */
#include "json_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "result_fields.h"

struct load {
	char *err;
	size_t errlen;
	int rc;         /* sticky: the first thing that was wrong */
	char where[64]; /* "runs[3]." */
};

static void wrong(struct load *l, const char *key, const char *what)
{
	if (l->rc == 0)
		snprintf(l->err, l->errlen, "%s%s is not %s", l->where, key, what);
	l->rc = -EINVAL;
}

static void no_memory(struct load *l)
{
	if (l->rc == 0)
		snprintf(l->err, l->errlen, "out of memory");
	l->rc = -ENOMEM;
}

/* The value; NULL when it is missing or null. */
static json_t *get(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	return json_is_null(value) ? NULL : value;
}

static json_t *get_object(struct load *l, const json_t *object, const char *key)
{
	json_t *value = get(object, key);

	if (value && !json_is_object(value)) {
		wrong(l, key, "an object");
		return NULL;
	}
	return value;
}

static json_t *get_array(struct load *l, const json_t *object, const char *key)
{
	json_t *value = get(object, key);

	if (value && !json_is_array(value)) {
		wrong(l, key, "a list");
		return NULL;
	}
	return value;
}

static void get_text(struct load *l, const json_t *object, const char *key, char **out)
{
	const json_t *value = get(object, key);

	if (!value)
		return;
	if (!json_is_string(value))
		wrong(l, key, "a text");
	else if (bench_text_set(out, json_string_value(value)))
		no_memory(l);
}

static void get_u64(struct load *l, const json_t *object, const char *key, uint64_t *out)
{
	const json_t *value = get(object, key);
	char *end = NULL;

	if (!value)
		return;
	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		*out = (uint64_t)json_integer_value(value);
		return;
	}
	if (json_is_string(value) && json_string_value(value)[0] >= '0' && json_string_value(value)[0] <= '9') {
		errno = 0;
		*out = strtoull(json_string_value(value), &end, 10);
		if (*end == '\0' && errno == 0)
			return;
	}
	wrong(l, key, "a count");
}

static void get_f64(struct load *l, const json_t *object, const char *key, double *out)
{
	const json_t *value = get(object, key);

	if (value && !json_is_number(value))
		wrong(l, key, "a number");
	else if (value)
		*out = json_number_value(value);
}

static void get_bool(struct load *l, const json_t *object, const char *key, bool *out)
{
	const json_t *value = get(object, key);

	if (value && !json_is_boolean(value))
		wrong(l, key, "true or false");
	else if (value)
		*out = json_is_true(value);
}

static void get_two(struct load *l, const json_t *object, const char *key, double out[2])
{
	const json_t *array = get_array(l, object, key);

	if (!array)
		return;
	if (json_array_size(array) != 2 || !json_is_number(json_array_get(array, 0)) ||
	    !json_is_number(json_array_get(array, 1))) {
		wrong(l, key, "two numbers");
		return;
	}
	out[0] = json_number_value(json_array_get(array, 0));
	out[1] = json_number_value(json_array_get(array, 1));
}

static void get_pairs(struct load *l, const json_t *object, const char *name, struct bench_pairs *out)
{
	json_t *list = get_object(l, object, name);
	const char *key;
	json_t *value;
	int rc = 0;

	json_object_foreach(list, key, value)
	{
		if (json_is_string(value))
			rc = bench_pairs_set_text(out, key, json_string_value(value));
		else if (json_is_number(value))
			rc = bench_pairs_set_number(out, key, json_number_value(value));
		else
			wrong(l, name, "made of texts and numbers");
		if (rc)
			no_memory(l);
	}
}

static void get_seconds(struct load *l, const json_t *object, struct bench_seconds *out)
{
	const json_t *s = get_object(l, object, "seconds"), *samples;
	size_t n;

	if (!s)
		return;
	get_f64(l, s, "median", &out->median);
	get_f64(l, s, "min", &out->min);
	get_f64(l, s, "max", &out->max);
	get_two(l, s, "ci95", out->ci95);
	samples = get_array(l, s, "samples");
	n = json_array_size(samples);
	if (n == 0)
		return;
	out->samples = calloc(n, sizeof(*out->samples));
	if (!out->samples) {
		no_memory(l);
		return;
	}
	for (size_t i = 0; i < n; i++, out->count++) {
		if (!json_is_number(json_array_get(samples, i))) {
			wrong(l, "seconds.samples", "made of numbers");
			return;
		}
		out->samples[i] = json_number_value(json_array_get(samples, i));
	}
}

static void get_group(struct load *l, const json_t *object, const struct bench_group *g, struct bench_run *run)
{
	const json_t *from = g->key ? get_object(l, object, g->key) : object;

	if (!from)
		return;
	if (g->known != SIZE_MAX)
		*(bool *)((char *)run + g->known) = true;
	for (size_t i = 0; i < g->count; i++) {
		char *at = (char *)run + g->field[i].offset;

		if (g->field[i].kind == BENCH_U64)
			get_u64(l, from, g->field[i].key, (uint64_t *)(void *)at);
		else
			get_f64(l, from, g->field[i].key, (double *)(void *)at);
	}
	if (g->key && strcmp(g->key, "streams") == 0)
		get_text(l, from, "reference", &run->streams.reference);
}

static void get_drops(struct load *l, const json_t *object, struct bench_run *run)
{
	json_t *drops = get_object(l, object, "drops");
	const char *key;
	json_t *value;

	json_object_foreach(drops, key, value)
	{
		uint64_t count = 0;

		get_u64(l, drops, key, &count);
		if (l->rc == 0 && bench_run_drop(run, key, count))
			no_memory(l);
	}
}

static void get_modules(struct load *l, const json_t *object, struct bench_run *run)
{
	json_t *list = get_array(l, object, "modules");
	size_t i;
	json_t *at;

	json_array_foreach(list, i, at)
	{
		const json_t *name = get(at, "name");
		json_t *report = json_object_get(at, "report");

		if (!json_is_string(name) || !json_is_object(report))
			wrong(l, "modules", "made of names and reports");
		else if (bench_run_module(run, json_string_value(name), json_incref(report)))
			no_memory(l);
	}
}

static void get_peers(struct load *l, const json_t *object, struct bench_run *run)
{
	json_t *list = get_array(l, object, "peers");

	if (json_array_size(list) == 0)
		return;
	run->peers = calloc(json_array_size(list), sizeof(*run->peers));
	if (!run->peers) {
		no_memory(l);
		return;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *at = json_array_get(list, i);
		struct bench_peer *peer = &run->peers[run->peer_count++];

		get_text(l, at, "name", &peer->name);
		get_seconds(l, at, &peer->seconds);
		get_u64(l, at, "bytes", &peer->bytes);
		get_f64(l, at, "ratio", &peer->ratio);
		get_two(l, at, "ratio_ci95", peer->ratio_ci95);
		if (!peer->name)
			wrong(l, "peers", "made of named objects");
	}
}

static void get_run(struct load *l, const json_t *object, struct bench_run *run)
{
	for (size_t i = 0; i < bench_run_group_count; i++)
		get_group(l, object, &bench_run_groups[i], run);
	get_seconds(l, object, &run->seconds);
	get_drops(l, object, run);
	get_bool(l, object, "noisy", &run->noisy);
	get_pairs(l, object, "axes", &run->axes);
	get_bool(l, object, "mapped_ahead", &run->mapped_ahead);
	get_bool(l, object, "partial", &run->partial);
	get_text(l, object, "partial_reason", &run->partial_reason);
	get_text(l, object, "error", &run->error);
	get_modules(l, object, run);
	get_peers(l, object, run);
}

static void get_runs(struct load *l, const json_t *root, struct bench_result *r)
{
	json_t *runs = get_array(l, root, "runs");
	size_t i;
	json_t *at;

	json_array_foreach(runs, i, at)
	{
		struct bench_run *run;

		snprintf(l->where, sizeof(l->where), "runs[%zu]", i);
		if (!json_is_object(at)) {
			wrong(l, "", "an object");
			return;
		}
		run = bench_result_run(r);
		if (!run) {
			no_memory(l);
			return;
		}
		strcat(l->where, ".");
		get_run(l, at, run);
	}
	l->where[0] = '\0';
}

static void get_machine(struct load *l, const json_t *root, struct bench_machine *m)
{
	const json_t *from = get_object(l, root, "machine");

	if (!from)
		return;
	get_text(l, from, "cpu", &m->cpu);
	get_u64(l, from, "cores", &m->cores);
	get_u64(l, from, "memory_bytes", &m->memory_bytes);
	get_text(l, from, "arch", &m->arch);
	get_text(l, from, "hypervisor", &m->hypervisor);
	get_text(l, from, "governor", &m->governor);
	get_text(l, from, "kernel", &m->kernel);
	get_text(l, from, "distro", &m->distro);
	get_text(l, from, "compiler", &m->compiler);
	get_text(l, from, "flags", &m->flags);
	get_text(l, from, "commit", &m->commit);
}

static void get_command(struct load *l, const json_t *root, struct bench_result *r)
{
	json_t *list = get_array(l, root, "command");
	size_t n = json_array_size(list);

	r->command = calloc(n + 1, sizeof(*r->command));
	if (!r->command) {
		no_memory(l);
		return;
	}
	for (; r->command_count < n; r->command_count++) {
		const char *word = json_string_value(json_array_get(list, r->command_count));

		if (!word) {
			wrong(l, "command", "made of texts");
			return;
		}
		if (bench_text_set(&r->command[r->command_count], word)) {
			no_memory(l);
			return;
		}
	}
}

int bench_json_parse(const json_t *root, struct bench_result **out, char *err, size_t errlen)
{
	struct load l = { .err = err, .errlen = errlen };
	struct bench_result *r;
	const json_t *trace;

	if (!json_is_object(root) || json_integer_value(json_object_get(root, "schema")) != BENCH_SCHEMA ||
	    !json_is_array(json_object_get(root, "runs"))) {
		snprintf(err, errlen, "not a result of flowos-bench (schema %d)", BENCH_SCHEMA);
		return -EINVAL;
	}
	r = bench_result_create();
	if (!r) {
		no_memory(&l);
		return l.rc;
	}
	bench_text_set(&r->flowos, NULL);
	get_text(&l, root, "flowos", &r->flowos);
	get_command(&l, root, r);
	trace = get_object(&l, root, "trace");
	get_text(&l, trace, "name", &r->trace_name);
	get_text(&l, trace, "sha256", &r->trace_sha256);
	get_u64(&l, root, "seed", &r->seed);
	get_pairs(&l, root, "impair", &r->impair);
	get_machine(&l, root, &r->machine);
	get_runs(&l, root, r);
	if (l.rc) {
		bench_result_free(r);
		return l.rc;
	}
	*out = r;
	return 0;
}

int bench_json_load(const char *path, struct bench_result **out, char *err, size_t errlen)
{
	bool std = strcmp(path, "-") == 0;
	FILE *f = std ? stdin : fopen(path, "re");
	char inner[256] = "";
	json_error_t why;
	json_t *root;
	int rc;

	if (!f) {
		rc = -errno;
		snprintf(err, errlen, "%s: %s", path, strerror(-rc));
		return rc;
	}
	root = json_loadf(f, JSON_REJECT_DUPLICATES, &why);
	if (!std)
		fclose(f);
	if (!root) {
		snprintf(err, errlen, "%s: line %d: %s", path, why.line, why.text);
		for (char *p = err; *p; p++) /* the text may quote the file */
			*p = (unsigned char)*p < ' ' || *p == 127 ? ' ' : *p;
		return -EINVAL;
	}
	rc = bench_json_parse(root, out, inner, sizeof(inner));
	if (rc)
		snprintf(err, errlen, "%s: %s", path, inner);
	json_decref(root);
	return rc;
}
