/* SPDX-License-Identifier: BSD-2-Clause
 *
 * shrink.c: see shrink.h. The passes are in shrink_pass.c and shrink_stream.c.
 */
#include "shrink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int shrink_try(struct shrink *s, struct shrink_cand *c)
{
	int rc = 0;

	if (s->max_tries && s->ask->tries >= s->max_tries)
		s->ended = true;
	if (!s->ended && s->poll && s->poll(s->arg, s, s->what))
		s->ended = true;
	if (!s->ended)
		rc = shrink_fails(s->ask, c);
	if (rc == 1) {
		shrink_cand_free(&s->now);
		s->now = *c;
		memset(c, 0, sizeof(*c));
	} else {
		shrink_cand_free(c);
	}
	return rc;
}

/* Without units [from, from + n): 1, 0 or a negative errno. */
static int try_without(struct shrink *s, const uint64_t *unit, size_t n, shrink_remove *take, void *arg)
{
	struct shrink_cand c;
	int rc = shrink_cand_copy(&c, &s->now);

	if (rc)
		return rc;
	rc = take(s, &c, unit, n, arg);
	if (rc == 0)
		return shrink_try(s, &c);
	shrink_cand_free(&c);
	return rc == -ECANCELED ? 0 : rc;
}

long shrink_units(struct shrink *s, const char *what, uint64_t *unit, size_t n, shrink_remove *take, void *arg)
{
	size_t size = n, gone = 0;

	s->what = what;
	while (n && !s->ended) {
		bool any = false;

		for (size_t at = 0; at < n && !s->ended;) {
			size_t len = n - at < size ? n - at : size;
			int rc = try_without(s, unit + at, len, take, arg);

			if (rc < 0)
				return rc;
			if (rc == 0) {
				at += len;
				continue;
			}
			memmove(unit + at, unit + at + len, (n - at - len) * sizeof(*unit));
			n -= len;
			gone += len;
			any = true;
		}
		if (size == 1 && !any)
			break;
		size = size > n ? n : size;
		size = size > 1 ? (size + 1) / 2 : 1;
	}
	return (long)gone;
}

typedef int pass(struct shrink *s);

int shrink_all(struct shrink *s)
{
	static pass *const first[] = { shrink_pass_sessions, shrink_pass_tail, shrink_pass_hole_wait };
	static pass *const again[] = { shrink_pass_decisions, shrink_pass_streams,  shrink_pass_packets,
		                       shrink_pass_payload,   shrink_pass_simplify, shrink_pass_time,
		                       shrink_pass_hole_wait, shrink_pass_tail,     shrink_pass_sessions };
	int rc = 0, any = 1;

	for (size_t i = 0; rc >= 0 && i < sizeof(first) / sizeof(*first); i++)
		rc = first[i](s);
	while (rc >= 0 && any && !s->ended) {
		any = 0;
		for (size_t i = 0; rc >= 0 && !s->ended && i < sizeof(again) / sizeof(*again); i++) {
			rc = again[i](s);
			any |= rc > 0;
		}
	}
	return rc < 0 ? rc : 0;
}
