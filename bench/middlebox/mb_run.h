/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_run.h: `flowos run`: from a command line to an exit status.
 *
 * One thread, which starts others. Blocks until it is over.
 */
#ifndef MB_RUN_H
#define MB_RUN_H

/* argv[0] is "run". Returns an exit status (cli.h). */
int mb_run(int argc, char **argv);

#endif
