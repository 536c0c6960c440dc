/* SPDX-License-Identifier: BSD-2-Clause
 *
 * progress.c: draws with a carriage return and wipes with the terminal's "erase to the end of the line".
 */
#include "progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "result_format.h"

static const uint64_t redraw_ns = 100000000;
static const uint64_t second_ns = 1000000000;

void bench_progress_init(struct bench_progress *p, FILE *out, uint64_t now_ns)
{
	const char *term = getenv("TERM");
	struct winsize size;

	*p = (struct bench_progress){ .width = 80, .start_ns = now_ns };
	if (!out || !isatty(fileno(out)) || (term && strcmp(term, "dumb") == 0))
		return;
	p->out = out;
	if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col)
		p->width = size.ws_col;
}

static const char *clock_text(double seconds, char *buf, size_t len)
{
	uint64_t s = seconds < 359999 ? (uint64_t)seconds : 359999;

	if (s >= 3600)
		snprintf(buf, len, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600, s / 60 % 60, s % 60);
	else
		snprintf(buf, len, "%" PRIu64 ":%02" PRIu64, s / 60, s % 60);
	return buf;
}

static void draw_bar(char *bar, size_t cells, double share)
{
	size_t full = (size_t)(share * (double)cells);

	memset(bar, '#', full);
	memset(bar + full, '.', cells - full);
	bar[cells] = '\0';
}

static void draw(const struct bench_progress *p, double elapsed, uint64_t done, uint64_t total, const char *unit,
                 const char *what)
{
	char line[512], bar[21], count[24], run[24], left[24];
	double share = total ? (double)(done < total ? done : total) / (double)total : 0;
	double rate = elapsed > 0 ? (double)done / elapsed : 0;
	size_t at = 0;

	if (total) {
		draw_bar(bar, sizeof(bar) - 1, share);
		at = (size_t)snprintf(line, sizeof(line), "[%s] %3.0f%%  ", bar, share * 100);
	}
	at += (size_t)snprintf(line + at, sizeof(line) - at, "%s %s/s  %s",
	                       bench_format_count((uint64_t)rate, count, sizeof(count)), unit,
	                       clock_text(elapsed, run, sizeof(run)));
	if (total && done && rate > 0)
		at +=
		    (size_t)snprintf(line + at, sizeof(line) - at, ", %s left",
		                     clock_text((double)(done < total ? total - done : 0) / rate, left, sizeof(left)));
	snprintf(line + at, sizeof(line) - at, "  %s", what);
	if (p->width && p->width - 1 < sizeof(line))
		line[p->width - 1] = '\0';
	fputc('\r', p->out);
	bench_format_safe(p->out, line);
	fputs("\033[K", p->out);
	fflush(p->out);
}

void bench_progress_update(struct bench_progress *p, uint64_t now_ns, uint64_t done, uint64_t total, const char *unit,
                           const char *what)
{
	if (!p->out || (p->drawn_ns && now_ns - p->drawn_ns < redraw_ns))
		return;
	draw(p, (double)(now_ns - p->start_ns) / (double)second_ns, done, total, unit, what);
	p->drawn_ns = now_ns;
	p->drawn = true;
}

void bench_progress_clear(struct bench_progress *p)
{
	if (!p->out || !p->drawn)
		return;
	fputs("\r\033[K", p->out);
	fflush(p->out);
	p->drawn = false;
}
