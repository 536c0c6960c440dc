/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mutate.c: mutations of inputs that are a header and records of one size, for libFuzzer. See fuzz.h. Pure functions of their
 * seed (and of libFuzzer's own state).
 */
#include "fuzz.h"

#ifdef FLOWOS_FUZZ

#include <flowos/rand.h>

enum { CHANGES_MAX = 4 };

static size_t draw(uint64_t *state, size_t below)
{
	return below ? (size_t)fos_below(fos_mix64((*state)++), below) : 0;
}

/* Puts `n` records at `from` in front of record `to`; returns the new number of records. */
static size_t insert(const struct fuzz_layout *l, uint8_t *records, size_t count, size_t room, const uint8_t *from,
                     size_t n, size_t to)
{
	uint8_t copy[16 * 64];

	if (n > room - count)
		n = room - count;
	if (n * l->record > sizeof(copy))
		n = sizeof(copy) / l->record;
	if (n == 0)
		return count;
	memcpy(copy, from, n * l->record);
	memmove(records + (to + n) * l->record, records + to * l->record, (count - to) * l->record);
	memcpy(records + to * l->record, copy, n * l->record);
	return count + n;
}

static size_t drop(const struct fuzz_layout *l, uint8_t *records, size_t count, size_t at, size_t n)
{
	memmove(records + at * l->record, records + (at + n) * l->record, (count - at - n) * l->record);
	return count - n;
}

static void swap(const struct fuzz_layout *l, uint8_t *a, uint8_t *b)
{
	for (size_t i = 0; i < l->record; i++) {
		uint8_t t = a[i];

		a[i] = b[i];
		b[i] = t;
	}
}

/* A byte of a record: anything, a little more or less, or the same byte of another record. */
static void change_byte(const struct fuzz_layout *l, uint8_t *records, size_t count, size_t at, uint64_t *state)
{
	size_t byte = draw(state, l->record);
	uint8_t *p = records + at * l->record + byte;

	switch (draw(state, 4)) {
	case 0:
		*p = (uint8_t)draw(state, 256);
		break;
	case 1:
		*p ^= (uint8_t)(1u << draw(state, 8));
		break;
	case 2:
		*p = (uint8_t)(*p + draw(state, 9) - 4);
		break;
	default:
		*p = records[draw(state, count) * l->record + byte];
	}
}

static size_t change(const struct fuzz_layout *l, uint8_t *data, size_t count, size_t room, uint64_t *state)
{
	uint8_t *records = data + l->header, fresh[64];
	size_t at = draw(state, count), n = 1 + draw(state, 4);

	if (n > count - at)
		n = count - at;
	switch (count ? draw(state, 10) : 0) {
	case 0:
		for (size_t i = 0; i < l->record; i++)
			fresh[i] = (uint8_t)draw(state, 256);
		return insert(l, records, count, room, fresh, 1, draw(state, count + 1));
	case 1:
		return insert(l, records, count, room, records + at * l->record, n, draw(state, count + 1));
	case 2:
		return insert(l, records, count, room, records + at * l->record, 1, at);
	case 3:
		return drop(l, records, count, at, n);
	case 4:
		swap(l, records + at * l->record, records + draw(state, count) * l->record);
		return count;
	case 5:
		data[draw(state, l->header)] = (uint8_t)draw(state, 256);
		return count;
	default:
		change_byte(l, records, count, at, state);
		return count;
	}
}

size_t fuzz_mutate(const struct fuzz_layout *l, uint8_t *data, size_t size, size_t max, unsigned seed)
{
	size_t room = max < l->header ? 0 : (max - l->header) / l->record, count;
	uint64_t state = fos_mix64(seed);

	if (room > l->records)
		room = l->records;
	if (room == 0 || draw(&state, 5) == 0)
		return LLVMFuzzerMutate(data, size, max);
	for (; size < l->header; size++)
		data[size] = (uint8_t)draw(&state, 256);
	count = (size - l->header) / l->record;
	for (size_t n = 1 + draw(&state, CHANGES_MAX); n; n--)
		count = change(l, data, count > room ? room : count, room, &state);
	return l->header + count * l->record;
}

size_t fuzz_cross(const struct fuzz_layout *l, const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *out,
                  size_t max, unsigned seed)
{
	uint64_t state = fos_mix64(seed);
	size_t size = l->header, ca, cb;

	if (na < l->header || nb < l->header || max < l->header)
		return 0;
	ca = (na - l->header) / l->record;
	cb = (nb - l->header) / l->record;
	memcpy(out, draw(&state, 2) ? a : b, l->header);
	for (size_t ia = 0, ib = 0; ia < ca || ib < cb;) { /* runs of both, in turns */
		bool first = ib == cb || (ia < ca && draw(&state, 2));
		const uint8_t *from = first ? a : b;
		size_t *at = first ? &ia : &ib, n = 1 + draw(&state, 8), left = (first ? ca : cb) - *at;

		n = n > left ? left : n;
		if (draw(&state, 4)) { /* else this run is left out */
			if (size + n * l->record > max || (size - l->header) / l->record + n > l->records)
				break;
			memcpy(out + size, from + l->header + *at * l->record, n * l->record);
			size += n * l->record;
		}
		*at += n;
	}
	return size;
}

#endif
