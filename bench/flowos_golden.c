/* SPDX-License-Identifier: BSD-2-Clause
 *
 * flowos_golden.c: the program flowos-golden: records what the engine delivers, and holds traces against such records.
 * Picks the command; golden_cmd_*.c have their command lines.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "golden_cmd.h"

static const char overview[] =
    "usage: flowos-golden record TRACE [-o FILE] [impairments] [engine options]\n"
    "       flowos-golden verify TRACE FILE [impairments] [engine options]\n"
    "       flowos-golden verify --suite DIR [--seeds 1-100] [--junit FILE] [impairments]\n"
    "       flowos-golden shrink TRACE [FILE] -o SMALL.pcapng [impairments] [engine options]\n"
    "       flowos-golden metamorph TRACE [GOLDEN] [--cases N] [engine options]\n"
    "       flowos-golden metamorph --suite DIR [--cases N] [--junit FILE]\n"
    "\n"
    "Holds a trace against what its streams must be.\n"
    "\n"
    "  record     write what the engine delivers as a golden file\n"
    "  verify     run a trace, impaired if asked, and compare with its golden file\n"
    "  shrink     find the least packets and decisions that still fail\n"
    "  metamorph  change a trace at random so that its streams must stay the same; are they?\n"
    "\n"
    "      --help    of each command: flowos-golden COMMAND --help\n"
    "      --version\n"
    "\n"
    "Exit status: 0 done or holds, 1 it does not hold or the trace is damaged, 2 could not run.\n";

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
	{ "record", golden_cmd_record },
	{ "verify", golden_cmd_verify },
	{ "shrink", golden_cmd_shrink },
	{ "metamorph", golden_cmd_metamorph },
	{ NULL, NULL },
};

static int dispatch(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct command *c = commands;

	for (; c->name; c++)
		if (strcmp(name, c->name) == 0)
			return c->run(argc - 1, argv + 1);
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
		return fputs(overview, stdout) < 0;
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		return printf("flowos-golden %s\n", FLOWOS_VERSION) < 0;
	fprintf(stderr, "flowos-golden: %s%s; there are", *name ? "no command " : "which command?", name);
	for (c = commands; c->name; c++)
		fprintf(stderr, "%s %s", c == commands ? "" : c[1].name ? "," : " and", c->name);
	fprintf(stderr, ": see --help\n");
	return CLI_CANNOT;
}

int main(int argc, char **argv)
{
	int rc;

	cli_signals();
	rc = dispatch(argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "flowos-golden: standard output: %s\n", strerror(errno));
		return CLI_CANNOT;
	}
	return rc;
}
