/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_case.c: opening a trace with its golden file, and recording one. golden_verify.c compares. See golden_case.h.
 */
#include "golden_case.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next word of `*p` as a shell reads it, in which only single quotes and \' occur. Freed by the caller; NULL: none, or *bad. */
static char *next_word(const char **p, bool *bad)
{
	const char *s = *p + strspn(*p, " ");
	char *word, *w;
	bool quoted = false;

	*bad = false;
	if (!*s)
		return NULL;
	word = w = malloc(strlen(s) + 1);
	if (!word) {
		*bad = true;
		return NULL;
	}
	for (; *s && (quoted || *s != ' '); s++) {
		if (*s == '\'')
			quoted = !quoted;
		else if (*s == '\\' && !quoted && s[1])
			*w++ = *++s;
		else
			*w++ = *s;
	}
	*w = '\0';
	*p = s;
	if (quoted) {
		free(word);
		*bad = true;
		return NULL;
	}
	return word;
}

int golden_spec_from_text(struct fos_impair_spec *spec, const char *text, char *err, size_t errlen)
{
	bool bad;
	char *name;
	int rc = 0;

	while (rc == 0 && (name = next_word(&text, &bad))) {
		char *value = next_word(&text, &bad);

		rc = -ENOENT;
		if (value && strncmp(name, "--", 2) == 0)
			rc = fos_impair_spec_set(spec, name + 2, value, err, errlen);
		if (rc == -ENOENT)
			snprintf(err, errlen, "%s: no impairment, or without a value", name);
		free(name);
		free(value);
	}
	if (rc == 0 && bad) {
		snprintf(err, errlen, "a quote is not closed");
		rc = -EINVAL;
	}
	return rc ? -EINVAL : 0;
}

/* An option from the header, where it was not given. */
static int from_header(struct golden_case *c, const char *path, const char *key, char *err, size_t errlen)
{
	const char *value = bench_golden_get(&c->golden, key);
	char why[256] = "";

	if (!value || bench_engine_opts_set(&c->opts, key, value, why, sizeof(why)) == 0)
		return 0;
	snprintf(err, errlen, "%s: its header is wrong: %s", path, why);
	return -EINVAL;
}

static int take_header(struct golden_case *c, const char *path, const struct golden_given *given, char *err,
                       size_t errlen)
{
	const char *level = bench_golden_get(&c->golden, "level"), *impair = bench_golden_get(&c->golden, "impair");
	const char *vlan = bench_golden_get(&c->golden, "vlan-key");
	char why[256] = "";
	int rc = 0;

	if (level && strcmp(level, "app") != 0) {
		snprintf(err, errlen, "%s: of level %s: only streams of level app can be compared", path, level);
		return -ENOTSUP;
	}
	if (given->opts.overlap == FOS_OVERLAPS)
		rc = from_header(c, path, "overlap", err, errlen);
	if (rc == 0 && !given->opts.checksum_given)
		rc = from_header(c, path, "checksum", err, errlen);
	if (rc == 0 && !given->opts.hole_packets && !given->opts.hole_ns)
		rc = from_header(c, path, "hole-wait", err, errlen);
	if (rc == 0 && !given->opts.hold_cap)
		rc = from_header(c, path, "hold-cap", err, errlen);
	if (rc == 0 && !given->opts.filter)
		rc = from_header(c, path, "flow", err, errlen);
	if (vlan && strcmp(vlan, "yes") == 0)
		c->opts.vlan_key = true;
	if (rc == 0 && impair) {
		rc = golden_spec_from_text(&c->recorded, impair, why, sizeof(why));
		if (rc)
			snprintf(err, errlen, "%s: its header is wrong: impair: %s", path, why);
		c->impaired = fos_impair_spec_active(&c->recorded);
	}
	return rc;
}

static int same_trace(const struct golden_case *c, const char *trace, const char *golden, char *err, size_t errlen)
{
	const char *sha = bench_golden_get(&c->golden, "trace-sha256");
	const char *name = bench_golden_get(&c->golden, "trace");

	if (!sha || !c->trace.sha256[0] || strcmp(sha, c->trace.sha256) == 0)
		return GOLDEN_OPENED;
	snprintf(err, errlen,
	         "%s was made from another trace%s%s%s: sha256 %.12s..., but %s has %.12s... (--force compares "
	         "nevertheless)",
	         golden, name ? " (" : "", name ? name : "", name ? ")" : "", sha, trace, c->trace.sha256);
	return GOLDEN_OTHER_TRACE;
}

int golden_case_open(struct golden_case *c, const char *trace, const char *golden, const struct golden_given *given,
                     int (*progress)(void *, uint64_t), void *arg, char *err, size_t errlen)
{
	int rc = 0;

	memset(c, 0, sizeof(*c));
	fos_impair_spec_init(&c->recorded);
	c->opts = given->opts;
	c->checksum_asked = given->opts.checksum_given;
	if (c->opts.overlap == FOS_OVERLAPS)
		c->opts.overlap = FOS_OVERLAP_BSD;
	if (golden)
		rc = bench_golden_read(&c->golden, golden, err, errlen);
	if (rc == 0 && golden)
		rc = take_header(c, golden, given, err, errlen);
	if (rc == 0)
		rc = bench_trace_load(&c->trace, trace, true, progress, arg, err, errlen);
	if (rc == 0 && golden && !given->force)
		rc = same_trace(c, trace, golden, err, errlen);
	if (rc)
		golden_case_close(c);
	return rc;
}

void golden_case_close(struct golden_case *c)
{
	bench_record_free(c->clean);
	bench_golden_free(&c->golden);
	bench_trace_free(&c->trace);
	fos_impair_spec_free(&c->recorded);
	memset(c, 0, sizeof(*c));
}

/* The reason without the path that it was called by. */
static const char *damage_of(const struct golden_case *c)
{
	const char *text = c->trace.frames.error, *at = strstr(text, c->trace.name);

	if (!at || (at != text && at[-1] != '/'))
		return text;
	for (const char *p = text; p < at; p++)
		if (*p == ' ')
			return text;
	return at;
}

static int set_header(struct golden_case *c, const struct fos_impair_spec *spec, const struct bench_engine_opts *o,
                      struct bench_golden *g)
{
	char hole[64], cap[32], impair[2048];
	uint32_t packets;
	uint64_t ns;
	int rc = bench_golden_set(g, "trace", c->trace.name);

	bench_hole_wait(o, spec, &packets, &ns);
	bench_hole_wait_text(packets, ns, hole, sizeof(hole));
	if (rc == 0 && c->trace.sha256[0])
		rc = bench_golden_set(g, "trace-sha256", c->trace.sha256);
	if (rc == 0)
		rc = bench_golden_set(g, "level", "app");
	if (rc == 0)
		rc = bench_golden_set(g, "overlap", fos_overlap_name(o->overlap));
	if (rc == 0)
		rc = bench_golden_set(g, "hole-wait", hole);
	if (rc == 0)
		rc = bench_golden_set(g, "checksum", o->verify ? "verify" : "ignore");
	if (rc == 0 && o->vlan_key)
		rc = bench_golden_set(g, "vlan-key", "yes");
	snprintf(cap, sizeof(cap), "%zu", o->hold_cap);
	if (rc == 0 && o->hold_cap)
		rc = bench_golden_set(g, "hold-cap", cap);
	if (rc == 0 && o->filter)
		rc = bench_golden_set(g, "flow", o->filter);
	if (rc == 0 && fos_impair_spec_active(spec)) {
		if ((size_t)fos_impair_spec_text(spec, impair, sizeof(impair)) >= sizeof(impair))
			return -ENAMETOOLONG;
		rc = bench_golden_set(g, "impair", impair);
	}
	if (rc == 0 && c->trace.damaged)
		rc = bench_golden_set(g, "partial", damage_of(c));
	return rc;
}

int golden_case_record(struct golden_case *c, const struct fos_impair_spec *spec, struct bench_golden *out, char *err,
                       size_t errlen)
{
	struct bench_engine_opts o = c->opts;
	struct bench_record *record = NULL;
	struct bench_schedule s;
	int rc = bench_check_corrupt(&c->trace.frames, spec, err, errlen);

	memset(out, 0, sizeof(*out));
	if (rc == 0)
		rc = bench_schedule_make(&s, &c->trace.frames, spec, err, errlen);
	if (rc)
		return rc;
	o.verify = bench_verify_checksums(&c->opts, spec);
	o.checksum_given = true;
	rc = bench_record_run(&o, spec, &s.frames, &record, NULL, err, errlen);
	if (rc == 0) {
		rc = set_header(c, spec, &o, out);
		if (rc == 0)
			rc = bench_record_hash(record);
		if (rc == 0)
			rc = bench_golden_add(out, record);
		if (rc)
			snprintf(err, errlen, "the golden file: %s", strerror(-rc));
	}
	bench_record_free(record);
	bench_schedule_free(&s);
	if (rc)
		bench_golden_free(out);
	return rc;
}
