/* SPDX-License-Identifier: BSD-2-Clause
 *
 * plot_data.c: sorts a result's runs into lines or bars.
 *
 * The axis with the most values lies along the bottom; every combination of the others' values is a line of its own.
 * The seed is neither: runs that differ by it alone are points of one line.
 */
#include "plot_data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plot_axis.h"
#include "result_format.h"

static int point_compare(const void *pa, const void *pb)
{
	const struct bench_plot_point *a = pa, *b = pb;

	return (a->x > b->x) - (a->x < b->x);
}

/* "reorder 5%, 1,000 sessions": the run's values on the axes other than `x`. */
static void series_label(const struct bench_run *run, const struct bench_axis *axes, size_t count, const char *x,
                         char *buf, size_t len)
{
	char value[256];
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < count && at < len; i++) {
		const char *comma = at ? ", " : "";

		if (strcmp(axes[i].key, x) == 0 || strcmp(axes[i].key, "seed") == 0)
			continue;
		if (strcmp(axes[i].key, "sessions") == 0)
			at += (size_t)snprintf(buf + at, len - at, "%s%s session%s", comma,
			                       bench_format_grouped(run->sessions, value, sizeof(value)),
			                       run->sessions == 1 ? "" : "s");
		else
			at += (size_t)snprintf(buf + at, len - at, "%s%s %s", comma, axes[i].key,
			                       bench_axis_text(run, axes[i].key, value, sizeof(value)));
	}
}

static struct bench_plot_series *series_of(struct bench_plot_data *d, const char *label)
{
	struct bench_plot_series *s;

	for (size_t i = 0; i < d->series_count; i++) {
		if (strcmp(d->series[i].label, label) == 0)
			return &d->series[i];
	}
	s = reallocarray(d->series, d->series_count + 1, sizeof(*s));
	if (!s)
		return NULL;
	d->series = s;
	s += d->series_count;
	*s = (struct bench_plot_series){ .label = strdup(label) };
	if (!s->label)
		return NULL;
	d->series_count++;
	return s;
}

static int series_add(struct bench_plot_data *d, const char *label, double x, const struct bench_run *run)
{
	struct bench_plot_series *s = series_of(d, label);
	struct bench_plot_point *at = s ? reallocarray(s->at, s->count + 1, sizeof(*at)) : NULL;

	if (!at)
		return -ENOMEM;
	s->at = at;
	at[s->count++] = (struct bench_plot_point){ .x = x, .run = run };
	return 0;
}

static int fill_numbers(const struct bench_result *r, const struct bench_axis *axes, size_t count,
                        const struct bench_axis *x, struct bench_plot_data *d)
{
	char label[512];

	d->kind = BENCH_PLOT_NUMBERS;
	bench_axis_label(x, d->x_label, sizeof(d->x_label));
	d->x_log = x->min > 0 && (strcmp(x->key, "sessions") == 0 || x->max / x->min >= 64);
	d->x_key = strdup(x->key);
	if (!d->x_key)
		return -ENOMEM;
	for (size_t i = 0; i < r->run_count; i++) {
		const struct bench_run *run = &r->runs[i];

		if (!bench_axis_counts(run))
			continue;
		series_label(run, axes, count, x->key, label, sizeof(label));
		if (series_add(d, label, bench_axis_value(run, x), run))
			return -ENOMEM;
	}
	for (size_t i = 0; i < d->series_count; i++)
		qsort(d->series[i].at, d->series[i].count, sizeof(d->series[i].at[0]), point_compare);
	return 0;
}

static int class_of(struct bench_plot_data *d, const char *name, size_t *out)
{
	char **list;

	for (*out = 0; *out < d->class_count; ++*out) {
		if (strcmp(d->classes[*out], name) == 0)
			return 0;
	}
	list = reallocarray(d->classes, d->class_count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	d->classes = list;
	list[d->class_count] = strdup(name);
	if (!list[d->class_count])
		return -ENOMEM;
	d->class_count++;
	return 0;
}

/* x NULL: every combination is a bar. */
static int fill_classes(const struct bench_result *r, const struct bench_axis *axes, size_t count,
                        const struct bench_axis *x, struct bench_plot_data *d)
{
	char label[512] = "", name[512];
	int rc = 0;

	d->kind = BENCH_PLOT_CLASSES;
	if (x) {
		bench_axis_label(x, d->x_label, sizeof(d->x_label));
		d->x_key = strdup(x->key);
		rc = d->x_key ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < r->run_count && rc == 0; i++) {
		const struct bench_run *run = &r->runs[i];
		size_t at;

		if (!bench_axis_counts(run))
			continue;
		if (x) {
			bench_axis_text(run, x->key, name, sizeof(name));
			series_label(run, axes, count, x->key, label, sizeof(label));
		} else {
			snprintf(name, sizeof(name), "run %zu", i + 1);
		}
		rc = class_of(d, name, &at);
		if (rc == 0)
			rc = series_add(d, label, (double)at, run);
	}
	return rc;
}

static const struct bench_axis *axis_pick(const struct bench_axis *axes, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (!key || strcmp(axes[i].key, key) == 0)
			return &axes[i];
	}
	return NULL;
}

int bench_plot_data_choose(const struct bench_result *r, const char *x, struct bench_plot_data *out)
{
	struct bench_axis *axes;
	const struct bench_axis *pick;
	size_t count, timed = 0;
	int rc;

	*out = (struct bench_plot_data){ 0 };
	for (size_t i = 0; i < r->run_count; i++)
		timed += bench_axis_counts(&r->runs[i]);
	if (timed == 0)
		return -ENODATA;
	rc = bench_axis_list(r, &axes, &count);
	if (rc)
		return rc;
	pick = axis_pick(axes, count, x);
	if (x && !pick)
		rc = -EINVAL;
	else if (pick && pick->unit != BENCH_AXIS_TEXT)
		rc = fill_numbers(r, axes, count, pick, out);
	else if (pick || timed > 1)
		rc = fill_classes(r, axes, count, pick, out);
	for (size_t i = 0; !pick && !x && timed == 1 && i < r->run_count && rc == 0; i++) {
		if (bench_axis_counts(&r->runs[i]))
			rc = series_add(out, "", 0, &r->runs[i]);
	}
	free(axes);
	if (rc)
		bench_plot_data_clear(out);
	return rc;
}

int bench_plot_data_axis(const struct bench_result *r, size_t i, char **out)
{
	struct bench_axis *axes;
	size_t count;
	int rc = bench_axis_list(r, &axes, &count);

	*out = NULL;
	if (rc)
		return rc;
	if (i < count && axes[i].unit != BENCH_AXIS_TEXT && strcmp(axes[i].key, "seed") != 0) {
		*out = strdup(axes[i].key);
		rc = *out ? 0 : -ENOMEM;
	}
	free(axes);
	return rc;
}

void bench_plot_data_clear(struct bench_plot_data *d)
{
	for (size_t i = 0; i < d->series_count; i++) {
		free(d->series[i].label);
		free(d->series[i].at);
	}
	for (size_t i = 0; i < d->class_count; i++)
		free(d->classes[i]);
	free(d->series);
	free(d->classes);
	free(d->x_key);
	*d = (struct bench_plot_data){ 0 };
}
