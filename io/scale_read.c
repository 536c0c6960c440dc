/* SPDX-License-Identifier: BSD-2-Clause
 *
 * scale_read.c: what each packet of a trace is to scaling: whose, between which hosts, and where it would be rewritten.
 * Reads the frames and touches the plan.
 *
 * Fragments belong to the session of their datagram's first fragment. One that comes before its first one waits for it
 * until the end of the trace.
 */
#include "scale_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/key.h>
#include <flowos/parse.h>

_Static_assert(sizeof(struct fos_key) == FOS__KEY_LEN, "session keys go into the key map as they are");

enum { TCP_MIN = 20, UDP_LEN = 8, EXT_ROUTING = 43, IP6_LEN = 40, OPT_LSRR = 131, OPT_SSRR = 137 };

/* Whose a datagram's fragments are. */
struct owner {
	uint32_t session;
	uint16_t flags; /* FOS__SCALE_CONV, FOS__SCALE_OTHER */
	bool known;
};

struct datagram {
	struct owner first, last; /* by the first and the latest of its first fragments: ids are used again */
};

struct datagram_key {
	uint8_t addr[2][16];
	uint32_t id;
	uint8_t version, proto, zero[2];
};

_Static_assert(sizeof(struct datagram_key) == FOS__KEY_LEN, "");

/* A fragment that came before its first one. */
struct early {
	uint32_t pkt, datagram;
};

struct reader {
	struct fos__scale_plan *p;
	struct fos__keymap tcp, udp, datagrams;
	struct datagram *datagram;
	struct early *early;
	uint32_t n_early, cap_datagrams, cap_early;
};

static uint16_t be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Room for one more in an array of n with room for *cap. Returns 0 or -ENOMEM. */
static int more(void **v, uint32_t *cap, uint32_t n, size_t size)
{
	uint32_t want = *cap ? 2 * *cap : 64;
	void *p;

	if (n < *cap)
		return 0;
	p = realloc(*v, want * size);
	if (!p)
		return -ENOMEM;
	*v = p;
	*cap = want;
	return 0;
}

/* Does the packet carry a source route, so that its checksum is not over the header's destination? */
static bool source_routed(const struct fos_pkt *q)
{
	uint32_t end = q->ip_version == 4 ? (q->ip[0] & 15u) * 4 : q->l4, at = 20;
	uint8_t kind = q->ip[6];

	if (q->ip_version == 4) {
		while (at < end && q->ip[at] != 0) {
			uint32_t len = q->ip[at] == 1 ? 1 : at + 1 < end ? q->ip[at + 1] : 0;

			if (q->ip[at] == OPT_LSRR || q->ip[at] == OPT_SSRR || !len)
				return true;
			at += len;
		}
		return false;
	}
	for (at = IP6_LEN; at + 8 <= end; at += (q->ip[at + 1] + 1u) * 8) {
		if (kind == EXT_ROUTING)
			return true;
		if (kind == IPPROTO_AH)
			return false; /* counts its length otherwise; nothing is routed behind it */
		kind = q->ip[at];
	}
	return false;
}

static int add_hosts(struct reader *r, const struct fos_pkt *q, struct fos__scale_pkt *k)
{
	size_t len = q->ip_version == 4 ? 4 : 16;
	struct fos__keymap *hosts = len == 4 ? &r->p->host4 : &r->p->host6;

	for (size_t i = 0; i < 2; i++) {
		uint8_t key[FOS__KEY_LEN] = { 0 };

		memcpy(key, q->ip + (len == 4 ? 12 : 8) + i * len, len);
		if (fos__keymap_add(hosts, key, &k->host[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* The session of a packet whose ports are known. */
static int add_session(struct reader *r, const struct fos_pkt *q, struct fos__scale_pkt *k)
{
	bool tcp = q->proto == IPPROTO_TCP;
	struct fos_key key;
	int side = fos_key_of(q, 0, &key);

	if (fos__keymap_add(tcp ? &r->tcp : &r->udp, &key, &k->session) < 0)
		return -ENOMEM;
	k->flags |=
	    (uint16_t)((tcp ? FOS__SCALE_TCP : FOS__SCALE_UDP | FOS__SCALE_CONV) | (side ? FOS__SCALE_SIDE : 0));
	k->l4 = (uint16_t)(k->ip + q->l4);
	return 0;
}

/* Where the frame can be cut so that the rest is shared: before the payload, if it still parses as before. */
static uint32_t head_of(const struct fos_pkt *q)
{
	struct fos_pkt cut = { .f = q->f };

	if (q->f.ext || !q->app_len)
		return q->f.len;
	cut.f.len = (uint32_t)(q->app - q->f.data);
	cut.f.ext = q->app;
	cut.f.ext_len = q->f.len - cut.f.len;
	if (fos_parse(&cut, 0) != q->verdict || cut.ip != q->ip || cut.l4 != q->l4 || cut.app != q->app ||
	    cut.app_len != q->app_len)
		return q->f.len;
	return cut.f.len;
}

/* Offset of an outer UDP header round the IP header that will be rewritten, or 0. */
static uint16_t outer_of(const struct fos_pkt *q)
{
	struct fos_pkt o = { .f = q->f };

	if (!(q->encap & (FOS_ENCAP_VXLAN | FOS_ENCAP_GENEVE | FOS_ENCAP_GTP | FOS_ENCAP_TEREDO)))
		return 0;
	if (fos_parse(&o, FOS_PARSE_NO_DECAP) != FOS_PKT_UDP || o.ip + o.l4 >= q->ip)
		return 0;
	return (uint16_t)(o.ip + o.l4 - o.f.data);
}

/* Whose is fragment number i? The first one says it, the others ask. */
static int read_fragment(struct reader *r, struct fos_pkt *q, struct fos__scale_pkt *k, uint32_t i)
{
	const uint8_t *l4 = q->ip + q->l4;
	bool v4 = q->ip_version == 4, first;
	uint32_t len = q->ip_len - q->l4, need = q->proto == IPPROTO_TCP ? TCP_MIN : UDP_LEN, number;
	struct datagram_key key = { .version = q->ip_version, .proto = v4 ? q->proto : 0 };
	struct datagram *d;
	int new;

	memcpy(key.addr[0], q->ip + (v4 ? 12 : 8), v4 ? 4 : 16);
	memcpy(key.addr[1], q->ip + (v4 ? 16 : 24), v4 ? 4 : 16);
	memcpy(&key.id, v4 ? q->ip + 4 : l4 - 4, v4 ? 2 : 4);
	first = v4 ? !(be16(q->ip + 6) & 0x1fff) : !(be16(l4 - 6) & 0xfff8);
	new = fos__keymap_add(&r->datagrams, &key, &number);
	if (new < 0 || (new &&more((void **)&r->datagram, &r->cap_datagrams, number, sizeof *r->datagram)))
		return -ENOMEM;
	d = &r->datagram[number];
	if (new)
		*d = (struct datagram){ 0 };
	if (!first && !d->last.known) {
		if (more((void **)&r->early, &r->cap_early, r->n_early, sizeof *r->early))
			return -ENOMEM;
		r->early[r->n_early++] = (struct early){ i, number };
		return add_hosts(r, q, k);
	}
	if (!first) {
		k->session = d->last.session;
		k->flags |= d->last.flags;
		return add_hosts(r, q, k);
	}
	if ((q->proto != IPPROTO_TCP && q->proto != IPPROTO_UDP) || len < need ||
	    (q->proto == IPPROTO_TCP && (len < (l4[12] >> 4) * 4u || l4[12] >> 4 < 5))) {
		k->flags |= FOS__SCALE_OTHER;
	} else {
		q->sport = be16(l4);
		q->dport = be16(l4 + 2);
		if (add_session(r, q, k) || add_hosts(r, q, k))
			return -ENOMEM;
	}
	d->last = (struct owner){ k->session, k->flags & (FOS__SCALE_CONV | FOS__SCALE_OTHER), true };
	if (!d->first.known)
		d->first = d->last;
	return 0;
}

static int read_packet(struct reader *r, uint32_t i)
{
	struct fos__scale_pkt *k = &r->p->pkt[i];
	struct fos_pkt q = { .f = r->p->src->v[i] };
	enum fos_verdict v = fos_parse(&q, 0);
	int ret;

	*k = (struct fos__scale_pkt){ .head = q.f.len };
	if ((v != FOS_PKT_TCP && v != FOS_PKT_UDP && v != FOS_PKT_FRAGMENT) || source_routed(&q) ||
	    q.ip - q.f.data + q.l4 > UINT16_MAX) {
		k->flags = FOS__SCALE_OTHER;
		return 0;
	}
	k->ip = (uint16_t)(q.ip - q.f.data);
	k->flags = q.ip_version == 6 ? FOS__SCALE_V6 : 0;
	k->outer = outer_of(&q);
	k->app_len = q.app_len;
	if (v == FOS_PKT_FRAGMENT)
		return read_fragment(r, &q, k, i);
	k->head = head_of(&q);
	ret = add_session(r, &q, k);
	return ret ? ret : add_hosts(r, &q, k);
}

/* Fragments that came before their first one; those whose first one never came are not multiplied. */
static void settle_early(struct reader *r)
{
	for (uint32_t i = 0; i < r->n_early; i++) {
		struct fos__scale_pkt *k = &r->p->pkt[r->early[i].pkt];
		const struct owner *o = &r->datagram[r->early[i].datagram].first;

		k->session = o->session;
		k->flags |= o->known ? o->flags : FOS__SCALE_OTHER;
	}
}

int fos__scale_read(struct fos__scale_plan *p)
{
	struct reader r = { .p = p };
	int ret = 0;

	for (uint32_t i = 0; i < p->n && !ret; i++)
		ret = p->src->v[i].flags & FOS_FRAME_STABLE ? read_packet(&r, i) : -EINVAL;
	if (!ret)
		settle_early(&r);
	p->tcp = r.tcp.n;
	p->udp = r.udp.n;
	fos__keymap_free(&r.tcp);
	fos__keymap_free(&r.udp);
	fos__keymap_free(&r.datagrams);
	free(r.datagram);
	free(r.early);
	return ret;
}
