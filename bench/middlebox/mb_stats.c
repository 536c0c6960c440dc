/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_stats.c: numbers as one list, which adds up, writes JSON, metrics and a summary. See mb_stats.h.
 */
#include "mb_stats.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "json_out_text.h"

enum kind { SUM, NOW, PEAK, MOST }; /* a counter; what is there now; the most that there was, in all; of any */

struct number {
	const char *name, *help;
	size_t at;
	enum kind kind;
};

#define ENGINE(member, kind, help)                                                                                     \
	{                                                                                                              \
#member, help, offsetof(struct fos_worker_stats, member), kind                                         \
	}
#define RELEASE(name, member, kind, help)                                                                              \
	{                                                                                                              \
		name, help, offsetof(struct fos_worker_stats, release.member), kind                                    \
	}
#define LINK(member, help)                                                                                             \
	{                                                                                                              \
#member, help, offsetof(struct fos_port_stats, member), SUM                                            \
	}
#define IMPAIR(member, help)                                                                                           \
	{                                                                                                              \
#member, help, offsetof(struct fos_impair_stats, member), SUM                                          \
	}
#define HAND(member, help)                                                                                             \
	{                                                                                                              \
		"hand_" #member, help, offsetof(struct mb_worker_counts, hand.member), SUM                             \
	}
#define OWN(member, help)                                                                                              \
	{                                                                                                              \
#member, help, offsetof(struct mb_worker_counts, member), SUM                                          \
	}

#define VERDICT(name, which, help)                                                                                     \
	{                                                                                                              \
		name, help, offsetof(struct fos_worker_stats, verdict[which]), SUM                                     \
	}

static const struct number engine[] = {
	VERDICT("tcp_packets", FOS_PKT_TCP, "TCP segments"),
	VERDICT("udp_packets", FOS_PKT_UDP, "UDP datagrams"),
	VERDICT("fragments", FOS_PKT_FRAGMENT, "IP fragments"),
	VERDICT("other_packets", FOS_PKT_OTHER, "IP packets of other protocols"),
	VERDICT("non_ip_packets", FOS_PKT_NON_IP, "frames that are no IP"),
	VERDICT("malformed_packets", FOS_PKT_MALFORMED, "packets whose lengths contradict each other"),
	VERDICT("truncated_packets", FOS_PKT_TRUNCATED, "packets that end inside a header"),
	ENGINE(packets, SUM, "packets that went into the engine"),
	ENGINE(wire_bytes, SUM, "their length on the wire"),
	ENGINE(captured_bytes, SUM, "their captured bytes"),
	ENGINE(bad_checksum, SUM, "packets dropped for a wrong checksum"),
	ENGINE(unmatched, SUM, "packets of sessions that no flow wants"),
	ENGINE(payload_bytes, SUM, "TCP and UDP payload as it came, repeated bytes too"),
	ENGINE(delivered_bytes, SUM, "TCP payload in order, each byte once"),
	ENGINE(datagrams, SUM, "UDP datagrams"),
	ENGINE(datagram_bytes, SUM, "their payload"),
	ENGINE(sessions, SUM, "sessions that began"),
	ENGINE(sessions_now, NOW, "sessions that are there"),
	ENGINE(sessions_peak, PEAK, "the most sessions that were there at a time"),
	ENGINE(tcp_sessions, SUM, "TCP sessions that began"),
	ENGINE(udp_sessions, SUM, "UDP sessions that began"),
	ENGINE(late_bytes, SUM, "bytes for a place that had been passed on"),
	ENGINE(out_of_window, SUM, "segments dropped for their sequence number"),
	ENGINE(conflicts, SUM, "overlaps with different bytes"),
	ENGINE(held_segments, SUM, "segments that waited above a hole"),
	ENGINE(held_bytes, NOW, "memory of those that wait"),
	ENGINE(held_peak_bytes, PEAK, "the most memory that waited at a time"),
	ENGINE(gaps, SUM, "gaps in streams"),
	ENGINE(gap_bytes, SUM, "missing bytes"),
	ENGINE(cap_gaps, SUM, "gaps for a cap"),
	ENGINE(time_gaps, SUM, "gaps for time alone"),
	ENGINE(forced_releases, SUM, "bytes taken from modules that kept too much: times"),
	ENGINE(session_cap, SUM, "packets of sessions that found no place"),
	ENGINE(evicted_half_open, SUM, "half-open sessions that gave way"),
	ENGINE(evicted_idle, SUM, "other sessions that gave way"),
	RELEASE("released", released, SUM, "packets that a gate, or what passes it, let go"),
	RELEASE("released_late", waited, SUM, "of those: that had to wait"),
	RELEASE("waiting", waiting, NOW, "packets that wait to be released"),
	RELEASE("waiting_peak", waiting_peak, PEAK, "the most that waited at a time"),
	RELEASE("waiting_bytes", waiting_bytes, NOW, "memory of packets that wait to be released"),
	RELEASE("waiting_peak_bytes", waiting_peak_bytes, PEAK, "the most memory that they took at a time"),
	RELEASE("longest_wait_ns", longest_wait_ns, MOST, "the longest that one has waited, in nanoseconds"),
	RELEASE("not_released", dropped, SUM, "packets that closed flows dropped"),
	RELEASE("wait_overflow", overflow, SUM, "packets that found no room to wait"),
	RELEASE("shut", shut, SUM, "directions that a closed flow let nothing more pass"),
	ENGINE(no_memory, SUM, "packets given up for want of memory"),
};

static const struct number box[] = {
	OWN(batches, "batches with packets"),
	OWN(forwarded, "packets sent on"),
	OWN(tx_lost, "packets that could not be sent on"),
	HAND(handed, "packets of a session that another worker has"),
	HAND(lost, "packets that it did not get, its queue was full"),
};

static const struct number ports[] = {
	LINK(rx_packets, "packets received"),
	LINK(rx_bytes, "bytes received"),
	LINK(tx_packets, "packets sent"),
	LINK(tx_bytes, "bytes sent"),
	LINK(drops, "packets lost before they were received: the ring was full"),
	LINK(freezes, "times that the ring was full"),
	LINK(tx_errors, "packets that the interface refused"),
};

static const struct number impaired[] = {
	IMPAIR(packets, "packets that went into the impairment"),
	IMPAIR(lost, "packets lost on purpose"),
	IMPAIR(retransmitted, "packets lost on purpose and sent again"),
	IMPAIR(corrupted, "packets damaged on purpose"),
	IMPAIR(truncated, "packets cut short on purpose"),
	IMPAIR(selected, "packets held back on purpose"),
	IMPAIR(duplicated, "packets doubled on purpose"),
	IMPAIR(delayed, "packets delayed on purpose"),
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static uint64_t get(const void *from, const struct number *n)
{
	uint64_t v;

	memcpy(&v, (const char *)from + n->at, sizeof(v));
	return v;
}

static void add(void *to, const void *from, const struct number *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t a = get(to, &list[i]), b = get(from, &list[i]);
		uint64_t v = list[i].kind != MOST ? a + b : a > b ? a : b;

		memcpy((char *)to + list[i].at, &v, sizeof(v));
	}
}

void mb_stats_add(struct mb_worker *w, void *arg)
{
	struct mb_stats *st = arg;
	struct fos_worker_stats e;
	struct fos_impair_stats im;

	fos_worker_stats(w->engine, &e);
	add(&st->engine, &e, engine, COUNT(engine));
	if (w->hand)
		mb_hand_stats(w->hand, w->index, &w->count.hand);
	add(&st->worker, &w->count, box, COUNT(box));
	add(&st->worker.impair, &w->count.impair, impaired, COUNT(impaired));
	if (w->impair) {
		fos_impair_stats(w->impair, &im);
		add(&st->worker.impair, &im, impaired, COUNT(impaired));
	}
	for (unsigned i = 0; i < w->links; i++) {
		struct mb_link_total *t = &st->link[i];
		struct fos_port_stats p;

		mb_link_stats(&w->link[i], &p);
		add(&t->port, &p, ports, COUNT(ports));
		snprintf(t->name, sizeof(t->name), "%s", w->link[i].name);
		memcpy(t->kind, w->link[i].kind, sizeof(t->kind));
		memcpy(t->how, w->link[i].how, sizeof(t->how));
		if (st->workers == 0 || w->link[i].state < t->state)
			t->state = w->link[i].state;
		if (w->link[i].losses > t->losses)
			t->losses = w->link[i].losses;
	}
	st->links = w->links;
	st->workers++;
}

/* --- JSON ---------------------------------------------------------------------------------------------------------- */

static json_t *object(const void *from, const struct number *list, size_t count)
{
	json_t *o = json_object();

	for (size_t i = 0; o && i < count; i++)
		json_object_set_new(o, list[i].name, json_integer((json_int_t)get(from, &list[i])));
	return o;
}

static const char *state_name(enum mb_link_state s)
{
	static const char *const names[] = { "gone", "down", "up" };

	return names[s];
}

json_t *mb_stats_json(const struct mb_stats *st)
{
	json_t *all = object(&st->worker, box, COUNT(box)), *links = json_array();

	if (!all || !links) {
		json_decref(all);
		json_decref(links);
		return NULL;
	}
	json_object_set_new(all, "seconds", json_real(st->seconds));
	json_object_set_new(all, "workers", json_integer(st->workers + st->unanswered));
	json_object_set_new(all, "workers_busy", json_integer(st->unanswered));
	for (unsigned i = 0; i < st->links; i++) {
		json_t *l = object(&st->link[i].port, ports, COUNT(ports));

		json_object_set_new(l, "name", bench_json_text(st->link[i].name));
		json_object_set_new(l, "kind", json_string(st->link[i].kind));
		json_object_set_new(l, "how", st->link[i].how[0] ? json_string(st->link[i].how) : json_null());
		json_object_set_new(l, "state", json_string(state_name(st->link[i].state)));
		json_object_set_new(l, "losses", json_integer((json_int_t)st->link[i].losses));
		json_array_append_new(links, l);
	}
	json_object_set_new(all, "ports", links);
	json_object_set_new(all, "engine", object(&st->engine, engine, COUNT(engine)));
	json_object_set_new(all, "impaired", object(&st->worker.impair, impaired, COUNT(impaired)));
	return all;
}

/* --- metrics ------------------------------------------------------------------------------------------------------- */

/* flowos_AREA_NAME_total for a counter, without _total for what goes up and down. */
static void head(FILE *f, const char *area, const struct number *n)
{
	const char *end = n->kind == SUM ? "_total" : "";

	fprintf(f, "# HELP flowos_%s_%s%s %s.\n# TYPE flowos_%s_%s%s %s\n", area, n->name, end, n->help, area, n->name,
	        end, n->kind == SUM ? "counter" : "gauge");
}

static void metrics_of(FILE *f, const char *area, const void *from, const struct number *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		head(f, area, &list[i]);
		fprintf(f, "flowos_%s_%s%s %" PRIu64 "\n", area, list[i].name, list[i].kind == SUM ? "_total" : "",
		        get(from, &list[i]));
	}
}

/* A label's value: \, " and line ends are escaped. */
static void label(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			fputc('\\', f);
		if (*text == '\n')
			fputs("\\n", f);
		else
			fputc(*text, f);
	}
}

static void metrics_of_links(FILE *f, const struct mb_stats *st)
{
	for (size_t i = 0; i < COUNT(ports); i++) {
		head(f, "port", &ports[i]);
		for (unsigned k = 0; k < st->links; k++) {
			fprintf(f, "flowos_port_%s_total{port=\"", ports[i].name);
			label(f, st->link[k].name);
			fprintf(f, "\"} %" PRIu64 "\n", get(&st->link[k].port, &ports[i]));
		}
	}
	fprintf(f, "# HELP flowos_port_info How it is had.\n# TYPE flowos_port_info gauge\n");
	for (unsigned k = 0; k < st->links; k++) {
		fprintf(f, "flowos_port_info{port=\"");
		label(f, st->link[k].name);
		fprintf(f, "\",kind=\"%s\",how=\"%s\"} 1\n", st->link[k].kind, st->link[k].how);
	}
	fprintf(f, "# HELP flowos_port_up Is it there and up.\n# TYPE flowos_port_up gauge\n");
	for (unsigned k = 0; k < st->links; k++) {
		fprintf(f, "flowos_port_up{port=\"");
		label(f, st->link[k].name);
		fprintf(f, "\"} %d\n", st->link[k].state == MB_LINK_UP);
	}
}

char *mb_stats_metrics(const struct mb_stats *st)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f,
	        "# HELP flowos_info The version.\n# TYPE flowos_info gauge\nflowos_info{version=\"%s\"} 1\n"
	        "# HELP flowos_uptime_seconds Since it started.\n# TYPE flowos_uptime_seconds gauge\n"
	        "flowos_uptime_seconds %.3f\n"
	        "# HELP flowos_workers_busy Workers that did not answer, so that their numbers are missing.\n"
	        "# TYPE flowos_workers_busy gauge\nflowos_workers_busy %u\n",
	        FLOWOS_VERSION, st->seconds, st->unanswered);
	metrics_of(f, "box", &st->worker, box, COUNT(box));
	metrics_of_links(f, st);
	metrics_of(f, "engine", &st->engine, engine, COUNT(engine));
	metrics_of(f, "impaired", &st->worker.impair, impaired, COUNT(impaired));
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

/* --- for people ---------------------------------------------------------------------------------------------------- */

void mb_stats_print(const struct mb_stats *st, FILE *out)
{
	const struct fos_worker_stats *e = &st->engine;
	const struct fos_impair_stats *im = &st->worker.impair;

	for (unsigned i = 0; i < st->links; i++) {
		const struct fos_port_stats *p = &st->link[i].port;

		fprintf(out,
		        "%s: received %" PRIu64 " packets, %" PRIu64 " bytes; sent %" PRIu64 ", %" PRIu64
		        "; lost in the ring %" PRIu64 "; %s, %s%s%s\n",
		        st->link[i].name, p->rx_packets, p->rx_bytes, p->tx_packets, p->tx_bytes, p->drops,
		        state_name(st->link[i].state), st->link[i].kind, st->link[i].how[0] ? ": " : "",
		        st->link[i].how);
	}
	fprintf(out, "forwarded %" PRIu64 " packets; could not forward %" PRIu64 "\n", st->worker.forwarded,
	        st->worker.tx_lost);
	if (im->packets)
		fprintf(out,
		        "impaired: lost %" PRIu64 ", held back %" PRIu64 ", doubled %" PRIu64 ", damaged %" PRIu64
		        ", delayed %" PRIu64 " of %" PRIu64 " packets\n",
		        im->lost, im->selected, im->duplicated, im->corrupted, im->delayed, im->packets);
	fprintf(out,
	        "engine: %" PRIu64 " packets, %" PRIu64 " sessions (now %" PRIu64 ", at most %" PRIu64 "), %" PRIu64
	        " bytes in order, %" PRIu64 " gaps (%" PRIu64 " bytes), %" PRIu64 " held segments\n",
	        e->packets, e->sessions, e->sessions_now, e->sessions_peak, e->delivered_bytes, e->gaps, e->gap_bytes,
	        e->held_segments);
}
