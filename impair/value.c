/* SPDX-License-Identifier: BSD-2-Clause
 *
 * value.c: shares, times and counts as options write them. A decimal is read into a whole number and a power of ten, so
 * nothing is rounded and no floating point is asked. Pure functions; touches nothing.
 */
#include "value.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <flowos/impair_spec.h>

struct decimal {
	uint64_t digits; /* the value is digits / 10^places */
	unsigned places;
};

/* Reads "12", "0.5", ".5" from *s on and moves *s behind it; at most 18 digits. */
static bool read_decimal(const char **s, const char *end, struct decimal *d)
{
	unsigned seen = 0;
	bool point = false;

	*d = (struct decimal){ 0 };
	for (; *s < end; (*s)++) {
		if (**s == '.' && !point) {
			point = true;
			continue;
		}
		if (**s < '0' || **s > '9')
			break;
		if (++seen > 18)
			return false;
		d->digits = d->digits * 10 + (uint64_t)(**s - '0');
		d->places += point;
	}
	return seen > 0;
}

/* value * unit, if that is a whole number below 2^64. */
static bool scale(const struct decimal *d, uint64_t unit, uint64_t *out)
{
	unsigned __int128 v = (unsigned __int128)d->digits * unit;
	unsigned __int128 ten = 1;

	for (unsigned i = 0; i < d->places; i++)
		ten *= 10;
	if (v % ten != 0 || v / ten > UINT64_MAX)
		return false;
	*out = (uint64_t)(v / ten);
	return true;
}

static bool rest_is(const char *s, const char *end, const char *word)
{
	return (size_t)(end - s) == strlen(word) && memcmp(s, word, strlen(word)) == 0;
}

const char *fos__value_share(const char *s, size_t n, uint64_t *out)
{
	const char *end = s + n;
	struct decimal d;
	uint64_t share;

	if (!read_decimal(&s, end, &d))
		return "a share is a number and %, such as 5%";
	if (!rest_is(s, end, "%"))
		return s == end ? "a share needs %, such as 5%" : "a share is a number and %, such as 5%";
	if (!scale(&d, FOS_SHARE_ONE / 100, &share))
		return "a share has at most 10 decimals";
	if (share > FOS_SHARE_ONE)
		return "a share is at most 100%";
	*out = share;
	return NULL;
}

static const struct unit {
	const char *name;
	uint64_t ns;
} units[] = { { "s", 1000000000 }, { "ms", 1000000 }, { "us", 1000 }, { "ns", 1 } };

const char *fos__value_time(const char *s, size_t n, uint64_t *out_ns)
{
	const char *end = s + n;
	struct decimal d;
	uint64_t ns;

	if (!read_decimal(&s, end, &d))
		return "a time is a number and a unit, such as 10ms";
	if (s == end)
		return "a time needs a unit (ns, us, ms, s), such as 10ms";
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (!rest_is(s, end, units[i].name))
			continue;
		if (!scale(&d, units[i].ns, &ns))
			return "a time is a whole number of ns";
		if (ns > FOS_IMPAIR_TIME_MAX_S * UINT64_C(1000000000))
			return "a time is at most 3600s";
		*out_ns = ns;
		return NULL;
	}
	return "units of time are ns, us, ms and s";
}

const char *fos__value_count(const char *s, size_t n, uint64_t max, uint64_t *out)
{
	const char *end = s + n;
	struct decimal d;
	uint64_t unit, count;

	if (!read_decimal(&s, end, &d))
		return "a count is a number, such as 32 or 4k";
	if (s == end)
		unit = 1;
	else if (rest_is(s, end, "k"))
		unit = 1000;
	else if (rest_is(s, end, "M"))
		unit = 1000000;
	else
		return "a count is a number, such as 32 or 4k, without a unit";
	if (!scale(&d, unit, &count))
		return "a count is a whole number";
	if (count == 0 || count > max)
		return "a count is from 1 to 1000000";
	*out = count;
	return NULL;
}

const char *fos__value_seed(const char *s, size_t n, uint64_t *out)
{
	unsigned base = 10;
	uint64_t v = 0;
	size_t i = 0;

	if (n > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		i = 2;
	}
	if (i == n)
		return "a seed is a whole number";
	for (; i < n; i++) {
		unsigned digit = 99;

		if (s[i] >= '0' && s[i] <= '9')
			digit = (unsigned)(s[i] - '0');
		else if (s[i] >= 'a' && s[i] <= 'f')
			digit = (unsigned)(s[i] - 'a') + 10;
		else if (s[i] >= 'A' && s[i] <= 'F')
			digit = (unsigned)(s[i] - 'A') + 10;
		if (digit >= base)
			return "a seed is a whole number";
		if (v > (UINT64_MAX - digit) / base)
			return "a seed has 64 bits";
		v = v * base + digit;
	}
	*out = v;
	return NULL;
}

char *fos__value_share_text(uint64_t share, char *buf)
{
	uint64_t percent = FOS_SHARE_ONE / 100;
	int len = snprintf(buf, FOS__VALUE_TEXT, "%" PRIu64 ".%010" PRIu64, share / percent, share % percent);

	while (buf[len - 1] == '0')
		len--;
	if (buf[len - 1] == '.')
		len--;
	buf[len] = '%';
	buf[len + 1] = '\0';
	return buf;
}

char *fos__value_time_text(uint64_t ns, char *buf)
{
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (ns % units[i].ns == 0) {
			snprintf(buf, FOS__VALUE_TEXT, "%" PRIu64 "%s", ns / units[i].ns, units[i].name);
			break;
		}
	}
	return buf;
}
