/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz_parse.c: any bytes as a frame of any link type, parsed. What the packet says lies within the frame and agrees with itself;
 * parsed again, or with its payload in a second piece, or cut short, the frame says the same. The checksum is held
 * against a plain one.
 *
 * An input: 0 link type, 1 options, 2 how it is cut, 3 how much more there was on the wire, then the frame.
 */
#include "fuzz.h"

#include <stdlib.h>

#include <netinet/in.h>

#include <flowos/key.h>
#include <flowos/parse.h>

enum { SETTINGS = 4, FRAME_MAX = 70000 };

enum option {
	NO_DECAP = 1,
	SURE = 2,  /* the driver vouches for the checksum */
	STALE = 4, /* the packet held another one before */
};

static const uint16_t linktypes[] = {
	1, 0, 9, 12, 14, 50, 51, 101, 104, 108, 113, 228, 229, 276, 105, 127, 147, 65535
};

/* Are the len bytes at p within the frame, in one piece? */
static bool within(const struct fos_frame *f, const uint8_t *p, uint64_t len)
{
	if (p >= f->data && p <= f->data + f->len)
		return len <= (uint64_t)(f->data + f->len - p);
	return f->ext && p >= f->ext && p <= f->ext + f->ext_len && len <= (uint64_t)(f->ext + f->ext_len - p);
}

static void check_payload(const struct fos_pkt *p)
{
	FUZZ_CHECK((p->app != NULL) == (p->app_len > 0), "payload without bytes, or bytes without a place");
	FUZZ_CHECK(p->app_len <= p->app_wire_len, "more captured than announced");
	if (p->app)
		FUZZ_CHECK(within(&p->f, p->app, p->app_len), "payload outside of the frame");
}

static void check_key(const struct fos_pkt *p)
{
	struct fos_key key[2];
	char text[2][FOS_ADDR_TEXT];

	for (int v = 0; v < 2; v++) {
		int side = fos_key_of(p, v, &key[v]);

		FUZZ_CHECK(side == 0 || side == 1, "side %d", side);
		FUZZ_CHECK(key[v].version == p->ip_version && key[v].proto == p->proto, "another session's key");
		FUZZ_CHECK(key[v].port[side] == p->sport && key[v].port[!side] == p->dport, "ports");
		FUZZ_CHECK(memcmp(key[v].addr[0], key[v].addr[1], 16) < 0 ||
		               (memcmp(key[v].addr[0], key[v].addr[1], 16) == 0 && key[v].port[0] <= key[v].port[1]),
		           "the key is not in order");
		FUZZ_CHECK(key[v].vlan == (v ? p->vlan : 0xffff), "the key's VLAN");
	}
	fos_key_text(&key[0], 0, text[0], sizeof(text[0]));
	fos_key_text(&key[0], 1, text[1], sizeof(text[1]));
	FUZZ_CHECK(strlen(text[0]) > 3 && strlen(text[1]) > 3, "no text");
}

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* Payload ends where the innermost IP header says, if it says so: what lies behind is padding. */
static void check_announced(const struct fos_pkt *p)
{
	uint32_t all = p->ip_version == 4 ? be16(p->ip + 2) : be16(p->ip + 4);

	if (all == 0)
		return;
	all += p->ip_version == 4 ? 0 : 40;
	FUZZ_CHECK(p->ip_len <= all, "the IP packet is longer than it says");
	if (p->verdict != FOS_PKT_OTHER)
		FUZZ_CHECK(p->l4 + p->l4_len + p->app_wire_len <= all, "payload beyond the end of the IP packet");
	if (p->verdict == FOS_PKT_TCP)
		FUZZ_CHECK(p->l4 + p->l4_len + p->app_wire_len == all, "payload is not all there is");
}

static void check_packet(const struct fos_pkt *p)
{
	FUZZ_CHECK(p->verdict < FOS_PKT_VERDICTS && *fos_verdict_name((enum fos_verdict)p->verdict), "verdict");
	FUZZ_CHECK(p->vlan == 0xffff || p->vlan < 4096, "VLAN %u", p->vlan);
	if (p->verdict > FOS_PKT_OTHER)
		return;
	FUZZ_CHECK(p->ip_version == 4 || p->ip_version == 6, "version %u", p->ip_version);
	FUZZ_CHECK(within(&p->f, p->ip, p->ip_len), "the IP packet is outside of the frame");
	FUZZ_CHECK(p->l4 <= p->ip_len && p->l4 >= (p->ip_version == 4 ? 20 : 40), "l4 %u of %u", p->l4, p->ip_len);
	check_announced(p);
	if (p->verdict == FOS_PKT_OTHER)
		return;
	check_payload(p);
	if (p->verdict == FOS_PKT_FRAGMENT)
		return;
	FUZZ_CHECK(p->l4 + p->l4_len <= p->ip_len, "the transport header is cut");
	FUZZ_CHECK(p->verdict == FOS_PKT_TCP ? p->proto == IPPROTO_TCP && p->l4_len >= 20 && p->l4_len % 4 == 0
	                                     : p->proto == IPPROTO_UDP && p->l4_len == 8,
	           "protocol %u, header of %u", p->proto, p->l4_len);
	FUZZ_CHECK(!p->app || p->app == p->ip + p->l4 + p->l4_len || p->app == p->f.ext, "where payload begins");
	FUZZ_CHECK(p->verdict == FOS_PKT_TCP || (p->seq == 0 && p->ack == 0 && p->tcp_flags == 0), "UDP has no flags");
	check_key(p);
}

/* Do two parsings say the same of one frame? `where`: its bytes lie in the same places. */
static void check_same(const struct fos_pkt *a, const struct fos_pkt *b, bool where)
{
	FUZZ_CHECK(a->verdict == b->verdict, "%s became %s", fos_verdict_name((enum fos_verdict)a->verdict),
	           fos_verdict_name((enum fos_verdict)b->verdict));
	if (a->verdict > FOS_PKT_OTHER)
		return;
	FUZZ_CHECK(a->ip_version == b->ip_version && a->proto == b->proto && a->l4 == b->l4 && a->vlan == b->vlan &&
	               a->encap == b->encap,
	           "the headers are others");
	FUZZ_CHECK(!where || (a->ip == b->ip && a->app == b->app && a->ip_len == b->ip_len), "places have changed");
	if (a->verdict == FOS_PKT_OTHER)
		return;
	FUZZ_CHECK(a->app_len == b->app_len && a->app_wire_len == b->app_wire_len, "%u of %u bytes became %u of %u",
	           a->app_len, a->app_wire_len, b->app_len, b->app_wire_len);
	FUZZ_CHECK(a->l4_len == b->l4_len && a->seq == b->seq && a->ack == b->ack && a->sport == b->sport &&
	               a->dport == b->dport && a->tcp_flags == b->tcp_flags,
	           "the transport headers are others");
}

static void parse(struct fos_pkt *p, unsigned flags, unsigned dirt)
{
	struct fos_frame f = p->f;

	memset(p, (int)dirt, sizeof(*p));
	p->f = f;
	p->id = 77;
	enum fos_verdict v = fos_parse(p, flags);
	FUZZ_CHECK(v == p->verdict && p->id == 77, "the verdict, or the packet's number");
	check_packet(p);
}

/* The payload in a piece of its own: all is the same but where it lies. */
static void try_pieces(const struct fos_pkt *p, unsigned flags)
{
	struct fos_pkt q = { .f = p->f };
	uint32_t cut, all = p->f.len;

	if (p->verdict > FOS_PKT_UDP || !p->app_len)
		return;
	cut = (uint32_t)(p->app - p->f.data);
	uint8_t *head = fuzz_exact(p->f.data, cut), *rest = fuzz_exact(p->app, all - cut);

	q.f.data = head;
	q.f.len = cut;
	q.f.ext = rest;
	q.f.ext_len = all - cut;
	parse(&q, flags, 0xee);
	check_same(p, &q, false);
	FUZZ_CHECK(q.app == rest && memcmp(q.app, p->app, p->app_len) == 0, "payload is not the second piece");
	FUZZ_CHECK(fos_checksum_ok(p) == fos_checksum_ok(&q), "the checksum depends on where payload lies");
	free(head);
	free(rest);
}

/* Captured in part: what is left says the same, or that it was cut, or nothing. */
static void try_cut(const struct fos_pkt *p, unsigned flags, uint32_t len)
{
	struct fos_pkt q = { .f = p->f };
	uint8_t *head = fuzz_exact(p->f.data, len);

	q.f.data = head;
	q.f.len = len;
	parse(&q, flags, 0x11);
	/* A tunnel whose inner packet is cut is none: then the outer packet is the innermost. */
	if (q.verdict <= FOS_PKT_UDP && q.verdict == p->verdict && q.ip - head == p->ip - p->f.data)
		FUZZ_CHECK(q.app_len <= p->app_len || p->f.wire_len > p->f.len, "cut, it has more");
	(void)fos_checksum_ok(&q);
	free(head);
}

/* The innermost IP packet by itself, where it was captured whole. */
static void try_inner(const struct fos_pkt *p, unsigned flags)
{
	struct fos_pkt q = { .f = p->f };

	if (p->verdict > FOS_PKT_OTHER || p->ip_len > 65535 || p->f.wire_len > p->f.len)
		return;
	uint8_t *ip = fuzz_exact(p->ip, p->ip_len);

	q.f.data = ip;
	q.f.len = q.f.wire_len = p->ip_len;
	fos_parse_ip(&q, ip, p->ip_len, flags | FOS_PARSE_NO_DECAP, 0);
	if (p->verdict <= FOS_PKT_UDP && p->app_len == p->app_wire_len) {
		FUZZ_CHECK(q.verdict == p->verdict && q.l4 == p->l4 && q.app_len == p->app_len && q.sport == p->sport,
		           "%s became %s by itself", fos_verdict_name((enum fos_verdict)p->verdict),
		           fos_verdict_name((enum fos_verdict)q.verdict));
		FUZZ_CHECK((p->f.flags & FOS_FRAME_CSUM_OK) || fos_checksum_ok(&q) == fos_checksum_ok(p),
		           "the checksum depends on what is around it");
	}
	free(ip);
}

/* RFC 1071, as slowly as it can be done: the sum of some bytes, added to another one's. */
static uint32_t plain_sum(const uint8_t *p, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static void check_sum(const uint8_t *p, uint32_t len)
{
	uint32_t sum = ~plain_sum(p, len, 0), even = len / 2 & ~1u;
	uint16_t fold = fos_csum_fold(fos_csum_add(p + even, len - even, fos_csum_add(p, even, 0)));
	uint8_t plain[2] = { (uint8_t)(sum >> 8), (uint8_t)sum };

	FUZZ_CHECK(memcmp(&fold, plain, 2) == 0, "the sum of %u bytes", len);
}

static void put_sum(uint8_t *at, uint32_t sum)
{
	at[0] = (uint8_t)(~sum >> 8);
	at[1] = (uint8_t)~sum;
}

/* With the right checksums put in, they are right; with a bit of payload turned over, they are not. */
static void try_checksum(const struct fos_pkt *p, unsigned flags, uint32_t draw)
{
	bool v4 = p->ip_version == 4, tcp = p->verdict == FOS_PKT_TCP;
	struct fos_pkt q = { .f = p->f };
	uint32_t len, sum;
	uint8_t *frame, *ip, *l4, *at;

	if (p->verdict > FOS_PKT_UDP || !p->app_len || p->app_len < p->app_wire_len || p->l4 != (v4 ? 20 : 40) ||
	    be16(p->ip + (v4 ? 2 : 4)) == 0)
		return;
	frame = fuzz_exact(p->f.data, p->f.len);
	ip = frame + (p->ip - p->f.data);
	l4 = ip + p->l4;
	at = l4 + (tcp ? 16 : 6);
	len = p->l4_len + p->app_len;
	memset(at, 0, 2);
	sum = plain_sum(ip + (v4 ? 12 : 8), v4 ? 8 : 32, p->proto);
	sum = plain_sum(l4, len, plain_sum((uint8_t[]){ 0, 0, (uint8_t)(len >> 8), (uint8_t)len }, 4, sum));
	put_sum(at, !tcp && sum == 0xffff ? 0 : sum); /* UDP: 0 says that there is none */
	if (v4) {
		memset(ip + 10, 0, 2);
		put_sum(ip + 10, plain_sum(ip, 20, 0));
	}
	q.f.data = frame;
	q.f.flags = FOS_FRAME_STABLE;
	parse(&q, flags, 0x33);
	if ((p->encap & FOS_ENCAP_MPLS) && (q.verdict != p->verdict || q.ip - frame != p->ip - p->f.data)) {
		free(frame); /* what a label stack carries is guessed, by bytes that sums may be among */
		return;
	}
	FUZZ_CHECK(q.verdict == p->verdict && fos_checksum_ok(&q), "a right checksum is wrong");
	l4[p->l4_len + draw % p->app_len] ^= (uint8_t)(1u << draw % 8);
	FUZZ_CHECK(!fos_checksum_ok(&q), "a wrong checksum is right");
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { .at = data, .end = data + size };
	uint8_t link = fuzz_u8(&in), options = fuzz_u8(&in), cut = fuzz_u8(&in), more = fuzz_u8(&in);
	unsigned flags = (options & NO_DECAP) ? FOS_PARSE_NO_DECAP : 0;
	uint32_t len = fuzz_left(&in) < FRAME_MAX ? (uint32_t)fuzz_left(&in) : FRAME_MAX;
	uint8_t *frame = fuzz_exact(in.at, len);
	struct fos_pkt p = { .f = { .data = frame,
		                    .len = len,
		                    .wire_len = len + (more & 7 ? 0 : more * 8u),
		                    .flags = FOS_FRAME_STABLE | ((options & SURE) ? FOS_FRAME_CSUM_OK : 0u),
		                    .linktype = linktypes[link % (sizeof(linktypes) / sizeof(linktypes[0]))] } };
	struct fos_pkt again;

	parse(&p, flags, (options & STALE) ? 0xff : 0);
	again = p;
	parse(&again, flags, 0x5a);
	check_same(&p, &again, true);
	(void)fos_checksum_ok(&p);
	try_pieces(&p, flags);
	if (len)
		try_cut(&p, flags, cut % len);
	try_inner(&p, flags);
	try_checksum(&p, flags, cut * 7u + more);
	check_sum(frame, len);
	free(frame);
	return 0;
}
