/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_capture.c: see golden_capture.h. Writes one file.
 */
#include "golden_capture.h"

#include <errno.h>
#include <stdio.h>

#include <flowos/outfile.h>
#include <flowos/pcapng_writer.h>

enum { SNAPLEN = 262144 };

enum golden_capture_form golden_capture_form(const struct fos_frames *f)
{
	enum golden_capture_form form = GOLDEN_CAPTURE_PCAP;

	for (size_t i = 0; i < f->n; i++) {
		if (f->v[i].linktype != f->v[0].linktype || f->v[i].ts_ns / 1000000000 > UINT32_MAX)
			return GOLDEN_CAPTURE_PCAPNG;
		if (f->v[i].ts_ns % 1000)
			form = GOLDEN_CAPTURE_PCAP_NS;
	}
	return form;
}

static int write_pcapng(const char *path, const struct fos_frames *f)
{
	struct fos_port *out;
	int rc = fos_pcapng_writer_open(path, &out);

	if (rc)
		return rc;
	for (size_t i = 0; rc == 0 && i < f->n; i++)
		rc = fos_pcapng_write(out, &f->v[i], NULL);
	if (rc == 0)
		return fos_port_close(out);
	fos_pcapng_abort(out);
	return rc;
}

/* Numbers are in this machine's order: the magic number says which that is. */
static void write_pcap(FILE *out, const struct fos_frames *f, bool ns)
{
	const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, accuracy, snaplen, linktype;
	} head = { ns ? 0xa1b23c4d : 0xa1b2c3d4, 2, 4, 0, 0, SNAPLEN, f->n ? f->v[0].linktype : 1 };

	fwrite(&head, sizeof(head), 1, out);
	for (size_t i = 0; i < f->n; i++) {
		const struct fos_frame *v = &f->v[i];
		const uint32_t record[4] = { (uint32_t)(v->ts_ns / 1000000000),
			                     (uint32_t)(v->ts_ns % 1000000000 / (ns ? 1 : 1000)), fos_frame_caplen(v),
			                     v->wire_len };

		fwrite(record, sizeof(record), 1, out);
		fwrite(v->data, 1, v->len, out);
		if (v->ext_len)
			fwrite(v->ext, 1, v->ext_len, out);
	}
}

int golden_capture_write(const char *path, const struct fos_frames *f)
{
	enum golden_capture_form form = golden_capture_form(f);
	struct fos_outfile *o;
	int rc;

	if (form == GOLDEN_CAPTURE_PCAPNG)
		return write_pcapng(path, f);
	rc = fos_outfile_open(path, &o);
	if (rc)
		return rc;
	write_pcap(fos_outfile_stream(o), f, form == GOLDEN_CAPTURE_PCAP_NS);
	return fos_outfile_commit(o);
}
