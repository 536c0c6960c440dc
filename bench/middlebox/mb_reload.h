/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_reload.h: the file is read again while traffic runs: what can be changed is changed, what cannot is said.
 *
 * One thread: the box's. Blocks on the file, and on workers as mb_worker_ask() does.
 */
#ifndef MB_RELOAD_H
#define MB_RELOAD_H

#include "mb_run_opts.h"
#include "mb_server.h"

/* Reads the same command line and its file again. *c is the box's configuration and gets what was changed. A file with a
 * mistake changes nothing. */
void mb_reload(struct mb_conf *c, struct mb_box *b, struct mb_server *s, int argc, char **argv);

#endif
