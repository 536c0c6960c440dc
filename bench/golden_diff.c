/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_diff.c: how two golden files differ: the last part of golden.h. Pure on its arguments.
 *
 * Lines are matched in three rounds: as they are; then, within a direction, by what they hold, whatever their #K; then
 * what is left of a direction is paired in order and differs.
 */
#include "golden.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden_line.h"

/* A line taken apart; pointers into `text`, a copy of it. */
struct entry {
	const char *line; /* the original */
	char *text;
	const char *name; /* "tcp A > B" */
	const char *use;  /* "#0", "" for UDP */
	const char *rest; /* what it holds, without what is ignored */
	size_t order;     /* place in its file */
	bool matched;
};

struct side {
	struct entry *v;
	size_t n;
};

static void cut_word(char *rest, const char *word)
{
	char *at = strstr(rest, word);

	if (at) {
		size_t len = 1 + strcspn(at + 1, " ");

		memmove(at, at + len, strlen(at + len) + 1);
	}
}

static int take_apart(struct entry *e, const char *line, unsigned flags)
{
	char *use, *rest;

	*e = (struct entry){ .line = line, .text = strdup(line), .use = "", .rest = "" };
	if (!e->text)
		return -ENOMEM;
	e->name = e->text;
	rest = strstr(e->text, " bytes=");
	use = strstr(e->text, " datagrams=");
	if (use && (!rest || use < rest))
		rest = use;
	if (!rest)
		return 0; /* no line of ours: it is its own name */
	*rest++ = '\0';
	e->rest = rest;
	use = strstr(e->text, " #");
	if (use) {
		*use++ = '\0';
		e->use = use;
	}
	if (flags & GOLDEN_IGNORE_ENDS) {
		cut_word(rest, " end=");
		cut_word(rest, " start=");
	}
	return 0;
}

static int by_name(const void *va, const void *vb)
{
	const struct entry *a = va, *b = vb;
	int c = strcmp(a->name, b->name);

	if (c == 0)
		c = strverscmp(a->use, b->use);
	if (c == 0)
		c = strcmp(a->rest, b->rest);
	return c;
}

static void side_free(struct side *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i].text);
	free(s->v);
}

static bool is_empty(const char *line)
{
	return strncmp(line, "tcp ", 4) == 0 && strstr(line, " bytes=0 ") && strstr(line, " gaps=- ");
}

static int side_make(struct side *s, const struct bench_golden *g, unsigned flags)
{
	*s = (struct side){ .v = calloc(g->lines ? g->lines : 1, sizeof(*s->v)) };
	if (!s->v)
		return -ENOMEM;
	for (size_t i = 0; i < g->lines; i++) {
		if ((flags & GOLDEN_IGNORE_UDP) && strncmp(g->line[i], "udp ", 4) == 0)
			continue;
		if ((flags & GOLDEN_IGNORE_EMPTY) && is_empty(g->line[i]))
			continue;
		int rc = take_apart(&s->v[s->n], g->line[i], flags);

		s->v[s->n].order = i;
		if (rc)
			return rc;
		s->n++;
	}
	qsort(s->v, s->n, sizeof(*s->v), by_name);
	return 0;
}

/* Round one: both are sorted, so that equal lines meet in a merge. */
static size_t match_same(struct side *a, struct side *b)
{
	size_t n = 0;

	for (size_t i = 0, k = 0; i < a->n && k < b->n;) {
		int c = by_name(&a->v[i], &b->v[k]);

		if (c == 0) {
			a->v[i].matched = b->v[k].matched = true;
			n++;
		}
		i += c <= 0;
		k += c >= 0;
	}
	return n;
}

static size_t group_end(const struct side *s, size_t from, const char *name)
{
	while (from < s->n && strcmp(s->v[from].name, name) == 0)
		from++;
	return from;
}

enum round { BY_CONTENT, BY_USE, IN_ORDER };

static bool pair(const struct entry *a, const struct entry *b, enum round round)
{
	if (round == BY_CONTENT)
		return strcmp(a->rest, b->rest) == 0;
	return round == IN_ORDER || strcmp(a->use, b->use) == 0;
}

static void note(struct bench_golden_diff *d, const struct entry *want, const struct entry *got)
{
	size_t place = want ? want->order : got->order;

	if (d->want_line || d->got_line) {
		bool mine = want != NULL;
		bool older_is_want = d->want_line != NULL;

		/* Differences of lines that the golden file has come before lines that it has not. */
		if (mine < older_is_want || (mine == older_is_want && place >= d->place))
			return;
	}
	d->want_line = want ? want->line : NULL;
	d->got_line = got ? got->line : NULL;
	d->place = place;
}

/* The rounds that are left, within one direction: wanted lines [ai, ae), those that came [bi, be). */
static void match_group(struct entry *a, size_t ai, size_t ae, struct entry *b, size_t bi, size_t be,
                        struct bench_golden_diff *d)
{
	for (enum round round = BY_CONTENT; round <= IN_ORDER; round++)
		for (size_t i = ai; i < ae; i++)
			for (size_t k = bi; !a[i].matched && k < be; k++) {
				if (b[k].matched || !pair(&a[i], &b[k], round))
					continue;
				a[i].matched = b[k].matched = true;
				if (round == BY_CONTENT) {
					d->same++;
				} else {
					d->differ++;
					note(d, &a[i], &b[k]);
				}
			}
	for (size_t i = ai; i < ae; i++)
		if (!a[i].matched) {
			d->missing++;
			note(d, &a[i], NULL);
		}
	for (size_t k = bi; k < be; k++)
		if (!b[k].matched) {
			d->extra++;
			note(d, NULL, &b[k]);
		}
}

static void match_rest(struct side *a, struct side *b, struct bench_golden_diff *d)
{
	for (size_t i = 0, k = 0; i < a->n || k < b->n;) {
		bool from_a = k == b->n || (i < a->n && strcmp(a->v[i].name, b->v[k].name) <= 0);
		const char *name = from_a ? a->v[i].name : b->v[k].name;
		size_t ae = group_end(a, i, name), be = group_end(b, k, name);

		match_group(a->v, i, ae, b->v, k, be, d);
		i = ae;
		k = be;
	}
}

/* Adds ", bytes 10 where 12 were wanted" for a word that both lines have with other values. */
static void word_differs(FILE *f, const char *word, const char *want, const char *got, bool *any)
{
	char w[128], g[128];

	if (!bench_golden_word(want, word, w, sizeof(w)))
		snprintf(w, sizeof(w), "none");
	if (!bench_golden_word(got, word, g, sizeof(g)))
		snprintf(g, sizeof(g), "none");
	if (strcmp(w, g) == 0)
		return;
	if (strcmp(word, "sha256") == 0)
		fprintf(f, "%s%s", *any ? ", " : "", "other bytes (another sha256)");
	else
		fprintf(f, "%s%s: want %s, got %s", *any ? ", " : "", word, w, g);
	*any = true;
}

static int describe(struct bench_golden_diff *d, unsigned flags)
{
	static const char *const words[] = { "datagrams", "bytes", "gaps", "sha256", "end", "start" };
	const char *line = d->want_line ? d->want_line : d->got_line;
	size_t len, words_at = bench_golden_name_len(line);
	bool any = false;
	FILE *f = open_memstream(&d->first, &len);

	if (!f)
		return -ENOMEM;
	fprintf(f, "%.*s: ", (int)words_at, line);
	if (!d->got_line) {
		fprintf(f, "missing (want%s)", line + words_at);
	} else if (!d->want_line) {
		fprintf(f, "not in the golden file (got%s)", line + words_at);
	} else {
		for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
			if (i < 4 || !(flags & GOLDEN_IGNORE_ENDS))
				word_differs(f, words[i], d->want_line, d->got_line, &any);
		if (!any)
			fprintf(f, "want \"%s\", got \"%s\"", d->want_line, d->got_line);
	}
	return fclose(f) ? -ENOMEM : 0;
}

int bench_golden_diff(const struct bench_golden *want, const struct bench_golden *got, unsigned flags,
                      struct bench_golden_diff *d)
{
	struct side a, b = { 0 };
	int rc;

	memset(d, 0, sizeof(*d));
	rc = side_make(&a, want, flags);
	if (rc == 0)
		rc = side_make(&b, got, flags);
	if (rc == 0) {
		d->same = match_same(&a, &b);
		match_rest(&a, &b, d);
		if (d->want_line || d->got_line)
			rc = describe(d, flags);
	}
	side_free(&a);
	side_free(&b);
	return rc;
}

void bench_golden_diff_free(struct bench_golden_diff *d)
{
	free(d->first);
	memset(d, 0, sizeof(*d));
}
