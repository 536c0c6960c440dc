/* SPDX-License-Identifier: BSD-2-Clause
 *
 * result_verdict.h: whether what was checked holds, as the interface defines it, and in plain words. Pure functions.
 */
#ifndef BENCH_RESULT_VERDICT_H
#define BENCH_RESULT_VERDICT_H

#include <stddef.h>

#include "result.h"

enum bench_verdict {
	BENCH_HOLDS,     /* every stream is what it must be */
	BENCH_UNCHECKED, /* nothing was compared (--no-check) */
	BENCH_FAILS,     /* exit status 1 */
};

/* Fails: a point that failed, a stream or UDP conversation that differs, a needless gap, or, where nothing was lost,
 * corrupted or truncated, a stream that is neither identical nor conflicted. */
enum bench_verdict bench_run_verdict(const struct bench_run *run);
/* The worst of the runs; no runs: unchecked. */
enum bench_verdict bench_result_verdict(const struct bench_result *r);
/* One to three sentences for a person, without a line feed. Returns buf. */
const char *bench_result_verdict_text(const struct bench_result *r, char *buf, size_t len);
/* One word and a half for a run: "ok", "gaps", "DIFFER", "failed", "-". Static. */
const char *bench_run_verdict_word(const struct bench_run *run);

#endif
