/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_cmd_shrink.c: flowos-golden shrink: the least packets and decisions that still fail.
 */
#include "golden_cmd.h"

int golden_cmd_shrink(int argc, char **argv)
{
	static const struct cli_option options[] = {
		{ "output", "FILE", "where to write the least packets", 'o' },
		{ "engine", "CMD", "another engine under test", 0 },
		{ NULL, NULL, NULL, 0 },
	};
	struct golden_cmd c = { .program = {
		                    .name = "flowos-golden shrink",
		                    .usage = "flowos-golden shrink TRACE -o SMALL.pcapng [impairments]",
		                    .about =
		                        "Not built yet: will find the least packets and decisions that still fail.",
		                    .options = options,
		                } };
	int first, rc = golden_cmd_start(&c, argc, argv, &first);

	fos_impair_spec_free(&c.spec);
	return rc >= 0 ? rc : cli_fail(&c.program, "not built yet: shrinking comes in a later version");
}
