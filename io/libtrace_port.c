/* SPDX-License-Identifier: BSD-2-Clause
 *
 * libtrace_port.c: a port over libtrace 3: ERF, legacy DAG formats, TSH, and compressed files of all of them.
 *
 * libtrace 3 is under the GNU GPL, version 2 or later. This file is BSD-2-Clause; the object libtrace_port.so, which
 * is linked against libtrace, may be distributed under the terms of the GPL only. It is therefore an object of its
 * own, loaded when a trace needs it (libtrace_load.c), and nothing else of flowos includes or links libtrace.
 *
 * Frames are not stable: they live in libtrace's packets, of which there is one per place in a batch.
 */
#include "libtrace_abi.h"

#include <libtrace.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INFLATE_CHUNK = 1 << 20, ETHER_FCS = 4 };

struct lt {
	struct fos_port port;
	libtrace_t *trace;
	libtrace_packet_t *pkt[FOS_BATCH_MAX];
	char *name;
	int fd;    /* our own: for rewind */
	int first; /* pkt[0] holds a packet that was read ahead: what trace_read_packet said of it */
	int status;
	uint64_t num, clock_ns;
	struct fos_port_stats stats;
	char error[512];
};

/* libwandio decompresses for libtrace and is loaded with it; its header is in a package of its own. */
struct wandio;
extern struct wandio *wandio_create(const char *filename) __attribute__((weak));
extern off_t wandio_read(struct wandio *io, void *buffer, off_t len) __attribute__((weak));
extern void wandio_destroy(struct wandio *io) __attribute__((weak));

/* LINKTYPE_ values of libtrace's link types; those that are not here are unknown. */
static const int linktypes[] = {
	[TRACE_TYPE_HDLC_POS] = 104, [TRACE_TYPE_ETH] = 1,           [TRACE_TYPE_80211] = 105,
	[TRACE_TYPE_NONE] = 101,     [TRACE_TYPE_LINUX_SLL] = 113,   [TRACE_TYPE_PFLOG] = 117,
	[TRACE_TYPE_POS] = 50,       [TRACE_TYPE_80211_PRISM] = 119, [TRACE_TYPE_80211_RADIO] = 127,
	[TRACE_TYPE_LLCSNAP] = 100,  [TRACE_TYPE_PPP] = 9,           [TRACE_TYPE_OPENBSD_LOOP] = 108,
};

static int linktype_of(libtrace_linktype_t t)
{
	int n = (int)(sizeof linktypes / sizeof *linktypes);

	return (int)t >= 0 && (int)t < n ? linktypes[t] : 0;
}

static int fail(struct lt *l, int status, const char *what)
{
	snprintf(l->error, sizeof l->error, "%.200s: after %llu packets: %.250s", l->name, (unsigned long long)l->num,
	         what);
	l->status = status;
	return 0;
}

/* Reads into pkt[slot]. Returns libtrace's answer: > 0 a packet, 0 the end, < 0 damage. */
static int lt_read(struct lt *l, uint32_t slot)
{
	int ret = l->first;

	if (slot == 0 && ret) {
		l->first = 0;
		return ret;
	}
	return trace_read_packet(l->trace, l->pkt[slot]);
}

/* Makes a frame of the packet in pkt[slot]. Returns 1; 0 with the status set; -1 for a record that is no packet. */
static int lt_frame(struct lt *l, uint32_t slot, struct fos_frame *f)
{
	libtrace_packet_t *p = l->pkt[slot];
	libtrace_linktype_t type;
	uint32_t len = 0;
	void *data = trace_get_packet_buffer(p, &type, &len);
	size_t wire = trace_get_wire_length(p), cap = trace_get_capture_length(p);
	uint64_t erf = trace_get_erf_timestamp(p);
	int linktype = linktype_of(type);

	if (!data || type == TRACE_TYPE_METADATA || type == TRACE_TYPE_NONDATA)
		return -1;
	if (!linktype)
		return fail(l, -ENOTSUP, "a link type that is not known here");
	/* libtrace counts the frame check sequence, FlowOS does not; where it was captured, it is still there. */
	if (type == TRACE_TYPE_ETH && wire >= ETHER_FCS)
		wire -= ETHER_FCS;
	*f = (struct fos_frame){ .data = data, .len = len < cap ? len : (uint32_t)cap, .linktype = (uint16_t)linktype };
	f->wire_len = wire > f->len && wire <= UINT32_MAX ? (uint32_t)wire : f->len;
	f->ts_ns =
	    (erf >> 32) * UINT64_C(1000000000) + (((erf & UINT32_MAX) * UINT64_C(1000000000) + (1u << 31)) >> 32);
	f->num = ++l->num;
	return 1;
}

static int lt_rx(struct fos_port *p, struct fos_batch *b)
{
	struct lt *l = (struct lt *)p;
	uint32_t n = 0;

	while (n < FOS_BATCH_MAX && !l->status) {
		struct fos_frame *f = &b->pkt[n].f;
		int got = lt_read(l, n);

		if (got == 0) {
			l->status = -ENODATA;
		} else if (got < 0) {
			fail(l, -EBADMSG, trace_get_err(l->trace).problem);
		} else if ((got = lt_frame(l, n, f)) < 0) {
			l->stats.skipped++;
		} else if (got) {
			if (l->clock_ns < f->ts_ns)
				l->clock_ns = f->ts_ns;
			l->stats.rx_packets++;
			l->stats.rx_bytes += f->len;
			n++;
		}
	}
	b->n = n;
	b->now_ns = l->clock_ns;
	return n ? (int)n : l->status;
}

/* (Re)starts libtrace on the file, which it opens by the name of our descriptor: no name of a file then looks to it
 * like "format:file". Reads up to the first packet, as libtrace makes traces
 * of many things that are none. */
static int lt_start(struct lt *l)
{
	struct fos_frame f;
	char uri[64];
	int got;

	snprintf(uri, sizeof uri, "/proc/self/fd/%d", l->fd);
	l->trace = trace_create(uri);
	if (!l->trace)
		return -ENOMEM;
	if (trace_is_err(l->trace) || trace_start(l->trace))
		return -EINVAL;
	do {
		l->first = trace_read_packet(l->trace, l->pkt[0]);
		if (l->first <= 0)
			return -EINVAL;
		got = lt_frame(l, 0, &f);
		l->stats.skipped += got < 0;
	} while (got < 0);
	l->num = 0;
	return got ? 0 : l->status;
}

static void lt_stop(struct lt *l)
{
	if (l->trace)
		trace_destroy(l->trace);
	l->trace = NULL;
}

static int lt_rewind(struct fos_port *p)
{
	struct lt *l = (struct lt *)p;
	int ret;

	for (int i = 0; i < FOS_BATCH_MAX; i++) {
		trace_destroy_packet(l->pkt[i]);
		l->pkt[i] = trace_create_packet();
		if (!l->pkt[i])
			return -ENOMEM;
	}
	lt_stop(l);
	l->status = 0;
	l->num = l->clock_ns = 0;
	l->error[0] = 0;
	ret = lt_start(l);
	if (ret)
		fail(l, ret, "it cannot be read a second time");
	return ret;
}

static void lt_stats(const struct fos_port *p, struct fos_port_stats *st)
{
	*st = ((const struct lt *)p)->stats;
}

static const char *lt_error(const struct fos_port *p)
{
	return ((const struct lt *)p)->error;
}

static int lt_close(struct fos_port *p)
{
	struct lt *l = (struct lt *)p;

	for (int i = 0; i < FOS_BATCH_MAX; i++)
		if (l->pkt[i])
			trace_destroy_packet(l->pkt[i]);
	lt_stop(l);
	if (l->fd >= 0)
		close(l->fd);
	free(l->name);
	free(l);
	return 0;
}

static const struct fos_port_ops lt_ops = {
	.name = "libtrace",
	.rx = lt_rx,
	.rewind = lt_rewind,
	.stats = lt_stats,
	.error = lt_error,
	.close = lt_close,
};

static int lt_open(int fd, const char *name, struct fos_port **out, char *err, size_t errlen)
{
	struct lt *l = calloc(1, sizeof *l);
	int ret = -ENOMEM;

	snprintf(err, errlen, "no memory");
	if (!l)
		return ret;
	l->port.ops = &lt_ops;
	l->fd = dup(fd);
	l->name = strdup(name);
	if (l->fd < 0 || !l->name)
		goto close;
	for (int i = 0; i < FOS_BATCH_MAX; i++)
		if (!(l->pkt[i] = trace_create_packet()))
			goto close;
	ret = lt_start(l);
	if (ret == -ENOTSUP)
		snprintf(err, errlen, "libtrace reads it, but its link type is not known here");
	if (ret)
		goto close;
	*out = &l->port;
	return 0;
close:
	lt_close(&l->port);
	return ret;
}

static int lt_inflate(int fd, int (*sink)(void *arg, const void *buf, size_t len), void *arg)
{
	char name[64];
	struct wandio *io;
	void *buf;
	int ret = 0;

	if (!wandio_create || !wandio_read || !wandio_destroy)
		return -ENOTSUP;
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	io = wandio_create(name);
	if (!io)
		return -ENOTSUP;
	buf = malloc(INFLATE_CHUNK);
	if (!buf)
		ret = -ENOMEM;
	while (!ret) {
		off_t n = wandio_read(io, buf, INFLATE_CHUNK);

		if (n == 0)
			break;
		ret = n < 0 ? -EBADMSG : sink(arg, buf, (size_t)n);
	}
	free(buf);
	wandio_destroy(io);
	return ret;
}

extern const struct fos__libtrace_abi fos_libtrace_abi;
__attribute__((visibility("default"))) const struct fos__libtrace_abi fos_libtrace_abi = {
	.version = FOS__LIBTRACE_ABI,
	.open = lt_open,
	.inflate = lt_inflate,
};
