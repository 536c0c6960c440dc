/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden.c: golden files to and from memory. golden_diff.c compares them.
 */
#include "golden.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/outfile.h>

int bench_golden_set(struct bench_golden *g, const char *key, const char *value)
{
	char *k = strdup(key), *v = strdup(value);

	if (!k || !v || g->keys == GOLDEN_KEYS_MAX) {
		free(k);
		free(v);
		return g->keys == GOLDEN_KEYS_MAX ? -ENOSPC : -ENOMEM;
	}
	g->header[g->keys].key = k;
	g->header[g->keys++].value = v;
	return 0;
}

const char *bench_golden_get(const struct bench_golden *g, const char *key)
{
	for (size_t i = 0; i < g->keys; i++)
		if (strcmp(g->header[i].key, key) == 0)
			return g->header[i].value;
	return NULL;
}

static int add_line(struct bench_golden *g, char *line)
{
	if (!line)
		return -ENOMEM;
	if ((g->lines & (g->lines - 1)) == 0) { /* a power of two is full */
		char **p = realloc(g->line, (g->lines ? g->lines * 2 : 1) * sizeof(*p));

		if (!p) {
			free(line);
			return -ENOMEM;
		}
		g->line = p;
	}
	g->line[g->lines++] = line;
	return 0;
}

static void hex(FILE *f, const uint8_t *digest)
{
	for (int i = 0; i < 32; i++)
		fprintf(f, "%02x", digest[i]);
}

static char *stream_line(const struct bench_stream *st)
{
	char dir[2 * FOS_ADDR_TEXT], *line = NULL;
	size_t len;
	FILE *f = open_memstream(&line, &len);

	if (!f)
		return NULL;
	fprintf(f, "tcp %s #%u bytes=%llu sha256=", bench_direction_text(&st->key, st->side, dir, sizeof(dir)), st->use,
	        (unsigned long long)st->bytes);
	hex(f, st->sha256);
	fputs(" gaps=", f);
	for (uint32_t i = 0; i < st->gaps; i++)
		fprintf(f, "%s%llu+%llu", i ? "," : "", (unsigned long long)st->gap[i].off,
		        (unsigned long long)st->gap[i].len);
	fprintf(f, "%s end=%s%s", st->gaps ? "" : "-", fos_end_name(st->end), st->mid ? " start=mid" : "");
	if (fclose(f)) {
		free(line);
		return NULL;
	}
	return line;
}

static char *udp_line(const struct bench_udp_flow *u)
{
	char dir[2 * FOS_ADDR_TEXT], *line = NULL;
	size_t len;
	FILE *f = open_memstream(&line, &len);

	if (!f)
		return NULL;
	fprintf(f, "udp %s datagrams=%llu bytes=%llu sha256=", bench_direction_text(&u->key, u->side, dir, sizeof(dir)),
	        (unsigned long long)u->datagrams, (unsigned long long)u->bytes);
	hex(f, u->sha256);
	if (fclose(f)) {
		free(line);
		return NULL;
	}
	return line;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int bench_golden_add(struct bench_golden *g, const struct bench_record *r)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < r->streams; i++)
		err = add_line(g, stream_line(&r->stream[i]));
	for (size_t i = 0; err == 0 && i < r->udps; i++)
		err = add_line(g, udp_line(&r->udp[i]));
	bench_golden_sort(g);
	return err;
}

int bench_golden_add_line(struct bench_golden *g, const char *line)
{
	return add_line(g, strdup(line));
}

void bench_golden_sort(struct bench_golden *g)
{
	if (g->lines)
		qsort(g->line, g->lines, sizeof(*g->line), by_bytes);
}

static int read_line(struct bench_golden *g, char *line, size_t number, const char *path, char *err, size_t errlen)
{
	int rc;

	if (number == 1) {
		if (strcmp(line, "# flowos-golden 1") == 0)
			return 0;
		snprintf(err, errlen, "%s:1: not a golden file: it begins with \"# flowos-golden 1\"", path);
		return -EINVAL;
	}
	if (line[0] == '#') {
		char *colon = strstr(line, ": ");

		if (!colon || line[1] != ' ' || colon == line + 2)
			goto bad;
		*colon = '\0';
		rc = bench_golden_set(g, line + 2, colon + 2);
	} else if ((strncmp(line, "tcp ", 4) == 0 || strncmp(line, "udp ", 4) == 0) && strstr(line, " sha256=") &&
	           strstr(line, " bytes=")) {
		rc = add_line(g, strdup(line));
	} else if (line[0] == '\0') {
		return 0;
	} else {
		goto bad;
	}
	if (rc)
		snprintf(err, errlen, "%s:%zu: %s", path, number, strerror(-rc));
	return rc;
bad:
	snprintf(err, errlen, "%s:%zu: neither \"# key: value\" nor a stream: \"%.60s\"", path, number, line);
	return -EINVAL;
}

int bench_golden_read(struct bench_golden *g, const char *path, char *err, size_t errlen)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *line = NULL;
	size_t size = 0, number = 0;
	ssize_t n;
	int rc = 0;

	memset(g, 0, sizeof(*g));
	if (!f) {
		rc = -errno;
		snprintf(err, errlen, "%s: %s", path, strerror(errno));
		return rc;
	}
	while (rc == 0 && (n = getline(&line, &size, f)) >= 0) {
		while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			line[--n] = '\0';
		rc = read_line(g, line, ++number, path, err, errlen);
	}
	if (rc == 0 && (ferror(f) || number == 0)) {
		rc = ferror(f) ? -EIO : -EINVAL;
		snprintf(err, errlen, "%s: %s", path, ferror(f) ? "cannot be read" : "not a golden file: it is empty");
	}
	free(line);
	if (f != stdin)
		fclose(f);
	bench_golden_sort(g);
	if (rc)
		bench_golden_free(g);
	return rc;
}

int bench_golden_write(const struct bench_golden *g, const char *path, char *err, size_t errlen)
{
	struct fos_outfile *o;
	int rc = fos_outfile_open(path, &o);

	if (rc == 0) {
		FILE *f = fos_outfile_stream(o);

		fputs("# flowos-golden 1\n", f);
		for (size_t i = 0; i < g->keys; i++)
			fprintf(f, "# %s: %s\n", g->header[i].key, g->header[i].value);
		for (size_t i = 0; i < g->lines; i++)
			fprintf(f, "%s\n", g->line[i]);
		rc = fos_outfile_commit(o);
	}
	if (rc)
		snprintf(err, errlen, "%s: %s", path, strerror(-rc));
	return rc;
}

void bench_golden_free(struct bench_golden *g)
{
	for (size_t i = 0; i < g->keys; i++) {
		free(g->header[i].key);
		free(g->header[i].value);
	}
	for (size_t i = 0; i < g->lines; i++)
		free(g->line[i]);
	free(g->line);
	memset(g, 0, sizeof(*g));
}
