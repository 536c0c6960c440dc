/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_cmd_verify.c: flowos-golden verify: a trace, or a folder of them, against golden files. golden_suite.c does the work.
 */
#include "golden_cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden_suite.h"

static int verify_all(struct golden_cmd *c, char **operand)
{
	struct golden_suite s = { .program = c->program.name,
		                  .given = &c->given,
		                  .spec = &c->spec,
		                  .engine = &c->engine,
		                  .model = c->model };
	char err[1024];
	int rc, status;

	status = cli_output(&c->program, c->junit, (const char *const *)operand, c->suite ? 0 : 2);
	if (status >= 0)
		return status;
	golden_cmd_aside(c->junit);
	s.impaired = fos_impair_spec_active(&c->spec);
	s.first_seed = c->seeds ? c->first_seed : c->spec.seed;
	s.last_seed = c->seeds ? c->last_seed : c->spec.seed;
	s.quiet = c->suite || s.last_seed > s.first_seed;
	if (c->suite) {
		rc = golden_suite_folder(&s, c->suite, err, sizeof(err));
	} else {
		rc = golden_suite_trace(&s, operand[0], operand[1], false);
		if (rc)
			snprintf(err, sizeof(err), "%s", strerror(-rc));
	}
	status = rc ? cli_fail(&c->program, "%s", err) : s.failed ? CLI_FAILED : s.errors ? CLI_CANNOT : CLI_DONE;
	if (rc == 0 && s.quiet) {
		printf("%s: %llu checks hold, %llu do not", c->suite ? c->suite : operand[0],
		       (unsigned long long)(s.checks - s.failed - s.errors), (unsigned long long)s.failed);
		if (s.errors)
			printf(", %llu could not be run", (unsigned long long)s.errors);
		if (s.left_out)
			printf(", %llu left out (wrong checksums in the trace: no --corrupt without checksum=fix)",
			       (unsigned long long)s.left_out);
		printf(" (seed%s %llu", s.last_seed > s.first_seed ? "s" : "", (unsigned long long)s.first_seed);
		if (s.last_seed > s.first_seed)
			printf("-%llu", (unsigned long long)s.last_seed);
		printf(")\n");
	}
	if (rc == 0 && c->junit) {
		rc = golden_cmd_write_junit(&s.junit, c->suite ? c->suite : operand[0], c->junit);
		if (rc)
			status = cli_fail(&c->program, "%s: %s", c->junit, strerror(-rc));
	}
	golden_junit_free(&s.junit);
	return status;
}

static const struct cli_option verify_options[] = {
	{ "suite", "DIR", "every TRACE in DIR with a TRACE.golden beside it", 0 },
	{ "seeds", "FROM-TO", "under each of these seeds (N: 1 to N)", 0 },
	{ "junit", "FILE", "the results as JUnit XML; with - nothing else is on standard output", 0 },
	{ "force", NULL, "compare although the golden file was made from another trace", 0 },
	{ "engine", "CMD", "another engine under test: CMD turns the capture {} into golden lines", 0 },
	{ "engine-timeout", "T", "how long CMD may take (default 60s)", 0 },
	{ "engine-lacks", "LIST", "what is not asked of CMD: udp, empty, ... (below)", 0 },
	{ "reference", "R", "what CMD is held against: engine (this one, default) or model", 0 },
	{ NULL, NULL, NULL, 0 },
};

static char *verify_more(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(
	    f,
	    "Without impairments, a suite runs these profiles (as it is: once; --corrupt: where the trace's checksums\n"
	    "are right):\n");
	for (const struct golden_profile *p = golden_profiles; p->name; p++)
		fprintf(f, "  %-12s %s\n", p->name, *p->options ? p->options : "as it is");
	fprintf(f, "\nWhat must hold. As it is: every line of FILE. Reordered, doubled, delayed: the TCP lines of "
	           "FILE, but for how\n"
	           "streams start and end, and every byte of the clean run's. With packets lost or changed: no byte "
	           "but the clean\n"
	           "run's, every byte that still arrives is delivered, and all else is in reported gaps. UDP: the "
	           "datagrams that\n"
	           "arrive. Engine options are those of FILE's header, unless given.\n"
	           "\nAnother engine. CMD is run by the shell with the path of a capture (pcap, impaired) in place of "
	           "each {}, and\n"
	           "prints golden lines. Those are held against FILE, or, where packets were lost or changed, against "
	           "what this\n"
	           "engine delivers of the same packets. FLOWOS_SEED, FLOWOS_TRACE, FLOWOS_CHECKSUM and a TMPDIR that "
	           "is emptied\n"
	           "are in its environment. A signal or a time-out is a difference (status 1), another status or other "
	           "output an\n"
	           "error (2). gaps=, end= and start= count where its lines have them; what it lacks it says in lines "
	           "such as\n"
	           "\"# udp: no\", or LIST does: udp, empty (streams without bytes), ipv6, fragments, mid (no "
	           "handshake), uses\n"
	           "(a 4-tuple once more), ends, gaps (not reported), gaps-stop (nothing behind one), gaps-zeros, cut "
	           "(packets\n"
	           "captured in part), checksum (wrong ones are taken).\n"
	           "\nflowos-golden verify x.pcap x.pcap.golden --reorder 20%%,depth=1000 --dup 5%%\n"
	           "flowos-golden verify --suite traces --engine 'my-engine --lines {}' --junit mine.xml\n"
	           "flowos-golden verify --suite traces --seeds 1-100 --junit suite.xml\n");
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

/* What is wrong with the operands, or NULL. */
static const char *verify_usage(const struct golden_cmd *c, int operands)
{
	if (c->suite && operands)
		return "--suite takes no TRACE and FILE; see --help";
	if (!c->suite && operands != 2)
		return "needs TRACE and FILE, or --suite DIR; see --help";
	if (!c->engine.command && (c->engine.lacks || c->engine.limit_ns || c->model))
		return "--engine-timeout, --engine-lacks and --reference are for --engine";
	if (c->spec.decisions_out && (c->suite || (c->seeds && c->last_seed > c->first_seed)))
		return "--decisions-out: of one trace and one seed only";
	if (c->spec.decisions_in && c->suite)
		return "--decisions-in: of one trace only";
	return NULL;
}

int golden_cmd_verify(int argc, char **argv)
{
	char *more = verify_more();
	struct golden_cmd
	    c = { .program = {
		      .name = "flowos-golden verify",
		      .usage =
		          "flowos-golden verify TRACE FILE [impairments] [engine options]\n"
		          "       flowos-golden verify --suite DIR [--seeds FROM-TO] [--junit FILE] [impairments]\n"
		          "       flowos-golden verify ... --engine 'CMD {}'",
		      .about = "Runs TRACE, impaired if asked, and holds what the engine delivers against FILE. Exit "
		               "status 1 where it\n"
		               "does not hold: the first difference is printed, and a line that repeats the check.",
		      .options = verify_options,
		      .more = more,
		  } };
	int first, rc = golden_cmd_start(&c, argc, argv, &first);

	if (rc < 0) {
		const char *wrong = verify_usage(&c, argc - first);

		rc = wrong ? cli_fail(&c.program, "%s", wrong) : verify_all(&c, argv + first);
	}
	fos_impair_spec_free(&c.spec);
	free(more);
	return rc;
}
