/* SPDX-License-Identifier: BSD-2-Clause
 *
 * result_fields.c: the list of a run's numbers.
 */
#include "result_fields.h"

#include <stdint.h>

#define U64(name, member)                                                                                              \
	{                                                                                                              \
		name, BENCH_U64, offsetof(struct bench_run, member)                                                    \
	}
#define F64(name, member)                                                                                              \
	{                                                                                                              \
		name, BENCH_F64, offsetof(struct bench_run, member)                                                    \
	}
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct bench_field sizes[] = {
	U64("sessions", sessions),
	U64("concurrent_peak", concurrent_peak),
	U64("packets", packets),
	U64("wire_bytes", wire_bytes),
	U64("payload_bytes", payload_bytes),
	U64("distinct_payload_bytes", distinct_payload_bytes),
	U64("workers", workers),
};
static const struct bench_field rates[] = {
	F64("pps", pps),
	F64("gbps", gbps),
	F64("goodput_gbps", goodput_gbps),
	F64("sessions_per_second", sessions_per_second),
};
static const struct bench_field speedup[] = {
	F64("engine", speedup.engine),
	F64("ci95_low", speedup.ci95_low),
	F64("ci95_high", speedup.ci95_high),
	F64("floor", speedup.floor),
};
static const struct bench_field service[] = {
	U64("p50", service_ns.p50),
	U64("p99", service_ns.p99),
	U64("p999", service_ns.p999),
};
static const struct bench_field hol_wait[] = {
	U64("p50", hol_wait_ns.p50),
	U64("p99", hol_wait_ns.p99),
	U64("p999", hol_wait_ns.p999),
};
static const struct bench_field latency[] = {
	U64("p50", latency_ns.p50),
	U64("p99", latency_ns.p99),
	U64("p999", latency_ns.p999),
};
static const struct bench_field memory[] = {
	U64("peak_rss_bytes", memory.peak_rss_bytes),
	U64("peak_anon_bytes", memory.peak_anon_bytes),
	F64("bytes_per_session", memory.bytes_per_session),
	U64("held_peak_bytes", memory.held_peak_bytes),
};
static const struct bench_field impaired[] = {
	U64("selected", impaired.selected),
	U64("reordered", impaired.reordered),
	U64("lost", impaired.lost),
	U64("duplicated", impaired.duplicated),
	U64("corrupted", impaired.corrupted),
	U64("truncated", impaired.truncated),
	F64("reordered_ratio", impaired.reordered_ratio),
	U64("max_extent", impaired.max_extent),
};
static const struct bench_field streams[] = {
	U64("total", streams.total),
	U64("identical", streams.identical),
	U64("gapped", streams.gapped),
	U64("conflicted", streams.conflicted),
	U64("differ", streams.differ),
	U64("gap_bytes", streams.gap_bytes),
	U64("needless_gap_bytes", streams.needless_gap_bytes),
};
static const struct bench_field udp[] = {
	U64("conversations", udp.conversations),
	U64("datagrams", udp.datagrams),
	U64("differ", udp.differ),
};
static const struct bench_field live[] = {
	F64("cpu_seconds", live.cpu_seconds),
	F64("cpu_seconds_per_gbit", live.cpu_seconds_per_gbit),
	U64("received", live.received),
	U64("forwarded", live.forwarded),
	U64("ring_drops", live.ring_drops),
	U64("ring_freezes", live.ring_freezes),
	U64("not_sent", live.not_sent),
	U64("afxdp_ports", live.afxdp_ports),
	U64("zero_copy_ports", live.zero_copy_ports),
	U64("impaired_lost", live.impaired_lost),
	U64("impaired_held", live.impaired_held),
	U64("impaired_duplicated", live.impaired_duplicated),
	U64("impaired_corrupted", live.impaired_corrupted),
	U64("impaired_truncated", live.impaired_truncated),
	U64("impaired_delayed", live.impaired_delayed),
};

static const struct bench_field gate[] = {
	U64("released", gate.released),
	U64("released_late", gate.released_late),
	U64("not_released", gate.not_released),
	U64("waiting_peak", gate.waiting_peak),
	U64("waiting_peak_bytes", gate.waiting_peak_bytes),
	U64("longest_wait_ns", gate.longest_wait_ns),
	U64("wait_overflow", gate.wait_overflow),
	U64("shut", gate.shut),
	U64("mid_streams", gate.mid_streams),
};

#define GROUP(name, member, list)                                                                                      \
	{                                                                                                              \
		name, offsetof(struct bench_run, member.known), list, COUNT(list)                                      \
	}

const struct bench_group bench_run_groups[] = {
	{ NULL, SIZE_MAX, sizes, COUNT(sizes) },
	{ NULL, SIZE_MAX, rates, COUNT(rates) },
	GROUP("speedup", speedup, speedup),
	GROUP("service_ns", service_ns, service),
	GROUP("hol_wait_ns", hol_wait_ns, hol_wait),
	GROUP("latency_ns", latency_ns, latency),
	GROUP("memory", memory, memory),
	GROUP("impaired", impaired, impaired),
	GROUP("streams", streams, streams),
	GROUP("udp", udp, udp),
	GROUP("live", live, live),
	GROUP("gate", gate, gate),
};
const size_t bench_run_group_count = COUNT(bench_run_groups);
