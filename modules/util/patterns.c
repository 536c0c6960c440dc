/* SPDX-License-Identifier: BSD-2-Clause
 *
 * patterns.c: see patterns.h. In a file a line is a pattern, or ID:/EXPRESSION/FLAGS as the tools of hyperscan write
 * it; empty lines and those that begin with # are passed over.
 */
#include "patterns.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"

static int patterns_flag(char c, unsigned *flags)
{
	static const struct {
		char letter;
		unsigned flag;
	} known[] = { { 'i', HS_FLAG_CASELESS },    { 's', HS_FLAG_DOTALL },   { 'm', HS_FLAG_MULTILINE },
		      { 'H', HS_FLAG_SINGLEMATCH }, { '8', HS_FLAG_UTF8 },     { 'W', HS_FLAG_UCP },
		      { 'V', HS_FLAG_ALLOWEMPTY },  { 'P', HS_FLAG_PREFILTER } };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].letter == c) {
			*flags |= known[i].flag;
			return 0;
		}
	}
	return -EINVAL;
}

static int patterns_add(struct patterns *p, const char *key, const char *text, size_t len, unsigned flags, unsigned id)
{
	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 16;
		struct pattern *list = realloc(p->list, room * sizeof(*list));
		if (!list)
			return -ENOMEM;
		p->list = list;
		p->room = room;
	}
	struct pattern *x = &p->list[p->n++];
	*x = (struct pattern){ strdup(key), strndup(text, len), flags, id };
	return x->key && x->text ? 0 : -ENOMEM;
}

/* One line of a file, without its end. */
static int patterns_add_line(struct patterns *p, const char *line, unsigned flags)
{
	const char *c = line, *end;
	unsigned long id = 0;

	while (isdigit((unsigned char)*c) && id <= 0xffffffffu / 10)
		id = id * 10 + (unsigned long)(*c++ - '0');
	if (c > line && id <= 0xffffffffu && c[0] == ':' && c[1] == '/' && (end = strrchr(c + 2, '/'))) {
		for (const char *f = end + 1; *f; f++) {
			if (patterns_flag(*f, &flags))
				return -EINVAL;
		}
		return patterns_add(p, line, c + 2, (size_t)(end - c - 2), flags, (unsigned)id);
	}
	return patterns_add(p, line, line, strlen(line), flags, (unsigned)p->n + 1);
}

static int patterns_add_file(struct patterns *p, const char *path, unsigned flags, char *err, size_t errlen)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t n = 0;
	int rc = f ? 0 : -errno;

	if (rc) {
		snprintf(err, errlen, "%s: %s", path, strerror(-rc));
		return rc;
	}
	for (unsigned number = 1; !rc && (n = getline(&line, &room, f)) >= 0; number++) {
		while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			line[--n] = 0;
		if (*line && *line != '#')
			rc = patterns_add_line(p, line, flags);
		if (rc == -EINVAL)
			snprintf(err, errlen, "%s: line %u: unknown flag (of i s m H 8 W V P)", path, number);
		else if (rc)
			mod_no_memory(err, errlen);
	}
	if (!rc && ferror(f)) {
		rc = -EIO;
		snprintf(err, errlen, "%s: cannot be read", path);
	}
	free(line);
	fclose(f);
	return rc;
}

static int patterns_by_key(const void *a, const void *b)
{
	const struct pattern *x = *(struct pattern *const *)a, *y = *(struct pattern *const *)b;
	int d = strcmp(x->key, y->key);

	return d ? d : (x > y) - (x < y);
}

/* Numbers those that are the same: "a", "a #2". Returns how many, or -ENOMEM. */
static ssize_t patterns_number(const struct patterns *p, struct pattern **order)
{
	char *first = NULL, *key;
	unsigned same = 1;
	ssize_t renamed = 0;

	qsort(order, p->n, sizeof(*order), patterns_by_key);
	for (size_t i = 0; i < p->n; i++) {
		same = first && strcmp(first, order[i]->key) == 0 ? same + 1 : 1;
		if (same == 1) {
			first = order[i]->key;
			continue;
		}
		if (asprintf(&key, "%s #%u", first, same) < 0)
			return -ENOMEM;
		free(order[i]->key);
		order[i]->key = key;
		renamed++;
	}
	return renamed;
}

/* Report keys are unique; a name with a number may be another pattern's. */
static int patterns_name(struct patterns *p)
{
	struct pattern **order = calloc(p->n, sizeof(struct pattern *));
	ssize_t left = order ? 1 : -ENOMEM;

	for (size_t i = 0; order && i < p->n; i++)
		order[i] = &p->list[i];
	while (left > 0)
		left = patterns_number(p, order);
	free(order);
	return (int)left;
}

/* Says which pattern the compiler refused, in one line. */
static void patterns_refused(const struct patterns *p, const hs_compile_error_t *e, char *err, size_t errlen)
{
	const char *message = e ? e->message : "out of memory";

	if (strstr(message, "HS_FLAG_ALLOWEMPTY"))
		message = "it matches the empty text, and so everywhere";
	if (e && e->expression >= 0 && (size_t)e->expression < p->n)
		snprintf(err, errlen, "pattern %s: %s", p->list[e->expression].key, message);
	else
		snprintf(err, errlen, "patterns: %s", message);
	for (char *c = err; errlen && *c; c++) {
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	}
}

/* Patterns are numbered in the database by their place. */
static int patterns_compile(struct patterns *p, bool literal, char *err, size_t errlen)
{
	const char **text = calloc(p->n, sizeof(*text));
	unsigned *flags = calloc(p->n, sizeof(*flags)), *ids = calloc(p->n, sizeof(*ids));
	size_t *lens = calloc(p->n, sizeof(*lens));
	hs_compile_error_t *e = NULL;
	hs_error_t rc = HS_NOMEM;

	if (text && flags && ids && lens) {
		for (size_t i = 0; i < p->n; i++) {
			text[i] = p->list[i].text;
			lens[i] = strlen(text[i]);
			flags[i] = p->list[i].flags;
			ids[i] = (unsigned)i;
		}
		rc = literal ? hs_compile_lit_multi(text, flags, ids, lens, (unsigned)p->n, HS_MODE_STREAM, NULL,
		                                    &p->db, &e)
		             : hs_compile_multi(text, flags, ids, (unsigned)p->n, HS_MODE_STREAM, NULL, &p->db, &e);
	}
	if (rc != HS_SUCCESS)
		patterns_refused(p, e, err, errlen);
	hs_free_compile_error(e);
	free(text);
	free(flags);
	free(ids);
	free(lens);
	return rc == HS_SUCCESS ? 0 : rc == HS_NOMEM ? -ENOMEM : -EINVAL;
}

int patterns_read(struct patterns *p, const struct fos_module_args *args, char *err, size_t errlen)
{
	bool literal = false, nocase = false;
	int rc = mod_arg_bool(args, "literal", false, &literal, err, errlen);

	*p = (struct patterns){ 0 };
	if (!rc)
		rc = mod_arg_bool(args, "nocase", false, &nocase, err, errlen);
	unsigned flags = nocase ? HS_FLAG_CASELESS : 0;
	for (size_t i = 0; !rc && i < args->n; i++) {
		const char *key = args->arg[i].key, *value = args->arg[i].value;
		if (strcmp(key, "pattern") == 0) {
			rc = patterns_add(p, value, value, strlen(value), flags, (unsigned)p->n + 1);
			if (rc)
				mod_no_memory(err, errlen);
		} else if (strcmp(key, "file") == 0) {
			rc = patterns_add_file(p, value, flags, err, errlen);
		}
	}
	if (!rc && !p->n) {
		snprintf(err, errlen, "no patterns: give pattern=REGEX or file=PATH");
		rc = -EINVAL;
	}
	if (!rc && (rc = patterns_name(p)))
		mod_no_memory(err, errlen);
	return rc ? rc : patterns_compile(p, literal, err, errlen);
}

void patterns_free(struct patterns *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->list[i].key);
		free(p->list[i].text);
	}
	free(p->list);
	hs_free_database(p->db);
	*p = (struct patterns){ 0 };
}
