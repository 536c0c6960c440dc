/* SPDX-License-Identifier: BSD-2-Clause
 *
 * shrink_verdict.c: see shrink_verdict.h. Lines that are not to be compared are left out of both sides first.
 */
#include "shrink_verdict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden_engine.h"
#include "golden_line.h"

/* Length of "tcp A > B" in a line. */
static size_t direction_len(const char *line)
{
	const char *end = strstr(line, " #");

	return end ? (size_t)(end - line) : bench_golden_name_len(line);
}

static bool is_of(const char *line, const char *name)
{
	size_t len = direction_len(line);

	return strlen(name) == len && strncmp(line, name, len) == 0;
}

static bool has(const char *line, const char *word)
{
	return strstr(line, word) != NULL;
}

/* Does the reference speak of something that the engine is not asked for, in a line of this direction? */
static bool asks_too_much(const struct bench_golden *want, const char *line, unsigned lacks)
{
	size_t len = direction_len(line);

	for (size_t i = 0; i < want->lines; i++) {
		const char *w = want->line[i];

		if (direction_len(w) != len || strncmp(w, line, len) != 0)
			continue;
		if ((lacks & GOLDEN_LACKS_USES) && has(w, " #") && !has(w, " #0 "))
			return true;
		if ((lacks & GOLDEN_LACKS_MID) && has(w, " start=mid"))
			return true;
		if ((lacks & (GOLDEN_LACKS_BEHIND | GOLDEN_LACKS_ZEROS)) && has(w, " gaps=") && !has(w, " gaps=-"))
			return true;
	}
	return false;
}

static bool counts(const char *line, const struct bench_golden *want, const struct shrink_view *view,
                   const struct shrink_failure *like)
{
	const unsigned looked_up = GOLDEN_LACKS_USES | GOLDEN_LACKS_MID | GOLDEN_LACKS_BEHIND | GOLDEN_LACKS_ZEROS;

	if (like && !is_of(line, like->name))
		return false;
	if ((view->lacks & GOLDEN_LACKS_UDP) && strncmp(line, "udp ", 4) == 0)
		return false;
	if ((view->lacks & GOLDEN_LACKS_IPV6) && has(line, "["))
		return false;
	return !(view->lacks & looked_up) || !asks_too_much(want, line, view->lacks);
}

/* Sum of the lengths in "OFF+LEN,OFF+LEN". */
static unsigned long long gap_bytes(const char *text)
{
	unsigned long long sum = 0;

	for (const char *p = strchr(text, '+'); p; p = strchr(p + 1, '+'))
		sum += strtoull(p + 1, NULL, 10);
	return sum;
}

/* The line as it is compared; freed by the caller. */
static char *seen(const char *line, const struct shrink_view *view)
{
	const char *bytes = strstr(line, " bytes="), *sha = strstr(line, " sha256="), *gaps = strstr(line, " gaps=");
	bool no_gaps = view->lacks & GOLDEN_LACKS_GAPS;
	const char *rest;
	char *out;
	int n;

	if (strncmp(line, "tcp ", 4) != 0 || !bytes || !sha || !gaps || !(view->totals || no_gaps))
		return strdup(line);
	rest = gaps + 1 + strcspn(gaps + 1, " ");
	if (view->totals)
		n = asprintf(&out, "%.*s bytes=%llu sha256=any gaps=-%s", (int)(bytes - line), line,
		             strtoull(bytes + 7, NULL, 10) + gap_bytes(gaps), rest);
	else
		n = asprintf(&out, "%.*s gaps=-%s", (int)(gaps - line), line, rest);
	return n < 0 ? NULL : out;
}

static int take(const struct bench_golden *g, const struct bench_golden *want, const struct shrink_view *view,
                const struct shrink_failure *like, struct bench_golden *out)
{
	*out = (struct bench_golden){ .line = calloc(g->lines + 1, sizeof(*out->line)) };
	if (!out->line)
		return -ENOMEM;
	for (size_t i = 0; i < g->lines; i++) {
		if (!counts(g->line[i], want, view, like))
			continue;
		out->line[out->lines] = seen(g->line[i], view);
		if (!out->line[out->lines])
			return -ENOMEM;
		out->lines++;
	}
	return 0;
}

static void lines_free(struct bench_golden *g)
{
	for (size_t i = 0; i < g->lines; i++)
		free(g->line[i]);
	free(g->line);
}

static bool word_differs(const char *word, const char *want, const char *got)
{
	char w[256] = "", g[256] = "";

	bench_golden_word(want, word, w, sizeof(w));
	bench_golden_word(got, word, g, sizeof(g));
	return strcmp(w, g) != 0;
}

static enum shrink_kind kind_of(const char *want, const char *got)
{
	if (!got)
		return SHRINK_MISSING;
	if (!want)
		return SHRINK_EXTRA;
	if (word_differs("gaps", want, got))
		return SHRINK_GAPS;
	if (word_differs("bytes", want, got) || word_differs("sha256", want, got) ||
	    word_differs("datagrams", want, got))
		return SHRINK_BYTES;
	return SHRINK_ENDS;
}

static void describe(const struct bench_golden_diff *d, struct shrink_failure *out)
{
	const char *line = d->want_line ? d->want_line : d->got_line;
	size_t len = direction_len(line);

	out->kind = kind_of(d->want_line, d->got_line);
	snprintf(out->name, sizeof(out->name), "%.*s", (int)(len < sizeof(out->name) ? len : 0), line);
	snprintf(out->text, sizeof(out->text), "%s", d->first);
}

int shrink_compare(const struct bench_golden *want, const struct bench_golden *got, const struct shrink_view *view,
                   const struct shrink_failure *like, struct shrink_failure *out)
{
	struct bench_golden w, g = { 0 };
	struct bench_golden_diff d = { 0 };
	unsigned flags = (view->lacks & GOLDEN_LACKS_ENDS ? GOLDEN_IGNORE_ENDS : 0) |
	                 (view->lacks & GOLDEN_LACKS_EMPTY ? GOLDEN_IGNORE_EMPTY : 0);
	int rc = take(want, want, view, like, &w);

	*out = (struct shrink_failure){ .kind = SHRINK_HOLDS };
	if (rc == 0)
		rc = take(got, want, view, like, &g);
	if (rc == 0)
		rc = bench_golden_diff(&w, &g, flags, &d);
	if (rc == 0 && (d.want_line || d.got_line))
		describe(&d, out);
	bench_golden_diff_free(&d);
	lines_free(&w);
	lines_free(&g);
	return rc;
}

const char *shrink_kind_text(enum shrink_kind kind)
{
	static const char *const texts[] = {
		[SHRINK_HOLDS] = "holds",
		[SHRINK_BYTES] = "other bytes",
		[SHRINK_GAPS] = "other gaps",
		[SHRINK_ENDS] = "another start or end",
		[SHRINK_MISSING] = "a stream is missing",
		[SHRINK_EXTRA] = "a stream too many",
		[SHRINK_DIED] = "the engine did not survive",
	};

	return texts[kind];
}
