/* SPDX-License-Identifier: BSD-2-Clause
 *
 * peer_samples.c: see peer_samples.h.
 */
#include "peer_samples.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int bench_peer_samples_init(struct bench_peer_samples *s, uint32_t repeat)
{
	memset(s, 0, sizeof(*s));
	s->peers = bench_peer_count();
	s->room = repeat;
	for (unsigned i = 0; i < s->peers; i++) {
		s->seconds[i] = calloc(repeat ? repeat : 1, sizeof(double));
		if (!s->seconds[i]) {
			bench_peer_samples_clear(s);
			return -ENOMEM;
		}
	}
	return 0;
}

void bench_peer_samples_clear(struct bench_peer_samples *s)
{
	for (unsigned i = 0; i < s->peers; i++)
		free(s->seconds[i]);
	memset(s, 0, sizeof(*s));
}

int bench_peer_samples_take(struct bench_peer_samples *s, unsigned peer, const struct fos_frames *f,
                            const struct bench_peer_team *team, bool counts, char *err, size_t errlen)
{
	struct bench_peer_pass pass;
	int rc = s->flows ? 0 : bench_peer_flows(f, &s->flows);

	if (rc) {
		snprintf(err, errlen, "%s: %s", bench_peer_name(peer), strerror(-rc));
		return rc;
	}
	rc = bench_peer_pass(peer, f, team, s->flows, &pass, err, errlen);
	if (rc || !counts || s->count[peer] == s->room)
		return rc;
	s->seconds[peer][s->count[peer]++] = pass.seconds > 0 ? pass.seconds : 1e-9;
	s->bytes[peer] = pass.bytes;
	return 0;
}

int bench_peer_samples_note(const struct bench_peer_samples *s, struct bench_run *run, uint64_t seed)
{
	int rc = 0;

	for (unsigned i = 0; i < s->peers && rc == 0; i++)
		if (s->count[i] && run->seconds.count)
			rc = bench_run_peer(run, bench_peer_name(i), s->seconds[i], s->count[i], s->bytes[i], seed);
	return rc;
}
