/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_sample.c: which packets belong together, and samples of a trace. See meta_trace.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/pkt.h>

#include "meta_trace_facts.h"

enum {
	SAMPLE_LEAST = 16,
	SAMPLE_MOST = 1200, /* packets that a sample is to have, about */
	GROUP_LARGE = 3000, /* a group of more packets is taken where nothing smaller is found */
	CLOCK_LEN = 64,
};

struct hosts {
	uint8_t addr[2][16];
	uint32_t number;
};

/* "A:P" or "[A]:P" into an address and a port. */
static bool read_end(const char *text, size_t len, uint8_t addr[16], uint16_t *port)
{
	char host[INET6_ADDRSTRLEN + 1];
	bool v6 = *text == '[';
	const char *colon = text + len;

	while (colon > text && *colon != ':')
		colon--;
	if (colon - text <= 2 * v6 || (size_t)(colon - text) >= sizeof(host) + 2)
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text) - 2 * v6, text + v6);
	*port = (uint16_t)strtoul(colon + 1, NULL, 10);
	memset(addr, 0, 16);
	return inet_pton(v6 ? AF_INET6 : AF_INET, host, addr) == 1;
}

int meta_trace_conv_of(const struct meta_trace *t, const char *line, uint32_t *conv)
{
	const char *from = line + 4, *to = strstr(line, " > ");
	struct meta_conv *c = NULL;
	struct fos_key a, b;

	memset(&a, 0, sizeof(a));
	*conv = META_NO_CONV;
	if (!to || !read_end(from, (size_t)(to - from), a.addr[0], &a.port[0]) ||
	    !read_end(to + 3, strcspn(to + 3, " "), a.addr[1], &a.port[1]))
		return -EINVAL;
	a.proto = line[0] == 't' ? IPPROTO_TCP : IPPROTO_UDP;
	a.version = line[4] == '[' ? 6 : 4;
	b = a;
	memcpy(b.addr[0], a.addr[1], 16);
	memcpy(b.addr[1], a.addr[0], 16);
	b.port[0] = a.port[1];
	b.port[1] = a.port[0];
	c = meta_trace_find(t, &a);
	if (!c)
		c = meta_trace_find(t, &b);
	if (c)
		*conv = (uint32_t)(c - t->conv);
	return 0;
}

static void hosts_set(struct hosts *h, const uint8_t *a, const uint8_t *b, size_t len)
{
	int swap = memcmp(a, b, len) > 0;

	memset(h, 0, sizeof(*h));
	memcpy(h->addr[swap], a, len);
	memcpy(h->addr[!swap], b, len);
}

static int hosts_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(((struct hosts *)0)->addr));
}

static void hosts_of(const struct meta_pkt *p, struct hosts *h)
{
	const uint8_t *ip = p->f.data + p->ip;

	hosts_set(h, ip + (p->version == 4 ? 12 : 8), ip + (p->version == 4 ? 16 : 24), p->version == 4 ? 4 : 16);
}

/* The pairs of hosts between which fragments travel, numbered. */
static struct hosts *fragment_hosts(const struct meta_trace *t, size_t *n)
{
	struct hosts *v = malloc((t->n + 1) * sizeof(*v));
	size_t all = 0;

	*n = 0;
	for (size_t i = 0; v && i < t->n; i++)
		if (t->pkt[i].verdict == FOS_PKT_FRAGMENT && t->pkt[i].bits & META_HEAD)
			hosts_of(&t->pkt[i], &v[all++]);
	if (all)
		qsort(v, all, sizeof(*v), hosts_cmp);
	for (size_t i = 0; i < all; i++)
		if (i == 0 || hosts_cmp(&v[i], &v[*n - 1]) != 0)
			v[(*n)++] = v[i];
	for (size_t i = 0; i < *n; i++)
		v[i].number = (uint32_t)i;
	return v;
}

static const struct hosts *find_hosts(const struct hosts *v, size_t n, const struct hosts *h)
{
	return n ? bsearch(h, v, n, sizeof(*v), hosts_cmp) : NULL;
}

/* A group for each pair of hosts with fragments, one for each other conversation, and the last for all other packets. Where
 * tunnels may be in fragments, nobody knows what belongs together: one group is all. */
static void number_groups(struct meta_trace *t, const struct hosts *v, size_t n)
{
	bool one = t->fragments && t->tunnels;

	t->groups = one ? 1 : n;
	for (size_t i = 0; i < t->convs; i++) {
		struct meta_conv *c = &t->conv[i];
		const struct hosts *found;
		struct hosts h;

		hosts_set(&h, c->key.addr[0], c->key.addr[1], 16);
		found = find_hosts(v, n, &h);
		c->fragments = found || one;
		t->group[i] = one ? 0 : found ? found->number : (uint32_t)t->groups++;
	}
}

/* Fragments may hide a tunnel: then a stream has no packet that shows its addresses, and none of the fragments has them. */
static int find_hidden(struct meta_trace *t, const struct hosts *v, size_t n)
{
	bool *seen = calloc(t->convs + 1, sizeof(*seen));

	if (!seen)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++)
		if (t->pkt[i].conv != META_NO_CONV)
			seen[t->pkt[i].conv] = true;
	for (size_t i = 0; i < t->convs; i++) {
		struct hosts h;

		hosts_set(&h, t->conv[i].key.addr[0], t->conv[i].key.addr[1], 16);
		t->tunnels |= !seen[i] && !find_hosts(v, n, &h);
	}
	free(seen);
	return 0;
}

static uint32_t group_of(const struct meta_trace *t, const struct meta_pkt *p, const struct hosts *v, size_t n)
{
	const struct hosts *found = NULL;
	struct hosts h;

	if (p->conv != META_NO_CONV)
		return t->group[p->conv];
	if (p->verdict == FOS_PKT_FRAGMENT && p->bits & META_HEAD) {
		hosts_of(p, &h);
		found = find_hosts(v, n, &h);
	}
	return found && !(t->fragments && t->tunnels) ? found->number : t->groups == 1 ? 0 : (uint32_t)t->groups - 1;
}

int meta_trace_group(struct meta_trace *t)
{
	size_t n;
	struct hosts *v = fragment_hosts(t, &n);

	t->group = malloc((t->convs + 1) * sizeof(*t->group));
	t->packet = malloc((t->n + 1) * sizeof(*t->packet));
	if (!v || !t->group || !t->packet || find_hidden(t, v, n)) {
		free(v);
		return -ENOMEM;
	}
	number_groups(t, v, n);
	t->groups++; /* packets of no conversation */
	if (t->fragments && t->tunnels)
		t->groups = 1;
	t->first_of = calloc(t->groups + 2, sizeof(*t->first_of));
	t->group_out = calloc(t->groups + 1, sizeof(*t->group_out));
	if (!t->first_of || !t->group_out) {
		free(v);
		return -ENOMEM;
	}
	for (size_t i = 0; i < t->convs; i++)
		t->group_out[t->group[i]] |= t->conv[i].left_out && t->conv[i].fragments;
	for (size_t i = 0; i < t->convs; i++)
		t->conv[i].left_out |= t->group_out[t->group[i]];
	for (size_t i = 0; i < t->n; i++)
		t->first_of[group_of(t, &t->pkt[i], v, n) + 2]++;
	for (size_t i = 2; i < t->groups + 2; i++)
		t->first_of[i] += t->first_of[i - 1];
	for (size_t i = 0; i < t->n; i++)
		t->packet[t->first_of[group_of(t, &t->pkt[i], v, n) + 1]++] = (uint32_t)i;
	free(v);
	return 0;
}

static uint32_t size_of(const struct meta_trace *t, uint32_t group)
{
	return t->first_of[group + 1] - t->first_of[group];
}

static int by_index(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Draws groups until there are about `most` packets. Returns how many packets, their indices in *out. */
static size_t draw_groups(const struct meta_trace *t, struct meta_draw *d, uint64_t most, uint32_t *out, bool *taken)
{
	size_t n = 0;

	for (unsigned tries = 0; tries < 200 && (n == 0 || n < most); tries++) {
		uint32_t group = (uint32_t)meta_below(d, t->groups), size = size_of(t, group);

		if (taken[group] || size == 0 || t->group_out[group])
			continue;
		if (n == 0 && group + 1 == t->groups && t->groups > 1)
			continue; /* packets without streams do not come alone */
		if (tries < 100 && (n ? n + size > 2 * most : size > GROUP_LARGE))
			continue;
		if (tries >= 100 && n)
			break;
		taken[group] = true;
		memcpy(out + n, t->packet + t->first_of[group], size * sizeof(*out));
		n += size;
	}
	if (n)
		qsort(out, n, sizeof(*out), by_index);
	return n;
}

/* All zero but for its length: no protocol, on any link layer. */
static int put_clock(const struct meta_trace *t, struct meta_set *s)
{
	struct meta_pkt p = { .conv = META_NO_CONV, .bits = META_CLOCK, .verdict = FOS_PKT_NON_IP };
	uint8_t *at;

	if (s->n == 0 || s->v[s->n - 1].f.ts_ns == t->last_ns)
		return 0;
	at = meta_bytes(s, CLOCK_LEN);
	if (!at)
		return -ENOMEM;
	memset(at, 0, CLOCK_LEN);
	if (s->v[0].f.linktype == 1)
		at[12] = 0x88, at[13] = 0xb5; /* an ethertype for experiments, IEEE 802 */
	p.f = (struct fos_frame){ .data = at,
		                  .len = CLOCK_LEN,
		                  .wire_len = CLOCK_LEN,
		                  .ts_ns = t->last_ns,
		                  .linktype = s->v[0].f.linktype,
		                  .flags = FOS_FRAME_STABLE };
	p.order = (uint32_t)s->n;
	return meta_set_add(s, &p);
}

/* Conversations get numbers of their own in the set. */
static int put_packets(const struct meta_trace *t, const uint32_t *at, size_t n, struct meta_set *s)
{
	uint32_t *number = malloc((t->convs + 1) * sizeof(*number));
	int rc = number ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < t->convs; i++)
		number[i] = META_NO_CONV;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct meta_pkt p = t->pkt[at[i]];

		if (p.conv != META_NO_CONV && t->conv[p.conv].left_out)
			continue;
		if (p.conv != META_NO_CONV && number[p.conv] == META_NO_CONV) {
			number[p.conv] = (uint32_t)s->convs;
			rc = meta_set_conv(s, &t->conv[p.conv]);
		}
		p.conv = p.conv == META_NO_CONV ? p.conv : number[p.conv];
		p.order = (uint32_t)s->n;
		if (rc == 0)
			rc = meta_set_add(s, &p);
		s->fragments |= p.verdict == FOS_PKT_FRAGMENT;
	}
	free(number);
	return rc;
}

int meta_trace_sample(const struct meta_trace *t, struct meta_draw *d, struct meta_set *s)
{
	uint32_t *at = malloc((t->n + 1) * sizeof(*at));
	bool *taken = calloc(t->groups + 1, sizeof(*taken));
	size_t n;
	int rc = -ENOMEM;

	meta_set_clear(s);
	s->slack_ns = t->slack_ns;
	s->last_ns = t->last_ns;
	s->vlan_key = t->opts.vlan_key;
	s->verify = t->opts.verify;
	s->filter = t->opts.filter;
	s->tunnels = t->tunnels;
	s->fragments_fixed = t->fragments_fixed;
	if (at && taken) {
		n = draw_groups(t, d, meta_log(d, SAMPLE_LEAST, SAMPLE_MOST), at, taken);
		rc = put_packets(t, at, n, s);
		for (size_t i = 0; rc == 0 && i < t->want->lines; i++) {
			uint32_t conv = t->line_conv[i];

			if (conv != META_NO_CONV && taken[t->group[conv]] && !t->conv[conv].left_out)
				rc = meta_set_want(s, strdup(t->want->line[i]));
		}
		if (rc == 0)
			rc = put_clock(t, s);
	}
	free(at);
	free(taken);
	return rc;
}
