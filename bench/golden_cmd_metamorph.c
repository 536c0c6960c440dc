/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_cmd_metamorph.c: flowos-golden metamorph: changes to a trace that must not change its streams. meta_suite.c does
 * the work.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden_cmd.h"
#include "meta_suite.h"
#include "value.h"

struct metamorph {
	struct cli_program program;
	struct golden_given given;
	struct golden_engine engine;
	struct meta_suite suite;
	const char *folder, *junit;
};

static int set_only(struct metamorph *m, const char *value, char *err, size_t errlen)
{
	for (const char *p = value; *p;) {
		size_t len = strcspn(p, ",");
		int k = 0;

		while (k < META_KINDS && (strlen(meta_kind_name[k]) != len || memcmp(meta_kind_name[k], p, len) != 0))
			k++;
		if (k == META_KINDS) {
			snprintf(err, errlen, "no change is called \"%.*s\"; --help lists them", (int)len, p);
			return -EINVAL;
		}
		m->suite.how.only |= 1u << k;
		p += len + (p[len] == ',');
	}
	return 0;
}

static int set(void *arg, const char *name, const char *value, char *err, size_t errlen)
{
	struct metamorph *m = arg;
	uint64_t *number = NULL;

	if (strcmp(name, "suite") == 0)
		m->folder = value;
	else if (strcmp(name, "junit") == 0)
		m->junit = value;
	else if (strcmp(name, "keep") == 0)
		m->suite.keep = value;
	else if (strcmp(name, "force") == 0)
		m->given.force = true;
	else if (strcmp(name, "across-uses") == 0)
		m->suite.how.across = true;
	else if (strcmp(name, "only") == 0)
		return set_only(m, value, err, errlen);
	else if (strcmp(name, "engine") == 0) {
		m->suite.engine = value;
		return golden_engine_set(&m->engine, value, err, errlen);
	} else if (strcmp(name, "engine-timeout") == 0)
		return golden_engine_set_timeout(&m->engine, value, err, errlen);
	else if (strcmp(name, "engine-lacks") == 0)
		return golden_engine_set_lacks(&m->engine, value, err, errlen);
	else if (strcmp(name, "cases") == 0)
		number = &m->suite.cases;
	else if (strcmp(name, "seed") == 0)
		number = &m->suite.how.seed;
	else if (strcmp(name, "case") == 0) {
		number = &m->suite.number;
		m->suite.one = true;
	}
	if (!number)
		return 0;
	if (bench_value_count(value, UINT64_MAX, number) == 0)
		return 0;
	snprintf(err, errlen, "is no number");
	return -EINVAL;
}

static const struct cli_option options[] = {
	{ "suite", "DIR", "every TRACE in DIR with a TRACE.golden beside it, the cases shared out among them", 0 },
	{ "cases", "N", "how many (default 100)", 0 },
	{ "seed", "N", "what chance depends on (default 1)", 0 },
	{ "case", "K", "case number K of TRACE only", 0 },
	{ "only", "KIND[,KIND...]", "these kinds of change only", 0 },
	{ "across-uses", NULL,
	  "packets may come among those of another use of their addresses and ports (default: not)", 0 },
	{ "keep", "FILE",
	  "the packets of the first case that differs (of --case: in any case), as pcapng with comments", 0 },
	{ "junit", "FILE", "the results as JUnit XML; with - nothing else is on standard output", 0 },
	{ "force", NULL, "compare although the golden file was made from another trace", 0 },
	{ "engine", "CMD", "another engine under test: CMD turns the capture {} into golden lines", 0 },
	{ "engine-timeout", "T", "how long CMD may take (default 60s)", 0 },
	{ "engine-lacks", "LIST", "what is not asked of CMD, as for verify", 0 },
	{ NULL, NULL, NULL, 0 },
};

static char *more(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "Kinds of change:\n");
	for (int k = 0; k < META_KINDS; k++)
		fprintf(f, "  %-12s %s\n", meta_kind_name[k], meta_kind_help[k]);
	fprintf(f,
	        "\nA case is a sample of the trace's conversations, to which one to several changes are made. What the "
	        "engine then\n"
	        "delivers must be the lines of GOLDEN (without one: what it delivers of the trace as it is), but for "
	        "#K and, where\n"
	        "the order is another one, end= and start=. Streams with conflicting bytes, or whose packets do not "
	        "say which\n"
	        "connection they belong to, keep their order and boundaries; that is counted. hole-wait is raised by "
	        "as many\n"
	        "packets as were added and as one came later.\n"
	        "\nflowos-golden metamorph x.pcap x.pcap.golden --cases 1000\n"
	        "flowos-golden metamorph --suite traces --cases 10k --seed 7 --keep differs.pcapng\n"
	        "flowos-golden metamorph x.pcap --engine 'my-engine --lines {}' --only permute,duplicate\n");
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

static int run(struct metamorph *m, int operands, char **operand)
{
	struct meta_suite *s = &m->suite;
	char err[1024];
	const char *const written[] = { m->junit, s->keep };
	int rc, status = cli_outputs(&m->program, written, 2, (const char *const *)operand, (size_t)operands);

	if (status >= 0)
		return status;
	golden_cmd_aside(m->junit);
	if (m->folder)
		rc = meta_suite_folder(s, m->folder, err, sizeof(err));
	else if ((rc = meta_suite_trace(s, operand[0], operands > 1 ? operand[1] : NULL)))
		snprintf(err, sizeof(err), "%s", strerror(-rc));
	if (rc)
		status = cli_fail(&m->program, "%s", err);
	else
		status = s->failed ? CLI_FAILED : s->errors ? CLI_CANNOT : CLI_DONE;
	if (rc == 0)
		meta_suite_print(s, m->folder ? m->folder : operand[0]);
	if (rc == 0 && m->junit) {
		rc = golden_cmd_write_junit(&s->junit, m->folder ? m->folder : operand[0], m->junit);
		if (rc)
			status = cli_fail(&m->program, "%s: %s", m->junit, strerror(-rc));
	}
	golden_junit_free(&s->junit);
	return status;
}

/* What is wrong with the command line, or NULL. */
static const char *usage(const struct metamorph *m, int operands)
{
	if (m->folder && operands)
		return "--suite takes no TRACE; see --help";
	if (!m->folder && (operands < 1 || operands > 2))
		return "needs TRACE, and may have GOLDEN; or --suite DIR; see --help";
	if (m->suite.cases == 0)
		return "--cases 0: there is nothing to do";
	if (m->folder && m->suite.one)
		return "--case: of one trace only";
	if (m->given.opts.stages)
		return "--stage: golden lines are of what the engine delivers; there are no stages";
	if (m->given.opts.level && strcmp(m->given.opts.level, "app") != 0)
		return "--level: golden lines are of level app only";
	if (m->engine.command && m->given.opts.filter)
		return "--flow: another engine knows nothing of it";
	return NULL;
}

int golden_cmd_metamorph(int argc, char **argv)
{
	char *text = more();
	struct metamorph
	    m = { .program = {
		      .name = "flowos-golden metamorph",
		      .usage = "flowos-golden metamorph TRACE [GOLDEN] [--cases N] [engine options]\n"
		               "       flowos-golden metamorph --suite DIR [--cases N] [--junit FILE]",
		      .about = "Changes TRACE at random in ways that must not change its streams, and looks whether "
		               "they are the same.\n"
		               "Exit status 1 where they are not: the first difference is printed, and a line that "
		               "repeats the case.",
		      .options = options,
		      .more = text,
		      .set = set,
		  } };
	int first, rc;

	m.program.arg = &m;
	m.program.engine = &m.given.opts;
	m.given.opts.overlap = FOS_OVERLAPS;
	m.suite.program = m.program.name;
	m.suite.given = &m.given;
	m.suite.cases = 100;
	m.suite.how.seed = 1;
	m.suite.how.engine = &m.engine;
	rc = cli_parse(&m.program, argc, argv, &first);
	if (rc < 0) {
		const char *wrong = usage(&m, argc - first);

		rc = wrong ? cli_fail(&m.program, "%s", wrong) : run(&m, argc - first, argv + first);
	}
	free(text);
	return rc;
}
