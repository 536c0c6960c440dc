/* SPDX-License-Identifier: BSD-2-Clause
 *
 * scale.c: gives out a trace's sessions in waves and copies, in order of time. Touches memory only.
 *
 * A cursor walks over those packets of one copy that belong to the wave; the cursors of a wave are merged by a heap.
 */
#include "scale_internal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <flowos/memport.h>
#include <flowos/rand.h>

#define WAVE_GAP_NS  UINT64_C(65000000000) /* longer than the engine keeps sessions that are over */
#define POOL4_FROM   UINT64_C(0x0a000000)  /* 10.0.0.0 */
#define POOL4_TO     UINT64_C(0x7f000000)  /* 127.0.0.0 */
#define SESSIONS_MAX (UINT64_C(1) << 32)

enum draw { DRAW_OFFSET = 3, DRAW_ISN = 4 }; /* scale_plan.c has 1 and 2 */

struct cursor {
	const uint32_t *list; /* packets by number; NULL: all that there are */
	uint32_t *own;        /* the list, where it is to be freed */
	uint64_t n, at;
	uint64_t copy;
	uint64_t offset_ns;
	uint64_t key;   /* time of the packet it is at; never less than the one before */
	uint32_t base4; /* first address of the copy's block */
};

struct scaling {
	struct fos__scale_plan plan;
	struct fos_scale_opts opts;
	struct fos_scale_info info;
	struct fos_frames out;
	uint8_t *head;       /* where the next rewritten header goes */
	struct cursor *heap; /* of the wave */
	size_t n_cursors, cap_cursors;
	uint64_t latest_ns; /* latest time given out */
	uint64_t *dirty;    /* blocks of the pool that hold addresses of the source, sorted */
	size_t n_dirty, at_dirty;
	uint64_t block, block_size; /* of IPv4 addresses: a block a copy */
	uint64_t block_copy;        /* the copy that `block` is for */
	uint8_t prefix6[8];
};

static uint64_t draw(const struct scaling *s, enum draw what, uint64_t copy)
{
	return fos_mix64_add(fos_mix64_add(fos_mix64(s->opts.seed), what), copy);
}

/* Sums over the first `sessions` of the row. */
static struct fos__scale_sum sum_upto(const struct fos__scale_plan *p, uint64_t sessions)
{
	const struct fos__scale_sum *all = &p->upto[p->tcp], *part = &p->upto[sessions % p->tcp];
	uint64_t copies = sessions / p->tcp;

	return (struct fos__scale_sum){ copies * all->packets + part->packets, copies * all->heads + part->heads,
		                        copies * all->payload + part->payload };
}

/* Packets of so many waves, those that are not multiplied among them. */
static uint64_t packets_of(const struct scaling *s, uint64_t waves)
{
	const struct fos__scale_plan *p = &s->plan;
	uint64_t other = s->opts.sessions >= p->tcp ? p->n - p->upto[p->tcp].packets : 0;

	return sum_upto(p, waves * s->opts.sessions).packets + other;
}

/* As many waves as come nearest to the target. */
static uint64_t count_waves(const struct scaling *s)
{
	uint64_t target = s->opts.target_packets, waves = 1, now = packets_of(s, 1);

	while (now < target) {
		uint64_t next = packets_of(s, waves + 1);

		if (next > target && next - target >= target - now)
			break;
		now = next;
		waves++;
	}
	return waves;
}

static uint64_t machine_bytes(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : UINT64_MAX;
}

/* Counts what will be given out and takes memory for it. */
static int size_up(struct scaling *s)
{
	const struct fos__scale_plan *p = &s->plan;
	struct fos_scale_info *i = &s->info;
	struct fos__scale_sum original;

	i->source_sessions = p->tcp;
	i->source_conversations = p->udp;
	i->waves = count_waves(s);
	i->sessions = i->waves * s->opts.sessions;
	i->copies = (i->sessions + p->tcp - 1) / p->tcp;
	i->packets = packets_of(s, i->waves);
	original = sum_upto(p, i->sessions < p->tcp ? i->sessions : p->tcp);
	i->distinct_payload_bytes = original.payload;
	i->header_bytes = sum_upto(p, i->sessions).heads - original.heads;
	if ((unsigned __int128)i->packets * sizeof(struct fos_frame) + i->header_bytes > machine_bytes())
		return -ENOMEM;
	s->head = fos_frames_bytes(&s->out, i->header_bytes);
	s->cap_cursors = s->opts.sessions / p->tcp + 2;
	s->heap = calloc(s->cap_cursors, sizeof *s->heap);
	return !s->head || !s->heap || fos_frames_reserve(&s->out, i->packets) ? -ENOMEM : 0;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int by_packet(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Cuts the pool into blocks, one a copy, and finds those that are taken by the source. */
static int prepare_pool4(struct scaling *s)
{
	const struct fos__keymap *hosts = &s->plan.host4;
	uint64_t blocks;

	for (s->block_size = 1; s->block_size < hosts->n; s->block_size *= 2)
		;
	s->dirty = malloc((hosts->n ? hosts->n : 1) * sizeof *s->dirty);
	if (!s->dirty)
		return -ENOMEM;
	for (uint32_t i = 0; i < hosts->n; i++) {
		const uint8_t *k = hosts->keys[i];
		uint64_t addr = (uint64_t)k[0] << 24 | (uint64_t)k[1] << 16 | (uint64_t)k[2] << 8 | k[3];

		if (addr >= POOL4_FROM && addr < POOL4_TO)
			s->dirty[s->n_dirty++] = (addr - POOL4_FROM) / s->block_size;
	}
	qsort(s->dirty, s->n_dirty, sizeof *s->dirty, by_number);
	blocks = (POOL4_TO - POOL4_FROM) / s->block_size;
	if (hosts->n && (blocks < s->n_dirty || s->info.copies > blocks - s->n_dirty))
		return -ERANGE;
	s->block = UINT64_MAX;
	return 0;
}

/* The first address of the block of `copy`, which is that of the last call or the next: the next clean block. */
static uint32_t block_of(struct scaling *s, uint64_t copy)
{
	if (copy != s->block_copy) {
		s->block_copy = copy;
		s->block++;
		while (s->at_dirty < s->n_dirty && s->dirty[s->at_dirty] <= s->block) {
			s->block += s->dirty[s->at_dirty] == s->block;
			s->at_dirty++;
		}
	}
	return (uint32_t)(POOL4_FROM + s->block * s->block_size);
}

/* fd66:6c6f:7773:ID::/64 with the first ID that the source does not have. */
static int prepare_pool6(struct scaling *s)
{
	static const uint8_t prefix[6] = { 0xfd, 'f', 'l', 'o', 'w', 's' };
	const struct fos__keymap *hosts = &s->plan.host6;
	uint8_t *taken = calloc(1, 65536);
	uint32_t id = 0;

	if (!taken)
		return -ENOMEM;
	for (uint32_t i = 0; i < hosts->n; i++)
		if (!memcmp(hosts->keys[i], prefix, sizeof prefix))
			taken[hosts->keys[i][6] << 8 | hosts->keys[i][7]] = 1;
	while (id < 65536 && taken[id])
		id++;
	free(taken);
	memcpy(s->prefix6, prefix, sizeof prefix);
	s->prefix6[6] = (uint8_t)(id >> 8);
	s->prefix6[7] = (uint8_t)id;
	return id < 65536 && s->info.copies <= UINT32_MAX ? 0 : -ERANGE;
}

static void put32(uint8_t *at, uint64_t v)
{
	at[0] = (uint8_t)(v >> 24);
	at[1] = (uint8_t)(v >> 16);
	at[2] = (uint8_t)(v >> 8);
	at[3] = (uint8_t)v;
}

/* The header of a copy's packet, rewritten. */
static const uint8_t *rewritten(struct scaling *s, const struct cursor *c, uint32_t i)
{
	const struct fos__scale_pkt *k = &s->plan.pkt[i];
	struct fos__scale_to to;
	uint8_t *head = s->head;
	int side = !!(k->flags & FOS__SCALE_SIDE);
	uint64_t isn;

	s->head += k->head;
	for (int e = 0; e < 2; e++) {
		if (k->flags & FOS__SCALE_V6) {
			memcpy(to.addr[e], s->prefix6, 8);
			put32(to.addr[e] + 8, c->copy);
			put32(to.addr[e] + 12, k->host[e]);
		} else {
			put32(to.addr[e], c->base4 + k->host[e]);
		}
	}
	isn = fos_mix64_add(draw(s, DRAW_ISN, c->copy), k->session);
	to.seq = (uint32_t)(side ? isn >> 32 : isn);
	to.ack = (uint32_t)(side ? isn : isn >> 32);
	memcpy(head, s->plan.src->v[i].data, k->head);
	fos__scale_rewrite(k, head, &to);
	return head;
}

static uint32_t packet_at(const struct cursor *c)
{
	return c->list ? c->list[c->at] : (uint32_t)c->at;
}

static void emit(struct scaling *s, const struct cursor *c, uint64_t shift_ns)
{
	uint32_t i = packet_at(c);
	const struct fos_frame *src = &s->plan.src->v[i];
	struct fos_frame *f = &s->out.v[s->out.n++];

	*f = *src;
	f->ts_ns += c->offset_ns + shift_ns;
	f->num = s->out.n;
	if (s->latest_ns < f->ts_ns)
		s->latest_ns = f->ts_ns;
	if (!c->copy)
		return;
	f->len = s->plan.pkt[i].head;
	f->data = rewritten(s, c, i);
	if (f->len < src->len) {
		f->ext = src->data + f->len;
		f->ext_len = src->len - f->len;
	}
}

static bool before(const struct cursor *a, const struct cursor *b)
{
	return a->key != b->key ? a->key < b->key : a->copy < b->copy;
}

static void sift_down(struct scaling *s, size_t at)
{
	struct cursor moving = s->heap[at];
	size_t child;

	while ((child = 2 * at + 1) < s->n_cursors) {
		if (child + 1 < s->n_cursors && before(&s->heap[child + 1], &s->heap[child]))
			child++;
		if (!before(&s->heap[child], &moving))
			break;
		s->heap[at] = s->heap[child];
		at = child;
	}
	s->heap[at] = moving;
}

static void set_key(const struct scaling *s, struct cursor *c)
{
	uint64_t ts = s->plan.src->v[packet_at(c)].ts_ns + c->offset_ns;

	c->key = ts > c->key ? ts : c->key;
}

/* Those of copy `copy` whose rank is in [from, to). */
static int add_cursor(struct scaling *s, uint64_t copy, uint32_t from, uint32_t to)
{
	const struct fos__scale_plan *p = &s->plan;
	struct cursor *c = &s->heap[s->n_cursors];

	*c = (struct cursor){ .copy = copy };
	if (copy) {
		c->offset_ns = fos_below(draw(s, DRAW_OFFSET, copy), p->duration_ns + 1);
		c->base4 = block_of(s, copy);
	}
	c->n = p->upto[to].packets - p->upto[from].packets;
	if (from == 0 && to == p->tcp && s->opts.sessions >= p->tcp) {
		c->list = copy ? p->all : NULL;
		c->n = copy ? c->n : p->n;
	} else {
		c->own = malloc(c->n * sizeof *c->own);
		if (!c->own)
			return -ENOMEM;
		memcpy(c->own, p->order + p->upto[from].packets, c->n * sizeof *c->own);
		qsort(c->own, c->n, sizeof *c->own, by_packet);
		c->list = c->own;
	}
	set_key(s, c);
	s->n_cursors++;
	return 0;
}

static int build_wave(struct scaling *s, uint64_t wave)
{
	uint64_t tcp = s->plan.tcp, at = wave * s->opts.sessions, end = at + s->opts.sessions, shift_ns = 0;
	int ret;

	for (s->n_cursors = 0; at < end;) {
		uint64_t from = at % tcp, to = end - at < tcp - from ? from + (end - at) : tcp;

		ret = add_cursor(s, at / tcp, (uint32_t)from, (uint32_t)to);
		if (ret)
			return ret;
		at += to - from;
	}
	for (size_t i = s->n_cursors; i-- > 0;)
		sift_down(s, i);
	if (wave)
		shift_ns = s->latest_ns + WAVE_GAP_NS - s->heap[0].key;
	while (s->n_cursors) {
		struct cursor *c = &s->heap[0];

		emit(s, c, shift_ns);
		if (++c->at == c->n) {
			free(c->own);
			*c = s->heap[--s->n_cursors];
		} else {
			set_key(s, c);
		}
		sift_down(s, 0);
	}
	return 0;
}

int fos_scale_open(const struct fos_frames *src, const struct fos_scale_opts *opts, struct fos_scale_info *info,
                   struct fos_port **out)
{
	struct scaling s = { .opts = *opts };
	int ret;

	*out = NULL;
	if (!opts->sessions || opts->sessions > SESSIONS_MAX)
		return -EINVAL;
	ret = fos__scale_plan(&s.plan, src, opts->seed);
	if (ret)
		return ret;
	ret = size_up(&s);
	if (!ret)
		ret = prepare_pool4(&s);
	if (!ret)
		ret = prepare_pool6(&s);
	for (uint64_t wave = 0; !ret && wave < s.info.waves; wave++)
		ret = build_wave(&s, wave);
	for (size_t i = 0; ret && i < s.n_cursors; i++)
		free(s.heap[i].own);
	if (info)
		*info = s.info;
	if (!ret)
		ret = fos_mem_port_take(&s.out, out);
	fos_frames_free(&s.out);
	free(s.heap);
	free(s.dirty);
	fos__scale_plan_free(&s.plan);
	return ret;
}
