/* SPDX-License-Identifier: BSD-2-Clause
 *
 * html_report_runs.c: tables with a row a run. A table is a list of columns, a column says where in a run its number is
 * and how it is written; a table of which nothing was measured is left out.
 */
#include <inttypes.h>
#include <string.h>

#include "html_report_out.h"
#include "result_format.h"
#include "result_verdict.h"

enum format {
	F_COUNT,   /* uint64_t */
	F_BYTES,   /* uint64_t */
	F_FBYTES,  /* double */
	F_NS,      /* uint64_t */
	F_SECONDS, /* double */
	F_NUMBER,  /* double */
	F_MILLION, /* double */
	F_PERCENT, /* double, a ratio */
	F_OWN,     /* `own` writes the cell's content */
};

struct column {
	const char *head;
	enum format format;
	size_t at, known; /* offsets in struct bench_run; known SIZE_MAX: where the run was timed */
	void (*own)(const struct bench_result *r, const struct bench_run *run, FILE *out);
	bool text;
};

struct table {
	const char *title, *note;
	const struct column *column;
	size_t columns;
	bool (*shown)(const struct bench_run *run); /* NULL: when a column is known */
};

#define AT(member)  offsetof(struct bench_run, member)
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void own_interval(const struct bench_result *r, const struct bench_run *run, FILE *out)
{
	(void)r;
	if (run->seconds.count < 2)
		fputs("–", out);
	else
		fprintf(out, "± %.1f %%%s", bench_run_ci_percent(run), run->noisy ? ", noisy" : "");
}

static void own_asked(const struct bench_result *r, const struct bench_run *run, FILE *out)
{
	const struct bench_pairs *lists[] = { &run->axes, &r->impair };
	const char *comma = "";
	char value[256];

	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; i < lists[k]->count; i++) {
			const struct bench_pair *p = &lists[k]->at[i];

			if (k == 0 && !bench_pairs_find(&r->impair, p->key))
				continue; /* an axis, but no impairment */
			if (k == 1 && bench_pairs_find(&run->axes, p->key))
				continue;
			fputs(comma, out);
			bench_html_text(out, p->key);
			fputc(' ', out);
			bench_html_text(out, bench_pair_value(p, value, sizeof(value)));
			comma = ", ";
		}
	}
	if (!*comma)
		fputs("nothing", out);
}

static void own_drawn(const struct bench_result *r, const struct bench_run *run, FILE *out)
{
	char n[32];

	(void)r;
	fputs(bench_format_grouped(run->impaired.selected, n, sizeof(n)), out);
	if (run->packets)
		fprintf(out, " (%.2f %%)", 100 * (double)run->impaired.selected / (double)run->packets);
}

static void own_drops(const struct bench_result *r, const struct bench_run *run, FILE *out)
{
	char n[32];

	(void)r;
	for (size_t i = 0; i < run->drop_count; i++) {
		fputs(i ? ", " : "", out);
		bench_html_text(out, run->drops[i].reason);
		fprintf(out, " %s", bench_format_grouped(run->drops[i].count, n, sizeof(n)));
	}
	if (run->drop_count == 0)
		fputs("none", out);
}

static void own_peers(const struct bench_result *r, const struct bench_run *run, FILE *out)
{
	char text[128];

	(void)r;
	for (size_t i = 0; i < run->peer_count; i++) {
		fputs(i ? "<br>" : "", out);
		bench_html_text(out, run->peers[i].name);
		fprintf(out, ": %s", bench_format_peer(run, &run->peers[i], text, sizeof(text)));
	}
}

static void own_reference(const struct bench_result *r, const struct bench_run *run, FILE *out)
{
	(void)r;
	bench_html_text(out, run->streams.reference ? run->streams.reference : "–");
}

static const struct column figures[] = {
	{ .head = "Gbit/s", .format = F_NUMBER, .at = AT(gbps), .known = SIZE_MAX },
	{ .head = "Mpps", .format = F_MILLION, .at = AT(pps), .known = SIZE_MAX },
	{ .head = "time, median", .format = F_SECONDS, .at = AT(seconds.median), .known = SIZE_MAX },
	{ .head = "95 % interval", .format = F_OWN, .known = SIZE_MAX, .own = own_interval },
	{ .head = "goodput, Gbit/s", .format = F_NUMBER, .at = AT(goodput_gbps), .known = SIZE_MAX },
	{ .head = "sessions/s", .format = F_NUMBER, .at = AT(sessions_per_second), .known = SIZE_MAX },
	{ .head = "packets", .format = F_COUNT, .at = AT(packets) },
	{ .head = "workers", .format = F_COUNT, .at = AT(workers), .known = SIZE_MAX },
	{ .head = "speed-up", .format = F_NUMBER, .at = AT(speedup.engine), .known = AT(speedup.known) },
	{ .head = "the floor's", .format = F_NUMBER, .at = AT(speedup.floor), .known = AT(speedup.known) },
	{ .head = "captured", .format = F_BYTES, .at = AT(wire_bytes) },
	{ .head = "payload", .format = F_BYTES, .at = AT(payload_bytes) },
};
static const struct column check[] = {
	{ .head = "reference", .format = F_OWN, .known = AT(streams.known), .own = own_reference, .text = true },
	{ .head = "streams", .format = F_COUNT, .at = AT(streams.total), .known = AT(streams.known) },
	{ .head = "identical", .format = F_COUNT, .at = AT(streams.identical), .known = AT(streams.known) },
	{ .head = "gapped", .format = F_COUNT, .at = AT(streams.gapped), .known = AT(streams.known) },
	{ .head = "conflicted", .format = F_COUNT, .at = AT(streams.conflicted), .known = AT(streams.known) },
	{ .head = "differ", .format = F_COUNT, .at = AT(streams.differ), .known = AT(streams.known) },
	{ .head = "gap bytes", .format = F_COUNT, .at = AT(streams.gap_bytes), .known = AT(streams.known) },
	{ .head = "needless gap bytes",
	  .format = F_COUNT,
	  .at = AT(streams.needless_gap_bytes),
	  .known = AT(streams.known) },
	{ .head = "UDP datagrams", .format = F_COUNT, .at = AT(udp.datagrams), .known = AT(udp.known) },
	{ .head = "UDP differ", .format = F_COUNT, .at = AT(udp.differ), .known = AT(udp.known) },
};
static const struct column impairments[] = {
	{ .head = "asked", .format = F_OWN, .known = AT(impaired.known), .own = own_asked, .text = true },
	{ .head = "drawn for reordering", .format = F_OWN, .known = AT(impaired.known), .own = own_drawn },
	{ .head = "reordered", .format = F_COUNT, .at = AT(impaired.reordered), .known = AT(impaired.known) },
	{ .head = "measured", .format = F_PERCENT, .at = AT(impaired.reordered_ratio), .known = AT(impaired.known) },
	{ .head = "largest extent", .format = F_COUNT, .at = AT(impaired.max_extent), .known = AT(impaired.known) },
	{ .head = "lost", .format = F_COUNT, .at = AT(impaired.lost), .known = AT(impaired.known) },
	{ .head = "duplicated", .format = F_COUNT, .at = AT(impaired.duplicated), .known = AT(impaired.known) },
	{ .head = "corrupted", .format = F_COUNT, .at = AT(impaired.corrupted), .known = AT(impaired.known) },
	{ .head = "truncated", .format = F_COUNT, .at = AT(impaired.truncated), .known = AT(impaired.known) },
};
static const struct column latencies[] = {
	{ .head = "service p50", .format = F_NS, .at = AT(service_ns.p50), .known = AT(service_ns.known) },
	{ .head = "p99", .format = F_NS, .at = AT(service_ns.p99), .known = AT(service_ns.known) },
	{ .head = "p99.9", .format = F_NS, .at = AT(service_ns.p999), .known = AT(service_ns.known) },
	{ .head = "wait for a hole p50", .format = F_NS, .at = AT(hol_wait_ns.p50), .known = AT(hol_wait_ns.known) },
	{ .head = "p99", .format = F_NS, .at = AT(hol_wait_ns.p99), .known = AT(hol_wait_ns.known) },
	{ .head = "p99.9", .format = F_NS, .at = AT(hol_wait_ns.p999), .known = AT(hol_wait_ns.known) },
	{ .head = "CPU s", .format = F_NUMBER, .at = AT(live.cpu_seconds), .known = AT(live.known) },
	{ .head = "CPU s/Gbit", .format = F_NUMBER, .at = AT(live.cpu_seconds_per_gbit), .known = AT(live.known) },
	{ .head = "forwarded", .format = F_COUNT, .at = AT(live.forwarded), .known = AT(live.known) },
	{ .head = "ring drops", .format = F_COUNT, .at = AT(live.ring_drops), .known = AT(live.known) },
	{ .head = "ring freezes", .format = F_COUNT, .at = AT(live.ring_freezes), .known = AT(live.known) },
	{ .head = "not sent", .format = F_COUNT, .at = AT(live.not_sent), .known = AT(live.known) },
	{ .head = "let go by the gate", .format = F_COUNT, .at = AT(gate.released), .known = AT(gate.known) },
	{ .head = "of those late", .format = F_COUNT, .at = AT(gate.released_late), .known = AT(gate.known) },
	{ .head = "not let go", .format = F_COUNT, .at = AT(gate.not_released), .known = AT(gate.known) },
	{ .head = "waiting, peak", .format = F_COUNT, .at = AT(gate.waiting_peak), .known = AT(gate.known) },
	{ .head = "longest wait", .format = F_NS, .at = AT(gate.longest_wait_ns), .known = AT(gate.known) },
	{ .head = "latency p50", .format = F_NS, .at = AT(latency_ns.p50), .known = AT(latency_ns.known) },
	{ .head = "p99", .format = F_NS, .at = AT(latency_ns.p99), .known = AT(latency_ns.known) },
	{ .head = "p99.9", .format = F_NS, .at = AT(latency_ns.p999), .known = AT(latency_ns.known) },
};
static const struct column memory[] = {
	{ .head = "open at once", .format = F_COUNT, .at = AT(concurrent_peak), .known = AT(memory.known) },
	{ .head = "a session", .format = F_FBYTES, .at = AT(memory.bytes_per_session), .known = AT(memory.known) },
	{ .head = "held above holes, peak",
	  .format = F_BYTES,
	  .at = AT(memory.held_peak_bytes),
	  .known = AT(memory.known) },
	{ .head = "anonymous, peak", .format = F_BYTES, .at = AT(memory.peak_anon_bytes), .known = AT(memory.known) },
	{ .head = "resident, peak", .format = F_BYTES, .at = AT(memory.peak_rss_bytes), .known = AT(memory.known) },
	{ .head = "distinct payload", .format = F_BYTES, .at = AT(distinct_payload_bytes), .known = AT(memory.known) },
};
static const struct column drops[] = {
	{ .head = "dropped, by reason", .format = F_OWN, .own = own_drops, .text = true },
};
static const struct column peers[] = {
	{ .head = "the same packets through other programs", .format = F_OWN, .own = own_peers, .text = true },
};

static bool has_drops(const struct bench_run *run)
{
	return run->drop_count > 0;
}

static bool has_peers(const struct bench_run *run)
{
	return run->peer_count > 0;
}

static const struct table tables[] = {
	{ "Check", "Streams are the directions of TCP sessions that carry data, held against a reference.", check,
	  COUNT(check), NULL },
	{ "Impairment", "What was asked for, what chance drew, and what came of it, measured within each direction.",
	  impairments, COUNT(impairments), NULL },
	{ "Latency", NULL, latencies, COUNT(latencies), NULL },
	{ "Memory", NULL, memory, COUNT(memory), NULL },
	{ "Drops", NULL, drops, COUNT(drops), has_drops },
	{ "Peers", NULL, peers, COUNT(peers), has_peers },
};

static bool column_known(const struct column *c, const struct bench_run *run)
{
	if (c->known == SIZE_MAX)
		return run->seconds.count > 0;
	return c->known == 0 || *(const bool *)((const char *)run + c->known);
}

static void number_text(const struct column *c, const struct bench_run *run, char *buf, size_t len)
{
	const void *at = (const char *)run + c->at;
	uint64_t u = *(const uint64_t *)at;
	double f;

	memcpy(&f, at, sizeof(f));
	switch (c->format) {
	case F_COUNT:
		bench_format_grouped(u, buf, len);
		break;
	case F_BYTES:
		bench_format_bytes((double)u, buf, len);
		break;
	case F_FBYTES:
		bench_format_bytes(f, buf, len);
		break;
	case F_NS:
		bench_format_seconds((double)u * 1e-9, buf, len);
		break;
	case F_SECONDS:
		bench_format_seconds(f, buf, len);
		break;
	case F_MILLION:
		bench_format_number(f * 1e-6, buf, len);
		break;
	case F_PERCENT:
		snprintf(buf, len, "%.2f %%", f * 100);
		break;
	default:
		if (f >= 1e4)
			bench_format_grouped((uint64_t)(f + 0.5), buf, len);
		else
			bench_format_number(f, buf, len);
	}
}

static void write_cell(const struct bench_result *r, const struct bench_run *run, const struct column *c, FILE *out)
{
	char text[64];

	fputs(c->text ? "<td class=\"text\">" : "<td>", out);
	if (!column_known(c, run)) {
		fputs("–", out);
	} else if (c->own) {
		c->own(r, run, out);
	} else {
		number_text(c, run, text, sizeof(text));
		bench_html_text(out, text);
	}
	fputs("</td>", out);
}

static void write_name(const struct bench_run *run, FILE *out)
{
	char text[256], n[32];

	fprintf(out, "<tr><th scope=\"row\">%s session%s", bench_format_grouped(run->sessions, n, sizeof(n)),
	        run->sessions == 1 ? "" : "s");
	for (size_t i = 0; i < run->axes.count; i++) {
		fputs(", ", out);
		bench_html_text(out, run->axes.at[i].key);
		fputc(' ', out);
		bench_html_text(out, bench_pair_value(&run->axes.at[i], text, sizeof(text)));
	}
	fputs("</th>", out);
}

static bool is_shown(const struct table *t, const struct column *c, const struct bench_result *r)
{
	for (size_t i = 0; i < r->run_count; i++) {
		if (t->shown ? t->shown(&r->runs[i]) : column_known(c, &r->runs[i]))
			return true;
	}
	return false;
}

static void write_table(const struct bench_result *r, const struct table *t, FILE *out, bool verdict)
{
	fprintf(out, "<div class=\"wide-table\"><table><thead><tr><th scope=\"col\" class=\"text\">run</th>%s",
	        verdict ? "<th scope=\"col\" class=\"text\">check</th>" : "");
	for (size_t k = 0; k < t->columns; k++) {
		if (is_shown(t, &t->column[k], r))
			fprintf(out, "<th scope=\"col\"%s>%s</th>", t->column[k].text ? " class=\"text\"" : "",
			        t->column[k].head);
	}
	fputs("</tr></thead>\n<tbody>\n", out);
	for (size_t i = 0; i < r->run_count; i++) {
		const struct bench_run *run = &r->runs[i];
		enum bench_verdict v = bench_run_verdict(run);

		write_name(run, out);
		if (verdict)
			fprintf(out, "<td class=\"text%s\">%s</td>",
			        v == BENCH_FAILS   ? " bad"
			        : v == BENCH_HOLDS ? " good"
			                           : "",
			        bench_run_verdict_word(run));
		for (size_t k = 0; k < t->columns; k++) {
			if (is_shown(t, &t->column[k], r))
				write_cell(r, run, &t->column[k], out);
		}
		fputs("</tr>\n", out);
	}
	fputs("</tbody></table></div>\n", out);
}

static void write_trouble(const struct bench_run *run, const char *what, const char *why, FILE *out)
{
	char name[256];

	fputs("<p>", out);
	bench_html_text(out, bench_run_name(run, name, sizeof(name)));
	fprintf(out, " %s: ", what);
	bench_html_text(out, why);
	fputs(".</p>\n", out);
}

static void write_troubles(const struct bench_result *r, FILE *out)
{
	for (size_t i = 0; i < r->run_count; i++) {
		const struct bench_run *run = &r->runs[i];

		if (run->error)
			write_trouble(run, "failed", run->error, out);
		if (run->partial)
			write_trouble(run, "counts only what comes before the damage of the trace",
			              run->partial_reason ? run->partial_reason : "reason unknown", out);
	}
}

void bench_html_runs(const struct bench_result *r, FILE *out)
{
	const struct table main_table = { .column = figures, .columns = COUNT(figures) };

	fputs("<section><h2>Runs</h2>\n", out);
	write_table(r, &main_table, out, true);
	write_troubles(r, out);
	fputs("</section>\n", out);
	bench_html_plots(r, out);
	for (size_t i = 0; i < COUNT(tables); i++) {
		bool any = false;

		for (size_t k = 0; k < tables[i].columns; k++)
			any |= is_shown(&tables[i], &tables[i].column[k], r);
		if (!any)
			continue;
		fprintf(out, "<section><h2>%s</h2>\n", tables[i].title);
		if (tables[i].note)
			fprintf(out, "<p class=\"soft\">%s</p>\n", tables[i].note);
		write_table(r, &tables[i], out, false);
		fputs("</section>\n", out);
	}
}
