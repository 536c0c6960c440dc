/* SPDX-License-Identifier: BSD-2-Clause
 *
 * csv_out.c: a result as comma-separated values, lines ended by CR LF as RFC 4180 has them.
 *
 * The columns are the same for every line: what varies between runs (axes, drop reasons, peers) is collected first.
 */
#include "csv_out.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "result_fields.h"
#include "result_file.h"
#include "result_verdict.h"

struct csv {
	FILE *out;
	bool inside;                           /* the line has a field already */
	struct bench_pairs axes, drops, peers; /* keys only */
};

static void field(struct csv *c, const char *text)
{
	if (c->inside)
		fputc(',', c->out);
	c->inside = true;
	if (!text)
		return;
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, c->out);
		return;
	}
	fputc('"', c->out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', c->out);
		fputc(*text, c->out);
	}
	fputc('"', c->out);
}

static void field_u64(struct csv *c, uint64_t value)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "%" PRIu64, value);
	field(c, buf);
}

static void field_f64(struct csv *c, double value)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%.15g", value);
	field(c, isfinite(value) ? buf : NULL);
}

static void line_end(struct csv *c)
{
	fputs("\r\n", c->out);
	c->inside = false;
}

static void field_joined(struct csv *c, const char *head, const char *tail)
{
	char buf[256];

	snprintf(buf, sizeof(buf), "%s_%s", head, tail);
	field(c, buf);
}

static int collect(struct csv *c, const struct bench_result *r)
{
	int rc = 0;

	for (size_t i = 0; i < r->run_count; i++) {
		const struct bench_run *run = &r->runs[i];

		for (size_t k = 0; k < run->axes.count; k++)
			rc |= bench_pairs_set_number(&c->axes, run->axes.at[k].key, 0);
		for (size_t k = 0; k < run->drop_count; k++)
			rc |= bench_pairs_set_number(&c->drops, run->drops[k].reason, 0);
		for (size_t k = 0; k < run->peer_count; k++)
			rc |= bench_pairs_set_number(&c->peers, run->peers[k].name, 0);
	}
	return rc ? -ENOMEM : 0;
}

static const char *const seconds_key[] = { "seconds_median", "seconds_min", "seconds_max", "seconds_ci95_low",
	                                   "seconds_ci95_high" };

static void header(struct csv *c)
{
	field(c, "trace");
	field(c, "seed");
	for (size_t i = 0; i < c->axes.count; i++)
		field_joined(c, "axis", c->axes.at[i].key);
	for (size_t i = 0; i < bench_run_group_count; i++) {
		const struct bench_group *g = &bench_run_groups[i];

		if (bench_group_timed(g)) {
			for (size_t k = 0; k < 5; k++)
				field(c, seconds_key[k]);
			field(c, "samples");
		}
		if (g->key && strcmp(g->key, "streams") == 0)
			field(c, "streams_reference");
		for (size_t k = 0; k < g->count; k++) {
			if (g->key)
				field_joined(c, g->key, g->field[k].key);
			else
				field(c, g->field[k].key);
		}
	}
	for (size_t i = 0; i < c->drops.count; i++)
		field_joined(c, "drops", c->drops.at[i].key);
	for (size_t i = 0; i < c->peers.count; i++)
		field_joined(c, "ratio", c->peers.at[i].key);
	field(c, "noisy");
	field(c, "partial");
	field(c, "verdict");
	field(c, "error");
	line_end(c);
}

static void seconds(struct csv *c, const struct bench_seconds *s)
{
	const double value[] = { s->median, s->min, s->max, s->ci95[0], s->ci95[1] };

	for (size_t k = 0; k < 5; k++) {
		if (s->count)
			field_f64(c, value[k]);
		else
			field(c, NULL);
	}
	field_u64(c, s->count);
}

static void groups(struct csv *c, const struct bench_run *run)
{
	for (size_t i = 0; i < bench_run_group_count; i++) {
		const struct bench_group *g = &bench_run_groups[i];
		bool known = bench_group_known(g, run) && (!bench_group_timed(g) || run->seconds.count);

		if (bench_group_timed(g))
			seconds(c, &run->seconds);
		if (g->key && strcmp(g->key, "streams") == 0)
			field(c, known ? run->streams.reference : NULL);
		for (size_t k = 0; k < g->count; k++) {
			const void *at = bench_field_at(run, g->field[k].offset);

			if (!known)
				field(c, NULL);
			else if (g->field[k].kind == BENCH_U64)
				field_u64(c, *(const uint64_t *)at);
			else
				field_f64(c, *(const double *)at);
		}
	}
}

static void varying(struct csv *c, const struct bench_run *run)
{
	for (size_t i = 0; i < c->drops.count; i++) {
		uint64_t count = 0;

		for (size_t k = 0; k < run->drop_count; k++) {
			if (strcmp(run->drops[k].reason, c->drops.at[i].key) == 0)
				count = run->drops[k].count;
		}
		field_u64(c, count);
	}
	for (size_t i = 0; i < c->peers.count; i++) {
		const struct bench_peer *peer = NULL;

		for (size_t k = 0; k < run->peer_count && !peer; k++) {
			if (strcmp(run->peers[k].name, c->peers.at[i].key) == 0)
				peer = &run->peers[k];
		}
		if (peer)
			field_f64(c, peer->ratio);
		else
			field(c, NULL);
	}
}

static void line(struct csv *c, const struct bench_result *r, const struct bench_run *run)
{
	static const char *const verdict[] = {
		[BENCH_HOLDS] = "holds",
		[BENCH_UNCHECKED] = "unchecked",
		[BENCH_FAILS] = "fails",
	};
	char value[512];

	field(c, r->trace_name);
	field_u64(c, r->seed);
	for (size_t i = 0; i < c->axes.count; i++) {
		const struct bench_pair *axis = bench_pairs_find(&run->axes, c->axes.at[i].key);

		field(c, axis ? bench_pair_value(axis, value, sizeof(value)) : NULL);
	}
	groups(c, run);
	varying(c, run);
	field(c, run->noisy ? "true" : "false");
	field(c, run->partial ? "true" : "false");
	field(c, verdict[bench_run_verdict(run)]);
	field(c, run->error);
	line_end(c);
}

int bench_csv_write(const struct bench_result *r, FILE *out)
{
	struct csv c = { .out = out };
	int rc = collect(&c, r);

	if (rc == 0) {
		header(&c);
		for (size_t i = 0; i < r->run_count; i++)
			line(&c, r, &r->runs[i]);
		rc = ferror(out) ? -EIO : 0;
	}
	bench_pairs_clear(&c.axes);
	bench_pairs_clear(&c.drops);
	bench_pairs_clear(&c.peers);
	return rc;
}

int bench_csv_save(const struct bench_result *r, const char *path, char *err, size_t errlen)
{
	return bench_file_save(r, bench_csv_write, path, err, errlen);
}
