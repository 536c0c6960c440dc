/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_junit.c: see golden_junit.h. Writes one file.
 */
#include "golden_junit.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/outfile.h>

static int copy(char **to, const char *text)
{
	*to = text ? strdup(text) : NULL;
	return text && !*to ? -ENOMEM : 0;
}

static void case_free(struct golden_junit_case *c)
{
	free(c->trace);
	free(c->name);
	free(c->failure);
	free(c->error);
	free(c->skipped);
	free(c->detail);
}

int golden_junit_add(struct golden_junit *j, const char *trace, const char *name, double seconds, const char *failure,
                     const char *error, const char *skipped)
{
	struct golden_junit_case c = { .seconds = seconds };

	if (j->n == j->slots) {
		size_t slots = j->slots ? j->slots * 2 : 64;
		struct golden_junit_case *p = realloc(j->v, slots * sizeof(*p));

		if (!p)
			return -ENOMEM;
		j->v = p;
		j->slots = slots;
	}
	if (copy(&c.trace, trace) || copy(&c.name, name) || copy(&c.failure, failure) || copy(&c.error, error) ||
	    copy(&c.skipped, skipped)) {
		case_free(&c);
		return -ENOMEM;
	}
	j->v[j->n++] = c;
	return 0;
}

int golden_junit_detail(struct golden_junit *j, const char *text)
{
	free(j->v[j->n - 1].detail);
	return copy(&j->v[j->n - 1].detail, text);
}

void golden_junit_free(struct golden_junit *j)
{
	for (size_t i = 0; i < j->n; i++)
		case_free(&j->v[i]);
	free(j->v);
	memset(j, 0, sizeof(*j));
}

/* Length of the UTF-8 character at p, 0 where there is none. */
static size_t utf8(const unsigned char *p)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : 0;

	if (p[0] >= 0xf0 && p[0] < 0xf5)
		n = 4;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if (n == 3 && ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	               (p[0] == 0xef && p[1] == 0xbf && p[2] > 0xbd)))
		return 0; /* overlong, a surrogate, or U+FFFE and U+FFFF, which are no XML */
	if (n == 4 && ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)))
		return 0;
	return n;
}

/* Text for an attribute or between tags: what XML cannot hold becomes "?". */
static void put(FILE *f, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p;) {
		size_t n = utf8(p);

		if (*p == '&')
			fputs("&amp;", f);
		else if (*p == '<')
			fputs("&lt;", f);
		else if (*p == '>')
			fputs("&gt;", f);
		else if (*p == '"')
			fputs("&quot;", f);
		else if (*p == '\n' || *p == '\t')
			fprintf(f, "&#%d;", *p);
		else if (*p < 0x20 || n == 0)
			fputc('?', f);
		else
			fwrite(p, 1, n, f);
		p += n ? n : 1;
	}
}

static void put_case(FILE *f, const struct golden_junit_case *c)
{
	const char *kind = c->failure ? "failure" : c->error ? "error" : c->skipped ? "skipped" : NULL;

	fputs("  <testcase classname=\"", f);
	put(f, c->trace);
	fputs("\" name=\"", f);
	put(f, c->name);
	fprintf(f, "\" time=\"%.3f\"", c->seconds);
	if (kind) {
		const char *text = c->failure ? c->failure : c->error ? c->error : c->skipped;

		fprintf(f, ">\n    <%s message=\"", kind);
		put(f, text);
		if (c->detail) {
			fputs("\">", f);
			put(f, c->detail);
			fprintf(f, "</%s>\n  </testcase>\n", kind);
		} else {
			fputs("\"/>\n  </testcase>\n", f);
		}
	} else {
		fputs("/>\n", f);
	}
}

int golden_junit_write(const struct golden_junit *j, const char *suite, const char *path)
{
	size_t failures = 0, errors = 0, skipped = 0;
	struct fos_outfile *o;
	double seconds = 0;
	int rc = fos_outfile_open(path, &o);
	FILE *f;

	if (rc)
		return rc;
	f = fos_outfile_stream(o);
	for (size_t i = 0; i < j->n; i++) {
		failures += j->v[i].failure != NULL;
		errors += !j->v[i].failure && j->v[i].error;
		skipped += !j->v[i].failure && !j->v[i].error && j->v[i].skipped;
		seconds += j->v[i].seconds;
	}
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"", f);
	put(f, suite);
	fprintf(f, "\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\">\n", j->n, failures,
	        errors, skipped, seconds);
	for (size_t i = 0; i < j->n; i++)
		put_case(f, &j->v[i]);
	fputs("</testsuite>\n</testsuites>\n", f);
	return fos_outfile_commit(o);
}
