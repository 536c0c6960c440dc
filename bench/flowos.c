/* SPDX-License-Identifier: BSD-2-Clause
 *
 * flowos.c: the program: the middlebox itself (`run`) and questions to one that runs (`ctl`). What they do is in middlebox/.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "middlebox/mb_ctl.h"
#include "middlebox/mb_run.h"

static const struct cli_program program = {
	.name = "flowos",
	.usage = "flowos run -c FILE [options]\n"
	         "       flowos run -i IF[,IF2] [--stage ...] [options]\n"
	         "       flowos run -r TRACE [options]\n"
	         "       flowos ctl flows|sessions|stats|version|help [options]",
	.about = "A middlebox: forwards packets, puts TCP streams in order beside them, and shows them to modules.\n"
	         "`flowos run --help` and `flowos ctl --help` say more, flowos(1) and flowos.conf(5) all.",
};

int main(int argc, char **argv)
{
	int first, rc;

	cli_signals();
	if (argc > 1 && strcmp(argv[1], "run") == 0)
		return mb_run(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "ctl") == 0)
		return mb_ctl(argc - 1, argv + 1);
	rc = cli_parse(&program, argc, argv, &first);
	if (rc >= 0)
		return rc;
	if (first < argc)
		return cli_fail(&program, "%s: no such command: run or ctl", argv[first]);
	return cli_fail(&program, "a command is missing: run or ctl; see --help");
}
