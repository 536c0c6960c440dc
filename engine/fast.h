/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fast.h: a parsed batch's way to its sessions. Internal, one thread.
 *
 * Nearly every packet is the next one of its direction, of a session in which nothing is out of order; for such a one
 * all that ORDER.md asks comes down to a few comparisons and additions, and they are here, with nothing allocated, copied or
 * called. Where nothing but a hole is out of order, what makes it, joins what waits above it, fills it, acknowledges it or comes
 * again has short ways, too. Any other packet goes the long way (worker.c, use.c, tcp.c), which needs none of this: leaving
 * fast.c out changes no result.
 */
#ifndef FOS_FAST_H
#define FOS_FAST_H

#include <string.h>

#include "worker_state.h"

/* Parses the batch's packets, and says in w->place which have a session, and where to look for it. */
void fos__fast_parse(struct fos_worker *w, struct fos_batch *b);

/* The same for one packet that was parsed as TCP or UDP. */
void fos__place_of(struct fos_worker *w, struct fos_pkt *p, struct fos__place *at);

/* The newest use of its 4-tuple, or NULL; at->side is set. */
struct fos_session *fos__place_session(const struct fos_worker *w, const struct fos_pkt *p, struct fos__place *at);

/* Its session's key, which is put together when it is asked for. */
const struct fos_key *fos__place_key(const struct fos_worker *w, const struct fos_pkt *p, struct fos__place *at);

/* Puts every packet of the batch in its place. They are parsed, and w->place says the key and side of those with a session. */
void fos__fast_batch(struct fos_worker *w, struct fos_batch *b);

/* fast_ends.c: the short way of a packet with which a session begins or ends. False: nothing was done, and it is none such, or
 * something is not as usual. */
bool fos__fast_ends(struct fos_worker *w, struct fos_pkt *p, struct fos__place *at);

/* Which side of the session sent the packet at that place; -1: it is of another session. */
static inline int fos__place_side(const struct fos_session *s, const struct fos__place *at)
{
	if (__builtin_expect(!at->has_key, 1))
		return fos__key4_side(&at->key4, &s->key);
	return memcmp(&s->key, &at->key, sizeof(at->key)) == 0 ? at->side : -1;
}

/* Modules that want packets see it, or will by fos__fast_tell(). */
void fos__fast_show(struct fos_worker *w, struct fos_session *s, const struct fos_pkt *p, int side);

/* Tells modules that take packets in runs of those that came: before anything else that they are told. */
void fos__fast_tell(struct fos_worker *w);

/* After a packet went the long way, or whatever else changed flags: may the next ones go the short one? Sets the session's
 * FOS_SESSION_PLAIN bits. */
void fos__fast_learn(struct fos_session *s);

#endif
