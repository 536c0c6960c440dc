/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_summary.h: what a run came to, when it is over: lines for a person, JSON for programs, and the exit status.
 *
 * One thread, after all workers ended. May block on the file.
 */
#ifndef MB_SUMMARY_H
#define MB_SUMMARY_H

#include "mb_box.h"

/* `json`: a file, "-" for standard output (then nothing else is there), or NULL. Returns an exit status (cli.h). */
int mb_summary(struct mb_box *b, const char *json);

#endif
