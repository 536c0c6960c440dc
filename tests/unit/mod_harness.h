/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mod_harness.h: stands in for the engine under a module that is tested by itself. It implements what stream.h and
 * key.h promise, in the simplest way: every span is memory of its own and is freed when it is released, so that a
 * sanitizer sees a module that reads too far or keeps a pointer. It checks what modules must keep to (no release
 * beyond the window, report keys unique) with assertions of its own.
 *
 * Use: mh_open, mh_session, then mh_put (bytes arrive) and mh_data (the module is called) as often as wanted, mh_gap,
 * mh_close, mh_session_end, mh_finish, mh_report. Failures end the test.
 */
#ifndef MOD_HARNESS_H
#define MOD_HARNESS_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <flowos/module.h>

struct mh_span {
	struct fos_span span; /* first */
	struct fos_pkt pkt;
	uint8_t *bytes;
};

struct mh_stream {
	_Alignas(FOS_STREAM_BACK) struct fos_stream view; /* first */
	struct fos_session *session;
	int dir;
	bool opened, closed, fresh; /* fresh: bytes that stream_data did not see */
	struct fos_span *first, *last;
	void *state;
	enum fos_gap_why why;
};

struct fos_session {
	struct fos_key key;
	uint32_t flags;
	struct mh *mh;
	struct fos_session *next;
	uint64_t id;
	bool mid, unseen[2]; /* unseen: no packet of this direction came */
	const char *flow;
	uint64_t first_ns, last_ns;
	enum fos_end end[2];
	struct mh_stream stream[2];
};

static inline struct mh_stream *mh_of(const struct fos_stream *s)
{
	return (struct mh_stream *)(uintptr_t)s;
}

static inline uint64_t mh_tail(const struct fos_stream *s)
{
	return s->head + s->shown;
}

/* Frees what was released. */
void mh_drop(struct fos_stream *s);

struct mh {
	const struct fos_module *m;
	void *self;
	struct fos_session *sessions;
	uint64_t ids, packets;
	char err[256];
	struct mh_value *report;
};

/* Loads MODULE_PATH; skips the whole test when it was not built. Arguments: "key=value", NULL behind the last.
 * mh_try returns what the module's open returned; mh_open wants 0. */
int mh_try(struct mh *mh, const char *const *args);
void mh_open(struct mh *mh, ...) __attribute__((sentinel));
/* Sessions that are left are ended (FOS_END_EOF), then finish and report are called. Returns what finish returned. */
int mh_finish(struct mh *mh);
void mh_free(struct mh *mh); /* ends sessions, calls close, frees all */

/* "10.0.0.1:80" or "[::1]:80"; side 0 of the key is `a`, which also opened it. */
struct fos_session *mh_session(struct mh *mh, const char *proto, const char *a, const char *b);
struct fos_stream *mh_stream(struct fos_session *s, int dir);

/* Bytes come: one packet, with this acknowledgement number (offset in the other direction). */
void mh_put(struct fos_stream *s, const void *data, size_t len, uint64_t ack);
void mh_data(struct fos_stream *s); /* stream_open, and stream_data if there is something new */
void mh_feed(struct fos_stream *s, const void *data, size_t len); /* both, no acknowledgement */
void mh_gap(struct fos_stream *s, uint64_t len);
void mh_late(struct fos_stream *s, int64_t off, const void *data, size_t len);
void mh_close(struct fos_stream *s, enum fos_end end);
void mh_packet(struct fos_session *s, int dir, const void *data, size_t len, uint8_t flags);
void mh_datagram(struct fos_session *s, int dir, const void *data, size_t len);
void mh_session_end(struct fos_session *s, enum fos_end end); /* closes what is open, session_close, frees it */
uint64_t mh_kept(const struct fos_stream *s);                 /* bytes that the module did not release */

/* What the report says at "key.key"; in arrays "key.0". The test fails where there is none. */
uint64_t mh_u64(struct mh *mh, const char *path);
const char *mh_str(struct mh *mh, const char *path);
bool mh_has(struct mh *mh, const char *path);
void mh_report(struct mh *mh);
void mh_report_free(struct mh *mh);

/* Random numbers of a test: the seed is printed, MOD_SEED in the environment sets it. */
uint64_t mh_seed(void);
uint64_t mh_random(uint64_t *state, uint64_t below);
void mh_fill(uint64_t *state, void *buf, size_t len);
/* Feeds bytes in pieces of 1 to `most` bytes, some of them several to a call. */
void mh_feed_pieces(struct fos_stream *s, const void *data, size_t len, size_t most, uint64_t *random);

/* A folder for files, made anew; path and contents of a file in it (freed with test_free). */
const char *mh_dir(void);
char *mh_path(const char *name);                 /* in a static buffer; four at a time */
char *mh_arg(const char *key, const char *name); /* "key=PATH", likewise */
char *mh_read(const char *name, size_t *len);    /* NULL: there is no such file */
void mh_dir_remove(void);

#endif
