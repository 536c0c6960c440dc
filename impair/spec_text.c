/* SPDX-License-Identifier: BSD-2-Clause
 *
 * spec_text.c: a spec as the text of options, in one canonical form. Reads the spec; touches nothing.
 */
#include <flowos/impair_spec.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "value.h"

/* Text that is added to, and counted where it does not fit. */
struct out {
	char *buf;
	size_t len, at;
};

static void put(struct out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct out *o, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(o->at < o->len ? o->buf + o->at : NULL, o->at < o->len ? o->len - o->at : 0, format, args);
	va_end(args);
	if (n > 0)
		o->at += (size_t)n;
}

static void put_share(struct out *o, uint64_t share)
{
	char buf[FOS__VALUE_TEXT];

	put(o, "%s", fos__value_share_text(share, buf));
}

static void put_time(struct out *o, const char *before, uint64_t ns)
{
	char buf[FOS__VALUE_TEXT];

	put(o, "%s%s", before, fos__value_time_text(ns, buf));
}

static void put_reorder(const struct fos_impair_spec *s, struct out *o)
{
	if (!s->reorder.share)
		return;
	put_share(o, s->reorder.share);
	if (s->reorder.delay_ns)
		put_time(o, ",delay=", s->reorder.delay_ns);
	else
		put(o, ",depth=%u,scope=%s", s->reorder.depth, s->reorder.link ? "link" : "session");
}

static void put_loss(const struct fos_impair_spec *s, struct out *o)
{
	if (s->loss.model == FOS_LOSS_GEMODEL) {
		const uint64_t v[] = { s->loss.p, s->loss.r, s->loss.bad, s->loss.good };

		for (unsigned i = 0; i < 4; i++) {
			put(o, "%s", i ? "," : "gemodel:");
			put_share(o, v[i]);
		}
	} else if (s->loss.share) {
		put_share(o, s->loss.share);
		if (s->loss.model == FOS_LOSS_BURST)
			put(o, ",burst=%u", s->loss.burst);
	} else {
		return;
	}
	if (s->loss.retransmit_ns)
		put_time(o, ",retransmit=", s->loss.retransmit_ns);
}

static void put_dup(const struct fos_impair_spec *s, struct out *o)
{
	if (!s->dup.share)
		return;
	put_share(o, s->dup.share);
	if (s->dup.depth)
		put(o, ",depth=%u", s->dup.depth);
}

static void put_corrupt(const struct fos_impair_spec *s, struct out *o)
{
	if (!s->corrupt.share)
		return;
	put_share(o, s->corrupt.share);
	if (s->corrupt.fix)
		put(o, ",checksum=fix");
}

static void put_truncate(const struct fos_impair_spec *s, struct out *o)
{
	if (s->truncate.share)
		put_share(o, s->truncate.share);
}

static void put_delay(const struct fos_impair_spec *s, struct out *o)
{
	if (!s->delay.delay_ns && !s->delay.jitter_ns)
		return;
	put_time(o, "", s->delay.delay_ns);
	if (s->delay.jitter_ns)
		put_time(o, ",jitter=", s->delay.jitter_ns);
}

static void put_only(const struct fos_impair_spec *s, struct out *o)
{
	put(o, "%s", s->only ? s->only : "");
}

static void put_seed(const struct fos_impair_spec *s, struct out *o)
{
	put(o, "%" PRIu64, s->seed);
}

static void put_decisions_in(const struct fos_impair_spec *s, struct out *o)
{
	put(o, "%s", s->decisions_in ? s->decisions_in : "");
}

static void put_decisions_out(const struct fos_impair_spec *s, struct out *o)
{
	put(o, "%s", s->decisions_out ? s->decisions_out : "");
}

static const struct putter {
	const char *name;
	void (*put)(const struct fos_impair_spec *s, struct out *o);
	bool quoted; /* free text */
	bool silent; /* changes nothing: not part of the line */
} putters[] = {
	{ "reorder", put_reorder, false, false },   { "loss", put_loss, false, false },
	{ "dup", put_dup, false, false },           { "corrupt", put_corrupt, false, false },
	{ "truncate", put_truncate, false, false }, { "delay", put_delay, false, false },
	{ "only", put_only, true, false },          { "decisions-in", put_decisions_in, true, false },
	{ "seed", put_seed, false, false },         { "decisions-out", put_decisions_out, true, true },
};

int fos_impair_spec_value(const struct fos_impair_spec *spec, const char *name, char *buf, size_t len)
{
	struct out o = { .buf = buf, .len = len };

	if (len > 0)
		buf[0] = '\0';
	for (size_t i = 0; i < sizeof putters / sizeof *putters; i++) {
		if (strcmp(name, putters[i].name) == 0)
			putters[i].put(spec, &o);
	}
	return (int)o.at;
}

/* In single quotes, in which only a single quote needs care. */
static void put_quoted(struct out *o, const char *text)
{
	put(o, "'");
	for (; *text; text++) {
		if (*text == '\'')
			put(o, "'\\''");
		else
			put(o, "%c", *text);
	}
	put(o, "'");
}

static const char *free_text(const struct fos_impair_spec *spec, const struct putter *p)
{
	return p->put == put_only ? spec->only : spec->decisions_in;
}

int fos_impair_spec_text(const struct fos_impair_spec *spec, char *buf, size_t len)
{
	struct out o = { .buf = buf, .len = len };

	if (len > 0)
		buf[0] = '\0';
	for (size_t i = 0; i < sizeof putters / sizeof *putters; i++) {
		const struct putter *p = &putters[i];
		struct out none = { 0 };

		p->put(spec, &none);
		if (none.at == 0 || p->silent)
			continue;
		put(&o, "%s--%s ", o.at ? " " : "", p->name);
		if (p->quoted)
			put_quoted(&o, free_text(spec, p));
		else
			p->put(spec, &o);
	}
	return (int)o.at;
}
