/* SPDX-License-Identifier: BSD-2-Clause
 *
 * json_out_text.c: UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing above U+10FFFF.
 */
#include "json_out_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t bench_utf8_length(const char *s)
{
	const uint8_t *b = (const uint8_t *)s;
	uint8_t low = 0x80, high = 0xbf;
	size_t n;

	if (b[0] < 0x80)
		return 1;
	if (b[0] < 0xc2 || b[0] > 0xf4)
		return 0;
	n = b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
	if (b[0] == 0xe0)
		low = 0xa0;
	else if (b[0] == 0xed)
		high = 0x9f;
	else if (b[0] == 0xf0)
		low = 0x90;
	else if (b[0] == 0xf4)
		high = 0x8f;
	if (b[1] < low || b[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if (b[i] < 0x80 || b[i] > 0xbf)
			return 0;
	}
	return n;
}

char *bench_utf8_clean(const char *s)
{
	char *copy = malloc(3 * strlen(s) + 1), *to = copy;

	if (!copy)
		return NULL;
	while (*s) {
		size_t n = bench_utf8_length(s);

		memcpy(to, n ? s : "\xef\xbf\xbd", n ? n : 3);
		to += n ? n : 3;
		s += n ? n : 1;
	}
	*to = '\0';
	return copy;
}

json_t *bench_json_text(const char *s)
{
	char *clean = bench_utf8_clean(s);
	json_t *text = clean ? json_string_nocheck(clean) : NULL;

	free(clean);
	return text;
}
