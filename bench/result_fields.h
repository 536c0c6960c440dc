/* SPDX-License-Identifier: BSD-2-Clause
 *
 * result_fields.h: the numbers of a run as data: one list that the JSON writer, the JSON reader and the CSV writer walk,
 * so that a key is spelled in one place. Read-only, any thread.
 */
#ifndef BENCH_RESULT_FIELDS_H
#define BENCH_RESULT_FIELDS_H

#include "result.h"

struct bench_field {
	const char *key;
	enum { BENCH_U64, BENCH_F64 } kind;
	size_t offset; /* in struct bench_run */
};

struct bench_group {
	const char *key; /* NULL: members of the run itself */
	size_t known;    /* offset of its `known`; SIZE_MAX: always there */
	const struct bench_field *field;
	size_t count;
};

/* In the order of the interface. */
extern const struct bench_group bench_run_groups[];
extern const size_t bench_run_group_count;

static inline const void *bench_field_at(const struct bench_run *run, size_t offset)
{
	return (const char *)run + offset;
}

static inline bool bench_group_known(const struct bench_group *g, const struct bench_run *run)
{
	return g->known == SIZE_MAX || *(const bool *)bench_field_at(run, g->known);
}

static inline bool bench_group_timed(const struct bench_group *g)
{
	return !g->key && g->field->kind == BENCH_F64; /* the rates: without samples they are unknown */
}

#endif
