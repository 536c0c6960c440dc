/* SPDX-License-Identifier: BSD-2-Clause
 *
 * impair.c: the chain of impairments as a port round a port. It asks the inner port for more only when everything
 * that was released has been given out, so that frames that are not stable last as long as port.h promises. Touches
 * the two ports.
 */
#include <flowos/impair.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/parse.h>

#include "chain.h"
#include "only.h"

struct impair {
	struct fos_port port;
	struct fos_port *inner;
	struct fos__chain chain;
	struct fos__bytes *lent[FOS_BATCH_MAX]; /* with the last batch: put at the next rx */
	uint32_t lent_n;
	uint64_t now_ns; /* greatest time given out */
	int end;         /* what rx returns when everything was given out, 0: not yet */
	bool active;     /* else packets go straight through */
	bool finished;   /* decisions-out was written */
	struct fos_batch in;
};

static struct impair *impair_of(struct fos_port *p)
{
	return (struct impair *)p;
}

static const struct impair *const_impair_of(const struct fos_port *p)
{
	return (const struct impair *)p;
}

static void put_lent(struct impair *im)
{
	while (im->lent_n)
		fos__bytes_put(im->lent[--im->lent_n]);
}

/* Gets the inner port's next batch through the chain. Returns 0, or 1: nothing is there now. Errors end it. */
static int pull(struct impair *im)
{
	int r = fos_port_rx(im->inner, &im->in), err = 0;

	if (r == 0)
		err = fos__chain_idle(&im->chain, im->in.now_ns);
	for (int i = 0; i < r && err == 0; i++)
		err = fos__chain_admit(&im->chain, &im->in.pkt[i]);
	if (err == -ENOMEM)
		snprintf(im->chain.err, sizeof im->chain.err, "the impairments ran out of memory");
	if (err == 0 && r >= 0)
		return r == 0;
	im->end = err ? err : r;
	if (err == 0 && fos__chain_end(&im->chain) != 0) {
		im->end = -ENOMEM;
		snprintf(im->chain.err, sizeof im->chain.err, "the impairments ran out of memory");
	}
	return 0;
}

static int give(struct impair *im, struct fos_batch *b)
{
	struct fos__released r;

	while (b->n < FOS_BATCH_MAX && fos__chain_take(&im->chain, &r)) {
		b->pkt[b->n++].f = r.f;
		if (r.f.ts_ns > im->now_ns)
			im->now_ns = r.f.ts_ns;
		if (r.bytes)
			im->lent[im->lent_n++] = r.bytes;
	}
	b->now_ns = im->now_ns;
	return (int)b->n;
}

static int straight(struct impair *im, struct fos_batch *b)
{
	int r = fos_port_rx(im->inner, b);

	if (r > 0) {
		im->chain.stats.packets += (unsigned)r;
		im->chain.stats.released += (unsigned)r;
		im->chain.stats.eligible += (unsigned)r;
	}
	return r;
}

static int impair_rx(struct fos_port *p, struct fos_batch *b)
{
	struct impair *im = impair_of(p);

	put_lent(im);
	b->n = 0;
	if (!im->active)
		return straight(im, b);
	while (im->chain.out_n == 0) {
		b->now_ns = im->now_ns;
		if (im->end)
			return im->end;
		if (pull(im) == 1 && im->chain.out_n == 0) {
			b->now_ns = im->in.now_ns > im->now_ns ? im->in.now_ns : im->now_ns;
			return 0;
		}
	}
	return give(im, b);
}

static int impair_tx(struct fos_port *p, const struct fos_batch *b)
{
	return fos_port_tx(impair_of(p)->inner, b);
}

static int impair_rewind(struct fos_port *p)
{
	struct impair *im = impair_of(p);
	int r = fos_port_rewind(im->inner);

	if (r)
		return r;
	put_lent(im);
	im->now_ns = 0;
	im->end = 0;
	return fos__chain_rewind(&im->chain);
}

static void inner_stats(const struct fos_port *p, struct fos_port_stats *st)
{
	fos_port_stats(const_impair_of(p)->inner, st);
}

static const char *impair_error(const struct fos_port *p)
{
	const struct impair *im = const_impair_of(p);

	return im->chain.err[0] ? im->chain.err : fos_port_error(im->inner);
}

static int impair_close(struct fos_port *p)
{
	struct impair *im = impair_of(p);
	char err[256];
	int written = fos_impair_finish(p, err, sizeof err);
	int r = fos_port_close(im->inner);

	put_lent(im);
	fos__chain_free(&im->chain);
	free(im);
	return r ? r : written;
}

static const struct fos_port_ops ops = {
	.name = "impair",
	.rx = impair_rx,
	.tx = impair_tx,
	.rewind = impair_rewind,
	.stats = inner_stats,
	.error = impair_error,
	.close = impair_close,
};

int fos_impair_open(struct fos_port *inner, const struct fos_impair_spec *spec, struct fos_port **out, char *err,
                    size_t errlen)
{
	char why[256] = "";
	struct impair *im;
	int r = spec->only ? fos__only_check(spec->only, why, sizeof why) : 0;

	if (r == -EINVAL) {
		snprintf(err, errlen, "--only %s: %s", spec->only, why);
		return r;
	}
	im = r ? NULL : calloc(1, sizeof *im);
	r = im ? fos__chain_init(&im->chain, spec) : -ENOMEM;
	if (r) {
		free(im);
		snprintf(err, errlen, "the impairments ran out of memory");
		return r;
	}
	im->port.ops = &ops;
	im->inner = inner;
	im->active = fos_impair_spec_active(spec);
	*out = &im->port;
	return 0;
}

void fos_impair_stats(const struct fos_port *port, struct fos_impair_stats *st)
{
	const struct impair *im = const_impair_of(port);

	*st = im->chain.stats;
	st->held = im->chain.held.n;
	st->held_peak = im->chain.held.peak;
	st->directions = im->chain.directions.n;
}

uint64_t fos_impair_due(const struct fos_port *port)
{
	return fos__waiting_next(&const_impair_of(port)->chain.held);
}

/* Notes are numbered in order of admission, lines of a file are sorted by frame: nearly always the same. */
static int sorted_copy(const struct fos_decisions *l, struct fos_decisions **out, uint64_t *twice)
{
	int r = fos_decisions_create(out);

	for (size_t i = 0; i < fos_decisions_count(l) && r == 0; i++)
		r = fos_decisions_add(*out, fos_decisions_at(l, i));
	return r ? r : fos_decisions_sort(*out, twice);
}

int fos_impair_finish(struct fos_port *port, char *err, size_t errlen)
{
	struct impair *im = impair_of(port);
	char options[2048];
	const char *path = im->chain.spec.decisions_out;
	struct fos_decisions *sorted = NULL;
	uint64_t twice = 0;
	int r;

	if (im->finished || !path)
		return 0;
	im->finished = true;
	r = sorted_copy(im->chain.decisions, &sorted, &twice);
	if (r == 0) {
		fos_impair_spec_text(&im->chain.spec, options, sizeof options);
		r = fos_decisions_write(sorted, path, options, err, errlen);
	} else if (r == -EEXIST) {
		snprintf(err, errlen, "%s: frame %llu was decided on twice: the frames' numbers are not unique", path,
		         (unsigned long long)twice);
	} else {
		snprintf(err, errlen, "%s: %s", path, strerror(-r));
	}
	fos_decisions_put(sorted);
	return r;
}

int fos_impair_note(const struct fos_port *port, uint32_t note, char *buf, size_t len)
{
	const struct fos_decisions *l = const_impair_of(port)->chain.decisions;

	if (!l || note == 0 || note > fos_decisions_count(l))
		return -ENOENT;
	fos_decision_note(fos_decisions_at(l, note - 1), buf, len);
	return 0;
}

struct fos_decisions *fos_impair_decisions(const struct fos_port *port)
{
	return const_impair_of(port)->chain.decisions;
}

int fos_impair_checksums_scan(struct fos_port *scan, uint64_t max, struct fos_impair_checksums *out)
{
	struct fos_batch *b = malloc(sizeof *b);
	uint64_t seen = 0;
	int r = 0;

	if (!b)
		return -ENOMEM;
	*out = (struct fos_impair_checksums){ 0 };
	while (max == 0 || seen < max) {
		r = fos_port_rx(scan, b);
		if (r <= 0)
			break;
		for (int i = 0; i < r; i++, seen++) {
			enum fos_verdict v = fos_parse(&b->pkt[i], 0);

			if (v != FOS_PKT_TCP && v != FOS_PKT_UDP)
				continue;
			out->checked++;
			out->invalid += !fos_checksum_ok(&b->pkt[i]);
		}
	}
	free(b);
	return r < 0 && r != -ENODATA && r != -EBADMSG ? r : fos_port_rewind(scan);
}
