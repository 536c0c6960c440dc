/* SPDX-License-Identifier: BSD-2-Clause
 *
 * check_udp.c: UDP has no order to restore: each conversation must have given the very datagrams that its frames carry.
 * They are found here by parsing the frames once more, without the engine's sessions.
 */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include <flowos/frag.h>
#include <flowos/parse.h>

struct datagram {
	struct fos_key key;
	uint8_t side;
	uint8_t digest[32];
};

struct datagrams {
	struct datagram *at;
	size_t n, slots;
};

static int add(struct datagrams *d, const struct fos_pkt *p)
{
	unsigned len = 32;

	if (d->n == d->slots) {
		size_t slots = d->slots ? d->slots * 2 : 256;
		struct datagram *at = realloc(d->at, slots * sizeof(*at));

		if (!at)
			return -ENOMEM;
		d->at = at;
		d->slots = slots;
	}
	struct datagram *g = &d->at[d->n++];

	g->side = (uint8_t)fos_key_of(p, 0, &g->key);
	return EVP_Digest(p->app ? p->app : (const uint8_t *)"", p->app_len, g->digest, &len, EVP_sha256(), NULL)
	           ? 0
	           : -ENOMEM;
}

static int collect(const struct fos_frame *v, size_t n, bool verify, struct datagrams *d)
{
	struct fos_frag_table *frags;
	uint64_t now = 0;
	int rc = fos_frag_create(NULL, &frags);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct fos_pkt p = { .f = v[i] };

		now = v[i].ts_ns > now ? v[i].ts_ns : now;
		fos_parse(&p, 0);
		if (p.verdict == FOS_PKT_FRAGMENT && (!verify || fos_checksum_ok(&p))) {
			fos_frag_expire(frags, now);
			while (p.verdict == FOS_PKT_FRAGMENT)
				if (fos_frag_add(frags, &p, 0) == FOS_PKT_FRAGMENT && !p.buf)
					break;
		}
		if (p.verdict == FOS_PKT_UDP && (!verify || fos_checksum_ok(&p)))
			rc = add(d, &p);
		fos_buf_put(p.buf);
	}
	fos_frag_destroy(frags);
	return rc;
}

static int order(const void *va, const void *vb)
{
	const struct datagram *a = va, *b = vb;
	int c = bench_direction_cmp(&a->key, a->side, &b->key, b->side);

	return c ? c : memcmp(a->digest, b->digest, 32);
}

static int flow_cmp(const struct datagram *d, const struct bench_udp_flow *u)
{
	struct fos_key k = u->key;

	k.vlan = 0xffff;
	return bench_direction_cmp(&d->key, d->side, &k, u->side);
}

/* One direction's datagrams [i, end) against the run's. */
static bool same(const struct datagrams *d, size_t i, size_t end, const struct bench_udp_flow *u)
{
	if (u->datagrams != end - i)
		return false;
	for (size_t k = 0; i < end; i++, k++)
		if (memcmp(d->at[i].digest, u->digest[k], 32) != 0)
			return false;
	return true;
}

static void note(struct bench_check *c, const struct fos_key *key, int side, uint64_t arrived, uint64_t got)
{
	char dir[2 * FOS_ADDR_TEXT];

	if (c->first[0])
		return;
	snprintf(c->first, sizeof(c->first), "udp %s: %llu datagrams arrived, %llu were delivered%s",
	         bench_direction_text(key, side, dir, sizeof(dir)), (unsigned long long)arrived,
	         (unsigned long long)got, arrived == got ? ", and they are not the same" : "");
}

int bench_check_udp(const struct fos_frame *v, size_t n, const struct bench_record *run, bool verify_checksums,
                    struct bench_check *out)
{
	struct datagrams d = { 0 };
	int rc = collect(v, n, verify_checksums, &d);
	size_t i = 0, u = 0;

	if (rc == 0 && d.n)
		qsort(d.at, d.n, sizeof(*d.at), order);
	while (rc == 0 && (i < d.n || u < run->udps)) {
		int c = i == d.n ? 1 : u == run->udps ? -1 : flow_cmp(&d.at[i], &run->udp[u]);
		size_t end = i;

		while (c <= 0 && end < d.n &&
		       bench_direction_cmp(&d.at[end].key, d.at[end].side, &d.at[i].key, d.at[i].side) == 0)
			end++;
		/* A conversation counts once: with its first direction. */
		const struct fos_key *k = c <= 0 ? &d.at[i].key : &run->udp[u].key;

		if (c != 0 || !same(&d, i, end, &run->udp[u])) {
			out->udp_differ++;
			note(out, k, c <= 0 ? d.at[i].side : run->udp[u].side, end - i,
			     c >= 0 ? run->udp[u].datagrams : 0);
		}

		if (i == 0 || c > 0 || memcmp(&d.at[i - 1].key, k, sizeof(*k)) != 0)
			out->udp_conversations++;
		if (c >= 0)
			out->udp_datagrams += run->udp[u++].datagrams;
		i = end;
	}
	free(d.at);
	return rc;
}
