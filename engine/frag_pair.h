/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frag_pair.h: which pair of hosts has how many datagrams waiting for fragments, so that who fills the table is who
 * gives way. Only frag*.c include this; one thread.
 *
 * Every operation costs the same however many wait: pairs stand in lines by the power of two of their number.
 */
#ifndef FLOWOS_FRAG_PAIR_H
#define FLOWOS_FRAG_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fos__frag_pair;

/* Who sent to whom; hashed and compared as bytes. IPv4 addresses are followed by zeroes. */
struct fos__frag_hosts {
	uint8_t src[16], dst[16];
	uint64_t version;
};

/* In each datagram that waits. */
struct fos__frag_link {
	struct fos__frag_link *older, *newer; /* of the same pair */
	struct fos__frag_pair *pair;
};

enum {
	FOS__FRAG_LINES = 32,
	FOS__FRAG_MANY = 3, /* pairs in this line and above, with 8 and more, give way first */
};

struct fos__frag_pairs {
	struct fos__frag_pair **bucket;
	uint32_t mask; /* buckets, less one */
	uint32_t used; /* a bit for each line that somebody stands in */
	uint64_t seed;
	struct {
		struct fos__frag_pair *first, *last;
	} line[FOS__FRAG_LINES];
};

/* `buckets` is a power of two. Returns 0 or -ENOMEM. */
int fos__frag_pairs_init(struct fos__frag_pairs *p, uint32_t buckets, uint64_t seed);
void fos__frag_pairs_free(struct fos__frag_pairs *p); /* nothing waits any more */

/* One more waits, the newest of its pair. Returns 0 or -ENOMEM. */
int fos__frag_pairs_join(struct fos__frag_pairs *p, const struct fos__frag_hosts *hosts, struct fos__frag_link *l);
void fos__frag_pairs_leave(struct fos__frag_pairs *p, struct fos__frag_link *l);

/* The oldest datagram of a pair that has the most, to within a factor of two (of such pairs they take turns); NULL: nobody
 * has many. */
struct fos__frag_link *fos__frag_pairs_most(const struct fos__frag_pairs *p);

/* Memory of a pair. */
extern const size_t fos__frag_pair_bytes;

#endif
