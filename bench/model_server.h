/* SPDX-License-Identifier: BSD-2-Clause
 *
 * model_server.h: the Python oracle (tests/model/oracle.py --server) as a process that is asked over and over: what must
 * the streams of these packets be? It is found as model.h says.
 *
 * One thread. Functions return 0 or a negative errno, with a line for a person in err; they block while the oracle works.
 */
#ifndef BENCH_MODEL_SERVER_H
#define BENCH_MODEL_SERVER_H

#include "golden.h"
#include "replay.h"

struct bench_model_server;

/* Starts it. -ENOENT: there is no oracle or no python3 here; -EIO: it does not start. */
int bench_model_server_start(struct bench_model_server **out, char *err, size_t errlen);

/* The lines for these frames; the options as they are, without an impairment's influence. -EPIPE: it has gone; -EIO: it cannot say. */
int bench_model_server_ask(struct bench_model_server *m, const struct bench_engine_opts *o, const struct fos_frames *f,
                           struct bench_golden *out, char *err, size_t errlen);

/* Ends it, and waits for its end. NULL is no server. */
void bench_model_server_stop(struct bench_model_server *m);

#endif
