/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst_case.c: the list of cases.
 */
#include "worst_case.h"

#include <string.h>

#include <flowos/overlap.h>

#define ORDER .make = worst_make_order, .twin = WORST_IN_ORDER, .one_stream = true

static const uint64_t ms = 1000000;

const struct worst_case worst_cases[] = {
	{ "ascending", "segments in order above a hole that is filled last, each twice", ORDER,
	  .order = WORST_ASCENDING },
	{ "reverse", "the same, the last segment first", ORDER, .order = WORST_REVERSE },
	{ "reverse-again", "the same, the duplicates as a second pass", ORDER, .order = WORST_REVERSE, .again = true },
	{ "random", "in random order, each twice", ORDER, .order = WORST_RANDOM },
	{ "random-again", "the same, the duplicates as a second pass", ORDER, .order = WORST_RANDOM, .again = true },
	{ "zigzag-in", "last, first, last but one, second, ..., each twice", ORDER, .order = WORST_INWARDS },
	{ "zigzag-in-again", "the same, the duplicates as a second pass", ORDER, .order = WORST_INWARDS,
	  .again = true },
	{ "zigzag-out", "from the middle outwards, each twice", ORDER, .order = WORST_OUTWARDS },
	{ "zigzag-out-again", "the same, the duplicates as a second pass", ORDER, .order = WORST_OUTWARDS,
	  .again = true },
	{ "wrap", "in random order, each twice; the sequence numbers wrap in the middle", ORDER, .order = WORST_RANDOM,
	  .wrap = true },
	{ "one-byte", "segments of one byte, in order above a hole, each twice", ORDER, .order = WORST_ASCENDING,
	  .one_byte = true },
	{ "one-byte-reverse", "the same, the last byte first", ORDER, .order = WORST_REVERSE, .one_byte = true },
	{ "many-holes", "every second segment, then the others, the last one first", .make = worst_make_holes,
	  .twin = WORST_IN_ORDER, .one_stream = true },
	{ "chain", "segments of two bytes, each half over the one before, the last one first", .make = worst_make_chain,
	  .twin = WORST_IN_ORDER, .one_stream = true },
	{ "super", "64 KiB segments, the last one first, in each one-byte ones that came before it",
	  .make = worst_make_super, .twin = WORST_IN_ORDER, .one_stream = true },
	{ "conflict-first", "other bytes for the same places, again and again; policy first",
	  .make = worst_make_conflict, .twin = WORST_IN_ORDER, .overlap = FOS_OVERLAP_FIRST + 1 },
	{ "conflict-last", "the same; policy last", .make = worst_make_conflict, .twin = WORST_IN_ORDER,
	  .overlap = FOS_OVERLAP_LAST + 1 },
	{ "conflict-bsd", "the same; policy bsd", .make = worst_make_conflict, .twin = WORST_IN_ORDER,
	  .overlap = FOS_OVERLAP_BSD + 1 },
	{ "conflict-linux", "the same; policy linux", .make = worst_make_conflict, .twin = WORST_IN_ORDER,
	  .overlap = FOS_OVERLAP_LINUX + 1 },
	{ "ack-flood", "ACKs that go through what is held above a hole, a segment a time", .make = worst_make_acks,
	  .twin = WORST_IN_ORDER, .one_stream = true },
	{ "syn-reuse", "SYNs of ever new connections, to each of which all that is held may belong",
	  .make = worst_make_reuse, .twin = WORST_IN_ORDER },
	{ "keep", "segments in order, each twice, to a module that never releases anything", .make = worst_make_order,
	  .twin = WORST_RELEASED, .order = WORST_SENT, .one_stream = true, .keep = true },
	{ "syn-flood", "SYNs from forged addresses, many more than sessions may be", .make = worst_make_syns,
	  .twin = WORST_ROOM },
	{ "syn-flood6", "the same over IPv6", .make = worst_make_syns, .twin = WORST_ROOM, .ip = 6 },
	{ "never-close", "sessions that say something and stay, many more than may be", .make = worst_make_stayers,
	  .twin = WORST_ROOM, .gap_ns = 20 * ms },
	{ "hash-flood", "sessions with addresses and ports that fall together in a table with a known seed",
	  .make = worst_make_keys, .twin = WORST_RANDOM_KEYS, .roomy = true },
	{ "hash-known", "the same against a table that has that seed: why it is a secret", .make = worst_make_keys,
	  .twin = WORST_RANDOM_KEYS, .roomy = true, .known_seed = true },
	{ "teardrop", "datagrams of small fragments, each over its neighbours, in random order",
	  .make = worst_make_teardrop, .twin = WORST_IN_ORDER, .cut_innocents = true },
	{ "teardrop6", "the same over IPv6", .make = worst_make_teardrop, .twin = WORST_IN_ORDER, .cut_innocents = true,
	  .ip = 6 },
	{ "fragments", "beginnings of datagrams that never end, from a few hosts", .make = worst_make_pieces,
	  .twin = WORST_ROOM, .cut_innocents = true, .slow = true },
	{ "fragments6", "the same over IPv6", .make = worst_make_pieces, .twin = WORST_ROOM, .cut_innocents = true,
	  .slow = true, .ip = 6 },
	{ "fragments-forged", "the same, each from another address", .make = worst_make_pieces, .twin = WORST_ROOM,
	  .cut_innocents = true, .forged = true },
	{ "fragments-forged6", "the same over IPv6", .make = worst_make_pieces, .twin = WORST_ROOM,
	  .cut_innocents = true, .forged = true, .ip = 6 },
};

const size_t worst_case_count = sizeof(worst_cases) / sizeof(worst_cases[0]);

_Static_assert(sizeof(worst_cases) / sizeof(worst_cases[0]) <= WORST_CASES_MAX, "options have a bit for each");

const struct worst_case *worst_case_find(const char *name)
{
	for (size_t i = 0; i < worst_case_count; i++)
		if (strcmp(worst_cases[i].name, name) == 0)
			return &worst_cases[i];
	return NULL;
}
