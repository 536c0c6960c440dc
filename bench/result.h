/* SPDX-License-Identifier: BSD-2-Clause
 *
 * result.h: what a measurement found, as plain structs: one result per call of flowos-bench, one run per measured
 * point. The runner fills them in; the writers (json_out, csv_out, table, plot, html_report) and compare only read.
 *
 * The members of struct bench_run are the keys of the JSON form, name for name. What was not measured has `known`
 * false and is written as null.
 *
 * Threads: none is started, none is locked; a result belongs to one thread at a time. Ownership: strings and arrays
 * are on the heap and belong to the struct that points to them; functions that take `const char *` copy. Functions
 * return 0 or a negative errno.
 */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum { BENCH_SCHEMA = 1 };

/* A list of keys with a text or a number each; keys are unique, order is kept. */
struct bench_pair {
	char *key;
	char *text; /* NULL: `number` counts */
	double number;
};

struct bench_pairs {
	struct bench_pair *at;
	size_t count;
};

/* Set replaces the value of a key that is there already. -ENOMEM. */
int bench_pairs_set_text(struct bench_pairs *p, const char *key, const char *text);
int bench_pairs_set_number(struct bench_pairs *p, const char *key, double number);
const struct bench_pair *bench_pairs_find(const struct bench_pairs *p, const char *key); /* or NULL */
/* Same keys with the same values, in whatever order. */
bool bench_pairs_equal(const struct bench_pairs *a, const struct bench_pairs *b);
/* The value as text in buf: the text itself, or the number without needless digits. Returns buf. */
const char *bench_pair_value(const struct bench_pair *p, char *buf, size_t len);
void bench_pairs_clear(struct bench_pairs *p);

/* The machine, without its name. NULL or 0: could not be read. Filled in by bench_machine_read() (machine.h). */
struct bench_machine {
	char *cpu, *arch, *kernel, *distro, *compiler, *commit, *flags, *governor, *hypervisor;
	uint64_t cores, memory_bytes;
};

struct bench_seconds {
	double median, min, max, ci95[2];
	double *samples; /* in the order in which they were taken */
	size_t count;    /* 0: not measured, written as null */
};

/* Nanoseconds at three quantiles. */
struct bench_ns {
	bool known;
	uint64_t p50, p99, p999;
};

struct bench_memory {
	bool known;
	uint64_t peak_rss_bytes, peak_anon_bytes, held_peak_bytes;
	double bytes_per_session;
};

struct bench_impaired {
	bool known;
	uint64_t selected, reordered, lost, duplicated, corrupted, truncated, max_extent;
	double reordered_ratio;
};

struct bench_streams {
	bool known;
	char *reference; /* "formula", "golden", "clean", "model" */
	uint64_t total, identical, gapped, conflicted, differ, gap_bytes, needless_gap_bytes;
};

struct bench_udp {
	bool known;
	uint64_t conversations, datagrams, differ;
};

/* Against the run of the same point with one worker: its time / this one's, medians; above 1: faster. */
struct bench_speedup {
	bool known;
	double engine, ci95_low, ci95_high;
	double floor; /* what the floor gains with as many threads; 0: not measured */
};

/* Of a live run. Packets are those of all its interfaces. */
struct bench_live {
	bool known;
	double cpu_seconds;          /* of the whole process, while it ran */
	double cpu_seconds_per_gbit; /* of what was received; 0 where that is nothing */
	uint64_t received, forwarded;
	uint64_t ring_drops, ring_freezes;     /* lost by the kernel since a ring was full; how often one was */
	uint64_t not_sent;                     /* lost since the other interface did not take them */
	uint64_t afxdp_ports, zero_copy_ports; /* interfaces that were had by AF_XDP; of those, with zero copy */
	uint64_t impaired_lost, impaired_held, impaired_duplicated, impaired_corrupted, impaired_truncated,
	    impaired_delayed;
};

/* Packets that a gate let go; of those: that did not leave at once; that it dropped (closed); the most that waited at a time, and
 * their memory; the longest that one waited, on the trace's clock; packets that found no room to wait; directions that were shut;
 * streams that began in the middle, in the check: they begin with the first payload that comes. */
struct bench_gate {
	bool known;
	uint64_t released, released_late, not_released, waiting_peak, waiting_peak_bytes, longest_wait_ns,
	    wait_overflow, shut, mid_streams;
};

struct bench_drop {
	char *reason;
	uint64_t count;
};

struct bench_module_report {
	char *name;
	json_t *report; /* an object; one reference is held */
};

/* Another program on the same packets, interleaved with the engine's repetitions. */
struct bench_peer {
	char *name;
	struct bench_seconds seconds;
	uint64_t bytes;              /* payload that it took or delivered; 0: not counted */
	double ratio, ratio_ci95[2]; /* peer's median / engine's median: above 1 the engine is faster */
};

struct bench_run {
	uint64_t sessions, concurrent_peak, packets, wire_bytes, payload_bytes, distinct_payload_bytes;
	struct bench_seconds seconds;
	double pps, gbps, goodput_gbps, sessions_per_second;
	struct bench_ns service_ns, hol_wait_ns, latency_ns;
	struct bench_memory memory;
	struct bench_impaired impaired;
	struct bench_streams streams;
	struct bench_udp udp;
	struct bench_live live; /* beyond the contract */
	struct bench_gate gate; /* likewise */
	struct bench_drop *drops;
	size_t drop_count;
	bool noisy;

	/* beyond the contract */
	uint64_t workers;  /* engine threads */
	bool mapped_ahead; /* and one more, which mapped pages before the pass needed them (pages.h) */
	struct bench_speedup speedup;
	struct bench_pairs axes; /* the point on further sweep axes: "reorder" -> "5%", "workers" -> "2" */
	bool partial;            /* the trace was damaged: what is here stands for the part before */
	char *partial_reason;    /* or NULL */
	char *error;             /* the point failed, and why; NULL: it did not */
	struct bench_module_report *modules;
	size_t module_count;
	struct bench_peer *peers;
	size_t peer_count;
};

struct bench_result {
	char *flowos;   /* version */
	char **command; /* argv */
	size_t command_count;
	char *trace_name, *trace_sha256; /* sha256 may be NULL: not computed */
	uint64_t seed;
	struct bench_pairs impair; /* as asked, defaults filled in */
	struct bench_machine machine;
	struct bench_run *runs;
	size_t run_count;
};

/* An empty result with the version filled in; NULL: no memory. */
struct bench_result *bench_result_create(void);
void bench_result_free(struct bench_result *r); /* NULL is fine */

/* Replaces a string member: bench_text_set(&r->trace_name, "x.pcap"); NULL clears it. -ENOMEM: unchanged. */
int bench_text_set(char **member, const char *text);

int bench_result_command(struct bench_result *r, int argc, char *const *argv);
/* Appends a zeroed run; the pointer is good until the next one is added. NULL: no memory. */
struct bench_run *bench_result_run(struct bench_result *r);

/* Copies the samples (seconds), and computes seconds, noisy, and from the median pps, gbps, goodput_gbps (of
 * delivered_bytes: each payload byte once) and sessions_per_second; sessions, packets and wire_bytes must be set.
 * `seed` is for the bootstrap. -EINVAL: no samples, or one that is not above 0; -ENOMEM. */
int bench_run_time(struct bench_run *run, const double *samples, size_t count, uint64_t delivered_bytes, uint64_t seed);
/* Adds `count` to what is there for the reason. */
int bench_run_drop(struct bench_run *run, const char *reason, uint64_t count);
/* Takes over the reference to `report`, also when it fails. */
int bench_run_module(struct bench_run *run, const char *name, json_t *report);
/* A peer's samples, with the ratio to the run's, and the payload that it took (0: not counted); after bench_run_time(). */
int bench_run_peer(struct bench_run *run, const char *name, const double *samples, size_t count, uint64_t bytes,
                   uint64_t seed);
/* Works out `speedup` of all runs for which there is one with one worker. After all runs are complete. 0 or -ENOMEM. */
int bench_result_speedup(struct bench_result *r);
/* "sessions=1000 reorder=5%" into buf; returns buf. */
const char *bench_run_name(const struct bench_run *run, char *buf, size_t len);
void bench_run_clear(struct bench_run *run);

void bench_seconds_clear(struct bench_seconds *s);
void bench_machine_clear(struct bench_machine *m);

#endif
