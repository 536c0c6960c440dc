/* SPDX-License-Identifier: BSD-2-Clause
 *
 * uses.c: see uses.h. Packets are sorted by connection, and keep their order within it.
 */
#include "uses.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/key.h>
#include <flowos/parse.h>

struct seen {
	struct fos_key key;
	uint64_t ts_ns;
	size_t number;
	bool syn;
};

static int by_key(const void *va, const void *vb)
{
	const struct seen *a = va, *b = vb;
	int c = memcmp(&a->key, &b->key, sizeof(a->key));

	return c ? c : (a->number > b->number) - (a->number < b->number);
}

int bench_uses_apart(const struct fos_frame *v, size_t n, uint64_t *apart_ns)
{
	struct seen *s = calloc(n ? n : 1, sizeof(*s));
	size_t found = 0;
	bool begun = false; /* the connection has more than SYNs */

	*apart_ns = UINT64_MAX;
	if (!s)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct fos_pkt p = { .f = v[i] };

		fos_parse(&p, 0);
		if (p.verdict == FOS_PKT_TCP) {
			fos_key_of(&p, 0, &s[found].key);
			s[found].ts_ns = v[i].ts_ns;
			s[found].number = i;
			s[found++].syn = (p.tcp_flags & (FOS_TCP_SYN | FOS_TCP_ACK)) == FOS_TCP_SYN;
		}
	}
	qsort(s, found, sizeof(*s), by_key);
	for (size_t i = 1; i < found; i++) {
		uint64_t pause = s[i].ts_ns > s[i - 1].ts_ns ? s[i].ts_ns - s[i - 1].ts_ns : 0;

		if (memcmp(&s[i].key, &s[i - 1].key, sizeof(s[i].key)) != 0)
			begun = false;
		else
			begun |= !s[i - 1].syn;
		if (!begun || !s[i].syn)
			continue;
		*apart_ns = pause < *apart_ns ? pause : *apart_ns;
		begun = false;
	}
	free(s);
	return 0;
}
