/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_mend.c: the ports of several workers: opened together, handed out, and opened again when an interface was gone. See
 * mb_box.h.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mb_box.h"
#include "mb_clock.h"

static void get_ports(struct mb_worker *w, void *arg)
{
	struct fos_afpacket_set *set = arg;

	for (unsigned i = 0; i < w->links; i++)
		if (mb_link_put(&w->link[i], fos_afpacket_set_port(set, i, w->index)))
			mb_link_lost(&w->link[i], -ENODEV);
}

static void give_back(struct mb_worker *w, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < w->links; i++)
		mb_link_take(&w->link[i]);
}

static int hand_out(struct mb_box *b, char *err, size_t errlen)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < b->made; i++)
		rc = mb_worker_ask(&b->worker[i], get_ports, b->set);
	if (rc)
		snprintf(err, errlen, "ports could not be given to workers: %s", strerror(-rc));
	return rc;
}

int mb_box_ports(struct mb_box *b, char *err, size_t errlen)
{
	int rc = mb_open_set(b->conf, &b->set, err, errlen);

	if (rc)
		b->set = NULL;
	return rc ? rc : hand_out(b, err, errlen);
}

void mb_box_mend(struct mb_box *b)
{
	uint64_t times, now = mb_monotonic_ns();
	char err[512] = "";

	if (read(b->trouble, &times, sizeof(times)) == sizeof(times) && !b->broken) {
		b->broken = true;
		b->backoff_ns = (uint64_t)MB_BACKOFF_FIRST_MS * 1000000u;
		b->mend_ns = now + b->backoff_ns;
	}
	if (!b->broken || now < b->mend_ns)
		return;
	if (b->backoff_ns < (uint64_t)MB_BACKOFF_MOST_MS * 500000u)
		b->backoff_ns *= 2;
	b->mend_ns = now + b->backoff_ns;
	for (unsigned i = 0; i < b->made; i++)
		if (mb_worker_ask(&b->worker[i], give_back, NULL))
			return;                         /* busy, or ending */
	(void)!read(b->trouble, &times, sizeof(times)); /* all of it was about the old ports */
	if (fos_afpacket_set_reopen(b->set, err, sizeof(err)))
		return;
	b->broken = hand_out(b, err, sizeof(err)) != 0;
	mb_box_say(b, b->broken ? err : "all interfaces are there again");
}
