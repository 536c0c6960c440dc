/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_link.c: interfaces that come and go. See mb_link.h. An interface is its name: one that is renamed is gone until
 * something has that name again.
 */
#include "mb_link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <flowos/afxdp.h>

static void say(const struct mb_link *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(const struct mb_link *l, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (l->say && l->worker == 0) /* every worker has it; one says so */
		l->say(l->say_arg, text);
}

void mb_link_put(struct mb_link *l, struct fos_port *port)
{
	const char *how = fos_afxdp_how(port);

	snprintf(l->kind, sizeof(l->kind), "%s", port->ops->name);
	snprintf(l->how, sizeof(l->how), "%s", how ? how : "");
	l->port = port;
	if (l->shared)
		memset(&l->before, 0, sizeof(l->before)); /* it goes on counting where it was */
	l->ifindex = l->conf->interfaces ? if_nametoindex(l->name) : 0;
	l->backoff_ms = MB_BACKOFF_FIRST_MS;
	l->state = MB_LINK_UP;
}

int mb_link_open(struct mb_link *l, char *err, size_t errlen)
{
	struct fos_port *port;
	int rc;

	l->state = MB_LINK_GONE;
	l->port = NULL;
	rc = l->opener(l, &port, err, errlen);
	if (!rc)
		mb_link_put(l, port);
	return rc;
}

static void add_stats(struct fos_port_stats *to, const struct fos_port_stats *from)
{
	to->rx_packets += from->rx_packets;
	to->rx_bytes += from->rx_bytes;
	to->tx_packets += from->tx_packets;
	to->tx_bytes += from->tx_bytes;
	to->drops += from->drops;
	to->freezes += from->freezes;
	to->skipped += from->skipped;
	to->tx_errors += from->tx_errors;
}

void mb_link_take(struct mb_link *l)
{
	struct fos_port_stats st;

	if (!l->port)
		return;
	fos_port_stats(l->port, &st);
	add_stats(&l->before, &st);
	l->port = NULL;
	l->state = MB_LINK_GONE;
}

int mb_link_close(struct mb_link *l)
{
	struct fos_port *port = l->port;

	mb_link_take(l);
	return l->shared ? 0 : fos_port_close(port);
}

int mb_link_fd(const struct mb_link *l)
{
	return l->port && l->state == MB_LINK_UP ? fos_port_fd(l->port) : -1;
}

void mb_link_lost(struct mb_link *l, int error)
{
	char other[IF_NAMESIZE];
	uint64_t one = UINT64_C(1) << l->index * MB_TROUBLE_BITS;

	l->probe = false;
	if (l->state == MB_LINK_GONE || (l->state == MB_LINK_DOWN && error == -ENETDOWN))
		return;
	l->losses += l->state == MB_LINK_UP;
	l->backoff_ms = MB_BACKOFF_FIRST_MS;
	l->next_ms = 0;
	if (error == -ENETDOWN) {
		say(l, "%s: went down; waiting for it", l->name);
		l->state = MB_LINK_DOWN;
		return;
	}
	l->plain |= error == -EMSGSIZE;
	if (error == -EMSGSIZE)
		say(l, "%s; AF_PACKET from here on", fos_port_error(l->port));
	else if (error == -ENODEV && l->ifindex && if_indextoname(l->ifindex, other) && strcmp(other, l->name) != 0)
		say(l, "%s: is called %s now; waiting for something of that name", l->name, other);
	else
		say(l, "%s: %s; waiting for it", l->name, error == -ENODEV ? "is gone" : strerror(-error));
	mb_link_close(l);
	if (l->shared)
		(void)!write(l->trouble, &one, sizeof(one));
}

void mb_link_alive(struct mb_link *l)
{
	if (l->state != MB_LINK_DOWN)
		return;
	l->probe = false;
	l->state = MB_LINK_UP;
	say(l, "%s: is up again", l->name);
}

void mb_link_note(const char *said, char *text, size_t len)
{
	snprintf(text, len, "%s (--net-admin keeps it)", said);
}

/* It was opened again, and the opener said this. */
static void opened_again(struct mb_link *l, const char *said)
{
	char text[600];

	say(l, "%s: is there again", l->name);
	if (!*said || l->noted)
		return;
	l->noted = true;
	mb_link_note(said, text, sizeof(text));
	say(l, "%s", text);
}

static void try_again(struct mb_link *l, uint64_t now_ms)
{
	char err[512] = "";

	if (l->state == MB_LINK_DOWN)
		l->probe = true;
	else if (l->shared)
		l->backoff_ms = MB_BACKOFF_FIRST_MS; /* who has the set does it */
	else if (mb_link_open(l, err, sizeof(err)) == 0)
		opened_again(l, err);
	l->backoff_ms = l->backoff_ms * 2 < MB_BACKOFF_MOST_MS ? l->backoff_ms * 2 : MB_BACKOFF_MOST_MS;
	l->next_ms = now_ms + (l->state == MB_LINK_UP ? MB_LOOK_MS : l->backoff_ms);
}

void mb_link_tick(struct mb_link *l, uint64_t now_ms)
{
	if (now_ms < l->next_ms)
		return;
	if (l->next_ms == 0) {
		l->next_ms = now_ms + (l->state == MB_LINK_UP ? MB_LOOK_MS : MB_BACKOFF_FIRST_MS);
		return;
	}
	if (l->state != MB_LINK_UP)
		try_again(l, now_ms);
	else
		l->next_ms = now_ms + MB_LOOK_MS;
}

void mb_link_news(struct mb_link *l)
{
	if (l->state != MB_LINK_UP && l->next_ms)
		l->next_ms = 1;
}

void mb_link_stats(const struct mb_link *l, struct fos_port_stats *st)
{
	struct fos_port_stats now = { 0 };

	if (l->port)
		fos_port_stats(l->port, &now);
	*st = l->before;
	add_stats(st, &now);
}
