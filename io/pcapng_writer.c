/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pcapng_writer.c: writes pcapng (draft-ietf-opsawg-pcapng) in this machine's byte order. Touches its outfile.
 */
#include <flowos/pcapng_writer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/outfile.h>

enum {
	BLOCK_IDB = 1,
	BLOCK_EPB = 6,
	BLOCK_SHB = 0x0a0d0d0a,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	OPT_COMMENT = 1,
	OPT_USERAPPL = 4,
	OPT_TSRESOL = 9,
	TSRESOL_NS = 9,
	COMMENT_MAX = 65532,
};

struct writer {
	struct fos_port port;
	struct fos_outfile *file;
	uint16_t *linktypes; /* of the interfaces, by number */
	uint32_t n_ifs, cap_ifs;
	uint32_t last; /* the interface that was looked up last */
	int status;
	struct fos_port_stats stats;
	char *path;
	char error[512];
};

/* An enhanced packet block up to the packet's bytes. */
struct epb {
	uint32_t type, len, iface, ts_high, ts_low, caplen, wire_len;
};

_Static_assert(sizeof(struct epb) == 28, "written as it stands");

static uint32_t padded(uint32_t len)
{
	return (len + 3u) & ~3u;
}

static int failed(struct writer *w, int err)
{
	if (!w->status) {
		w->status = err ? -err : -EIO;
		snprintf(w->error, sizeof w->error, "%.300s: cannot write: %s", w->path, strerror(-w->status));
	}
	return w->status;
}

static int put(struct writer *w, const void *p, size_t len)
{
	if (len && fwrite(p, 1, len, fos_outfile_stream(w->file)) != len)
		return failed(w, errno);
	return 0;
}

static int put_padding(struct writer *w, uint32_t len)
{
	static const uint8_t zero[4];

	return put(w, zero, padded(len) - len);
}

static int put_option(struct writer *w, uint16_t code, const void *value, uint16_t len)
{
	uint16_t head[2] = { code, len };

	if (put(w, head, sizeof head) || put(w, value, len))
		return w->status;
	return put_padding(w, len);
}

/* Length of a comment, cut where it must be, but not inside a character. */
static uint16_t comment_len(const char *s)
{
	size_t len = s ? strlen(s) : 0;

	if (len > COMMENT_MAX)
		for (len = COMMENT_MAX; len && ((unsigned char)s[len] & 0xc0) == 0x80; len--)
			;
	return (uint16_t)len;
}

static int put_shb(struct writer *w, const char *comment)
{
	static const char app[] = "flowos " FLOWOS_VERSION;
	uint16_t text = comment_len(comment), version[2] = { 1, 0 };
	uint32_t len = 28 + (text ? 4 + padded(text) : 0) + 4 + padded(sizeof app - 1) + 4;
	uint32_t head[6] = { BLOCK_SHB, len, BYTE_ORDER_MAGIC, 0, UINT32_MAX, UINT32_MAX };
	uint32_t end[2] = { 0, len };

	memcpy(&head[3], version, sizeof version);
	if (put(w, head, sizeof head) || (text && put_option(w, OPT_COMMENT, comment, text)) ||
	    put_option(w, OPT_USERAPPL, app, sizeof app - 1))
		return w->status;
	return put(w, end, sizeof end);
}

static int put_idb(struct writer *w, uint16_t linktype)
{
	uint32_t len = 20 + 8 + 4, head[4] = { BLOCK_IDB, len, 0, 0 }, end[2] = { 0, len };
	uint16_t type[2] = { linktype, 0 };
	uint8_t resolution = TSRESOL_NS;

	memcpy(&head[2], type, sizeof type);
	if (put(w, head, sizeof head) || put_option(w, OPT_TSRESOL, &resolution, sizeof resolution))
		return w->status;
	return put(w, end, sizeof end);
}

/* Finds or writes the interface of a link type; sets w->last. */
static int find_iface(struct writer *w, uint16_t linktype)
{
	if (w->last < w->n_ifs && w->linktypes[w->last] == linktype)
		return 0;
	for (w->last = 0; w->last < w->n_ifs; w->last++)
		if (w->linktypes[w->last] == linktype)
			return 0;
	if (w->n_ifs == w->cap_ifs) {
		uint32_t cap = w->cap_ifs ? 2 * w->cap_ifs : 4;
		uint16_t *p = realloc(w->linktypes, cap * sizeof *p);

		if (!p)
			return failed(w, ENOMEM);
		w->linktypes = p;
		w->cap_ifs = cap;
	}
	w->linktypes[w->n_ifs++] = linktype;
	return put_idb(w, linktype);
}

int fos_pcapng_write(struct fos_port *port, const struct fos_frame *f, const char *comment)
{
	struct writer *w = (struct writer *)port;
	uint32_t caplen = fos_frame_caplen(f), end[2] = { 0, 0 };
	uint16_t text = comment_len(comment);
	struct epb head;

	if (w->status || find_iface(w, f->linktype))
		return w->status;
	head = (struct epb){
		.type = BLOCK_EPB,
		.len = (uint32_t)sizeof head + padded(caplen) + (text ? 4 + padded(text) + 4 : 0) + 4,
		.iface = w->last,
		.ts_high = (uint32_t)(f->ts_ns >> 32),
		.ts_low = (uint32_t)f->ts_ns,
		.caplen = caplen,
		.wire_len = f->wire_len > caplen ? f->wire_len : caplen,
	};
	if (put(w, &head, sizeof head) || put(w, f->data, f->len) || put(w, f->ext, f->ext_len) ||
	    put_padding(w, caplen))
		return w->status;
	if (text && put_option(w, OPT_COMMENT, comment, text))
		return w->status;
	end[1] = head.len;
	if (put(w, text ? end : end + 1, text ? 8 : 4))
		return w->status;
	w->stats.tx_packets++;
	w->stats.tx_bytes += caplen;
	return 0;
}

static int writer_tx(struct fos_port *p, const struct fos_batch *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		int ret = fos_pcapng_write(p, &b->pkt[i].f, NULL);

		if (ret)
			return ret;
	}
	return (int)b->n;
}

static int writer_rx(struct fos_port *p, struct fos_batch *b)
{
	(void)p;
	b->n = 0;
	b->now_ns = 0;
	return -ENODATA;
}

static void writer_stats(const struct fos_port *p, struct fos_port_stats *st)
{
	*st = ((const struct writer *)p)->stats;
}

static const char *writer_error(const struct fos_port *p)
{
	return ((const struct writer *)p)->error;
}

static void writer_free(struct writer *w)
{
	free(w->linktypes);
	free(w->path);
	free(w);
}

static int writer_close(struct fos_port *p)
{
	struct writer *w = (struct writer *)p;
	int ret = w->status;

	if (ret)
		fos_outfile_abort(w->file);
	else
		ret = fos_outfile_commit(w->file);
	writer_free(w);
	return ret;
}

void fos_pcapng_abort(struct fos_port *port)
{
	struct writer *w = (struct writer *)port;

	if (!w)
		return;
	fos_outfile_abort(w->file);
	writer_free(w);
}

static const struct fos_port_ops writer_ops = {
	.name = "pcapng-writer",
	.rx = writer_rx,
	.tx = writer_tx,
	.stats = writer_stats,
	.error = writer_error,
	.close = writer_close,
};

int fos_pcapng_writer_open(const char *path, struct fos_port **out)
{
	return fos_pcapng_writer_open_with(path, NULL, out);
}

int fos_pcapng_writer_open_with(const char *path, const char *comment, struct fos_port **out)
{
	struct writer *w = calloc(1, sizeof *w);
	int ret = -ENOMEM;

	*out = NULL;
	if (!w)
		return ret;
	w->port.ops = &writer_ops;
	w->path = strdup(path);
	if (!w->path)
		goto free;
	ret = fos_outfile_open(path, &w->file);
	if (ret)
		goto free;
	ret = put_shb(w, comment);
	if (ret)
		goto abort;
	*out = &w->port;
	return 0;
abort:
	fos_outfile_abort(w->file);
free:
	writer_free(w);
	return ret;
}
