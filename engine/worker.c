/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worker.c: a worker's life, and a batch's way through it: parse all, hash and prefetch all, then put each packet in
 * its place, then run each stream that gained bytes once.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/seq.h>

#include "bug.h"
#include "fast.h"
#include "queue.h"
#include "release.h"
#include "worker_state.h"

void fos__worker_defaults(struct fos_worker_config *c)
{
	static const uint64_t second = 1000000000u;

	if (!c->hole_wait_packets && !c->hole_wait_ns)
		c->hole_wait_packets = 1024;
	if (!c->hole_timeout_ns)
		c->hole_timeout_ns = 120 * second;
	if (!c->idle_ns)
		c->idle_ns = 7440 * second;
	if (!c->linger_ns)
		c->linger_ns = 60 * second;
	if (!c->cap_direction_bytes)
		c->cap_direction_bytes = (size_t)16 << 20;
	if (!c->cap_total_bytes)
		c->cap_total_bytes = (size_t)1 << 30;
	if (!c->cap_retained_bytes)
		c->cap_retained_bytes = (size_t)64 << 20;
	if (!c->max_sessions)
		c->max_sessions = (size_t)1 << 24;
	fos_frag_defaults(&c->frag);
}

int fos_worker_create(const struct fos_worker_config *cfg, struct fos_worker **out)
{
	struct fos_worker *w = calloc(1, sizeof(*w));
	int err = -ENOMEM;

	*out = NULL;
	if (!w)
		return err;
	if (cfg)
		w->cfg = *cfg;
	fos__worker_defaults(&w->cfg);
	fos__store_init(&w->store);
	w->seen_end = w->seen;
	w->crowded = w->cfg.max_sessions / 2 + 1;
	w->plain_tag = fos__key4_tag(0xffff, IPPROTO_TCP);
	w->plain_secret = fos__key4_secret(w->plain_tag, w->cfg.seed);
	w->quiet_ns = w->cfg.idle_ns < w->cfg.linger_ns ? w->cfg.idle_ns : w->cfg.linger_ns;
	w->short_ns = w->cfg.verify_checksums ? 0 : w->quiet_ns;
	if (!w->cfg.frag.seed)
		w->cfg.frag.seed = w->cfg.seed;
	err = fos__table_init(&w->table);
	if (err)
		goto out_worker;
	err = fos_frag_create(&w->cfg.frag, &w->frags);
	if (err)
		goto out_table;
	err = fos__release_init(w);
	if (err)
		goto out_frags;
	*out = w;
	return 0;
out_frags:
	fos_frag_destroy(w->frags);
out_table:
	fos__table_free(&w->table);
out_worker:
	free(w);
	return err;
}

/* Sessions that nobody ended are dropped without a word to their modules: fos_worker_end() comes before. */
static void drop_sessions(struct fos_worker *w)
{
	if (w->release)
		w->release->call = NULL;
	fos_worker_end(w, FOS_END_EOF);
	fos__slab_free(&w->slab);
}

void fos_worker_destroy(struct fos_worker *w)
{
	if (!w)
		return;
	if (w->laid_out)
		drop_sessions(w);
	for (unsigned i = 0; i < w->n_flows; i++) {
		fos__flow_free(w->flow[i]);
		free(w->flow[i]);
	}
	fos__release_free(w);
	fos_frag_destroy(w->frags);
	fos__table_free(&w->table);
	fos__arena_free(&w->arena);
	fos__store_free(&w->store);
	free(w->touched);
	free(w);
}

int fos_worker_add_flow(struct fos_worker *w, const char *name, const char *filter, const char *levels, char *err,
                        size_t errlen)
{
	struct fos__flow *f;
	int rc;

	if (w->laid_out || w->n_flows == FOS_FLOWS_MAX) {
		snprintf(err, errlen, "flow %s: %s", name, w->laid_out ? "traffic has begun" : "too many flows");
		return -EBUSY;
	}
	f = malloc(sizeof(*f));
	if (!f) {
		snprintf(err, errlen, "flow %s: no memory", name);
		return -ENOMEM;
	}
	rc = fos__flow_init(f, name, filter, levels, err, errlen);
	if (rc) {
		fos__flow_free(f);
		free(f);
		return rc;
	}
	w->flow[w->n_flows] = f;
	return (int)w->n_flows++;
}

int fos_worker_flow_port(struct fos_worker *w, int flow, int port)
{
	if (flow < 0 || (unsigned)flow >= w->n_flows || w->laid_out || port < -1 || port > UINT16_MAX)
		return -EINVAL;
	w->flow[flow]->port = port;
	return 0;
}

int fos_worker_flow_release(struct fos_worker *w, int flow, enum fos_release how)
{
	if (flow < 0 || (unsigned)flow >= w->n_flows || w->laid_out || how > FOS_RELEASE_CLOSED ||
	    (how != FOS_RELEASE_TAP && !w->release))
		return -EINVAL;
	w->flow[flow]->release = how;
	return 0;
}

int fos_worker_add_module(struct fos_worker *w, int flow, unsigned stage, const struct fos_module *m,
                          const struct fos_module_args *args, const char *level, char *err, size_t errlen)
{
	if (flow < 0 || (unsigned)flow >= w->n_flows || w->laid_out) {
		snprintf(err, errlen, "module %s: no such flow, or traffic has begun", m->name);
		return -EINVAL;
	}
	return fos__flow_add(w->flow[flow], stage, m, args, level, err, errlen);
}

static void lay_out(struct fos_worker *w)
{
	size_t size = sizeof(struct fos_session);

	for (unsigned i = 0; i < w->n_flows; i++) {
		size_t need = fos__flow_layout(w->flow[i], w->release != NULL);

		if (need > size)
			size = need;
	}
	fos__slab_init(&w->slab, (size + 63) & ~(size_t)63, w->cfg.ahead);
	w->laid_out = true;
}

void fos__worker_touch(struct fos_worker *w, struct fos_session *s, int side)
{
	uint32_t bit = (uint32_t)FOS_SESSION_TOUCHED0 << side;

	if (s->flags & bit)
		return;
	if (w->n_touched == w->touched_size) {
		size_t n = w->touched_size ? w->touched_size * 2 : 256;
		uintptr_t *t = realloc(w->touched, n * sizeof(*t));

		if (!t) { /* its modules run now instead of later */
			fos__fast_tell(w);
			fos__pipeline_run(w, s, side);
			fos__release_due(w, s, side, false);
			return;
		}
		w->touched = t;
		w->touched_size = n;
	}
	s->flags |= bit;
	w->touched[w->n_touched++] = (uintptr_t)s | (unsigned)side;
}

void fos__worker_show(struct fos_worker *w, struct fos_session *s, int side)
{
	if (!(s->flags & (uint32_t)FOS_SESSION_TOUCHED0 << side))
		return;
	fos__fast_tell(w);
	fos__pipeline_run(w, s, side);
}

static void free_dead(struct fos_worker *w)
{
	for (uint32_t n = w->dead, next; n; n = next) {
		next = ((const struct fos_session *)fos__slab_at(&w->slab, n))->wheel_next;
		fos__slab_give(&w->slab, n);
	}
	w->dead = 0;
}

/* Sessions that never close come round again and again, perhaps all in the same second: a batch looks at so many, the
 * next one goes on. (What comes of it does not depend on when: packets look at their own session.) */
enum { LOOKS = 1024 };

static void look_at_due(struct fos_worker *w)
{
	struct fos_session *s;

	for (int n = 0; n < LOOKS && (s = fos__wheel_due(&w->wheel, &w->slab, w->now_ns)); n++) {
		uint64_t at = fos__use_deadline(w, s);

		if (at <= w->now_ns) {
			fos__use_end(w, s, FOS_END_TIMEOUT);
			continue;
		}
		for (int side = 0; side < 2; side++)
			if (s->half[side].flags & FOS_HALF_HOLDS)
				fos__tcp_patience(w, s, side);
		fos__wheel_add(&w->wheel, &w->slab, s, at > w->now_ns ? at : w->now_ns);
	}
}

/* Payload bytes of each datagram in a UDP packet: all of them, but in a super-packet, which is many of one size. What is joined in
 * a tunnel that is not looked into is none of this packet's. */
static uint32_t datagram_len(const struct fos_pkt *p)
{
	const struct fos_frame *f = &p->f;

	if (f->gso_type != FOS_GSO_UDP_L4 || !f->gso_size || f->gso_size >= p->app_len || p->buf)
		return p->app_len;
	if ((f->flags & FOS_FRAME_CSUM_PARTIAL) && p->ip + p->l4 != f->data + f->csum_start)
		return p->app_len;
	return f->gso_size;
}

static void count_payload(struct fos_worker *w, const struct fos_pkt *p)
{
	w->st.payload_bytes += p->app_len;
	if (p->verdict == FOS_PKT_UDP) {
		uint32_t len = datagram_len(p);

		w->st.datagrams += len == p->app_len ? 1 : (p->app_len + len - 1) / len;
		w->st.datagram_bytes += p->app_len;
	}
}

static void show_datagrams(const struct fos__inst *i, struct fos_session *s, const struct fos_pkt *p, int side)
{
	uint32_t len = datagram_len(p);
	struct fos_pkt one;

	if (len == p->app_len) {
		i->module->datagram(i->self, s, p, side);
		return;
	}
	one = *p;
	for (uint32_t at = 0; at < p->app_len; at += len) {
		one.app = p->app + at;
		one.app_len = one.app_wire_len = p->app_len - at < len ? p->app_len - at : len;
		i->module->datagram(i->self, s, &one, side);
	}
}

static void show_packet(struct fos_worker *w, struct fos_session *s, const struct fos_pkt *p, int side)
{
	const struct fos__flow *f = s->flow;

	fos__fast_show(w, s, p, side);
	if (p->verdict != FOS_PKT_UDP || !f->wants_datagrams)
		return;
	fos__fast_tell(w);
	for (unsigned i = 0; i < f->n_inst; i++)
		if (f->inst[i].module->datagram)
			show_datagrams(&f->inst[i], s, p, side);
}

static void udp_input(struct fos_worker *w, struct fos_session *s, struct fos_pkt *p, int side)
{
	struct fos__half *h = &s->half[side];

	h->pkts++;
	h->flags |= FOS_HALF_ANY | FOS_HALF_SEEN;
	if (!s->flow->udp_streams)
		return;
	if (p->app_len)
		fos__queue_push(w, s, side, p, p->app, p->app_len, true, NULL);
	else
		fos__queue_push_bare(w, s, side, p);
}

/* A parsed packet goes to its session. */
static void place(struct fos_worker *w, struct fos_pkt *p, struct fos__place *at)
{
	struct fos_session *s = fos__place_session(w, p, at);
	int side = at->side;

	w->placing = p->id;
	count_payload(w, p);
	if (s)
		s = fos__use_time(w, s);
	if (!s) {
		bool synack = (p->tcp_flags & (FOS_TCP_SYN | FOS_TCP_ACK)) == (FOS_TCP_SYN | FOS_TCP_ACK);

		s = fos__use_new(w, fos__place_key(w, p, at), p->hash, NULL,
		                 synack && p->verdict == FOS_PKT_TCP ? !side : side, p->f.port);
	} else if (p->verdict == FOS_PKT_TCP) {
		s = fos__use_pick(w, s, p, side);
	}
	at->likely = s;
	if (!s)
		return;
	s->last_ns = w->now_ns;
	if (!s->flow) { /* it stays half-open: the first to go */
		w->st.unmatched++;
		return;
	}
	show_packet(w, s, p, side);
	if (p->verdict == FOS_PKT_TCP)
		fos__tcp_input(w, s, p, side);
	else
		udp_input(w, s, p, side);
	if ((s->flags & FOS_SESSION_HALF_OPEN) || w->st.sessions_now >= w->crowded)
		fos__use_seen(w, s, p);
	fos__fast_learn(s);
}

static bool is_session(const struct fos_pkt *p)
{
	return p->verdict == FOS_PKT_TCP || p->verdict == FOS_PKT_UDP;
}

/* Fragments become their datagram, checksums are looked at. */
void fos__worker_admit(struct fos_worker *w, struct fos_pkt *p, struct fos__place *at)
{
	if (p->f.ts_ns > w->now_ns)
		w->now_ns = p->f.ts_ns;
	if (p->verdict == FOS_PKT_FRAGMENT) {
		if (w->cfg.verify_checksums && !fos_checksum_ok(p)) { /* its header's; the datagram gets a new one */
			w->st.bad_checksum++;
			return;
		}
		fos_frag_expire(w->frags, w->now_ns);
		w->bufs = true;
		do {
			if (fos_frag_add(w->frags, p, w->cfg.parse_flags) == FOS_PKT_FRAGMENT && !p->buf)
				return;
		} while (p->verdict == FOS_PKT_FRAGMENT);
		w->st.verdict[p->verdict]++;
		if (is_session(p))
			fos__place_of(w, p, at);
	}
	if (!is_session(p))
		return;
	if (w->cfg.verify_checksums && !fos_checksum_ok(p) && !FOS_BUG(CHECKSUM)) {
		w->st.bad_checksum++;
		at->likely = NULL;
		return;
	}
	place(w, p, at);
}

int fos_worker_run(struct fos_worker *w, struct fos_batch *b)
{
	return fos_worker_run_at(w, b, NULL);
}

int fos_worker_run_at(struct fos_worker *w, struct fos_batch *b, const uint64_t *clock_ns)
{
	if (!w->laid_out)
		lay_out(w);
	w->batch_err = 0;
	w->bufs = false;
	w->clock_ns = clock_ns;
	if (w->release)
		fos__release_begin(w, b);
	fos__fast_parse(w, b);
	fos__fast_batch(w, b);
	w->placing = 0;
	if (b->now_ns > w->now_ns)
		w->now_ns = b->now_ns;
	look_at_due(w);
	fos__pipeline_run_all(w);
	if (w->release)
		fos__release_batch(w, b);
	w->n_touched = 0;
	free_dead(w);
	if (w->bufs) {
		for (uint32_t i = 0; i < b->n; i++)
			fos_buf_put(b->pkt[i].buf);
	}
	fos__arena_reset(&w->arena);
	return w->batch_err;
}

static void close_one(struct fos_worker *w, struct fos_session *s, enum fos_end why)
{
	if (!s->wheel_link)
		return;
	fos__use_close(w, s, fos__use_deadline(w, s) <= w->now_ns ? FOS_END_TIMEOUT : why);
	s->wheel_link = 0;
	fos__arena_reset(&w->arena);
}

/* A session's end at the end of all; the uses before it end first, wherever in the slab they lie. */
static void close_in_order(struct fos_worker *w, struct fos_session *s, enum fos_end why)
{
	struct fos_session *use[FOS_USES];
	unsigned n = 0;

	if (!s->wheel_link) /* given back, or closed: those before it are, too */
		return;
	for (struct fos_session *u = fos__use_older(w, s); u && n < FOS_USES; u = fos__use_older(w, u))
		use[n++] = u;
	while (n)
		close_one(w, use[--n], why);
	close_one(w, s, why);
}

/* Nobody looks for a session any more, so none is taken out of where it is found: all of it goes at once. */
void fos_worker_end(struct fos_worker *w, enum fos_end why)
{
	if (!w->laid_out)
		return;
	fos_frag_expire(w->frags, w->now_ns);
	free_dead(w);
	for (uint32_t n = 1; n < w->slab.next; n++)
		close_in_order(w, fos__slab_at(&w->slab, n), why);
	w->n_touched = 0;
	if (w->release)
		fos__release_rest(w);
	fos__table_clear(&w->table);
	memset(w->wheel.slot, 0, sizeof(w->wheel.slot));
	memset(&w->crowd, 0, sizeof(w->crowd));
	size_t size = w->slab.size;

	fos__slab_free(&w->slab);
	fos__slab_init(&w->slab, size, w->cfg.ahead);
}

int fos_worker_finish(struct fos_worker *w, char *err, size_t errlen)
{
	int first = 0;

	for (unsigned f = 0; f < w->n_flows; f++) {
		for (unsigned i = 0; i < w->flow[f]->n_inst; i++) {
			const struct fos__inst *in = &w->flow[f]->inst[i];
			char text[256] = "";
			int rc = in->module->finish ? in->module->finish(in->self, text, sizeof(text)) : 0;

			if (rc == 0 || first)
				continue;
			first = rc;
			snprintf(err, errlen, "module %s: %s", in->module->name, text[0] ? text : strerror(-rc));
		}
	}
	return first;
}

void fos_worker_stats(const struct fos_worker *w, struct fos_worker_stats *st)
{
	*st = w->st;
	fos_frag_stats(w->frags, &st->frag);
}

void fos_worker_set_hole_wait(struct fos_worker *w, uint32_t packets, uint64_t ns)
{
	w->cfg.hole_wait_packets = packets;
	w->cfg.hole_wait_ns = ns;
	fos__worker_defaults(&w->cfg);
}

void fos_worker_settings(const struct fos_worker *w, struct fos_worker_config *cfg)
{
	*cfg = w->cfg;
	fos_frag_settings(w->frags, &cfg->frag);
}

/* How many instances of the same module were reported before this one. */
static unsigned same_before(const struct fos_worker *w, unsigned flow, unsigned inst)
{
	const char *name = w->flow[flow]->inst[inst].module->name;
	unsigned n = 0;

	for (unsigned f = 0; f <= flow; f++)
		for (unsigned i = 0; i < (f == flow ? inst : w->flow[f]->n_inst); i++)
			n += strcmp(w->flow[f]->inst[i].module->name, name) == 0;
	return n;
}

void fos_worker_report(const struct fos_worker *w, struct fos_report *r)
{
	for (unsigned f = 0; f < w->n_flows; f++) {
		for (unsigned i = 0; i < w->flow[f]->n_inst; i++) {
			const struct fos__inst *in = &w->flow[f]->inst[i];
			unsigned before = same_before(w, f, i);
			char key[80];

			if (before)
				snprintf(key, sizeof(key), "%s#%u", in->module->name, before + 1);
			else
				snprintf(key, sizeof(key), "%s", in->module->name);
			fos_report_begin(r, key);
			if (in->module->report)
				in->module->report(in->self, r);
			fos_report_end(r);
		}
	}
}
