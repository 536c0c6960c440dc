/* SPDX-License-Identifier: BSD-2-Clause
 *
 * change.c: what changes a frame's bytes. Bit 0 of a frame is the highest bit of its first byte. Touches the parcel.
 */
#include "change.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <flowos/parse.h>
#include <flowos/rand.h>

enum { TRIES = 16 };

int fos__copy(struct fos__parcel *p, bool one_piece)
{
	struct fos_frame *f = &p->f;
	uint32_t caplen = fos_frame_caplen(f);
	struct fos__bytes *b = fos__bytes_new(caplen);

	if (!b)
		return -ENOMEM;
	if (f->len)
		memcpy(b->at, f->data, f->len);
	if (f->ext_len)
		memcpy(b->at + f->len, f->ext, f->ext_len);
	f->data = b->at;
	f->ext = f->ext_len ? b->at + f->len : NULL;
	if (one_piece) {
		f->len = caplen;
		f->ext = NULL;
		f->ext_len = 0;
	}
	fos__bytes_put(p->bytes);
	p->bytes = b;
	return 0;
}

static bool is_transport(const struct fos_pkt *q)
{
	return q->verdict == FOS_PKT_TCP || q->verdict == FOS_PKT_UDP;
}

static void parse(const struct fos__parcel *p, struct fos_pkt *q)
{
	q->f = p->f;
	q->f.flags &= ~(uint32_t)FOS_FRAME_CSUM_OK; /* it was the driver's word for other bytes */
	fos_parse(q, 0);
}

static void flip(struct fos__parcel *p, uint32_t bit)
{
	p->bytes->at[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
}

/* Is there a checksum, over bytes that were all captured? */
static bool covered(const struct fos_pkt *q)
{
	const uint8_t *l4 = q->ip + q->l4;
	bool none = q->proto == IPPROTO_UDP && l4[6] == 0 && l4[7] == 0;

	return q->app_len >= q->app_wire_len && !none;
}

/* Would an engine that verifies checksums take it? */
static bool refused(const struct fos__parcel *p)
{
	struct fos_pkt q;

	parse(p, &q);
	return q.verdict != FOS_PKT_FRAGMENT && (!is_transport(&q) || !fos_checksum_ok(&q));
}

/* The transport checksum after the 16-bit word `was` became `is` (RFC 1624, equation 3). A UDP datagram without one
 * stays without; one whose sum comes to zero is sent as all ones (RFC 768). */
static void repair(uint8_t *sum_at, bool udp, uint16_t was, uint16_t is)
{
	uint16_t old = (uint16_t)(sum_at[0] << 8 | sum_at[1]);
	uint32_t sum = (uint16_t)~old + (uint32_t)(uint16_t)~was + is;
	uint16_t now;

	if (udp && old == 0)
		return;
	now = fos_csum_fold(sum);
	if (udp && now == 0)
		now = 0xffff;
	sum_at[0] = (uint8_t)(now >> 8);
	sum_at[1] = (uint8_t)now;
}

/* Flips the bit and repairs the checksum, if the packet's meaning stays the same but for the payload. */
static bool flip_and_repair(struct fos__parcel *p, const struct fos_pkt *q, uint32_t bit)
{
	uint8_t *l4 = p->bytes->at + (q->ip - p->bytes->at) + q->l4;
	uint8_t *sum_at = l4 + (q->proto == IPPROTO_UDP ? 6 : 16);
	uint8_t kept[2] = { sum_at[0], sum_at[1] };
	uint8_t *byte = p->bytes->at + bit / 8;
	bool high = (byte - l4) % 2 == 0; /* of its 16-bit word */
	struct fos_pkt now;
	uint8_t was = *byte;

	flip(p, bit);
	repair(sum_at, q->proto == IPPROTO_UDP, (uint16_t)(high ? was << 8 : was),
	       (uint16_t)(high ? *byte << 8 : *byte));
	parse(p, &now);
	if (now.verdict == q->verdict && now.app == q->app && now.app_len == q->app_len &&
	    fos_checksum_ok(&now) == fos_checksum_ok(q))
		return true;
	flip(p, bit);
	memcpy(sum_at, kept, sizeof kept);
	return false;
}

bool fos__corrupt_draw(struct fos__parcel *p, bool fix, uint64_t h, uint32_t *bit)
{
	struct fos_pkt q;
	const uint8_t *from;
	uint32_t len;

	parse(p, &q);
	if (!is_transport(&q) || (fix ? q.app_len == 0 : !covered(&q)))
		return false;
	from = fix ? q.app : q.ip + q.l4;
	len = fix ? q.app_len : q.l4_len + q.app_len;
	for (unsigned i = 1; i <= TRIES; i++) {
		*bit = (uint32_t)(from - p->f.data) * 8 + (uint32_t)fos_below(fos_mix64_add(h, i), (uint64_t)len * 8);
		if (fix) {
			if (flip_and_repair(p, &q, *bit))
				return true;
			continue;
		}
		flip(p, *bit);
		if (refused(p))
			return true;
		flip(p, *bit);
	}
	return false;
}

bool fos__corrupt_at(struct fos__parcel *p, bool fix, uint32_t bit)
{
	struct fos_pkt q;
	uint32_t from;

	if (bit / 8 >= p->f.len)
		return false;
	if (!fix) {
		flip(p, bit);
		return true;
	}
	parse(p, &q);
	if (!is_transport(&q) || q.app_len == 0)
		return false;
	from = (uint32_t)(q.app - p->f.data);
	return bit / 8 >= from && bit / 8 < from + q.app_len && flip_and_repair(p, &q, bit);
}

bool fos__truncate(struct fos__parcel *p, uint32_t len)
{
	struct fos_frame *f = &p->f;

	if (len >= fos_frame_caplen(f))
		return false;
	if (len <= f->len) {
		f->len = len;
		f->ext = NULL;
		f->ext_len = 0;
	} else {
		f->ext_len = len - f->len;
	}
	return true;
}
