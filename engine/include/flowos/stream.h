/* SPDX-License-Identifier: BSD-2-Clause
 *
 * stream.h: a stream as one module sees it, and stream pointers, with which it reads.
 *
 * A stream is the bytes of one direction of a session at one level, addressed by 64-bit offsets from its first byte.
 * The bytes stay where the port put them: a stream is a list of *spans*, each a run of bytes of one packet. What a
 * module may read is the half-open window [head, tail). It moves its head with fos_release(); what it does not release
 * it sees again, together with what came since. A window never crosses a gap: see fos_module.stream_gap.
 *
 * A stream pointer is a value: copy it with `=`, nothing needs to be freed. It is valid until the callback that it was
 * got in returns, or until its position is released, whichever is first. To keep a position, keep its offset.
 * No call blocks or allocates. Every call is for the worker that runs the callback.
 *
 * Bounds: pointers p with head <= p <= tail are valid; the byte at tail may not be read. "limit" is such a pointer.
 */
#ifndef FLOWOS_STREAM_H
#define FLOWOS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <flowos/key.h>
#include <flowos/pkt.h>

struct fos_session;
struct fos_stream;

/* How a stream ended. */
enum fos_end {
	FOS_END_FIN,     /* the sender said so */
	FOS_END_RST,     /* reset by either side */
	FOS_END_TIMEOUT, /* nothing came for too long, or a cap */
	FOS_END_EOF,     /* the trace or the run ended */
};
const char *fos_end_name(enum fos_end e); /* "fin", "rst", "timeout", "eof" */

enum fos_span_flag {
	FOS_SPAN_PKT = 1u << 0, /* the first span of its packet in this stream */
};

/* A run of bytes of one packet. Read-only for modules. */
struct fos_span {
	struct fos_span *next, *prev;
	uint64_t off; /* offset of `data[0]` in the stream */
	const uint8_t *data;
	uint32_t len;   /* may be 0: a packet without bytes at this level is no span, a stream's end after a gap is */
	uint32_t flags; /* enum fos_span_flag */
	const struct fos_pkt *pkt; /* the packet, for its headers */
};

/* One module's view of a stream. Its members are the engine's: they are here for what is inline below. */
struct fos_stream {
	uint64_t head;  /* first byte not yet released */
	uint32_t shown; /* bytes from there to the tail */
	uint16_t back;  /* how far behind its session it lies */
	uint8_t inst;   /* which module's */
	uint8_t flags;
};

struct fos_sp {
	struct fos_stream *stream;
	const struct fos_span *span; /* the span that holds the byte; NULL only in a stream without spans */
	uint64_t off;                /* offset in the stream */
};

/* --- the stream ---------------------------------------------------------------------------------------------- */

struct fos_sp fos_stream_head(struct fos_stream *s); /* first byte not yet released by this module */
struct fos_sp fos_stream_tail(struct fos_stream *s); /* behind the last byte it may read */

enum { FOS_STREAM_BACK = 16, FOS_STREAM_SIDE = 8 }; /* of the members above: unit of `back`, bit of `flags` */

static inline struct fos_session *fos_stream_session(const struct fos_stream *s)
{
	return (struct fos_session *)((uintptr_t)s - (uintptr_t)s->back * FOS_STREAM_BACK);
}

/* Side of the session key that sends these bytes, 0 or 1. */
static inline int fos_stream_dir(const struct fos_stream *s)
{
	return (s->flags & FOS_STREAM_SIDE) != 0;
}

const char *fos_stream_level(const struct fos_stream *s);       /* "ip", "tcp", "udp", "app", ... */
struct fos_stream *fos_stream_peer(const struct fos_stream *s); /* the same module's stream of the other direction */
void *
fos_stream_state(const struct fos_stream *s); /* this module's state of this stream: fos_module.stream_state bytes */
uint64_t fos_stream_id(const struct fos_stream *s); /* session id * 2 + dir */
bool fos_stream_mid(const struct fos_stream *s);    /* started in the middle: its handshake was not seen */
uint32_t
fos_stream_start_seq(const struct fos_stream *s); /* TCP sequence number of offset 0 of level `app`; 0 for UDP */

/* Within stream_gap: why the bytes are given up. */
enum fos_gap_why {
	FOS_GAP_EVIDENCE, /* acknowledged, and not seen for as long as hole-wait says */
	FOS_GAP_TIME,     /* waited for too long */
	FOS_GAP_CAP,      /* too much is held */
	FOS_GAP_END,      /* the stream ended */
};
enum fos_gap_why fos_stream_gap_why(const struct fos_stream *s);

/* Releases what lies before `p` (head <= p <= tail), or all up to and with the packet in which `p` is (never past the tail). */
void fos_release(struct fos_stream *s, const struct fos_sp *p);
void fos_release_packet(struct fos_stream *s, const struct fos_sp *p);
static inline void fos_release_all(struct fos_stream *s)
{
	s->head += s->shown;
	s->shown = 0;
}

/* How many bytes there are in the window, and the offset of the first. */
static inline uint64_t fos_stream_window(const struct fos_stream *s)
{
	return s->shown;
}

static inline uint64_t fos_stream_offset(const struct fos_stream *s)
{
	return s->head;
}

/* The quickest way to read a stream once from end to end: the longest run of bytes in one piece from the head on. They are
 * released, and remain readable until the callback returns. NULL and *len 0 when the window is empty. */
const uint8_t *fos_stream_take(struct fos_stream *s, size_t *len);

/* --- reading ------------------------------------------------------------------------------------------------- */

/* The byte at p, which is before the tail. */
static inline uint8_t fos_sp_byte(const struct fos_sp *p)
{
	return p->span->data[p->off - p->span->off];
}

/* The longest run of bytes in one piece from p on, at most up to `limit`: returns its first byte and sets *len;
 * NULL and 0 at the limit. Follow with fos_sp_advance(p, *len). */
const uint8_t *fos_sp_run(const struct fos_sp *p, const struct fos_sp *limit, size_t *len);

/* The byte at p, and p moves on by one; -1 at the limit (p stays). */
int fos_sp_next(struct fos_sp *p, const struct fos_sp *limit);

/* Moves by n bytes, forward or (n < 0) backward, within the window. Returns 0, or -ERANGE (p stays). */
int fos_sp_advance(struct fos_sp *p, int64_t n);

/* The pointer at offset `off` of s, head <= off <= tail: returns 0 or -ERANGE. */
int fos_sp_at(struct fos_stream *s, uint64_t off, struct fos_sp *p);

/* b - a in bytes, and -1, 0, 1 as a is before, at or behind b. Both of the same stream. */
static inline int64_t fos_sp_distance(const struct fos_sp *a, const struct fos_sp *b)
{
	return (int64_t)(b->off - a->off);
}

static inline int fos_sp_compare(const struct fos_sp *a, const struct fos_sp *b)
{
	return (a->off > b->off) - (a->off < b->off);
}

/* Copies up to `len` bytes from p on, at most up to `limit`, into buf; returns how many. p stays. */
size_t fos_sp_copy(const struct fos_sp *p, const struct fos_sp *limit, void *buf, size_t len);

/* Compares the bytes from p on with the `len` bytes at `str`: 0 when they are the same, < 0 or > 0 as in memcmp();
 * where `limit` comes first and all before it are the same, < 0. The second takes ASCII letters of either case as
 * equal. */
int fos_sp_cmp(const struct fos_sp *p, const struct fos_sp *limit, const void *str, size_t len);
int fos_sp_casecmp(const struct fos_sp *p, const struct fos_sp *limit, const void *str, size_t len);

/* Finds `len` > 0 bytes of `pattern` in [p, limit), across packets: returns 0 and sets *hit to the first match;
 * -ENOENT: none. To go on with more bytes later, start again len-1 bytes before the old limit. */
int fos_sp_find(const struct fos_sp *p, const struct fos_sp *limit, const void *pattern, size_t len,
                struct fos_sp *hit);

/* Reads a line that ends in LF: copies it without LF and a CR before it into buf, with a NUL behind it, and moves p
 * behind the LF. Returns its length; -EAGAIN: no LF before the limit (p stays); -EMSGSIZE: longer than size - 1 bytes:
 * buf holds its beginning, p stays. */
ssize_t fos_sp_read_line(struct fos_sp *p, const struct fos_sp *limit, char *buf, size_t size);

/* --- packets below the bytes ------------------------------------------------------------------------------------ */

/* The packet that the byte at p came in (at the tail: NULL), for its headers: p->ip, p->l4, flags, time stamp. */
const struct fos_pkt *fos_sp_pkt(const struct fos_sp *p);

/* Where the packet of p begins and ends in the stream: offsets [*from, *to). (The original's painter.) The window may
 * hold only a part of it. Returns 0, or -ERANGE at the tail. */
int fos_sp_packet_bounds(const struct fos_sp *p, uint64_t *from, uint64_t *to);

/* Moves p to the beginning of the next packet that has bytes in the window; -ERANGE: there is none (p is at the limit). */
int fos_sp_next_packet(struct fos_sp *p, const struct fos_sp *limit);

/* Maps a position to the same packet byte of the session's stream at another level, same direction, whose window the
 * same pipeline keeps: to a lower level it is the very byte; to a higher one too if that level has begun at p, else
 * -ENOENT (p is in a header that the higher level does not have). -ENOTSUP: no module of the pipeline reads that level. -ERANGE:
 * that packet was released there already. */
int fos_sp_map(const struct fos_sp *p, const char *level, struct fos_sp *out);

/* --- the session ------------------------------------------------------------------------------------------------ */

uint64_t fos_session_id(const struct fos_session *s); /* from 1, in order of creation, per worker */

/* How every session begins. Its members are the engine's: they are here for what is inline below. */
struct fos_session_head {
	struct fos_key key;
	uint32_t flags;
};
enum { FOS_SESSION_ORIGIN = 1u << 6 }; /* of its flags: side 1 opened it */

static inline const struct fos_key *fos_session_key(const struct fos_session *s)
{
	return &((const struct fos_session_head *)(const void *)s)->key;
}

/* Side of the key that opened it: sent the SYN, or was sent the SYN-ACK, or sent the first packet seen. */
static inline int fos_session_originator(const struct fos_session *s)
{
	return (((const struct fos_session_head *)(const void *)s)->flags & FOS_SESSION_ORIGIN) != 0;
}

const char *fos_session_flow(const struct fos_session *s);  /* name of the flow that it matched */
uint64_t fos_session_first_ns(const struct fos_session *s); /* time of its first packet, ns since the epoch */
uint64_t fos_session_last_ns(const struct fos_session *s);
bool fos_session_seen(const struct fos_session *s, int dir); /* was there any packet in this direction? */
bool fos_session_mid(const struct fos_session *s, int dir);  /* fos_stream_mid() of that direction; in session_close */
uint32_t fos_session_start_seq(const struct fos_session *s, int dir); /* likewise fos_stream_start_seq() */
uint32_t fos_session_conflicts(const struct fos_session *s, int dir); /* overlaps with other bytes, both still held */
enum fos_end fos_session_end(const struct fos_session *s, int dir);   /* in stream_close and session_close */

#endif
