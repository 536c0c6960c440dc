/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_line.c: see golden_line.h. Reads the record's bytes; touches nothing.
 */
#include "golden_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

bool bench_golden_word(const char *line, const char *word, char *buf, size_t len)
{
	size_t n = strlen(word);

	for (const char *p = strchr(line, ' '); p; p = strchr(p + 1, ' ')) {
		if (strncmp(p + 1, word, n) != 0 || p[1 + n] != '=')
			continue;
		size_t value = strcspn(p + n + 2, " ");

		if (value >= len)
			snprintf(buf, len, "%.*s...", (int)(len > 4 ? len - 4 : 0), p + n + 2);
		else
			snprintf(buf, len, "%.*s", (int)value, p + n + 2);
		return true;
	}
	return false;
}

size_t bench_golden_name_len(const char *line)
{
	const char *bytes = strstr(line, " bytes="), *datagrams = strstr(line, " datagrams=");

	if (datagrams && (!bytes || datagrams < bytes))
		bytes = datagrams;
	return bytes ? (size_t)(bytes - line) : strlen(line);
}

static const struct bench_stream *stream_named(const struct bench_record *r, const char *line)
{
	size_t len = bench_golden_name_len(line);
	char dir[2 * FOS_ADDR_TEXT], name[2 * FOS_ADDR_TEXT + 32];

	for (size_t i = 0; i < r->streams; i++) {
		int n = snprintf(name, sizeof(name), "tcp %s #%u",
		                 bench_direction_text(&r->stream[i].key, r->stream[i].side, dir, sizeof(dir)),
		                 r->stream[i].use);

		if ((size_t)n == len && memcmp(name, line, len) == 0)
			return &r->stream[i];
	}
	return NULL;
}

/* Is this the digest of the first `bytes` delivered bytes? */
static bool digest_is(const struct bench_stream *st, uint64_t bytes, const char *hex)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char digest[32];
	char text[65] = "";
	unsigned len = 0;
	int ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL);

	for (uint32_t i = 0; ok && bytes && i < st->spans; i++) {
		uint64_t n = st->span[i].len < bytes ? st->span[i].len : bytes;

		ok = EVP_DigestUpdate(md, st->span[i].data, n);
		bytes -= n;
	}
	ok = ok && bytes == 0 && EVP_DigestFinal_ex(md, digest, &len);
	EVP_MD_CTX_free(md);
	for (unsigned i = 0; ok && i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return ok && strcmp(text, hex) == 0;
}

/* The span that holds the delivered byte number `at`, or the last one. */
static const struct bench_span *span_of(const struct bench_stream *st, uint64_t at, uint64_t *off)
{
	const struct bench_span *s = NULL;

	for (uint32_t i = 0; i < st->spans; i++) {
		s = &st->span[i];
		if (at < s->len)
			break;
		if (i + 1 < st->spans)
			at -= s->len;
	}
	*off = s ? s->off + at : 0;
	return s;
}

/* The least offset at which two lists "OFF+LEN,OFF+LEN" or "-" are not the same. */
static uint64_t gaps_differ(const char *a, const char *b)
{
	uint64_t at = 0;

	while (*a && *b) {
		char *ea, *eb;
		uint64_t oa = strtoull(a, &ea, 10), la = *ea == '+' ? strtoull(ea + 1, &ea, 10) : 0;
		uint64_t ob = strtoull(b, &eb, 10), lb = *eb == '+' ? strtoull(eb + 1, &eb, 10) : 0;

		if (ea == a || eb == b)
			return ea == a && eb == b ? at : ea == a ? ob : oa;
		if (oa != ob)
			return oa < ob ? oa : ob;
		if (la != lb)
			return oa + (la < lb ? la : lb);
		at = oa + la;
		a = ea + (*ea == ',');
		b = eb + (*eb == ',');
	}
	return *a ? strtoull(a, NULL, 10) : *b ? strtoull(b, NULL, 10) : at;
}

static uint64_t frame_at(const struct bench_stream *st, uint64_t off)
{
	for (uint32_t i = 0; i < st->spans; i++)
		if (st->span[i].off + st->span[i].len > off)
			return st->span[i].frame;
	return st->spans ? st->span[st->spans - 1].frame : 0;
}

void bench_golden_where(const struct bench_record *r, const char *want, const char *got, char *buf, size_t len)
{
	const struct bench_stream *st = got ? stream_named(r, got) : NULL;
	char bytes[32], gaps[4096], gaps_got[4096], digest[80];
	uint64_t n, off;

	buf[0] = '\0';
	if (!st || !st->spans)
		return;
	if (!want) {
		snprintf(buf, len, ", from offset 0 on, frame %" PRIu64, st->span[0].frame);
		return;
	}
	if (!bench_golden_word(want, "bytes", bytes, sizeof(bytes)) ||
	    !bench_golden_word(want, "sha256", digest, sizeof(digest)) ||
	    !bench_golden_word(want, "gaps", gaps, sizeof(gaps)) ||
	    !bench_golden_word(got, "gaps", gaps_got, sizeof(gaps_got)))
		return;
	n = strtoull(bytes, NULL, 10);
	if (strcmp(gaps, gaps_got) != 0) {
		off = gaps_differ(gaps, gaps_got);
		snprintf(buf, len, ", from offset %" PRIu64 " on, frame %" PRIu64, off, frame_at(st, off));
	} else if (n <= st->bytes && digest_is(st, n, digest)) {
		const struct bench_span *s = span_of(st, n, &off);

		if (n < st->bytes)
			snprintf(buf, len, ", from offset %" PRIu64 " on, frame %" PRIu64, off, s->frame);
	} else {
		snprintf(buf, len,
		         ", somewhere from offset 0 on, frames %" PRIu64 " to %" PRIu64
		         " (a golden file has one digest a stream)",
		         st->span[0].frame, st->span[st->spans - 1].frame);
	}
}

bool bench_golden_frames(const struct bench_record *r, const char *line, uint64_t *first, uint64_t *last)
{
	const struct bench_stream *st = stream_named(r, line);

	if (!st || !st->spans)
		return false;
	*first = *last = st->span[0].frame;
	for (uint32_t i = 0; i < st->spans; i++) {
		*first = st->span[i].frame < *first ? st->span[i].frame : *first;
		*last = st->span[i].frame > *last ? st->span[i].frame : *last;
	}
	return true;
}
