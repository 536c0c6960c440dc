/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fast.c: see fast.h. Each step is done for the whole batch before the next, so that memory is fetched for many packets at once.
 */
#include "fast.h"

#include <netinet/in.h>
#include <string.h>

#include <flowos/seq.h>

#include "bug.h"
#include "fetch.h"
#include "parse_plain.h"
#include "queue.h"
#include "tcp.h"

enum {
	FLAGS = FOS_TCP_SYN | FOS_TCP_FIN | FOS_TCP_RST | FOS_TCP_ACK, /* that matter */
	/* Of the direction that sends: it runs, with nothing out of order, and no FIN was seen. */
	SENDER_HAS = FOS_HALF_SEEN | FOS_HALF_STARTED | FOS_HALF_ACKS,
	SENDER_LACKS = FOS_HALF_HOLDS | FOS_HALF_FIN,
	/* Of the other: it is acknowledged. */
	PEER_HAS = FOS_HALF_SEEN | FOS_HALF_STARTED | FOS_HALF_ACKED,
	SESSION_LACKS = FOS_SESSION_RST | FOS_SESSION_OLD | FOS_SESSION_HALF_OPEN | FOS_SESSION_AGAIN,
};

/* Is there nothing wrong with a direction but, where `holds`, that it holds something? */
static bool runs_plain(const struct fos_session *s, int side, bool holds)
{
	const struct fos__half *h = &s->half[side], *peer = &s->half[!side];
	uint32_t has = SENDER_HAS | (holds ? FOS_HALF_HOLDS : 0u);

	return (h->flags & (SENDER_HAS | SENDER_LACKS)) == has && (peer->flags & PEER_HAS) == PEER_HAS &&
	       h->next >= s->rest[side].low;
}

void fos__fast_learn(struct fos_session *s)
{
	bool may = s->flow && s->flow->plain && s->key.proto == IPPROTO_TCP && !(s->flags & SESSION_LACKS);
	uint32_t flags =
	    s->flags & ~(uint32_t)(3 * FOS_SESSION_PLAIN0 | 3 * FOS_SESSION_BESIDE0 | 3 * FOS_SESSION_ABOVE0);

	for (int side = 0; may && side < 2; side++) {
		bool beside = s->half[!side].flags & FOS_HALF_HOLDS;

		if (runs_plain(s, side, false))
			flags |= (uint32_t)(beside ? FOS_SESSION_BESIDE0 : FOS_SESSION_PLAIN0) << side;
		else if (runs_plain(s, side, true))
			flags |= (uint32_t)FOS_SESSION_ABOVE0 << side;
	}
	s->flags = flags;
}

const struct fos_key *fos__place_key(const struct fos_worker *w, const struct fos_pkt *p, struct fos__place *at)
{
	if (!at->has_key) {
		at->side = fos_key_of(p, w->cfg.vlan_key, &at->key);
		at->has_key = true;
	}
	return &at->key;
}

static inline __attribute__((always_inline)) void place_of(const struct fos_worker *w, struct fos_pkt *p,
                                                           struct fos__place *at)
{
	at->has_key = false;
	at->likely = NULL;
	if (FOS__LIKELY(p->ip_version == 4)) {
		at->key4 = fos__key4_of(p, w->cfg.vlan_key);
		p->hash = fos__key4_hash(&at->key4, w->cfg.seed);
	} else {
		p->hash = fos_key_hash(fos__place_key(w, p, at), w->cfg.seed);
	}
}

void fos__place_of(struct fos_worker *w, struct fos_pkt *p, struct fos__place *at)
{
	place_of(w, p, at);
}

/* parse_plain.h's frames: what the key needs is at hand. */
static inline __attribute__((always_inline)) void place_plain(uint32_t tag, uint64_t secret, struct fos_pkt *p,
                                                              struct fos__place *at)
{
	at->has_key = false;
	at->key4 = (struct fos__key4){ .addr = fos__key4_addr(p->ip + 12, p->ip + 16),
		                       .port = fos__key4_port(p->sport, p->dport),
		                       .tag = tag };
	p->hash = fos__key4_mix(at->key4.addr, at->key4.port, secret);
}

/* What parse_plain.h reads of a frame: from Ethernet's type to TCP's flags, which lie in one line or in two. */
enum { HEADERS_FROM = 12, HEADERS_TO = 47 };

/* Asks for them, or reads them. */
static inline __attribute__((always_inline)) void touch_headers(const struct fos_frame *f, bool read)
{
	if (!read) {
		fos__fetch(f->data + HEADERS_FROM);
		fos__fetch(f->data + HEADERS_TO);
	} else if (FOS__LIKELY(f->len > HEADERS_TO)) {
		__asm__ volatile("" : : "r"(f->data[HEADERS_FROM]), "r"(f->data[HEADERS_TO]));
	}
}

static inline __attribute__((always_inline)) void touch_all_headers(const struct fos_batch *b, bool read)
{
	const struct fos_pkt *p = b->pkt, *end = p + b->n;

	for (; end - p >= 4; p += 4)
#pragma GCC unroll 4
		for (int i = 0; i < 4; i++)
			touch_headers(&p[i].f, read);
	for (; p < end; p++)
		touch_headers(&p->f, read);
}

/* Asked for, and then read: what has not come yet, or has gone again, is waited for by all packets at once. The loop that parses is too
 * long for that. */
static FOS__FETCHES void fetch_headers(const struct fos_batch *b)
{
	touch_all_headers(b, false);
	touch_all_headers(b, true);
}

/* Any other frame. */
static __attribute__((noinline)) void parse_other(struct fos_worker *w, struct fos_pkt *p, struct fos__place *at)
{
	w->st.captured_bytes += fos_frame_caplen(&p->f);
	w->st.wire_bytes += p->f.wire_len;
	w->st.verdict[fos__parse_steps(p, w->cfg.parse_flags)]++;
	if (p->verdict <= FOS_PKT_UDP) {
		place_of(w, p, at);
		fos__table_prefetch(&w->table, p->hash);
	}
}

void fos__fast_parse(struct fos_worker *w, struct fos_batch *b)
{
	struct fos__place *at = w->place;
	uint64_t whole = 0, id = w->next_pkt; /* bytes of parse_plain.h's frames */
	const struct fos__bucket *bucket = w->table.now.bucket;
	uint32_t mask = w->table.now.mask, tag = w->plain_tag, others = 0;
	uint64_t secret = w->plain_secret;

	fetch_headers(b);
	for (struct fos_pkt *p = b->pkt, *end = p + b->n; p < end; p++, at++) {
		p->id = ++id;
		if (FOS__UNLIKELY(!fos__parse_plain(p))) {
			parse_other(w, p, at);
			others++;
			continue;
		}
		whole += p->f.len;
		place_plain(tag, secret, p, at);
		fos__fetch(&bucket[p->hash & mask]);
	}
	w->next_pkt = id;
	w->st.captured_bytes += whole;
	w->st.wire_bytes += whole;
	w->st.packets += b->n;
	w->st.verdict[FOS_PKT_TCP] += b->n - others;
}

struct fos_session *fos__place_session(const struct fos_worker *w, const struct fos_pkt *p, struct fos__place *at)
{
	struct fos_session *s = at->likely;
	int side = s && !(s->flags & FOS_SESSION_OLD) ? fos__place_side(s, at) : -1;

	if (side < 0)
		return fos__use_find(w, fos__place_key(w, p, at), p->hash);
	at->side = side;
	return s;
}

/* The newest use that stands first under the packet's hash, most likely its own. */
static void look_up(struct fos_worker *w, const struct fos_batch *b)
{
	struct fos__place *at = w->place;

	for (const struct fos_pkt *p = b->pkt, *end = p + b->n; p < end; p++, at++) {
		uint32_t n = p->verdict <= FOS_PKT_UDP ? fos__table_home(&w->table, p->hash) : 0;
		struct fos_session *s;

		if (FOS__UNLIKELY(!n)) {
			at->likely = NULL;
			continue;
		}
		at->likely = s = fos__slab_at(&w->slab, n);
		fos__fetch(s);
		fos__fetch(&s->half);
		if (p->app_len) { /* views and queues */
			fos__fetch((const char *)s + sizeof(*s));
		} else { /* it may well open or close something */
			fos__fetch(&s->rest);
			fos__fetch(&s->trouble);
		}
	}
}

static inline void acknowledge(struct fos__half *h, uint32_t ack)
{
	uint64_t pos = fos_seq_near(h->next, ack);

	if (pos > h->ack && pos <= h->high + FOS_WINDOW)
		h->ack = pos;
}

/* A direction's further payload of the batch, or where there is no room on the list of those that gained any. */
static __attribute__((noinline)) void push_more(struct fos_worker *w, struct fos_session *s, int side, uint32_t i,
                                                const struct fos_pkt *p)
{
	struct fos__queue *q = fos__queue_plain(s, side);
	struct fos__spans *in = q->in;

	if (!in || in->pooled || in->gap_why) {
		fos__queue_push(w, s, side, p, p->app, p->app_len, true, NULL);
		return;
	}
	struct fos_span *sp = &w->fresh[i].span;

	*sp = (struct fos_span){
		.prev = in->last, .off = q->tail, .data = p->app, .len = p->app_len, .flags = FOS_SPAN_PKT, .pkt = p
	};
	in->last->next = sp;
	in->last = sp;
	in->spans++;
	q->tail += p->app_len;
}

/* Payload that is the first that its direction gained in this batch: the span and the list that it is are the batch's. */
static inline __attribute__((always_inline)) void push(struct fos_worker *w, struct fos_session *s, int side,
                                                       uint32_t i, const struct fos_pkt *p, uint32_t len)
{
	struct fos__queue *q = fos__queue_plain(s, side);
	struct fos_span *sp = &w->fresh[i].span;
	struct fos__spans *in = &w->fresh[i].spans;
	uint64_t off = q->tail;

	if (q->in || w->n_touched == w->touched_size) {
		push_more(w, s, side, i, p);
		return;
	}
	*sp = (struct fos_span){ .off = off, .data = p->app, .len = len, .flags = FOS_SPAN_PKT, .pkt = p };
	*in = (struct fos__spans){ .first = sp, .last = sp, .spans = 1, .hint = sp };
	q->in = in;
	q->tail = off + len;
	s->flags |= (uint32_t)FOS_SESSION_TOUCHED0 << side;
	w->touched[w->n_touched++] = (uintptr_t)s | (unsigned)side;
}

void fos__fast_tell(struct fos_worker *w)
{
	const struct fos__flow *f = w->seen_flow;
	size_t n = (size_t)(w->seen_end - w->seen);

	w->seen_end = w->seen;
	for (unsigned i = 0; n && i < f->n_packets; i++)
		f->packets[i].call(f->packets[i].self, w->seen, n);
}

/* The packet is not of the flow whose run it is, or the flow has modules that take each by itself. */
static __attribute__((noinline)) void show_first(struct fos_worker *w, struct fos_session *s, const struct fos_pkt *p,
                                                 int side)
{
	struct fos__flow *f = s->flow;

	for (unsigned i = 0; i < f->n_packet; i++)
		f->packet[i].call(f->packet[i].self, s, p, side);
	if (!f->n_packets)
		return;
	if (w->seen_flow != f)
		fos__fast_tell(w);
	w->seen_flow = f;
	w->run_flow = f->n_packet ? NULL : f;
	*w->seen_end++ = (struct fos_seen){ .session = s, .pkt = p, .dir = side };
}

static inline __attribute__((always_inline)) void show(struct fos_worker *w, struct fos_session *s,
                                                       const struct fos_pkt *p, int side)
{
	if (s->flow == w->run_flow)
		*w->seen_end++ = (struct fos_seen){ .session = s, .pkt = p, .dir = side };
	else if (s->flow->wants_packets)
		show_first(w, s, p, side);
}

void fos__fast_show(struct fos_worker *w, struct fos_session *s, const struct fos_pkt *p, int side)
{
	show(w, s, p, side);
}

/* May the clock and an acknowledgement go on without anything coming of it for what a side holds? */
static bool stays_held(const struct fos_session *s, int side, uint32_t ack, uint64_t now)
{
	const struct fos__half *h = &s->half[side];
	const struct fos__held *held = s->trouble->held[side];
	uint64_t pos = fos_seq_near(h->next, ack);

	return (pos <= h->ack || pos < fos__held_least(held)) && fos__held_calm(held, h->pkts, now);
}

/* What all short ways do of a packet that comes at `now`. */
static inline __attribute__((always_inline)) void note(struct fos_worker *w, struct fos_session *s, struct fos__half *h,
                                                       struct fos__half *peer, const struct fos_pkt *p, uint64_t now)
{
	w->now_ns = s->last_ns = now;
	h->pkts++;
	acknowledge(peer, p->ack);
}

/* A segment above a hole: the first, or it joins what is held; most come behind all of it: then there is nothing to settle. Or it
 * fills the hole, or all of it was passed on before. */
static __attribute__((noinline)) bool take_at_hole(struct fos_worker *w, struct fos_session *s, int side,
                                                   const struct fos_pkt *p, uint64_t now)
{
	struct fos__half *h = &s->half[side];
	struct fos__held *held = fos__held_of(s, side);
	uint64_t pos = fos_seq_near(h->next, p->seq), to = pos + p->app_len, least = held ? fos__held_least(held) : 0;
	bool fills = pos == h->next, again = pos < h->next;

	if (p->app_len == 0 || (held && !fos__held_calm(held, h->pkts + 1, now)) || (fills && to > least))
		return false;
	if (again ? to > h->next || pos < s->rest[side].low : pos - h->next > FOS_WINDOW)
		return false;
	note(w, s, h, &s->half[!side], p, now);
	w->st.payload_bytes += p->app_len;
	if (to > h->high)
		h->high = to;
	show(w, s, p, side);
	if (again) {
		fos__tcp_late(w, s, side, pos, p->app, p->app_len);
		return true;
	}
	bool behind = held && pos >= fos__pieces_end(&held->pieces);

	if (fills)
		fos__tcp_fill(w, s, side, p, p->app, p->app_len);
	else if ((behind || to <= least) && w->cfg.overlap != FOS_OVERLAP_LINUX)
		fos__tcp_join(w, s, side, !behind, p, pos);
	else
		fos__tcp_hold(w, s, side, p, pos, p->app, to);
	held = fos__held_of(s, side); /* without memory for what is to replace it, nothing may be left */
	if (held && held->calm_ns && fos__held_bytes(held) <= w->cfg.cap_direction_bytes &&
	    w->st.held_bytes <= w->cfg.cap_total_bytes)
		return true;
	if (!fills)
		fos__tcp_cap(w, s, side); /* the other direction may have to pay for it */
	fos__tcp_patience_of_both(w, s);
	fos__fast_learn(s);
	return true;
}

/* An acknowledgement without payload of what the other side holds: it may say that the hole was lost. */
static bool acknowledge_held(struct fos_worker *w, struct fos_session *s, int side, const struct fos_pkt *p,
                             uint64_t now)
{
	struct fos__half *h = &s->half[side], *peer = &s->half[!side];
	struct fos__held *held = fos__held_of(s, !side);
	uint64_t was = peer->ack;

	if (p->app_len || (uint32_t)h->next != p->seq || !fos__held_calm(held, peer->pkts, now))
		return false;
	note(w, s, h, peer, p, now);
	show(w, s, p, side);
	if (peer->ack > was)
		fos__held_stamp(held, was, peer->ack, peer->pkts, now);
	if (held->calm_ns)
		return true;
	fos__tcp_patience(w, s, !side);
	fos__fast_learn(s);
	return true;
}

/* The next packet of its direction. */
static inline __attribute__((always_inline)) bool take_next(struct fos_worker *w, struct fos_session *s, size_t side,
                                                            struct fos_pkt *p, uint32_t i, uint64_t now)
{
	struct fos__half *h = s->half + side, *peer = s->half + (side ^ 1);
	const struct fos__flow *f = s->flow;
	uint32_t len = p->app_len;

	if ((uint32_t)h->next != p->seq)
		return false;
	note(w, s, h, peer, p, now);
	if (len) {
		h->next += len;
		if (h->next > h->high)
			h->high = h->next;
		w->st.payload_bytes += len;
		w->st.delivered_bytes += len;
	}
	show(w, s, p, (int)side);
	if (len && f->n_queues)
		push(w, s, (int)side, i, p, len);
	return true;
}

/* Its own direction or the other one holds something. */
static __attribute__((noinline)) bool take_beside(struct fos_worker *w, struct fos_session *s, int side,
                                                  struct fos_pkt *p, uint32_t i, uint64_t now)
{
	bool above = s->flags & (uint32_t)FOS_SESSION_ABOVE0 << side;

	if ((s->half[!side].flags & FOS_HALF_HOLDS) && !stays_held(s, !side, p->ack, now))
		return !above && acknowledge_held(w, s, side, p, now);
	return (!above && take_next(w, s, (size_t)side, p, i, now)) || take_at_hole(w, s, side, p, now);
}

static inline __attribute__((always_inline)) bool take_from(struct fos_worker *w, struct fos_session *s, int side,
                                                            struct fos_pkt *p, uint32_t i, uint64_t now)
{
	if (FOS__UNLIKELY(!(s->flags & (uint32_t)FOS_SESSION_PLAIN0 << side)))
		return (s->flags & (uint32_t)(FOS_SESSION_ABOVE0 | FOS_SESSION_BESIDE0) << side) &&
		       take_beside(w, s, side, p, i, now);
	return take_next(w, s, (size_t)side, p, i, now) || take_at_hole(w, s, side, p, now);
}

/* Once a session was quiet for short_ns. */
static __attribute__((noinline)) bool may_go(const struct fos_worker *w, const struct fos_session *s,
                                             const struct fos_pkt *p, uint64_t now)
{
	return now - s->last_ns < w->quiet_ns && (!w->cfg.verify_checksums || fos_checksum_ok(p));
}

/* The short way, where the packet may go it: it is the next of its direction or has to do with a hole, and its session was not quiet
 * for long. Each side has code of its own, in which all places are constants. */
static inline __attribute__((always_inline)) bool take(struct fos_worker *w, struct fos_pkt *p,
                                                       const struct fos__place *at, uint32_t i)
{
	struct fos_session *s = at->likely;
	uint64_t now = p->f.ts_ns > w->now_ns ? p->f.ts_ns : w->now_ns;
	int side;

	if (!s || p->app_len != p->app_wire_len || (p->tcp_flags & FLAGS) != FOS_TCP_ACK || FOS_BUG_ANY)
		return false;
	if (FOS__UNLIKELY(now - s->last_ns >= w->short_ns) && !may_go(w, s, p, now))
		return false;
	side = fos__place_side(s, at);
	if (side == 0)
		return take_from(w, s, 0, p, i, now);
	return side == 1 && take_from(w, s, 1, p, i, now);
}

/* May it go the short way of those with which a session begins or ends? */
static inline bool may_end(const struct fos_session *s, const struct fos_pkt *p)
{
	if (!s || (p->tcp_flags & FLAGS) != FOS_TCP_ACK)
		return true;
	return (s->flags & FOS_SESSION_HALF_OPEN) || ((s->half[0].flags | s->half[1].flags) & FOS_HALF_FIN);
}

static inline __attribute__((always_inline)) void place(struct fos_worker *w, struct fos_pkt *p, struct fos__place *at,
                                                        uint32_t i, bool crowded)
{
	if (crowded || (!take(w, p, at, i) && !(may_end(at->likely, p) && fos__fast_ends(w, p, at))))
		fos__worker_admit(w, p, at);
}

static inline __attribute__((always_inline)) void place_all(struct fos_worker *w, struct fos_batch *b, bool crowded)
{
	struct fos__place *at = w->place;
	uint32_t i = 0;

	for (struct fos_pkt *p = b->pkt, *end = p + b->n; p < end; p++, at++, i++)
		place(w, p, at, i, crowded);
}

/* When much is held: finding a place among it is waiting for memory, so all places are looked for at once. */
static void fetch(struct fos_worker *w, const struct fos_batch *b, struct fos__fetch f[FOS_BATCH_MAX])
{
	bool any = false;

	for (uint32_t i = 0; i < b->n; i++) {
		const struct fos_pkt *p = &b->pkt[i];
		const struct fos_session *s = p->verdict == FOS_PKT_TCP ? w->place[i].likely : NULL;
		int side = s && s->trouble && p->app_len ? fos__place_side(s, &w->place[i]) : -1;

		f[i].held = side >= 0 ? s->trouble->held[side] : NULL;
		if (f[i].held) {
			f[i].pos = fos_seq_near(s->half[side].next, p->seq);
			f[i].to = f[i].pos + p->app_len;
			if (f[i].pos >= fos__pieces_end(&f[i].held->pieces) || f[i].to <= fos__held_least(f[i].held))
				f[i].held = NULL; /* it comes at an end */
			any |= f[i].held != NULL;
		}
	}
	if (any)
		fos__held_fetch(f, b->n);
}

static void place_fetched(struct fos_worker *w, struct fos_batch *b)
{
	struct fos__fetch f[FOS_BATCH_MAX];
	uint64_t freed = w->store.leaves_freed;
	bool crowded = w->st.sessions_now + b->n >= w->crowded;

	fetch(w, b, f);
	for (uint32_t i = 0; i < b->n; i++) {
		if (w->store.leaves_freed == freed)
			fos__held_fetched(&f[i]);
		if (w->clock_ns && w->clock_ns[i] > w->now_ns) /* as late as the packets of all workers say */
			w->now_ns = w->clock_ns[i];
		place(w, &b->pkt[i], &w->place[i], i, crowded);
	}
}

/* What sessions hold above a hole lies three references away: each is made for all of the batch before the next. */
static FOS__FETCHES void fetch_held(const struct fos_worker *w, const struct fos_batch *b)
{
	const struct fos_session *s[FOS_BATCH_MAX];
	unsigned n = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		const struct fos_session *x = w->place[i].likely;

		if (!x || !((x->half[0].flags | x->half[1].flags) & FOS_HALF_HOLDS))
			continue;
		__builtin_prefetch(&x->trouble);
		s[n++] = x;
	}
	for (unsigned i = 0; i < n; i++)
		__builtin_prefetch(s[i]->trouble);
	for (unsigned i = 0; i < n; i++)
		for (int side = 0; side < 2; side++)
			if (s[i]->half[side].flags & FOS_HALF_HOLDS)
				fos__held_prefetch(s[i]->trouble->held[side]);
}

void fos__fast_batch(struct fos_worker *w, struct fos_batch *b)
{
	look_up(w, b);
	if (w->store.held.chunks > w->store.held.empty)
		fetch_held(w, b);
	if (w->store.inner.chunks > w->store.inner.empty || w->clock_ns) {
		place_fetched(w, b);
	} else {
		if (w->st.sessions_now + b->n >= w->crowded)
			place_all(w, b, true);
		else
			place_all(w, b, false);
	}
	fos__fast_tell(w);
}
