/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tracefile.h: what the readers of mapped traces have in common: place, counts, clock, and how damage is reported.
 *
 * One thread at a time. Private to io.
 */
#ifndef FLOWOS_IO_TRACEFILE_H
#define FLOWOS_IO_TRACEFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <flowos/port.h>

#include "filemap.h"

enum {
	FOS__CAPLEN_MAX = 256 << 10, /* a longer record is damage, unless the file announces longer ones, */
	FOS__SNAPLEN_MAX = 16 << 20, /* up to this */
	FOS__MAP_AHEAD = 4 << 20,    /* so far ahead of the record that is next pages are mapped, */
	FOS__TELL_AHEAD = 32 << 20,  /* or, where somebody else does it, told of; */
	FOS__MAP_STEP = 2 << 20,     /* so much at a time */
};

struct fos__tracefile {
	struct fos_port port;
	struct fos__map map;
	char *path;
	uint64_t off;    /* of the next record */
	uint64_t mapped; /* pages up to here were asked for */
	const struct fos_ahead *ahead;
	uint64_t num;      /* packets given out since the start or the last rewind */
	uint64_t clock_ns; /* latest time stamp seen */
	struct fos_port_stats stats;
	int status; /* 0, -ENODATA at the end, -EBADMSG after damage */
	bool swap;  /* the file's byte order is not this machine's */
	char error[512];
};

/* Opens a mapped pcap or pcapng file. On success the port owns the map and *m is emptied. */
int fos__pcap_open(struct fos__map *m, const char *path, struct fos_port **out, char *err, size_t errlen);
int fos__pcapng_open(struct fos__map *m, const char *path, struct fos_port **out, char *err, size_t errlen);

/* Are the first bytes of a file, at least 4, a pcap or pcapng file's? */
bool fos__pcap_magic(const uint8_t *at);
bool fos__pcapng_magic(const uint8_t *at);

/* Sets the head up. Returns 0 or -ENOMEM. */
int fos__tracefile_init(struct fos__tracefile *t, const struct fos_port_ops *ops, const char *path);

/* Writes down that the file is damaged at byte `off`; returns false, for "there is no next packet". */
bool fos__tracefile_damage(struct fos__tracefile *t, uint64_t off, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* There are no more bytes: sets the status to -ENODATA, or to damage where the map is cut; returns false. */
bool fos__tracefile_end(struct fos__tracefile *t);

/* Maps more pages, or tells somebody to. */
void fos__tracefile_map_more(struct fos__tracefile *t);

/* To be called once a batch. */
static inline void fos__tracefile_map(struct fos__tracefile *t)
{
	uint64_t least = t->ahead ? FOS__TELL_AHEAD - FOS__MAP_STEP : FOS__MAP_AHEAD / 2;

	if (t->off + least > t->mapped && t->mapped < t->map.len)
		fos__tracefile_map_more(t);
}

/* Brings into the cache what comes some way behind the record of `len` bytes at `at`: of large ones, which are often of one size in
 * a row, the headers of the one that is likely to begin there; of small ones all, as there is something to read in nearly every line. (Inlined always: GCC takes it for a function without effect.) */
static inline __attribute__((always_inline)) void fos__tracefile_fetch(const uint8_t *at, size_t len)
{
	enum { LINE = 64, SMALL = 256, SMALL_AHEAD = 8 << 10, LARGE_AHEAD = 12 };
	const uint8_t *to = at + (len < SMALL ? SMALL_AHEAD : len * LARGE_AHEAD);

	__builtin_prefetch(to, 0, 2);
	__builtin_prefetch(to + LINE, 0, 2);
	for (size_t more = 2 * LINE; more < len && len < SMALL; more += LINE)
		__builtin_prefetch(to + more, 0, 2);
}

/* Counts and completes a frame whose data, len, wire_len, ts_ns, linktype and port are set. */
static inline void fos__tracefile_frame(struct fos__tracefile *t, struct fos_frame *f)
{
	f->ext = NULL;
	f->ext_len = 0;
	f->flags = FOS_FRAME_STABLE;
	f->note = 0;
	f->num = ++t->num;
	if (f->wire_len < f->len)
		f->wire_len = f->len;
	if (t->clock_ns < f->ts_ns)
		t->clock_ns = f->ts_ns;
	f->gso_size = f->csum_start = f->csum_offset = 0;
	f->gso_type = f->reserved = 0;
	t->stats.rx_packets++;
	t->stats.rx_bytes += f->len;
}

/* Ends an rx that found n frames: the batch's head and the value to return. */
int fos__tracefile_batch(const struct fos__tracefile *t, struct fos_batch *b, uint32_t n);

/* Port operations and parts of them. */
void fos__tracefile_rewind(struct fos__tracefile *t, uint64_t off);
void fos__tracefile_stats(const struct fos_port *p, struct fos_port_stats *st);
const char *fos__tracefile_error(const struct fos_port *p);
void fos__tracefile_ahead(struct fos_port *p, const struct fos_ahead *a);
int fos__tracefile_close(struct fos_port *p); /* frees t itself: it must be the start of what malloc() gave */

/* Numbers in the file's byte order, at any address. */
static inline uint32_t fos__get32(const struct fos__tracefile *t, const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof v);
	return t->swap ? __builtin_bswap32(v) : v;
}

static inline uint16_t fos__get16(const struct fos__tracefile *t, const uint8_t *at)
{
	uint16_t v;

	memcpy(&v, at, sizeof v);
	return t->swap ? __builtin_bswap16(v) : v;
}

#endif
