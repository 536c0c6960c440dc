/* SPDX-License-Identifier: BSD-2-Clause
 *
 * decisions.h: what an impairment decided, packet by packet: a list that can be written, read, and replayed.
 *
 * As a file (UTF-8 text, lines end in LF, sorted by frame):
 *
 *     # flowos-decisions 1
 *     # options: --reorder 5%,depth=32 --seed 1        any further lines that begin with # are comments
 *     17 reorder k=5                                   held back until 5 later packets of its direction came
 *     18 loss                                          never released
 *     19 dup k=0                                       sent twice, the copy directly after (k: so many packets later)
 *
 * A line is a frame's number in the original, from 1, and what is done to it, in any combination that makes sense:
 *
 *     loss                     loss ns=200000000       (comes again after that time)
 *     corrupt bit=1234         corrupt bit=1234 fix    (bit 0 is the highest bit of the captured frame's first byte)
 *     truncate len=60                                  (bytes that are left of the captured frame)
 *     reorder k=5              reorder k=5 link        (counted over the whole link)       reorder ns=1000000
 *     dup k=0                  delay ns=1500000
 *
 * Threads: a list belongs to one thread while it is changed; once it is not changed any more any thread may read it,
 * and fos_decisions_get/put may be called from any. Functions return 0 or a negative errno, and where they take `err`
 * a line for a person in it. Only fos_decisions_read and fos_decisions_write block (on files).
 */
#ifndef FLOWOS_DECISIONS_H
#define FLOWOS_DECISIONS_H

#include <stddef.h>
#include <stdint.h>

enum fos_decision_action {
	FOS_DECISION_LOSS = 1u << 0,
	FOS_DECISION_AGAIN = 1u << 1,      /* with LOSS: comes again after `hold_ns` */
	FOS_DECISION_CORRUPT = 1u << 2,    /* bit `bit` is flipped */
	FOS_DECISION_FIX = 1u << 3,        /* with CORRUPT: the checksum is repaired */
	FOS_DECISION_TRUNCATE = 1u << 4,   /* `cut_len` captured bytes are left */
	FOS_DECISION_REORDER = 1u << 5,    /* held back by `reorder_k` later packets */
	FOS_DECISION_LINK = 1u << 6,       /* with REORDER: of the whole link, not of its direction */
	FOS_DECISION_REORDER_NS = 1u << 7, /* with REORDER: for `hold_ns` instead */
	FOS_DECISION_DUP = 1u << 8,        /* a copy follows, `dup_k` packets later */
	FOS_DECISION_DELAY = 1u << 9,      /* released `delay_ns` later */
};

struct fos_decision {
	uint64_t num; /* the frame's number in the original, from 1 */
	uint64_t hold_ns, delay_ns;
	uint32_t actions; /* enum fos_decision_action, not 0 */
	uint32_t reorder_k, dup_k;
	uint32_t bit, cut_len;
};

struct fos_decisions;

/* An empty list with one reference; -ENOMEM. */
int fos_decisions_create(struct fos_decisions **out);
struct fos_decisions *fos_decisions_get(struct fos_decisions *l); /* one more reference; NULL stays NULL */
void fos_decisions_put(struct fos_decisions *l);                  /* one less, the last one frees; NULL is no list */

/* Appends a copy of *d; -ENOMEM. `at` counts from 0; valid until the next add. */
int fos_decisions_add(struct fos_decisions *l, const struct fos_decision *d);
size_t fos_decisions_count(const struct fos_decisions *l);
const struct fos_decision *fos_decisions_at(const struct fos_decisions *l, size_t i);

/* Sorts by frame. -EEXIST: two decisions for the frame `*twice` (sorted nevertheless; `twice` may be NULL). */
int fos_decisions_sort(struct fos_decisions *l, uint64_t *twice);

/* The decision for frame `num` in a sorted list, or NULL. */
const struct fos_decision *fos_decisions_find(const struct fos_decisions *l, uint64_t num);

/* Reads a file ("-": standard input) into a new, sorted list. -EINVAL: "FILE:LINE: what is wrong"; or what reading
 * said. */
int fos_decisions_read(const char *path, struct fos_decisions **out, char *err, size_t errlen);

/* Writes the list (sorted as it is) with `options`, a line of text or NULL, in its head. A regular file appears
 * whole or not at all; "-" is standard output; what is no regular file is written directly. */
int fos_decisions_write(const struct fos_decisions *l, const char *path, const char *options, char *err, size_t errlen);

/* One decision as its line in the file, without LF; or as a pcapng comment says it to a person:
 * "flowos: frame 17: held back by 5 packets (reorder)". `buf` takes at least FOS_DECISION_TEXT bytes; returns buf. */
enum { FOS_DECISION_TEXT = 320 };
char *fos_decision_text(const struct fos_decision *d, char *buf, size_t len);
char *fos_decision_note(const struct fos_decision *d, char *buf, size_t len);

#endif
