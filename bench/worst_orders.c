/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst_orders.c: attacks within one TCP session: what is held above a hole, in every order that hurts.
 *
 * Segment 0 is the hole. A twin sends it first and the rest in order: nothing is ever held.
 */
#include "worst_case.h"

#include <errno.h>
#include <stdlib.h>

#include <flowos/pkt.h>
#include <flowos/rand.h>

enum {
	SUPER = 65000,      /* payload of a 64 KiB packet */
	SUPER_PIECES = 49,  /* one-byte segments in each */
	VERSIONS = 10,      /* of each place of a conflict */
	REUSE_HELD = 20000, /* segments that are held while SYNs come */
	REUSE_LEN = 64,
	REUSE_SYNS = 50, /* a SYN in so many packets */
	REUSE_STEP = 16,
};

static struct worst_flow flow_of(const struct worst_plan *p)
{
	return worst_flow(1, p->c->ip ? p->c->ip : 4);
}

/* Data from the client: `len` bytes from offset `off`. */
static int data(struct worst_traffic *t, const struct worst_flow *f, uint32_t off, uint32_t len, uint8_t change)
{
	const struct worst_segment s = { .flags = FOS_TCP_ACK, .seq = 1 + off, .ack = 1, .len = len, .change = change };

	return worst_add(t, f, &s);
}

/* The numbers 1 to n in this order. */
static void order_fill(uint32_t *v, uint32_t n, enum worst_order order, uint64_t seed)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t half = i / 2;

		if (order == WORST_REVERSE)
			v[i] = n - i;
		else if (order == WORST_INWARDS)
			v[i] = i % 2 ? 1 + half : n - half;
		else if (order == WORST_OUTWARDS)
			v[n - 1 - i] = i % 2 ? 1 + half : n - half;
		else
			v[i] = 1 + i;
	}
	for (uint32_t i = 1; order == WORST_RANDOM && i < n; i++) {
		uint32_t k = (uint32_t)fos_below(fos_mix64_add(seed, i), (uint64_t)i + 1), swap = v[i];

		v[i] = v[k];
		v[k] = swap;
	}
}

/* All of v, each segment `times` times. */
static int pass(struct worst_traffic *t, const struct worst_flow *f, const uint32_t *v, uint32_t n, uint32_t len,
                int times)
{
	int rc = 0;

	for (uint32_t i = 0; i < n && rc == 0; i++)
		for (int k = 0; k < times && rc == 0; k++)
			rc = data(t, f, v[i] * len, len, 0);
	return rc;
}

int worst_make_order(struct worst_traffic *t, const struct worst_plan *p)
{
	uint32_t n = (uint32_t)p->o->segments, len = p->c->one_byte ? 1 : p->o->payload, hole = 0;
	uint32_t *v = malloc(n * sizeof(*v));
	int times = p->c->again ? 1 : 2, rc = v ? 0 : -ENOMEM;
	struct worst_flow f = flow_of(p);
	bool sent = p->twin || p->c->order == WORST_SENT;

	if (p->c->wrap)
		f.isn[0] = (uint32_t)-1 - n / 2 * len;
	if (rc == 0)
		rc = worst_add_handshake(t, &f);
	if (rc == 0)
		order_fill(v, n, sent ? WORST_ASCENDING : p->c->order, p->o->seed);
	for (int round = 0; round < 3 - times && rc == 0; round++) {
		if (sent)
			rc = pass(t, &f, &hole, 1, len, times);
		if (rc == 0)
			rc = pass(t, &f, v, n, len, times);
	}
	if (!sent && rc == 0)
		rc = pass(t, &f, &hole, 1, len, 2);
	free(v);
	return rc;
}

int worst_make_holes(struct worst_traffic *t, const struct worst_plan *p)
{
	uint32_t n = ((uint32_t)p->o->segments + 1) & ~1u, len = p->o->payload;
	struct worst_flow f = flow_of(p);
	int rc = worst_add_handshake(t, &f);

	for (uint32_t i = 0; i < n && rc == 0; i++) {
		uint32_t at = p->twin ? i : i < n / 2 ? 2 * i + 1 : 2 * (n - 1 - i);

		rc = data(t, &f, at * len, len, 0);
	}
	return rc;
}

int worst_make_chain(struct worst_traffic *t, const struct worst_plan *p)
{
	uint32_t n = (uint32_t)p->o->segments;
	struct worst_flow f = flow_of(p);
	int rc = worst_add_handshake(t, &f);

	for (uint32_t i = 0; i < n && rc == 0; i++)
		rc = data(t, &f, p->twin ? i : n - 1 - i, 2, 0);
	return rc;
}

/* Where piece `k` of super-packet `i` lies in it. */
static uint32_t piece_at(uint64_t seed, uint32_t i, uint32_t k)
{
	return (uint32_t)fos_below(fos_mix64_add(fos_mix64_add(seed, i), k), SUPER);
}

static int pieces(struct worst_traffic *t, const struct worst_flow *f, uint64_t seed, uint32_t i)
{
	int rc = 0;

	for (uint32_t k = 0; k < SUPER_PIECES && rc == 0; k++)
		rc = data(t, f, i * SUPER + piece_at(seed, i, k), 1, 0);
	return rc;
}

int worst_make_super(struct worst_traffic *t, const struct worst_plan *p)
{
	uint32_t n = (uint32_t)p->o->segments / (SUPER_PIECES + 1) + 2;
	struct worst_flow f = flow_of(p);
	int rc = worst_add_handshake(t, &f);

	for (uint32_t i = 0; i < n && rc == 0; i++) {
		uint32_t at = p->twin ? i : n - 1 - i;

		if (!p->twin && at)
			rc = pieces(t, &f, p->o->seed, at);
		if (rc == 0)
			rc = data(t, &f, at * SUPER, SUPER, 0);
		if (p->twin && at && rc == 0)
			rc = pieces(t, &f, p->o->seed, at);
	}
	return rc;
}

/* Version `k` of place `i`: other bytes, and from the second one on some begin earlier or end later. */
static int version(struct worst_traffic *t, const struct worst_plan *p, const struct worst_flow *f, uint32_t i,
                   uint32_t k)
{
	uint32_t len = p->o->payload, half = len / 2;
	uint64_t h = fos_mix64_add(fos_mix64_add(p->o->seed, i), k);
	uint32_t before = k ? (uint32_t)fos_below(h, half + 1) : 0,
	         more = k ? (uint32_t)fos_below(fos_mix64(h), half + 1) : 0;

	return data(t, f, i * len - before, len + before + more - half * (k & 1), (uint8_t)k);
}

int worst_make_conflict(struct worst_traffic *t, const struct worst_plan *p)
{
	uint32_t n = (uint32_t)p->o->segments / VERSIONS + 1;
	uint32_t *v = malloc(n * sizeof(*v));
	struct worst_flow f = flow_of(p);
	int rc = v ? worst_add_handshake(t, &f) : -ENOMEM;

	if (rc == 0)
		order_fill(v, n, WORST_RANDOM, p->o->seed);
	if (p->twin && rc == 0)
		rc = data(t, &f, 0, p->o->payload, 0);
	for (uint32_t i = 0; i < n * VERSIONS && rc == 0; i++)
		rc = p->twin ? version(t, p, &f, 1 + i / VERSIONS, i % VERSIONS) : version(t, p, &f, v[i % n], i / n);
	if (!p->twin && rc == 0)
		rc = data(t, &f, 0, p->o->payload, 0);
	free(v);
	return rc;
}

int worst_make_acks(struct worst_traffic *t, const struct worst_plan *p)
{
	uint32_t n = (uint32_t)p->o->segments / 2, len = p->o->payload;
	struct worst_flow f = flow_of(p);
	int rc = worst_add_handshake(t, &f);

	if (p->twin && rc == 0)
		rc = data(t, &f, 0, len, 0);
	for (uint32_t i = 1; i <= n && rc == 0; i++)
		rc = data(t, &f, i * len, len, 0);
	for (uint32_t i = 1; i <= n && rc == 0; i++) {
		const struct worst_segment ack = { .dir = 1, .flags = FOS_TCP_ACK, .seq = 1, .ack = 1 + i * len };

		rc = worst_add(t, &f, &ack);
	}
	if (!p->twin && rc == 0)
		rc = data(t, &f, 0, len, 0);
	return rc;
}

/* What is held lies where the connections of all the SYNs could have it, and of two the later one is nearer (ORDER.md,
 * rule 2c). */
int worst_make_reuse(struct worst_traffic *t, const struct worst_plan *p)
{
	uint32_t syns = (uint32_t)p->o->segments / REUSE_SYNS + 1, held = (uint32_t)p->o->segments;
	uint32_t first = 100000 + syns * REUSE_STEP;
	struct worst_flow f = flow_of(p);
	int rc = worst_add_handshake(t, &f);

	held = held < REUSE_HELD ? held : REUSE_HELD;
	for (int half = 0; half < 2; half++) {
		bool now = p->twin ? half == 0 : half == 1;

		for (uint32_t i = 0; now && i < syns && rc == 0; i++) {
			const struct worst_segment s = { .flags = FOS_TCP_SYN,
				                         .seq = first - 1 - (syns - i) * REUSE_STEP };

			rc = worst_add(t, &f, &s);
		}
		for (uint32_t i = 0; !now && i < held && rc == 0; i++)
			rc = data(t, &f, first + i * REUSE_LEN, REUSE_LEN, 0);
	}
	return rc;
}
