/* SPDX-License-Identifier: BSD-2-Clause
 *
 * trace_facts_out.c: what is in a trace, for people and for scripts. Writes; changes nothing.
 */
#include "trace_facts.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include <flowos/outfile.h>
#include <flowos/parse.h>

static void put_name(FILE *out, const char *name)
{
	fprintf(out, "  %-20s", name);
}

static void row(FILE *out, const char *name, uint64_t value, const char *what)
{
	put_name(out, name);
	fprintf(out, "%" PRIu64 "%s%s\n", value, *what ? " " : "", what);
}

/* Rows that say nothing where there is nothing to say. */
static void row_if(FILE *out, const char *name, uint64_t value, const char *what)
{
	if (value)
		row(out, name, value, what);
}

static void print_time(const struct trace_facts *f, FILE *out)
{
	uint64_t ns = f->last_ns - f->first_ns;
	time_t s = (time_t)(f->first_ns / 1000000000);
	struct tm tm;
	char text[64] = "";

	if (f->packets && gmtime_r(&s, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	put_name(out, "duration");
	fprintf(out, "%" PRIu64 ".%06" PRIu64 " s%s%s\n", ns / 1000000000, ns % 1000000000 / 1000,
	        *text ? ", from " : "", text);
	row_if(out, "backwards", f->backwards, "packets have a time before the one in front of them");
}

static void print_link(const struct trace_facts *f, FILE *out)
{
	bool any = false;

	for (unsigned i = 0; i < f->links; i++) {
		const char *name = trace_link_name(f->link[i].type);

		put_name(out, i ? "" : "link type");
		fprintf(out, "%s (%u)", name ? name : "unknown here", f->link[i].type);
		if (f->links > 1)
			fprintf(out, ", %" PRIu64 " packets", f->link[i].packets);
		fputc('\n', out);
	}
	for (unsigned i = 0; i < TRACE_ENCAPS; i++)
		if (f->encap[i]) {
			put_name(out, any ? "" : "encapsulation");
			fprintf(out, "%s, %" PRIu64 " packets\n", trace_encap_name(i), f->encap[i]);
			any = true;
		}
	any = false;
	for (unsigned i = 0; i < 4096; i++)
		if (f->vlan[i]) {
			put_name(out, any ? "" : "VLAN");
			fprintf(out, "%u, %" PRIu64 " packets\n", i, f->vlan[i]);
			any = true;
		}
}

static void print_order(const struct fos_worker_stats *e, FILE *out)
{
	fprintf(out, "order\n");
	row(out, "out of order", e->held_segments, "segments came above a hole");
	row(out, "late", e->late_bytes, "bytes came a second time, or too late");
	row(out, "gaps", e->gaps, "");
	row(out, "gap bytes", e->gap_bytes, "never came");
	row_if(out, "before the start", e->before_start_bytes, "bytes");
	row_if(out, "out of window", e->out_of_window, "segments dropped");
	row(out, "conflicts", e->conflicts, "overlaps with other bytes");
}

void trace_facts_print(const struct trace_facts *f, const struct bench_trace *t, FILE *out)
{
	const struct fos_worker_stats *e = &f->engine;

	fprintf(out, "%s%s\n", t->name, t->damaged ? " (damaged: what comes before the damage)" : "");
	row(out, "packets", f->packets, "");
	for (int i = 0; i < FOS_PKT_VERDICTS; i++)
		row_if(out, fos_verdict_name((enum fos_verdict)i), e->verdict[i], "");
	row(out, "bytes", f->wire_bytes, "on the wire");
	row(out, "captured", f->captured_bytes, "bytes");
	row_if(out, "cut", f->cut, "packets captured in part");
	print_time(f, out);
	print_link(f, out);
	fprintf(out, "sessions\n");
	row(out, "TCP", e->tcp_sessions, "");
	row(out, "UDP", e->udp_sessions, "");
	row(out, "at a time", e->sessions_peak, "at most");
	row(out, "streams", f->streams, "TCP directions with data");
	row_if(out, "with gaps", f->gapped, "of them");
	row_if(out, "begun in the middle", f->mid, "of them");
	row_if(out, "with conflicts", f->conflicted, "of them");
	row(out, "TCP bytes", e->delivered_bytes, "in order, each once");
	row(out, "UDP datagrams", e->datagrams, "");
	row(out, "UDP bytes", e->datagram_bytes, "");
	print_order(e, out);
	fprintf(out, "packets that need care\n");
	row(out, "fragments", e->frag.fragments, "");
	row_if(out, "whole again", e->frag.datagrams, "datagrams of fragments");
	put_name(out, "checksums wrong");
	fprintf(out, "%" PRIu64 " of %" PRIu64 "%s\n", f->checksums_wrong, f->checksums,
	        f->checksums_wrong && f->checksums_wrong > f->checksums / 10 ? " (offload?)" : "");
}

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *links_json(const struct trace_facts *f)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < f->links; i++) {
		const char *name = trace_link_name(f->link[i].type);
		json_t *o = json_object();

		json_object_set_new(o, "type", number(f->link[i].type));
		json_object_set_new(o, "name", name ? json_string(name) : json_null());
		json_object_set_new(o, "packets", number(f->link[i].packets));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *vlans_json(const struct trace_facts *f)
{
	json_t *o = json_object();
	char id[16];

	for (unsigned i = 0; i < 4096; i++)
		if (f->vlan[i]) {
			snprintf(id, sizeof(id), "%u", i);
			json_object_set_new(o, id, number(f->vlan[i]));
		}
	return o;
}

/* Pairs of a name and a number, ended by NULL. */
struct pair {
	const char *name;
	uint64_t value;
};

static void set_all(json_t *o, const struct pair *p)
{
	for (; p->name; p++)
		json_object_set_new(o, p->name, number(p->value));
}

static json_t *verdicts_json(const struct trace_facts *f)
{
	json_t *o = json_object();

	for (int i = 0; i < FOS_PKT_VERDICTS; i++)
		json_object_set_new(o, fos_verdict_name((enum fos_verdict)i), number(f->engine.verdict[i]));
	return o;
}

static json_t *encaps_json(const struct trace_facts *f)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < TRACE_ENCAPS; i++)
		if (f->encap[i])
			json_object_set_new(o, trace_encap_name(i), number(f->encap[i]));
	return o;
}

static json_t *trace_json(const struct bench_trace *t)
{
	json_t *o = json_object();
	json_t *name = json_string(t->name); /* NULL where the name is no UTF-8 */

	json_object_set_new(o, "name", name ? name : json_null());
	json_object_set_new(o, "sha256", t->sha256[0] ? json_string(t->sha256) : json_null());
	json_object_set_new(o, "damaged", json_boolean(t->damaged));
	return o;
}

static json_t *facts_json(const struct trace_facts *f, const struct bench_trace *t)
{
	const struct fos_worker_stats *e = &f->engine;
	json_t *o = json_object();
	const struct pair numbers[] = {
		{ "packets", f->packets },
		{ "wire_bytes", f->wire_bytes },
		{ "captured_bytes", f->captured_bytes },
		{ "cut_packets", f->cut },
		{ "first_ns", f->first_ns },
		{ "duration_ns", f->last_ns - f->first_ns },
		{ "backwards", f->backwards },
		{ "tcp_sessions", e->tcp_sessions },
		{ "udp_sessions", e->udp_sessions },
		{ "concurrent_peak", e->sessions_peak },
		{ "streams", f->streams },
		{ "gapped_streams", f->gapped },
		{ "mid_streams", f->mid },
		{ "conflicted_streams", f->conflicted },
		{ "tcp_bytes", e->delivered_bytes },
		{ "udp_conversations", f->udp_conversations },
		{ "udp_datagrams", e->datagrams },
		{ "udp_bytes", e->datagram_bytes },
		{ "out_of_order_segments", e->held_segments },
		{ "late_bytes", e->late_bytes },
		{ "gaps", e->gaps },
		{ "gap_bytes", e->gap_bytes },
		{ "before_start_bytes", e->before_start_bytes },
		{ "out_of_window", e->out_of_window },
		{ "conflicts", e->conflicts },
		{ "fragments", e->frag.fragments },
		{ "reassembled", e->frag.datagrams },
		{ "checksums", f->checksums },
		{ "checksums_wrong", f->checksums_wrong },
		{ NULL, 0 },
	};

	json_object_set_new(o, "schema", number(1));
	json_object_set_new(o, "flowos", json_string(FLOWOS_VERSION));
	json_object_set_new(o, "trace", trace_json(t));
	set_all(o, numbers);
	json_object_set_new(o, "verdicts", verdicts_json(f));
	json_object_set_new(o, "link_types", links_json(f));
	json_object_set_new(o, "encapsulations", encaps_json(f));
	json_object_set_new(o, "vlans", vlans_json(f));
	return o;
}

int trace_facts_json(const struct trace_facts *f, const struct bench_trace *t, const char *path)
{
	struct fos_outfile *out;
	json_t *o = facts_json(f, t);
	int rc = fos_outfile_open(path, &out);

	if (rc == 0) {
		json_dumpf(o, fos_outfile_stream(out), JSON_INDENT(2) | JSON_ENSURE_ASCII);
		fputc('\n', fos_outfile_stream(out));
		rc = fos_outfile_commit(out);
	}
	json_decref(o);
	return rc;
}
