/* SPDX-License-Identifier: BSD-2-Clause
 *
 * use.c: the uses of a 4-tuple: which one a packet belongs to, when one begins and ends. ORDER.md, "Sessions and uses
 * of a 4-tuple". Knows nothing of payload.
 */
#include <netinet/in.h>
#include <string.h>

#include <flowos/seq.h>

#include "bug.h"
#include "fast.h"
#include "queue.h"
#include "release.h"
#include "trouble.h"
#include "worker_state.h"

struct fos_session *fos__use_find(const struct fos_worker *w, const struct fos_key *key, uint32_t hash)
{
	struct fos__probe probe;

	for (uint32_t n = fos__table_first(&w->table, hash, &probe); n; n = fos__table_next(&w->table, hash, &probe)) {
		struct fos_session *s = fos__slab_at(&w->slab, n);

		if (memcmp(&s->key, key, sizeof(*key)) == 0)
			return s;
	}
	return NULL;
}

static struct fos__flow *match(const struct fos_worker *w, const struct fos_key *key, int port)
{
	for (unsigned i = 0; i < w->n_flows; i++)
		if ((w->flow[i]->port < 0 || w->flow[i]->port == port) && fos__flow_match(w->flow[i], key))
			return w->flow[i];
	return NULL;
}

static void count_new(struct fos_worker *w, const struct fos_session *s)
{
	w->st.sessions++;
	w->st.tcp_sessions += s->key.proto == IPPROTO_TCP;
	w->st.udp_sessions += s->key.proto == IPPROTO_UDP;
	if (++w->st.sessions_now > w->st.sessions_peak)
		w->st.sessions_peak = w->st.sessions_now;
	if (w->cfg.session_count)
		w->cfg.session_count(w->cfg.session_count_arg, w->placing, 1);
}

/* Ends sessions until one more may be. Must not be called while a use is being looked at: it may be that one. */
static bool make_room(struct fos_worker *w)
{
	struct fos_session *s;

	while (w->st.sessions_now >= w->cfg.max_sessions) {
		s = fos__crowd_first(&w->crowd, &w->slab, w->cfg.max_sessions / FOS_HALF_OPEN_SHARE);
		if (!s)
			return false;
		*((s->flags & FOS_SESSION_HALF_OPEN) ? &w->st.evicted_half_open : &w->st.evicted_idle) += 1;
		fos__use_end(w, s, FOS_END_TIMEOUT);
	}
	return true;
}

/* What every new use begins with; its key is there. */
static void begin(struct fos_worker *w, struct fos_session *s, uint32_t number, struct fos__flow *flow, int originator)
{
	s->number = number;
	s->id = ++w->next_id;
	s->first_ns = s->last_ns = w->now_ns;
	s->flow = flow;
	s->uses = 1;
	s->end_why = FOS_END_EOF;
	if (originator)
		s->flags |= FOS_SESSION_ORIGIN;
	if (s->flow)
		fos__queue_init(s);
	if (s->key.proto == IPPROTO_TCP)
		s->flags |= FOS_SESSION_HALF_OPEN;
	fos__crowd_join(&w->crowd, &w->slab, s);
	fos__wheel_add(&w->wheel, &w->slab, s, fos__use_deadline(w, s));
	count_new(w, s);
}

struct fos_session *fos__use_new(struct fos_worker *w, const struct fos_key *key, uint32_t hash,
                                 struct fos_session *older, int originator, int port)
{
	uint32_t number;
	struct fos_session *s;

	if (w->st.sessions_now >= w->cfg.max_sessions && !make_room(w)) {
		w->st.session_cap++;
		return NULL;
	}
	s = fos__slab_take(&w->slab, &number);
	if (!s || (older ? fos__table_replace(&w->table, hash, older->number, number)
	                 : fos__table_add(&w->table, hash, number))) {
		if (s)
			fos__slab_give(&w->slab, number);
		w->st.no_memory++;
		return NULL;
	}
	s->key = *key;
	begin(w, s, number, match(w, key, port), originator);
	if (older) {
		s->older = older->number;
		s->uses = (uint16_t)(older->uses + 1);
		older->flags |= FOS_SESSION_OLD;
		fos__fast_learn(older);
		s->flags |= FOS_SESSION_AGAIN;
	}
	return s;
}

struct fos_session *fos__use_first(struct fos_worker *w, const struct fos__key4 *key, uint32_t hash, int *side)
{
	struct fos__flow *flow = w->flow[0];
	struct fos_session *s;
	uint32_t number;

	if (w->n_flows == 0 || flow->has_filter || flow->port >= 0 || !flow->plain || fos__table_home(&w->table, hash))
		return NULL;
	s = fos__slab_take(&w->slab, &number);
	if (s && fos__table_put(&w->table, hash, number)) {
		fos__slab_give(&w->slab, number);
		s = NULL;
	}
	if (!s)
		return NULL;
	*side = fos__key4_key(key, &s->key);
	begin(w, s, number, flow, *side);
	return s;
}

static bool delivered(const struct fos_session *s, int side)
{
	return (s->half[side].flags & FOS_HALF_STARTED) && s->half[side].next > s->rest[side].start;
}

/* A SYN with its SYN-ACK is still half-open, and so it is when an RST answers that: nothing says that there is somebody
 * at the sender's address. */
void fos__use_seen(struct fos_worker *w, struct fos_session *s, const struct fos_pkt *p)
{
	const struct fos__half *a = &s->half[0], *b = &s->half[1];
	bool both = (a->flags & b->flags & FOS_HALF_ANY) && !(p->tcp_flags & (FOS_TCP_SYN | FOS_TCP_RST));

	fos__crowd_seen(&w->crowd, &w->slab, s, both || delivered(s, 0) || delivered(s, 1));
}

static void close_modules(struct fos_worker *w, struct fos_session *s)
{
	const struct fos__flow *f = s->flow;

	fos__fast_tell(w);
	for (int side = 0; side < 2; side++)
		fos__pipeline_close(w, s, side);
	for (unsigned i = 0; i < f->n_inst; i++)
		if (f->inst[i].module->session_close)
			f->inst[i].module->session_close(f->inst[i].self, s);
}

void fos__use_close(struct fos_worker *w, struct fos_session *s, enum fos_end why)
{
	s->end_why = (uint16_t)why;
	if (s->flow) {
		if (s->key.proto == IPPROTO_TCP) {
			fos__tcp_end(w, s, 0);
			fos__tcp_end(w, s, 1);
		}
		close_modules(w, s);
		for (int side = 0; s->flow->gate_off && side < 2; side++)
			fos__release_due(w, s, side, true);
	}
	fos__trouble_free(s);
	w->st.sessions_now--;
	if (w->cfg.session_count)
		w->cfg.session_count(w->cfg.session_count_arg, w->placing, -1);
}

/* Takes a use out of its conversation; it is freed when the batch is done. */
static void forget(struct fos_worker *w, struct fos_session *s)
{
	struct fos_session *newest = s, *older = fos__use_older(w, s);
	uint32_t hash = fos_key_hash(&s->key, w->cfg.seed);

	if (s->flags & FOS_SESSION_OLD) {
		newest = fos__use_find(w, &s->key, hash);
		for (struct fos_session *u = newest; u; u = fos__use_older(w, u))
			if (u->older == s->number) {
				u->older = s->older;
				u->flags &= ~(uint32_t)(s->older ? 0 : FOS_SESSION_AGAIN);
			}
		newest->uses--;
	} else {
		fos__table_replace(&w->table, hash, s->number, s->older);
		if (older) {
			older->flags &= ~(uint32_t)FOS_SESSION_OLD;
			older->uses = (uint16_t)(s->uses - 1);
		}
	}
	fos__wheel_remove(&w->wheel, &w->slab, s);
	fos__crowd_leave(&w->crowd, &w->slab, s);
	s->flags |= FOS_SESSION_OLD;
	fos__fast_learn(s);
	s->wheel_next = w->dead;
	w->dead = s->number;
}

void fos__use_end(struct fos_worker *w, struct fos_session *s, enum fos_end why)
{
	fos__use_close(w, s, why);
	forget(w, s);
}

uint64_t fos__use_deadline(const struct fos_worker *w, const struct fos_session *s)
{
	uint64_t wait = fos__session_over(s) ? w->cfg.linger_ns : w->cfg.idle_ns;

	return s->last_ns + wait < wait ? UINT64_MAX : s->last_ns + wait;
}

struct fos_session *fos__use_time(struct fos_worker *w, struct fos_session *newest)
{
	for (struct fos_session *s = newest, *older; s; s = older) {
		older = fos__use_older(w, s);
		if (fos__use_deadline(w, s) <= w->now_ns) {
			if (s == newest)
				newest = older;
			fos__use_end(w, s, FOS_END_TIMEOUT);
			continue;
		}
		for (int side = 0; side < 2; side++)
			if (s->half[side].flags & FOS_HALF_HOLDS)
				fos__tcp_patience(w, s, side);
	}
	return newest;
}

static uint64_t outside(uint64_t pos, uint64_t low, uint64_t high)
{
	if (pos + 1 < low)
		return low - pos;
	return pos > high + 1 ? pos - high : 0;
}

/* Rule 3: how far a packet is from what a use has seen. */
static uint64_t distance(const struct fos_session *s, const struct fos_pkt *p, int side)
{
	const struct fos__half *h = &s->half[side], *peer = &s->half[!side];

	if (h->flags & FOS_HALF_SEEN)
		return outside(fos_seq_near(h->next, p->seq), s->rest[side].low, h->high);
	if ((p->tcp_flags & FOS_TCP_ACK) && (peer->flags & FOS_HALF_SEEN))
		return outside(fos_seq_near(peer->next, p->ack), s->rest[!side].low, peer->high);
	return 0;
}

/* Is b at or after a, by NEAR at most? */
static bool near(uint32_t b, uint32_t a)
{
	return b - a <= FOS_NEAR;
}

/* Rule 2b: may this be the SYN of a use that was picked up without it? */
static bool fits(const struct fos_session *s, const struct fos_pkt *p, int side)
{
	const struct fos__half *h = &s->half[side], *peer = &s->half[!side];

	if (h->flags & (FOS_HALF_ISN | FOS_HALF_STARTED))
		return false;
	if (h->flags & FOS_HALF_SEEN)
		return near((uint32_t)s->rest[side].low, p->seq);
	if (peer->flags & FOS_HALF_ACKS)
		return near(s->rest[!side].ack_least, p->seq + 1);
	if (!(p->tcp_flags & FOS_TCP_ACK) || !(peer->flags & FOS_HALF_ISN))
		return true;
	return near(p->ack, s->rest[!side].isn + 1);
}

static struct fos_session *pick_syn(const struct fos_worker *w, struct fos_session *newest, const struct fos_pkt *p,
                                    int side)
{
	if (FOS_BUG(PORT_REUSE))
		return newest;
	for (struct fos_session *s = newest; s; s = fos__use_older(w, s))
		if ((s->half[side].flags & FOS_HALF_ISN) && s->rest[side].isn == p->seq)
			return s;
	for (struct fos_session *s = newest; s; s = fos__use_older(w, s))
		if (fits(s, p, side))
			return s;
	return NULL;
}

/* Does the packet acknowledge what the peer cannot have sent? */
static bool ack_is_stray(const struct fos_session *s, const struct fos_pkt *p, int side)
{
	const struct fos__half *peer = &s->half[!side];

	if (!(p->tcp_flags & FOS_TCP_ACK) || !(peer->flags & FOS_HALF_SEEN))
		return false;
	uint64_t ack = fos_seq_near(peer->next, p->ack);

	return ack + FOS_STRAY < s->rest[!side].low || ack > peer->high + FOS_STRAY;
}

bool fos__use_strange(const struct fos_session *s, const struct fos_pkt *p, int side)
{
	const struct fos__half *h = &s->half[side];

	if (!(h->flags & FOS_HALF_FIN) && !fos__session_over(s))
		return false;
	if (p->tcp_flags & FOS_TCP_RST)
		return false;
	if (fos__session_over(s) && ack_is_stray(s, p, side))
		return true;
	if (!(h->flags & FOS_HALF_SEEN))
		return false;
	uint64_t pos = fos_seq_near(h->next, p->seq);

	if ((h->flags & FOS_HALF_FIN) && pos > s->rest[side].fin + 1)
		return true;
	if (fos__session_over(s) && pos + FOS_STRAY < s->rest[side].low)
		return true;
	return (s->flags & FOS_SESSION_RST) && !(h->flags & FOS_HALF_FIN) && pos > h->high + FOS_STRAY;
}

bool fos__use_stray_rst(const struct fos_session *s, const struct fos_pkt *p, int side)
{
	const struct fos__half *h = &s->half[side];

	return (p->tcp_flags & FOS_TCP_RST) && fos__session_over(s) && (h->flags & FOS_HALF_SEEN) &&
	       outside(fos_seq_near(h->next, p->seq), s->rest[side].low, h->high) > FOS_STRAY;
}

/* Is an RST that the direction `side` of `u` remembers the end of the connection that `p` begins? */
static bool stray_rst_fits(const struct fos_session *u, int side, const struct fos_pkt *p, int of)
{
	const struct fos__half *h = &u->half[side];

	if (!(h->flags & FOS_HALF_STRAY))
		return false;
	if (side == of)
		return near(u->trouble->stray_seq[side], p->seq);
	if (p->tcp_flags & FOS_TCP_ACK)
		return near(u->trouble->stray_seq[side], p->ack);
	return (h->flags & FOS_HALF_STRAY_ACK) && near(u->trouble->stray_ack[side], p->seq);
}

/* A use that `p` has just made: the RST that overtook it counts now. */
static void take_stray_rst(const struct fos_worker *w, struct fos_session *s, const struct fos_pkt *p, int of)
{
	for (struct fos_session *u = fos__use_older(w, s); u; u = fos__use_older(w, u)) {
		for (int side = 0; side < 2; side++) {
			if (!stray_rst_fits(u, side, p, of))
				continue;
			u->half[side].flags &= ~(uint32_t)(FOS_HALF_STRAY | FOS_HALF_STRAY_ACK);
			u->trouble->stray_seq[side] = u->trouble->stray_ack[side] = 0;
			fos__trouble_settle(u);
			s->flags |= FOS_SESSION_RST;
			return;
		}
	}
}

static struct fos_session *add_use(struct fos_worker *w, const struct fos_pkt *p, const struct fos_key *key,
                                   struct fos_session *newest, int side)
{
	bool synack = (p->tcp_flags & (FOS_TCP_SYN | FOS_TCP_ACK)) == (FOS_TCP_SYN | FOS_TCP_ACK);

	if (w->st.sessions_now >= w->cfg.max_sessions && make_room(w)) /* it may have been of this conversation */
		newest = fos__use_find(w, key, p->hash);
	if (newest && newest->uses >= FOS_USES) {
		struct fos_session *oldest = newest;

		while (oldest->older)
			oldest = fos__use_older(w, oldest);
		fos__use_end(w, oldest, FOS_END_TIMEOUT);
	}
	struct fos_session *s = fos__use_new(w, key, p->hash, newest, synack ? !side : side, p->f.port);

	if (s)
		take_stray_rst(w, s, p, side);
	return s;
}

/* ... with the packets that wait for it. */
static void move_held(struct fos_worker *w, struct fos_session *from, struct fos_session *to, int side, uint32_t isn)
{
	fos__tcp_move_held(w, from, to, side, isn);
	fos__release_move(w, from, to, side, isn);
}

struct fos_session *fos__use_pick(struct fos_worker *w, struct fos_session *newest, const struct fos_pkt *p, int side)
{
	struct fos_session *best = newest;

	if ((p->tcp_flags & (FOS_TCP_SYN | FOS_TCP_RST)) == FOS_TCP_SYN) {
		struct fos_key key = newest->key;

		best = pick_syn(w, newest, p, side);
		if (best && (best->half[side].flags & (FOS_HALF_ISN | FOS_HALF_SEEN)))
			return best;
		if (!best)
			best = add_use(w, p, &key, newest, side);
		if (best &&
		    best->older) /* before the SYN itself: what moves waits until it has said where the stream starts */
			move_held(w, fos__use_older(w, best), best, side, p->seq);
		return best;
	}
	if (newest->older) {
		uint64_t least = distance(newest, p, side);

		for (struct fos_session *s = fos__use_older(w, newest); s && least; s = fos__use_older(w, s)) {
			uint64_t d = distance(s, p, side);

			if (d < least) {
				least = d;
				best = s;
			}
		}
	}
	if ((p->app_wire_len || (p->tcp_flags & FOS_TCP_FIN)) && fos__use_strange(best, p, side)) {
		struct fos_key key = newest->key;

		return add_use(w, p, &key, newest, side);
	}
	return best;
}
