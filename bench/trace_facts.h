/* SPDX-License-Identifier: BSD-2-Clause
 *
 * trace_facts.h: what is in a trace: what flowos-trace info tells, as text and as JSON.
 *
 * One thread. Writing blocks on the disk.
 */
#ifndef BENCH_TRACE_FACTS_H
#define BENCH_TRACE_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "replay.h"

enum { TRACE_LINKS_MAX = 16, TRACE_ENCAPS = 12 };

struct trace_facts {
	uint64_t packets, captured_bytes, wire_bytes;
	uint64_t cut;               /* packets captured in part */
	uint64_t first_ns, last_ns; /* least and greatest time stamp */
	uint64_t backwards;         /* packets with a time before their predecessor's */
	struct {
		uint16_t type;
		uint64_t packets;
	} link[TRACE_LINKS_MAX];
	unsigned links;                      /* further ones are counted with the last */
	uint64_t encap[TRACE_ENCAPS];        /* packets, by bits of enum fos_encap */
	uint64_t vlan[4096];                 /* packets by outermost VLAN id */
	uint64_t checksums, checksums_wrong; /* of TCP and UDP packets that were captured whole, and IPv4 headers */
	struct fos_worker_stats engine;
	uint64_t streams, gapped, mid, conflicted; /* TCP directions that carry data */
	uint64_t udp_conversations;                /* UDP directions */
};

/* Reads frames and runs them through an engine with options `o`. progress(arg, done, total, what) may be NULL. 0 or a negative
 * errno with a line in err. */
int trace_facts_make(struct trace_facts *f, const struct fos_frames *frames, const struct bench_engine_opts *o,
                     void (*progress)(void *, uint64_t, uint64_t, const char *), void *arg, char *err, size_t errlen);

/* Name of a link type, "Ethernet", or NULL where it has none here; of an encapsulation (number of its bit). */
const char *trace_link_name(uint16_t type);
const char *trace_encap_name(unsigned bit);

void trace_facts_print(const struct trace_facts *f, const struct bench_trace *t, FILE *out);

/* 0 or a negative errno; the file appears whole or not at all, "-" is standard output. */
int trace_facts_json(const struct trace_facts *f, const struct bench_trace *t, const char *path);

#endif
