/* SPDX-License-Identifier: BSD-2-Clause
 *
 * json_out_report.c: the report writer that modules are handed, and adding reports up.
 */
#include "json_out.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_out_text.h"

enum { DEPTH_MAX = 15 };

static struct bench_report_json *writer(struct fos_report *r)
{
	return (struct bench_report_json *)(void *)r; /* the head is its first member */
}

static void fail(struct bench_report_json *w, int rc)
{
	if (w->error == 0)
		w->error = rc;
}

/* A key that is no UTF-8, such as a pattern of bytes, gets the name that it has without what is none, and a number where another one
 * has that. The caller frees it; NULL: no memory. */
static char *make_name(const json_t *top, const char *key)
{
	char *clean = bench_utf8_clean(key), *name = clean;

	for (unsigned n = 2; name && json_is_object(top) && json_object_get(top, name); n++) {
		if (name != clean)
			free(name);
		if (asprintf(&name, "%s #%u", clean, n) < 0)
			name = NULL;
	}
	if (name != clean)
		free(clean);
	return name;
}

static bool is_utf8(const char *s)
{
	size_t n = 1;

	for (; *s && n; s += n)
		n = bench_utf8_length(s);
	return n > 0;
}

static void add(struct bench_report_json *w, const char *key, json_t *value);

static void add_odd(struct bench_report_json *w, const char *key, json_t *value)
{
	char *name = make_name(w->stack[w->depth], key);

	if (name)
		add(w, name, value);
	else
		json_decref(value), fail(w, -ENOMEM);
	free(name);
}

/* Takes over `value`. */
static void add(struct bench_report_json *w, const char *key, json_t *value)
{
	if (key && !is_utf8(key)) {
		add_odd(w, key, value);
		return;
	}
	json_t *top = w->stack[w->depth];
	int rc = -EPROTO;

	if (w->error || !value) {
		fail(w, -ENOMEM);
		json_decref(value);
		return;
	}
	if (json_is_array(top) && !key)
		rc = json_array_append_new(top, value) ? -ENOMEM : 0;
	else if (json_is_object(top) && key && !json_object_get(top, key))
		rc = json_object_set_new(top, key, value) ? -ENOMEM : 0;
	else
		json_decref(value);
	if (rc)
		fail(w, rc);
}

static void report_u64(struct fos_report *r, const char *key, uint64_t value)
{
	if (value > INT64_MAX)
		add(writer(r), key, json_sprintf("%llu", (unsigned long long)value));
	else
		add(writer(r), key, json_integer((json_int_t)value));
}

static void report_f64(struct fos_report *r, const char *key, double value)
{
	add(writer(r), key, isfinite(value) ? json_real(value) : json_null());
}

static void report_str(struct fos_report *r, const char *key, const char *value)
{
	add(writer(r), key, value ? bench_json_text(value) : json_null());
}

static void descend(struct bench_report_json *w, const char *key, json_t *value)
{
	if (w->depth == DEPTH_MAX)
		fail(w, -EPROTO);
	add(w, key, value);
	if (w->error == 0)
		w->stack[++w->depth] = value;
}

static void report_begin(struct fos_report *r, const char *key)
{
	descend(writer(r), key, json_object());
}

static void report_begin_array(struct fos_report *r, const char *key)
{
	descend(writer(r), key, json_array());
}

static void report_end(struct fos_report *r)
{
	struct bench_report_json *w = writer(r);

	if (w->depth == 0)
		fail(w, -EPROTO);
	else if (w->error == 0)
		w->depth--;
}

static const struct fos_report_ops report_ops = {
	.u64 = report_u64,
	.f64 = report_f64,
	.str = report_str,
	.begin = report_begin,
	.begin_array = report_begin_array,
	.end = report_end,
};

void bench_report_json_init(struct bench_report_json *w)
{
	*w = (struct bench_report_json){ .report = { .ops = &report_ops }, .stack = { json_object() } };
	if (!w->stack[0])
		w->error = -ENOMEM;
}

json_t *bench_report_json_take(struct bench_report_json *w)
{
	json_t *whole = w->stack[0];

	if (w->depth)
		fail(w, -EPROTO);
	w->stack[0] = NULL;
	w->depth = 0;
	if (w->error == 0)
		return whole;
	json_decref(whole);
	return NULL;
}

static int add_value(json_t *into, const char *key, json_t *have, json_t *value)
{
	if (!have)
		return json_object_set(into, key, value);
	if (json_is_object(have) && json_is_object(value))
		return bench_report_json_add(have, value);
	if (json_is_integer(have) && json_is_integer(value))
		return json_integer_set(have, json_integer_value(have) + json_integer_value(value));
	if (json_is_number(have) && json_is_number(value))
		return json_object_set_new(into, key, json_real(json_number_value(have) + json_number_value(value)));
	return 0;
}

int bench_report_json_add(json_t *into, const json_t *from)
{
	json_t *copy = json_deep_copy(from), *value;
	const char *key;
	int rc = copy ? 0 : -1;

	json_object_foreach(copy, key, value)
	{
		if (rc == 0)
			rc = add_value(into, key, json_object_get(into, key), value);
	}
	json_decref(copy);
	return rc ? -ENOMEM : 0;
}
