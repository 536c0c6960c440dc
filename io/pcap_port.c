/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pcap_port.c: reads a mapped pcap file (draft-ietf-opsawg-pcap). Touches its map, and never a byte outside of it.
 *
 * A file is a header of 24 bytes and records: time in seconds, its fraction, captured and original length, bytes.
 */
#include "tracefile.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_HEADER = 24, RECORD_HEADER = 16, KUZNETZOV_HEADER = 24 };

#define MAGIC_US        0xa1b2c3d4u
#define MAGIC_NS        0xa1b23c4du
#define MAGIC_KUZNETZOV 0xa1b2cd34u /* records carry interface, protocol and packet type besides */

struct pcap {
	struct fos__tracefile t;
	uint64_t ns_per_unit;   /* of the fraction of a second */
	uint32_t record_header; /* bytes */
	uint32_t caplen_max;
	uint16_t version_minor;
	uint16_t linktype;
};

static bool magic_is(uint32_t magic)
{
	return magic == MAGIC_US || magic == MAGIC_NS || magic == MAGIC_KUZNETZOV;
}

bool fos__pcap_magic(const uint8_t *at)
{
	uint32_t magic;

	memcpy(&magic, at, sizeof magic);
	return magic_is(magic) || magic_is(__builtin_bswap32(magic));
}

/* Before version 2.3 the two lengths stood the other way round, and some writers of 2.3 did not know better. */
static bool lengths_swapped(const struct pcap *c, uint32_t first, uint32_t second)
{
	return c->version_minor < 3 || (c->version_minor == 3 && first > second);
}

static uint64_t record_time(const struct pcap *c, const uint8_t *at)
{
	uint64_t fraction = fos__get32(&c->t, at + 4) * c->ns_per_unit;

	return fos__get32(&c->t, at) * UINT64_C(1000000000) + (fraction < 1000000000 ? fraction : 999999999);
}

/* The next packet; false at the end and on damage, with the status set. */
static bool pcap_next(struct pcap *c, struct fos_frame *f)
{
	struct fos__tracefile *t = &c->t;
	uint64_t left = t->map.len - t->off;
	const uint8_t *at = t->map.base + t->off;
	uint32_t caplen, wire;

	if (t->status)
		return false;
	if (left == 0)
		return fos__tracefile_end(t);
	if (left < c->record_header)
		return fos__tracefile_damage(t, t->off, "the file ends inside a record's header");
	caplen = fos__get32(t, at + 8);
	wire = fos__get32(t, at + 12);
	if (lengths_swapped(c, caplen, wire)) {
		uint32_t swap = caplen;

		caplen = wire;
		wire = swap;
	}
	if (caplen > c->caplen_max)
		return fos__tracefile_damage(t, t->off, "record claims %u bytes", caplen);
	if (caplen > left - c->record_header)
		return fos__tracefile_damage(t, t->off, "record claims %u bytes, and the file ends after %u", caplen,
		                             (unsigned)(left - c->record_header));
	f->data = at + c->record_header;
	f->len = caplen;
	f->wire_len = wire;
	f->ts_ns = record_time(c, at);
	f->linktype = c->linktype;
	f->port = 0;
	fos__tracefile_frame(t, f);
	t->off += c->record_header + caplen;
	return true;
}

/* Records as nearly all files have them, in this machine's byte order and of version 2.4, as many as are whole and sound, up to
 * a batch: what is odd is left for pcap_next(). Returns how many. */
static uint32_t pcap_run(struct pcap *c, struct fos_batch *b)
{
	struct fos__tracefile *t = &c->t;
	const uint8_t *at = t->map.base + t->off, *end = t->map.base + t->map.len;
	uint64_t bytes = 0, clock = t->clock_ns, num = t->num, unit = c->ns_per_unit;
	uint32_t n = 0, caplen_max = c->caplen_max;
	uint16_t linktype = c->linktype;

	for (; n < FOS_BATCH_MAX && (size_t)(end - at) >= RECORD_HEADER; n++) {
		struct fos_frame *f = &b->pkt[n].f;
		uint32_t h[4]; /* seconds, their fraction, captured and original length */

		memcpy(h, at, sizeof h);
		if (h[2] > caplen_max || h[2] > (size_t)(end - at) - RECORD_HEADER || h[1] * unit >= 1000000000)
			break;
		fos__tracefile_fetch(at, RECORD_HEADER + h[2]);
		*f = (struct fos_frame){ .data = at + RECORD_HEADER,
			                 .ts_ns = h[0] * UINT64_C(1000000000) + h[1] * unit,
			                 .num = ++num,
			                 .len = h[2],
			                 .wire_len = h[3] > h[2] ? h[3] : h[2],
			                 .flags = FOS_FRAME_STABLE,
			                 .linktype = linktype };
		clock = clock > f->ts_ns ? clock : f->ts_ns;
		bytes += h[2];
		at += RECORD_HEADER + h[2];
	}
	t->off = (uint64_t)(at - t->map.base);
	t->num = num;
	t->clock_ns = clock;
	t->stats.rx_packets += n;
	t->stats.rx_bytes += bytes;
	return n;
}

static int pcap_rx(struct fos_port *p, struct fos_batch *b)
{
	struct pcap *c = (struct pcap *)p;
	uint32_t n = 0;

	fos__tracefile_map(&c->t);
	if (!c->t.swap && !c->t.status && c->version_minor >= 4 && c->record_header == RECORD_HEADER)
		n = pcap_run(c, b);
	while (n < FOS_BATCH_MAX && pcap_next(c, &b->pkt[n].f))
		n++;
	return fos__tracefile_batch(&c->t, b, n);
}

static int pcap_rewind(struct fos_port *p)
{
	fos__tracefile_rewind((struct fos__tracefile *)p, FILE_HEADER);
	return 0;
}

static const struct fos_port_ops pcap_ops = {
	.name = "pcap",
	.rx = pcap_rx,
	.rewind = pcap_rewind,
	.stats = fos__tracefile_stats,
	.error = fos__tracefile_error,
	.ahead = fos__tracefile_ahead,
	.close = fos__tracefile_close,
};

/* Reads the file header at `at`. */
static void pcap_header(struct pcap *c, const uint8_t *at)
{
	uint32_t magic, snaplen;

	memcpy(&magic, at, sizeof magic);
	c->t.swap = !magic_is(magic);
	magic = fos__get32(&c->t, at);
	c->ns_per_unit = magic == MAGIC_NS ? 1 : 1000;
	c->record_header = magic == MAGIC_KUZNETZOV ? KUZNETZOV_HEADER : RECORD_HEADER;
	c->version_minor = fos__get16(&c->t, at + 4) == 2 ? fos__get16(&c->t, at + 6) : 4;
	snaplen = fos__get32(&c->t, at + 16);
	c->caplen_max = snaplen > FOS__CAPLEN_MAX && snaplen <= FOS__SNAPLEN_MAX ? snaplen : FOS__CAPLEN_MAX;
	c->linktype = (uint16_t)fos__get32(&c->t, at + 20); /* the upper bits say how long a frame check sequence is */
}

int fos__pcap_open(struct fos__map *m, const char *path, struct fos_port **out, char *err, size_t errlen)
{
	struct pcap *c;

	if (m->len < FILE_HEADER) {
		snprintf(err, errlen, "%s: damaged: a pcap file's header is 24 bytes, and this file has %zu", path,
		         m->len);
		return -EBADMSG;
	}
	c = calloc(1, sizeof *c);
	if (!c || fos__tracefile_init(&c->t, &pcap_ops, path)) {
		free(c);
		snprintf(err, errlen, "%s: no memory", path);
		return -ENOMEM;
	}
	pcap_header(c, m->base);
	c->t.map = *m;
	*m = (struct fos__map){ .fd = -1 };
	pcap_rewind(&c->t.port);
	*out = &c->t.port;
	return 0;
}
