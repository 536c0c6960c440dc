/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst_files.c: results of `flowos-bench worst` as files: JSON, CSV, a picture. Keys are added to, never changed.
 */
#include "worst_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "json_out.h"
#include "json_out_text.h"
#include "machine.h"
#include "plot.h"
#include "plot_gnuplot.h"
#include "result_file.h"
#include "worst_drops.h"

static json_t *streams(const struct worst_streams *s)
{
	return json_pack("{s:I, s:I, s:I}", "total", (json_int_t)s->total, "whole", (json_int_t)s->whole, "damaged",
	                 (json_int_t)s->damaged);
}

static json_t *bounds(const struct worst_result *r)
{
	json_t *all = json_object();

	for (int i = 0; i < WORST_BOUNDS; i++)
		json_object_set_new(
		    all, r->bound[i].name,
		    json_pack("{s:I, s:I}", "peak", (json_int_t)r->bound[i].peak, "cap", (json_int_t)r->bound[i].cap));
	return all;
}

static json_t *drops(const struct worst_result *r)
{
	json_t *all = json_object();

	for (size_t i = 0; i < worst_drop_count; i++) {
		uint64_t n = worst_drop_at(i, &r->st);

		if (n)
			json_object_set_new(all, worst_drop_name(i), json_integer((json_int_t)n));
	}
	return all;
}

static json_t *twin_of(const struct worst_result *r)
{
	if (!r->twin)
		return json_null();
	return json_pack("{s:f, s:f, s:f, s:[f, f], s:b, s:b}", "ns_per_packet", worst_ns(r, true), "seconds",
	                 r->twin_seconds, "ratio", r->ratio.ratio, "ratio_ci95", r->ratio.ci95[0], r->ratio.ci95[1],
	                 "judged", !r->c->known_seed, "over", worst_over_ratio(r));
}

static json_t *case_object(const struct worst_result *r)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:f, s:f, s:I, s:b, s:o, s:o, s:I, s:o, s:o, s:o, s:b, s:b, s:b}",
	                 "name", r->c->name, "about", r->c->about, "packets", (json_int_t)r->packets, "attack_packets",
	                 (json_int_t)r->attack_packets, "ns_per_packet", worst_ns(r, false), "seconds", r->seconds,
	                 "samples", (json_int_t)r->samples, "noisy", r->noisy, "twin", twin_of(r), "bounds", bounds(r),
	                 "growth_bytes", (json_int_t)r->growth_bytes, "drops", drops(r), "innocent",
	                 streams(&r->innocent), "attack", streams(&r->attack), "within_caps", !worst_over_cap(r),
	                 "innocents_whole", worst_innocents_whole(r), "holds", worst_holds(r));
}

static json_t *options(const struct worst_opts *o)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "segments", (json_int_t)o->segments, "innocent",
	                 (json_int_t)o->innocent, "payload", (json_int_t)o->payload, "repeat", (json_int_t)o->repeat);
}

static json_t *machine(void)
{
	struct bench_machine m = { 0 };
	json_t *object = bench_machine_read(&m, "") ? NULL : bench_json_machine(&m);

	bench_machine_clear(&m);
	return object;
}

static json_t *root_of(const struct worst_report *w)
{
	json_t *command = json_array(), *cases = json_array();
	int rc = 0;

	for (int i = 0; i < w->argc; i++)
		rc |= json_array_append_new(command, bench_json_text(w->argv[i]));
	for (size_t i = 0; i < w->n; i++)
		rc |= json_array_append_new(cases, case_object(&w->r[i]));
	json_t *root = json_pack("{s:i, s:s, s:o, s:I, s:o, s:o, s:f, s:o}", "schema", BENCH_SCHEMA, "flowos",
	                         FLOWOS_VERSION, "command", command, "seed", (json_int_t)w->o->seed, "machine",
	                         machine(), "options", options(w->o), "ratio_limit", worst_ratio_limit, "cases", cases);

	if (root && rc) {
		json_decref(root);
		root = NULL;
	}
	return root;
}

int worst_json_save(const struct worst_report *w, const char *path, char *err, size_t errlen)
{
	json_t *root = root_of(w);
	char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
	size_t len = text ? strlen(text) : 0;
	int rc;

	json_decref(root);
	if (!text) {
		snprintf(err, errlen, "%s: no memory", path);
		return -ENOMEM;
	}
	text[len] = '\n'; /* in the place of the zero */
	rc = bench_file_save_bytes(path, text, len + 1, err, errlen);
	free(text);
	return rc;
}

static void csv_head(FILE *out)
{
	fputs("case,packets,attack_packets,ns_per_packet,twin_ns_per_packet,ratio,ratio_low,ratio_high,over,samples",
	      out);
	fputs(",held_peak,held_cap,held_direction_peak,held_direction_cap,kept_peak,kept_cap,sessions_peak,sessions_"
	      "cap,fragments_peak,fragments_cap,fragment_"
	      "bytes_peak",
	      out);
	fputs(",fragment_bytes_cap,growth_bytes,innocent_total,innocent_whole,innocent_damaged,holds", out);
	for (size_t i = 0; i < worst_drop_count; i++)
		fprintf(out, ",%s", worst_drop_name(i));
	fputc('\n', out);
}

static void csv_row(const struct worst_result *r, FILE *out)
{
	fprintf(out, "%s,%llu,%llu,%.1f,", r->c->name, (unsigned long long)r->packets,
	        (unsigned long long)r->attack_packets, worst_ns(r, false));
	if (r->twin)
		fprintf(out, "%.1f,%.3f,%.3f,%.3f,%d", worst_ns(r, true), r->ratio.ratio, r->ratio.ci95[0],
		        r->ratio.ci95[1], worst_over_ratio(r));
	else
		fputs(",,,,0", out);
	fprintf(out, ",%u", r->samples);
	for (int i = 0; i < WORST_BOUNDS; i++)
		fprintf(out, ",%llu,%llu", (unsigned long long)r->bound[i].peak, (unsigned long long)r->bound[i].cap);
	fprintf(out, ",%llu,%llu,%llu,%llu,%d", (unsigned long long)r->growth_bytes,
	        (unsigned long long)r->innocent.total, (unsigned long long)r->innocent.whole,
	        (unsigned long long)r->innocent.damaged, worst_holds(r));
	for (size_t i = 0; i < worst_drop_count; i++)
		fprintf(out, ",%llu", (unsigned long long)worst_drop_at(i, &r->st));
	fputc('\n', out);
}

int worst_csv_save(const struct worst_report *w, const char *path, char *err, size_t errlen)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int rc = -ENOMEM;

	if (out) {
		csv_head(out);
		for (size_t i = 0; i < w->n; i++)
			csv_row(&w->r[i], out);
		rc = fclose(out) ? -ENOMEM : 0;
	}
	if (rc)
		snprintf(err, errlen, "%s: no memory", path);
	else
		rc = bench_file_save_bytes(path, text, len, err, errlen);
	free(text);
	return rc;
}

/* Bars from the top down, the limit as a line; a logarithmic axis, so that the worst does not hide the rest. */
static void script(const struct worst_report *w, enum bench_plot_format format, FILE *out)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		n += w->r[i].twin;
	fprintf(out, "set terminal %s size 1000,%zu %s\n", format == BENCH_PLOT_PNG ? "pngcairo" : "svg", 160 + 24 * n,
	        format == BENCH_PLOT_PNG ? "font 'sans,10'" : "font 'sans-serif,13' background '#FFFFFF'");
	fputs("set border 3 lc rgb '#777777'\nset tics nomirror out\nset grid x lc rgb '#E2E2E2' lt 1\nunset key\n",
	      out);
	fputs("set logscale x 10\nset format x '%g'\nset style fill solid\n", out);
	fprintf(out, "set title 'What an attack costs: time per packet, as a multiple of its twin (seed %llu)'\n",
	        (unsigned long long)w->o->seed);
	fprintf(out, "set xlabel 'ratio of medians, 95 %% interval; the line is the limit, %g'\n", worst_ratio_limit);
	fprintf(out, "set yrange [%zu.6:0.4]\nset xrange [0.1:*]\n$d << EOD\n", n);
	n = 0;
	for (size_t i = 0; i < w->n; i++) {
		const struct worst_result *r = &w->r[i];

		if (r->twin)
			fprintf(out, "%zu \"%s\" %g %g %g %d\n", ++n, r->c->name, r->ratio.ratio, r->ratio.ci95[0],
			        r->ratio.ci95[1],
			        r->c->known_seed      ? 0x999999
			        : worst_over_ratio(r) ? 0xD55E00
			                              : 0x0072B2);
	}
	fprintf(out, "EOD\nset arrow from %g, graph 0 to %g, graph 1 nohead lc rgb '#222222' dt 2 front\n",
	        worst_ratio_limit, worst_ratio_limit);
	fputs("plot $d using (sqrt(0.1*$3)):1:(0.1):3:($1-0.35):($1+0.35):6:ytic(2) with boxxyerror lc rgb variable, "
	      "$d using 3:1:4:5 with xerrorbars lc rgb '#222222' pt 7 ps 0.3\n",
	      out);
}

int worst_plot_save(const struct worst_report *w, const char *path, char *err, size_t errlen)
{
	enum bench_plot_format format;
	char *text = NULL, *data = NULL;
	size_t len = 0, size = 0, twins = 0;
	int rc = bench_plot_format(path, &format, err, errlen);
	FILE *out;

	if (rc)
		return rc;
	for (size_t i = 0; i < w->n; i++)
		twins += w->r[i].twin;
	if (!twins) {
		snprintf(err, errlen, "%s: nothing to plot: no case has a twin", path);
		return -ENODATA;
	}
	out = open_memstream(&text, &len);
	if (out)
		script(w, format, out);
	if (!out || fclose(out)) {
		snprintf(err, errlen, "%s: no memory", path);
		rc = -ENOMEM;
	}
	if (rc == 0)
		rc = bench_gnuplot_run(text, len, &data, &size, err, errlen);
	if (rc == 0)
		rc = bench_file_save_bytes(path, data, size, err, errlen);
	free(data);
	free(text);
	return rc;
}
