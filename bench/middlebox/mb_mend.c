/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_mend.c: the ports of several workers: opened together, handed out, and those of an interface opened again when it was gone.
 * See mb_box.h.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mb_box.h"
#include "mb_clock.h"
#include "mb_news.h"

struct turn {
	struct fos_afpacket_set *set;
	unsigned interface;
};

static void get_port(struct mb_worker *w, void *arg)
{
	const struct turn *t = arg;
	struct mb_link *l = &w->link[t->interface];

	mb_link_put(l, fos_afpacket_set_port(t->set, t->interface, w->index));
}

/* Some worker said that the interface is gone: so it is, also for one that has not noticed yet. */
static void give_back(struct mb_worker *w, void *arg)
{
	const struct turn *t = arg;

	mb_link_lost(&w->link[t->interface], -ENODEV);
}

static int ask_all(struct mb_box *b, unsigned interface, void (*run)(struct mb_worker *w, void *arg))
{
	struct turn t = { .set = b->set, .interface = interface };
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < b->made; i++)
		rc = mb_worker_ask(&b->worker[i], run, &t);
	return rc;
}

static int hand_out(struct mb_box *b, unsigned interface, char *err, size_t errlen)
{
	int rc = ask_all(b, interface, get_port);

	if (rc)
		snprintf(err, errlen, "ports of %s could not be given to workers: %s", b->conf->interface[interface],
		         strerror(-rc));
	return rc;
}

/* Once: it goes on with less speed, and nothing else. */
static void say_dealer(struct mb_box *b)
{
	char text[256];
	int rc = fos_afpacket_set_dealer(b->set);

	if (rc == 0 || b->dealer_said)
		return;
	b->dealer_said = true;
	snprintf(text, sizeof(text),
	         "the kernel takes no program that deals sessions to workers (%s): it deals by its own hash, and more "
	         "packets "
	         "are copied from worker to worker",
	         strerror(-rc));
	mb_box_say(b, text);
}

int mb_box_ports(struct mb_box *b, char *err, size_t errlen)
{
	int rc = mb_open_set(b->conf, &b->shard, &b->set, err, errlen);

	if (rc) {
		b->set = NULL;
		return rc;
	}
	say_dealer(b);
	for (unsigned i = 0; rc == 0 && i < b->conf->interfaces; i++)
		rc = hand_out(b, i, err, errlen);
	return rc;
}

static void put_off(struct mb_mend *m, uint64_t now)
{
	m->at_ns = now + m->backoff_ns;
	if (m->backoff_ns < (uint64_t)MB_BACKOFF_MOST_MS * 500000u)
		m->backoff_ns *= 2;
}

/* What workers said since the last time. Of an interface that is known to be gone it says nothing new. */
static void hear(struct mb_box *b, uint64_t now)
{
	uint64_t said;

	if (read(b->trouble, &said, sizeof(said)) != sizeof(said))
		return;
	for (unsigned i = 0; i < b->conf->interfaces; i++) {
		struct mb_mend *m = &b->mend[i];

		if (!mb_link_troubled(said, i) || m->broken)
			continue;
		m->broken = true;
		m->given = false;
		m->backoff_ns = (uint64_t)MB_BACKOFF_FIRST_MS * 1000000u;
		put_off(m, now);
	}
}

static void mend(struct mb_box *b, unsigned interface, uint64_t now)
{
	struct mb_mend *m = &b->mend[interface];
	char err[512] = "", note[512] = "", text[600];

	if (!m->given && ask_all(b, interface, give_back))
		return; /* busy, or ending */
	m->given = true;
	hear(b, now); /* what was said of the old ports does not count for the new ones */
	if (fos_afpacket_set_reopen(b->set, interface, note, sizeof(note)))
		return;
	say_dealer(b);
	m->given = false;
	m->broken = hand_out(b, interface, err, sizeof(err)) != 0;
	snprintf(text, sizeof(text), "%s: is there again", b->conf->interface[interface]);
	mb_box_say(b, m->broken ? err : text);
	if (!*note || m->noted)
		return;
	m->noted = true;
	mb_link_note(note, text, sizeof(text));
	mb_box_say(b, text);
}

void mb_box_mend(struct mb_box *b)
{
	uint64_t now = mb_monotonic_ns();
	bool news;

	if (!b->set)
		return;
	hear(b, now);
	news = mb_news_read(b->news);
	b->broken = false;
	for (unsigned i = 0; i < b->conf->interfaces; i++) {
		struct mb_mend *m = &b->mend[i];

		if (m->broken && (news || now >= m->at_ns)) {
			put_off(m, now);
			mend(b, i, now);
		}
		b->broken |= m->broken;
	}
}
