/* SPDX-License-Identifier: BSD-2-Clause
 *
 * flowos_trace.c: the program flowos-trace: makes, multiplies, impairs and describes traces. Dispatch only; trace_*.c do the
 * work.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "trace_job.h"

static const char overview[] = "usage: flowos-trace gen [--sessions N] [--bytes N] [--mss N] ... -o FILE\n"
                               "       flowos-trace scale TRACE --sessions N -o FILE\n"
                               "       flowos-trace impair TRACE -o FILE [impairments]\n"
                               "       flowos-trace info TRACE [--json FILE]\n"
                               "\n"
                               "Makes traces.\n"
                               "\n"
                               "  gen       made-up sessions: real handshakes, data, ACKs, closes\n"
                               "  scale     a trace's sessions multiplied, or sampled\n"
                               "  impair    the impairment layer alone: exactly what flowos-bench feeds the engine\n"
                               "  info      sessions, packets, reordering, gaps of a trace\n"
                               "\n"
                               "      --help    of each command: flowos-trace COMMAND --help\n"
                               "      --version\n"
                               "\n"
                               "Exit status: 0 done, 1 the trace is damaged: the result is partial, 2 could not run.\n";

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{ "gen", trace_gen }, { "scale", trace_scale }, { "impair", trace_impair }, { "info", trace_info }
	};
	const char *command = argc > 1 ? argv[1] : "";
	int rc = -1;

	cli_signals();
	for (size_t i = 0; rc < 0 && i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(command, commands[i].name) == 0)
			rc = commands[i].run(argc - 1, argv + 1);
	if (rc < 0 && (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0 || strcmp(command, "help") == 0))
		rc = fputs(overview, stdout) < 0;
	if (rc < 0 && (strcmp(command, "--version") == 0 || strcmp(command, "-V") == 0))
		rc = printf("flowos-trace %s\n", FLOWOS_VERSION) < 0;
	if (rc < 0) {
		fprintf(stderr, "flowos-trace: %s%s; there are gen, scale, impair and info: see --help\n",
		        *command ? "no command " : "which command?", command);
		return CLI_CANNOT;
	}
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "flowos-trace: standard output: %s\n", strerror(errno));
		return CLI_CANNOT;
	}
	return rc;
}
