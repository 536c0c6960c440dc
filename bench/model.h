/* SPDX-License-Identifier: BSD-2-Clause
 *
 * model.h: asks the Python oracle (tests/model/oracle.py) what the streams of some packets must be. It is found in
 * FLOWOS_MODEL (environment: the path of oracle.py), or in the source tree that the program was built from.
 *
 * One thread; blocks while the oracle works.
 */
#ifndef BENCH_MODEL_H
#define BENCH_MODEL_H

#include "golden.h"
#include "replay.h"

/* Where oracle.py is: 0, or -ENOENT with a line in err. */
int bench_model_find(char *path, size_t len, char *err, size_t errlen);

/* The model's lines for these frames. -ENOENT: there is no oracle or no python3 here; -EIO: it failed; err has a line. */
int bench_model_run(const struct bench_engine_opts *o, const struct fos_impair_spec *spec, const struct fos_frames *f,
                    struct bench_golden *out, char *err, size_t errlen);

#endif
