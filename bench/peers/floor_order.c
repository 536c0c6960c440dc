/* SPDX-License-Identifier: BSD-2-Clause
 *
 * floor_order.c: see floor_order.h. Part of the program peer-floor.
 */
#include "floor_order.h"

#include <stdlib.h>

enum { FEW = 8, AHEAD = 16, LINE = 64, SYN = 2 };

struct waiting {
	const uint8_t *data;
	uint32_t seq, len;
};

struct floor_order_lane {
	struct waiting *wait; /* in order of `seq`: [head, head + n) of `room` */
	uint32_t head, n, room;
	uint32_t next;
	bool seen;
};

int floor_order_init(struct floor_order *o, struct bench_floor *f)
{
	*o = (struct floor_order){ .f = f, .bytes_mapped = 2 * f->slots * sizeof(*o->lane) };
	o->lane = mmap(NULL, o->bytes_mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return o->lane == MAP_FAILED ? -ENOMEM : 0;
}

/* The part of it that is still to come is read. */
static void pass(struct floor_order *o, struct floor_order_lane *l, const struct waiting *w)
{
	uint32_t known = l->next - w->seq;

	if (known >= w->len)
		return;
	o->f->payload_bytes += w->len - known;
	o->f->sum += bench_floor_sum(w->data + known, w->len - known);
	l->next = w->seq + w->len;
}

/* What is next of what waits. The bytes of some segments ahead are on their way into the second-level cache: of more, or into the
 * first, they would push each other out before they are read. */
static void drain(struct floor_order *o, struct floor_order_lane *l)
{
	const struct waiting *w = l->wait + l->head;
	uint32_t done = 0, ahead = 0;

	for (; done < l->n && (int32_t)(w[done].seq - l->next) <= 0; done++) {
		for (; ahead < l->n && ahead <= done + AHEAD; ahead++)
			for (uint32_t at = 0; at < w[ahead].len; at += LINE)
				__builtin_prefetch(w[ahead].data + at, 0, 2);
		pass(o, l, &w[done]);
	}
	l->head += done;
	l->n -= done;
	if (!l->n)
		l->head = 0;
}

static void give_up(struct floor_order *o, struct floor_order_lane *l)
{
	l->next = l->wait[l->head].seq;
	l->seen = true;
	drain(o, l);
}

static bool make_room(struct floor_order_lane *l)
{
	uint32_t room = l->room ? 2 * l->room : FEW;
	struct waiting *more;

	if (l->head + l->n < l->room)
		return true;
	if (l->head > l->room / 2) {
		memmove(l->wait, l->wait + l->head, l->n * sizeof(*l->wait));
		l->head = 0;
		return true;
	}
	more = realloc(l->wait, room * sizeof(*more));
	if (!more)
		return false;
	l->wait = more;
	l->room = room;
	return true;
}

static void hold(struct floor_order *o, struct floor_order_lane *l, const struct waiting *x)
{
	uint32_t i = l->n;

	if (!make_room(l)) {
		o->no_memory = true;
		return;
	}
	struct waiting *w = l->wait + l->head;

	while (i && (int32_t)(w[i - 1].seq - x->seq) > 0)
		i--;
	memmove(w + i + 1, w + i, (l->n - i) * sizeof(*w));
	w[i] = *x;
	if (++l->n >= FLOOR_ORDER_WAIT)
		give_up(o, l);
}

void floor_order_packet(struct floor_order *o, const uint8_t *p, size_t len)
{
	size_t payload;
	const uint8_t *data = bench_floor_payload(p, len, NULL, 0, &payload), *tcp;
	bool second;
	uint32_t seq;

	o->f->packets++;
	if (!data) {
		o->f->other++;
		return;
	}
	tcp = p + 14 + (size_t)(p[14] & 15) * 4;
	struct bench_floor_key key = bench_floor_key_of(p, tcp, &second);
	struct floor_order_lane *l = &o->lane[2 * bench_floor_look_up(o->f, &key, bench_floor_hash(&key)) + second];

	memcpy(&seq, tcp + 4, 4);
	seq = be32toh(seq) + ((tcp[13] & SYN) != 0);
	if (tcp[13] & SYN) {
		l->next = seq;
		l->seen = true;
	}
	struct waiting x = { data, seq, (uint32_t)payload };

	if (payload && (!l->seen || (int32_t)(seq - l->next) > 0))
		hold(o, l, &x);
	else if (payload)
		pass(o, l, &x);
	if (l->n && l->seen)
		drain(o, l);
}

void floor_order_end(struct floor_order *o)
{
	for (size_t i = 0; i < 2 * o->f->slots; i++) {
		while (o->lane[i].n)
			give_up(o, &o->lane[i]);
		free(o->lane[i].wait);
	}
	munmap(o->lane, o->bytes_mapped);
}
