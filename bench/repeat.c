/* SPDX-License-Identifier: BSD-2-Clause
 *
 * repeat.c: see repeat.h.
 */
#include "repeat.h"

#include <string.h>

static void quoted(FILE *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:=%+@";

	if (*text && text[strspn(text, plain)] == '\0') {
		fputs(text, out);
		return;
	}
	fputc('\'', out);
	for (const char *p = text; *p; p++) {
		if (*p == '\'')
			fputs("'\\''", out);
		else
			fputc(*p, out);
	}
	fputc('\'', out);
}

static void option(FILE *out, const char *name, const char *value)
{
	fprintf(out, " --%s ", name);
	quoted(out, value);
}

static void engine(FILE *out, const struct bench_engine_opts *e)
{
	char wait[64];

	if (strcmp(fos_overlap_name(e->overlap), "bsd") != 0)
		option(out, "overlap", fos_overlap_name(e->overlap));
	if (e->checksum_given)
		option(out, "checksum", e->verify ? "verify" : "ignore");
	if (e->hole_packets || e->hole_ns) {
		bench_hole_wait_text(e->hole_packets, e->hole_ns, wait, sizeof(wait));
		option(out, "hole-wait", wait);
	}
	if (e->hold_cap) {
		snprintf(wait, sizeof(wait), "%zu", e->hold_cap);
		option(out, "hold-cap", wait);
	}
	if (e->vlan_key)
		fputs(" --vlan-key", out);
	if (e->gate)
		option(out, "release", "gate");
	if (e->gate && e->closed)
		option(out, "fail", "closed");
	if (e->filter)
		option(out, "flow", e->filter);
}

/* How often the sessions of a point are given out depends on the largest count of the sweep. */
static void sessions(FILE *out, const struct bench_opts *o, const struct bench_point *pt)
{
	uint64_t most = 0;

	for (unsigned i = 0; o->trace && i < o->n_sessions; i++)
		most = o->sessions[i] > most ? o->sessions[i] : most;
	if (pt->sessions)
		fprintf(out, " --sessions %llu", (unsigned long long)pt->sessions);
	if (pt->sessions && most > pt->sessions)
		fprintf(out, ",%llu", (unsigned long long)most);
}

void bench_repeat_write(FILE *out, const struct bench_opts *o, const struct bench_point *pt)
{
	static const char *const reference[] = { "auto", "formula", "golden", "clean", "model" };
	char spec[4096];

	fputs("flowos-bench", out);
	if (o->trace)
		option(out, "trace", o->trace);
	else
		option(out, "gen", o->gen);
	fos_impair_spec_text(&pt->impair, spec, sizeof(spec));
	fprintf(out, " %s", spec);
	sessions(out, o, pt);
	engine(out, &pt->engine);
	if (o->reference != REF_AUTO)
		option(out, "reference", reference[o->reference]);
}
