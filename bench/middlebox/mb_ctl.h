/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_ctl.h: `flowos ctl`: asks a middlebox that runs, over its control socket, and shows what it answers.
 *
 * One thread. Waits for answers, a few seconds at most.
 */
#ifndef MB_CTL_H
#define MB_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* argv[0] is "ctl". Returns an exit status (cli.h). */
int mb_ctl(int argc, char **argv);

/* mb_ctl_table.c: an answer's result as a table, on `out`. `command` is what was asked; `head`: with a line of titles. */
void mb_ctl_table(const char *command, const json_t *result, bool head, FILE *out);

/* mb_ctl_ask.c: a connection to the box at `path`: a descriptor, or a negative errno with a line in err. One whose other end is neither
 * root nor this user is refused. */
int mb_ctl_connect(const char *path, char *err, size_t errlen);
/* Asks, waits for the line that answers: a new reference to its result, or NULL with a line in err; *refused: the box said
 * no. */
json_t *mb_ctl_ask(int fd, const json_t *request, bool *refused, char *err, size_t errlen);

#endif
