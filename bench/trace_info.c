/* SPDX-License-Identifier: BSD-2-Clause
 *
 * trace_info.c: flowos-trace info: what is in a trace.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace_facts.h"
#include "trace_job.h"

struct info {
	const char *json;
};

static const struct cli_option options[] = {
	{ "json", "FILE", "as JSON; - is standard output, and then nothing else is", 0 },
	{ NULL, NULL, NULL, 0 },
};

static int set(void *arg, const char *name, const char *value, char *err, size_t errlen)
{
	struct info *i = arg;

	(void)name, (void)err, (void)errlen;
	i->json = value;
	return 0;
}

static void progress(void *arg, uint64_t done, uint64_t total, const char *what)
{
	trace_job_progress(arg, done, total, what);
}

static int info(const struct cli_program *p, const struct info *i, const char *trace)
{
	struct trace_facts *f = malloc(sizeof(*f));
	struct trace_job j;
	char err[512];
	int rc;

	trace_job_init(&j, p);
	rc = f ? trace_job_load(&j, trace, i->json != NULL) : cli_fail(p, "no memory");
	if (rc < 0 && trace_facts_make(f, j.frames, p->engine, progress, &j, err, sizeof(err)))
		rc = cli_fail(p, "%s", err);
	if (rc < 0) {
		rc = trace_job_status(&j);
		if (!i->json || strcmp(i->json, "-") != 0)
			trace_facts_print(f, &j.trace, stdout);
		int wrong = i->json ? trace_facts_json(f, &j.trace, i->json) : 0;

		if (wrong)
			rc = cli_fail(p, "%s: %s", i->json, strerror(-wrong));
	}
	trace_job_free(&j);
	free(f);
	return rc;
}

int trace_info(int argc, char **argv)
{
	struct bench_engine_opts engine = { 0 };
	struct info i = { 0 };
	struct cli_program p = {
		.name = "flowos-trace info",
		.usage = "flowos-trace info TRACE [--json FILE]",
		.about = "Tells what is in a trace: packets, sessions, reordering, gaps. Of a damaged trace, what "
		         "comes before the\n"
		         "damage (exit status 1).",
		.options = options,
		.engine = &engine,
		.set = set,
		.arg = &i,
		.more = "flowos-trace info x.pcap --json -\n",
	};
	int first, rc = cli_parse(&p, argc, argv, &first);

	if (rc >= 0)
		return rc;
	if (engine.stages)
		return cli_fail(&p, "--stage: nothing is run here but the engine; see flowos-bench");
	if (argc - first != 1)
		return cli_fail(&p, "%s; see --help", argc > first ? "one trace only" : "which trace?");
	rc = cli_output(&p, i.json, (const char *const[]){ argv[first] }, 1);
	return rc >= 0 ? rc : info(&p, &i, argv[first]);
}
