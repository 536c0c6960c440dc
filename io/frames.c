/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frames.c: a trace in memory. The array is an anonymous mapping that grows by moving pages, not bytes; copied bytes
 * lie in chunks that never move. Touches nothing but memory and the port it loads from.
 */
#include <flowos/frames.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum {
	FIRST_FRAMES = 1 << 12,
	FIRST_CHUNK = 1 << 20,
	LARGEST_CHUNK = 64 << 20,
	PROGRESS_PACKETS = 1 << 16, /* packets between two calls of progress */
};

struct fos__chunk {
	struct fos__chunk *next;
	size_t size, used; /* this head counts */
};

static void *map(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	(void)madvise(p, len, MADV_HUGEPAGE);
	return p;
}

int fos_frames_reserve(struct fos_frames *f, size_t n)
{
	size_t cap = f->cap ? f->cap : FIRST_FRAMES;
	void *v;

	if (n <= f->cap)
		return 0;
	while (cap < n)
		cap *= 2;
	if (!f->cap) {
		v = map(cap * sizeof *f->v);
	} else {
		v = mremap(f->v, f->cap * sizeof *f->v, cap * sizeof *f->v, MREMAP_MAYMOVE);
		if (v == MAP_FAILED)
			v = NULL;
		else
			(void)madvise(v, cap * sizeof *f->v, MADV_HUGEPAGE);
	}
	if (!v)
		return -ENOMEM;
	f->v = v;
	f->cap = cap;
	return 0;
}

int fos_frames_add(struct fos_frames *f, const struct fos_frame *frame)
{
	if (f->n == f->cap && fos_frames_reserve(f, f->n + 1))
		return -ENOMEM;
	f->v[f->n++] = *frame;
	return 0;
}

uint8_t *fos_frames_bytes(struct fos_frames *f, size_t len)
{
	struct fos__chunk *c = f->chunks;
	uint8_t *at;

	if (!c || c->size - c->used < len) {
		size_t size = c ? 2 * c->size : FIRST_CHUNK;

		if (size > LARGEST_CHUNK)
			size = LARGEST_CHUNK;
		if (size < sizeof *c + len)
			size = sizeof *c + len;
		c = map(size);
		if (!c)
			return NULL;
		*c = (struct fos__chunk){ .next = f->chunks, .size = size, .used = sizeof *c };
		f->chunks = c;
	}
	at = (uint8_t *)c + c->used;
	c->used += len;
	return at;
}

/* Moves an unstable frame's bytes into memory of ours, in one piece. */
static int keep(struct fos_frames *f, struct fos_frame *frame)
{
	uint8_t *at = fos_frames_bytes(f, fos_frame_caplen(frame));

	if (!at)
		return -ENOMEM;
	if (frame->len)
		memcpy(at, frame->data, frame->len);
	if (frame->ext_len)
		memcpy(at + frame->len, frame->ext, frame->ext_len);
	frame->data = at;
	frame->len += frame->ext_len;
	frame->ext = NULL;
	frame->ext_len = 0;
	frame->flags |= FOS_FRAME_STABLE;
	f->copied += frame->len;
	return 0;
}

static int take_batch(struct fos_frames *f, const struct fos_batch *b)
{
	if (fos_frames_reserve(f, f->n + b->n))
		return -ENOMEM;
	for (uint32_t i = 0; i < b->n; i++) {
		f->v[f->n] = b->pkt[i].f;
		if (!(b->pkt[i].f.flags & FOS_FRAME_STABLE) && keep(f, &f->v[f->n]))
			return -ENOMEM;
		f->n++;
	}
	return 0;
}

int fos_frames_load(struct fos_port *port, struct fos_frames *f, int (*progress)(void *arg, uint64_t packets),
                    void *arg)
{
	struct fos_batch b; /* 10 kB of stack */
	size_t next = f->n + PROGRESS_PACKETS;
	int ret;

	f->error[0] = 0;
	while ((ret = fos_port_rx(port, &b)) >= 0) {
		if (ret && take_batch(f, &b)) {
			ret = -ENOMEM;
			snprintf(f->error, sizeof f->error, "no memory for more than %zu packets", f->n);
			break;
		}
		if (progress && (!ret || f->n >= next)) {
			next = f->n + PROGRESS_PACKETS;
			if (progress(arg, f->n)) {
				ret = -ECANCELED;
				snprintf(f->error, sizeof f->error, "stopped after %zu packets", f->n);
				break;
			}
		}
	}
	if (ret == -ENODATA)
		ret = 0;
	else if (!f->error[0])
		snprintf(f->error, sizeof f->error, "%s", fos_port_error(port));
	f->status = ret;
	return ret;
}

void fos_frames_free(struct fos_frames *f)
{
	struct fos__chunk *c = f->chunks, *next;

	for (; c; c = next) {
		next = c->next;
		munmap(c, c->size);
	}
	if (f->cap)
		munmap(f->v, f->cap * sizeof *f->v);
	*f = (struct fos_frames){ 0 };
}
