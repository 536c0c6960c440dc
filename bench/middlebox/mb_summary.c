/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_summary.c: see mb_summary.h.
 */
#include "mb_summary.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "json_out_text.h"
#include "mb_run_opts.h"
#include "result_file.h"

/* {"flowos", "seconds", ..., "engine", "modules", "error"}: the keys of `flowos ctl stats`, and what is only known now. */
static json_t *whole(struct mb_box *b, const struct mb_stats *st, json_t *modules)
{
	json_t *all = mb_stats_json(st);
	const char *text;
	char impair[2048];

	if (!all)
		return NULL;
	json_object_set_new(all, "schema", json_integer(1));
	json_object_set_new(all, "flowos", json_string(FLOWOS_VERSION));
	fos_impair_spec_text(&b->conf->impair, impair, sizeof(impair));
	json_object_set_new(all, "impair", bench_json_text(impair));
	json_object_set(all, "modules", modules);
	json_object_set_new(all, "error", mb_box_status(b, &text) ? bench_json_text(text) : json_null());
	return all;
}

static int write_json(struct mb_box *b, const struct mb_stats *st, json_t *modules, const char *path)
{
	json_t *all = whole(b, st, modules);
	char *text = all ? json_dumps(all, JSON_INDENT(2)) : NULL, *line = NULL;
	char err[512] = "no memory";
	int rc = -ENOMEM;

	if (text && asprintf(&line, "%s\n", text) > 0)
		rc = bench_file_save_bytes(path, line, strlen(line), err, sizeof(err));
	free(line);
	free(text);
	json_decref(all);
	return rc ? mb_run_fail("%s", err) : CLI_DONE;
}

static void print_modules(json_t *modules)
{
	const char *name, *key;
	json_t *report, *value;

	json_object_foreach(modules, name, report)
	{
		printf("%s:", name);
		json_object_foreach(report, key, value)
		{
			printf(" %s=", key);
			json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
		}
		putchar('\n');
	}
}

int mb_summary(struct mb_box *b, const char *json)
{
	struct mb_stats *st = malloc(sizeof(*st));
	json_t *modules = mb_box_modules(b);
	const char *text;
	int status = CLI_DONE, rc;

	if (!st || !modules) {
		free(st);
		json_decref(modules);
		return mb_run_fail("no memory for the summary");
	}
	mb_box_stats(b, st);
	if (!json || strcmp(json, "-") != 0) {
		mb_stats_print(st, stdout);
		print_modules(modules);
		if (ferror(stdout) || fflush(stdout))
			status = mb_run_fail("standard output cannot be written");
	}
	if (json) {
		rc = write_json(b, st, modules, json);
		status = rc ? rc : status;
	}
	if (status == CLI_DONE && mb_box_status(b, &text)) {
		mb_run_fail("%s", text);
		status = CLI_FAILED;
	}
	json_decref(modules);
	free(st);
	return status;
}
