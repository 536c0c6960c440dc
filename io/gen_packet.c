/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gen_packet.c: what packets a made-up session has, and what bytes a packet. Touches the memory it is given.
 *
 * Headers are those of a Linux host: SYNs with MSS, SACK permitted, time stamps and window scale; after them, time
 * stamps in every segment.
 */
#include "gen_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/parse.h>
#include <flowos/pkt.h>
#include <flowos/rand.h>

enum {
	ETHER_LEN = 14,
	VLAN_LEN = 4,
	SYN_LEN = 40, /* TCP header with the options of a SYN */
	TCP_LEN = 32, /* of every other segment */
	TS_LEN = 12,  /* of that, time stamps */
	WINDOW_SCALE = 7,
	WRAP_SHARE = 8, /* one direction in so many has its sequence numbers wrap inside its data */
};

/* What a draw is for; payload has the directions 0 and 1 for the same place in the chain. */
enum draw { DRAW_ISN = 16, DRAW_WRAP = 32, DRAW_TS = 48, DRAW_ID = 64 };

static uint64_t draw(uint64_t seed, uint64_t session, enum draw what, int dir)
{
	return fos_mix64_add(fos_mix64_add(fos_mix64(seed), session), (uint64_t)what + (uint64_t)dir);
}

void fos__gen_start(const struct fos_gen_spec *spec, uint64_t session, struct fos__gen_live *l)
{
	fos__gen_ends(session, spec->ip, l->end);
	for (int d = 0; d < 2; d++) {
		uint64_t bytes = d == FOS_GEN_REQUEST ? spec->request : spec->bytes;
		uint64_t wrap = draw(spec->seed, session, DRAW_WRAP, d);

		l->payload[d] = fos__gen_payload_base(spec->seed, session, d);
		l->isn[d] = (uint32_t)draw(spec->seed, session, DRAW_ISN, d);
		if (fos_below(wrap, WRAP_SHARE) == 0)
			l->isn[d] = (uint32_t) - (1 + fos_below(fos_mix64(wrap), bytes + 1));
		l->ts_base[d] = (uint32_t)draw(spec->seed, session, DRAW_TS, d);
		l->ts_last[d] = 0;
		l->ip_id[d] = (uint16_t)draw(spec->seed, session, DRAW_ID, d);
	}
}

/* How far each direction of the script is, the SYN counted. */
struct writing {
	struct fos__gen_script *s;
	uint64_t next[2];
};

static int step(struct writing *w, int dir, uint8_t flags, uint32_t len)
{
	struct fos__gen_script *s = w->s;

	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 64;
		struct fos__gen_step *v = realloc(s->v, cap * sizeof *v);

		if (!v)
			return -ENOMEM;
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = (struct fos__gen_step){
		.off = w->next[dir] - 1,
		.seq = (uint32_t)w->next[dir],
		.ack = flags & FOS_TCP_ACK ? (uint32_t)w->next[!dir] : 0,
		.len = len,
		.dir = (uint8_t)dir,
		.flags = flags,
	};
	w->next[dir] += len + !!(flags & FOS_TCP_SYN) + !!(flags & FOS_TCP_FIN);
	return 0;
}

/* All data of one direction, with the other's ACKs; the last ACK is left out where an answer follows. */
static int script_data(struct writing *w, const struct fos_gen_spec *spec, int dir, uint64_t bytes, bool answered)
{
	uint32_t unacked = 0;

	while (bytes) {
		uint32_t len = bytes < spec->mss ? (uint32_t)bytes : spec->mss;

		bytes -= len;
		if (step(w, dir, bytes ? FOS_TCP_ACK : FOS_TCP_ACK | FOS_TCP_PSH, len))
			return -ENOMEM;
		unacked++;
		if (!spec->ack || (bytes ? unacked < spec->ack : answered))
			continue;
		unacked = 0;
		if (step(w, !dir, FOS_TCP_ACK, 0))
			return -ENOMEM;
	}
	return 0;
}

static int script_close(struct writing *w, const struct fos_gen_spec *spec)
{
	if (spec->close == FOS_GEN_NONE)
		return 0;
	if (spec->close == FOS_GEN_RST)
		return step(w, FOS_GEN_REQUEST, FOS_TCP_RST | FOS_TCP_ACK, 0);
	if (step(w, FOS_GEN_REQUEST, FOS_TCP_FIN | FOS_TCP_ACK, 0) ||
	    step(w, FOS_GEN_RESPONSE, FOS_TCP_FIN | FOS_TCP_ACK, 0))
		return -ENOMEM;
	return step(w, FOS_GEN_REQUEST, FOS_TCP_ACK, 0);
}

int fos__gen_script(const struct fos_gen_spec *spec, struct fos__gen_script *s)
{
	struct writing w = { .s = s };

	*s = (struct fos__gen_script){ 0 };
	if (step(&w, FOS_GEN_REQUEST, FOS_TCP_SYN, 0) || step(&w, FOS_GEN_RESPONSE, FOS_TCP_SYN | FOS_TCP_ACK, 0) ||
	    step(&w, FOS_GEN_REQUEST, FOS_TCP_ACK, 0) ||
	    script_data(&w, spec, FOS_GEN_REQUEST, spec->request, spec->bytes) ||
	    script_data(&w, spec, FOS_GEN_RESPONSE, spec->bytes, false) || script_close(&w, spec)) {
		free(s->v);
		return -ENOMEM;
	}
	return 0;
}

static uint32_t tcp_len(const struct fos__gen_step *st)
{
	return st->flags & FOS_TCP_SYN ? SYN_LEN : TCP_LEN;
}

uint32_t fos__gen_frame_len(const struct fos_gen_spec *spec, const struct fos__gen_step *st)
{
	return ETHER_LEN + (spec->vlan ? VLAN_LEN : 0u) + (spec->ip == 4 ? 20u : 40u) + tcp_len(st) + st->len;
}

static uint8_t *put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
	return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t v)
{
	return put16(put16(at, v >> 16), v);
}

/* Sums are of words as they lie in memory, and so is what comes of them. */
static void put_checksum(uint8_t *at, uint32_t sum)
{
	uint16_t v = fos_csum_fold(sum);

	memcpy(at, &v, sizeof v);
}

static uint8_t *put_mac(uint8_t *at, const struct fos__gen_end *end, bool server)
{
	return put32(put16(at, server ? 0x0201 : 0x0200), end->addr);
}

static uint8_t *put_ether(const struct fos_gen_spec *spec, const struct fos__gen_live *l, int dir, uint8_t *at)
{
	at = put_mac(at, &l->end[!dir], !dir);
	at = put_mac(at, &l->end[dir], dir);
	if (spec->vlan)
		at = put16(put16(at, 0x8100), spec->vlan);
	return put16(at, spec->ip == 4 ? 0x0800 : 0x86dd);
}

static uint8_t *put_ip4(struct fos__gen_live *l, int dir, uint32_t payload, uint8_t *ip)
{
	uint8_t *at = put32(ip, 0x45000000 | (20 + payload));

	at = put32(at, (uint32_t)l->ip_id[dir]++ << 16 | 0x4000);
	at = put32(at, 64u << 24 | IPPROTO_TCP << 16);
	at = put32(at, l->end[dir].addr);
	at = put32(at, l->end[!dir].addr);
	put_checksum(ip + 10, fos_csum_add(ip, 20, 0));
	return at;
}

static uint8_t *put_ip6(const struct fos__gen_live *l, int dir, uint32_t payload, uint8_t *at)
{
	at = put32(at, 0x60000000);
	at = put32(at, payload << 16 | IPPROTO_TCP << 8 | 64);
	for (int i = 0; i < 2; i++) {
		int who = i ? !dir : dir;

		memcpy(at, fos__gen_prefix6(who), 12);
		at = put32(at + 12, l->end[who].addr);
	}
	return at;
}

static uint8_t *put_syn_options(const struct fos_gen_spec *spec, uint8_t *at)
{
	at = put32(at, 0x02040000 | (spec->mss + TS_LEN > 65535 ? 65535 : spec->mss + TS_LEN));
	return put16(at, 0x0402);
}

/* The TCP header at `at`; time in ms, as Linux counts it for this option. */
static uint8_t *put_tcp(const struct fos_gen_spec *spec, const struct fos__gen_step *st, struct fos__gen_live *l,
                        uint64_t ts_ns, uint8_t *at)
{
	bool syn = st->flags & FOS_TCP_SYN, ack = st->flags & FOS_TCP_ACK;
	int d = st->dir;

	l->ts_last[d] = l->ts_base[d] + (uint32_t)(ts_ns / 1000000);
	at = put16(put16(at, l->end[d].port), l->end[!d].port);
	at = put32(at, l->isn[d] + st->seq);
	at = put32(at, ack ? l->isn[!d] + st->ack : 0);
	at = put16(at, tcp_len(st) / 4 << 12 | st->flags);
	at = put32(put16(at, syn ? 64240 : 65535), 0); /* window; checksum, urgent pointer */
	at = syn ? put16(put_syn_options(spec, at), 0x080a) : put32(at, 0x0101080a);
	at = put32(at, l->ts_last[d]);
	at = put32(at, ack ? l->ts_last[!d] : 0);
	return syn ? put32(at, 0x01030300 | WINDOW_SCALE) : at;
}

void fos__gen_frame(const struct fos_gen_spec *spec, const struct fos__gen_step *st, struct fos__gen_live *l,
                    uint64_t ts_ns, uint8_t *at)
{
	uint32_t segment = tcp_len(st) + st->len, addrs = spec->ip == 4 ? 8 : 32, sum;
	uint8_t pseudo[4], *ip, *tcp;

	ip = put_ether(spec, l, st->dir, at);
	tcp = spec->ip == 4 ? put_ip4(l, st->dir, segment, ip) : put_ip6(l, st->dir, segment, ip);
	at = put_tcp(spec, st, l, ts_ns, tcp);
	fos__gen_fill(l->payload[st->dir], st->off, at, st->len);
	put16(put16(pseudo, IPPROTO_TCP), segment);
	sum = fos_csum_add(pseudo, sizeof pseudo, fos_csum_add(tcp - addrs, addrs, 0));
	put_checksum(tcp + 16, fos_csum_add(tcp, segment, sum));
}
