/* SPDX-License-Identifier: BSD-2-Clause
 *
 * module_load.h: modules by name, and pipelines as text: `count`, `grep:pattern=x+digest`.
 *
 * One thread. Not for the packet path: these open files.
 */
#ifndef FLOWOS_MODULE_LOAD_H
#define FLOWOS_MODULE_LOAD_H

#include <stddef.h>

#include <flowos/module.h>

struct fos_worker;

/* Finds NAME.so in the folders of FLOWOS_MODULE_PATH (environment, colon-separated), beside the running program
 * (../lib/flowos) and where modules are installed, and loads it. It stays loaded. Returns 0 and sets *m, or a negative errno with a line
 * for a person in err. */
int fos_module_load(const char *name, const struct fos_module **m, char *err, size_t errlen);

/* Adds a stage to a flow's pipeline as --stage says it: M[:key=value…][+M…], where `\:` and `\+` stand for those
 * characters and key=@FILE reads the value from a file (without its last line end). Returns 0 or a negative errno with a line in
 * err. */
int fos_stage_add(struct fos_worker *w, int flow, unsigned stage, const char *text, const char *level, char *err,
                  size_t errlen);

#endif
