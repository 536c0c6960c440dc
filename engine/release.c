/* SPDX-License-Identifier: BSD-2-Clause
 *
 * release.c: see release.h and flowos/release.h.
 */
#include "release.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/seq.h>

#include "fast.h"
#include "origin.h"
#include "queue.h"

int fos__release_init(struct fos_worker *w)
{
	if (!w->cfg.release)
		return 0;
	w->release = calloc(1, sizeof(*w->release));
	if (!w->release)
		return -ENOMEM;
	w->release->call = w->cfg.release;
	w->release->arg = w->cfg.release_arg;
	return 0;
}

void fos__release_free(struct fos_worker *w)
{
	free(w->release);
	w->release = NULL;
}

void fos__release_begin(struct fos_worker *w, const struct fos_batch *b)
{
	struct fos__release *r = w->release;

	r->batch = b;
	r->copies = false;
	w->store.batch = b->pkt;
}

/* ---- out ----------------------------------------------------------------------------------------------------------- */

static void send_out(struct fos_worker *w)
{
	struct fos__release *r = w->release;

	if (r->out.n == 0)
		return;
	r->out.now_ns = w->now_ns;
	w->st.release.released += r->out.n;
	if (r->call)
		r->call(r->arg, &r->out);
	for (uint32_t i = 0; i < r->out.n; i++)
		if (r->own[i])
			fos__origin_put(r->own[i]);
	r->out.n = 0;
}

/* `o`: whose bytes it is, where not the batch's; the reference is taken over. */
static void emit(struct fos_worker *w, const struct fos_frame *f, struct fos__origin *o)
{
	struct fos__release *r = w->release;

	r->out.pkt[r->out.n].f = *f;
	r->own[r->out.n++] = o;
	if (r->out.n == FOS_BATCH_MAX)
		send_out(w);
}

/* The batch does not leave as it is: its first `n` packets, which do, are written down. */
static void copy_first(struct fos_worker *w, uint32_t n)
{
	struct fos__release *r = w->release;

	if (r->copies)
		return;
	r->copies = true;
	for (uint32_t i = 0; i < n; i++)
		emit(w, &r->batch->pkt[i].f, NULL);
}

/* ---- those that wait ----------------------------------------------------------------------------------------------- */

static bool before(const struct fos__wait *a, const struct fos__wait *b)
{
	return a->need != b->need ? a->need < b->need : a->order < b->order;
}

static void sink(struct fos__gate *g, uint32_t at, struct fos__wait x)
{
	for (uint32_t kid; (kid = 2 * at + 1) < g->n; at = kid) {
		kid += kid + 1 < g->n && before(&g->wait[kid + 1], &g->wait[kid]);
		if (!before(&g->wait[kid], &x))
			break;
		g->wait[at] = g->wait[kid];
	}
	g->wait[at] = x;
}

static int put_in(struct fos__gate *g, struct fos__wait x)
{
	uint32_t at = g->n;

	if (g->n == g->size) {
		uint32_t size = g->size ? g->size * 2 : 16;
		struct fos__wait *wait = realloc(g->wait, size * sizeof(*wait));

		if (!wait)
			return -ENOMEM;
		g->wait = wait;
		g->size = size;
	}
	g->n++;
	for (uint32_t up; at && before(&x, &g->wait[up = (at - 1) / 2]); at = up)
		g->wait[at] = g->wait[up];
	g->wait[at] = x;
	return 0;
}

static size_t cost(const struct fos__origin *o)
{
	return o->bytes + sizeof(struct fos__wait);
}

static void count(struct fos_worker *w, struct fos__gate *g, const struct fos__origin *o)
{
	struct fos_release_stats *st = &w->st.release;

	g->bytes += cost(o);
	st->waiting_bytes += cost(o);
	if (st->waiting_bytes > st->waiting_peak_bytes)
		st->waiting_peak_bytes = st->waiting_bytes;
	if (++st->waiting > st->waiting_peak)
		st->waiting_peak = st->waiting;
}

static void count_out(struct fos_worker *w, struct fos__gate *g, const struct fos__wait *x)
{
	struct fos_release_stats *st = &w->st.release;
	uint64_t wait_ns = w->now_ns > x->since_ns ? w->now_ns - x->since_ns : 0;

	g->bytes -= cost(x->origin);
	st->waiting_bytes -= cost(x->origin);
	st->waiting--;
	if (wait_ns > st->longest_wait_ns)
		st->longest_wait_ns = wait_ns;
}

static struct fos__wait take_first(struct fos__gate *g)
{
	struct fos__wait first = g->wait[0];

	g->n--;
	if (g->n)
		sink(g, 0, g->wait[g->n]);
	return first;
}

/* Nothing waits any more: most directions never need that memory again. */
static void settle(struct fos__gate *g)
{
	if (g->n || !g->wait)
		return;
	free(g->wait);
	g->wait = NULL;
	g->size = 0;
}

static void note_left(struct fos__gate *g, uint64_t need)
{
	if (need / 2 > g->left)
		g->left = need / 2;
}

/* Lets the first one go. */
static void let_go(struct fos_worker *w, struct fos__gate *g)
{
	struct fos__wait x = take_first(g);

	count_out(w, g, &x);
	note_left(g, x.need);
	w->st.release.waited++;
	emit(w, &x.origin->pkt.f, x.origin);
}

/* Lets those go that need `need` at most (twice the place, as in struct fos__wait). */
static void let_all_go(struct fos_worker *w, struct fos__gate *g, uint64_t need)
{
	while (g->n && g->wait[0].need <= need)
		let_go(w, g);
	settle(g);
}

static void drop_rest(struct fos_worker *w, struct fos__gate *g)
{
	while (g->n) {
		struct fos__wait x = take_first(g);

		count_out(w, g, &x);
		w->st.release.dropped++;
		fos__origin_put(x.origin);
	}
	settle(g);
}

/* Twice a place, and one: a FIN that stands there, too. */
static uint64_t need_of(uint64_t place)
{
	return 2 * place + 1;
}

static void look(struct fos_worker *w, const struct fos_session *s, struct fos__gate *g, int side)
{
	uint64_t upto = need_of(fos__release_upto(s, side));

	if (g->shut && need_of(g->shut_at) < upto)
		upto = need_of(g->shut_at);
	let_all_go(w, g, upto);
	if (g->shut && upto == need_of(g->shut_at)) /* nothing more will pass */
		drop_rest(w, g);
	if (!g->ended)
		return;
	if (!g->shut)
		let_all_go(w, g, UINT64_MAX);
	drop_rest(w, g);
}

static void look_at_due(struct fos_worker *w)
{
	struct fos__release *r = w->release;

	for (struct fos__gate *g = r->due, *next; g; g = next) {
		next = g->next;
		g->due = false;
		look(w, g->session, g, g->side);
	}
	r->due = NULL;
}

void fos__release_due(struct fos_worker *w, struct fos_session *s, int side, bool ended)
{
	struct fos__gate *g = fos__gate_of(s, side);

	if (!g)
		return;
	g->ended |= ended;
	if (g->due || g->n == 0)
		return;
	g->due = true;
	g->session = s;
	g->side = (uint8_t)side;
	g->next = w->release->due;
	w->release->due = g;
}

void fos__release_rest(struct fos_worker *w)
{
	look_at_due(w);
	send_out(w);
}

/* ---- how far ------------------------------------------------------------------------------------------------------- */

/* Where the first packet stands of which a module at another level than `app` has not released all. */
static uint64_t place_of_first(const struct fos_session *s, int side, const struct fos__queue *q, uint64_t head,
                               uint64_t none)
{
	for (const struct fos_span *sp = fos__queue_first(q); sp; sp = sp->next) {
		if (sp->off + sp->len <= head || !sp->pkt)
			continue;
		if (s->key.proto != IPPROTO_TCP)
			return sp->pkt->id - 1;
		return fos_seq_near(s->half[side].next, sp->pkt->seq + ((sp->pkt->tcp_flags & FOS_TCP_SYN) ? 1 : 0));
	}
	return none;
}

uint64_t fos__release_upto(const struct fos_session *s, int side)
{
	const struct fos__flow *f = s->flow;
	bool tcp = s->key.proto == IPPROTO_TCP;
	uint64_t least = tcp ? s->half[side].next : UINT64_MAX / 4;

	for (unsigned i = 0; i < f->n_inst; i++) {
		const struct fos__inst *in = &f->inst[i];
		const struct fos__level *l = &f->level[in->level];

		if (!(tcp ? in->tcp : in->udp) || l->queue < 0)
			continue;
		const struct fos__queue *q = fos__queue_of(s, side, (unsigned)l->queue);
		uint64_t head = q->in ? fos__view_of(s, side, i)->head : q->tail, at;

		if (head >= q->tail)
			continue;
		at = tcp && l->kind == FOS_LEVEL_APP ? s->rest[side].start + head
		                                     : place_of_first(s, side, q, head, least);
		if (at < least)
			least = at;
	}
	return least;
}

void fos__release_shut(struct fos_worker *w, struct fos_session *s, int side, uint64_t pos)
{
	struct fos__gate *g = fos__gate_of(s, side);

	if (!g || s->flow->release != FOS_RELEASE_CLOSED || (g->shut && g->shut_at <= pos))
		return;
	w->st.release.shut += !g->shut;
	g->shut = true;
	g->shut_at = pos;
	fos__release_due(w, s, side, false);
}

/* ---- the batch ----------------------------------------------------------------------------------------------------- */

/* The session of packet i whose gate it has to pass, or NULL. */
static struct fos_session *owner(const struct fos_worker *w, uint32_t i, const struct fos_pkt *p, int *side)
{
	const struct fos__place *at = &w->place[i];
	struct fos_session *s = at->likely;

	if (!s || !s->flow || !s->flow->gate_off)
		return NULL;
	*side = at->has_key ? at->side : fos__key4_side(&at->key4, &s->key);
	if (p->verdict == FOS_PKT_UDP)
		return s->flow->udp_streams ? s : NULL;
	if ((p->tcp_flags & FOS_TCP_RST) || (p->app_len == 0 && !(p->tcp_flags & FOS_TCP_FIN)))
		return NULL;
	return s;
}

/* What has to be released before the packet, as in struct fos__wait. */
static uint64_t needs(const struct fos_session *s, const struct fos_pkt *p, int side)
{
	if (p->verdict == FOS_PKT_UDP)
		return 2 * p->id;
	uint64_t pos = fos_seq_near(s->half[side].next, p->seq + ((p->tcp_flags & FOS_TCP_SYN) ? 1 : 0));

	return 2 * (pos + p->app_len) + ((p->tcp_flags & FOS_TCP_FIN) ? 1 : 0);
}

/* The packet as it outlives the batch, with a reference for the caller; NULL: no memory. */
static struct fos__origin *keep(struct fos_worker *w, const struct fos_pkt *p, uint32_t i)
{
	struct fos__origin *o = w->store.kept[i];
	struct fos_pkt bare;

	if (!p->buf) {
		if (!o)
			return fos__origin_new(&w->store, p);
		o->refs++;
		return o;
	}
	bare = *p; /* an origin has the datagram; here it is the frame that counts */
	bare.buf = NULL;
	bare.ip = bare.app = NULL;
	return fos__origin_new(&w->store, &bare);
}

static bool has_room(const struct fos_worker *w, const struct fos__gate *g)
{
	return g->bytes < 2 * w->cfg.cap_direction_bytes + 2 * w->cfg.cap_retained_bytes &&
	       w->st.release.waiting_bytes < 2 * w->cfg.cap_total_bytes;
}

/* Has it wait. Returns false where there is no room. */
static bool wait_for(struct fos_worker *w, struct fos__gate *g, const struct fos_pkt *p, uint32_t i, uint64_t need)
{
	struct fos__origin *o = has_room(w, g) ? keep(w, p, i) : NULL;

	if (o && put_in(g, (struct fos__wait){ need, w->release->order++, w->now_ns, o }) == 0) {
		count(w, g, o);
		return true;
	}
	if (o)
		fos__origin_put(o);
	w->st.release.overflow++;
	return false;
}

/* Such a one is nothing to the receiver, either, and nobody waits for it (tcp.c). */
static bool out_of_window(const struct fos_session *s, const struct fos_pkt *p, int side, uint64_t need)
{
	return p->verdict == FOS_PKT_TCP && need / 2 - p->app_len > s->half[side].next + FOS_WINDOW;
}

/* The packet's bytes are released. Those that wait for it alone, and come before it, leave first; and it waits for what comes before
 * it and is later in this batch. Returns whether it leaves now. */
static bool leaves_in_turn(struct fos_worker *w, struct fos_session *s, int side, const struct fos_pkt *p, uint32_t i,
                           uint64_t need, uint64_t upto)
{
	struct fos__gate *g = fos__gate_of(s, side);
	uint64_t pos = need / 2 - p->app_len;

	if (!g->begun) {
		g->begun = true;
		g->left = (s->half[side].flags & FOS_HALF_STARTED) ? s->rest[side].start : pos;
	}
	while (g->n && g->wait[0].need < need && g->wait[0].need <= need_of(upto) &&
	       g->wait[0].need / 2 - g->wait[0].origin->pkt.app_len <= g->left) {
		copy_first(w, i);
		let_go(w, g);
	}
	settle(g);
	if (pos > g->left && wait_for(w, g, p, i, need)) {
		fos__release_due(w, s, side, false);
		return false;
	}
	note_left(g, need);
	return true;
}

/* UDP: what came before it and waited leaves first. */
static bool leaves_after(struct fos_worker *w, struct fos__gate *g, uint32_t i, uint64_t need)
{
	if (g->n && g->wait[0].need < need) {
		copy_first(w, i);
		let_all_go(w, g, need - 1);
	}
	return true;
}

/* Does packet i leave now? */
static bool passes(struct fos_worker *w, uint32_t i, const struct fos_pkt *p)
{
	int side;
	struct fos_session *s = owner(w, i, p, &side);

	if (!s)
		return true;
	struct fos__gate *g = fos__gate_of(s, side);
	uint64_t need = needs(s, p, side);

	if (g->shut && need > need_of(g->shut_at)) {
		w->st.release.dropped++;
		return false;
	}
	uint64_t upto = fos__release_upto(s, side);

	if (need <= need_of(upto))
		return p->verdict == FOS_PKT_UDP ? leaves_after(w, g, i, need)
		                                 : leaves_in_turn(w, s, side, p, i, need, upto);
	if (g->ended || out_of_window(s, p, side, need))
		return true;
	if (wait_for(w, g, p, i, need))
		return false;
	if (s->flow->release == FOS_RELEASE_OPEN)
		return true;
	w->st.release.dropped++;
	return false;
}

static void forget_kept(struct fos_worker *w)
{
	struct fos__store *st = &w->store;

	for (uint64_t left = st->kept_mask; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		fos__origin_put(st->kept[i]);
		st->kept[i] = NULL;
	}
	st->kept_mask = 0;
	st->batch = NULL;
}

void fos__release_batch(struct fos_worker *w, struct fos_batch *b)
{
	struct fos__release *r = w->release;

	for (uint32_t i = 0; i < b->n; i++) {
		const struct fos_pkt *p = &b->pkt[i];
		bool leaves = passes(w, i, p);

		if (!leaves)
			copy_first(w, i);
		else if (r->copies)
			emit(w, &p->f, NULL);
	}
	if (!r->copies && b->n) {
		w->st.release.released += b->n;
		r->call(r->arg, b);
	}
	for (size_t i = 0; i < w->n_touched; i++) {
		int side = w->touched[i] & 1;
		const struct fos_session *s = (const struct fos_session *)(w->touched[i] - (unsigned)side);
		struct fos__gate *g = fos__gate_of(s, side);

		if (g && g->n)
			look(w, s, g, side);
	}
	fos__release_rest(w);
	forget_kept(w);
	r->batch = NULL;
}

void fos__release_move(struct fos_worker *w, struct fos_session *from, struct fos_session *to, int side, uint32_t isn)
{
	struct fos__gate *g = fos__gate_of(from, side), *t = fos__gate_of(to, side);
	uint64_t stands = need_of(from->half[side].next);
	uint32_t n = g ? g->n : 0, kept = 0;

	for (uint32_t i = 0; i < n && t; i++) {
		struct fos__wait x = g->wait[i];
		uint32_t seq = x.origin->pkt.seq;

		if (x.need <= stands || seq - (isn + 1) > FOS_NEAR) {
			g->wait[kept++] = x;
			continue;
		}
		g->bytes -= cost(x.origin);
		x.need = 2 * (fos_seq_near(to->half[side].next, seq) + x.origin->pkt.app_len) + (x.need & 1);
		if (put_in(t, x) == 0) {
			t->bytes += cost(x.origin);
			continue;
		}
		w->st.release.waiting--;
		w->st.release.waiting_bytes -= cost(x.origin);
		w->st.release.dropped++;
		w->st.no_memory++;
		fos__origin_put(x.origin);
	}
	if (kept == n)
		return;
	g->n = kept;
	for (uint32_t i = kept / 2; i-- > 0;)
		sink(g, i, g->wait[i]);
	settle(g);
}
