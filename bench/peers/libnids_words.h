/* SPDX-License-Identifier: BSD-2-Clause
 *
 * libnids_words.h: libnids adds every TCP stream up in 8-byte words: the work of the module `sum`. For the two objects that link
 * libnids (GPL), each of which includes it once: it holds the sums.
 */
#ifndef LIBNIDS_WORDS_H
#define LIBNIDS_WORDS_H

#include <stdint.h>
#include <string.h>

#include <nids.h>

static uint64_t sum, bytes;

static void add(const struct half_stream *h)
{
	const char *p = h->data;
	int n = h->count_new;
	uint64_t word = 0;

	bytes += (uint64_t)n;
	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		sum += word;
	}
	word = 0;
	memcpy(&word, p, (size_t)n);
	sum += word;
}

static void tcp(struct tcp_stream *a, void **unused)
{
	(void)unused;
	if (a->nids_state == NIDS_JUST_EST) {
		a->client.collect = a->server.collect = 1;
	} else if (a->nids_state == NIDS_DATA) {
		if (a->client.count_new)
			add(&a->client);
		if (a->server.count_new)
			add(&a->server);
	}
}

#endif
