/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta.c: sets of packets for the metamorphic oracle: memory, parsing, order. The changes are in meta_*.c. See meta.h.
 */
#include "meta.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/parse.h>

const char *const meta_kind_name[META_KINDS] = {
	"rename",    "isn",     "split",    "coalesce", "resegment", "overlap", "interleave",
	"duplicate", "permute", "fragment", "tag",      "pad",       "link",    "time",
};

const char *const meta_kind_help[META_KINDS] = {
	"other addresses and TCP ports, one for one",
	"other initial sequence numbers: the wrap lies anywhere in the stream",
	"segments cut to a smaller size, as TSO does",
	"segments of a direction joined up to 64 KiB and beyond, as GRO does",
	"the same bytes cut at other places, down to one byte a segment",
	"retransmissions of the same bytes that overlap in part",
	"other sessions between: made-up ones, and copies with other addresses",
	"TCP packets twice, at any distance",
	"another order: held back, reversed, shuffled, ACK before data, FIN first, SYN last",
	"IPv4 and IPv6 fragments of any size, in any order, some twice",
	"VLAN tags put on, changed, taken off (not with --vlan-key)",
	"bytes behind the IP packet, as Ethernet pads",
	"another link layer: raw IP, Linux cooked",
	"other time stamps: shifted, scaled, coarse",
};

struct meta_chunk {
	struct meta_chunk *next;
	size_t size;
	uint8_t at[];
};

enum { CHUNK = 1 << 20 };

uint8_t *meta_bytes(struct meta_set *s, size_t len)
{
	struct meta_chunk *c = s->chunk;
	uint8_t *at;

	if (!c || c->size - s->chunk_used < len) {
		size_t size = len > CHUNK ? len : CHUNK;

		c = malloc(sizeof(*c) + size);
		if (!c)
			return NULL;
		*c = (struct meta_chunk){ .next = s->chunk, .size = size };
		s->chunk = c;
		s->chunk_used = 0;
	}
	at = c->at + s->chunk_used;
	s->chunk_used += len;
	return at;
}

static void free_chunks(struct meta_set *s, const struct meta_chunk *keep)
{
	while (s->chunk && s->chunk != keep) {
		struct meta_chunk *next = s->chunk->next;

		free(s->chunk);
		s->chunk = next;
	}
	s->chunk_used = 0;
}

void meta_set_clear(struct meta_set *s)
{
	struct meta_chunk *first = s->chunk;

	while (first && first->next)
		first = first->next;
	free_chunks(s, first);
	bench_golden_free(&s->want);
	s->n = s->convs = 0;
	s->fragments = s->tunnels = s->ends_open = false;
	memset(s->skipped, 0, sizeof(s->skipped));
}

void meta_set_free(struct meta_set *s)
{
	meta_set_clear(s);
	free_chunks(s, NULL);
	free(s->v);
	free(s->key);
	free(s->conv);
	memset(s, 0, sizeof(*s));
}

/* Does nothing in front of the IP header say how long the packet is, as PPPoE and IEEE 802.3 do? */
static bool has_no_length(const struct fos_frame *f, unsigned encap)
{
	if (encap & FOS_ENCAP_PPPOE)
		return false;
	return f->linktype != 1 || (f->len > 14 && (f->data[12] << 8 | f->data[13]) >= 0x0600);
}

unsigned meta_parse(struct meta_pkt *p, struct fos_key *key)
{
	const unsigned simple = FOS_ENCAP_VLAN | FOS_ENCAP_QINQ | FOS_ENCAP_MPLS | FOS_ENCAP_PPPOE;
	struct fos_pkt q = { .f = p->f };
	bool transport;

	fos_parse(&q, 0);
	transport = q.verdict == FOS_PKT_TCP || q.verdict == FOS_PKT_UDP;
	p->verdict = q.verdict;
	p->version = q.ip_version;
	p->proto = q.proto;
	p->tcp_flags = q.verdict == FOS_PKT_TCP ? q.tcp_flags : 0;
	p->seq = q.seq;
	p->ack = q.ack;
	p->app_len = transport ? q.app_len : 0;
	p->ip = p->l4 = p->app = 0;
	p->bits &= (uint8_t)(META_CLOCK | META_GONE);
	if (!transport && q.verdict != FOS_PKT_FRAGMENT)
		return q.encap;
	if (!fos_checksum_ok(&q))
		p->bits |= META_BAD_SUM;
	if (transport)
		p->side = (uint8_t)fos_key_of(&q, 0, key);
	if (q.encap & ~simple || q.ip - p->f.data > UINT16_MAX - 512)
		return q.encap;
	p->ip = (uint16_t)(q.ip - p->f.data);
	p->l4 = (uint16_t)(p->ip + q.l4);
	p->app = (uint16_t)(p->l4 + q.l4_len);
	p->bits |= META_HEAD;
	if (transport && has_no_length(&p->f, q.encap) && q.app_len == q.app_wire_len &&
	    q.l4 == (q.ip_version == 4 ? 20 : 40) && fos_frame_caplen(&p->f) >= p->f.wire_len)
		p->bits |= META_PLAIN;
	return q.encap;
}

int meta_set_put(struct meta_set *s, const struct meta_pkt *p, int64_t key)
{
	struct meta_pkt copy = *p; /* it may be one of ours, which move */

	if (s->n == s->slots) {
		size_t slots = s->slots ? s->slots * 2 : 1024;
		struct meta_pkt *v = realloc(s->v, slots * sizeof(*v));
		int64_t *k;

		if (!v)
			return -ENOMEM;
		s->v = v;
		k = realloc(s->key, slots * sizeof(*k));
		if (!k)
			return -ENOMEM;
		s->key = k;
		s->slots = slots;
	}
	s->key[s->n] = key;
	s->v[s->n++] = copy;
	return 0;
}

int meta_set_add(struct meta_set *s, const struct meta_pkt *p)
{
	return meta_set_put(s, p, 0);
}

int meta_set_conv(struct meta_set *s, const struct meta_conv *c)
{
	struct meta_conv copy = *c;

	if (s->convs == s->conv_slots) {
		size_t slots = s->conv_slots ? 2 * s->conv_slots : 64;
		struct meta_conv *v = realloc(s->conv, slots * sizeof(*v));

		if (!v)
			return -ENOMEM;
		s->conv = v;
		s->conv_slots = slots;
	}
	s->conv[s->convs++] = copy;
	return 0;
}

int meta_set_want(struct meta_set *s, char *line)
{
	struct bench_golden *g = &s->want;

	if (!line)
		return -ENOMEM;
	if ((g->lines & (g->lines - 1)) == 0) { /* a power of two is full */
		char **v = realloc(g->line, (g->lines ? 2 * g->lines : 1) * sizeof(*v));

		if (!v) {
			free(line);
			return -ENOMEM;
		}
		g->line = v;
	}
	g->line[g->lines++] = line;
	return 0;
}

void meta_set_keys(struct meta_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		s->key[i] = (int64_t)i * META_SLOT;
}

struct sorted {
	int64_t key;
	size_t at;
};

static int by_key(const void *va, const void *vb)
{
	const struct sorted *a = va, *b = vb;

	return a->key != b->key ? (a->key < b->key ? -1 : 1) : (a->at > b->at) - (a->at < b->at);
}

static int by_number(const void *va, const void *vb)
{
	const uint64_t *a = va, *b = vb;

	return (*a > *b) - (*a < *b);
}

int meta_set_sort(struct meta_set *s)
{
	struct sorted *k = malloc((s->n + 1) * sizeof(*k));
	struct meta_pkt *v = malloc((s->n + 1) * sizeof(*v));
	uint64_t *ts = malloc((s->n + 1) * sizeof(*ts));
	size_t n = 0;

	if (!k || !v || !ts) {
		free(k);
		free(v);
		free(ts);
		return -ENOMEM;
	}
	for (size_t i = 0; i < s->n; i++)
		if (!(s->v[i].bits & META_GONE))
			k[n++] = (struct sorted){ s->v[i].bits & META_CLOCK ? INT64_MAX : s->key[i], i };
	qsort(k, n, sizeof(*k), by_key);
	for (size_t i = 0; i < n; i++) {
		v[i] = s->v[k[i].at];
		ts[i] = v[i].f.ts_ns;
	}
	qsort(ts, n, sizeof(*ts), by_number);
	for (size_t i = 0; i < n; i++)
		v[i].f.ts_ns = ts[i];
	memcpy(s->v, v, n * sizeof(*v));
	s->n = n;
	free(k);
	free(v);
	free(ts);
	return 0;
}

unsigned meta_set_flags(const struct meta_set *s)
{
	return s->ends_open ? GOLDEN_IGNORE_ENDS | GOLDEN_IGNORE_EMPTY : 0;
}

uint32_t meta_group(const struct meta_set *s, const struct meta_pkt *p)
{
	const struct meta_conv *c = p->conv == META_NO_CONV ? NULL : &s->conv[p->conv];

	if (!c) {
		if (p->verdict != FOS_PKT_FRAGMENT)
			return 0;
		if (s->fragments_fixed)
			return 1;
		for (size_t i = 0; i < s->convs; i++) /* the fragment may be one of those whose order decides */
			if (s->conv[i].fixed && s->conv[i].fragments)
				return 1;
		return 0;
	}
	if (!c->fixed)
		return 0;
	if (c->fragments)
		return 1;
	if (c->ambiguous)
		return 2 + p->conv * 4 + 2;
	return c->fixed >> p->side & 1 ? 2 + p->conv * 4 + p->side : 0;
}

int meta_apply(enum meta_kind kind, struct meta_set *s, struct meta_draw *d)
{
	static int (*const change[META_KINDS])(struct meta_set *, struct meta_draw *) = {
		meta_rename,  meta_isn,        meta_split,     meta_coalesce, meta_resegment,
		meta_overlap, meta_interleave, meta_duplicate, meta_permute,  meta_fragment,
		meta_tag,     meta_pad,        meta_link,      meta_time,
	};

	return change[kind](s, d);
}
