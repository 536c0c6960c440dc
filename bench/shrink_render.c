/* SPDX-License-Identifier: BSD-2-Clause
 *
 * shrink_render.c: makes packets of a candidate: the part of shrink_edit.h that writes bytes.
 */
#include "shrink_edit.h"

#include <errno.h>
#include <string.h>

#include <flowos/parse.h>
#include <flowos/seq.h>

enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_SACK = 5 };

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v);
}

/* The ones' complement sum, folded, of bytes that begin at an even offset. */
static uint32_t ones_sum(const uint8_t *at, size_t len)
{
	uint64_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += get16(at + i);
	if (len % 2)
		sum += (uint32_t)at[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)sum;
}

/* Makes the sum that a checksum field is part of what it was before, so that it is as right or wrong as it was. */
static void keep_sum(uint8_t *field, uint32_t was, uint32_t now)
{
	uint32_t v = get16(field) + was + (0xffff - now);

	while (v >> 16)
		v = (v & 0xffff) + (v >> 16);
	put16(field, v);
}

/* SACK blocks speak of the other direction. */
static void move_sack(uint8_t *tcp, uint32_t header, const struct shrink_cuts *peer, uint64_t near)
{
	for (uint32_t at = 20; at + 1 < header && tcp[at] != OPTION_END;) {
		uint32_t len = tcp[at] == OPTION_NOP ? 1 : tcp[at + 1];

		if (len == 0 || at + len > header || (tcp[at] != OPTION_NOP && len < 2))
			return;
		for (uint32_t i = at + 2; tcp[at] == OPTION_SACK && i + 4 <= at + len; i += 4) {
			uint64_t pos = fos_seq_near(near, get32(tcp + i));

			put32(tcp + i, (uint32_t)(pos - shrink_cut_before(peer, pos)) + peer->shift);
		}
		at += len;
	}
}

/* Lengths of IP, which all lie in the innermost header. */
static void shorten_ip(uint8_t *ip, uint32_t less)
{
	uint32_t header = (ip[0] & 15u) * 4, was;

	if (ip[0] >> 4 == 6) {
		if (get16(ip + 4))
			put16(ip + 4, get16(ip + 4) - less);
		return;
	}
	was = ones_sum(ip, header);
	if (get16(ip + 2))
		put16(ip + 2, get16(ip + 2) - less);
	keep_sum(ip + 10, was, ones_sum(ip, header));
}

/* The payload without what was cut; returns the captured bytes that are left. */
static uint32_t cut_payload(uint8_t *app, const struct shrink_packet *k, const struct shrink_cuts *cuts)
{
	uint32_t left = 0;

	if (shrink_cut_before(cuts, k->from + k->cap_len) == shrink_cut_before(cuts, k->from))
		return k->cap_len;
	for (uint32_t i = 0; i < k->cap_len; i++)
		if (!shrink_is_cut(cuts, k->from + i))
			app[left++] = app[i];
	return left;
}

/* Changes the copy of a packet's frame at `data` as the candidate says. */
static void rewrite(const struct shrink_cand *c, const struct shrink_trace *t, const struct shrink_item *item,
                    struct fos_frame *f, uint8_t *data)
{
	const struct shrink_packet *k = &t->packet[item->packet];
	uint32_t segment, header, less, cap_left, was, behind;
	uint8_t *tcp = data + k->tcp;
	struct shrink_left l;

	shrink_left(c, t, item, &l);
	header = (uint32_t)(tcp[12] >> 4) * 4;
	if (header < 20 || k->tcp + header > f->len)
		header = 20;
	/* Of a fragment, what there is of the segment; its length does not change. */
	segment = k->group ? f->len - k->tcp : (uint32_t)(k->app - k->tcp) + k->cap_len;
	was = ones_sum(tcp, segment) + (k->len & 0xffff);
	put32(tcp + 4, l.seq);
	if (k->flags & FOS_TCP_ACK) {
		put32(tcp + 8, l.ack);
		move_sack(tcp, header, &c->cuts[t->dir[k->dir].peer], k->ack);
	}
	tcp[13] = l.flags;
	if (!k->rigid) {
		less = k->len - l.len;
		cap_left = cut_payload(data + k->app, k, &c->cuts[k->dir]);
		behind = f->len - (k->app + k->cap_len); /* padding, a frame check sequence */
		memmove(data + k->app + cap_left, data + k->app + k->cap_len, behind);
		f->len -= k->cap_len - cap_left;
		f->wire_len -= less;
		segment -= k->cap_len - cap_left;
		if (less)
			shorten_ip(data + k->ip, less);
	}
	keep_sum(tcp + 16, was % 0xffff, (ones_sum(tcp, segment) + (l.len & 0xffff)) % 0xffff);
}

static bool changes(const struct shrink_cand *c, const struct shrink_trace *t, const struct shrink_item *item)
{
	const struct shrink_packet *k = &t->packet[item->packet];
	const struct shrink_cuts *mine, *peer;

	if (k->dir == SHRINK_NONE || !k->tcp)
		return false;
	mine = &c->cuts[k->dir];
	peer = &c->cuts[t->dir[k->dir].peer];
	return mine->n || mine->shift || peer->n || peer->shift;
}

static int render_one(const struct shrink_cand *c, const struct shrink_trace *t, const struct shrink_item *item,
                      struct fos_frames *out)
{
	struct fos_frame f = *t->packet[item->packet].f;
	uint8_t *data;

	f.num = out->n + 1;
	f.ts_ns = item->ts_ns;
	f.note = 0;
	f.flags |= FOS_FRAME_STABLE;
	if (changes(c, t, item)) {
		data = fos_frames_bytes(out, fos_frame_caplen(&f));
		if (!data)
			return -ENOMEM;
		memcpy(data, f.data, f.len);
		if (f.ext_len)
			memcpy(data + f.len, f.ext, f.ext_len);
		f.len += f.ext_len;
		f.ext_len = 0;
		f.ext = NULL;
		f.data = data;
		rewrite(c, t, item, &f, data);
	}
	return fos_frames_add(out, &f);
}

int shrink_render(const struct shrink_cand *c, const struct shrink_trace *t, struct fos_frames *out,
                  struct fos_decisions **decisions)
{
	int rc = fos_decisions_create(decisions);

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; rc == 0 && i < c->n; i++) {
		struct fos_decision d = c->item[i].d;

		rc = render_one(c, t, &c->item[i], out);
		d.num = i + 1;
		if (rc == 0 && d.actions)
			rc = fos_decisions_add(*decisions, &d);
	}
	if (rc) {
		fos_decisions_put(*decisions);
		*decisions = NULL;
		fos_frames_free(out);
	}
	return rc;
}
