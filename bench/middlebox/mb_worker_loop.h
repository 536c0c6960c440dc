/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_worker_loop.h: what mb_worker.c (the loop) and mb_worker_life.c (begin and end) ask of each other. Internal; the
 * worker's own thread, but for the loop, which is its beginning.
 */
#ifndef MB_WORKER_LOOP_H
#define MB_WORKER_LOOP_H

#include "mb_worker.h"

void *mb_worker_loop(void *worker);

/* Has everything that is held released, forwarded and run. Nothing is received any more. */
void mb_worker_drain(struct mb_worker *w);

/* The packets leave; `arg` is the worker. */
void mb_worker_leave(void *arg, const struct fos_batch *b);

/* The streams end, modules finish. */
void mb_worker_last(struct mb_worker *w);

/* Notes what went wrong first. */
void mb_worker_failed(struct mb_worker *w, int status, const char *text);

#endif
