/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gen.c: builds a made-up trace in memory and gives it out as a port. Touches memory only.
 */
#include "gen_internal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <flowos/frames.h>
#include <flowos/memport.h>

#define FIRST_NS UINT64_C(1700000000000000000)

static bool spec_ok(const struct fos_gen_spec *s)
{
	return s->sessions && s->sessions <= FOS__GEN_SESSIONS_MAX && s->bytes <= UINT64_C(1) << 40 &&
	       s->request <= UINT64_C(1) << 40 && s->mss && s->mss <= 65000 && s->vlan <= 4094 &&
	       (s->ip == 4 || s->ip == 6) && s->close <= FOS_GEN_NONE;
}

static uint64_t machine_bytes(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : UINT64_MAX;
}

/* Does a session with so many segments, at least, fit so many times? Asked before a script is written. */
static bool fits(const struct fos_gen_spec *spec)
{
	uint64_t segments = 3 + spec->bytes / spec->mss + spec->request / spec->mss;
	unsigned __int128 bytes = segments * (sizeof(struct fos_frame) + 66) + spec->bytes + spec->request;

	return bytes * spec->sessions <= machine_bytes();
}

/* The packets of `n` sessions from number `first` on, in turns. */
static uint8_t *build_wave(const struct fos_gen_spec *spec, const struct fos__gen_script *s, uint64_t first, uint64_t n,
                           struct fos__gen_live *live, struct fos_frames *f, uint8_t *at)
{
	for (uint64_t i = 0; i < n; i++)
		fos__gen_start(spec, first + i, &live[i]);
	for (size_t k = 0; k < s->n; k++) {
		uint32_t len = fos__gen_frame_len(spec, &s->v[k]);

		for (uint64_t i = 0; i < n; i++, at += len) {
			uint64_t ts_ns = FIRST_NS + f->n * spec->gap_ns;

			fos__gen_frame(spec, &s->v[k], &live[i], ts_ns, at);
			f->v[f->n] = (struct fos_frame){
				.data = at,
				.ts_ns = ts_ns,
				.num = f->n + 1,
				.len = len,
				.wire_len = len,
				.flags = FOS_FRAME_STABLE,
				.linktype = 1,
			};
			f->n++;
		}
	}
	return at;
}

static int build(const struct fos_gen_spec *spec, const struct fos__gen_script *s, struct fos_frames *f)
{
	uint64_t bytes = 0,
	         wave = spec->concurrent && spec->concurrent < spec->sessions ? spec->concurrent : spec->sessions;
	struct fos__gen_live *live;
	uint8_t *at;

	for (size_t k = 0; k < s->n; k++)
		bytes += fos__gen_frame_len(spec, &s->v[k]);
	if ((unsigned __int128)(bytes + s->n * sizeof *f->v) * spec->sessions > machine_bytes())
		return -ENOMEM;
	live = malloc(wave * sizeof *live);
	at = fos_frames_bytes(f, bytes * spec->sessions);
	if (!live || !at || fos_frames_reserve(f, s->n * spec->sessions)) {
		free(live);
		return -ENOMEM;
	}
	for (uint64_t first = 0; first < spec->sessions; first += wave) {
		uint64_t n = spec->sessions - first < wave ? spec->sessions - first : wave;

		at = build_wave(spec, s, first, n, live, f, at);
	}
	free(live);
	return 0;
}

int fos_gen_open(const struct fos_gen_spec *spec, struct fos_port **out)
{
	struct fos_frames f = { 0 };
	struct fos__gen_script s;
	int ret;

	*out = NULL;
	if (!spec_ok(spec))
		return -EINVAL;
	if (!fits(spec))
		return -ENOMEM;
	ret = fos__gen_script(spec, &s);
	if (ret)
		return ret;
	ret = build(spec, &s, &f);
	if (!ret)
		ret = fos_mem_port_take(&f, out);
	fos_frames_free(&f);
	free(s.v);
	return ret;
}
