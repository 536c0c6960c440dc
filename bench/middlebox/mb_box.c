/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_box.c: see mb_box.h.
 */
#include "mb_box.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hash_seed.h"
#include "json_out.h"
#include "mb_clock.h"
#include "mb_news.h"

void mb_box_say(void *box, const char *text)
{
	const struct mb_box *b = box;

	fprintf(stderr, "%s: %s\n", b ? b->conf->program : "flowos run", text); /* one write: stderr locks itself */
}

static int make_hand(struct mb_box *b, char *err, size_t errlen)
{
	struct fos_worker_config cfg;
	int rc;

	mb_engine_config(b->conf, &cfg);
	rc = mb_hand_make(&cfg, &b->shard, &b->hand);
	if (rc)
		snprintf(err, errlen, "no memory for queues between %u workers", b->made);
	for (unsigned i = 0; rc == 0 && i < b->made; i++) {
		mb_hand_waker(b->hand, i, b->worker[i].wake);
		b->worker[i].hand = b->hand;
	}
	return rc;
}

int mb_box_make(struct mb_box *b, const struct mb_conf *c, char *err, size_t errlen)
{
	int rc = 0;

	memset(b, 0, sizeof(*b));
	b->conf = c;
	b->start_ns = mb_monotonic_ns();
	b->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	b->trouble = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	b->news = c->trace || c->workers < 2 ? -ENOENT : mb_news_open();
	b->worker = calloc(c->workers, sizeof(*b->worker));
	fos_shard_init(&b->shard, bench_shard_seed(), c->workers);
	if (b->ended < 0 || b->trouble < 0 || !b->worker) {
		snprintf(err, errlen, "no memory");
		return -ENOMEM;
	}
	while (rc == 0 && b->made < c->workers) {
		rc = mb_worker_make(&b->worker[b->made], c, b->made, b->ended, b->trouble, mb_box_say, b, err, errlen);
		b->made++;
	}
	if (rc == 0 && !c->trace && c->workers > 1)
		rc = mb_box_ports(b, err, errlen);
	if (rc == 0 && !c->trace && c->workers > 1 && !c->no_handoff)
		rc = make_hand(b, err, errlen);
	return rc;
}

int mb_box_start(struct mb_box *b, char *err, size_t errlen)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < b->made; i++)
		rc = mb_worker_start(&b->worker[i]);
	if (rc) {
		snprintf(err, errlen, "thread: %s", strerror(-rc));
		mb_box_stop(b);
		mb_box_join(b);
	}
	return rc;
}

void mb_box_stop(struct mb_box *b)
{
	for (unsigned i = 0; i < b->made; i++)
		mb_worker_stop(&b->worker[i]);
}

void mb_box_join(struct mb_box *b)
{
	for (unsigned i = 0; i < b->made; i++)
		mb_worker_join(&b->worker[i]);
}

void mb_box_free(struct mb_box *b)
{
	for (unsigned i = 0; i < b->made; i++)
		mb_worker_free(&b->worker[i]);
	mb_hand_free(b->hand);
	fos_afpacket_set_close(b->set);
	free(b->worker);
	if (b->ended >= 0)
		close(b->ended);
	if (b->trouble >= 0)
		close(b->trouble);
	if (b->news >= 0)
		close(b->news);
	b->worker = NULL;
	b->set = NULL;
	b->hand = NULL;
	b->made = 0;
	b->ended = b->trouble = b->news = -1;
}

void mb_box_stats(struct mb_box *b, struct mb_stats *st)
{
	memset(st, 0, sizeof(*st));
	for (unsigned i = 0; i < b->made; i++)
		if (mb_worker_ask(&b->worker[i], mb_stats_add, st))
			st->unanswered++;
	st->seconds = (double)(mb_monotonic_ns() - b->start_ns) / 1e9;
}

json_t *mb_box_modules(const struct mb_box *b)
{
	json_t *all = json_object();

	for (unsigned i = 0; all && i < b->made; i++) {
		struct bench_report_json r;
		json_t *one;

		if (!b->worker[i].engine)
			continue;
		bench_report_json_init(&r);
		fos_worker_report(b->worker[i].engine, &r.report);
		one = bench_report_json_take(&r);
		if (!one || bench_report_json_add(all, one)) {
			json_decref(all);
			all = NULL;
		}
		json_decref(one);
	}
	return all;
}

int mb_box_status(const struct mb_box *b, const char **text)
{
	for (unsigned i = 0; i < b->made; i++) {
		if (b->worker[i].status) {
			*text = b->worker[i].err;
			return b->worker[i].status;
		}
	}
	return 0;
}
