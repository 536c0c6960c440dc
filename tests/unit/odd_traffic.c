/* SPDX-License-Identifier: BSD-2-Clause
 *
 * odd_traffic.c: see odd_traffic.h.
 */
#include "odd_traffic.h"

enum { TALKS = 6, MS = ER_SECOND / 1000 };

struct talk {
	uint32_t seq[2];
	bool open;
};

static const char letters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz";

/* The payload is what stands at the sequence number, or now and then something else. */
static void say(struct er_trace *t, const struct talk *k, int who, int dir, uint8_t flags, int64_t off, uint32_t len,
                uint64_t *rnd)
{
	uint32_t back = er_draw(rnd, 3) ? 0 : (uint32_t)er_draw(rnd, 60);
	struct er_spec s = { .dir = dir,
		             .v6 = who % 3 == 2,
		             .udp = who == 5,
		             .bad = er_draw(rnd, 80) == 0,
		             .vlan = who == 4 || who == 3 ? (uint16_t)(1 + er_draw(rnd, 20) / 19) : 0,
		             .host = (uint8_t)(who + 1),
		             .port = (uint16_t)(80 + who % 2),
		             .flags = flags,
		             .seq = k->seq[dir] + (uint32_t)off,
		             .ack = k->seq[!dir] - back,
		             .len = len,
		             .more = er_draw(rnd, 60) ? 0 : (uint32_t)er_draw(rnd, 9) };

	s.data = letters + (er_draw(rnd, 9) ? s.seq % 26 : er_draw(rnd, 26));
	er_add(t, &s);
	if (er_draw(rnd, 20) == 0) /* the clock does not go back */
		t->frame[t->n - 1].f.ts_ns -= er_draw(rnd, 20) * MS;
}

static void open_talk(struct er_trace *t, struct talk *k, int who, uint64_t *rnd)
{
	for (int dir = 0; dir < 2; dir++)
		k->seq[dir] = er_draw(rnd, 3) ? (uint32_t)fos_mix64((*rnd)++) : UINT32_MAX - (uint32_t)er_draw(rnd, 60);
	if (er_draw(rnd, 4)) {
		say(t, k, who, 0, FOS_TCP_SYN, 0, 0, rnd);
		k->seq[0]++;
		say(t, k, who, 1, FOS_TCP_SYN | FOS_TCP_ACK, 0, 0, rnd);
		k->seq[1]++;
	}
	k->open = true;
}

static void go_on(struct er_trace *t, struct talk *k, int who, uint64_t *rnd)
{
	int dir = (int)er_draw(rnd, 2);
	uint32_t len = (uint32_t)er_draw(rnd, 20);
	uint8_t ack = FOS_TCP_ACK;

	switch (er_draw(rnd, 70)) {
	case 0:
	case 1:
	case 2: /* lost, or held until what comes next */
		k->seq[dir] += len;
		return;
	case 3:
	case 4:
	case 5:
	case 6: /* somewhere near, over whatever is there */
		say(t, k, who, dir, ack, 60 - (int64_t)er_draw(rnd, 120), len, rnd);
		return;
	case 7:
		say(t, k, who, dir, ack | FOS_TCP_FIN, 0, len, rnd);
		k->seq[dir] += len + 1;
		k->open = er_draw(rnd, 2);
		return;
	case 8:
		say(t, k, who, dir, er_draw(rnd, 2) ? FOS_TCP_RST : FOS_TCP_RST | FOS_TCP_ACK, 0, 0, rnd);
		k->open = er_draw(rnd, 2);
		return;
	case 9:
		say(t, k, who, dir, ack, (int64_t)1 << (20 + er_draw(rnd, 11)), len, rnd);
		return;
	case 10:
		t->ts_ns += er_draw(rnd, 30) * 10 * MS;
		return;
	case 11:
		ack = 0;
		break;
	case 12: /* a hole that is filled from behind */
		for (int i = 3; i >= 0; i--)
			say(t, k, who, dir, ack, i * 10, 10, rnd);
		k->seq[dir] += 40;
		return;
	default:
		break;
	}
	say(t, k, who, dir, ack, 0, len, rnd);
	k->seq[dir] += len;
}

void odd_traffic(struct er_trace *t, uint64_t *rnd)
{
	struct talk k[TALKS] = { 0 };
	int talks = 1 + (int)er_draw(rnd, TALKS);

	for (int i = 0; i < ODD_STEPS; i++) {
		int who = (int)er_draw(rnd, (uint64_t)talks);

		if (!k[who].open)
			open_talk(t, &k[who], who, rnd);
		go_on(t, &k[who], who, rnd);
	}
}
