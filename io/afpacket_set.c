/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afpacket_set.c: see flowos/afpacket_set.h. Ports of an interface join a fanout group of the kernel (PACKET_FANOUT):
 * member i gets what a program says, or the packets whose hash falls into the i-th part. Groups have numbers that the kernel
 * chooses, and members the order in which they joined; an interface that goes down and up again has them leave and join in the
 * order in which their sockets were made, which is the same.
 */
#include <flowos/afpacket_set.h>

#include <errno.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "afpacket.h"
#include "deal_program.h"

enum { THREADS_MAX = 256 };

struct fos_afpacket_set {
	uint32_t interfaces, threads;
	bool rollover;
	int dealer; /* see fos_afpacket_set_dealer() */
	struct sock_filter code[FOS__DEAL_MAX];
	struct sock_fprog program; /* of no instructions: the kernel's hash */
	char *filter;              /* NULL: none */
	struct fos_afpacket_opts opts;
	char (*name)[16];            /* of each interface */
	struct fos__afpacket **port; /* interface by interface; NULL while it is not open */
	struct fos_port_stats *past; /* of each port: what those before it counted */
};

static struct fos__afpacket **port_at(const struct fos_afpacket_set *s, uint32_t interface, uint32_t thread)
{
	return &s->port[interface * s->threads + thread];
}

/* Not in every linux/if_packet.h. The group stands in the kernel's list in the place of its members, so that what the
 * members say of outgoing packets (PACKET_IGNORE_OUTGOING) is not asked: without this, what one thread sends another one
 * receives, and sends again. */
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
enum { PACKET_FANOUT_FLAG_IGNORE_OUTGOING = 0x4000 };
#endif

/* Kernels before 6.2 take the flag and do nothing with it. */
static bool kernel_ignores_outgoing(void)
{
	unsigned major = 0, minor = 0;
	struct utsname u;

	return uname(&u) == 0 && sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 2));
}

/* Joins a group of this type; the first member makes one, and *id is its number. 0 or an errno. */
static int join_type(int fd, int type, bool first, uint16_t *id)
{
	socklen_t len = sizeof(int);
	int arg;

	type |= PACKET_FANOUT_FLAG_IGNORE_OUTGOING | (first ? PACKET_FANOUT_FLAG_UNIQUEID : 0);
	arg = (first ? 0 : *id) | type << 16;
	if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &arg, sizeof arg) ||
	    (first && getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &arg, &len)))
		return errno;
	*id = (uint16_t)arg;
	return 0;
}

/* Gives the group its program, by its first member. */
static void give_program(struct fos_afpacket_set *s, int fd)
{
	if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &s->program, sizeof s->program))
		s->dealer = -errno;
}

/* Member `thread` joins the interface's group, *id. The kernel numbers members in the order in which they join. */
static int join(struct fos_afpacket_set *s, struct fos__afpacket *a, uint32_t thread, uint16_t *id)
{
	int type = s->dealer ? PACKET_FANOUT_HASH : PACKET_FANOUT_CBPF, why, gone;

	if (s->rollover)
		type |= PACKET_FANOUT_FLAG_ROLLOVER;
	why = join_type(a->rx_fd, type, thread == 0, id);
	if (!why)
		return 0;
	gone = fos__afpacket_look(a);
	why = gone ? -gone : why;
	snprintf(a->error, sizeof a->error, "%s: sharing it among threads: %s", a->name, strerror(why));
	return -why;
}

static int open_port(struct fos_afpacket_set *s, uint32_t interface, uint32_t thread, uint16_t *id, char *err,
                     size_t errlen)
{
	struct fos__afpacket **a = port_at(s, interface, thread);
	struct fos_afpacket_opts opts = s->opts;
	int ret;

	opts.port = (uint16_t)(opts.port + interface);
	ret = fos__afpacket_new(s->name[interface], &opts, a, err, errlen);
	if (ret)
		return ret;
	(*a)->stats = s->past[interface * s->threads + thread];
	ret = fos__afpacket_prepare(*a);
	if (!ret && s->threads > 1)
		ret = join(s, *a, thread, id);
	if (ret)
		snprintf(err, errlen, "%s", (*a)->error);
	return ret;
}

static void close_interface(struct fos_afpacket_set *s, uint32_t interface)
{
	for (uint32_t t = 0; t < s->threads; t++) {
		struct fos__afpacket **a = port_at(s, interface, t);

		if (!*a)
			continue;
		fos_port_stats(&(*a)->port, &s->past[interface * s->threads + t]);
		fos_port_close(&(*a)->port);
		*a = NULL;
	}
}

/* Makes all ports, which take nothing yet. A socket whose group was refused its program leaves that only by being closed: so then it
 * begins again, with the kernel's hash. */
static int prepare_interface(struct fos_afpacket_set *s, uint32_t interface, char *err, size_t errlen)
{
	uint16_t id = 0;
	int ret = 0;

	for (uint32_t t = 0; t < s->threads && !ret; t++) {
		ret = open_port(s, interface, t, &id, err, errlen);
		if (ret || t || s->threads == 1 || s->dealer)
			continue;
		give_program(s, (*port_at(s, interface, 0))->rx_fd);
		if (s->dealer) {
			close_interface(s, interface);
			ret = open_port(s, interface, 0, &id, err, errlen);
		}
	}
	return ret;
}

static int start_interface(struct fos_afpacket_set *s, uint32_t interface, char *err, size_t errlen)
{
	int ret = 0;

	for (uint32_t t = 0; t < s->threads && !ret; t++) {
		struct fos__afpacket *a = *port_at(s, interface, t);

		ret = fos__afpacket_start(a, s->filter);
		if (ret)
			snprintf(err, errlen, "%s", a->error);
	}
	return ret;
}

static void close_all(struct fos_afpacket_set *s)
{
	for (uint32_t i = 0; i < s->interfaces; i++)
		close_interface(s, i);
}

static int open_all(struct fos_afpacket_set *s, char *err, size_t errlen)
{
	int ret = 0;

	for (uint32_t i = 0; i < s->interfaces && !ret; i++)
		ret = prepare_interface(s, i, err, errlen);
	for (uint32_t i = 0; i < s->interfaces && !ret; i++)
		ret = start_interface(s, i, err, errlen);
	if (ret)
		close_all(s);
	return ret;
}

int fos_afpacket_set_open(const char *const *names, uint32_t interfaces, const struct fos_afpacket_set_opts *opts,
                          struct fos_afpacket_set **out, char *err, size_t errlen)
{
	struct fos_afpacket_set *s;
	size_t ports = (size_t)interfaces * opts->threads;
	int ret = -ENOMEM;

	if (!interfaces || !opts->threads || opts->threads > THREADS_MAX || interfaces > UINT16_MAX) {
		snprintf(err, errlen, "%u interfaces with %u threads: at least one of each, and up to %u threads",
		         interfaces, opts->threads, THREADS_MAX);
		return -EINVAL;
	}
	if (opts->threads > 1 && opts->port.tx != FOS_AFPACKET_NO_TX && !kernel_ignores_outgoing()) {
		snprintf(err, errlen, "more than one thread that sends needs Linux 6.2");
		return -ENOTSUP;
	}
	s = calloc(1, sizeof *s);
	if (!s)
		goto no_memory;
	s->interfaces = interfaces;
	s->threads = opts->threads;
	s->rollover = opts->rollover;
	s->opts = opts->port;
	s->dealer = -ENOENT;
	if (opts->shard) {
		s->dealer = 0;
		s->program = (struct sock_fprog){ .len = (unsigned short)fos__deal_program(opts->shard, s->code),
			                          .filter = s->code };
	}
	s->name = calloc(interfaces, sizeof *s->name);
	s->port = calloc(ports, sizeof *s->port);
	s->past = calloc(ports, sizeof *s->past);
	s->filter = opts->port.filter ? strdup(opts->port.filter) : NULL;
	if (!s->name || !s->port || !s->past || (opts->port.filter && !s->filter))
		goto no_memory;
	for (uint32_t i = 0; i < interfaces; i++)
		if ((size_t)snprintf(s->name[i], sizeof s->name[i], "%s", names[i]) >= sizeof s->name[i]) {
			snprintf(err, errlen, "%s: there is no such interface", names[i]);
			ret = -ENODEV;
			goto close;
		}
	ret = open_all(s, err, errlen);
	if (ret)
		goto close;
	*out = s;
	return 0;
no_memory:
	snprintf(err, errlen, "no memory for %zu ports", ports);
close:
	fos_afpacket_set_close(s);
	return ret;
}

struct fos_port *fos_afpacket_set_port(const struct fos_afpacket_set *s, uint32_t interface, uint32_t thread)
{
	struct fos__afpacket *a = *port_at(s, interface, thread);

	return a ? &a->port : NULL;
}

int fos_afpacket_set_reopen(struct fos_afpacket_set *s, uint32_t interface, char *err, size_t errlen)
{
	int ret;

	close_interface(s, interface);
	ret = prepare_interface(s, interface, err, errlen);
	if (!ret)
		ret = start_interface(s, interface, err, errlen);
	if (ret)
		close_interface(s, interface);
	else
		snprintf(err, errlen, "%s", (*port_at(s, interface, 0))->note);
	return ret;
}

int fos_afpacket_set_dealer(const struct fos_afpacket_set *s)
{
	return s->dealer;
}

void fos_afpacket_set_close(struct fos_afpacket_set *s)
{
	if (!s)
		return;
	if (s->port && s->past)
		close_all(s);
	free(s->name);
	free(s->port);
	free(s->past);
	free(s->filter);
	free(s);
}
