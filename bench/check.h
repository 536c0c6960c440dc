/* SPDX-License-Identifier: BSD-2-Clause
 *
 * check.h: is what the engine delivered what it should have: two records held against each other, stream by stream and
 * byte by byte, aligned by sequence number.
 *
 * Pure on its inputs; one thread.
 */
#ifndef BENCH_CHECK_H
#define BENCH_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

/* Each stream of the reference that carries data is one of: identical; gapped (what there is, is right, and what is
 * missing is in reported gaps, or the whole stream is missing); conflicted (the reference itself carries different bytes for
 * one place or is ambiguous, and the run took others: held against the model); differ. */
struct bench_check {
	uint64_t total, identical, gapped, conflicted, differ;
	uint64_t gap_bytes, needless_gap_bytes;
	uint64_t udp_conversations, udp_datagrams, udp_differ;
	char first[512];     /* the first difference, for a person; "" where there is none */
	char first_gap[512]; /* likewise the first stream that is gapped and not so in the reference */
	/* Streams of the reference with conflicts, or ambiguous, whose bytes are not those of the reference: indexes into ref->stream. */
	size_t *doubtful;
	size_t doubtfuls;
};

/* Holds `run` against `ref`; both after bench_record_done(). A doubtful stream counts as conflicted; who has another opinion of
 * it (the model) calls bench_check_condemn(). UDP is not looked at. 0 or -ENOMEM. */
int bench_check(const struct bench_record *ref, const struct bench_record *run, struct bench_check *out);

/* The same for a run that lost packets, SYNs among them: what is ambiguous in the run alone is doubtful too. */
int bench_check_lossy(const struct bench_record *ref, const struct bench_record *run, struct bench_check *out);

/* A doubtful stream turned out to be wrong. */
void bench_check_condemn(struct bench_check *c, const char *what);

/* Which streams of a record are ambiguous (ORDER.md): *out has a member a stream, for the caller to free. 0 or -ENOMEM. */
int bench_check_ambiguous(const struct bench_record *r, bool **out);

/* Holds the UDP datagrams of `run` against those that the frames carry, whole ones as they are, fragments put together apart from the
 * engine's run. Fills the udp_ members. 0 or -ENOMEM. */
int bench_check_udp(const struct fos_frame *v, size_t n, const struct bench_record *run, bool verify_checksums,
                    struct bench_check *out);

/* The runs' streams of the same direction as a stream of the reference: [*from, *to) in run->stream. */
void bench_check_find(const struct bench_record *run, const struct bench_stream *ref, size_t *from, size_t *to);

void bench_check_free(struct bench_check *c);

#endif
