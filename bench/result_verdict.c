/* SPDX-License-Identifier: BSD-2-Clause
 *
 * result_verdict.c: the verdict and its words.
 */
#include "result_verdict.h"

#include <stdarg.h>
#include <stdio.h>

#include "result_format.h"

/* Did all arrive that streams are made of? A gate waits for what is missing, and may begin a stream late, since a sender sends
 * again what has not arrived. A trace does not. */
static bool run_intact(const struct bench_run *run)
{
	if (run->gate.known && (run->impaired.reordered || run->gate.mid_streams))
		return false;
	return run->impaired.lost == 0 && run->impaired.corrupted == 0 && run->impaired.truncated == 0;
}

enum bench_verdict bench_run_verdict(const struct bench_run *run)
{
	const struct bench_streams *s = &run->streams;

	if (run->error)
		return BENCH_FAILS;
	if (run->udp.known && run->udp.differ)
		return BENCH_FAILS;
	if (!s->known)
		return BENCH_UNCHECKED;
	if (s->differ || s->needless_gap_bytes)
		return BENCH_FAILS;
	if (run_intact(run) && s->identical + s->conflicted != s->total)
		return BENCH_FAILS;
	return BENCH_HOLDS;
}

enum bench_verdict bench_result_verdict(const struct bench_result *r)
{
	bool unchecked = r->run_count == 0;

	for (size_t i = 0; i < r->run_count; i++) {
		enum bench_verdict v = bench_run_verdict(&r->runs[i]);

		if (v == BENCH_FAILS)
			return v;
		unchecked |= v == BENCH_UNCHECKED;
	}
	return unchecked ? BENCH_UNCHECKED : BENCH_HOLDS;
}

const char *bench_run_verdict_word(const struct bench_run *run)
{
	if (run->error)
		return "failed";
	switch (bench_run_verdict(run)) {
	case BENCH_FAILS:
		return run->streams.differ || run->udp.differ ? "DIFFER" : "GAPS";
	case BENCH_HOLDS:
		return run->streams.gapped ? "gaps" : "ok";
	default:
		return "-";
	}
}

struct words {
	char *buf;
	size_t len, at;
};

__attribute__((format(printf, 2, 3))) static void say(struct words *w, const char *format, ...)
{
	va_list args;
	int n;

	if (w->at >= w->len)
		return;
	va_start(args, format);
	n = vsnprintf(w->buf + w->at, w->len - w->at, format, args);
	va_end(args);
	w->at += n > 0 ? (size_t)n : 0;
}

struct sum {
	uint64_t total, identical, gapped, conflicted, differ, gap_bytes, needless, udp_differ, unowed;
	size_t failed, checked, unchecked, missing;
	bool unasked; /* conflicted ones are of a gate, which the model knows not */
};

static struct sum sum_up(const struct bench_result *r)
{
	struct sum n = { 0 };

	for (size_t i = 0; i < r->run_count; i++) {
		const struct bench_run *run = &r->runs[i];

		n.failed += run->error != NULL;
		n.udp_differ += run->udp.differ;
		if (run->error)
			continue;
		if (!run->streams.known) {
			n.unchecked++;
			continue;
		}
		n.checked++;
		n.total += run->streams.total;
		n.identical += run->streams.identical;
		n.gapped += run->streams.gapped;
		n.conflicted += run->streams.conflicted;
		n.unasked |= run->gate.known && !run_intact(run) && run->streams.conflicted;
		n.differ += run->streams.differ;
		n.gap_bytes += run->streams.gap_bytes;
		n.needless += run->streams.needless_gap_bytes;
		if (run_intact(run) && run->streams.identical + run->streams.conflicted != run->streams.total) {
			n.missing++;
			n.unowed += run->streams.gapped; /* nothing was lost that could have left them */
		}
	}
	return n;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

struct number {
	char s[32];
};

static struct number num(uint64_t n)
{
	struct number text;

	bench_format_grouped(n, text.s, sizeof(text.s));
	return text;
}

static void say_wrong(struct words *w, const struct sum *n)
{
	const char *comma = "";

	say(w, "Does not hold: ");
	if (n->failed) {
		say(w, "%zu point%s could not be measured", n->failed, plural(n->failed));
		comma = ", ";
	}
	if (n->differ) {
		say(w, "%s%s of %s stream%s carr%s bytes that differ from the reference", comma, num(n->differ).s,
		    num(n->total).s, plural(n->total), n->differ == 1 ? "ies" : "y");
		comma = ", ";
	}
	if (n->needless) {
		say(w, "%s%s byte%s arrived and %s still reported as a gap", comma, num(n->needless).s,
		    plural(n->needless), n->needless == 1 ? "was" : "were");
		comma = ", ";
	}
	if (n->udp_differ) {
		say(w, "%s%s UDP conversation%s differ%s", comma, num(n->udp_differ).s, plural(n->udp_differ),
		    n->udp_differ == 1 ? "s" : "");
		comma = ", ";
	}
	if (n->missing && !n->differ && !n->needless)
		say(w, "%s%s stream%s %s gaps although nothing was lost", comma, num(n->unowed).s, plural(n->unowed),
		    n->unowed == 1 ? "has" : "have");
	say(w, ".");
}

static void say_right(struct words *w, const struct sum *n)
{
	if (n->identical == n->total)
		say(w, "Holds: all %s stream%s %s identical to the reference", num(n->total).s, plural(n->total),
		    n->total == 1 ? "is" : "are");
	else
		say(w, "Holds: %s of %s streams are identical to the reference", num(n->identical).s, num(n->total).s);
	if (n->gapped)
		say(w, "; %s %s gaps (%s byte%s), all of them accounted for", num(n->gapped).s,
		    n->gapped == 1 ? "has" : "have", num(n->gap_bytes).s, plural(n->gap_bytes));
	if (n->conflicted)
		say(w,
		    "; %s depend%s on the order of packets in the trace itself (different bytes for one place, or an "
		    "unclear connection) and %s held against the model%s",
		    num(n->conflicted).s, n->conflicted == 1 ? "s" : "", n->conflicted == 1 ? "was" : "were",
		    n->unasked ? ", but for those behind a gate, which it does not know" : "");
	say(w, ".");
}

const char *bench_result_verdict_text(const struct bench_result *r, char *buf, size_t len)
{
	struct words w = { .buf = buf, .len = len };
	struct sum n = sum_up(r);
	size_t partial = 0, noisy = 0;

	buf[0] = '\0';
	if (r->run_count == 0)
		say(&w, "Nothing was run.");
	else if (bench_result_verdict(r) == BENCH_FAILS)
		say_wrong(&w, &n);
	else if (n.checked == 0)
		say(&w, "Not checked: the streams were not compared with a reference.");
	else
		say_right(&w, &n);
	if (n.checked && n.unchecked)
		say(&w, " %zu run%s not checked.", n.unchecked, n.unchecked == 1 ? " was" : "s were");
	for (size_t i = 0; i < r->run_count; i++) {
		partial += r->runs[i].partial;
		noisy += r->runs[i].noisy;
	}
	if (partial)
		say(&w, " The trace is damaged: only the part before the damage counts.");
	if (noisy)
		say(&w, " %zu run%s noisy: repeat before believing small differences.", noisy,
		    noisy == 1 ? " is" : "s are");
	return buf;
}
