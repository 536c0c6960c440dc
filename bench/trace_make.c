/* SPDX-License-Identifier: BSD-2-Clause
 *
 * trace_make.c: flowos-trace scale and flowos-trace impair: a trace into another one.
 */
#include "trace_job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

struct make {
	const char *output;
	uint64_t sessions, seed;
	bool once, seed_given;
};

static int set(void *arg, const char *name, const char *value, char *err, size_t errlen)
{
	struct make *m = arg;
	int rc = 0;

	if (strcmp(name, "output") == 0) {
		m->output = value;
	} else if (strcmp(name, "once") == 0) {
		m->once = true;
	} else if (strcmp(name, "sessions") == 0) {
		rc = bench_value_count(value, UINT64_C(1) << 40, &m->sessions);
		if (rc || m->sessions == 0)
			snprintf(err, errlen, "a number of sessions, at least 1 (k and M may follow)");
		rc = rc ? rc : m->sessions ? 0 : -ERANGE;
	} else if (strcmp(name, "seed") == 0) {
		rc = bench_value_count(value, UINT64_MAX, &m->seed);
		if (rc)
			snprintf(err, errlen, "a number");
	}
	return rc;
}

static bool may_write(const struct cli_program *p, const char *output, const char *trace)
{
	const struct fos_impair_spec *spec = p->impair;
	const char *const written[] = { output, spec ? spec->decisions_out : NULL };
	const char *const read[] = { trace, spec ? spec->decisions_in : NULL };

	return cli_outputs(p, written, 2, read, 2) < 0;
}

/* The trace that the operands name, or NULL after a message. */
static const char *operand(const struct cli_program *p, const struct make *m, int argc, char **argv, int first)
{
	if (argc - first != 1)
		cli_fail(p, "%s; see --help", argc > first ? "one trace only" : "which trace?");
	else if (!m->output)
		cli_fail(p, "where to? -o FILE is needed");
	else if (may_write(p, m->output, argv[first]))
		return argv[first];
	return NULL;
}

static const struct cli_option scale_options[] = {
	{ "sessions", "N", "how many TCP sessions at a time: more than the trace has are copies, fewer a sample", 0 },
	{ "seed", "N", "of samples, start offsets and sequence numbers (default 1)", 0 },
	{ "once", NULL, "one wave of N sessions only, however few packets that makes", 0 },
	{ "output", "FILE", "where to write, - is standard output", 'o' },
	{ NULL, NULL, NULL, 0 },
};

static int scale(const struct cli_program *p, const struct make *m, const char *trace)
{
	struct trace_job j;
	int rc;

	trace_job_init(&j, p);
	rc = trace_job_load(&j, trace, false);
	if (rc < 0)
		rc = trace_job_scale(&j, m->sessions, m->seed, m->once);
	if (rc < 0)
		rc = trace_job_write(&j, j.frames, NULL, m->output);
	if (rc < 0) {
		rc = trace_job_status(&j);
		if (strcmp(m->output, "-") != 0)
			printf("%s: %llu TCP sessions, %llu at a time, %llu packets\n", m->output,
			       (unsigned long long)j.scale.sessions, (unsigned long long)m->sessions,
			       (unsigned long long)j.scale.packets);
	}
	trace_job_free(&j);
	return rc;
}

int trace_scale(int argc, char **argv)
{
	struct make m = { .seed = 1 };
	struct cli_program p = {
		.name = "flowos-trace scale",
		.usage = "flowos-trace scale TRACE --sessions N -o FILE [--seed N]",
		.about = "Multiplies the TCP sessions of TRACE by rewriting addresses and sequence numbers, or samples "
		         "them, and\n"
		         "writes the packets that flowos-bench -r TRACE --sessions N runs: with fewer sessions than "
		         "TRACE has, in\n"
		         "waves, so that there are about as many packets. Writes pcapng; the file appears whole or not "
		         "at all.",
		.options = scale_options,
		.set = set,
		.arg = &m,
		.more = "flowos-trace scale x.pcap --sessions 10k -o big.pcapng\n",
	};
	int first, rc = cli_parse(&p, argc, argv, &first);
	const char *trace;

	if (rc >= 0)
		return rc;
	trace = operand(&p, &m, argc, argv, first);
	if (!trace)
		return CLI_CANNOT;
	if (!m.sessions)
		return cli_fail(&p, "how many? --sessions N is needed");
	return scale(&p, &m, trace);
}

static const struct cli_option impair_options[] = {
	{ "sessions", "N", "first multiply or sample the TCP sessions, as scale does", 0 },
	{ "output", "FILE", "where to write, - is standard output", 'o' },
	{ NULL, NULL, NULL, 0 },
};

static void say_impaired(const struct make *m, const struct bench_schedule *s, const struct fos_impair_spec *spec)
{
	const struct fos_impair_stats *t = &s->stats;
	char text[2048];

	if (strcmp(m->output, "-") == 0)
		return;
	fos_impair_spec_text(spec, text, sizeof(text));
	printf(
	    "%s: %llu packets of %llu (%s): %llu lost, %llu sent again, %llu doubled, %llu corrupted, %llu truncated, "
	    "%llu selected for reordering, %llu reordered (RFC 4737), extent at most %llu\n",
	    m->output, (unsigned long long)s->frames.n, (unsigned long long)t->packets, text,
	    (unsigned long long)t->lost, (unsigned long long)t->retransmitted, (unsigned long long)t->duplicated,
	    (unsigned long long)t->corrupted, (unsigned long long)t->truncated, (unsigned long long)t->selected,
	    (unsigned long long)s->metrics.reordered, (unsigned long long)s->metrics.max_extent);
}

static int impair(const struct cli_program *p, const struct make *m, const char *trace)
{
	struct bench_schedule s = { 0 };
	struct trace_job j;
	char err[1024];
	int rc;

	p->impair->keep_decisions = true; /* the comments say what was decided */
	trace_job_init(&j, p);
	rc = trace_job_load(&j, trace, false);
	if (rc < 0 && m->sessions)
		rc = trace_job_scale(&j, m->sessions, p->impair->seed, m->once);
	if (rc < 0 && (bench_check_corrupt(j.frames, p->impair, err, sizeof(err)) ||
	               bench_schedule_make(&s, j.frames, p->impair, err, sizeof(err))))
		rc = cli_fail(p, "%s", err);
	if (rc < 0)
		rc = trace_job_write(&j, &s.frames, s.port, m->output);
	if (rc < 0) {
		rc = trace_job_status(&j);
		say_impaired(m, &s, p->impair);
	}
	bench_schedule_free(&s);
	trace_job_free(&j);
	return rc;
}

int trace_impair(int argc, char **argv)
{
	struct fos_impair_spec spec;
	struct make m = { .seed = 1 };
	struct cli_program p = {
		.name = "flowos-trace impair",
		.usage = "flowos-trace impair TRACE -o FILE [impairments]",
		.about = "The impairment layer alone: writes exactly the packets that flowos-bench with the same "
		         "options feeds the\n"
		         "engine, as pcapng, each impaired one with a comment that says what was done to it and its "
		         "number in TRACE.",
		.options = impair_options,
		.impair = &spec,
		.set = set,
		.arg = &m,
		.more = "flowos-trace impair x.pcap --loss 1%,burst=4 --seed 2 -o lossy.pcapng\n",
	};
	int first, rc;
	const char *trace;

	fos_impair_spec_init(&spec);
	rc = cli_parse(&p, argc, argv, &first);
	if (rc < 0) {
		trace = operand(&p, &m, argc, argv, first);
		rc = trace ? impair(&p, &m, trace) : CLI_CANNOT;
	}
	fos_impair_spec_free(&spec);
	return rc;
}
