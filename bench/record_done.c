/* SPDX-License-Identifier: BSD-2-Clause
 *
 * record_done.c: what is worked out when a record is complete: order, uses, digests.
 */
#include "record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

int bench_direction_cmp(const struct fos_key *a, int aside, const struct fos_key *b, int bside)
{
	int c = memcmp(a, b, sizeof(*a));

	return c ? c : aside - bside;
}

/* Uses are counted per 4-tuple, whatever the VLAN. */
static struct fos_key plain(const struct fos_key *k)
{
	struct fos_key p = *k;

	p.vlan = 0xffff;
	return p;
}

static int by_direction(const void *va, const void *vb)
{
	const struct bench_stream *a = va, *b = vb;
	struct fos_key ka = plain(&a->key), kb = plain(&b->key);
	int c = bench_direction_cmp(&ka, a->side, &kb, b->side);

	return c ? c : (a->session > b->session) - (a->session < b->session);
}

static int udp_by_direction(const void *va, const void *vb)
{
	const struct bench_udp_flow *a = va, *b = vb;
	struct fos_key ka = plain(&a->key), kb = plain(&b->key);

	return bench_direction_cmp(&ka, a->side, &kb, b->side);
}

/* A use that has packets in one direction only counts for the other one too. */
static void count_uses(struct bench_record *r)
{
	for (size_t i = 0; i < r->streams;) {
		struct fos_key k = plain(&r->stream[i].key);
		size_t end = i, mid;

		for (; end < r->streams; end++) {
			struct fos_key other = plain(&r->stream[end].key);

			if (memcmp(&k, &other, sizeof(k)) != 0)
				break;
		}
		for (mid = i; mid < end && r->stream[mid].side == 0; mid++)
			;
		/* Both sides are in order of session: a merge counts the sessions. */
		uint32_t use = 0;

		for (size_t a = i, b = mid; a < mid || b < end; use++) {
			uint64_t sa = a < mid ? r->stream[a].session : UINT64_MAX;
			uint64_t sb = b < end ? r->stream[b].session : UINT64_MAX;

			if (sa <= sb)
				r->stream[a++].use = use;
			if (sb <= sa)
				r->stream[b++].use = use;
		}
		i = end;
	}
}

/* A conversation that came to an end by time and went on is one conversation. */
static int merge_udp(struct bench_record *r)
{
	size_t out = 0;

	for (size_t i = 0; i < r->udps; i++) {
		struct bench_udp_flow *u = &r->udp[i], *last = out ? &r->udp[out - 1] : NULL;

		if (!last || udp_by_direction(last, u) != 0) {
			r->udp[out++] = *u;
			continue;
		}
		size_t n = last->datagrams + u->datagrams;
		void *p = realloc(last->digest, n * sizeof(*last->digest));

		if (!p) {
			r->udps = out; /* the rest cannot be told apart any more */
			return -ENOMEM;
		}
		last->digest = p;
		memcpy(last->digest + last->datagrams, u->digest, u->datagrams * sizeof(*u->digest));
		last->slots = last->datagrams = n;
		last->bytes += u->bytes;
		free(u->digest);
	}
	r->udps = out;
	return 0;
}

/* Appends `n` elements of `size` bytes; they are the caller's no more. */
static int append(void *array, size_t *used, size_t *slots, const void *more, size_t n, size_t size)
{
	void **a = array;
	char *p;

	if (n == 0)
		return 0;
	p = realloc(*a, (*used + n) * size);
	if (!p)
		return -ENOMEM;
	memcpy(p + *used * size, more, n * size);
	*a = p;
	*used += n;
	*slots = *used;
	return 0;
}

int bench_record_add(struct bench_record *r, struct bench_record *other)
{
	bench_record_late_done(r);
	bench_record_late_done(other);
	r->failed |= other->failed;
	if (append(&r->stream, &r->streams, &r->stream_slots, other->stream, other->streams, sizeof(*r->stream)))
		return -ENOMEM;
	other->streams = 0;
	if (append(&r->udp, &r->udps, &r->udp_slots, other->udp, other->udps, sizeof(*r->udp)))
		return -ENOMEM;
	other->udps = 0;
	if (append(&r->copy, &r->copies, &r->copy_slots, other->copy, other->copies, sizeof(*r->copy)))
		return -ENOMEM;
	other->copies = 0;
	return 0;
}

static int by_digest(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

int bench_record_done(struct bench_record *r)
{
	int err;

	bench_record_late_done(r);
	if (r->streams)
		qsort(r->stream, r->streams, sizeof(*r->stream), by_direction);
	if (r->udps)
		qsort(r->udp, r->udps, sizeof(*r->udp), udp_by_direction);
	count_uses(r);
	err = merge_udp(r);
	for (size_t i = 0; i < r->udps; i++)
		qsort(r->udp[i].digest, r->udp[i].datagrams, 32, by_digest);
	free(r->index);
	r->index = NULL;
	r->indexes = 0;
	return r->failed ? -ENOMEM : err;
}

int bench_record_hash(struct bench_record *r)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned n = 32;
	int ok = md != NULL;

	for (size_t i = 0; ok && i < r->streams; i++) {
		struct bench_stream *st = &r->stream[i];

		ok = EVP_DigestInit_ex(md, EVP_sha256(), NULL);
		for (uint32_t s = 0; ok && s < st->spans; s++)
			ok = EVP_DigestUpdate(md, st->span[s].data, st->span[s].len);
		ok = ok && EVP_DigestFinal_ex(md, st->sha256, &n);
	}
	for (size_t i = 0; ok && i < r->udps; i++)
		ok = EVP_Digest(r->udp[i].digest, r->udp[i].datagrams * 32, r->udp[i].sha256, &n, EVP_sha256(), NULL);
	EVP_MD_CTX_free(md);
	return ok ? 0 : -ENOMEM;
}

char *bench_direction_text(const struct fos_key *key, int side, char *buf, size_t len)
{
	char a[FOS_ADDR_TEXT], b[FOS_ADDR_TEXT];

	snprintf(buf, len, "%s > %s", fos_key_text(key, side, a, sizeof(a)), fos_key_text(key, !side, b, sizeof(b)));
	return buf;
}
