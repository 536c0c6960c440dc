/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_engine.h: an engine as a configuration wants it: its flows, each with its pipeline.
 */
#ifndef MB_ENGINE_H
#define MB_ENGINE_H

#include <flowos/worker.h>

#include "mb_conf.h"

/* What all workers of the engine have. */
void mb_engine_config(const struct mb_conf *c, struct fos_worker_config *cfg);

/* Packets that leave: see fos_worker_config.release. */
typedef void mb_leave(void *arg, const struct fos_batch *b);

/* Makes a worker of the engine, which has `leave` called where some flow is a gate; loads modules, which opens what they write. Blocks on files. Returns 0 or a negative errno with
 * a line in err. */
int mb_engine_make(const struct mb_conf *c, mb_leave *leave, void *arg, struct fos_worker **out, char *err,
                   size_t errlen);

/* Would the engine take the flows that do not run already, their filters and levels? Modules are not looked at. Returns 0 or a
 * negative errno with a line in err. */
int mb_engine_check(const struct mb_conf *c, const struct mb_conf *running, char *err, size_t errlen);

#endif
