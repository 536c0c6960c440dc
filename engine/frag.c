/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frag.c: the table of datagrams that wait for fragments (RFC 791, section 3.2; RFC 8200, section 4.5; RFC 5722), and
 * what is given up: by time, by number, by memory. How one datagram is put together is in frag_datagram.c.
 *
 * All that wait are in one list by the arrival of their first fragment: its head is the oldest. An IPv6 datagram that
 * fell to an overlap stays there, buried (without bytes), so that its other fragments fall, too. Who gives way to a
 * cap is the oldest of a pair of hosts that has many (frag_pair.h), or where nobody has many, the oldest of all.
 */
#include <flowos/frag.h>

#include <errno.h>
#include <stdlib.h>

#include <flowos/parse.h>
#include <flowos/rand.h>

#include "frag_datagram.h"
#include "frag_key.h"
#include "frag_pair.h"

struct waiting {
	struct fos__frag_link link; /* first: what frag_pair.c gives back */
	struct waiting *next_hash;
	struct waiting *older, *newer;
	struct fos__frag_key key;
	uint64_t first_ns;
	uint32_t bucket;
	struct fos__datagram d;
};

struct fos_frag_table {
	struct fos_frag_config cfg;
	struct fos_frag_stats st;
	struct waiting *oldest, *newest;
	struct waiting **buckets;
	struct fos__frag_pairs pairs;
	uint32_t mask;   /* buckets, less one */
	uint64_t now_ns; /* the greatest time that it was told */
};

void fos_frag_defaults(struct fos_frag_config *cfg)
{
	if (cfg->timeout_ns == 0)
		cfg->timeout_ns = UINT64_C(30000000000);
	if (cfg->max_datagrams == 0)
		cfg->max_datagrams = 4096;
	if (cfg->max_bytes == 0)
		cfg->max_bytes = (size_t)64 << 20;
}

int fos_frag_create(const struct fos_frag_config *cfg, struct fos_frag_table **out)
{
	struct fos_frag_table *t = calloc(1, sizeof *t);
	uint32_t buckets = 16;

	*out = NULL;
	if (!t)
		return -ENOMEM;
	if (cfg)
		t->cfg = *cfg;
	fos_frag_defaults(&t->cfg);
	while (buckets < t->cfg.max_datagrams && buckets < 1u << 20)
		buckets *= 2;
	t->mask = buckets - 1;
	t->buckets = calloc(buckets, sizeof *t->buckets);
	if (!t->buckets || fos__frag_pairs_init(&t->pairs, buckets, t->cfg.seed)) {
		free(t->buckets);
		free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

static size_t waiting_bytes(const struct waiting *w)
{
	return sizeof *w + fos__frag_pair_bytes + (w->d.buf ? sizeof *w->d.buf + w->d.buf->len : 0);
}

/* Its memory was `before`, and is what it is now. */
static void account(struct fos_frag_table *t, const struct waiting *w, size_t before)
{
	t->st.held_bytes += waiting_bytes(w) - before;
	if (t->st.held_bytes > t->st.held_peak_bytes)
		t->st.held_peak_bytes = t->st.held_bytes;
}

/* Takes it out of the table and frees it; adds one to *reason if it was still of use. */
static void drop(struct fos_frag_table *t, struct waiting *w, uint64_t *reason)
{
	struct waiting **at = &t->buckets[w->bucket];

	while (*at != w)
		at = &(*at)->next_hash;
	*at = w->next_hash;
	*(w->older ? &w->older->newer : &t->oldest) = w->newer;
	*(w->newer ? &w->newer->older : &t->newest) = w->older;
	fos__frag_pairs_leave(&t->pairs, &w->link);
	*reason += w->d.buf != NULL;
	t->st.held_bytes -= waiting_bytes(w);
	t->st.waiting--;
	fos__datagram_bury(&w->d);
	free(w);
}

void fos_frag_destroy(struct fos_frag_table *t)
{
	uint64_t nobody = 0;

	if (!t)
		return;
	while (t->oldest)
		drop(t, t->oldest, &nobody);
	fos__frag_pairs_free(&t->pairs);
	free(t->buckets);
	free(t);
}

static bool is_late(const struct fos_frag_table *t, const struct waiting *w)
{
	return t->now_ns - w->first_ns >= t->cfg.timeout_ns;
}

void fos_frag_expire(struct fos_frag_table *t, uint64_t now_ns)
{
	if (now_ns > t->now_ns)
		t->now_ns = now_ns;
	while (t->oldest && is_late(t, t->oldest))
		drop(t, t->oldest, &t->st.timeouts);
}

/* Gives up one, but not `keep`; false: there is none. */
static bool give_way(struct fos_frag_table *t, const struct waiting *keep)
{
	struct fos__frag_link *most = fos__frag_pairs_most(&t->pairs);
	struct waiting *w = t->oldest;
	uint64_t before = t->st.evicted;

	if (most && most == (keep ? &keep->link : NULL))
		most = most->newer; /* it has many */
	if (!most && w && w == keep)
		w = w->newer;
	if (!most && !w)
		return false;
	drop(t, most ? (struct waiting *)most : w, &t->st.evicted);
	if (most)
		t->st.evicted_of_many += t->st.evicted - before;
	return true;
}

/* Until `bytes` more fit. Is there room then? */
static bool make_room(struct fos_frag_table *t, const struct waiting *keep, size_t bytes)
{
	while (t->st.held_bytes + bytes > t->cfg.max_bytes)
		if (!give_way(t, keep))
			return false;
	return true;
}

static void hosts_of(const struct fos__frag_key *key, struct fos__frag_hosts *hosts)
{
	memcpy(hosts->src, key->src, sizeof hosts->src);
	memcpy(hosts->dst, key->dst, sizeof hosts->dst);
	hosts->version = key->version;
}

static uint32_t key_bucket(const struct fos_frag_table *t, const struct fos__frag_key *key)
{
	uint64_t word[5], h = t->cfg.seed;

	memcpy(word, key, sizeof word);
	for (unsigned i = 0; i < 5; i++)
		h = fos_mix64(h ^ word[i]);
	return (uint32_t)h & t->mask;
}

static struct waiting *find(const struct fos_frag_table *t, const struct fos__frag_key *key)
{
	struct waiting *w = t->buckets[key_bucket(t, key)];

	while (w && memcmp(&w->key, key, sizeof *key) != 0)
		w = w->next_hash;
	return w;
}

/* NULL where there is no memory for it. */
static struct waiting *add(struct fos_frag_table *t, const struct fos__frag_key *key)
{
	struct waiting *w = calloc(1, sizeof *w);
	struct fos__frag_hosts hosts;

	if (!w)
		return NULL;
	hosts_of(key, &hosts);
	if (fos__datagram_init(&w->d) != 0 || !make_room(t, NULL, waiting_bytes(w)))
		goto no_memory;
	while (t->st.waiting >= t->cfg.max_datagrams)
		give_way(t, NULL);
	if (fos__frag_pairs_join(&t->pairs, &hosts, &w->link))
		goto no_memory;
	w->key = *key;
	w->first_ns = t->now_ns;
	w->bucket = key_bucket(t, key);
	w->next_hash = t->buckets[w->bucket];
	t->buckets[w->bucket] = w;
	w->older = t->newest;
	*(t->newest ? &t->newest->newer : &t->oldest) = w;
	t->newest = w;
	if (++t->st.waiting > t->st.waiting_peak)
		t->st.waiting_peak = t->st.waiting;
	account(t, w, 0);
	return w;
no_memory:
	fos__datagram_bury(&w->d);
	free(w);
	return NULL;
}

/* Gives the fragment to its datagram. Returns the datagram if that completes it. */
static struct waiting *take(struct fos_frag_table *t, const struct fos_pkt *p, const struct fos__fragment *g)
{
	struct fos__frag_key key;
	struct waiting *w;
	size_t before;

	fos__frag_key_read(p, &key);
	w = find(t, &key);
	if (!w)
		w = add(t, &key);
	if (!w) {
		t->st.evicted++;
		return NULL;
	}
	if (!w->d.buf) /* buried */
		return NULL;
	before = waiting_bytes(w);
	if (fos__datagram_lack(&w->d, g) > 0) {
		if (!make_room(t, w, fos__datagram_lack(&w->d, g)) || fos__datagram_grow(&w->d, g) != 0) {
			drop(t, w, &t->st.evicted);
			return NULL;
		}
		account(t, w, before);
	}
	switch (fos__datagram_take(&w->d, g, &t->st)) {
	case FOS__TAKEN_COMPLETE:
		return w;
	case FOS__TAKEN_BAD:
		drop(t, w, &t->st.bad);
		return NULL;
	case FOS__TAKEN_BURY:
		before = waiting_bytes(w);
		fos__datagram_bury(&w->d);
		account(t, w, before);
		return NULL;
	default:
		return NULL;
	}
}

enum fos_verdict fos_frag_add(struct fos_frag_table *t, struct fos_pkt *p, unsigned parse_flags)
{
	struct waiting *w = NULL;
	struct fos__fragment g;
	uint8_t *ip = NULL;
	uint32_t len = 0;

	t->st.fragments++;
	fos_frag_expire(t, p->f.ts_ns);
	if (fos__fragment_read(p, &g))
		w = take(t, p, &g);
	else
		t->st.bad++;

	if (p->buf) { /* this fragment was in a datagram that has been put together itself, and is used up */
		fos_buf_put(p->buf);
		p->buf = NULL;
		p->ip = p->app = NULL;
		p->ip_len = p->app_len = 0;
	}
	if (!w)
		return FOS_PKT_FRAGMENT;
	t->st.held_bytes -= sizeof *w->d.buf + w->d.buf->len; /* drop() will no longer see the buffer */
	p->buf = fos__datagram_finish(&w->d, &ip, &len);
	drop(t, w, &t->st.datagrams);
	t->st.datagrams++;
	return fos_parse_ip(p, ip, len, parse_flags, (unsigned)__builtin_popcount(p->encap));
}

void fos_frag_stats(const struct fos_frag_table *t, struct fos_frag_stats *st)
{
	*st = t->st;
}

void fos_frag_settings(const struct fos_frag_table *t, struct fos_frag_config *cfg)
{
	*cfg = t->cfg;
}
