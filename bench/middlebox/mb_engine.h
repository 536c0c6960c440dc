/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_engine.h: an engine as a configuration wants it: its flows, each with its pipeline.
 */
#ifndef MB_ENGINE_H
#define MB_ENGINE_H

#include "mb_conf.h"

/* What all workers of the engine have. */
void mb_engine_config(const struct mb_conf *c, struct fos_worker_config *cfg);

/* Makes a worker of the engine; loads modules, which opens what they write. Blocks on files. Returns 0 or a negative errno with
 * a line in err. */
int mb_engine_make(const struct mb_conf *c, struct fos_worker **out, char *err, size_t errlen);

#endif
