/* SPDX-License-Identifier: BSD-2-Clause
 *
 * record.h: everything that the engine delivered: a module that keeps, for each stream, where its bytes lie, its gaps
 * and how it ended. What a run is checked with, and what golden files are made of.
 *
 * Bytes are not copied: frames must be stable until the record is freed (but reassembled datagrams, which are copied).
 * Threads: one record belongs to one worker's thread while it runs. Functions return 0 or a negative errno.
 */
#ifndef BENCH_RECORD_H
#define BENCH_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flowos/key.h>
#include <flowos/stream.h>
#include <flowos/worker.h>

struct bench_span {
	uint64_t off;
	const uint8_t *data;
	uint64_t frame; /* number of the frame in its source */
	uint32_t len;
};

struct bench_gap {
	uint64_t off, len;
	enum fos_gap_why why;
};

struct bench_stream {
	struct fos_key key;
	uint64_t session;   /* the engine's number of the session */
	uint8_t side;       /* of the key, that sends */
	uint32_t use;       /* of the 4-tuple, from 0 */
	uint32_t start_seq; /* sequence number of offset 0 */
	bool mid;           /* started without a SYN */
	bool conflict;      /* different bytes came for one place */
	enum fos_end end;
	uint64_t bytes;    /* delivered */
	uint64_t needless; /* bytes that came and were reported as a gap without a cap or a time-out */
	struct bench_span *span;
	struct bench_gap *gap;
	uint32_t spans, span_slots, gaps, gap_slots;
	uint8_t sha256[32]; /* after bench_record_hash() */
};

/* One UDP direction. */
struct bench_udp_flow {
	struct fos_key key;
	uint8_t side;
	uint64_t datagrams, bytes;
	uint8_t (*digest)[32]; /* SHA-256 of each datagram */
	size_t slots;
	uint8_t sha256[32]; /* over the sorted digests; after bench_record_hash() */
};

/* Late bytes for a place whose delivery was not seen yet: modules are told of late bytes at once, of others at the end of a batch. */
struct bench_late {
	size_t stream;
	uint64_t off;
	uint8_t *data; /* a copy */
	uint32_t len;
};

struct bench_record {
	struct bench_stream *stream; /* sorted by key, side and use after bench_record_done() */
	size_t streams, stream_slots;
	struct bench_udp_flow *udp; /* likewise */
	size_t udps, udp_slots;
	uint32_t *index; /* session * 2 + side -> stream + 1; or, for UDP, -> udp + 1 */
	size_t indexes;
	uint8_t **copy; /* copies of datagrams that were fragments */
	size_t copies, copy_slots;
	struct bench_late *late; /* until bench_record_done() */
	size_t lates, late_slots;
	bool failed; /* no memory: it is not complete */
};

struct bench_record *bench_record_new(void);
void bench_record_free(struct bench_record *r); /* NULL is no record */

/* Makes the record a module of stage `stage` of a flow of the worker; it must outlive the worker. */
int bench_record_attach(struct bench_record *r, struct fos_worker *w, int flow, unsigned stage, const char *level,
                        char *err, size_t errlen);

/* The first part of bench_record_done(): what was late is held against what was delivered. */
void bench_record_late_done(struct bench_record *r);

/* Takes over all that `other` has, of another worker of the same run: no session is in both. After fos_worker_end(), before
 * bench_record_done(). 0 or -ENOMEM. */
int bench_record_add(struct bench_record *r, struct bench_record *other);

/* After fos_worker_end(): sorts, counts uses. -ENOMEM when the record is not complete. */
int bench_record_done(struct bench_record *r);

/* Works out the digests. 0 or -ENOMEM. */
int bench_record_hash(struct bench_record *r);

/* "SRC:PORT > DST:PORT" of a direction; buf takes at least 2 * FOS_ADDR_TEXT bytes. Returns buf. */
char *bench_direction_text(const struct fos_key *key, int side, char *buf, size_t len);

/* Order of directions: by key, then side. */
int bench_direction_cmp(const struct fos_key *a, int aside, const struct fos_key *b, int bside);

#endif
