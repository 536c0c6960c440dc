/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst_out.c: the table, CSV, and the numbers' names, which JSON has too.
 */
#include "worst_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "result_file.h"
#include "result_format.h"
#include "table.h"
#include "table_text.h"
#include "worst_drops.h"

enum { COLUMNS = 10 };

/* Above the cap by no more than it may be? */
static bool in_slack(const struct worst_bound *b)
{
	return b->peak > b->cap && b->peak <= b->cap + b->slack;
}

/* That of which the greatest share was used. */
static void bound_text(const struct worst_result *r, char *buf, size_t len)
{
	static const char *const name[] = { "held", "held", "kept", "sessions", "datagrams", "fragments" };
	const bool bytes[] = { true, true, true, false, false, true };
	char peak[24], cap[24];
	int most = 0;

	for (int i = 1; i < WORST_BOUNDS; i++)
		if ((double)r->bound[i].peak * (double)r->bound[most].cap >
		    (double)r->bound[most].peak * (double)r->bound[i].cap)
			most = i;
	const struct worst_bound *b = &r->bound[most];

	if (bytes[most]) {
		bench_format_bytes((double)b->peak, peak, sizeof(peak));
		bench_format_bytes((double)b->cap, cap, sizeof(cap));
	} else {
		bench_format_count(b->peak, peak, sizeof(peak));
		bench_format_count(b->cap, cap, sizeof(cap));
	}
	snprintf(buf, len, "%s %s of %s%s", name[most], peak, cap, in_slack(b) ? "*" : "");
}

static void drops_text(const struct worst_result *r, char *buf, size_t len)
{
	size_t at = 0;
	char n[24];

	snprintf(buf, len, "-");
	for (size_t i = 0; i < worst_drop_count; i++) {
		uint64_t count = worst_drop_at(i, &r->st);

		if (count && at < len)
			at += (size_t)snprintf(buf + at, len - at, "%s%s %s", at ? ", " : "", worst_drop_name(i),
			                       bench_format_count(count, n, sizeof(n)));
	}
}

static const char *verdict(const struct worst_result *r)
{
	if (worst_over_cap(r))
		return "OVER CAP";
	if (r->innocent.damaged + r->attack.damaged)
		return "WRONG BYTES";
	return worst_innocents_whole(r) ? "holds" : "BYTES LOST";
}

static int set_row(struct bench_text_table *t, size_t i, const struct worst_result *r)
{
	char cell[COLUMNS][160];
	int rc = 0;

	for (size_t k = 0; k < COLUMNS; k++)
		snprintf(cell[k], sizeof(cell[k]), "-");
	snprintf(cell[0], sizeof(cell[0]), "%s", r->c->name);
	bench_format_count(r->packets, cell[1], sizeof(cell[1]));
	snprintf(cell[2], sizeof(cell[2]), "%.0f%s", worst_ns(r, false), r->noisy ? "!" : "");
	if (r->twin) {
		snprintf(cell[3], sizeof(cell[3]), "%.0f", worst_ns(r, true));
		snprintf(cell[4], sizeof(cell[4]), "%.2f", r->ratio.ratio);
		snprintf(cell[5], sizeof(cell[5]), "%s",
		         worst_over_ratio(r) ? "over"
		         : r->c->known_seed  ? "shown"
		                             : "ok");
	}
	bound_text(r, cell[6], sizeof(cell[6]));
	bench_format_bytes((double)r->growth_bytes, cell[7], sizeof(cell[7]));
	snprintf(cell[8], sizeof(cell[8]), "%llu/%llu", (unsigned long long)r->innocent.whole,
	         (unsigned long long)r->innocent.total);
	snprintf(cell[9], sizeof(cell[9]), "%s", verdict(r));
	for (size_t k = 0; k < COLUMNS && rc == 0; k++)
		rc = bench_text_table_set(t, i, k, cell[k]);
	return rc;
}

static const char *colour(const char *cell)
{
	if (strcmp(cell, "over") == 0)
		return "\033[33m";
	if (strcmp(cell, "OVER CAP") == 0 || strcmp(cell, "WRONG BYTES") == 0 || strcmp(cell, "BYTES LOST") == 0)
		return "\033[31m";
	return NULL;
}

/* Where something was given up, a line a case. */
static void write_given_up(const struct worst_report *w, FILE *out)
{
	bool any = false;

	for (size_t i = 0; i < w->n; i++) {
		char text[512];

		drops_text(&w->r[i], text, sizeof(text));
		if (strcmp(text, "-") == 0)
			continue;
		fprintf(out, "%s  %-20s %s\n", any ? "" : "\ngiven up, by reason:\n", w->r[i].c->name, text);
		any = true;
	}
}

static void write_sum(const struct worst_report *w, FILE *out)
{
	size_t holds = 0, over = 0, twins = 0;
	bool slack = false;

	for (size_t i = 0; i < w->n; i++) {
		holds += worst_holds(&w->r[i]);
		over += worst_over_ratio(&w->r[i]);
		twins += w->r[i].twin && !w->r[i].c->known_seed;
		for (int k = 0; k < WORST_BOUNDS; k++)
			slack |= in_slack(&w->r[i].bound[k]);
	}
	if (slack)
		fprintf(
		    out,
		    "\n* A packet is held before its cap is looked at: up to %d KiB, a packet in pieces, may come on "
		    "top.\n",
		    WORST_PACKET / 1024);
	fprintf(out,
	        "\n%zu of %zu cases hold: memory within the caps, every innocent stream whole.\n"
	        "%zu of %zu cost at most %g times their twin%s.\n",
	        holds, w->n, twins - over, twins, worst_ratio_limit, over ? "; the others are marked over" : "");
}

int worst_table(const struct worst_report *w, FILE *out)
{
	struct bench_column column[COLUMNS] = {
		{ .head = "case", .left = true },
		{ .head = "packets", .rank = 5 },
		{ .head = "ns/packet" },
		{ .head = "twin", .rank = 3 },
		{ .head = "ratio" },
		{ .head = "", .left = true, .rank = 1 },
		{ .head = "nearest cap", .left = true },
		{ .head = "growth", .rank = 4 },
		{ .head = "innocent" },
		{ .head = "", .left = true },
	};
	struct bench_table_style style = bench_table_style(out);
	struct bench_text_table t;
	int rc = bench_text_table_init(&t, column, COLUMNS, w->n);

	for (size_t i = 0; i < w->n && rc == 0; i++)
		rc = set_row(&t, i, &w->r[i]);
	if (rc == 0) {
		bench_text_table_fit(&t, style.width);
		bench_text_table_print(&t, out, "", style.colour ? colour : NULL);
		write_given_up(w, out);
		write_sum(w, out);
	}
	bench_text_table_clear(&t);
	return rc ? rc : ferror(out) ? -EIO : 0;
}
