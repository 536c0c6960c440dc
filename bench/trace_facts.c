/* SPDX-License-Identifier: BSD-2-Clause
 *
 * trace_facts.c: counts what is in a trace. trace_facts_out.c writes it. Reads frames; touches nothing.
 */
#include "trace_facts.h"

#include <string.h>

#include <flowos/parse.h>

enum { PROGRESS_EVERY = 65536 };

const char *trace_link_name(uint16_t type)
{
	static const struct {
		uint16_t type;
		const char *name;
	} names[] = {
		{ 0, "BSD loopback" },
		{ 1, "Ethernet" },
		{ 9, "PPP" },
		{ 12, "raw IP" },
		{ 14, "raw IP" },
		{ 50, "PPP over serial" },
		{ 51, "PPPoE" },
		{ 101, "raw IP" },
		{ 105, "IEEE 802.11" },
		{ 108, "OpenBSD loopback" },
		{ 113, "Linux cooked" },
		{ 127, "802.11 radiotap" },
		{ 228, "IPv4" },
		{ 229, "IPv6" },
		{ 276, "Linux cooked v2" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].type == type)
			return names[i].name;
	return NULL;
}

const char *trace_encap_name(unsigned bit)
{
	static const char *const names[TRACE_ENCAPS] = { "vlan",   "qinq",  "mpls",   "pppoe", "ipip",   "gre",
		                                         "erspan", "vxlan", "geneve", "gtp",   "teredo", "l2tp" };

	return bit < TRACE_ENCAPS ? names[bit] : NULL;
}

static void count_link(struct trace_facts *f, uint16_t type)
{
	unsigned i = 0;

	while (i < f->links && f->link[i].type != type)
		i++;
	if (i == TRACE_LINKS_MAX)
		i--;
	if (i == f->links)
		f->link[f->links++].type = type;
	f->link[i].packets++;
}

static void count_checksum(struct trace_facts *f, const struct fos_pkt *p)
{
	if ((p->verdict != FOS_PKT_TCP && p->verdict != FOS_PKT_UDP) || p->app_len != p->app_wire_len)
		return;
	f->checksums++;
	f->checksums_wrong += !fos_checksum_ok(p);
}

static void count_frame(struct trace_facts *f, const struct fos_frame *frame, uint64_t *before)
{
	struct fos_pkt p = { .f = *frame };

	f->packets++;
	f->captured_bytes += fos_frame_caplen(frame);
	f->wire_bytes += frame->wire_len;
	f->cut += fos_frame_caplen(frame) < frame->wire_len;
	f->backwards += f->packets > 1 && frame->ts_ns < *before;
	*before = frame->ts_ns;
	if (f->packets == 1 || frame->ts_ns < f->first_ns)
		f->first_ns = frame->ts_ns;
	if (frame->ts_ns > f->last_ns)
		f->last_ns = frame->ts_ns;
	count_link(f, frame->linktype);
	fos_parse(&p, 0);
	for (unsigned i = 0; i < TRACE_ENCAPS; i++)
		f->encap[i] += (p.encap >> i) & 1;
	if (p.vlan < 4096)
		f->vlan[p.vlan]++;
	count_checksum(f, &p);
}

static void count_streams(struct trace_facts *f, const struct bench_record *r)
{
	for (size_t i = 0; i < r->streams; i++) {
		const struct bench_stream *s = &r->stream[i];

		if (s->bytes == 0)
			continue;
		f->streams++;
		f->gapped += s->gaps != 0;
		f->mid += s->mid;
		f->conflicted += s->conflict;
	}
	f->udp_conversations = r->udps;
}

int trace_facts_make(struct trace_facts *f, const struct fos_frames *frames, const struct bench_engine_opts *o,
                     void (*progress)(void *, uint64_t, uint64_t, const char *), void *arg, char *err, size_t errlen)
{
	struct bench_record *record;
	uint64_t before = 0;
	int rc;

	memset(f, 0, sizeof(*f));
	for (size_t i = 0; i < frames->n; i++) {
		count_frame(f, &frames->v[i], &before);
		if (progress && i % PROGRESS_EVERY == 0)
			progress(arg, i, frames->n, "parsing");
	}
	rc = bench_record_run(o, NULL, frames, &record, &f->engine, err, errlen);
	if (rc == 0)
		count_streams(f, record);
	if (rc == 0)
		bench_record_free(record);
	return rc;
}
