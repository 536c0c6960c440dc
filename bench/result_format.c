/* SPDX-License-Identifier: BSD-2-Clause
 *
 * result_format.c: numbers and command lines as text.
 */
#include "result_format.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *bench_format_number(double x, char *buf, size_t len)
{
	double a = fabs(x);
	int digits = a >= 99.95 ? 0 : a >= 9.995 ? 1 : a >= 0.9995 ? 2 : 3;

	if (!isfinite(x))
		snprintf(buf, len, "-");
	else if (a < 1e-12)
		snprintf(buf, len, "0");
	else if (a < 0.001)
		snprintf(buf, len, "%.1e", x);
	else
		snprintf(buf, len, "%.*f", digits, x);
	return buf;
}

static const char *scaled(double x, double step, const char *const *unit, size_t units, char *buf, size_t len)
{
	size_t i = 0;
	char digits[32];

	while (i + 1 < units && x >= step * 0.9995) {
		x /= step;
		i++;
	}
	snprintf(buf, len, "%s%s", bench_format_number(x, digits, sizeof(digits)), unit[i]);
	return buf;
}

const char *bench_format_count(uint64_t n, char *buf, size_t len)
{
	static const char *const unit[] = { "", "k", "M", "G", "T" };

	if (n < 10000) {
		snprintf(buf, len, "%" PRIu64, n);
		return buf;
	}
	return scaled((double)n, 1000, unit, 5, buf, len);
}

const char *bench_format_grouped(uint64_t n, char *buf, size_t len)
{
	char digits[24];
	int count = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	size_t at = 0;

	for (int i = 0; i < count && at + 2 < len; i++) {
		if (i > 0 && (count - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = '\0';
	return buf;
}

const char *bench_format_bytes(double bytes, char *buf, size_t len)
{
	static const char *const unit[] = { " B", " KiB", " MiB", " GiB", " TiB" };

	if (bytes >= 0 && bytes < 1000) {
		snprintf(buf, len, "%.0f B", bytes);
		return buf;
	}
	return scaled(bytes, 1024, unit, 5, buf, len);
}

const char *bench_format_seconds(double s, char *buf, size_t len)
{
	static const char *const unit[] = { " ns", " us", " ms", " s" };

	if (s < 999.5e-9) {
		snprintf(buf, len, "%.0f ns", s * 1e9);
		return buf;
	}
	return scaled(s * 1e9, 1000, unit, 4, buf, len);
}

const char *bench_format_peer(const struct bench_run *run, const struct bench_peer *p, char *buf, size_t len)
{
	double delivered = run->goodput_gbps * run->seconds.median / 8e-9, share = 100;
	char time[24];
	int at;

	if (p->bytes && delivered > 0)
		share = (double)p->bytes / delivered * 100;
	at = snprintf(buf, len, "%s, %.2f times the engine's time (%.2f to %.2f)",
	              bench_format_seconds(p->seconds.median, time, sizeof(time)), p->ratio, p->ratio_ci95[0],
	              p->ratio_ci95[1]);
	if (share < 99.95 && (size_t)at < len)
		snprintf(buf + at, len - (size_t)at, ", for %.1f %% of the bytes only", share);
	return buf;
}

double bench_run_ci_percent(const struct bench_run *run)
{
	const struct bench_seconds *s = &run->seconds;

	return s->median > 0 ? (s->ci95[1] - s->ci95[0]) / 2 / s->median * 100 : 0;
}

void bench_format_safe(FILE *out, const char *text)
{
	for (; *text; text++)
		fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
}

static void quoted(FILE *out, const char *word)
{
	size_t plain = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./%@");

	if (*word && word[plain] == '\0') {
		fputs(word, out);
		return;
	}
	fputc('\'', out);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", out);
		else
			fputc(*word, out);
	}
	fputc('\'', out);
}

char *bench_result_repeat(const struct bench_result *r)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool seeded = false;

	if (!out)
		return NULL;
	for (size_t i = 0; i < r->command_count; i++) {
		const char *word = r->command[i];

		seeded |= strcmp(word, "--seed") == 0 || strncmp(word, "--seed=", 7) == 0;
		if (i)
			fputc(' ', out);
		quoted(out, word);
	}
	if (r->command_count && !seeded)
		fprintf(out, " --seed %" PRIu64, r->seed);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

/* Swept: each run has its own. */
static bool is_axis(const struct bench_result *r, const char *key)
{
	for (size_t i = 0; i < r->run_count; i++) {
		if (bench_pairs_find(&r->runs[i].axes, key))
			return true;
	}
	return false;
}

const char *bench_result_subject(const struct bench_result *r, char *buf, size_t len)
{
	const char *name = r->trace_name ? r->trace_name : "-", *slash = strrchr(name, '/');
	size_t at = (size_t)snprintf(buf, len, "%s, seed %" PRIu64, slash && slash[1] ? slash + 1 : name, r->seed);
	char value[256];

	for (size_t i = 0; i < r->impair.count && at < len; i++) {
		const struct bench_pair *p = &r->impair.at[i];

		if (is_axis(r, p->key))
			continue;
		at +=
		    (size_t)snprintf(buf + at, len - at, ", %s %s", p->key, bench_pair_value(p, value, sizeof(value)));
	}
	return buf;
}
