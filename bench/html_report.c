/* SPDX-License-Identifier: BSD-2-Clause
 *
 * html_report.c: the report's frame: head, verdict, plots, machine.
 */
#include "html_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "html_report_out.h"
#include "json_out_text.h"
#include "plot.h"
#include "plot_data.h"
#include "result_file.h"
#include "result_format.h"
#include "result_verdict.h"

enum { PLOTS_MAX = 4 };

void bench_html_text(FILE *out, const char *text)
{
	while (*text) {
		size_t n = bench_utf8_length(text);

		if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '>')
			fputs("&gt;", out);
		else if (*text == '&')
			fputs("&amp;", out);
		else if (*text == '"')
			fputs("&quot;", out);
		else if (*text == '\'')
			fputs("&#39;", out);
		else if (n == 0 || (n == 1 && ((unsigned char)*text < 0x20 || *text == 0x7f) && *text != '\n'))
			fputs("\xef\xbf\xbd", out);
		else
			fwrite(text, 1, n, out);
		text += n ? n : 1;
	}
}

/* 0, or why there is no picture, in err. */
static int write_figure(const struct bench_result *r, const char *axis, unsigned number, FILE *out, char *err,
                        size_t errlen)
{
	char id[2][16], *svg[2] = { NULL, NULL };
	struct bench_plot_view view = { .format = BENCH_PLOT_INLINE, .x = axis };
	size_t len;
	int rc = 0;

	for (unsigned k = 0; k < 2 && rc == 0; k++) {
		snprintf(id[k], sizeof(id[k]), "p%u%c", number, k ? 'n' : 'b');
		view.id = id[k];
		view.width = k ? 420 : 1000;
		view.height = k ? 520 : 620;
		rc = bench_plot_render(r, &view, &svg[k], &len, err, errlen);
	}
	if (rc == 0) {
		fputs("<figure role=\"img\" aria-label=\"throughput by ", out);
		bench_html_text(out, axis ? axis : "run");
		fprintf(out, "\"><div class=\"broad\">%s</div><div class=\"narrow\">%s</div></figure>\n", svg[0],
		        svg[1]);
	}
	free(svg[0]);
	free(svg[1]);
	return rc;
}

void bench_html_plots(const struct bench_result *r, FILE *out)
{
	char err[256] = "out of memory", *axis = NULL;
	unsigned number = 0;
	int rc = 0;

	fputs("<section><h2>Plots</h2>\n", out);
	for (; number < PLOTS_MAX && rc == 0; number++) {
		rc = bench_plot_data_axis(r, number, &axis);
		if (rc == 0 && !axis && number)
			break;
		if (rc == 0)
			rc = write_figure(r, axis, number, out, err, sizeof(err));
		free(axis);
	}
	if (rc) {
		fputs("<p class=\"soft\">No plot: ", out);
		bench_html_text(out, err);
		fputs(".</p>\n", out);
	}
	fputs("</section>\n", out);
}

static void write_fact(FILE *out, const char *key, const char *value)
{
	if (!value)
		return;
	fprintf(out, "<tr><th scope=\"row\">%s</th><td>", key);
	bench_html_text(out, value);
	fputs("</td></tr>\n", out);
}

static void write_machine(const struct bench_result *r, FILE *out)
{
	const struct bench_machine *m = &r->machine;
	char cores[32], memory[32], seed[32];

	fputs("<section><h2>Trace and machine</h2>\n<div class=\"wide-table\"><table class=\"facts\">\n", out);
	write_fact(out, "trace", r->trace_name);
	write_fact(out, "sha256", r->trace_sha256);
	snprintf(seed, sizeof(seed), "%" PRIu64, r->seed);
	write_fact(out, "seed", seed);
	write_fact(out, "flowos", r->flowos);
	write_fact(out, "commit", m->commit);
	write_fact(out, "cpu", m->cpu);
	write_fact(out, "cores", m->cores ? bench_format_grouped(m->cores, cores, sizeof(cores)) : NULL);
	write_fact(out, "memory",
	           m->memory_bytes ? bench_format_bytes((double)m->memory_bytes, memory, sizeof(memory)) : NULL);
	write_fact(out, "architecture", m->arch);
	write_fact(out, "hypervisor", m->hypervisor);
	write_fact(out, "governor", m->governor);
	write_fact(out, "kernel", m->kernel);
	write_fact(out, "system", m->distro);
	write_fact(out, "compiler", m->compiler);
	write_fact(out, "flags", m->flags);
	fputs("</table></div></section>\n", out);
}

static void write_head(const struct bench_result *r, const char *subject, FILE *out)
{
	const char *name = r->trace_name ? r->trace_name : "result", *slash = strrchr(name, '/');

	name = slash && slash[1] ? slash + 1 : name;
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
	      out);
	bench_html_text(out, name);
	fprintf(out, " – flowos-bench</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<header>\n<h1>",
	        bench_html_style);
	bench_html_text(out, name);
	fputs("</h1>\n<p class=\"soft\">", out);
	bench_html_text(out, subject);
	fputs("</p>\n</header>\n", out);
}

static void write_verdict(const struct bench_result *r, FILE *out)
{
	enum bench_verdict v = bench_result_verdict(r);
	char text[1024], *rest;

	bench_result_verdict_text(r, text, sizeof(text));
	rest = strchr(text, ':');
	fprintf(out, "<p class=\"verdict%s\" role=\"status\"><b>",
	        v == BENCH_FAILS   ? " bad"
	        : v == BENCH_HOLDS ? " good"
	                           : "");
	if (rest)
		*rest = '\0';
	bench_html_text(out, text);
	fputs("</b>", out);
	if (rest) {
		fputc(':', out);
		bench_html_text(out, rest + 1);
	}
	fputs("</p>\n", out);
}

int bench_html_write(const struct bench_result *r, FILE *out)
{
	char subject[1024], *repeat = bench_result_repeat(r);

	if (!repeat)
		return -ENOMEM;
	write_head(r, bench_result_subject(r, subject, sizeof(subject)), out);
	write_verdict(r, out);
	if (*repeat) {
		fputs("<p class=\"soft\">This repeats it:</p>\n<pre><code>", out);
		bench_html_text(out, repeat);
		fputs("</code></pre>\n", out);
	}
	free(repeat);
	bench_html_runs(r, out);
	bench_html_modules(r, out);
	write_machine(r, out);
	fputs(bench_html_guide, out);
	fputs("<footer>Written by flowos-bench", out);
	if (r->flowos) {
		fputc(' ', out);
		bench_html_text(out, r->flowos);
	}
	fputs(".</footer>\n</main>\n</body>\n</html>\n", out);
	return ferror(out) ? -EIO : 0;
}

int bench_html_save(const struct bench_result *r, const char *path, char *err, size_t errlen)
{
	return bench_file_save(r, bench_html_write, path, err, errlen);
}
