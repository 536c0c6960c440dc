/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_mix.c: other sessions between those of the trace: made-up ones, whose bytes are a formula, and copies of the
 * trace's own under other addresses. Their lines are wanted, too. See meta.h; touches the set.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include <flowos/frames.h>
#include <flowos/gen.h>
#include <flowos/pkt.h>

#include "meta_edit.h"
#include "meta_rename.h"
#include "record.h"

enum { CLONES_MAX = 4, ETHER = 1 };

/* The slot behind which a packet of this time comes. */
static size_t slot_at(const struct meta_set *s, size_t n, uint64_t ts_ns)
{
	size_t a = 0, b = n;

	while (a < b) {
		size_t mid = a + (b - a) / 2;

		if (s->v[mid].f.ts_ns <= ts_ns)
			a = mid + 1;
		else
			b = mid;
	}
	return a ? a - 1 : 0;
}

/* Its key there, so that all that come in one slot are in order of time. */
static int64_t key_at(const struct meta_set *s, size_t n, uint64_t ts_ns)
{
	size_t slot = slot_at(s, n, ts_ns);
	uint64_t from = s->v[slot].f.ts_ns, to = slot + 1 < n ? s->v[slot + 1].f.ts_ns : from;
	double part = to > from && ts_ns > from ? (double)(ts_ns - from) / (double)(to - from) : 0;

	return (int64_t)slot * META_SLOT + 1 + (int64_t)(part * (META_SLOT - 4));
}

/* Does one of the first `convs` conversations have one of these addresses? */
static bool has_addr(const struct meta_set *s, size_t convs, const uint8_t addr[2][16])
{
	for (size_t i = 0; i < convs; i++)
		for (int k = 0; k < 4; k++)
			if (memcmp(s->conv[i].key.addr[k & 1], addr[k >> 1], 16) == 0)
				return true;
	return false;
}

static int sha256_of(uint64_t seed, uint64_t session, int dir, uint64_t bytes, char hex[65])
{
	uint8_t buf[4096], digest[32];
	unsigned len = 0;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	int ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL);

	for (uint64_t at = 0; ok && at < bytes; at += sizeof(buf)) {
		size_t n = bytes - at < sizeof(buf) ? (size_t)(bytes - at) : sizeof(buf);

		fos_gen_payload(seed, session, dir, at, buf, n);
		ok = EVP_DigestUpdate(md, buf, n);
	}
	ok = ok && EVP_DigestFinal_ex(md, digest, &len);
	EVP_MD_CTX_free(md);
	for (unsigned i = 0; ok && i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return ok ? 0 : -ENOMEM;
}

/* The two lines of a made-up session. */
static int want_made(struct meta_set *s, const struct fos_gen_spec *g, const struct fos_key *key)
{
	static const char *const ends[] = { [FOS_GEN_FIN] = "fin", [FOS_GEN_RST] = "rst", [FOS_GEN_NONE] = "eof" };
	uint64_t session;
	int server, rc = fos_gen_session_of(key, &session, &server);

	for (int side = 0; rc == 0 && side < 2; side++) {
		int dir = side == server ? FOS_GEN_RESPONSE : FOS_GEN_REQUEST;
		uint64_t bytes = side == server ? g->bytes : g->request;
		char hex[65], name[2 * FOS_ADDR_TEXT], *line;

		rc = sha256_of(g->seed, session, dir, bytes, hex);
		if (rc)
			break;
		bench_direction_text(key, side, name, sizeof(name));
		if (asprintf(&line, "tcp %s #0 bytes=%llu sha256=%s gaps=- end=%s", name, (unsigned long long)bytes,
		             hex, ends[g->close]) < 0)
			line = NULL;
		rc = meta_set_want(s, line);
	}
	return rc;
}

/* Its conversation among those of this call's, from `from` on; a new one is added. */
static int made_conv(struct meta_set *s, const struct fos_gen_spec *g, size_t from, const struct fos_key *key,
                     uint32_t *conv)
{
	struct meta_conv c = { .key = *key };
	int rc;

	for (size_t i = from; i < s->convs; i++) {
		if (memcmp(&s->conv[i].key, key, sizeof(*key)) == 0) {
			*conv = (uint32_t)i;
			return 0;
		}
	}
	*conv = (uint32_t)s->convs;
	rc = meta_set_conv(s, &c);
	return rc ? rc : want_made(s, g, key);
}

/* Puts the packets between those of the trace, from a drawn place on: from slot to slot, or, in a trace that is longer than
 * any session may be silent, by time. */
static int put_made(struct meta_set *s, size_t n, const struct fos_gen_spec *g, const struct fos_frames *made,
                    struct meta_draw *d)
{
	size_t from = s->convs, slot = meta_below(d, n);
	uint64_t step = meta_log(d, 1, 32), at = slot * META_SLOT, ts_ns = s->v[slot].f.ts_ns;
	bool by_time = s->v[n - 1].f.ts_ns - s->v[0].f.ts_ns > s->slack_ns;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < made->n; i++) {
		struct meta_pkt p = { .f = made->v[i], .conv = META_NO_CONV };
		struct fos_key key;

		meta_parse(&p, &key);
		if (has_addr(s, from, key.addr))
			return s->convs == from ? 0 : -EEXIST;
		rc = made_conv(s, g, from, &key, &p.conv);
		if (rc == 0 && !meta_own(s, &p, 0, 0))
			rc = -ENOMEM;
		at += meta_below(d, 2 * META_SLOT / step);
		if (by_time)
			at = (uint64_t)key_at(s, n, ts_ns + i);
		slot = at / META_SLOT < n ? at / META_SLOT : n - 1;
		p.order = s->v[slot].order;
		p.f.ts_ns = by_time ? ts_ns + i : s->v[slot].f.ts_ns;
		p.f.num = 0;
		p.did = 1u << META_INTERLEAVE;
		if (rc == 0)
			rc = meta_set_put(s, &p, by_time ? (int64_t)at : (int64_t)slot * META_SLOT + 1);
	}
	return rc ? rc : (int)made->n;
}

static int mix_made(struct meta_set *s, size_t n, struct meta_draw *d)
{
	struct fos_gen_spec g;
	struct fos_frames made = { 0 };
	struct fos_port *port = NULL;
	char err[64];
	int rc = fos_gen_parse("", &g, err, sizeof(err));

	g.sessions = meta_log(d, 1, 8);
	g.bytes = meta_log(d, 1, 20000);
	g.request = meta_log(d, 1, 2000);
	g.mss = (uint32_t)meta_log(d, 16, 9000);
	g.ack = (uint32_t)meta_below(d, 3);
	g.seed = meta_next(d);
	g.ip = meta_chance(d, 50) ? 4 : 6;
	g.close = (uint8_t)meta_below(d, 2);
	if (g.bytes / g.mss > 500)
		g.bytes = 500 * (uint64_t)g.mss;
	if (rc == 0)
		rc = fos_gen_open(&g, &port);
	if (rc == 0)
		rc = fos_frames_load(port, &made, NULL, NULL);
	if (rc == 0)
		rc = put_made(s, n, &g, &made, d);
	fos_frames_free(&made);
	fos_port_close(port);
	return rc;
}

/* Can its packets be told from all others, and be given other names? */
static bool may_clone(const struct meta_set *s, uint32_t conv, size_t n, uint64_t *first, uint64_t *last)
{
	size_t packets = 0;

	if (s->conv[conv].fragments || s->filter)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct meta_pkt *p = &s->v[i];

		if (p->conv != conv)
			continue;
		if (!(p->bits & META_HEAD) || p->l4 - p->ip != (p->version == 4 ? 20 : 40))
			return false;
		*first = packets++ ? *first : p->f.ts_ns;
		*last = p->f.ts_ns;
	}
	return packets > 0 && packets < 4000;
}

/* Is the line one of this conversation's? */
static bool line_is(const char *line, const struct fos_key *key)
{
	char name[2 * FOS_ADDR_TEXT + 8], dir[2 * FOS_ADDR_TEXT];

	for (int side = 0; side < 2; side++) {
		int n = snprintf(name, sizeof(name), "%s %s ", key->proto == IPPROTO_TCP ? "tcp" : "udp",
		                 bench_direction_text(key, side, dir, sizeof(dir)));

		if (strncmp(line, name, (size_t)n) == 0)
			return true;
	}
	return false;
}

static int want_clone(struct meta_set *s, uint32_t conv, size_t lines, const struct meta_names *names)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < lines; i++)
		if (line_is(s->want.line[i], &s->conv[conv].key))
			rc = meta_set_want(s, meta_rename_line(s->want.line[i], names));
	return rc;
}

/* A copy of a conversation, at another time within the trace. Returns its packets. */
static int mix_copy(struct meta_set *s, uint32_t conv, size_t n, size_t lines, struct meta_draw *d)
{
	uint64_t start = s->v[0].f.ts_ns, end = s->v[n - 1].f.ts_ns, first = 0, last = 0, bits = meta_next(d), more;
	struct meta_conv c = s->conv[conv];
	struct meta_names names = { .port = 0 };
	int rc, done = 0;

	memcpy(names.v4 + 1, &bits, 3);
	memcpy(names.v6 + 8, &bits, 8);
	for (int side = 0; side < 2; side++)
		for (int i = 0; i < 16; i++)
			c.key.addr[side][i] ^= c.key.version == 6 ? names.v6[i] : i < 4 ? names.v4[i] : 0;
	if (!may_clone(s, conv, n, &first, &last) || has_addr(s, s->convs, c.key.addr))
		return 0;
	more = meta_below(d, end - last + first - start + 1); /* later than `start` */
	rc = meta_set_conv(s, &c);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct meta_pkt p = s->v[i];

		if (p.conv != conv)
			continue;
		if (!meta_own(s, &p, 0, 0))
			return -ENOMEM;
		meta_rename_packet(&p, &names);
		p.conv = (uint32_t)s->convs - 1;
		p.f.ts_ns = start + more + (p.f.ts_ns - first);
		p.did |= 1u << META_INTERLEAVE;
		p.order = s->v[slot_at(s, n, p.f.ts_ns)].order;
		rc = meta_set_put(s, &p, key_at(s, n, p.f.ts_ns));
		done++;
	}
	if (rc == 0)
		rc = want_clone(s, conv, lines, &names);
	return rc ? rc : done;
}

int meta_interleave(struct meta_set *s, struct meta_draw *d)
{
	size_t n = s->n, convs = s->convs, lines = s->want.lines;
	int done = 0, rc = 0;

	while (n && s->v[n - 1].bits & META_CLOCK)
		n--;
	if (n == 0)
		return 0;
	meta_set_keys(s);
	if (s->v[0].f.linktype == ETHER && !s->vlan_key && !s->filter && meta_chance(d, 70))
		rc = done = mix_made(s, n, d);
	for (uint64_t k = meta_below(d, CLONES_MAX); rc >= 0 && convs && k > 0; k--) {
		rc = mix_copy(s, (uint32_t)meta_below(d, convs), n, lines, d);
		done += rc > 0 ? rc : 0;
	}
	if (rc >= 0 && done)
		rc = meta_set_sort(s);
	s->ends_open |= done > 0; /* a session that nothing closes may time out, or not */
	return rc < 0 ? rc : done;
}
