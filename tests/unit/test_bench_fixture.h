/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_fixture.h: results made up for tests of what writes and reads them.
 */
#ifndef TEST_BENCH_FIXTURE_H
#define TEST_BENCH_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/rand.h>

#include "json_out.h"
#include "result.h"

#define FIXTURE_NAME "a<x>&\"`id`'\xff{}_^.pcap"

/* A run of `sessions` with ten samples around `seconds`, every group known but latency. */
static inline struct bench_run *fixture_run(struct bench_result *r, uint64_t sessions, double seconds)
{
	struct bench_run *run = bench_result_run(r);
	double samples[10];

	for (uint64_t i = 0; i < 10; i++)
		samples[i] = seconds * (1 + 0.01 * (fos_unit(fos_mix64_add(sessions, i)) - 0.5));
	run->sessions = sessions;
	run->concurrent_peak = sessions;
	run->packets = 1000000;
	run->wire_bytes = 900000000;
	run->payload_bytes = 820000000;
	run->distinct_payload_bytes = 400000000;
	run->service_ns = (struct bench_ns){ true, 180, 900, 12000 };
	run->hol_wait_ns = (struct bench_ns){ true, 0, 3000000, 90000000 };
	run->memory = (struct bench_memory){ true, 512u << 20, 64u << 20, 3u << 20, 1234.5 };
	run->impaired = (struct bench_impaired){ true, 50123, 41000, 0, 10012, 0, 0, 31, 0.041 };
	run->streams = (struct bench_streams){ true, strdup("clean"), 2 * sessions, 2 * sessions, 0, 0, 0, 0, 0 };
	run->udp = (struct bench_udp){ true, 3, 400, 0 };
	bench_run_time(run, samples, 10, 820000000, 1);
	bench_run_drop(run, "checksum", 12);
	return run;
}

static inline struct bench_result *fixture_result(void)
{
	static char *argv[] = { "flowos-bench", "-r", FIXTURE_NAME, "--reorder", "5%,depth=32" };
	struct bench_result *r = bench_result_create();

	bench_result_command(r, 5, argv);
	bench_text_set(&r->trace_name, FIXTURE_NAME);
	bench_text_set(&r->trace_sha256, "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865");
	r->seed = 42;
	bench_pairs_set_text(&r->impair, "reorder", "5%,depth=32");
	bench_pairs_set_text(&r->impair, "dup", "1%");
	bench_pairs_set_number(&r->impair, "hole_wait", 32);
	bench_text_set(&r->machine.cpu, "Example CPU 3000 @ 2.00GHz");
	bench_text_set(&r->machine.kernel, "6.1.0-example");
	r->machine.cores = 2;
	r->machine.memory_bytes = UINT64_C(24) << 30;
	return r;
}

/* What a writer writes, as text. */
static inline char *fixture_text(int (*write)(const struct bench_result *, FILE *), const struct bench_result *r)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int rc = write(r, f);

	fclose(f);
	if (rc == 0)
		return text;
	free(text);
	return NULL;
}

#endif
