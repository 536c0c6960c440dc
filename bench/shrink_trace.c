/* SPDX-License-Identifier: BSD-2-Clause
 *
 * shrink_trace.c: see shrink_trace.h. Uses of a 4-tuple are told apart by SYNs and by distance in sequence space, with less care
 * than the engine takes: what is taken away is wrong at worst, and then does not fail.
 */
#include "shrink_trace.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include <flowos/frag.h>
#include <flowos/parse.h>
#include <flowos/seq.h>

#include "record.h"

enum { USES = 16 }; /* of a 4-tuple, that are looked at */

static const uint64_t use_distance = UINT64_C(1) << 24;

/* Encapsulations without lengths of their own. */
static const unsigned plain_encaps = FOS_ENCAP_VLAN | FOS_ENCAP_QINQ | FOS_ENCAP_MPLS;

/* Makes room for one more of `n` elements of `size` bytes. */
static int grow(void *array, uint32_t n, uint32_t *slots, size_t size)
{
	void **at = array, *more;
	uint32_t now = *slots ? 2 * *slots : 64;

	if (n < *slots)
		return 0;
	more = realloc(*at, now * size);
	if (!more)
		return -ENOMEM;
	*at = more;
	*slots = now;
	return 0;
}

static int index_again(struct shrink_trace *t)
{
	uint32_t slots = t->index_slots ? 2 * t->index_slots : 256;
	uint32_t *index = calloc(slots, sizeof(*index));

	if (!index)
		return -ENOMEM;
	for (uint32_t c = 0; c < t->convs; c++) {
		uint32_t at = (uint32_t)XXH3_64bits(&t->conv[c].key, sizeof(t->conv[c].key)) & (slots - 1);

		while (index[at])
			at = (at + 1) & (slots - 1);
		index[at] = c + 1;
	}
	free(t->index);
	t->index = index;
	t->index_slots = slots;
	return 0;
}

static int add_conv(struct shrink_trace *t, const struct fos_key *key, uint32_t *out)
{
	if (grow(&t->conv, t->convs, &t->conv_slots, sizeof(*t->conv)))
		return -ENOMEM;
	t->conv[t->convs] = (struct shrink_conv){ .newest = SHRINK_NONE };
	if (key)
		t->conv[t->convs].key = *key;
	*out = t->convs++;
	return 0;
}

static int find_conv(struct shrink_trace *t, const struct fos_key *key, uint32_t *out)
{
	uint32_t at;

	if (2 * t->convs >= t->index_slots && index_again(t))
		return -ENOMEM;
	at = (uint32_t)XXH3_64bits(key, sizeof(*key)) & (t->index_slots - 1);
	for (; t->index[at]; at = (at + 1) & (t->index_slots - 1)) {
		*out = t->index[at] - 1;
		if (memcmp(&t->conv[*out].key, key, sizeof(*key)) == 0)
			return 0;
	}
	if (add_conv(t, key, out))
		return -ENOMEM;
	t->index[at] = *out + 1;
	return 0;
}

static int add_use(struct shrink_trace *t, uint32_t conv, uint32_t *out)
{
	for (int side = 0; side < 2; side++) {
		if (grow(&t->dir, t->dirs, &t->dir_slots, sizeof(*t->dir)))
			return -ENOMEM;
		t->dir[t->dirs] = (struct shrink_dir){
			.peer = t->dirs ^ 1, .conv = conv, .older = t->conv[conv].newest, .side = (uint8_t)side
		};
		t->dirs++;
	}
	*out = t->conv[conv].newest = t->dirs - 2;
	return 0;
}

static bool near_to(const struct shrink_dir *d, uint32_t seq)
{
	uint64_t pos = fos_seq_near(d->near, seq);

	return (pos > d->near ? pos - d->near : d->near - pos) <= use_distance;
}

/* Is this use, by its direction from side 0, one that the packet may belong to? */
static bool belongs(const struct shrink_trace *t, uint32_t use, const struct fos_pkt *p, int side)
{
	const struct shrink_dir *d = &t->dir[use + (uint32_t)side], *peer = &t->dir[d->peer];

	if (p->tcp_flags & FOS_TCP_SYN) {
		if (d->has_isn)
			return d->isn == p->seq;
		return d->seen || d->acked ? near_to(d, p->seq) : !(peer->has_isn && !(p->tcp_flags & FOS_TCP_ACK));
	}
	if (d->seen || d->acked)
		return near_to(d, p->seq);
	return !(p->tcp_flags & FOS_TCP_ACK) || !peer->seen || near_to(peer, p->ack);
}

/* The use that a packet belongs to, a new one where a SYN begins one. */
static int find_use(struct shrink_trace *t, uint32_t conv, const struct fos_pkt *p, int side, uint32_t *out)
{
	unsigned tried = 0;

	for (uint32_t use = t->conv[conv].newest; use != SHRINK_NONE && tried < USES; use = t->dir[use].older, tried++)
		if (belongs(t, use, p, side)) {
			*out = use;
			return 0;
		}
	*out = t->conv[conv].newest;
	if (*out == SHRINK_NONE || (p->tcp_flags & FOS_TCP_SYN))
		return add_use(t, conv, out);
	return 0;
}

/* The position of `seq` in a direction, of which it may be the first that is known. */
static uint64_t place(struct shrink_dir *d, uint32_t seq, uint64_t len, bool sent)
{
	uint64_t pos = d->seen || d->acked ? fos_seq_near(d->near, seq) : fos_seq_first(seq);

	if (!(d->seen || d->acked) || pos + len > d->near)
		d->near = pos + len;
	d->seen |= sent;
	d->acked |= !sent;
	return pos;
}

static int place_tcp(struct shrink_trace *t, struct shrink_packet *k, const struct fos_pkt *p, int side)
{
	bool syn = p->tcp_flags & FOS_TCP_SYN, ack = p->tcp_flags & FOS_TCP_ACK;
	uint32_t use;
	struct shrink_dir *d;

	if (find_use(t, k->conv, p, side, &use))
		return -ENOMEM;
	k->dir = use + (uint32_t)side;
	d = &t->dir[k->dir];
	k->flags = p->tcp_flags;
	k->len = p->app_wire_len;
	k->cap_len = p->app_len;
	if (syn && !d->has_isn) {
		d->has_isn = true;
		d->isn = p->seq;
	}
	if ((p->tcp_flags & FOS_TCP_RST) && !d->seen && !d->acked && p->seq == 0)
		k->from = fos_seq_first(0); /* a refusal: it says nothing of the direction */
	else
		k->from = place(d, p->seq + syn, p->app_wire_len, true);
	k->ack = ack ? place(&t->dir[d->peer], p->ack, 0, false) : 0;
	return 0;
}

/* What is known of a packet that was parsed as TCP or UDP; `p` may be a datagram that was put together. */
static int place_packet(struct shrink_trace *t, struct shrink_packet *k, const struct fos_pkt *p)
{
	struct fos_key key;
	int side = fos_key_of(p, 0, &key);

	if (find_conv(t, &key, &k->conv))
		return -ENOMEM;
	if (p->verdict == FOS_PKT_TCP)
		return place_tcp(t, k, p, side);
	k->len = p->app_wire_len;
	return 0;
}

static void set_offsets(struct shrink_packet *k, const struct fos_pkt *p)
{
	k->ip = (uint16_t)(p->ip - p->f.data);
	k->tcp = (uint16_t)(k->ip + p->l4);
	k->app = (uint16_t)(k->tcp + p->l4_len);
	k->rigid = (p->encap & ~plain_encaps) || p->f.ext ||
	           (p->f.linktype == 1 && p->f.len > 14 && p->f.data[12] < 6 && !p->encap);
}

/* Fragments that wait for the rest of their datagram. */
struct waiting {
	uint8_t key[40]; /* addresses, id, protocol */
	size_t packet;
};

struct making {
	struct shrink_trace *t;
	struct fos_frag_table *table;
	struct waiting *wait;
	uint32_t waits, slots;
};

static void fragment_key(const struct fos_pkt *p, uint8_t key[40])
{
	memset(key, 0, 40);
	if (p->ip_version == 4) {
		memcpy(key, p->ip + 12, 8);
		memcpy(key + 32, p->ip + 4, 2);
		key[36] = p->proto;
	} else {
		memcpy(key, p->ip + 8, 32);
		memcpy(key + 32, p->ip + p->l4 - 4, 4);
	}
	key[37] = p->ip_version;
}

/* The datagram is whole: all of its fragments are one group. */
static int fragments_done(struct making *m, const uint8_t key[40], const struct fos_pkt *whole)
{
	struct shrink_trace *t = m->t;
	struct shrink_packet k = { .dir = SHRINK_NONE };
	uint32_t left = 0;
	int rc = 0;

	if (whole->verdict == FOS_PKT_TCP || whole->verdict == FOS_PKT_UDP)
		rc = place_packet(t, &k, whole);
	else
		rc = add_conv(t, NULL, &k.conv);
	t->groups++;
	for (uint32_t i = 0; i < m->waits; i++) {
		struct shrink_packet *at = &t->packet[m->wait[i].packet];

		if (memcmp(m->wait[i].key, key, 40) != 0) {
			m->wait[left++] = m->wait[i];
			continue;
		}
		at->conv = k.conv;
		at->dir = k.dir;
		at->from = k.from;
		at->ack = k.ack;
		at->len = at->cap_len = k.len;
		at->flags = k.flags;
		at->group = t->groups;
	}
	m->waits = left;
	return rc;
}

static int add_fragment(struct making *m, size_t number, struct fos_pkt *p)
{
	struct shrink_packet *k = &m->t->packet[number];
	struct waiting w = { .packet = number };
	int rc = grow(&m->wait, m->waits, &m->slots, sizeof(*m->wait));

	if (rc)
		return rc;
	k->rigid = true;
	k->ip = (uint16_t)(p->ip - p->f.data);
	if (p->proto == IPPROTO_TCP && p->app_len >= 20 && !(p->encap & ~plain_encaps) &&
	    (p->ip_version == 4 ? !(((p->ip[6] & 0x1f) << 8) | p->ip[7])
	                        : !((p->ip[p->l4 - 6] << 8 | p->ip[p->l4 - 5]) & 0xfff8)))
		k->tcp = (uint16_t)(p->app - p->f.data);
	fragment_key(p, w.key);
	m->wait[m->waits++] = w;
	if (fos_frag_add(m->table, p, 0) != FOS_PKT_FRAGMENT)
		rc = fragments_done(m, w.key, p);
	fos_buf_put(p->buf);
	p->buf = NULL;
	return rc;
}

static int add_packet(struct making *m, size_t number, const struct fos_frame *f)
{
	struct shrink_packet *k = &m->t->packet[number];
	struct fos_pkt p = { .f = *f };
	enum fos_verdict v = fos_parse(&p, 0);

	*k = (struct shrink_packet){ .f = f, .dir = SHRINK_NONE, .conv = SHRINK_NONE };
	if (v == FOS_PKT_FRAGMENT)
		return add_fragment(m, number, &p);
	if (v != FOS_PKT_TCP && v != FOS_PKT_UDP)
		return add_conv(m->t, NULL, &k->conv);
	set_offsets(k, &p);
	if (v == FOS_PKT_UDP)
		k->tcp = 0;
	return place_packet(m->t, k, &p);
}

int shrink_trace_make(struct shrink_trace *t, const struct fos_frames *f)
{
	struct making m = { .t = t };
	int rc = fos_frag_create(NULL, &m.table);

	memset(t, 0, sizeof(*t));
	t->n = f->n;
	t->packet = calloc(f->n + 1, sizeof(*t->packet));
	if (!t->packet)
		rc = -ENOMEM;
	for (size_t i = 0; rc == 0 && i < f->n; i++)
		rc = add_packet(&m, i, &f->v[i]);
	for (size_t i = 0; rc == 0 && i < f->n; i++) /* fragments whose datagram never became whole */
		if (t->packet[i].conv == SHRINK_NONE)
			rc = add_conv(t, NULL, &t->packet[i].conv);
	fos_frag_destroy(m.table);
	free(m.wait);
	if (rc)
		shrink_trace_free(t);
	return rc;
}

void shrink_trace_free(struct shrink_trace *t)
{
	free(t->packet);
	free(t->dir);
	free(t->conv);
	free(t->index);
	memset(t, 0, sizeof(*t));
}

char *shrink_direction_name(const struct shrink_conv *c, int side, char *buf, size_t len)
{
	char dir[2 * FOS_ADDR_TEXT];

	if (!c->key.version)
		snprintf(buf, len, "?");
	else
		snprintf(buf, len, "%s %s", c->key.proto == IPPROTO_TCP ? "tcp" : "udp",
		         bench_direction_text(&c->key, side, dir, sizeof(dir)));
	return buf;
}

uint32_t shrink_conv_named(const struct shrink_trace *t, const char *name)
{
	char buf[SHRINK_NAME];

	for (uint32_t c = 0; c < t->convs; c++)
		for (int side = 0; side < 2; side++)
			if (strcmp(shrink_direction_name(&t->conv[c], side, buf, sizeof(buf)), name) == 0)
				return c;
	return SHRINK_NONE;
}
