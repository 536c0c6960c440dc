/* SPDX-License-Identifier: BSD-2-Clause
 *
 * plot_axis.c: reading values of axes.
 */
#include "plot_axis.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char sessions_key[] = "sessions";

static const struct {
	const char *key, *label;
} known_axis[] = {
	{ "sessions", "TCP sessions" },
	{ "reorder", "packets drawn for reordering" },
	{ "loss", "packets lost" },
	{ "dup", "packets sent twice" },
	{ "corrupt", "packets corrupted" },
	{ "truncate", "packets cut short" },
	{ "delay", "delay" },
	{ "workers", "engine threads" },
	{ "hole-wait", "wait for a hole" },
};

enum { IMPAIRMENTS_FROM = 1, IMPAIRMENTS_TO = 7 };

bool bench_axis_counts(const struct bench_run *run)
{
	return !run->error && run->seconds.count > 0;
}

/* "5%,depth=32": the number, its unit, and where the rest begins. */
static enum bench_axis_unit parse(const char *text, double *value, const char **rest)
{
	static const struct {
		const char *suffix;
		enum bench_axis_unit unit;
		double factor;
	} units[] = {
		{ "%", BENCH_AXIS_PERCENT, 1 }, { "ns", BENCH_AXIS_MS, 1e-6 }, { "us", BENCH_AXIS_MS, 1e-3 },
		{ "ms", BENCH_AXIS_MS, 1 },     { "s", BENCH_AXIS_MS, 1e3 },   { "k", BENCH_AXIS_PLAIN, 1e3 },
		{ "M", BENCH_AXIS_PLAIN, 1e6 }, { "", BENCH_AXIS_PLAIN, 1 },
	};
	char *end;

	if (!strchr("0123456789.", *text) || !*text)
		return BENCH_AXIS_TEXT;
	*value = strtod(text, &end);
	if (end == text || !isfinite(*value))
		return BENCH_AXIS_TEXT;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t len = strlen(units[i].suffix);

		if (strncmp(end, units[i].suffix, len) != 0 || (end[len] && end[len] != ','))
			continue;
		*value *= units[i].factor;
		*rest = end + len;
		return units[i].unit;
	}
	return BENCH_AXIS_TEXT;
}

const char *bench_axis_text(const struct bench_run *run, const char *key, char *buf, size_t len)
{
	const struct bench_pair *p = bench_pairs_find(&run->axes, key);

	if (key == sessions_key || (!p && strcmp(key, sessions_key) == 0))
		snprintf(buf, len, "%llu", (unsigned long long)run->sessions);
	else if (p)
		bench_pair_value(p, buf, len);
	else
		snprintf(buf, len, "none");
	return buf;
}

double bench_axis_value(const struct bench_run *run, const struct bench_axis *a)
{
	char text[256];
	const char *rest;
	double value = 0;

	bench_axis_text(run, a->key, text, sizeof(text));
	return parse(text, &value, &rest) == BENCH_AXIS_TEXT ? 0 : value;
}

/* Whether runs[i] has a value of the axis that no run before it has. */
static bool value_is_new(const struct bench_result *r, size_t i, const char *key)
{
	char mine[256], other[256];

	bench_axis_text(&r->runs[i], key, mine, sizeof(mine));
	for (size_t k = 0; k < i; k++) {
		if (bench_axis_counts(&r->runs[k]) &&
		    strcmp(bench_axis_text(&r->runs[k], key, other, sizeof(other)), mine) == 0)
			return false;
	}
	return true;
}

/* Numbers only when all have the same unit and the same rest ("none" counts as 0 of any). */
static void axis_read(const struct bench_result *r, struct bench_axis *a)
{
	char first_rest[256] = "", text[256];
	bool any = false;

	a->distinct = 0;
	a->unit = BENCH_AXIS_TEXT;
	a->min = INFINITY;
	a->max = -INFINITY;
	for (size_t i = 0; i < r->run_count; i++) {
		enum bench_axis_unit unit;
		double value = 0;
		const char *rest = "";

		if (!bench_axis_counts(&r->runs[i]))
			continue;
		a->distinct += value_is_new(r, i, a->key);
		bench_axis_text(&r->runs[i], a->key, text, sizeof(text));
		unit = parse(text, &value, &rest);
		if (strcmp(text, "none") != 0) {
			if (!any) {
				a->unit = unit;
				snprintf(first_rest, sizeof(first_rest), "%s", rest);
			}
			any = true;
			if (unit != a->unit || strcmp(rest, first_rest) != 0)
				a->unit = BENCH_AXIS_TEXT;
		}
		a->min = value < a->min ? value : a->min;
		a->max = value > a->max ? value : a->max;
	}
}

static int axis_rank(const struct bench_axis *a)
{
	for (int i = 0; i < IMPAIRMENTS_TO; i++) {
		if (strcmp(a->key, known_axis[i].key) == 0)
			return i < IMPAIRMENTS_FROM ? 0 : 1;
	}
	return 2;
}

static int axis_compare(const void *pa, const void *pb)
{
	const struct bench_axis *a = pa, *b = pb;
	bool ta = a->unit == BENCH_AXIS_TEXT || strcmp(a->key, "seed") == 0;
	bool tb = b->unit == BENCH_AXIS_TEXT || strcmp(b->key, "seed") == 0;

	if (ta != tb)
		return ta ? 1 : -1;
	if (a->distinct != b->distinct)
		return a->distinct > b->distinct ? -1 : 1;
	if (axis_rank(a) != axis_rank(b))
		return axis_rank(a) - axis_rank(b);
	return strcmp(a->key, b->key);
}

static bool key_seen(const struct bench_axis *list, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(list[i].key, key) == 0)
			return true;
	}
	return false;
}

int bench_axis_list(const struct bench_result *r, struct bench_axis **out, size_t *count)
{
	size_t most = 1, n = 0;
	struct bench_axis *list;

	for (size_t i = 0; i < r->run_count; i++)
		most += r->runs[i].axes.count;
	list = calloc(most, sizeof(*list));
	if (!list)
		return -ENOMEM;
	list[0].key = sessions_key;
	axis_read(r, &list[0]);
	n = list[0].distinct > 1;
	for (size_t i = 0; i < r->run_count; i++) {
		for (size_t k = 0; k < r->runs[i].axes.count; k++) {
			const char *key = r->runs[i].axes.at[k].key;

			if (key_seen(list, n, key) || strcmp(key, sessions_key) == 0)
				continue;
			list[n].key = key;
			axis_read(r, &list[n]);
			n += list[n].distinct > 1;
		}
	}
	qsort(list, n, sizeof(*list), axis_compare);
	*out = list;
	*count = n;
	return 0;
}

const char *bench_axis_label(const struct bench_axis *a, char *buf, size_t len)
{
	const char *label = a->key;
	const char *unit = a->unit == BENCH_AXIS_PERCENT ? " (%)" : a->unit == BENCH_AXIS_MS ? " (ms)" : "";

	for (size_t i = 0; i < sizeof(known_axis) / sizeof(known_axis[0]); i++) {
		if (strcmp(known_axis[i].key, a->key) == 0)
			label = known_axis[i].label;
	}
	snprintf(buf, len, "%s%s", label, unit);
	return buf;
}
