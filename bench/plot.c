/* SPDX-License-Identifier: BSD-2-Clause
 *
 * plot.c: from a result to a picture's bytes: data, script, gnuplot.
 */
#include "plot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "plot_data.h"
#include "plot_gnuplot.h"
#include "plot_script.h"
#include "result_file.h"

int bench_plot_format(const char *path, enum bench_plot_format *out, char *err, size_t errlen)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');

	if (dot && strcasecmp(dot, ".svg") == 0) {
		*out = BENCH_PLOT_SVG;
		return 0;
	}
	if (dot && strcasecmp(dot, ".png") == 0) {
		*out = BENCH_PLOT_PNG;
		return 0;
	}
	snprintf(err, errlen, "%s: a plot's file name ends in .svg or .png", path);
	return -EINVAL;
}

/* Does one of these marks stand here, before a name that must be unique in a page? */
static size_t id_mark(const char *s)
{
	static const char *const mark[] = { " id='", " id=\"", "href='#", "href=\"#", "url(#" };

	for (size_t i = 0; i < sizeof(mark) / sizeof(mark[0]); i++) {
		if (strncmp(s, mark[i], strlen(mark[i])) == 0)
			return strlen(mark[i]);
	}
	return 0;
}

static const char *skip_element(const char *s, const char *open, const char *close)
{
	const char *end = strncmp(s, open, strlen(open)) == 0 ? strstr(s, close) : NULL;

	return end ? end + strlen(close) : s;
}

/* The <svg> element alone; ids get a prefix, titles (browsers show them as tool tips) are dropped. */
static int inline_svg(const char *svg, const char *prefix, char **out, size_t *len)
{
	const char *s = strstr(svg, "<svg");
	FILE *f = s ? open_memstream(out, len) : NULL;

	if (!f)
		return s ? -ENOMEM : -EIO;
	while (*s) {
		size_t mark = id_mark(s);
		const char *next = skip_element(s, "<title>", "</title>");

		if (next == s)
			next = skip_element(s, "<desc>", "</desc>");
		if (next != s) {
			s = next;
		} else if (mark) {
			fwrite(s, 1, mark, f);
			fprintf(f, "%s-", prefix);
			s += mark;
		} else {
			fputc(*s++, f);
		}
	}
	return fclose(f) ? -ENOMEM : 0;
}

static int script_of(const struct bench_result *r, const struct bench_plot_view *view, char **script, size_t *len)
{
	struct bench_plot_data data;
	int rc = bench_plot_data_choose(r, view->x, &data);
	FILE *f;

	if (rc)
		return rc;
	f = open_memstream(script, len);
	if (f)
		bench_plot_script(r, &data, view, f);
	bench_plot_data_clear(&data);
	return f && fclose(f) == 0 ? 0 : -ENOMEM;
}

int bench_plot_render(const struct bench_result *r, const struct bench_plot_view *view, char **data, size_t *len,
                      char *err, size_t errlen)
{
	struct bench_plot_view v = *view;
	char *script = NULL, *raw;
	size_t script_len;
	int rc;

	v.width = v.width ? v.width : 1000;
	v.height = v.height ? v.height : 620;
	rc = script_of(r, &v, &script, &script_len);
	if (rc) {
		snprintf(err, errlen, "nothing to plot: %s",
		         rc == -ENODATA  ? "no run was timed"
		         : rc == -EINVAL ? "no such axis"
		                         : strerror(-rc));
		return rc;
	}
	rc = bench_gnuplot_run(script, script_len, data, len, err, errlen);
	free(script);
	if (rc || v.format != BENCH_PLOT_INLINE)
		return rc;
	raw = *data;
	rc = inline_svg(raw, v.id ? v.id : "plot", data, len);
	free(raw);
	if (rc)
		snprintf(err, errlen, "gnuplot wrote no SVG");
	return rc;
}

int bench_plot_save(const struct bench_result *r, const char *path, char *err, size_t errlen)
{
	struct bench_plot_view view = { 0 };
	char *data;
	size_t len;
	int rc = bench_plot_format(path, &view.format, err, errlen);

	if (rc == 0)
		rc = bench_plot_render(r, &view, &data, &len, err, errlen);
	if (rc)
		return rc;
	rc = bench_file_save_bytes(path, data, len, err, errlen);
	free(data);
	return rc;
}
