/* SPDX-License-Identifier: BSD-2-Clause
 *
 * value.c: see value.h. Independent of the locale.
 */
#include "value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

int bench_value_count(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t v = 0, unit = 1;
	const char *p = text;

	for (; isdigit((unsigned char)*p); p++) {
		if (v > (UINT64_MAX - 9) / 10)
			return -ERANGE;
		v = v * 10 + (uint64_t)(*p - '0');
	}
	if (p == text)
		return -EINVAL;
	if (*p == 'k')
		unit = 1000, p++;
	else if (*p == 'M')
		unit = 1000000, p++;
	if (*p)
		return -EINVAL;
	if (v > max / unit)
		return -ERANGE;
	*out = v * unit;
	return 0;
}

/* The digits, and a fraction, at the beginning; returns what is behind them, NULL when there are none. */
static const char *number(const char *text, double *out)
{
	double v = 0, scale = 1;
	const char *p = text;
	int digits = 0;

	for (; isdigit((unsigned char)*p); p++, digits++)
		v = v * 10 + (*p - '0');
	if (*p == '.') {
		for (p++; isdigit((unsigned char)*p); p++, digits++) {
			scale /= 10;
			v += scale * (*p - '0');
		}
	}
	*out = v;
	return digits && digits < 20 ? p : NULL;
}

int bench_value_time(const char *text, uint64_t *out)
{
	static const struct {
		const char *name;
		double ns;
	} unit[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 } };
	double v;
	const char *rest = number(text, &v);

	for (size_t i = 0; rest && i < sizeof(unit) / sizeof(unit[0]); i++) {
		if (strcmp(rest, unit[i].name) != 0)
			continue;
		if (v * unit[i].ns > 86400e9)
			return -ERANGE;
		*out = (uint64_t)llround(v * unit[i].ns);
		return 0;
	}
	return -EINVAL;
}

int bench_value_number(const char *text, double *out)
{
	const char *rest = number(text, out);

	return rest && *rest == '\0' && *out > 0 ? 0 : -EINVAL;
}
