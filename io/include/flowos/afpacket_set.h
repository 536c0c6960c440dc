/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afpacket_set.h: AF_PACKET ports for several threads: on each of some interfaces one port a thread, among which the kernel
 * divides what the interface receives, by session.
 *
 * Both directions of a session come to the same thread, whichever interface they arrive at. With `shard`, thread i gets what
 * flowos/shard.h says is worker i's, by a program that the kernel runs, but for what that cannot see: packets in some tunnels, and
 * fragments, which go by addresses alone. Without it, or where the kernel refuses the program, its own hash divides, which
 * is the same both ways and sees fragments and tunnels as little. Nothing is defragmented, as what would come of it could not be
 * sent on. The ports of every interface stand in the order of their threads, also when they are opened again.
 *
 * Threads: the functions below are for one thread, while no other uses the set's ports.
 */
#ifndef FLOWOS_AFPACKET_SET_H
#define FLOWOS_AFPACKET_SET_H

#include <flowos/afpacket.h>
#include <flowos/shard.h>

struct fos_afpacket_set;

struct fos_afpacket_set_opts {
	struct fos_afpacket_opts port; /* of each; `port.port` is that of the first interface's, others count on */
	uint32_t threads;              /* ports an interface, 1 to 256 */
	const struct fos_shard
	    *shard;    /* deals so to as many workers as there are threads; copied. NULL: the kernel's hash */
	bool rollover; /* where a port's ring is full, its packets go to another's: they are not lost, but overtake each
	                * other, and come to a thread that does not know their session */
};

/* Opens `interfaces` interfaces for opts->threads threads into *out; fos_afpacket_set_close() frees it. Nothing is
 * received before all ports stand in order. Errors, with a line in `err`, as of fos_afpacket_open(), and -EINVAL; -ENOTSUP:
 * several threads that send need Linux 6.2, before which each would receive what the others send. */
int fos_afpacket_set_open(const char *const *names, uint32_t interfaces, const struct fos_afpacket_set_opts *opts,
                          struct fos_afpacket_set **out, char *err, size_t errlen);

/* Who deals: 0: `shard`, as was asked; -ENOENT: nobody asked; else why the kernel would not take the program, last time. */
int fos_afpacket_set_dealer(const struct fos_afpacket_set *set);

/* The port of a thread on an interface, both from 0. It belongs to the set and is never closed by itself; it is
 * another after fos_afpacket_set_reopen(). NULL after that failed for the interface. */
struct fos_port *fos_afpacket_set_port(const struct fos_afpacket_set *set, uint32_t interface, uint32_t thread);

/* After a port of the interface said -ENODEV: closes all of that interface and opens them by name, in order; those of other
 * interfaces stay as they are. What they counted goes on. Returns 0, with `err` as fos_afpacket_open() has it, or an error with a line in `err`, after which the interface has
 * no ports until a later call succeeds. */
int fos_afpacket_set_reopen(struct fos_afpacket_set *set, uint32_t interface, char *err, size_t errlen);

/* NULL is no set. */
void fos_afpacket_set_close(struct fos_afpacket_set *set);

#endif
