/* SPDX-License-Identifier: BSD-2-Clause
 *
 * note.c: see note.h.
 */
#include "note.h"

#include <string.h>

#include "machine.h"

int bench_note_call(struct bench_result *r, const struct bench_opts *o, const char *name, const char *sha256, int argc,
                    char **argv)
{
	char value[512];
	int rc = bench_result_command(r, argc, argv);

	if (rc == 0)
		rc = bench_text_set(&r->trace_name, name);
	if (rc == 0 && sha256[0])
		rc = bench_text_set(&r->trace_sha256, sha256);
	r->seed = o->impair.seed;
	for (const struct fos_impair_option *p = fos_impair_options; rc == 0 && p->name; p++) {
		if (strcmp(p->name, "seed") == 0 || strcmp(p->name, "decisions-out") == 0)
			continue;
		if (fos_impair_spec_value(&o->impair, p->name, value, sizeof(value)) > 0)
			rc = bench_pairs_set_text(&r->impair, p->name, value);
	}
	return rc ? rc : bench_machine_read(&r->machine, "");
}

int bench_note_counts(struct bench_run *run, const struct bench_note_count *count, size_t n)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		if (count[i].n)
			rc = bench_run_drop(run, count[i].reason, count[i].n);
	return rc;
}

int bench_note_drops(struct bench_run *run, const struct fos_worker_stats *st)
{
	const struct bench_note_count drop[] = { { "checksum", st->bad_checksum },
		                                 { "malformed", st->verdict[FOS_PKT_MALFORMED] },
		                                 { "truncated", st->verdict[FOS_PKT_TRUNCATED] },
		                                 { "linktype", st->verdict[FOS_PKT_LINKTYPE] },
		                                 { "not_tcp_or_udp", st->verdict[FOS_PKT_OTHER] },
		                                 { "not_ip", st->verdict[FOS_PKT_NON_IP] },
		                                 { "unmatched", st->unmatched },
		                                 { "fragments_timeout", st->frag.timeouts },
		                                 { "fragments_cap", st->frag.evicted },
		                                 { "fragments_bad", st->frag.bad },
		                                 { "out_of_window", st->out_of_window },
		                                 { "cap_gaps", st->cap_gaps },
		                                 { "time_gaps", st->time_gaps },
		                                 { "forced_releases", st->forced_releases },
		                                 { "session_cap", st->session_cap },
		                                 { "evicted_half_open", st->evicted_half_open },
		                                 { "evicted_idle", st->evicted_idle },
		                                 { "no_memory", st->no_memory } };

	return bench_note_counts(run, drop, sizeof(drop) / sizeof(drop[0]));
}

void bench_note_gate(struct bench_run *run, const struct fos_worker_stats *st)
{
	const struct fos_release_stats *r = &st->release;

	run->gate = (struct bench_gate){ .known = true,
		                         .released = r->released,
		                         .released_late = r->waited,
		                         .not_released = r->dropped,
		                         .waiting_peak = r->waiting_peak,
		                         .waiting_peak_bytes = r->waiting_peak_bytes,
		                         .longest_wait_ns = r->longest_wait_ns,
		                         .wait_overflow = r->overflow,
		                         .shut = r->shut,
		                         .mid_streams = run->gate.mid_streams };
}

int bench_note_modules(struct bench_run *run, json_t *modules)
{
	const char *name;
	json_t *report;
	int rc = 0;

	json_object_foreach(modules, name, report)
	{
		if (rc == 0)
			rc = bench_run_module(run, name, json_incref(report));
	}
	return rc;
}
