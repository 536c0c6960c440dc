/* SPDX-License-Identifier: BSD-2-Clause
 *
 * points.c: see points.h. Sessions vary slowest, then sweeps in the order given, then seeds.
 */
#include "points.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES_MAX = 256, POINTS_MAX = 100000 };

struct axis {
	char *name;
	char *value[VALUES_MAX];
	size_t n;
};

static char *keep(struct bench_points *p, const char *text, size_t len)
{
	char **t = realloc(p->text, (p->texts + 1) * sizeof(*t));

	if (!t)
		return NULL;
	p->text = t;
	t[p->texts] = strndup(text, len);
	return t[p->texts] ? t[p->texts++] : NULL;
}

/* Values are separated by commas; "word=" behind one belongs to the value before it ("5%,depth=32,10%" is two values),
 * and so does all behind "gemodel:" up to the next "gemodel:" or the end. */
static size_t value_length(const char *v)
{
	size_t len = strcspn(v, ",");
	bool gemodel = strncmp(v, "gemodel:", 8) == 0;

	while (v[len] == ',') {
		const char *next = v + len + 1;
		size_t word = strspn(next, "abcdefghijklmnopqrstuvwxyz-");

		if (gemodel ? strncmp(next, "gemodel:", 8) == 0 : !word || next[word] != '=')
			break;
		len += 1 + strcspn(next, ",");
	}
	return len;
}

static int axis_parse(struct bench_points *p, const char *text, struct axis *a, char *err, size_t errlen)
{
	const char *eq = strchr(text, '=');

	memset(a, 0, sizeof(*a));
	a->name = keep(p, text, (size_t)(eq - text));
	if (!a->name)
		return -ENOMEM;
	if (strcmp(a->name, "decisions-out") == 0) {
		snprintf(err, errlen, "--sweep decisions-out: all points would write one file");
		return -EINVAL;
	}
	for (const char *v = eq + 1;; v++) {
		size_t len = value_length(v);

		if (len == 0 || a->n == VALUES_MAX) {
			snprintf(err, errlen, "--sweep %s: %s", text, len ? "too many values" : "a value is missing");
			return -EINVAL;
		}
		a->value[a->n] = keep(p, v, len);
		if (!a->value[a->n++])
			return -ENOMEM;
		v += len;
		if (*v == '\0')
			return 0;
	}
}

/* An axis must not be undone by another one. */
static int check_axis(const struct bench_opts *o, const struct axis *axes, unsigned i, char *err, size_t errlen)
{
	bool twice = o->seeds > 1 && strcmp(axes[i].name, "seed") == 0;

	for (unsigned k = 0; k < i; k++)
		twice = twice || strcmp(axes[k].name, axes[i].name) == 0;
	if (twice)
		snprintf(err, errlen, "--sweep %s: swept twice", axes[i].name);
	return twice ? -EINVAL : 0;
}

static int apply(struct bench_point *pt, const char *name, const char *value, char *err, size_t errlen)
{
	int rc = fos_impair_spec_set(&pt->impair, name, value, err, errlen);

	if (rc == -ENOENT) {
		if (strcmp(name, "stage") == 0)
			pt->engine.stages = 0;
		rc = bench_engine_opts_set(&pt->engine, name, value, err, errlen);
	}
	if (rc == -ENOENT) {
		bool own = strcmp(name, "sessions") == 0 || strcmp(name, "seeds") == 0;

		snprintf(err, errlen,
		         own ? "--sweep %s: use --%s" : "--sweep %s: no option of an impairment or of the engine", name,
		         name);
		rc = -EINVAL;
	}
	return rc ? rc : bench_pairs_set_text(&pt->axes, name, value);
}

/* Point number `n` of the product of all axes. */
static int make(struct bench_point *pt, const struct bench_opts *o, const struct axis *axes, size_t n, char *err,
                size_t errlen)
{
	char seed[32];
	int rc = fos_impair_spec_copy(&pt->impair, &o->impair);

	pt->engine = o->engine;
	if (rc == 0 && o->seeds > 1) {
		pt->impair.seed += n % o->seeds;
		snprintf(seed, sizeof(seed), "%llu", (unsigned long long)pt->impair.seed);
		rc = bench_pairs_set_text(&pt->axes, "seed", seed);
	}
	n /= o->seeds;
	for (unsigned i = o->n_sweeps; rc == 0 && i-- > 0;) {
		rc = apply(pt, axes[i].name, axes[i].value[n % axes[i].n], err, errlen);
		n /= axes[i].n;
	}
	if (o->n_sessions)
		pt->sessions = o->sessions[n % o->n_sessions];
	return rc;
}

int bench_points_make(struct bench_points *p, const struct bench_opts *o, char *err, size_t errlen)
{
	struct axis *axes = calloc(OPTS_SWEEPS_MAX, sizeof(*axes));
	size_t n = o->n_sessions ? o->n_sessions : 1;
	int rc = axes ? 0 : -ENOMEM;

	memset(p, 0, sizeof(*p));
	n *= o->seeds;
	for (unsigned i = 0; rc == 0 && i < o->n_sweeps; i++) {
		rc = axis_parse(p, o->sweep[i], &axes[i], err, errlen);
		if (rc == 0)
			rc = check_axis(o, axes, i, err, errlen);
		n *= axes[i].n ? axes[i].n : 1;
		if (rc == 0 && n > POINTS_MAX) {
			snprintf(err, errlen, "more than %d points", POINTS_MAX);
			rc = -EINVAL;
		}
	}
	if (rc == 0) {
		p->at = calloc(n, sizeof(*p->at));
		rc = p->at ? 0 : -ENOMEM;
	}
	for (size_t i = 0; rc == 0 && i < n; i++, p->n++)
		rc = make(&p->at[i], o, axes, i, err, errlen);
	free(axes);
	if (rc)
		bench_points_free(p);
	return rc;
}

void bench_points_free(struct bench_points *p)
{
	for (size_t i = 0; i < p->n; i++) {
		fos_impair_spec_free(&p->at[i].impair);
		bench_pairs_clear(&p->at[i].axes);
	}
	for (size_t i = 0; i < p->texts; i++)
		free(p->text[i]);
	free(p->text);
	free(p->at);
	memset(p, 0, sizeof(*p));
}
