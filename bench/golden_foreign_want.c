/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_foreign_want.c: what is not asked of an engine that lacks something: the last part of golden_foreign.h. Pure on
 * its arguments.
 */
#include "golden_foreign.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/parse.h>

#include "golden_line.h"

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void golden_direction(const char *line, char dir[2 * FOS_ADDR_TEXT])
{
	size_t n = strcspn(line + 4, " ");

	n += strncmp(line + 4 + n, " > ", 3) == 0 ? 3 : 0;
	n += strcspn(line + 4 + n, " ");
	snprintf(dir, 2 * FOS_ADDR_TEXT, "%.*s", (int)n, line + 4);
}

int golden_excused_add(struct golden_excused *x, const char *name)
{
	if (x->n == x->slots) {
		size_t slots = x->slots ? 2 * x->slots : 64;
		char **p = realloc(x->name, slots * sizeof(*p));

		if (!p)
			return -ENOMEM;
		x->name = p;
		x->slots = slots;
	}
	x->name[x->n] = strdup(name);
	return x->name[x->n] ? (x->n++, 0) : -ENOMEM;
}

/* Both directions. */
static int add_both(struct golden_excused *x, const char *dir)
{
	const char *arrow = strstr(dir, " > ");
	char back[2 * FOS_ADDR_TEXT];
	int rc = golden_excused_add(x, dir);

	if (rc || !arrow)
		return rc;
	snprintf(back, sizeof(back), "%s > %.*s", arrow + 3, (int)(arrow - dir), dir);
	return golden_excused_add(x, back);
}

static int by_lines(struct golden_excused *x, unsigned lacks, const struct bench_golden *want)
{
	char dir[2 * FOS_ADDR_TEXT], word[8];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < want->lines; i++) {
		const char *line = want->line[i];

		if (strncmp(line, "tcp ", 4) != 0)
			continue;
		golden_direction(line, dir);
		if (((lacks & GOLDEN_LACKS_MID) && bench_golden_word(line, "start", word, sizeof(word))) ||
		    ((lacks & GOLDEN_LACKS_USES) && strstr(line, " #") && !strstr(line, " #0 ")))
			rc = add_both(x, dir);
	}
	return rc;
}

/* Hosts between which fragments went: "A B" without ports. */
static void hosts_of(const struct fos_pkt *p, char *buf, size_t len)
{
	struct fos_pkt like = *p;
	char a[FOS_ADDR_TEXT], b[FOS_ADDR_TEXT];
	struct fos_key key;

	like.sport = like.dport = 0;
	like.proto = 0;
	fos_key_of(&like, 0, &key);
	snprintf(buf, len, "%s %s", fos_key_text(&key, 0, a, sizeof(a)), fos_key_text(&key, 1, b, sizeof(b)));
}

bool golden_excused_has(const struct golden_excused *x, const char *name)
{
	return x->n && bsearch(&name, x->name, x->n, sizeof(*x->name), by_text);
}

/* Packets that were captured in part, fragments, and packets between hosts that sent some. */
static int by_packets(struct golden_excused *x, unsigned lacks, const struct fos_frames *frames)
{
	char text[2 * FOS_ADDR_TEXT + 4];
	struct golden_excused hosts = { 0 };
	struct fos_key key;
	int rc = 0;

	for (int round = 0; rc == 0 && round < 2; round++) {
		for (size_t i = 0; rc == 0 && i < frames->n; i++) {
			struct fos_pkt p = { .f = frames->v[i] };
			bool tcp, cut;

			fos_parse(&p, 0);
			tcp = p.verdict == FOS_PKT_TCP || p.verdict == FOS_PKT_UDP;
			cut = (lacks & GOLDEN_LACKS_CUT) && fos_frame_caplen(&p.f) < p.f.wire_len;
			if (round == 0 && p.verdict == FOS_PKT_FRAGMENT && (lacks & GOLDEN_LACKS_FRAGMENTS)) {
				hosts_of(&p, text, sizeof(text));
				rc = golden_excused_add(&hosts, text);
			}
			if (round == 0 || !tcp)
				continue;
			hosts_of(&p, text, sizeof(text));
			if (cut || golden_excused_has(&hosts, text)) {
				fos_key_of(&p, 0, &key);
				rc = add_both(x, bench_direction_text(&key, 0, text, sizeof(text)));
			}
		}
		golden_excused_sort(&hosts);
	}
	golden_excused_free(&hosts);
	return rc;
}

void golden_excused_sort(struct golden_excused *x)
{
	size_t n = 0;

	if (x->n)
		qsort(x->name, x->n, sizeof(*x->name), by_text);
	for (size_t i = 0; i < x->n; i++) {
		if (n && strcmp(x->name[n - 1], x->name[i]) == 0)
			free(x->name[i]);
		else
			x->name[n++] = x->name[i];
	}
	x->n = n;
}

/* Connections of which not both SYNs came. */
static int by_handshake(struct golden_excused *x, const struct fos_frames *frames)
{
	struct golden_excused seen[2] = { { 0 }, { 0 } }; /* a SYN, a SYN-ACK: names of side 0's direction */
	char text[2 * FOS_ADDR_TEXT];
	int rc = 0;

	for (int round = 0; rc == 0 && round < 2; round++) {
		for (size_t i = 0; rc == 0 && i < frames->n; i++) {
			struct fos_pkt p = { .f = frames->v[i] };
			struct fos_key key;

			fos_parse(&p, 0);
			if (p.verdict != FOS_PKT_TCP || (round == 0 && !(p.tcp_flags & FOS_TCP_SYN)))
				continue;
			fos_key_of(&p, 0, &key);
			bench_direction_text(&key, 0, text, sizeof(text));
			if (round == 0)
				rc = golden_excused_add(&seen[(p.tcp_flags & FOS_TCP_ACK) != 0], text);
			else if (!golden_excused_has(&seen[0], text) || !golden_excused_has(&seen[1], text))
				rc = add_both(x, text);
		}
		golden_excused_sort(&seen[0]);
		golden_excused_sort(&seen[1]);
	}
	golden_excused_free(&seen[0]);
	golden_excused_free(&seen[1]);
	return rc;
}

int golden_excused_make(struct golden_excused *x, unsigned lacks, const struct bench_golden *want,
                        const struct fos_frames *frames)
{
	int rc = 0;

	*x = (struct golden_excused){ 0 };
	if (lacks & (GOLDEN_LACKS_MID | GOLDEN_LACKS_USES))
		rc = by_lines(x, lacks, want);
	if (rc == 0 && (lacks & GOLDEN_LACKS_MID))
		rc = by_handshake(x, frames);
	if (rc == 0 && (lacks & (GOLDEN_LACKS_FRAGMENTS | GOLDEN_LACKS_CUT)))
		rc = by_packets(x, lacks, frames);
	golden_excused_sort(x);
	if (rc)
		golden_excused_free(x);
	return rc;
}

void golden_excused_free(struct golden_excused *x)
{
	for (size_t i = 0; i < x->n; i++)
		free(x->name[i]);
	free(x->name);
	*x = (struct golden_excused){ 0 };
}

static bool counts(const char *line, unsigned lacks, const struct golden_excused *x)
{
	bool udp = strncmp(line, "udp ", 4) == 0;
	char dir[2 * FOS_ADDR_TEXT];

	if (udp && (lacks & GOLDEN_LACKS_UDP))
		return false;
	if (line[4] == '[' && (lacks & GOLDEN_LACKS_IPV6))
		return false;
	if (!udp && (lacks & GOLDEN_LACKS_EMPTY) && strstr(line, " bytes=0 "))
		return false;
	golden_direction(line, dir);
	return !golden_excused_has(x, dir);
}

static void cut_word(char *line, const char *word)
{
	char *at = strstr(line, word);

	if (at) {
		size_t len = 1 + strcspn(at + 1, " ");

		memmove(at, at + len, strlen(at + len) + 1);
	}
}

int golden_foreign_filter(const struct bench_golden *in, unsigned lacks, const struct golden_excused *x,
                          struct bench_golden *out)
{
	int rc = 0;

	*out = (struct bench_golden){ 0 };
	for (size_t i = 0; rc == 0 && i < in->lines; i++) {
		if (!counts(in->line[i], lacks, x))
			continue;
		rc = bench_golden_add_line(out, in->line[i]);
		if (rc)
			break;
		if (lacks & (GOLDEN_LACKS_GAPS | GOLDEN_LACKS_BEHIND | GOLDEN_LACKS_ZEROS))
			cut_word(out->line[out->lines - 1], " gaps=");
		if (lacks & GOLDEN_LACKS_ENDS) {
			cut_word(out->line[out->lines - 1], " end=");
			cut_word(out->line[out->lines - 1], " start=");
		}
	}
	bench_golden_sort(out);
	if (rc)
		bench_golden_free(out);
	return rc;
}

static void stop_at_gap(struct bench_stream *st)
{
	uint64_t end = st->gap[0].off;
	uint32_t k = 0;

	while (k < st->spans && st->span[k].off < end)
		k++;
	for (; st->spans > k; st->spans--)
		st->bytes -= st->span[st->spans - 1].len;
}

/* Zeros for gaps; those behind the last byte are nothing. */
static int fill_gaps(struct bench_stream *st)
{
	static const uint8_t zeros[65536];
	uint64_t at = 0, pieces = st->spans;
	struct bench_span *v;
	size_t n = 0;

	for (uint32_t i = 0; i < st->gaps; i++)
		pieces += st->gap[i].len / sizeof(zeros) + 1;
	v = calloc(pieces, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < st->spans; i++) {
		const struct bench_span *s = &st->span[i];

		while (at < s->off && n < pieces - (st->spans - i)) {
			uint64_t len = s->off - at < sizeof(zeros) ? s->off - at : sizeof(zeros);

			v[n++] = (struct bench_span){ at, zeros, s->frame, (uint32_t)len };
			st->bytes += len;
			at += len;
		}
		v[n++] = *s;
		at = s->off + s->len;
	}
	free(st->span);
	st->span = v;
	st->spans = (uint32_t)n;
	st->span_slots = (uint32_t)pieces;
	return 0;
}

int golden_foreign_gaps(struct bench_record *r, unsigned lacks)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < r->streams; i++) {
		if (!r->stream[i].gaps)
			continue;
		if (lacks & GOLDEN_LACKS_BEHIND)
			stop_at_gap(&r->stream[i]);
		else if (lacks & GOLDEN_LACKS_ZEROS)
			rc = fill_gaps(&r->stream[i]);
	}
	return rc;
}
