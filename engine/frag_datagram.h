/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frag_datagram.h: one datagram that is being put together: its bytes, and which of them have come. frag.c keeps many
 * and decides which to give up; only frag*.c include this.
 */
#ifndef FLOWOS_FRAG_DATAGRAM_H
#define FLOWOS_FRAG_DATAGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include <flowos/frag.h>

/* A fragment, as its headers describe it. Points into the packet. */
struct fos__fragment {
	const uint8_t *ip;
	const uint8_t *data;
	uint32_t len;
	uint32_t offset;
	uint32_t header; /* length of the datagram's header: without IPv6's fragment header */
	uint8_t version;
	uint8_t proto; /* what follows the header */
	bool more;
};

struct fos__datagram {
	struct fos_buf *buf; /* payload from `head` on, header in front of it; NULL: buried */
	uint32_t head;
	uint32_t header; /* length of the header, which ends at `head`; 0: the first fragment has not come */
	uint32_t end;    /* where the last byte that came ends, from the payload's start */
	uint32_t total;  /* length of the payload; 0: the last fragment has not come */
	uint32_t units;  /* bits set in `have` */
	uint64_t have[65536 / 8 / 64]; /* a bit per 8 bytes, in which fragment offsets are counted */
};

enum fos__taken {
	FOS__TAKEN_WAITS,    /* for more */
	FOS__TAKEN_COMPLETE, /* call fos__datagram_finish() */
	FOS__TAKEN_BAD,      /* contradicts what came before: give the datagram up */
	FOS__TAKEN_BURY,     /* IPv6: overlaps. What comes later is to be dropped, too */
};

/* Reads the headers of a packet whose verdict is FOS_PKT_FRAGMENT. Returns false for one that cannot be a part of
 * anything: captured in part, empty, of a length that only a last fragment may have, too long. */
bool fos__fragment_read(const struct fos_pkt *p, struct fos__fragment *g);

/* Sets up *d, all zero, and buries it (which is all there is to clean up). */
int fos__datagram_init(struct fos__datagram *d);
void fos__datagram_bury(struct fos__datagram *d);

/* How many bytes its buffer lacks to take `g`; and adds them: -ENOMEM leaves it as it was. */
uint32_t fos__datagram_lack(const struct fos__datagram *d, const struct fos__fragment *g);
int fos__datagram_grow(struct fos__datagram *d, const struct fos__fragment *g);

/* Takes a fragment, for which there is room; counts in overlaps, duplicates, conflicts. */
enum fos__taken fos__datagram_take(struct fos__datagram *d, const struct fos__fragment *g, struct fos_frag_stats *st);

/* The complete datagram, an IP packet at *ip of *len bytes in the buffer returned, which becomes the caller's. */
struct fos_buf *fos__datagram_finish(struct fos__datagram *d, uint8_t **ip, uint32_t *len);

#endif
