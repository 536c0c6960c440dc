/* SPDX-License-Identifier: BSD-2-Clause
 *
 * plot_script.c: the look of the plots. Two panels with one x axis: Gbit/s above, Mpps below.
 *
 * Texts that come from outside stand in single quotes, in which gnuplot substitutes nothing, and text is not
 * "enhanced", so that {, _ and ^ are themselves.
 */
#include "plot_script.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json_out_text.h"
#include "result_format.h"

/* Okabe and Ito's colours, told apart by the colour-blind too; the yellow is too faint on white. */
static const char *const palette[] = { "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666" };
static const int shapes[] = { 7, 5, 9, 13, 11, 6, 4 };

enum {
	COLOURS = sizeof(palette) / sizeof(palette[0]),
	KEY_MAX = 14, /* lines that a key names */
};

#define INK  "#222222"
#define PALE "#777777"
#define GRID "#E2E2E2"

struct panel {
	const char *label;
	double (*of)(const struct bench_run *run, double seconds);
	double low, high; /* from the bottom of the picture */
	int lines;        /* of the grid */
	bool last;
};

static double gbps_at(const struct bench_run *run, double seconds)
{
	return (double)run->wire_bytes * 8e-9 / seconds;
}

static double mpps_at(const struct bench_run *run, double seconds)
{
	return (double)run->packets * 1e-6 / seconds;
}

/* In single quotes, at most `most` characters of it. */
static void quote(FILE *out, const char *text, size_t most)
{
	char *clean = bench_utf8_clean(text);
	size_t n = 0;

	fputc('\'', out);
	for (const char *s = clean ? clean : ""; *s; n++) {
		size_t len = bench_utf8_length(s);

		if (n + 1 >= most && s[len]) {
			fputs("…", out);
			break;
		}
		if (*s == '\'')
			fputs("''", out);
		else if ((unsigned char)*s < 0x20 || *s == 0x7f)
			fputc(' ', out);
		else
			fwrite(s, 1, len, out);
		s += len;
	}
	fputc('\'', out);
	free(clean);
}

static bool narrow(const struct bench_plot_view *view)
{
	return view->width < 700;
}

static const char *title_of(const struct bench_plot_data *d, char *buf, size_t len)
{
	if (d->kind == BENCH_PLOT_SAMPLES)
		snprintf(buf, len, "Throughput of each repetition");
	else if (d->x_key && strcmp(d->x_key, "sessions") == 0)
		snprintf(buf, len, "Throughput by number of sessions");
	else if (d->x_key)
		snprintf(buf, len, "Throughput by %s%.*s", strstr(d->x_label, "(%)") ? "share of " : "",
		         (int)strcspn(d->x_label, "("), d->x_label);
	else
		snprintf(buf, len, "Throughput");
	return buf;
}

static void script_terminal(const struct bench_plot_view *view, FILE *out)
{
	int size = narrow(view) ? 12 : 14;

	fprintf(out, "set encoding utf8\nset pointsize %.1f\n", view->format == BENCH_PLOT_PNG ? 1.0 : 0.6);
	if (view->format == BENCH_PLOT_PNG)
		fprintf(out, "set terminal pngcairo noenhanced font 'sans-serif,%d' size %u,%u background '#ffffff'\n",
		        size - 3, view->width, view->height);
	else
		fprintf(out, "set terminal svg noenhanced font 'sans-serif,%d' size %u,%u%s\n", size, view->width,
		        view->height, view->format == BENCH_PLOT_SVG ? " background '#ffffff'" : " dynamic");
}

/* Title and two lines beneath, from the left. */
static void script_head(const struct bench_result *r, const struct bench_plot_data *d,
                        const struct bench_plot_view *view, FILE *out)
{
	char text[1024], number[24];
	const char *how;
	size_t chars = view->width / (narrow(view) ? 7 : 8);
	int small = (narrow(view) ? 11 : 12) - (view->format == BENCH_PLOT_PNG ? 2 : 0);
	double line = 19.0 / view->height, top = 1 - 24.0 / view->height;

	title_of(d, text, sizeof(text));
	fprintf(out, "set label 1 ");
	quote(out, text, chars);
	fprintf(out, " at screen %.4f,%.4f left font ',%d' tc rgb '" INK "'\nset label 2 ", 14.0 / view->width, top,
	        small + (narrow(view) ? 3 : 6));
	quote(out, bench_result_subject(r, text, sizeof(text)), chars + chars / 8);
	fprintf(out, " at screen %.4f,%.4f left font ',%d' tc rgb '" PALE "'\nset label 3 ", 14.0 / view->width,
	        top - line * 1.15, small);
	how = d->kind == BENCH_PLOT_SAMPLES ? "dashed: median, shaded: its 95 % interval"
	                                    : "median, bars: 95 % confidence interval";
	if (narrow(view))
		snprintf(text, sizeof(text), "%s", how);
	else
		snprintf(text, sizeof(text), "%s, %s cores; %s", r->machine.cpu ? r->machine.cpu : "unknown CPU",
		         bench_format_grouped(r->machine.cores, number, sizeof(number)), how);
	quote(out, text, chars + chars / 8);
	fprintf(out, " at screen %.4f,%.4f left font ',%d' tc rgb '" PALE "'\n", 14.0 / view->width, top - line * 2.05,
	        small);
}

static void script_axes(const struct bench_plot_data *d, FILE *out)
{
	double min = 0, max = 1;
	bool any = false;

	fputs("set border 3 lc rgb '" PALE "'\nset tics nomirror out scale 0.5 textcolor rgb '" INK "'\n"
	      "set grid xtics ytics lt 1 lc rgb '" GRID "' lw 1\nset mxtics 1\n"
	      "set style fill solid 0.85 noborder\n",
	      out);
	for (size_t i = 0; i < d->series_count; i++) {
		const struct bench_plot_series *s = &d->series[i];

		if (!any || s->at[0].x < min)
			min = s->at[0].x;
		if (!any || s->at[s->count - 1].x > max)
			max = s->at[s->count - 1].x;
		any = true;
	}
	if (d->kind == BENCH_PLOT_SAMPLES) {
		size_t n = d->series[0].at[0].run->seconds.count;

		fprintf(out, "set xrange [0.4:%zu.6]\nset xtics 1,%zu\nset grid noxtics\n", n, n / 20 + 1);
	} else if (d->kind == BENCH_PLOT_CLASSES) {
		fprintf(out, "set xrange [-0.6:%zu.6]\nset grid noxtics\n", d->class_count - 1);
	} else if (d->x_log) {
		fprintf(out, "set logscale x\nset xrange [%.9g:%.9g]\n", min / 1.3, max * 1.3);
	} else {
		double room = (max - min) * 0.03;

		fprintf(out, "set xrange [%.9g:%.9g]\n", min - room, max + room);
	}
}

static void script_classes(const struct bench_plot_data *d, FILE *out)
{
	fputs("set xtics (", out);
	for (size_t i = 0; i < d->class_count; i++) {
		fputs(i ? ", " : "", out);
		quote(out, d->classes[i], 24);
		fprintf(out, " %zu", i);
	}
	fputs(") noenhanced\n", out);
}

/* The key's lines in a narrow picture: two columns where the labels are short; 0: there is no key. */
static size_t key_rows(const struct bench_plot_data *d)
{
	if (d->series_count < 2 || d->series_count > KEY_MAX)
		return 0;
	for (size_t i = 0; i < d->series_count; i++) {
		if (strlen(d->series[i].label) > 14)
			return d->series_count;
	}
	return (d->series_count + 1) / 2;
}

/* Where the panels are: the key stands on the right, or, in a narrow picture, beneath. */
static void script_layout(const struct bench_plot_data *d, const struct bench_plot_view *view, FILE *out)
{
	bool key = key_rows(d) > 0;
	size_t longest = 0;
	double right;

	for (size_t i = 0; i < d->series_count; i++)
		longest = strlen(d->series[i].label) > longest ? strlen(d->series[i].label) : longest;
	longest = longest > 28 ? 28 : longest;
	right = key && !narrow(view) ? 68.0 + 7.8 * (double)longest : 24;
	fprintf(out, "set lmargin at screen %.4f\nset rmargin at screen %.4f\n",
	        (narrow(view) ? 62.0 : 76.0) / view->width, 1 - right / view->width);
	if (!key)
		fputs("set key off\n", out);
	else if (narrow(view))
		fprintf(out,
		        "set key at screen 0.5,%.4f center bottom horizontal Left reverse samplen 1.5 font ',11' "
		        "width 1 maxrows %zu\n",
		        6.0 / view->height, key_rows(d));
	else
		fprintf(out, "set key at screen %.4f,%.4f left top vertical Left reverse samplen 1.8 spacing 1.25\n",
		        1 - (right - 14) / view->width, 1 - 84.0 / view->height);
	fputs("set key tc rgb '" INK "'\n", out);
}

/* A block of x, median, low, high for every series. */
static void script_data(const struct bench_plot_data *d, const struct panel *p, FILE *out)
{
	for (size_t i = 0; i < d->series_count; i++) {
		const struct bench_plot_series *s = &d->series[i];
		double bar = 0.8 / (double)d->series_count;

		fprintf(out, "$d%zu << END\n", i);
		for (size_t k = 0; k < s->count; k++) {
			const struct bench_seconds *t = &s->at[k].run->seconds;
			double x = s->at[k].x;

			if (d->kind == BENCH_PLOT_CLASSES)
				x += ((double)i - (double)(d->series_count - 1) / 2) * bar;
			fprintf(out, "%.9g %.9g %.9g %.9g\n", x, p->of(s->at[k].run, t->median),
			        p->of(s->at[k].run, t->ci95[1]), p->of(s->at[k].run, t->ci95[0]));
		}
		fputs("END\n", out);
	}
}

/* The confidence interval: a line with a bar at each end. */
static void script_interval(size_t i, const char *colour, FILE *out)
{
	fprintf(out, "$d%zu using 1:3:(0):($4-$3) with vectors heads size screen 0.003,90 lc rgb '%s' lw 1.5 notitle",
	        i, colour);
}

static void script_series(const struct bench_plot_data *d, size_t i, FILE *out)
{
	const char *colour = palette[i % COLOURS];
	size_t dash = 1 + i / COLOURS;

	if (d->kind == BENCH_PLOT_CLASSES) {
		fprintf(out, "$d%zu using 1:2:(%.4f) with boxes lc rgb '%s' title ", i, 0.72 / (double)d->series_count,
		        colour);
		quote(out, d->series[i].label, 28);
		fputs(", ", out);
		script_interval(i, INK, out);
		return;
	}
	if (d->series[i].count > 1)
		fprintf(out, "$d%zu using 1:2 smooth unique with lines lc rgb '%s' lw 2 dt %zu notitle, ", i, colour,
		        dash);
	script_interval(i, colour, out);
	fprintf(out, ", $d%zu using 1:2 with points lc rgb '%s' pt %d notitle, ", i, colour, shapes[i % COLOURS]);
	fprintf(out, "NaN with linespoints lc rgb '%s' lw 2 dt %zu pt %d title ", colour, dash, shapes[i % COLOURS]);
	quote(out, d->series[i].label, 28);
}

static void script_samples(const struct bench_plot_data *d, const struct panel *p, FILE *out)
{
	const struct bench_run *run = d->series[0].at[0].run;
	const struct bench_seconds *t = &run->seconds;

	fprintf(out, "$s << END\n");
	for (size_t i = 0; i < t->count; i++)
		fprintf(out, "%zu %.9g\n", i + 1, p->of(run, t->samples[i]));
	fprintf(out,
	        "END\nset object 1 rectangle from graph 0, first %.9g to graph 1, first %.9g behind fc rgb '%s' "
	        "fs transparent solid 0.25 noborder\n",
	        p->of(run, t->ci95[1]), p->of(run, t->ci95[0]), palette[4]);
	fprintf(
	    out,
	    "plot $s using 1:2:(0.7) with boxes lc rgb '%s' notitle, %.9g with lines lc rgb '%s' lw 1.5 dt 2 notitle\n",
	    palette[0], p->of(run, t->median), palette[1]);
}

/* From 0 to a little above the highest value, with at most p->lines lines. */
static void script_y_range(const struct bench_plot_data *d, const struct panel *p, FILE *out)
{
	double most = 0, step;

	for (size_t i = 0; i < d->series_count; i++) {
		for (size_t k = 0; k < d->series[i].count; k++) {
			const struct bench_run *run = d->series[i].at[k].run;
			const struct bench_seconds *t = &run->seconds;
			double y = p->of(run, d->kind == BENCH_PLOT_SAMPLES ? t->min : t->ci95[0]);

			most = y > most ? y : most;
		}
	}
	if (!(most > 0))
		most = 1;
	step = pow(10, floor(log10(most / p->lines)));
	for (size_t i = 0; i < 3 && most / step > p->lines; i++)
		step *= i == 1 ? 2.5 : 2; /* 1, 2, 5, 10 */
	fprintf(out, "set yrange [0:%.9g]\nset ytics %.9g\n", most * 1.08, step);
}

/* The axes' names stand at fixed places, whatever the width of the numbers. */
static void script_names(const struct bench_plot_data *d, const struct panel *p, const struct bench_plot_view *view,
                         FILE *out)
{
	if (p->last)
		fputs("unset label\nset key off\n", out);
	fprintf(out, "set label 4 '%s' at screen %.4f,%.4f center rotate by 90 tc rgb '" INK "'\n", p->label,
	        18.0 / view->width, (p->low + p->high) / 2);
	if (p->last) {
		fputs("set label 5 ", out);
		quote(out, d->kind == BENCH_PLOT_SAMPLES ? "repetition" : d->x_label, 100);
		fprintf(out, " at graph 0.5, screen %.4f center tc rgb '" INK "'\n", p->low - 44.0 / view->height);
	}
	if (d->kind == BENCH_PLOT_NUMBERS)
		fprintf(out, "set format x '%s'\n", !p->last ? "" : d->x_log ? "%.0s%c" : "%g");
}

static void script_panel(const struct bench_plot_data *d, const struct panel *p, const struct bench_plot_view *view,
                         FILE *out)
{
	fprintf(out, "set bmargin at screen %.4f\nset tmargin at screen %.4f\n", p->low, p->high);
	script_y_range(d, p, out);
	if (d->kind == BENCH_PLOT_CLASSES)
		script_classes(d, out);
	script_names(d, p, view, out);
	if (d->kind == BENCH_PLOT_SAMPLES) {
		script_samples(d, p, out);
		return;
	}
	script_data(d, p, out);
	fputs("plot ", out);
	for (size_t i = 0; i < d->series_count; i++) {
		fputs(i ? ", " : "", out);
		script_series(d, i, out);
	}
	fputc('\n', out);
}

void bench_plot_script(const struct bench_result *r, const struct bench_plot_data *d,
                       const struct bench_plot_view *view, FILE *out)
{
	double height = view->height;
	double bottom = 62 / height, top = 1 - 86 / height, gap = 22 / height, middle;

	if (narrow(view))
		bottom += 17.0 * (double)key_rows(d) / height;
	if (d->kind != BENCH_PLOT_NUMBERS)
		gap += 16 / height;
	middle = bottom + (top - bottom - gap) * 0.42;
	script_terminal(view, out);
	fputs("set multiplot\n", out);
	script_head(r, d, view, out);
	script_axes(d, out);
	script_layout(d, view, out);
	script_panel(d, &(struct panel){ "Gbit/s", gbps_at, middle + gap, top, 8, false }, view, out);
	script_panel(d, &(struct panel){ "Mpps", mpps_at, bottom, middle, 6, true }, view, out);
	fputs("unset multiplot\n", out);
}
