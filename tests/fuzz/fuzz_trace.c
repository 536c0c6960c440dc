/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz_trace.c: any bytes as a capture file: pcap, pcapng, or either in gzip (libtrace is not asked). Packets lie within the file, which is
 * kept in a piece of memory of just its length; read again they are the same; written as pcapng and read back they are
 * the same; damage is told with the same words every time.
 *
 * Linked with --wrap for fos__map_open(), fos__map_fd(), fos__map_close() and fos__libtrace_load().
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include <flowos/frames.h>
#include <flowos/pcapng_writer.h>
#include <flowos/trace.h>

#include "filemap.h"

enum { PACKETS_MAX = 4096, TEXT = 1024 };

/* ---- files in memory of just their length --------------------------------------------------------------------- */

int __real_fos__map_open(const char *path, struct fos__map *m);
int __wrap_fos__map_open(const char *path, struct fos__map *m);
int __real_fos__map_fd(int fd, struct fos__map *m);
int __wrap_fos__map_fd(int fd, struct fos__map *m);
void __real_fos__map_close(struct fos__map *m);
void __wrap_fos__map_close(struct fos__map *m);

static int exactly(int rc, struct fos__map *m)
{
	struct fos__map was = *m;

	if (rc || !was.base)
		return rc;
	m->base = fuzz_exact(was.base, was.len);
	was.fd = -1; /* stays open */
	__real_fos__map_close(&was);
	return 0;
}

int __wrap_fos__map_open(const char *path, struct fos__map *m)
{
	return exactly(__real_fos__map_open(path, m), m);
}

int __wrap_fos__map_fd(int fd, struct fos__map *m)
{
	return exactly(__real_fos__map_fd(fd, m), m);
}

void __wrap_fos__map_close(struct fos__map *m)
{
	free((void *)(uintptr_t)m->base);
	m->base = NULL;
	__real_fos__map_close(m);
}

/* ---- what a port gave ----------------------------------------------------------------------------------------- */

struct reading {
	uint64_t packets, hash;
	int status;
	char error[TEXT];
};

static void check_frame(const struct fos_frame *f, uint64_t number)
{
	FUZZ_CHECK(f->num == number, "packet %llu has number %llu", (unsigned long long)number,
	           (unsigned long long)f->num);
	FUZZ_CHECK(f->flags == FOS_FRAME_STABLE && !f->ext && !f->ext_len && !f->note, "not plain and stable");
	FUZZ_CHECK(f->wire_len >= f->len, "%u captured of %u", f->len, f->wire_len);
}

static void read_all(struct fos_port *port, struct reading *r)
{
	static struct fos_batch b;
	uint64_t clock = 0;
	int n;

	*r = (struct reading){ 0 };
	while ((n = fos_port_rx(port, &b)) > 0) {
		FUZZ_CHECK((uint32_t)n == b.n && n <= FOS_BATCH_MAX, "%d packets", n);
		FUZZ_CHECK(b.now_ns >= clock, "the clock went back");
		clock = b.now_ns;
		for (int i = 0; i < n; i++) {
			const struct fos_frame *f = &b.pkt[i].f;

			check_frame(f, ++r->packets);
			FUZZ_CHECK(f->ts_ns <= clock, "a packet from later than now");
			r->hash = fuzz_hash(r->hash, f->data, f->len);
			r->hash = fuzz_hash_u64(fuzz_hash_u64(r->hash, f->ts_ns), f->wire_len);
			r->hash = fuzz_hash_u64(r->hash, (uint64_t)f->linktype << 16 | f->port);
		}
	}
	r->status = n;
	snprintf(r->error, sizeof(r->error), "%s", fos_port_error(port));
	FUZZ_CHECK(n == -ENODATA || n == -EBADMSG, "it ends with %d", n);
	FUZZ_CHECK((n == -EBADMSG) == (r->error[0] != '\0'), "damage and a line go together: \"%s\"", r->error);
	FUZZ_CHECK(!strchr(r->error, '\n'), "more than a line");
	FUZZ_CHECK(fos_port_rx(port, &b) == n, "the end is not the end");
}

static void check_same(const struct reading *a, const struct reading *b)
{
	FUZZ_CHECK(a->packets == b->packets && a->hash == b->hash && a->status == b->status,
	           "%llu packets and %d, then %llu and %d", (unsigned long long)a->packets, a->status,
	           (unsigned long long)b->packets, b->status);
	FUZZ_CHECK(strcmp(a->error, b->error) == 0, "\"%s\" became \"%s\"", a->error, b->error);
}

static void check_stats(const struct fos_port *port, uint64_t packets)
{
	struct fos_port_stats st;

	fos_port_stats(port, &st);
	FUZZ_CHECK(st.rx_packets == packets && st.tx_packets == 0, "counted %llu of %llu",
	           (unsigned long long)st.rx_packets, (unsigned long long)packets);
}

/* ---- written and read back ------------------------------------------------------------------------------------ */

static void check_frames(const struct fos_frames *a, const struct fos_frames *b)
{
	FUZZ_CHECK(a->n == b->n, "%zu packets were written, %zu read", a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct fos_frame *x = &a->v[i], *y = &b->v[i];

		FUZZ_CHECK(x->len == y->len && x->wire_len == y->wire_len && x->ts_ns == y->ts_ns &&
		               x->linktype == y->linktype && (x->len == 0 || memcmp(x->data, y->data, x->len) == 0),
		           "packet %zu has changed", i + 1);
	}
}

static void write_and_read(const struct fos_frames *frames, uint64_t seed)
{
	struct fos_port *out, *in;
	struct fos_frames back = { 0 };
	char path[128], err[TEXT], comment[300];

	snprintf(path, sizeof(path), "%s/written.pcapng", fuzz_folder());
	FUZZ_CHECK(fos_pcapng_writer_open(path, &out) == 0, "no writer");
	memset(comment, 'c', sizeof(comment));
	comment[seed % sizeof(comment)] = '\0';
	for (size_t i = 0; i < frames->n; i++)
		FUZZ_CHECK(fos_pcapng_write(out, &frames->v[i], (seed >> i % 60 & 1) ? comment : NULL) == 0,
		           "not written");
	FUZZ_CHECK(fos_port_close(out) == 0, "not closed");
	FUZZ_CHECK(fos_trace_open(path, &in, err, sizeof(err)) == 0, "what was written is no capture: %s", err);
	FUZZ_CHECK(fos_frames_load(in, &back, NULL, NULL) == 0, "what was written is damaged: %s", back.error);
	check_frames(frames, &back);
	fos_frames_free(&back);
	fos_port_close(in);
	remove(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fos_frames frames = { 0 };
	struct reading first, again;
	struct fuzz_file file;
	struct fos_port *port;
	char err[TEXT];
	int rc;

	fuzz_file_open(&file, data, size);
	rc = fos_trace_open(file.path, &port, err, sizeof(err));
	if (rc) {
		FUZZ_CHECK(rc == -EINVAL || rc == -EBADMSG || rc == -ENOTSUP, "refused with %d: %s", rc, err);
		FUZZ_CHECK(!port && err[0] && !strchr(err, '\n'), "refused without a line");
	} else {
		read_all(port, &first);
		check_stats(port, first.packets);
		FUZZ_CHECK(fos_port_rewind(port) == 0, "no way back");
		read_all(port, &again);
		check_same(&first, &again);
		FUZZ_CHECK(fos_port_rewind(port) == 0, "no way back");
		rc = fos_frames_load(port, &frames, NULL, NULL);
		FUZZ_CHECK(rc == (first.status == -ENODATA ? 0 : first.status) && frames.n == first.packets &&
		               !frames.copied,
		           "loaded, it is another trace: %d", rc);
		FUZZ_CHECK(strcmp(frames.error, first.error) == 0, "loaded, another line: %s", frames.error);
		if (frames.n && frames.n <= PACKETS_MAX)
			write_and_read(&frames, first.hash);
		fos_frames_free(&frames);
		fos_port_close(port);
	}
	fuzz_file_close(&file);
	return 0;
}
