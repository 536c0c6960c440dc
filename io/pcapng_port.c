/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pcapng_port.c: reads a mapped pcapng file (draft-ietf-opsawg-pcapng). Touches its map, and never a byte outside.
 *
 * A file is sections of blocks: type, length, body, length again. A section has its own byte order and interfaces; an
 * interface its link type and the unit and offset of its time stamps. Blocks that are no packets are skipped.
 */
#include "tracefile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	BLOCK_IDB = 1,
	BLOCK_PB = 2,
	BLOCK_SPB = 3,
	BLOCK_EPB = 6,
	BLOCK_OVERHEAD = 12, /* type and both lengths */
	PACKET_HEADER = 20,  /* of an EPB's or PB's body */
	OPT_END = 0,
	OPT_TSRESOL = 9,
	OPT_TSOFFSET = 14,
};

#define BLOCK_SHB        0x0a0d0d0au /* the same in both byte orders */
#define BYTE_ORDER_MAGIC 0x1a2b3c4du

struct iface {
	int64_t offset_s; /* added to every time stamp */
	uint64_t per_s;   /* units in a second; 0: 2^shift of them */
	uint32_t snaplen; /* 0: unlimited */
	uint16_t linktype;
	uint8_t shift;
};

struct pcapng {
	struct fos__tracefile t;
	struct iface *ifs; /* of this section */
	uint32_t n_ifs, cap_ifs;
};

struct block {
	uint64_t off; /* in the file */
	uint32_t type;
	uint32_t len; /* of the whole block */
	uint32_t body_len;
	const uint8_t *body;
};

bool fos__pcapng_magic(const uint8_t *at)
{
	uint32_t magic;

	memcpy(&magic, at, sizeof magic);
	return magic == BLOCK_SHB;
}

/* Nanoseconds since the epoch of a time stamp in the interface's units; kept within 64 bits. */
static uint64_t iface_time(const struct iface *i, uint64_t ts)
{
	__int128 ns;

	if (i->per_s)
		ns = (__int128)(ts / i->per_s) * 1000000000 +
		     (__int128)((unsigned __int128)(ts % i->per_s) * 1000000000 / i->per_s);
	else if (i->shift < 64)
		ns = (__int128)(ts >> i->shift) * 1000000000 +
		     (__int128)((unsigned __int128)(ts & ((UINT64_C(1) << i->shift) - 1)) * 1000000000 >> i->shift);
	else
		ns = 0;
	ns += (__int128)i->offset_s * 1000000000;
	if (ns < 0)
		return 0;
	return ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

static void iface_tsresol(struct iface *i, uint8_t v)
{
	if (v & 0x80) {
		i->per_s = 0;
		i->shift = v & 0x7f;
		return;
	}
	i->shift = 64; /* finer than 10^-19 s: 64 bits are less than two seconds */
	i->per_s = v > 19 ? 0 : 1;
	for (; v && v <= 19; v--)
		i->per_s *= 10;
}

/* Reads the options of an IDB at `at`. */
static bool iface_options(struct pcapng *g, const struct block *b, struct iface *i, const uint8_t *at, uint32_t left)
{
	while (left >= 4) {
		uint16_t code = fos__get16(&g->t, at), len = fos__get16(&g->t, at + 2);
		uint32_t padded = (len + 3u) & ~3u;

		if (code == OPT_END)
			break;
		at += 4;
		left -= 4;
		if (padded > left)
			return fos__tracefile_damage(&g->t, b->off, "an option leaves its block");
		if (code == OPT_TSRESOL && len == 1)
			iface_tsresol(i, *at);
		if (code == OPT_TSOFFSET && len == 8) {
			uint32_t w[2] = { fos__get32(&g->t, at), fos__get32(&g->t, at + 4) };
			bool big = g->t.swap == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

			i->offset_s = (int64_t)((uint64_t)w[!big] << 32 | w[big]);
		}
		at += padded;
		left -= padded;
	}
	return true;
}

/* An interface description: one more interface of the section. */
static bool take_idb(struct pcapng *g, const struct block *b)
{
	struct iface *i;

	if (b->body_len < 8)
		return fos__tracefile_damage(&g->t, b->off, "an interface block of %u bytes", b->len);
	if (g->n_ifs == g->cap_ifs) {
		uint32_t cap = g->cap_ifs ? 2 * g->cap_ifs : 4;
		struct iface *ifs = realloc(g->ifs, cap * sizeof *ifs);

		if (!ifs) {
			snprintf(g->t.error, sizeof g->t.error, "%.300s: no memory", g->t.path);
			g->t.status = -ENOMEM;
			return false;
		}
		g->ifs = ifs;
		g->cap_ifs = cap;
	}
	i = &g->ifs[g->n_ifs];
	*i = (struct iface){ .per_s = 1000000 };
	i->linktype = fos__get16(&g->t, b->body);
	i->snaplen = fos__get32(&g->t, b->body + 4);
	if (!iface_options(g, b, i, b->body + 8, b->body_len - 8))
		return false;
	g->n_ifs++;
	return true;
}

/* The body of a section header: a new section begins, in the byte order that block_at() found. */
static bool take_shb(struct pcapng *g, const struct block *b)
{
	uint16_t major = b->body_len < 16 ? 0 : fos__get16(&g->t, b->body + 4);

	if (b->body_len < 16)
		return fos__tracefile_damage(&g->t, b->off, "a section header of %u bytes", b->len);
	if (major != 1)
		return fos__tracefile_damage(&g->t, b->off, "version %u of pcapng is not known", major);
	g->n_ifs = 0;
	return true;
}

/* Finds the block at the current place and checks its lengths. */
static bool block_at(struct pcapng *g, struct block *b)
{
	struct fos__tracefile *t = &g->t;
	uint64_t left = t->map.len - t->off;
	const uint8_t *at = t->map.base + t->off;
	uint32_t order;

	*b = (struct block){ .off = t->off };
	if (left < BLOCK_OVERHEAD)
		return fos__tracefile_damage(t, t->off, "the file ends inside a block's header");
	if (fos__pcapng_magic(at)) {
		memcpy(&order, at + 8, sizeof order);
		if (order != BYTE_ORDER_MAGIC && __builtin_bswap32(order) != BYTE_ORDER_MAGIC)
			return fos__tracefile_damage(t, t->off, "a section header without byte order");
		t->swap = order != BYTE_ORDER_MAGIC;
	}
	b->type = fos__get32(t, at);
	b->len = fos__get32(t, at + 4);
	if (b->len < BLOCK_OVERHEAD || b->len % 4)
		return fos__tracefile_damage(t, t->off, "block claims %u bytes", b->len);
	if (b->len > left)
		return fos__tracefile_damage(t, t->off, "block claims %u bytes, and the file ends after %" PRIu64,
		                             b->len, left);
	if (fos__get32(t, at + b->len - 4) != b->len)
		return fos__tracefile_damage(t, t->off, "the block's two lengths differ: %u and %u", b->len,
		                             fos__get32(t, at + b->len - 4));
	b->body = at + 8;
	b->body_len = b->len - BLOCK_OVERHEAD;
	return true;
}

/* An enhanced packet block, or a packet block of old, which has 16 bits for the interface. */
static bool take_packet(struct pcapng *g, const struct block *b, struct fos_frame *f)
{
	const uint8_t *at = b->body;
	uint32_t id, max = FOS__CAPLEN_MAX;

	if (b->body_len < PACKET_HEADER)
		return fos__tracefile_damage(&g->t, b->off, "a packet block of %u bytes", b->len);
	id = b->type == BLOCK_PB ? fos__get16(&g->t, at) : fos__get32(&g->t, at);
	if (id >= g->n_ifs)
		return fos__tracefile_damage(&g->t, b->off, "packet of interface %u, and there are %u", id, g->n_ifs);
	if (g->ifs[id].snaplen > max && g->ifs[id].snaplen <= FOS__SNAPLEN_MAX)
		max = g->ifs[id].snaplen;
	f->len = fos__get32(&g->t, at + 12);
	f->wire_len = fos__get32(&g->t, at + 16);
	if (f->len > max || f->len > b->body_len - PACKET_HEADER)
		return fos__tracefile_damage(&g->t, b->off, "packet claims %u bytes in a block of %u", f->len, b->len);
	f->data = at + PACKET_HEADER;
	f->ts_ns = iface_time(&g->ifs[id], (uint64_t)fos__get32(&g->t, at + 4) << 32 | fos__get32(&g->t, at + 8));
	f->linktype = g->ifs[id].linktype;
	f->port = (uint16_t)(id < UINT16_MAX ? id : UINT16_MAX);
	return true;
}

/* A simple packet block: of the first interface, and without a time, so it has the time of what came before. */
static bool take_spb(struct pcapng *g, const struct block *b, struct fos_frame *f)
{
	if (g->n_ifs == 0)
		return fos__tracefile_damage(&g->t, b->off, "a packet before any interface");
	if (b->body_len < 4)
		return fos__tracefile_damage(&g->t, b->off, "a packet block of %u bytes", b->len);
	f->wire_len = fos__get32(&g->t, b->body);
	f->len = f->wire_len;
	if (g->ifs[0].snaplen && f->len > g->ifs[0].snaplen)
		f->len = g->ifs[0].snaplen;
	if (f->len > b->body_len - 4)
		return fos__tracefile_damage(&g->t, b->off, "packet claims %u bytes in a block of %u", f->len, b->len);
	f->data = b->body + 4;
	f->ts_ns = g->t.clock_ns;
	f->linktype = g->ifs[0].linktype;
	f->port = 0;
	return true;
}

/* The next packet; false at the end and on damage, with the status set. */
static bool pcapng_next(struct pcapng *g, struct fos_frame *f)
{
	struct fos__tracefile *t = &g->t;
	struct block b;

	while (!t->status) {
		bool packet = false, ok = true;

		if (t->off == t->map.len)
			return fos__tracefile_end(t);
		if (!block_at(g, &b))
			break;
		fos__tracefile_fetch(b.body, b.len);
		if (b.type == BLOCK_SHB)
			ok = take_shb(g, &b);
		else if (b.type == BLOCK_IDB)
			ok = take_idb(g, &b);
		else if (b.type == BLOCK_EPB || b.type == BLOCK_PB)
			ok = packet = take_packet(g, &b, f);
		else if (b.type == BLOCK_SPB)
			ok = packet = take_spb(g, &b, f);
		else
			t->stats.skipped++;
		if (!ok)
			break;
		t->off += b.len;
		if (packet) {
			fos__tracefile_frame(t, f);
			return true;
		}
	}
	return false;
}

static int pcapng_rx(struct fos_port *p, struct fos_batch *b)
{
	struct pcapng *g = (struct pcapng *)p;
	uint32_t n = 0;

	fos__tracefile_map(&g->t);
	while (n < FOS_BATCH_MAX && pcapng_next(g, &b->pkt[n].f))
		n++;
	return fos__tracefile_batch(&g->t, b, n);
}

static int pcapng_rewind(struct fos_port *p)
{
	((struct pcapng *)p)->n_ifs = 0;
	fos__tracefile_rewind((struct fos__tracefile *)p, 0);
	return 0;
}

static int pcapng_close(struct fos_port *p)
{
	free(((struct pcapng *)p)->ifs);
	return fos__tracefile_close(p);
}

static const struct fos_port_ops pcapng_ops = {
	.name = "pcapng",
	.rx = pcapng_rx,
	.rewind = pcapng_rewind,
	.stats = fos__tracefile_stats,
	.error = fos__tracefile_error,
	.ahead = fos__tracefile_ahead,
	.close = pcapng_close,
};

int fos__pcapng_open(struct fos__map *m, const char *path, struct fos_port **out, char *err, size_t errlen)
{
	struct pcapng *g = calloc(1, sizeof *g);
	struct block b;

	if (!g || fos__tracefile_init(&g->t, &pcapng_ops, path)) {
		free(g);
		snprintf(err, errlen, "%s: no memory", path);
		return -ENOMEM;
	}
	g->t.map = *m;
	if (!block_at(g, &b) || !take_shb(g, &b)) {
		snprintf(err, errlen, "%s", g->t.error);
		g->t.map = (struct fos__map){ .fd = -1 };
		pcapng_close(&g->t.port);
		return -EBADMSG;
	}
	*m = (struct fos__map){ .fd = -1 };
	pcapng_rewind(&g->t.port);
	*out = &g->t.port;
	return 0;
}
