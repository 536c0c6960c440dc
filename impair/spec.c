/* SPDX-License-Identifier: BSD-2-Clause
 *
 * spec.c: a spec from the text of options. One function per option fills a copy, which replaces the spec when all of
 * it was right. Touches only the spec; "decisions-in" reads its file.
 */
#include <flowos/impair_spec.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "only.h"
#include "value.h"

/* What is being parsed, for the sub-functions: their first return that is no NULL says what is wrong. */
struct text {
	const char *at; /* what follows the last part that was taken, NULL at the end */
	const char *part;
	size_t len;
	char why[200];
};

static const char *wrong(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static const char *wrong(struct text *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(t->why, sizeof t->why, format, args);
	va_end(args);
	return t->why;
}

/* The next part between commas, or false. */
static bool next_part(struct text *t)
{
	if (!t->at)
		return false;
	t->part = t->at;
	t->len = strcspn(t->at, ",");
	t->at = t->part[t->len] ? t->part + t->len + 1 : NULL;
	return true;
}

/* Is the part "key=..."? Then it becomes what stands behind "=". */
static bool part_is(struct text *t, const char *key)
{
	size_t n = strlen(key);

	if (t->len <= n || memcmp(t->part, key, n) != 0 || t->part[n] != '=')
		return false;
	t->part += n + 1;
	t->len -= n + 1;
	return true;
}

static bool part_says(const struct text *t, const char *word)
{
	return t->len == strlen(word) && memcmp(t->part, word, t->len) == 0;
}

static const char *unknown(struct text *t, const char *known)
{
	return wrong(t, "'%.*s' is not known here (%s)", (int)(t->len < 60 ? t->len : 60), t->part, known);
}

static const char *depth_part(struct text *t, uint32_t *depth)
{
	uint64_t v = 0;
	const char *why = fos__value_count(t->part, t->len, FOS_IMPAIR_DEPTH_MAX, &v);

	if (why)
		return wrong(t, "depth: %s", why);
	*depth = (uint32_t)v;
	return NULL;
}

static const char *time_part(struct text *t, const char *key, uint64_t *ns)
{
	const char *why = fos__value_time(t->part, t->len, ns);

	if (!why && *ns == 0)
		why = "a time of 0 says nothing";
	return why ? wrong(t, "%s: %s", key, why) : NULL;
}

static const char *set_reorder(struct fos_impair_spec *s, struct text *t)
{
	const char *why;
	bool depth = false;

	memset(&s->reorder, 0, sizeof s->reorder);
	s->reorder.depth = FOS_IMPAIR_DEPTH;
	next_part(t);
	why = fos__value_share(t->part, t->len, &s->reorder.share);
	while (!why && next_part(t)) {
		if (part_is(t, "depth")) {
			why = depth_part(t, &s->reorder.depth);
			depth = true;
		} else if (part_is(t, "delay")) {
			why = time_part(t, "delay", &s->reorder.delay_ns);
		} else if (part_is(t, "scope")) {
			s->reorder.link = part_says(t, "link");
			if (!s->reorder.link && !part_says(t, "session"))
				why = "scope is session or link";
		} else {
			why = unknown(t, "depth=N, delay=T, scope=session|link");
		}
	}
	if (!why && depth && s->reorder.delay_ns)
		why = "a packet is held back by depth or by delay, not by both";
	return why;
}

/* a * b / c, all of them shares. */
static uint64_t share_product(uint64_t a, uint64_t b, uint64_t c)
{
	return (uint64_t)((unsigned __int128)a * b / c);
}

/* p,r,1-h,1-k: what is left out as in tc-netem: r = 1-p, 1-h = 100%, 1-k = 0%. The text ends at "key=". */
static const char *set_gemodel(struct fos_impair_spec *s, struct text *t)
{
	uint64_t v[4] = { 0, 0, FOS_SHARE_ONE, 0 };
	unsigned n = 0;

	t->part += strlen("gemodel:");
	t->len -= strlen("gemodel:");
	do {
		const char *why = fos__value_share(t->part, t->len, &v[n]);

		if (why)
			return wrong(t, "gemodel: %s", why);
		n++;
	} while (n < 4 && t->at && !memchr(t->at, '=', strcspn(t->at, ",")) && next_part(t));
	s->loss.model = FOS_LOSS_GEMODEL;
	s->loss.p = v[0];
	s->loss.r = n > 1 ? v[1] : FOS_SHARE_ONE - v[0];
	s->loss.bad = v[2];
	s->loss.good = v[3];
	s->loss.share = s->loss.good;
	if (s->loss.p > 0) {
		uint64_t bad = share_product(s->loss.p, FOS_SHARE_ONE, s->loss.p + s->loss.r);

		s->loss.share = share_product(bad, s->loss.bad, FOS_SHARE_ONE) +
		                share_product(FOS_SHARE_ONE - bad, s->loss.good, FOS_SHARE_ONE);
	}
	return NULL;
}

/* Loses all in the bad state and none in the good one: r = 1/N, and p so that the share comes out: p = P r / (1-P). */
static const char *set_burst(struct fos_impair_spec *s, struct text *t)
{
	uint64_t n = 0, share = s->loss.share;
	const char *why = fos__value_count(t->part, t->len, FOS_IMPAIR_BURST_MAX, &n);

	if (why)
		return wrong(t, "burst: %s", why);
	if (s->loss.model == FOS_LOSS_GEMODEL)
		return "gemodel has its bursts already";
	s->loss.model = FOS_LOSS_BURST;
	s->loss.burst = (uint32_t)n;
	s->loss.r = FOS_SHARE_ONE / n;
	s->loss.bad = FOS_SHARE_ONE;
	s->loss.good = 0;
	if ((unsigned __int128)share * (n + 1) > (unsigned __int128)n * FOS_SHARE_ONE)
		return "bursts are followed by one packet at least: the share is at most N/(N+1)";
	s->loss.p = share_product(share, s->loss.r, FOS_SHARE_ONE - share);
	return NULL;
}

static const char *set_loss(struct fos_impair_spec *s, struct text *t)
{
	const char *why;

	memset(&s->loss, 0, sizeof s->loss);
	next_part(t);
	if (t->len > 8 && memcmp(t->part, "gemodel:", 8) == 0)
		why = set_gemodel(s, t);
	else
		why = fos__value_share(t->part, t->len, &s->loss.share);
	while (!why && next_part(t)) {
		if (part_is(t, "burst"))
			why = set_burst(s, t);
		else if (part_is(t, "retransmit"))
			why = time_part(t, "retransmit", &s->loss.retransmit_ns);
		else
			why = unknown(t, "burst=N, retransmit=T");
	}
	return why;
}

static const char *set_dup(struct fos_impair_spec *s, struct text *t)
{
	const char *why;

	memset(&s->dup, 0, sizeof s->dup);
	next_part(t);
	why = fos__value_share(t->part, t->len, &s->dup.share);
	while (!why && next_part(t))
		why = part_is(t, "depth") ? depth_part(t, &s->dup.depth) : unknown(t, "depth=N");
	return why;
}

static const char *set_corrupt(struct fos_impair_spec *s, struct text *t)
{
	const char *why;

	memset(&s->corrupt, 0, sizeof s->corrupt);
	next_part(t);
	why = fos__value_share(t->part, t->len, &s->corrupt.share);
	while (!why && next_part(t)) {
		s->corrupt.fix = part_says(t, "checksum=fix");
		if (!s->corrupt.fix)
			why = unknown(t, "checksum=fix");
	}
	return why;
}

static const char *set_truncate(struct fos_impair_spec *s, struct text *t)
{
	const char *why;

	next_part(t);
	why = fos__value_share(t->part, t->len, &s->truncate.share);
	return !why && next_part(t) ? unknown(t, "nothing follows the share") : why;
}

static const char *set_delay(struct fos_impair_spec *s, struct text *t)
{
	const char *why;

	memset(&s->delay, 0, sizeof s->delay);
	next_part(t);
	why = fos__value_time(t->part, t->len, &s->delay.delay_ns);
	while (!why && next_part(t)) {
		if (!part_is(t, "jitter"))
			why = unknown(t, "jitter=T");
		else if ((why = fos__value_time(t->part, t->len, &s->delay.jitter_ns)))
			why = wrong(t, "jitter: %s", why);
	}
	return why;
}

static const char *set_seed(struct fos_impair_spec *s, struct text *t)
{
	return fos__value_seed(t->at, strlen(t->at), &s->seed);
}

static const struct setter {
	const char *name;
	const char *(*set)(struct fos_impair_spec *s, struct text *t);
} setters[] = {
	{ "reorder", set_reorder }, { "loss", set_loss },         { "dup", set_dup },   { "corrupt", set_corrupt },
	{ "delay", set_delay },     { "truncate", set_truncate }, { "seed", set_seed },
};

static int set_string(char **where, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*where);
	*where = copy;
	return 0;
}

static int set_only(struct fos_impair_spec *spec, const char *text, char *err, size_t errlen)
{
	char why[256] = "a pcap filter that matches all says nothing";
	int r = text[strspn(text, " \t")] ? fos__only_check(text, why, sizeof why) : -EINVAL;

	if (r == -EINVAL)
		snprintf(err, errlen, "--only %s: %s", text, why);
	return r ? r : set_string(&spec->only, text);
}

static int set_decisions_in(struct fos_impair_spec *spec, const char *text, char *err, size_t errlen)
{
	struct fos_decisions *list;
	int r = fos_decisions_read(text, &list, err, errlen);

	if (r) /* -ENOENT is for options */
		return r == -ENOMEM ? r : -EINVAL;
	r = set_string(&spec->decisions_in, text);
	if (r == 0)
		fos_impair_spec_replay(spec, list);
	fos_decisions_put(list);
	return r;
}

static int set_decisions_out(struct fos_impair_spec *spec, const char *text, char *err, size_t errlen)
{
	if (!*text) {
		snprintf(err, errlen, "--decisions-out: the name of a file is missing");
		return -EINVAL;
	}
	return set_string(&spec->decisions_out, text);
}

int fos_impair_spec_set(struct fos_impair_spec *spec, const char *name, const char *text, char *err, size_t errlen)
{
	struct fos_impair_spec copy = *spec;
	struct text t = { .at = text };
	int r = -ENOENT;

	snprintf(err, errlen, "--%s: no such impairment", name);
	for (size_t i = 0; i < sizeof setters / sizeof *setters; i++) {
		const char *why;

		if (strcmp(name, setters[i].name) != 0)
			continue;
		why = setters[i].set(&copy, &t);
		if (why) {
			snprintf(err, errlen, "--%s %s: %s", name, text, why);
			return -EINVAL;
		}
		*spec = copy;
		return 0;
	}
	if (strcmp(name, "only") == 0)
		r = set_only(spec, text, err, errlen);
	else if (strcmp(name, "decisions-in") == 0)
		r = set_decisions_in(spec, text, err, errlen);
	else if (strcmp(name, "decisions-out") == 0)
		r = set_decisions_out(spec, text, err, errlen);
	if (r == -ENOMEM)
		snprintf(err, errlen, "--%s: out of memory", name);
	return r;
}
