/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_arrived.c: see golden_arrived.h. Reads frames and records; touches nothing.
 */
#include "golden_arrived.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/parse.h>

#include "check.h"

/* Payload of one packet. */
struct piece {
	struct fos_key key;
	uint8_t side;
	uint32_t seq, len;
	uint64_t frame;
};

/* Two hosts between which fragments went: their packets cannot be told apart here. */
struct hosts {
	uint8_t addr[2][16];
};

struct arrived {
	struct piece *piece;
	size_t pieces, piece_slots;
	struct hosts *hosts;
	size_t n_hosts, hosts_slots;
	bool tunnels, other_fragments;
};

static int room(void *array, size_t used, size_t *slots, size_t size)
{
	void **a = array, *p;

	if (used < *slots)
		return 0;
	p = realloc(*a, (*slots ? *slots * 2 : 1024) * size);
	if (!p)
		return -ENOMEM;
	*a = p;
	*slots = *slots ? *slots * 2 : 1024;
	return 0;
}

static int add_piece(struct arrived *a, const struct fos_pkt *p, bool vlan_key)
{
	struct piece *n;

	if (room(&a->piece, a->pieces, &a->piece_slots, sizeof(*a->piece)))
		return -ENOMEM;
	n = &a->piece[a->pieces++];
	memset(n, 0, sizeof(*n));
	n->side = (uint8_t)fos_key_of(p, vlan_key, &n->key);
	n->seq = p->seq + ((p->tcp_flags & FOS_TCP_SYN) != 0);
	n->len = p->app_len;
	n->frame = p->f.num;
	return 0;
}

static int hosts_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct hosts));
}

static void hosts_set(struct hosts *h, const uint8_t *a, const uint8_t *b, size_t len)
{
	int swap = memcmp(a, b, len) > 0;

	memset(h, 0, sizeof(*h));
	memcpy(h->addr[swap], a, len);
	memcpy(h->addr[!swap], b, len);
}

static int add_fragment(struct arrived *a, const struct fos_pkt *p)
{
	size_t len = p->ip_version == 4 ? 4 : 16, at = p->ip_version == 4 ? 12 : 8;

	if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
		a->other_fragments = true;
	if (room(&a->hosts, a->n_hosts, &a->hosts_slots, sizeof(*a->hosts)))
		return -ENOMEM;
	hosts_set(&a->hosts[a->n_hosts++], p->ip + at, p->ip + at + len, len);
	return 0;
}

static int collect(struct arrived *a, const struct fos_frames *frames, bool verify, bool vlan_key)
{
	const unsigned plain = FOS_ENCAP_VLAN | FOS_ENCAP_QINQ | FOS_ENCAP_MPLS | FOS_ENCAP_PPPOE;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < frames->n; i++) {
		struct fos_pkt p = { .f = frames->v[i] };

		fos_parse(&p, 0);
		if (p.encap & ~plain)
			a->tunnels = true;
		if (p.verdict == FOS_PKT_FRAGMENT)
			rc = add_fragment(a, &p);
		if (p.verdict != FOS_PKT_TCP || !p.app_len || (p.tcp_flags & FOS_TCP_RST))
			continue;
		if (verify && !(p.f.flags & FOS_FRAME_CSUM_OK) && !fos_checksum_ok(&p))
			continue;
		rc = add_piece(a, &p, vlan_key);
	}
	return rc;
}

static int by_stream(const void *va, const void *vb)
{
	const struct piece *a = va, *b = vb;

	return bench_direction_cmp(&a->key, a->side, &b->key, b->side);
}

/* The only stream of a direction, or NULL where there are more, or none. */
static const struct bench_stream *only_stream(const struct bench_record *r, const struct piece *p)
{
	struct bench_stream like = { .key = p->key, .side = p->side };
	size_t from, to;

	bench_check_find(r, &like, &from, &to);
	return to - from == 1 ? &r->stream[from] : NULL;
}

static bool any_stream(const struct bench_record *r, const struct piece *p)
{
	struct bench_stream like = { .key = p->key, .side = p->side };
	size_t from, to;

	bench_check_find(r, &like, &from, &to);
	return to > from;
}

/* A place in a stream. */
struct place {
	int64_t from, to;
	uint64_t frame;
};

static int by_place(const void *va, const void *vb)
{
	const struct place *a = va, *b = vb;

	return a->from != b->from ? (a->from < b->from ? -1 : 1) : (a->to > b->to) - (a->to < b->to);
}

static void wrong(struct golden_arrived *out, const struct piece *p, const char *what, int64_t off, uint64_t frame)
{
	char dir[2 * FOS_ADDR_TEXT];

	out->wrong++;
	if (out->first[0])
		return;
	snprintf(out->first, sizeof(out->first), "tcp %s #0, offset %" PRId64 ", frame %" PRIu64 ": %s",
	         bench_direction_text(&p->key, p->side, dir, sizeof(dir)), off, frame, what);
}

/* Was the hole at `off` given up for a cap or for the time? */
static bool excused(const struct bench_stream *st, int64_t off)
{
	for (uint32_t i = 0; i < st->gaps; i++)
		if (st->gap[i].off <= (uint64_t)off && (uint64_t)off < st->gap[i].off + st->gap[i].len)
			return st->gap[i].why == FOS_GAP_CAP || st->gap[i].why == FOS_GAP_TIME;
	return false;
}

/* Every delivered byte must have arrived: `arrived` is sorted. */
static bool came_from_packets(const struct bench_stream *st, const struct place *arrived, size_t n,
                              const struct piece *p, struct golden_arrived *out)
{
	int64_t reach = 0; /* all before it was seen to have arrived, or was no delivered byte */
	size_t k = 0;

	for (uint32_t i = 0; i < st->spans; i++) {
		int64_t at = (int64_t)st->span[i].off, end = at + st->span[i].len;

		for (; k < n && arrived[k].from <= (at > reach ? at : reach); k++)
			reach = arrived[k].to > reach ? arrived[k].to : reach;
		while (reach < end && k < n && arrived[k].from <= reach) {
			reach = arrived[k].to > reach ? arrived[k].to : reach;
			k++;
		}
		if (reach < end) {
			wrong(out, p, "delivered, but no packet brought it", reach > at ? reach : at,
			      st->span[i].frame);
			return false;
		}
	}
	return true;
}

/* And every byte that arrived must have been delivered. */
static void was_delivered(const struct bench_stream *st, const struct place *arrived, size_t n, const struct piece *p,
                          struct golden_arrived *out)
{
	int64_t seen = 0;
	uint32_t s = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t at = arrived[i].from > seen ? arrived[i].from : seen;

		while (at < arrived[i].to) {
			while (s < st->spans && (int64_t)(st->span[s].off + st->span[s].len) <= at)
				s++;
			if (s < st->spans && (int64_t)st->span[s].off <= at) {
				at = (int64_t)(st->span[s].off + st->span[s].len);
				continue;
			}
			if (!excused(st, at)) {
				wrong(out, p, "arrived, but was not delivered", at, arrived[i].frame);
				return;
			}
			at++;
		}
		seen = at > seen ? at : seen;
	}
}

static int check_stream(const struct bench_stream *st, const struct piece *p, size_t n, struct golden_arrived *out)
{
	struct place *v = calloc(n, sizeof(*v));
	size_t used = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int64_t from = (int32_t)(p[i].seq - st->start_seq), to = from + p[i].len;

		if (to <= 0)
			continue; /* before the stream's start */
		v[used++] = (struct place){ .from = from > 0 ? from : 0, .to = to, .frame = p[i].frame };
	}
	qsort(v, used, sizeof(*v), by_place);
	out->streams++;
	if (came_from_packets(st, v, used, p, out))
		was_delivered(st, v, used, p, out);
	free(v);
	return 0;
}

static bool fragmented(const struct arrived *a, const struct fos_key *k)
{
	struct hosts h;

	hosts_set(&h, k->addr[0], k->addr[1], 16);
	return a->n_hosts && bsearch(&h, a->hosts, a->n_hosts, sizeof(h), hosts_cmp);
}

static int check_all(const struct arrived *a, const struct bench_engine_opts *o, const struct bench_record *run,
                     const struct bench_record *ref, struct golden_arrived *out)
{
	bool opaque = a->other_fragments || (a->tunnels && a->n_hosts);
	int rc = 0;

	for (size_t i = 0, end; rc == 0 && i < a->pieces; i = end) {
		const struct piece *p = &a->piece[i];
		const struct bench_stream *st = only_stream(run, p), *clean = only_stream(ref, p);

		for (end = i; end < a->pieces && by_stream(p, &a->piece[end]) == 0; end++)
			;
		if (o->filter && !any_stream(run, p))
			continue; /* the flow does not want it */
		if (opaque || fragmented(a, &p->key))
			out->skipped++;
		else if (!any_stream(run, p))
			wrong(out, p, "arrived, but there is no such stream", 0, p->frame);
		else if (!st || !clean || st->conflict || clean->conflict)
			out->skipped++;
		else
			rc = check_stream(st, p, end - i, out);
	}
	return rc;
}

int golden_arrived_check(const struct fos_frames *frames, const struct bench_engine_opts *o,
                         const struct fos_impair_spec *spec, const struct bench_record *run,
                         const struct bench_record *ref, struct golden_arrived *out)
{
	struct arrived a = { 0 };
	int rc;

	memset(out, 0, sizeof(*out));
	rc = collect(&a, frames, bench_verify_checksums(o, spec), o->vlan_key);
	if (rc == 0) {
		if (a.pieces)
			qsort(a.piece, a.pieces, sizeof(*a.piece), by_stream);
		if (a.n_hosts)
			qsort(a.hosts, a.n_hosts, sizeof(*a.hosts), hosts_cmp);
		rc = check_all(&a, o, run, ref, out);
	}
	free(a.piece);
	free(a.hosts);
	return rc;
}
