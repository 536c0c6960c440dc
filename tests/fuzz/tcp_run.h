/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tcp_run.h: one run of a case of the target `tcp` through a worker: a module writes down what it was told and checks
 * each call against what must always hold; and what two runs of the same case must have in common.
 *
 * One run at a time: its state is static.
 */
#ifndef FLOWOS_TEST_FUZZ_TCP_RUN_H
#define FLOWOS_TEST_FUZZ_TCP_RUN_H

#include "tcp_case.h"

enum { TCP_STREAMS = 2 * (TCP_PACKETS + 1), TCP_GAPS = 2 * TCP_PACKETS + 8, TCP_OWNERS = 4 };

/* One direction of a session. */
struct tcp_stream {
	bool opened, closed, seen, mid, ended;
	uint8_t tuple, dir; /* of the first byte; both 255 where there was none */
	enum fos_end end;
	uint32_t start_seq;
	uint64_t next; /* behind what was shown */
	uint64_t bytes, gap_bytes;
	uint64_t hash;  /* over bytes, the packets that they came from, and gaps */
	uint64_t late;  /* likewise, of late bytes, in any order */
	int16_t *owner; /* clean: which packet has each place; else NULL */
};

struct tcp_gap {
	uint32_t stream; /* index in tcp_run.stream */
	uint32_t fed;    /* packets that were handed to the worker by then */
	uint64_t off, len;
};

struct tcp_run {
	const struct tcp_case *c;
	uint32_t fed, batch;
	uint64_t sessions, gaps_told;
	struct fos_worker_stats st;
	uint32_t n_owners, n_streams; /* n_streams: behind the last one that was used */
	uint32_t n_gaps;
	struct tcp_gap gap[TCP_GAPS];
	struct tcp_stream stream[TCP_STREAMS]; /* by fos_stream_id() */
	int16_t owner[TCP_OWNERS][TCP_CLEAN_SPAN + 64];
};

/* Runs the case in batches of `batch` packets and checks what holds for every run. *r is overwritten. */
void tcp_run(struct tcp_run *r, const struct tcp_case *c, unsigned batch, unsigned mode);

/* The module that reads streams in every way that stream.h has, and holds it against a plain copy: tcp_walker.c. */
extern const struct fos_module tcp_walker;
void tcp_walker_seed(uint64_t seed);

#endif
