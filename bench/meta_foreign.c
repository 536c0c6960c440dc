/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_foreign.c: see meta_foreign.h. golden_foreign.h says what is not asked of an engine that lacks something.
 */
#include "meta_foreign.h"

#include <errno.h>
#include <string.h>

#include "golden_foreign.h"
#include "golden_line.h"

/* Directions of which the policy decides, and such as have gaps that the engine shows in a way of its own. */
static int excuse(const struct meta_set *s, unsigned lacks, struct golden_excused *x)
{
	char dir[2 * FOS_ADDR_TEXT], gaps[8];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < 2 * s->convs; i++)
		if (s->conv[i / 2].fixed)
			rc = golden_excused_add(
			    x, bench_direction_text(&s->conv[i / 2].key, (int)(i % 2), dir, sizeof(dir)));
	for (size_t i = 0; rc == 0 && i < s->want.lines; i++) {
		if (!(lacks & (GOLDEN_LACKS_BEHIND | GOLDEN_LACKS_ZEROS)) ||
		    !bench_golden_word(s->want.line[i], "gaps", gaps, sizeof(gaps)) || strcmp(gaps, "-") == 0)
			continue;
		golden_direction(s->want.line[i], dir);
		rc = golden_excused_add(x, dir);
	}
	golden_excused_sort(x);
	return rc;
}

/* Has any TCP line this word? */
static bool any_has(const struct bench_golden *g, const char *word)
{
	for (size_t i = 0; i < g->lines; i++)
		if (strncmp(g->line[i], "tcp ", 4) == 0 && strstr(g->line[i], word))
			return true;
	return false;
}

int meta_foreign_diff(const struct meta_set *s, const struct golden_engine *e, const struct fos_frames *frames,
                      const struct bench_golden *got, struct bench_golden_diff *d)
{
	unsigned lacks = golden_engine_lacks(e, got);
	struct golden_excused x = { 0 };
	struct bench_golden wanted = { 0 }, came = { 0 };
	int rc;

	memset(d, 0, sizeof(*d));
	if (!any_has(got, " gaps=") && !(lacks & (GOLDEN_LACKS_BEHIND | GOLDEN_LACKS_ZEROS)))
		lacks |= GOLDEN_LACKS_GAPS;
	if (!any_has(got, " end="))
		lacks |= GOLDEN_LACKS_ENDS;
	rc = golden_excused_make(&x, lacks, &s->want, frames);
	if (rc == 0)
		rc = excuse(s, lacks, &x);
	if (rc == 0)
		rc = golden_foreign_filter(&s->want, lacks, &x, &wanted);
	if (rc == 0)
		rc = golden_foreign_filter(got, lacks, &x, &came);
	if (rc == 0)
		rc = bench_golden_diff(&wanted, &came, meta_set_flags(s), d);
	if (rc == 0)
		d->want_line = d->got_line = NULL; /* they were of the copies */
	bench_golden_free(&wanted);
	bench_golden_free(&came);
	golden_excused_free(&x);
	return rc;
}
