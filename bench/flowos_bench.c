/* SPDX-License-Identifier: BSD-2-Clause
 *
 * flowos_bench.c: the program: runs a trace through the engine, checks it and measures it. Options are in bench_opts.c,
 * what is done in campaign.c, and live in middlebox/mb_live.c; `compare` in compare.c; `worst` in worst.c.
 */
#include <stdio.h>
#include <string.h>

#include "bench_opts.h"
#include "campaign.h"
#include "compare.h"
#include "csv_out.h"
#include "html_report.h"
#include "json_out.h"
#include "middlebox/mb_live.h"
#include "plot.h"
#include "result_verdict.h"
#include "table.h"
#include "worst.h"

static int compare_set(void *arg, const char *name, const char *value, char *err, size_t errlen)
{
	struct bench_compare_options *opt = arg;

	(void)name, (void)value, (void)err, (void)errlen;
	opt->force = true;
	return 0;
}

static int compare(int argc, char **argv)
{
	static const struct cli_option options[] = {
		{ "force", NULL, "although the machines differ", 0 },
		{ NULL, NULL, NULL, 0 },
	};
	struct bench_compare_options opt = { .threshold = 0.02, .seed = 1 };
	const struct cli_program p = {
		.name = "flowos-bench compare",
		.usage = "flowos-bench compare [--force] OLD.json NEW.json",
		.about = "Says what changed between two results beyond the noise.",
		.more = "Exit status: 0 nothing got slower, 1 something did or no longer holds, 2 they cannot be "
		        "compared.\n",
		.options = options,
		.set = compare_set,
		.arg = &opt,
	};
	char err[512] = "";
	int first, rc = cli_parse(&p, argc, argv, &first);

	if (rc >= 0)
		return rc;
	if (argc - first != 2)
		return cli_fail(&p, "two results are compared; see --help");
	rc = bench_compare(argv[first], argv[first + 1], &opt, stdout, err, sizeof(err));
	if (rc < 0)
		return cli_fail(&p, "%s", err);
	return fflush(stdout) ? cli_fail(&p, "standard output cannot be written") : rc;
}

/* Writes all that was asked for; what cannot be written does not keep the rest from being. */
static int write_results(const struct bench_opts *o, const struct bench_result *r)
{
	char err[512];
	int status = CLI_DONE;

	if (o->json && bench_json_save(r, o->json, err, sizeof(err)))
		status = bench_opts_fail("%s", err);
	if (o->csv && bench_csv_save(r, o->csv, err, sizeof(err)))
		status = bench_opts_fail("%s", err);
	if (o->plot && bench_plot_save(r, o->plot, err, sizeof(err)))
		status = bench_opts_fail("%s", err);
	if (o->report && bench_html_save(r, o->report, err, sizeof(err)))
		status = bench_opts_fail("%s", err);
	return status;
}

static bool is_stdout(const char *path)
{
	return path && strcmp(path, "-") == 0;
}

/* What the modules of the last run found: their numbers and texts on a line, nested parts by name. */
static void print_modules(const struct bench_result *r)
{
	const struct bench_run *run = r->run_count ? &r->runs[r->run_count - 1] : NULL;

	for (size_t i = 0; run && i < run->module_count; i++) {
		const char *key;
		json_t *value;

		printf("%s%s:", i ? "" : "\n", run->modules[i].name);
		json_object_foreach(run->modules[i].report, key, value)
		{
			printf(" %s=", key);
			json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
		}
		putchar('\n');
	}
}

static int print_table(const struct bench_opts *o, const struct bench_result *r)
{
	struct bench_table_style style = bench_table_style(stdout);

	if (is_stdout(o->json) || is_stdout(o->csv) || is_stdout(o->report) || is_stdout(o->impaired_out) ||
	    is_stdout(o->impair.decisions_out))
		return CLI_DONE;
	int rc = bench_table_write(r, stdout, &style);

	if (rc == 0)
		print_modules(r);
	if (rc || ferror(stdout) || fflush(stdout))
		return bench_opts_fail("standard output cannot be written");
	return CLI_DONE;
}

int main(int argc, char **argv)
{
	struct bench_opts o;
	struct bench_result *result = NULL;
	int status, written, printed;

	cli_signals();
	if (argc > 1 && strcmp(argv[1], "compare") == 0)
		return compare(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "worst") == 0)
		return bench_worst(argc, argv);
	status = bench_opts_parse(&o, argc, argv);
	if (status >= 0) {
		bench_opts_free(&o);
		return status;
	}
	status = o.live ? mb_live(&o, argc, argv, &result) : bench_campaign(&o, argc, argv, &result);
	if (result && status != CLI_CANNOT) {
		printed = print_table(&o, result);
		written = write_results(&o, result);
		if (status == CLI_DONE && bench_result_verdict(result) == BENCH_FAILS)
			status = CLI_FAILED;
		if (written != CLI_DONE || printed != CLI_DONE)
			status = CLI_CANNOT;
	}
	bench_result_free(result);
	bench_opts_free(&o);
	return status;
}
