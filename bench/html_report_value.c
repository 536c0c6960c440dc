/* SPDX-License-Identifier: BSD-2-Clause
 *
 * html_report_value.c: JSON values as nested tables. Long lists are cut: the JSON file has them whole.
 */
#include "html_report_out.h"

#include "result_format.h"

enum {
	ITEMS_MAX = 50,
	DEPTH_MAX = 20,
};

static void write_value(json_t *value, FILE *out, int depth);

static void write_object(json_t *object, FILE *out, int depth)
{
	void *at;

	fputs("<table class=\"facts\">", out);
	for (at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
		fputs("<tr><th scope=\"row\">", out);
		bench_html_text(out, json_object_iter_key(at));
		fputs("</th><td>", out);
		write_value(json_object_iter_value(at), out, depth + 1);
		fputs("</td></tr>\n", out);
	}
	fputs("</table>", out);
}

static void write_array(const json_t *array, FILE *out, int depth)
{
	size_t n = json_array_size(array), shown = n < ITEMS_MAX ? n : ITEMS_MAX;

	fputs("<ol>", out);
	for (size_t i = 0; i < shown; i++) {
		fputs("<li>", out);
		write_value(json_array_get(array, i), out, depth + 1);
		fputs("</li>", out);
	}
	fputs("</ol>", out);
	if (n > shown)
		fprintf(out, "and %zu more", n - shown);
}

static void write_integer(json_int_t value, FILE *out)
{
	char buf[32];

	if (value < 0)
		fprintf(out, "%" JSON_INTEGER_FORMAT, value);
	else
		fputs(bench_format_grouped((uint64_t)value, buf, sizeof(buf)), out);
}

static void write_value(json_t *value, FILE *out, int depth)
{
	if (depth > DEPTH_MAX)
		fputs("…", out);
	else if (json_is_object(value) && json_object_size(value))
		write_object(value, out, depth);
	else if (json_is_array(value) && json_array_size(value))
		write_array(value, out, depth);
	else if (json_is_string(value))
		bench_html_text(out, json_string_value(value));
	else if (json_is_integer(value))
		write_integer(json_integer_value(value), out);
	else if (json_is_real(value))
		fprintf(out, "%.6g", json_real_value(value));
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "yes" : "no", out);
	else
		fputs("–", out);
}

void bench_html_value(json_t *value, FILE *out)
{
	write_value(value, out, 0);
}

void bench_html_modules(const struct bench_result *r, FILE *out)
{
	bool any = false;
	char name[256];

	for (size_t i = 0; i < r->run_count; i++) {
		for (size_t k = 0; k < r->runs[i].module_count; k++) {
			const struct bench_module_report *m = &r->runs[i].modules[k];

			if (!any)
				fputs("<section><h2>Modules</h2>\n", out);
			any = true;
			fputs("<h3>", out);
			bench_html_text(out, m->name);
			if (r->run_count > 1) {
				fputs(", ", out);
				bench_html_text(out, bench_run_name(&r->runs[i], name, sizeof(name)));
			}
			fputs("</h3>\n<div class=\"wide-table\">", out);
			bench_html_value(m->report, out);
			fputs("</div>\n", out);
		}
	}
	if (any)
		fputs("</section>\n", out);
}
