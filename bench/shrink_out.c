/* SPDX-License-Identifier: BSD-2-Clause
 *
 * shrink_out.c: see shrink_out.h.
 */
#include "shrink_out.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/pcapng_writer.h>
#include <flowos/seq.h>

enum {
	NOTE = FOS_DECISION_TEXT + 512,
	LISTED = 64, /* packets: more of them tell nobody anything */
};

static const struct shrink_packet *packet_of(const struct shrink_out *o, const struct shrink_item *item)
{
	return &o->trace->packet[item->packet];
}

static void also(char *buf, size_t len, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void also(char *buf, size_t len, const char *format, ...)
{
	size_t at = strlen(buf);
	va_list ap;

	if (at + 1 >= len)
		return;
	va_start(ap, format);
	vsnprintf(buf + at, len - at, format, ap);
	va_end(ap);
}

/* What was done to a packet, with its number in the original: "frame 17: held back by 1 packet (reorder); seq -1448". */
static void note_of(const struct shrink_out *o, const struct shrink_item *item, char buf[NOTE])
{
	const struct shrink_packet *k = packet_of(o, item);
	struct fos_decision d = item->d;
	const char *sep = ";";
	struct shrink_left l;
	int32_t seq, ack;

	d.num = k->f->num;
	fos_decision_note(&d, buf, NOTE);
	if (!d.actions)
		sep = "";
	if (k->dir != SHRINK_NONE && k->tcp) {
		shrink_left(o->cand, o->trace, item, &l);
		seq = fos_seq_diff(l.seq, (uint32_t)(k->from - (k->flags & FOS_TCP_SYN ? 1 : 0)));
		ack = k->flags & FOS_TCP_ACK ? fos_seq_diff(l.ack, (uint32_t)k->ack) : 0;
		if (seq) {
			also(buf, NOTE, "%s seq %+d", sep, seq);
			sep = ",";
		}
		if (ack) {
			also(buf, NOTE, "%s ack %+d", sep, ack);
			sep = ",";
		}
		if (l.len != k->len) {
			also(buf, NOTE, "%s %u of %u payload bytes", sep, l.len, k->len);
			sep = ",";
		}
		if (l.flags != k->flags) {
			also(buf, NOTE, "%s FIN taken away", sep);
			sep = ",";
		}
	}
	if (item->ts_ns != k->f->ts_ns) {
		bool later = item->ts_ns > k->f->ts_ns;
		uint64_t by = later ? item->ts_ns - k->f->ts_ns : k->f->ts_ns - item->ts_ns;

		also(buf, NOTE, "%s %.6f s %s (shrink)", sep, (double)by / 1e9, later ? "later" : "earlier");
		return;
	}
	also(buf, NOTE, sep[0] == ',' ? " (shrink)" : sep[0] ? "" : " as it was");
}

static int write_file(const struct shrink_out *o, const struct fos_frames *frames, const char *path, char *err,
                      size_t errlen)
{
	struct fos_port *out;
	char note[NOTE];
	int rc = fos_pcapng_writer_open_with(path, o->comment, &out);

	if (rc == 0) {
		for (size_t i = 0; rc == 0 && i < frames->n; i++) {
			note_of(o, &o->cand->item[frames->v[i].num - 1], note);
			rc = fos_pcapng_write(out, &frames->v[i], note);
		}
		if (rc == 0)
			rc = fos_port_close(out);
		else
			fos_pcapng_abort(out);
	}
	if (rc)
		snprintf(err, errlen, "%s: %s", path, strerror(-rc));
	return rc;
}

int shrink_write_seen(const struct shrink_out *o, const char *path, char *err, size_t errlen)
{
	return write_file(o, &o->run->schedule.frames, path, err, errlen);
}

int shrink_write_before(const struct shrink_out *o, const char *path, const char *decisions, char *err, size_t errlen)
{
	int rc = write_file(o, &o->run->packets, path, err, errlen);

	return rc ? rc : fos_decisions_write(o->run->decisions, decisions, NULL, err, errlen);
}

static int set_header(const struct shrink_out *o, const struct bench_trace *t, struct bench_golden *g)
{
	char wait[64], cap[32];
	int rc = bench_golden_set(g, "trace", t->name);

	bench_hole_wait_text(o->cand->hole_packets, o->cand->hole_ns, wait, sizeof(wait));
	snprintf(cap, sizeof(cap), "%zu", o->opts->hold_cap);
	if (rc == 0)
		rc = bench_golden_set(g, "trace-sha256", t->sha256);
	if (rc == 0)
		rc = bench_golden_set(g, "level", "app");
	if (rc == 0)
		rc = bench_golden_set(g, "overlap", fos_overlap_name(o->opts->overlap));
	if (rc == 0)
		rc = bench_golden_set(g, "hole-wait", wait);
	if (rc == 0)
		rc = bench_golden_set(g, "checksum", o->opts->verify ? "verify" : "ignore");
	if (rc == 0 && o->opts->hold_cap)
		rc = bench_golden_set(g, "hold-cap", cap);
	if (rc == 0 && o->opts->vlan_key)
		rc = bench_golden_set(g, "vlan-key", "yes");
	if (rc == 0)
		rc = bench_golden_set(g, "reference", o->reference);
	return rc;
}

int shrink_write_golden(const struct shrink_out *o, const char *small, const char *path, char *err, size_t errlen)
{
	struct bench_golden g = { .line = o->run->want.line, .lines = o->run->want.lines };
	struct bench_trace t;
	int rc = bench_trace_load(&t, small, true, NULL, NULL, err, errlen);

	if (rc)
		return rc;
	rc = set_header(o, &t, &g);
	if (rc)
		snprintf(err, errlen, "%s: %s", path, strerror(-rc));
	else
		rc = bench_golden_write(&g, path, err, errlen);
	bench_trace_free(&t);
	g.line = NULL; /* they are the run's */
	g.lines = 0;
	bench_golden_free(&g);
	return rc;
}

/* Sequence number that a direction's are counted from: its SYN's, else the least. False: it has no packet. */
static bool base_of(const struct shrink_out *o, uint32_t dir, uint32_t *base)
{
	bool any = false;

	for (size_t i = 0; i < o->cand->n; i++) {
		const struct shrink_packet *k = packet_of(o, &o->cand->item[i]);
		struct shrink_left l;

		if (k->dir != dir || (k->flags & FOS_TCP_RST))
			continue;
		shrink_left(o->cand, o->trace, &o->cand->item[i], &l);
		if (l.flags & FOS_TCP_SYN) {
			*base = l.seq;
			return true;
		}
		if (!any || fos_seq_diff(l.seq, *base) < 0)
			*base = l.seq;
		any = true;
	}
	return any;
}

static void flags_text(uint8_t flags, char buf[8])
{
	static const struct {
		uint8_t flag;
		char letter;
	} letters[] = { { FOS_TCP_SYN, 'S' }, { FOS_TCP_FIN, 'F' }, { FOS_TCP_RST, 'R' },
		        { FOS_TCP_PSH, 'P' }, { FOS_TCP_URG, 'U' }, { FOS_TCP_ACK, '.' } };

	for (size_t i = 0; i < sizeof(letters) / sizeof(*letters); i++)
		if (flags & letters[i].flag)
			*buf++ = letters[i].letter;
	*buf = '\0';
}

/* "[seq 1 to 3, ack 1]" of a TCP packet. */
static void tcp_text(const struct shrink_out *o, const struct shrink_item *item, char *buf, size_t len)
{
	const struct shrink_packet *k = packet_of(o, item);
	uint32_t seq_base = 0, ack_base = 0;
	struct shrink_left l;
	char flags[8];

	shrink_left(o->cand, o->trace, item, &l);
	flags_text(l.flags, flags);
	base_of(o, k->dir, &seq_base);
	snprintf(buf, len, "%-5s seq %-10" PRIu32, flags, l.seq - seq_base);
	if (!(l.flags & FOS_TCP_ACK))
		also(buf, len, " %-14s", "");
	else if (base_of(o, o->trace->dir[k->dir].peer, &ack_base))
		also(buf, len, " ack %-10" PRIu32, l.ack - ack_base);
	else
		also(buf, len, " ack =%-9" PRIu32, l.ack);
	also(buf, len, " len %u%s", l.len, l.seq < seq_base ? " wrapped" : "");
}

void shrink_list(const struct shrink_out *o, FILE *f)
{
	const struct fos_frames *seen = &o->run->schedule.frames;
	uint32_t conv = SHRINK_NONE;
	char text[128], note[NOTE], name[SHRINK_NAME];

	for (size_t i = 0; i < seen->n && i < LISTED; i++) {
		const struct shrink_item *item = &o->cand->item[seen->v[i].num - 1];
		const struct shrink_packet *k = packet_of(o, item);
		const char *side = " ";

		if (k->conv != conv) {
			conv = k->conv;
			fprintf(f, "  %s\n", shrink_direction_name(&o->trace->conv[conv], 0, name, sizeof(name)));
		}
		snprintf(text, sizeof(text), "%u bytes%s", fos_frame_caplen(&seen->v[i]),
		         k->group ? ", a fragment" : "");
		if (k->dir != SHRINK_NONE && k->tcp)
			tcp_text(o, item, text, sizeof(text));
		if (k->dir != SHRINK_NONE)
			side = o->trace->dir[k->dir].side ? "<" : ">";
		note_of(o, item, note);
		fprintf(f, "  %2zu %10.6f %s %-46s %s\n", i + 1,
		        ((double)seen->v[i].ts_ns - (double)seen->v[0].ts_ns) / 1e9, side, text,
		        note + strlen("flowos: "));
	}
	if (seen->n > LISTED)
		fprintf(f, "  and %zu more\n", seen->n - LISTED);
}
