/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst_innocent.c: see worst_innocent.h. The sessions are io's generator's.
 */
#include "worst_innocent.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/gen.h>
#include <flowos/rand.h>

enum {
	ETHER = 14,
	DATA_MIN = 200, /* a frame that long has payload */
	REORDERED = 3,  /* one session in so many */
	FRAGMENT = 512,
	SLOW = 7,
	SLOW_BY = 150,
	REQUEST = 1000,
	RESPONSE = 40000,
	CHUNK = 4096,
};

/* A session in four is IPv6. */
static uint64_t share(const struct worst_opts *o, int six)
{
	return six ? o->innocent / 4 : o->innocent - o->innocent / 4;
}

static struct fos_gen_spec spec_of(const struct worst_opts *o, int six)
{
	struct fos_gen_spec spec;
	char err[128];

	fos_gen_parse("", &spec, err, sizeof(err));
	spec.sessions = share(o, six);
	spec.concurrent = (spec.sessions + 1) / 2;
	spec.request = REQUEST;
	spec.bytes = RESPONSE;
	spec.mss = 1400;
	spec.seed = o->seed + (uint64_t)six;
	spec.ip = six ? 6 : 4;
	return spec;
}

/* Where addresses and ports lie in an Ethernet frame: the same bytes are the same direction of the same session. */
static const uint8_t *direction_of(const struct fos_frame *f, size_t *len)
{
	bool six = f->data[ETHER] >> 4 == 6;

	*len = six ? 36 : 12;
	return f->data + ETHER + (six ? 8 : 12);
}

static bool same_direction(const struct fos_frame *a, const struct fos_frame *b)
{
	size_t n, m;
	const uint8_t *da = direction_of(a, &n), *db = direction_of(b, &m);

	return n == m && memcmp(da, db, n) == 0;
}

/* Sessions take turns, so the next packet of a session is a turn later: of some sessions, two segments change places now
 * and then. */
static void reorder(struct fos_frames *f, uint64_t turn, uint64_t seed)
{
	for (size_t i = 0; turn && i + turn < f->n; i++) {
		struct fos_frame *a = &f->v[i], *b = &f->v[i + turn], swap = *a;
		uint64_t h = fos_mix64_add(seed, i);

		if (i % turn % REORDERED || h % 4 || a->len < DATA_MIN || b->len < DATA_MIN || !same_direction(a, b))
			continue;
		*a = *b;
		*b = swap;
	}
}

static int load(struct worst_innocent *in, const struct worst_plan *p, int six, struct fos_frames *f)
{
	struct fos_gen_spec spec = spec_of(p->o, six);
	int rc;

	if (!spec.sessions)
		return 0;
	rc = fos_gen_open(&spec, &in->port[six]);
	if (rc == 0)
		rc = fos_frames_load(in->port[six], f, NULL, NULL);
	if (rc == 0)
		reorder(f, spec.concurrent, spec.seed);
	return rc;
}

/* Merges b into a evenly: out of every (a + b) of both, as many of each as there are. */
static int merge(const struct fos_frames *a, const struct fos_frames *b, struct fos_frames *out)
{
	size_t i = 0, k = 0;
	int rc = fos_frames_reserve(out, a->n + b->n);

	while (rc == 0 && (i < a->n || k < b->n)) {
		bool from_a = k == b->n || (i < a->n && (double)i * (double)b->n <= (double)k * (double)a->n);

		rc = fos_frames_add(out, from_a ? &a->v[i++] : &b->v[k++]);
	}
	return rc;
}

/* Fragments that come late: a packet in so many has its last one come so many packets later. */
struct late {
	struct fos_frame frame[SLOW_BY / SLOW + 2];
	size_t due[SLOW_BY / SLOW + 2];
	unsigned first, n;
};

static int emit_late(struct late *l, struct worst_traffic *t, size_t now)
{
	int rc = 0;

	while (l->n && l->due[l->first] <= now && rc == 0) {
		rc = fos_frames_add(&t->frames, &l->frame[l->first]);
		l->first = (l->first + 1) % (SLOW_BY / SLOW + 2);
		l->n--;
	}
	return rc;
}

static void hold_back(struct late *l, struct worst_traffic *t, size_t due)
{
	unsigned at = (l->first + l->n++) % (SLOW_BY / SLOW + 2);

	l->frame[at] = t->frames.v[--t->frames.n];
	l->due[at] = due;
}

/* Bytes of the fragments belong to `out`. */
static int cut_all(const struct fos_frames *f, bool slow, struct fos_frames *out)
{
	struct worst_traffic t = { .ip_id = 1000 };
	struct late late = { .n = 0 };
	int rc = 0;

	for (size_t i = 0; i < f->n && rc == 0; i++) {
		rc = worst_add_cut(&t, &f->v[i], FRAGMENT, i % 3 == 0);
		if (rc == 0 && slow && i % SLOW == 0 && f->v[i].len > FRAGMENT + DATA_MIN)
			hold_back(&late, &t, i + SLOW_BY);
		if (rc == 0)
			rc = emit_late(&late, &t, i);
	}
	if (rc == 0)
		rc = emit_late(&late, &t, SIZE_MAX);
	*out = t.frames;
	return rc;
}

int worst_innocent_make(struct worst_innocent *in, const struct worst_plan *p)
{
	struct fos_frames part[2] = { { 0 }, { 0 } }, both = { 0 };
	int rc;

	memset(in, 0, sizeof(*in));
	rc = load(in, p, 0, &part[0]);
	if (rc == 0)
		rc = load(in, p, 1, &part[1]);
	if (rc == 0)
		rc = merge(&part[0], &part[1], &both);
	if (rc == 0 && p->c->cut_innocents) {
		rc = cut_all(&both, p->c->slow, &in->frames);
	} else {
		in->frames = both;
		memset(&both, 0, sizeof(both));
	}
	fos_frames_free(&both);
	fos_frames_free(&part[0]);
	fos_frames_free(&part[1]);
	if (rc)
		worst_innocent_free(in);
	return rc;
}

void worst_innocent_free(struct worst_innocent *in)
{
	fos_frames_free(&in->frames);
	fos_port_close(in->port[0]);
	fos_port_close(in->port[1]);
	memset(in, 0, sizeof(*in));
}

int worst_mix(const struct fos_frames *attack, const struct worst_innocent *in, uint64_t gap_ns, struct fos_frames *out)
{
	uint64_t now = UINT64_C(1700000000) * 1000000000u;
	int rc = merge(attack, &in->frames, out);

	for (size_t i = 0; i < out->n; i++) {
		out->v[i].ts_ns = now += gap_ns ? gap_ns : 1000;
		out->v[i].num = i + 1;
	}
	return rc;
}

/* Bytes from a formula, a chunk at a time. */
struct formula {
	bool innocent;
	uint64_t seed, session;
	int dir;
};

static bool right(const struct formula *f, const struct bench_span *sp)
{
	uint8_t want[CHUNK];

	for (uint32_t at = 0; at < sp->len; at += CHUNK) {
		uint32_t n = sp->len - at < CHUNK ? sp->len - at : CHUNK;

		if (f->innocent)
			fos_gen_payload(f->seed, f->session, f->dir, sp->off + at, want, n);
		else
			worst_payload(f->seed, f->dir, sp->off + at, want, n);
		if (memcmp(want, sp->data + at, n) != 0)
			return false;
	}
	return true;
}

/* `bytes`: how many there should be; 0: as many as there are. A stream without its beginning does not say which bytes it
 * has: it is not whole. */
static void check_stream(const struct bench_stream *st, const struct formula *f, uint64_t bytes,
                         struct worst_streams *s)
{
	bool good = !st->mid;

	for (uint32_t i = 0; i < st->spans && good; i++)
		good = right(f, &st->span[i]);
	if (!good && !st->mid)
		s->damaged++;
	s->whole += good && st->gaps == 0 && st->use == 0 && (st->bytes == bytes || (!bytes && st->bytes));
}

static bool is_attack(const struct bench_stream *st, uint8_t ip)
{
	struct worst_flow f = worst_flow(1, ip);
	const uint8_t *at = st->key.addr[0] + (ip == 4 ? 0 : 12);

	return st->key.version == ip && st->side == 0 && st->key.proto == IPPROTO_TCP && at[0] == f.addr[0] >> 24 &&
	       at[1] == (uint8_t)(f.addr[0] >> 16) && at[3] == (uint8_t)f.addr[0];
}

void worst_check(const struct worst_plan *p, const struct bench_record *r, struct worst_streams *innocent,
                 struct worst_streams *attack)
{
	uint8_t ip = p->c->ip ? p->c->ip : 4;

	memset(innocent, 0, sizeof(*innocent));
	memset(attack, 0, sizeof(*attack));
	innocent->total = 2 * p->o->innocent;
	attack->total = p->c->one_stream;
	for (size_t i = 0; i < r->streams; i++) {
		const struct bench_stream *st = &r->stream[i];
		struct formula f = { .innocent = true, .seed = p->o->seed + (st->key.version == 6) };
		int server;

		if (fos_gen_session_of(&st->key, &f.session, &server) == 0) {
			f.dir = st->side == server ? FOS_GEN_RESPONSE : FOS_GEN_REQUEST;
			check_stream(st, &f, f.dir == FOS_GEN_RESPONSE ? RESPONSE : REQUEST, innocent);
		} else if (p->c->one_stream && is_attack(st, ip)) {
			f = (struct formula){ .seed = p->o->seed };
			check_stream(st, &f, 0, attack);
		}
	}
}
