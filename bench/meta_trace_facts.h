/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_trace_facts.h: what the parts of a meta_trace share. For meta_trace.c and meta_sample.c only; one thread.
 */
#ifndef BENCH_META_TRACE_FACTS_H
#define BENCH_META_TRACE_FACTS_H

#include "meta_trace.h"

/* The conversation with that key, whatever its VLAN; NULL: none. */
struct meta_conv *meta_trace_find(const struct meta_trace *t, const struct fos_key *key);

/* The conversation that a golden line is of: its index, META_NO_CONV where the trace has none such. 0, or -EINVAL for a line
 * without addresses. */
int meta_trace_conv_of(const struct meta_trace *t, const char *line, uint32_t *conv);

/* Sets fragments of conversations, groups, and which packets are whose. 0 or -ENOMEM. */
int meta_trace_group(struct meta_trace *t);

#endif
