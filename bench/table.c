/* SPDX-License-Identifier: BSD-2-Clause
 *
 * table.c: which columns a result has on the terminal. Sessions, axes, time, rates and the verdict stay whatever the
 * width; the others have ranks.
 */
#include "table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "result_format.h"
#include "result_verdict.h"
#include "table_text.h"

typedef void bench_cell(const struct bench_run *run, char *buf, size_t len);

static void unknown(char *buf, size_t len)
{
	snprintf(buf, len, "-");
}

static void cell_sessions(const struct bench_run *run, char *buf, size_t len)
{
	bench_format_grouped(run->sessions, buf, len);
}

static void cell_packets(const struct bench_run *run, char *buf, size_t len)
{
	bench_format_count(run->packets, buf, len);
}

static void cell_time(const struct bench_run *run, char *buf, size_t len)
{
	if (run->seconds.count)
		bench_format_seconds(run->seconds.median, buf, len);
	else
		unknown(buf, len);
}

static void cell_ci(const struct bench_run *run, char *buf, size_t len)
{
	if (run->seconds.count > 1)
		snprintf(buf, len, "%.1f%s", bench_run_ci_percent(run), run->noisy ? "!" : "");
	else
		unknown(buf, len);
}

static void cell_mpps(const struct bench_run *run, char *buf, size_t len)
{
	if (run->seconds.count)
		bench_format_number(run->pps / 1e6, buf, len);
	else
		unknown(buf, len);
}

static void cell_speedup(const struct bench_run *run, char *buf, size_t len)
{
	if (run->speedup.known && run->speedup.floor > 0)
		snprintf(buf, len, "%.2f (%.2f)", run->speedup.engine, run->speedup.floor);
	else if (run->speedup.known)
		snprintf(buf, len, "%.2f", run->speedup.engine);
	else
		unknown(buf, len);
}

static void cell_gbps(const struct bench_run *run, char *buf, size_t len)
{
	if (run->seconds.count)
		bench_format_number(run->gbps, buf, len);
	else
		unknown(buf, len);
}

static void cell_reordered(const struct bench_run *run, char *buf, size_t len)
{
	if (run->impaired.known && (run->impaired.reordered || run->impaired.selected))
		snprintf(buf, len, "%.2f", run->impaired.reordered_ratio * 100);
	else
		unknown(buf, len);
}

static void count_or_dash(uint64_t n, char *buf, size_t len)
{
	if (n)
		bench_format_count(n, buf, len);
	else
		unknown(buf, len);
}

static void cell_lost(const struct bench_run *run, char *buf, size_t len)
{
	count_or_dash(run->impaired.lost, buf, len);
}

static void cell_dup(const struct bench_run *run, char *buf, size_t len)
{
	count_or_dash(run->impaired.duplicated, buf, len);
}

static void cell_streams(const struct bench_run *run, char *buf, size_t len)
{
	uint64_t right = run->streams.identical + run->streams.conflicted;
	char ok[24], total[24];

	if (!run->streams.known)
		unknown(buf, len);
	else if (right == run->streams.total)
		snprintf(buf, len, "%s/%s", bench_format_count(right, ok, sizeof(ok)),
		         bench_format_count(right, total, sizeof(total)));
	else /* to the last stream: 20.0k/20.0k would hide it */
		snprintf(buf, len, "%s/%s", bench_format_grouped(right, ok, sizeof(ok)),
		         bench_format_grouped(run->streams.total, total, sizeof(total)));
}

static void cell_gap(const struct bench_run *run, char *buf, size_t len)
{
	if (run->streams.gap_bytes)
		bench_format_bytes((double)run->streams.gap_bytes, buf, len);
	else
		unknown(buf, len);
}

static void cell_hol(const struct bench_run *run, char *buf, size_t len)
{
	if (run->hol_wait_ns.known)
		bench_format_seconds((double)run->hol_wait_ns.p99 * 1e-9, buf, len);
	else
		unknown(buf, len);
}

static void cell_memory(const struct bench_run *run, char *buf, size_t len)
{
	if (run->memory.known)
		bench_format_bytes(run->memory.bytes_per_session, buf, len);
	else
		unknown(buf, len);
}

static void cell_rss(const struct bench_run *run, char *buf, size_t len)
{
	if (run->memory.known)
		bench_format_bytes((double)run->memory.peak_rss_bytes, buf, len);
	else
		unknown(buf, len);
}

static void latency(const struct bench_run *run, uint64_t ns, char *buf, size_t len)
{
	if (run->latency_ns.known)
		bench_format_seconds((double)ns * 1e-9, buf, len);
	else
		unknown(buf, len);
}

static void cell_latency(const struct bench_run *run, char *buf, size_t len)
{
	latency(run, run->latency_ns.p50, buf, len);
}

static void cell_latency_p99(const struct bench_run *run, char *buf, size_t len)
{
	latency(run, run->latency_ns.p99, buf, len);
}

static void cell_latency_p999(const struct bench_run *run, char *buf, size_t len)
{
	latency(run, run->latency_ns.p999, buf, len);
}

static void cell_cpu(const struct bench_run *run, char *buf, size_t len)
{
	if (run->live.known && run->live.cpu_seconds_per_gbit > 0)
		bench_format_number(run->live.cpu_seconds_per_gbit, buf, len);
	else
		unknown(buf, len);
}

static void cell_ring(const struct bench_run *run, char *buf, size_t len)
{
	if (run->live.known)
		bench_format_grouped(run->live.ring_drops, buf, len);
	else
		unknown(buf, len);
}

static void cell_verdict(const struct bench_run *run, char *buf, size_t len)
{
	snprintf(buf, len, "%s", bench_run_verdict_word(run));
}

static const struct {
	const char *head;
	unsigned rank;
	bool left;
	bench_cell *cell;
} run_column[] = {
	{ "packets", 4, false, cell_packets },
	{ "time", 0, false, cell_time },
	{ "ci %", 5, false, cell_ci },
	{ "Mpps", 0, false, cell_mpps },
	{ "Gbit/s", 0, false, cell_gbps },
	{ "speedup", 2, false, cell_speedup },
	{ "reord %", 6, false, cell_reordered },
	{ "lost", 7, false, cell_lost },
	{ "dup", 10, false, cell_dup },
	{ "streams ok", 1, false, cell_streams },
	{ "gaps", 3, false, cell_gap },
	{ "hol p99", 9, false, cell_hol },
	{ "B/session", 8, false, cell_memory },
	{ "rss", 11, false, cell_rss },
	{ "latency p50", 3, false, cell_latency },
	{ "p99", 3, false, cell_latency_p99 },
	{ "p99.9", 3, false, cell_latency_p999 },
	{ "CPU s/Gbit", 3, false, cell_cpu },
	{ "ring drops", 2, false, cell_ring },
	{ "check", 0, true, cell_verdict },
};

enum { RUN_COLUMNS = sizeof(run_column) / sizeof(run_column[0]) };

struct bench_table_style bench_table_style(FILE *out)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	struct bench_table_style style = { .width = 100 };
	struct winsize size;

	if (!isatty(fileno(out)))
		return style;
	style.colour = !(no && *no) && !(term && strcmp(term, "dumb") == 0);
	if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col)
		style.width = size.ws_col;
	return style;
}

static const char *cell_colour(const char *cell)
{
	if (strcmp(cell, "ok") == 0)
		return "\033[32m";
	if (strcmp(cell, "DIFFER") == 0 || strcmp(cell, "GAPS") == 0 || strcmp(cell, "failed") == 0)
		return "\033[31m";
	return NULL;
}

/* The keys of all runs' axes, in order of appearance. */
static int collect_axes(const struct bench_result *r, struct bench_pairs *axes)
{
	for (size_t i = 0; i < r->run_count; i++) {
		for (size_t k = 0; k < r->runs[i].axes.count; k++) {
			if (bench_pairs_set_number(axes, r->runs[i].axes.at[k].key, 0))
				return -ENOMEM;
		}
	}
	return 0;
}

static int fill_row(struct bench_text_table *t, const struct bench_run *run, size_t row, const struct bench_pairs *axes)
{
	char buf[128];
	int rc;

	cell_sessions(run, buf, sizeof(buf));
	rc = bench_text_table_set(t, row, 0, buf);
	for (size_t k = 0; k < axes->count && rc == 0; k++) {
		const struct bench_pair *axis = bench_pairs_find(&run->axes, axes->at[k].key);

		rc = bench_text_table_set(t, row, 1 + k, axis ? bench_pair_value(axis, buf, sizeof(buf)) : "-");
	}
	for (size_t k = 0; k < RUN_COLUMNS && rc == 0; k++) {
		run_column[k].cell(run, buf, sizeof(buf));
		rc = bench_text_table_set(t, row, 1 + axes->count + k, buf);
	}
	return rc;
}

static int write_rows(const struct bench_result *r, FILE *out, const struct bench_table_style *style,
                      const struct bench_pairs *axes)
{
	size_t columns = 1 + axes->count + RUN_COLUMNS;
	struct bench_column *column = calloc(columns, sizeof(*column));
	struct bench_text_table t = { 0 };
	int rc = column ? bench_text_table_init(&t, column, columns, r->run_count) : -ENOMEM;

	if (rc)
		goto out;
	column[0] = (struct bench_column){ .head = "sessions" };
	for (size_t k = 0; k < axes->count; k++)
		column[1 + k] = (struct bench_column){ .head = axes->at[k].key };
	for (size_t k = 0; k < RUN_COLUMNS; k++)
		column[1 + axes->count + k] = (struct bench_column){ .head = run_column[k].head,
			                                             .rank = run_column[k].rank,
			                                             .left = run_column[k].left };
	for (size_t i = 0; i < r->run_count && rc == 0; i++)
		rc = fill_row(&t, &r->runs[i], i, axes);
	if (rc == 0) {
		bench_text_table_fit(&t, style->width);
		bench_text_table_print(&t, out, "", style->colour ? cell_colour : NULL);
	}
out:
	bench_text_table_clear(&t);
	free(column);
	return rc;
}

static void write_peers(const struct bench_run *run, FILE *out)
{
	char name[256], text[128];

	for (size_t k = 0; k < run->peer_count; k++) {
		bench_format_safe(out, bench_run_name(run, name, sizeof(name)));
		fputs(": ", out);
		bench_format_safe(out, run->peers[k].name);
		fprintf(out, " takes %s\n", bench_format_peer(run, &run->peers[k], text, sizeof(text)));
	}
}

static void write_verdict(const struct bench_result *r, FILE *out, bool colour)
{
	enum bench_verdict verdict = bench_result_verdict(r);
	char text[1024];

	bench_result_verdict_text(r, text, sizeof(text));
	if (colour && verdict != BENCH_UNCHECKED)
		fputs(verdict == BENCH_HOLDS ? "\033[32m" : "\033[31m", out);
	fputs(text, out);
	if (colour && verdict != BENCH_UNCHECKED)
		fputs("\033[0m", out);
	fputc('\n', out);
}

int bench_table_write(const struct bench_result *r, FILE *out, const struct bench_table_style *style)
{
	struct bench_pairs axes = { 0 };
	char text[1024], *repeat = bench_result_repeat(r);
	int rc = repeat ? collect_axes(r, &axes) : -ENOMEM;

	if (rc)
		goto out;
	bench_format_safe(out, bench_result_subject(r, text, sizeof(text)));
	fputs("\n\n", out);
	rc = write_rows(r, out, style, &axes);
	if (rc)
		goto out;
	fputc('\n', out);
	for (size_t i = 0; i < r->run_count; i++) {
		const struct bench_run *run = &r->runs[i];

		write_peers(run, out);
		if (!run->error)
			continue;
		bench_format_safe(out, bench_run_name(run, text, sizeof(text)));
		fputs(" failed: ", out);
		bench_format_safe(out, run->error);
		fputc('\n', out);
	}
	write_verdict(r, out, style->colour);
	if (*repeat) {
		fputs("repeat: ", out);
		bench_format_safe(out, repeat);
		fputc('\n', out);
	}
	rc = ferror(out) ? -EIO : 0;
out:
	bench_pairs_clear(&axes);
	free(repeat);
	return rc;
}
