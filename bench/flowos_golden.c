/* SPDX-License-Identifier: BSD-2-Clause
 *
 * flowos_golden.c: the program flowos-golden: records what the engine delivers of a trace, and holds traces against such
 * records. Command lines only; golden_*.c do the work.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "golden_suite.h"
#include "value.h"

static const char overview[] =
    "usage: flowos-golden record TRACE [-o FILE] [impairments] [engine options]\n"
    "       flowos-golden verify TRACE FILE [impairments] [engine options]\n"
    "       flowos-golden verify --suite DIR [--seeds 1-100] [--junit FILE] [impairments]\n"
    "       flowos-golden shrink TRACE -o SMALL.pcapng [impairments]\n"
    "\n"
    "Holds a trace against what its streams must be.\n"
    "\n"
    "  record    write what the engine delivers as a golden file\n"
    "  verify    run a trace, impaired if asked, and compare with its golden file\n"
    "  shrink    find the least packets and decisions that still fail (not built yet)\n"
    "\n"
    "      --help    of each command: flowos-golden COMMAND --help\n"
    "      --version\n"
    "\n"
    "Exit status: 0 done or holds, 1 it does not hold or the trace is damaged, 2 could not run.\n";

struct command {
	struct cli_program program;
	struct fos_impair_spec spec;
	struct golden_given given;
	const char *output, *suite, *junit;
	uint64_t first_seed, last_seed;
	bool seeds, partial;
};

static int set_seeds(struct command *c, const char *value, char *err, size_t errlen)
{
	char first[32];
	const char *dash = strchr(value, '-');
	int rc = 0;

	c->first_seed = 1;
	if (dash) {
		snprintf(first, sizeof(first), "%.*s", (int)(dash - value), value);
		rc = bench_value_count(first, UINT64_MAX, &c->first_seed);
	}
	if (rc == 0)
		rc = bench_value_count(dash ? dash + 1 : value, UINT64_MAX, &c->last_seed);
	if (rc == 0 && (c->last_seed < c->first_seed || (!dash && c->last_seed == 0)))
		rc = -ERANGE;
	if (rc == 0 && c->last_seed - c->first_seed >= 1000000)
		rc = -ERANGE;
	if (rc)
		snprintf(err, errlen, "seeds are FROM-TO, such as 1-100, at most a million of them");
	c->seeds = true;
	return rc ? -EINVAL : 0;
}

static int set(void *arg, const char *name, const char *value, char *err, size_t errlen)
{
	struct command *c = arg;

	if (strcmp(name, "output") == 0) {
		c->output = value;
	} else if (strcmp(name, "partial") == 0) {
		c->partial = true;
	} else if (strcmp(name, "force") == 0) {
		c->given.force = true;
	} else if (strcmp(name, "suite") == 0) {
		c->suite = value;
	} else if (strcmp(name, "junit") == 0) {
		c->junit = value;
	} else if (strcmp(name, "seeds") == 0) {
		return set_seeds(c, value, err, errlen);
	} else if (strcmp(name, "engine") == 0) {
		snprintf(err, errlen, "not built yet: another engine cannot be put under test in this version");
		return -ENOTSUP;
	}
	return 0;
}

static int start(struct command *c, int argc, char **argv, int *first)
{
	int rc;

	fos_impair_spec_init(&c->spec);
	c->given.opts.overlap = FOS_OVERLAPS;
	c->program.set = set;
	c->program.arg = c;
	c->program.impair = &c->spec;
	c->program.engine = &c->given.opts;
	rc = cli_parse(&c->program, argc, argv, first);
	if (rc >= 0)
		return rc;
	if (c->given.opts.stages)
		return cli_fail(&c->program, "--stage: a golden file is of what the engine delivers; it has no stages");
	if (c->given.opts.level && strcmp(c->given.opts.level, "app") != 0)
		return cli_fail(&c->program, "--level %s: golden files are of level app only", c->given.opts.level);
	return -1;
}

static int write_golden(struct command *c, struct golden_case *k, const char *path)
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

static int record_trace(struct command *c, const char *trace)
{
	struct golden_case k;
	char err[1024], *path = NULL;
	int rc = golden_case_open(&k, trace, NULL, &c->given, NULL, NULL, err, sizeof(err));

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

static int run_record(int argc, char **argv)
{
	struct command c = { .program = {
		                 .name = "flowos-golden record",
		                 .usage = "flowos-golden record TRACE [-o FILE] [impairments] [engine options]",
		                 .about =
		                     "Writes what the engine delivers of TRACE as a golden file: a line a stream. The "
		                     "file appears whole or\n"
		                     "not at all. A damaged trace is refused with status 1, unless --partial is given.",
		                 .options = record_options,
		                 .more = "flowos-golden record x.pcap\n",
		             } };
	int first, rc = start(&c, argc, argv, &first);

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

static int verify_all(struct command *c, char **operand)
{
	struct golden_suite s = { .program = c->program.name, .given = &c->given, .spec = &c->spec };
	char err[1024];
	int rc, status;

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
		rc = golden_junit_write(&s.junit, c->suite ? c->suite : operand[0], c->junit);
		if (rc)
			status = cli_fail(&c->program, "%s: %s", c->junit, strerror(-rc));
	}
	golden_junit_free(&s.junit);
	return status;
}

static const struct cli_option verify_options[] = {
	{ "suite", "DIR", "every TRACE in DIR with a TRACE.golden beside it", 0 },
	{ "seeds", "FROM-TO", "under each of these seeds (N: 1 to N)", 0 },
	{ "junit", "FILE", "the results as JUnit XML", 0 },
	{ "force", NULL, "compare although the golden file was made from another trace", 0 },
	{ "engine", "CMD", "another engine under test (not built yet)", 0 },
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
	           "\nflowos-golden verify x.pcap x.pcap.golden --reorder 20%%,depth=1000 --dup 5%%\n"
	           "flowos-golden verify --suite traces --seeds 1-100 --junit suite.xml\n");
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

/* What is wrong with the operands, or NULL. */
static const char *verify_usage(const struct command *c, int operands)
{
	if (c->suite && operands)
		return "--suite takes no TRACE and FILE; see --help";
	if (!c->suite && operands != 2)
		return "needs TRACE and FILE, or --suite DIR; see --help";
	if (c->spec.decisions_out && (c->suite || (c->seeds && c->last_seed > c->first_seed)))
		return "--decisions-out: of one trace and one seed only";
	if (c->spec.decisions_in && c->suite)
		return "--decisions-in: of one trace only";
	return NULL;
}

static int run_verify(int argc, char **argv)
{
	char *more = verify_more();
	struct command
	    c = { .program = {
		      .name = "flowos-golden verify",
		      .usage = "flowos-golden verify TRACE FILE [impairments] [engine options]\n"
		               "       flowos-golden verify --suite DIR [--seeds FROM-TO] [--junit FILE] [impairments]",
		      .about = "Runs TRACE, impaired if asked, and holds what the engine delivers against FILE. Exit "
		               "status 1 where it\n"
		               "does not hold: the first difference is printed, and a line that repeats the check.",
		      .options = verify_options,
		      .more = more,
		  } };
	int first, rc = start(&c, argc, argv, &first);

	if (rc < 0) {
		const char *wrong = verify_usage(&c, argc - first);

		rc = wrong ? cli_fail(&c.program, "%s", wrong) : verify_all(&c, argv + first);
	}
	fos_impair_spec_free(&c.spec);
	free(more);
	return rc;
}

static int run_shrink(int argc, char **argv)
{
	static const struct cli_option options[] = {
		{ "output", "FILE", "where to write the least packets", 'o' },
		{ "engine", "CMD", "another engine under test", 0 },
		{ NULL, NULL, NULL, 0 },
	};
	struct command c = { .program = {
		                 .name = "flowos-golden shrink",
		                 .usage = "flowos-golden shrink TRACE -o SMALL.pcapng [impairments]",
		                 .about = "Not built yet: will find the least packets and decisions that still fail.",
		                 .options = options,
		             } };
	int first, rc = start(&c, argc, argv, &first);

	fos_impair_spec_free(&c.spec);
	return rc >= 0 ? rc : cli_fail(&c.program, "not built yet: shrinking comes in a later version");
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	int rc;

	cli_signals();
	if (strcmp(command, "record") == 0)
		rc = run_record(argc - 1, argv + 1);
	else if (strcmp(command, "verify") == 0)
		rc = run_verify(argc - 1, argv + 1);
	else if (strcmp(command, "shrink") == 0)
		rc = run_shrink(argc - 1, argv + 1);
	else if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0 || strcmp(command, "help") == 0)
		rc = fputs(overview, stdout) < 0;
	else if (strcmp(command, "--version") == 0 || strcmp(command, "-V") == 0)
		rc = printf("flowos-golden %s\n", FLOWOS_VERSION) < 0;
	else {
		fprintf(stderr, "flowos-golden: %s%s; there are record, verify and shrink: see --help\n",
		        *command ? "no command " : "which command?", command);
		return CLI_CANNOT;
	}
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "flowos-golden: standard output: %s\n", strerror(errno));
		return CLI_CANNOT;
	}
	return rc;
}
