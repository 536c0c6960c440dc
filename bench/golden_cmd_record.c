/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_cmd_record.c: flowos-golden record: what the engine delivers of a trace, as a golden file.
 */
#include "golden_cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int write_golden(struct golden_cmd *c, struct golden_case *k, const char *path)
{
	struct bench_golden g;
	char err[1024];
	int rc;

	rc = golden_case_record(k, &c->spec, &g, err, sizeof(err));
	if (rc)
		return cli_fail(&c->program, "%s", err);
	rc = bench_golden_write(&g, path, err, sizeof(err));
	if (rc)
		cli_fail(&c->program, "%s", err);
	else if (strcmp(path, "-") != 0)
		printf("%s: %zu streams\n", path, g.lines);
	bench_golden_free(&g);
	return rc ? CLI_CANNOT : CLI_DONE;
}

static int record_trace(struct golden_cmd *c, const char *trace)
{
	struct golden_case k;
	char err[1024], *path = NULL;
	int rc = cli_output(&c->program, c->output, &trace, 1);

	if (rc >= 0)
		return rc;
	rc = golden_case_open(&k, trace, NULL, &c->given, NULL, NULL, err, sizeof(err));

	if (rc)
		return cli_fail(&c->program, "%s", err);
	if (k.trace.damaged && !c->partial) {
		cli_fail(&c->program, "%s; nothing was written (--partial records what came before)",
		         k.trace.frames.error);
		rc = CLI_FAILED;
	} else if (asprintf(&path, "%s.golden", trace) < 0) {
		path = NULL;
		rc = cli_fail(&c->program, "no memory");
	} else {
		if (k.trace.damaged)
			cli_fail(&c->program, "%s; the golden file is of what came before", k.trace.frames.error);
		rc = write_golden(c, &k, c->output ? c->output : path);
	}
	free(path);
	golden_case_close(&k);
	return rc;
}

static const struct cli_option record_options[] = {
	{ "output", "FILE", "where to write, - is standard output (default: TRACE.golden)", 'o' },
	{ "partial", NULL, "of a damaged trace, record what comes before the damage", 0 },
	{ NULL, NULL, NULL, 0 },
};

int golden_cmd_record(int argc, char **argv)
{
	struct golden_cmd
	    c = { .program = {
		      .name = "flowos-golden record",
		      .usage = "flowos-golden record TRACE [-o FILE] [impairments] [engine options]",
		      .about = "Writes what the engine delivers of TRACE as a golden file: a line a stream. The "
		               "file appears whole or\n"
		               "not at all. A damaged trace is refused with status 1, unless --partial is given.",
		      .options = record_options,
		      .more = "flowos-golden record x.pcap\n",
		  } };
	int first, rc = golden_cmd_start(&c, argc, argv, &first);

	if (rc < 0) {
		if (argc - first != 1)
			rc = cli_fail(&c.program, "%s; see --help", argc > first ? "one trace only" : "which trace?");
		else if (!c.output && strcmp(argv[first], "-") == 0)
			rc = cli_fail(&c.program, "of standard input: -o FILE is needed");
		else
			rc = record_trace(&c, argv[first]);
	}
	fos_impair_spec_free(&c.spec);
	return rc;
}
