/* SPDX-License-Identifier: BSD-2-Clause
 *
 * count.c: accounting. Packets and bytes are counted as they arrive, with whatever is sent twice; delivered bytes are
 * counted where the stream passes, so each is counted once, whatever the order in which its packets came.
 *
 * `per=flow` adds the totals of each flow, `per=session` a table of sessions in a file, in order of their beginning. Sums per session are kept in a
 * map by session id, because packets come before a session has streams; without per=session nothing is kept.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/module.h>

#include "util/args.h"
#include "util/idmap.h"
#include "util/names.h"
#include "util/outfile.h"

enum count_per { COUNT_PER_ALL, COUNT_PER_FLOW, COUNT_PER_SESSION };
static const char *const count_pers[] = { "all", "flow", "session", NULL };

enum { COUNT_ENDS = FOS_END_EOF + 1 };

/* One direction of traffic. What each packet adds to and what is rarer take turns: GCC would add neighbours in vectors, which takes
 * twice as long. */
struct count_side {
	uint64_t packets, streams;
	uint64_t ip_heads, gaps; /* heads: bytes in front of the next level's */
	uint64_t l4_heads, gap_bytes;
	uint64_t app_bytes, late_bytes;
	uint64_t app_wire_bytes, delivered;
};

/* One protocol: side 0 is sent by the one who opened the session. */
struct count_proto {
	uint64_t sessions, ends[COUNT_ENDS];
	struct count_side side[2];
};

struct count_flow {
	struct count_flow *next;
	char *name;
	struct count_proto tcp, udp;
};

/* Of a session, by side of its key. */
struct count_session {
	struct count_side side[2];
};

struct count {
	enum count_per per;
	struct count_flow all;   /* all, but for what per=flow has memory to keep apart */
	struct count_flow *flow; /* per=flow: the last one used goes first */
	struct idmap sessions;
	struct outfile *out;
	uint64_t lost; /* sessions that are not in the table: no memory */
};

static const char count_head[] = "session\tflow\tproto\tfrom\tto\tfirst_ns\tlast_ns"
                                 "\tpackets\tip_bytes\tapp_bytes\tdelivered\tgaps\tgap_bytes\tlate_bytes\tend"
                                 "\tback_packets\tback_ip_bytes\tback_app_bytes\tback_delivered\tback_gaps"
                                 "\tback_gap_bytes\tback_late_bytes\tback_end";

/* With per=flow: the sums of the flow of this name. */
static struct count_flow *count_flow_named(struct count *c, const char *name)
{
	struct count_flow **at = &c->flow, *f;

	while ((f = *at) && strcmp(f->name, name))
		at = &f->next;
	if (!f) {
		f = calloc(1, sizeof(*f));
		if (!f || !(f->name = strdup(name))) {
			free(f);
			return &c->all;
		}
	} else {
		*at = f->next;
	}
	f->next = c->flow;
	c->flow = f;
	return f;
}

/* Apart from where every packet passes. */
static __attribute__((noinline)) struct count_flow *count_flow_of(struct count *c, const struct fos_session *s)
{
	return count_flow_named(c, fos_session_flow(s));
}

static struct count_proto *count_proto_of(struct count *c, const struct fos_session *s)
{
	struct count_flow *f = c->per == COUNT_PER_FLOW ? count_flow_of(c, s) : &c->all;

	return fos_session_key(s)->proto == IPPROTO_TCP ? &f->tcp : &f->udp;
}

/* Where this session's sums go beside the totals; NULL: nowhere. */
static struct count_side *count_session_side(struct count *c, const struct fos_session *s, int dir)
{
	struct count_session *t = idmap_get(&c->sessions, fos_session_id(s));
	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t || idmap_put(&c->sessions, fos_session_id(s), t)) {
			free(t);
			return NULL;
		}
	}
	return &t->side[dir];
}

/* Where a direction's sums go: into the total, and with per=session into the session's. Returns how many places. Streams are
 * TCP's only, as this module takes datagrams. */
static inline int count_sides(struct count *c, const struct fos_session *s, bool tcp, int dir, struct count_side *to[2])
{
	int back = dir != fos_session_originator(s);

	to[1] = NULL;
	if (c->per == COUNT_PER_FLOW) {
		to[0] = &count_proto_of(c, s)->side[back];
		return 1;
	}
	to[0] = tcp ? &c->all.tcp.side[back] : &c->all.udp.side[back];
	if (c->per == COUNT_PER_SESSION)
		to[1] = count_session_side(c, s, dir);
	return to[1] ? 2 : 1;
}

static void count_close(void *self)
{
	struct count *c = self;
	size_t at = 0;
	void *t;

	while (c->flow) {
		struct count_flow *f = c->flow;
		c->flow = f->next;
		free(f->name);
		free(f);
	}
	while ((t = idmap_next(&c->sessions, &at)))
		free(t);
	idmap_free(&c->sessions);
	outfile_close(c->out);
	free(c);
}

static int count_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	struct count *c = calloc(1, sizeof(*c));
	const char *path;
	int per = 0, rc;

	if (!c)
		return mod_no_memory(err, errlen);
	rc = mod_arg_choice(args, "per", count_pers, &per, err, errlen);
	c->per = (enum count_per)per;
	if (!rc)
		rc = mod_arg_path(args, "file", &path, err, errlen);
	if (!rc && !path != (c->per != COUNT_PER_SESSION)) {
		snprintf(err, errlen, path ? "file= goes with per=session" : "per=session needs file=PATH");
		rc = -EINVAL;
	}
	if (!rc && path)
		rc = outfile_open(path, OUTFILE_NUMBERED, count_head, &c->out, err, errlen);
	if (rc) {
		count_close(c);
		return rc;
	}
	*self = c;
	return 0;
}

static inline void count_one_packet(struct count_side *x, const struct fos_pkt *p)
{
	uint64_t ip_head = p->l4, l4_head = p->l4_len, app = p->app_len, app_wire = p->app_wire_len;

	x->packets++;
	x->ip_heads += ip_head;
	x->l4_heads += l4_head;
	x->app_bytes += app;
	x->app_wire_bytes += app_wire;
}

static uint64_t count_l4_bytes(const struct count_side *x)
{
	return x->l4_heads + x->app_bytes;
}

static uint64_t count_ip_bytes(const struct count_side *x)
{
	return x->ip_heads + count_l4_bytes(x);
}

static __attribute__((noinline)) void count_apart(struct count *c, const struct fos_seen *v, size_t n)
{
	struct count_side *to[2];

	for (const struct fos_seen *end = v + n; v < end; v++)
		for (int i = count_sides(c, v->session, v->pkt->proto == IPPROTO_TCP, v->dir, to); i-- > 0;)
			count_one_packet(to[i], v->pkt);
}

static void count_packets(void *self, const struct fos_seen *v, size_t n)
{
	struct count *c = self;

	if (c->per != COUNT_PER_ALL) {
		count_apart(c, v, n);
		return;
	}
	for (const struct fos_seen *end = v + n; v < end; v++) {
		struct count_proto *all = v->pkt->proto == IPPROTO_TCP ? &c->all.tcp : &c->all.udp;

		count_one_packet(&all->side[(unsigned)v->dir ^ (unsigned)fos_session_originator(v->session)], v->pkt);
	}
}

static __attribute__((noinline)) void count_delivered(struct count *c, const struct fos_session *s, bool tcp, int dir,
                                                      uint64_t bytes)
{
	struct count_side *to[2];

	for (int i = count_sides(c, s, tcp, dir, to); i-- > 0;)
		to[i]->delivered += bytes;
}

/* UDP has no order to restore: what arrived was delivered. */
static void count_datagram(void *self, struct fos_session *s, const struct fos_pkt *p, int dir)
{
	count_delivered(self, s, false, dir, p->app_len);
}

static void count_stream_open(void *self, struct fos_stream *s)
{
	struct count_side *to[2];

	for (int i = count_sides(self, fos_stream_session(s), true, fos_stream_dir(s), to); i-- > 0;)
		to[i]->streams++;
}

static void count_stream_data(void *self, struct fos_stream *s)
{
	const struct fos_session *ses = fos_stream_session(s);
	struct count *c = self;

	if (c->per == COUNT_PER_ALL)
		c->all.tcp.side[fos_stream_dir(s) != fos_session_originator(ses)].delivered += fos_stream_window(s);
	else
		count_delivered(c, ses, true, fos_stream_dir(s), fos_stream_window(s));
	fos_release_all(s);
}

static void count_stream_gap(void *self, struct fos_stream *s, uint64_t off, uint64_t len)
{
	struct count_side *to[2];

	(void)off;
	for (int i = count_sides(self, fos_stream_session(s), true, fos_stream_dir(s), to); i-- > 0;) {
		to[i]->gaps++;
		to[i]->gap_bytes += len;
	}
}

static void count_stream_late(void *self, struct fos_stream *s, int64_t off, const uint8_t *data, uint32_t len)
{
	struct count_side *to[2];

	(void)off, (void)data;
	for (int i = count_sides(self, fos_stream_session(s), true, fos_stream_dir(s), to); i-- > 0;)
		to[i]->late_bytes += len;
}

static void count_stream_close(void *self, struct fos_stream *s, enum fos_end end)
{
	if ((unsigned)end < COUNT_ENDS)
		count_proto_of(self, fos_stream_session(s))->ends[end]++;
}

static void count_session_close(void *self, struct fos_session *s)
{
	struct count *c = self;

	count_proto_of(c, s)->sessions++;
	if (c->per != COUNT_PER_SESSION)
		return;
	struct count_session *t = idmap_take(&c->sessions, fos_session_id(s));
	if (!t) {
		c->lost++;
		return;
	}
	const struct fos_key *key = fos_session_key(s);
	int a = fos_session_originator(s) == 1, b = !a;
	char from[FOS_ADDR_TEXT], to[FOS_ADDR_TEXT];
	const struct count_side *x = &t->side[a], *y = &t->side[b];
	typedef unsigned long long u;

	outfile_line(c->out,
	             "%020llu\t%s\t%s\t%s\t%s\t%llu\t%llu"
	             "\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%s\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%s",
	             (u)fos_session_first_ns(s), fos_session_flow(s), key->proto == IPPROTO_TCP ? "tcp" : "udp",
	             fos_key_text(key, a, from, sizeof(from)), fos_key_text(key, b, to, sizeof(to)),
	             (u)fos_session_first_ns(s), (u)fos_session_last_ns(s), (u)x->packets, (u)count_ip_bytes(x),
	             (u)x->app_bytes, (u)x->delivered, (u)x->gaps, (u)x->gap_bytes, (u)x->late_bytes,
	             fos_end_name(fos_session_end(s, a)), (u)y->packets, (u)count_ip_bytes(y), (u)y->app_bytes,
	             (u)y->delivered, (u)y->gaps, (u)y->gap_bytes, (u)y->late_bytes,
	             fos_end_name(fos_session_end(s, b)));
	free(t);
}

static int count_finish(void *self, char *err, size_t errlen)
{
	struct count *c = self;

	return outfile_finish(c->out, err, errlen);
}

static void count_report_side(struct fos_report *r, const char *l4, const struct count_side *x)
{
	fos_report_u64(r, "packets", x->packets);
	fos_report_u64(r, "ip_bytes", count_ip_bytes(x));
	fos_report_u64(r, l4, count_l4_bytes(x));
	fos_report_u64(r, "app_bytes", x->app_bytes);
	fos_report_u64(r, "app_wire_bytes", x->app_wire_bytes);
	fos_report_u64(r, "delivered_bytes", x->delivered);
}

static void count_report_proto(struct fos_report *r, const char *name, const struct count_proto *p)
{
	static const char *const ends[COUNT_ENDS] = { "fin", "rst", "timeout", "eof" };
	const struct count_side *x = &p->side[0], *y = &p->side[1];
	struct count_side all = { .packets = x->packets + y->packets,
		                  .ip_heads = x->ip_heads + y->ip_heads,
		                  .l4_heads = x->l4_heads + y->l4_heads,
		                  .app_bytes = x->app_bytes + y->app_bytes,
		                  .app_wire_bytes = x->app_wire_bytes + y->app_wire_bytes,
		                  .delivered = x->delivered + y->delivered };
	const char *l4 = *name == 't' ? "tcp_bytes" : "udp_bytes";

	fos_report_begin(r, name);
	fos_report_u64(r, "sessions", p->sessions);
	count_report_side(r, l4, &all);
	if (*name == 't') {
		fos_report_u64(r, "repeated_bytes", all.app_bytes > all.delivered ? all.app_bytes - all.delivered : 0);
		fos_report_u64(r, "late_bytes", x->late_bytes + y->late_bytes);
		fos_report_u64(r, "streams", x->streams + y->streams);
		fos_report_u64(r, "gaps", x->gaps + y->gaps);
		fos_report_u64(r, "gap_bytes", x->gap_bytes + y->gap_bytes);
		fos_report_begin(r, "ends");
		for (int i = 0; i < COUNT_ENDS; i++)
			fos_report_u64(r, ends[i], p->ends[i]);
		fos_report_end(r);
	}
	fos_report_begin(r, "forward"); /* from the one who opened the session */
	count_report_side(r, l4, x);
	fos_report_end(r);
	fos_report_begin(r, "back");
	count_report_side(r, l4, y);
	fos_report_end(r);
	fos_report_end(r);
}

static void count_report_sum(struct count_proto *to, const struct count_proto *p)
{
	/* all members are uint64_t */
	uint64_t *t = (uint64_t *)(void *)to;
	const uint64_t *f = (const uint64_t *)(const void *)p;

	_Static_assert(sizeof(*to) % sizeof(*t) == 0, "counters only");
	for (size_t i = 0; i < sizeof(*to) / sizeof(*t); i++)
		t[i] += f[i];
}

static void count_report(void *self, struct fos_report *r)
{
	struct count *c = self;
	struct count_proto tcp = c->all.tcp, udp = c->all.udp;

	for (struct count_flow *f = c->flow; f; f = f->next) {
		count_report_sum(&tcp, &f->tcp);
		count_report_sum(&udp, &f->udp);
	}
	count_report_proto(r, "tcp", &tcp);
	count_report_proto(r, "udp", &udp);
	if (c->per == COUNT_PER_FLOW) {
		fos_report_begin(r, "flows");
		for (struct count_flow *f = c->flow; f; f = f->next) {
			fos_report_begin(r, f->name);
			count_report_proto(r, "tcp", &f->tcp);
			count_report_proto(r, "udp", &f->udp);
			fos_report_end(r);
		}
		fos_report_end(r);
	}
	if (c->per == COUNT_PER_SESSION)
		fos_report_u64(r, "no_memory", c->lost);
}

static int count_merge(void *self, void *other)
{
	struct count *c = self;
	const struct count *o = other;

	for (const struct count_flow *f = o->flow; f; f = f->next) {
		struct count_flow *to = count_flow_named(c, f->name);

		count_report_sum(&to->tcp, &f->tcp);
		count_report_sum(&to->udp, &f->udp);
	}
	count_report_sum(&c->all.tcp, &o->all.tcp);
	count_report_sum(&c->all.udp, &o->all.udp);
	c->lost += o->lost;
	return 0;
}

static const char *const count_args[] = {
	"per=flow|session  also the totals of each flow; or a table of sessions, in `file`",
	"file=PATH  where the table goes: a line a session, fields separated by tabs",
	NULL,
};

FOS_MODULE(.name = "count", .summary = "sessions, packets and bytes, each delivered byte once", .arg_help = count_args,
           .access = FOS_READ_ONLY, .open = count_open, .finish = count_finish, .report = count_report,
           .close = count_close, .packets = count_packets, .stream_open = count_stream_open,
           .stream_data = count_stream_data, .stream_gap = count_stream_gap, .stream_close = count_stream_close,
           .stream_late = count_stream_late, .datagram = count_datagram, .session_close = count_session_close,
           .merge = count_merge);
