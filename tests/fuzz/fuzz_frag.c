/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz_frag.c: IP fragments in any order, with any overlap, through the table of fragments: exactly those datagrams are completed that
 * a naive model completes, with its bytes; memory stays below the cap, and all of it is given back. The same frames
 * through a worker give the same datagrams.
 */
#include <stdlib.h>

#include <netinet/in.h>

#include <flowos/parse.h>
#include <flowos/worker.h>

#include "frag_case.h"
#include "frag_model.h"

FUZZ_RECORDS({ .header = FRAG_SETTINGS, .record = FRAG_RECORD, .records = FRAG_RECORDS });

static struct frag_case the_case;
static struct frag_model model;

/* What was completed, of UDP. */
struct outcome {
	uint64_t datagrams, bytes, hash;
};

static void note_udp(struct outcome *o, const struct fos_pkt *p)
{
	o->datagrams++;
	o->bytes += p->app_len;
	o->hash = fuzz_hash(fuzz_hash_u64(o->hash, p->app_len), p->app, p->app_len);
}

/* IPv6 fragments of one datagram may name different protocols: what is a header's byte is not plain then. */
static uint32_t first_byte(const struct fos_pkt *p)
{
	return p->ip_version == 6 ? 24 : 0;
}

/* A datagram that was put together: each byte is one that was sent for its place. */
static void check_datagram(const struct fos_pkt *p, const struct frag_piece *last)
{
	uint32_t len = p->ip_len - p->l4;
	const uint8_t *payload = p->ip + p->l4;

	FUZZ_CHECK(p->buf && p->buf->refs == 1, "nobody owns it");
	FUZZ_CHECK(p->ip >= p->buf->bytes && p->ip + p->ip_len <= p->buf->bytes + p->buf->len, "outside of its buffer");
	FUZZ_CHECK(p->ip_version == last->version, "another IP version");
	FUZZ_CHECK(p->ip_version == 6 || !(last->more || last->offset) ||
	               fos_csum_fold(fos_csum_add(p->ip, p->l4, 0)) == 0,
	           "the header's checksum");
	for (uint32_t i = first_byte(p); i < len; i++)
		FUZZ_CHECK(payload[i] == frag_byte(last, 0, i) || payload[i] == frag_byte(last, 1, i),
		           "byte %u was not sent", i);
	(void)fos_checksum_ok(p);
}

/* ... and it is the model's. */
static void check_model(const struct fos_pkt *p, const struct frag_piece *last)
{
	const struct frag_waiting *w = &model.done;
	const uint8_t *payload = p->ip + p->l4;

	FUZZ_CHECK(p->proto == w->proto, "protocol %u, not %u", p->proto, w->proto);
	FUZZ_CHECK(p->l4 == w->header && p->ip_len == w->header + w->total, "%u bytes behind %u, not %u behind %u",
	           p->ip_len - p->l4, p->l4, w->total, w->header);
	for (uint32_t i = 0; i < w->total; i++)
		FUZZ_CHECK(payload[i] == frag_model_byte(last, w->unit[i / 8], i), "byte %u", i);
}

/* Feeds a frame; true: a datagram is complete, and *p is it. */
static bool feed(struct fos_frag_table *t, const struct fos_frame *f, struct fos_pkt *p)
{
	memset(p, 0, sizeof(*p));
	p->f = *f;
	fos_frag_expire(t, f->ts_ns); /* as a worker does, for every packet */
	if (fos_parse(p, 0) != FOS_PKT_FRAGMENT)
		return false;
	do {
		enum fos_verdict v = fos_frag_add(t, p, 0);

		FUZZ_CHECK(v == p->verdict, "another verdict");
		if (v == FOS_PKT_FRAGMENT && !p->buf)
			return false;
	} while (p->verdict == FOS_PKT_FRAGMENT);
	return true;
}

static void run_table(const struct frag_case *c, struct outcome *o)
{
	struct fos_frag_stats st;
	struct fos_frag_table *t;
	/* Two halves of one fragment take a place of their own for a moment: how many may wait is then less plain. */
	/* Who goes first in a crowd of hosts is the table's affair. */
	bool exact = !c->cfg.max_bytes && c->cfg.max_datagrams <= 3;

	for (uint32_t i = 0; i < c->n && c->cfg.max_datagrams; i++)
		exact = exact && c->piece[i].wrap != FRAG_CUT_IN_TWO;
	FUZZ_CHECK(fos_frag_create(&c->cfg, &t) == 0, "no table");
	frag_model_init(&model, &c->cfg);
	for (uint32_t i = 0; i < c->n; i++) {
		const struct frag_piece *piece = &c->piece[i];
		struct fos_pkt p;
		bool done = false;

		for (uint32_t k = 0; k < piece->n; k++) {
			FUZZ_CHECK(!done, "the first half completes it");
			done = feed(t, &c->frame[piece->first + k], &p);
		}
		bool part = piece->more || piece->offset; /* else it is no fragment */

		frag_model_time(&model, piece->ts_ns);
		bool want = part && frag_model_add(&model, piece);

		if (exact && part)
			FUZZ_CHECK(done == want, "piece %u %s its datagram", i,
			           done ? "completes" : "does not complete");
		fos_frag_stats(t, &st);
		FUZZ_CHECK(!c->cfg.max_bytes || st.held_bytes <= c->cfg.max_bytes, "holds %llu",
		           (unsigned long long)st.held_bytes);
		FUZZ_CHECK(!c->cfg.max_datagrams || st.waiting <= c->cfg.max_datagrams, "%llu wait",
		           (unsigned long long)st.waiting);
		if (!done)
			continue;
		if (exact && part)
			check_model(&p, piece);
		check_datagram(&p, piece);
		if (p.verdict == FOS_PKT_UDP && p.app_len)
			note_udp(o, &p);
		fos_buf_put(p.buf);
	}
	fos_frag_expire(t, UINT64_MAX);
	fos_frag_stats(t, &st);
	FUZZ_CHECK(st.held_bytes == 0 && st.waiting == 0, "%llu bytes are left", (unsigned long long)st.held_bytes);
	fos_frag_destroy(t);
}

/* ---- the same through a worker -------------------------------------------------------------------------------- */

static struct outcome by_worker;

static int collector_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	(void)args, (void)err, (void)errlen;
	*self = &by_worker;
	return 0;
}

static void collector_datagram(void *self, struct fos_session *s, const struct fos_pkt *p, int dir)
{
	(void)s, (void)dir;
	if (p->buf && p->app_len)
		note_udp(self, p);
}

static const struct fos_module collector = { .abi = FOS_MODULE_ABI,
	                                     .size = sizeof(struct fos_module),
	                                     .name = "collector",
	                                     .open = collector_open,
	                                     .datagram = collector_datagram };

static void run_worker(const struct frag_case *c)
{
	struct fos_worker_config cfg = { .frag = c->cfg };
	static struct fos_batch b;
	uint8_t *own[FOS_BATCH_MAX];
	struct fos_worker *w;
	char err[256] = "";

	by_worker = (struct outcome){ 0 };
	FUZZ_CHECK(fos_worker_create(&cfg, &w) == 0, "no worker");
	FUZZ_CHECK(fos_worker_add_flow(w, "all", NULL, NULL, err, sizeof(err)) == 0, "%s", err);
	FUZZ_CHECK(fos_worker_add_module(w, 0, 0, &collector, NULL, NULL, err, sizeof(err)) == 0, "%s", err);
	for (uint32_t at = 0; at < c->n_frames;) {
		for (b.n = 0; b.n < FOS_BATCH_MAX && at < c->n_frames; b.n++, at++) {
			struct fos_frame f = c->frame[at];

			own[b.n] = fuzz_exact(f.data, f.len);
			f.data = own[b.n];
			f.flags = 0;
			b.pkt[b.n].f = f;
			b.now_ns = f.ts_ns;
		}
		FUZZ_CHECK(fos_worker_run(w, &b) == 0, "a batch was not run");
		for (unsigned i = 0; i < b.n; i++)
			free(own[i]);
	}
	fos_worker_end(w, FOS_END_EOF);
	fos_worker_destroy(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome by_table = { 0 };

	frag_case_read(&the_case, data, size);
	if (getenv("FLOWOS_FUZZ_SHOW"))
		frag_case_print(&the_case);
	run_table(&the_case, &by_table);
	run_worker(&the_case);
	FUZZ_CHECK(by_table.datagrams == by_worker.datagrams && by_table.bytes == by_worker.bytes &&
	               by_table.hash == by_worker.hash,
	           "a worker gives %llu datagrams, the table alone %llu", (unsigned long long)by_worker.datagrams,
	           (unsigned long long)by_table.datagrams);
	return 0;
}
