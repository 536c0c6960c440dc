/* SPDX-License-Identifier: BSD-2-Clause
 *
 * port.h: where packets come from and go to: a trace file, memory, a NIC's ring, nothing. A port is one struct of
 * operations; an impairment is a port wrapped round a port.
 *
 * Threads: a port is used by one thread at a time. Ownership: fos_port_close() frees the port; a wrapper closes the
 * port that it wraps. Functions return a count, 0, or a negative errno.
 */
#ifndef FLOWOS_PORT_H
#define FLOWOS_PORT_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include <flowos/ahead.h>
#include <flowos/pkt.h>

struct fos_port;

struct fos_port_stats {
	uint64_t rx_packets, rx_bytes; /* given out by rx; bytes as captured */
	uint64_t tx_packets, tx_bytes; /* taken by tx */
	uint64_t drops;                /* lost before rx: a kernel's ring was full */
	uint64_t freezes;              /* how often that ring was full, where the kernel says so */
	uint64_t skipped;              /* records in a trace that are no packets */
	uint64_t tx_errors;            /* of those that tx took: refused by the interface, so lost */
};

struct fos_port_ops {
	const char *name; /* for messages: "pcap", "pcapng", "libtrace", "null", "mem" */

	/* Fills b->pkt[i].f for up to FOS_BATCH_MAX packets (nothing else of fos_pkt is read or written), b->n and
	 * b->now_ns. Returns b->n; 0 where nothing is there now but may come; -ENODATA at the end; another negative
	 * errno when reading failed, which is final (-EBADMSG: the trace is damaged from here on; what came before is
	 * good). Frames with FOS_FRAME_STABLE last until close, others until the next rx. Does not block longer than
	 * a live port's time-out.
	 *
	 * A live port whose interface is down returns -ENETDOWN, once what was received before is given out. That is
	 * not final: ask again, which waits as long as for packets, and goes on by itself when the interface is up.
	 * -ENODEV: there is no interface of that name any more (deleted, or renamed). That is final for the port as it
	 * is: close it and open another, by name, until there is one. tx returns the same two. */
	int (*rx)(struct fos_port *p, struct fos_batch *b);

	/* Takes the packets of b; their bytes remain the caller's and are not used after the call returns.
	 * Returns how many were taken, from the first on (always all, for a file; fewer where an interface is busy: the
	 * caller tries again or gives them up) or a negative errno. NULL: this port cannot send. Does not block. */
	int (*tx)(struct fos_port *p, const struct fos_batch *b);

	/* Returns to the first packet. NULL: cannot. Returns 0 or a negative errno. */
	int (*rewind)(struct fos_port *p);

	void (*stats)(const struct fos_port *p, struct fos_port_stats *st);

	/* The descriptor to poll for POLLIN before rx, so that one thread can wait for several ports. NULL, or -1: there
	 * is nothing to wait for, rx has what there is. */
	int (*fd)(const struct fos_port *p);

	/* Before the first rx: whom to tell of memory that rx will read; *a lasts until close. NULL: it has none to tell of. */
	void (*ahead)(struct fos_port *p, const struct fos_ahead *a);

	/* One line for a person on what went wrong in the last failed call, "" if nothing did. Valid until close. */
	const char *(*error)(const struct fos_port *p);

	/* Finishes and frees. Returns 0, or a negative errno where buffered output could not be written (it is freed
	 * nevertheless). */
	int (*close)(struct fos_port *p);
};

/* The head of every port; a port's own struct begins with it. */
struct fos_port {
	const struct fos_port_ops *ops;
};

static inline int fos_port_rx(struct fos_port *p, struct fos_batch *b)
{
	return p->ops->rx(p, b);
}

static inline int fos_port_tx(struct fos_port *p, const struct fos_batch *b)
{
	return p->ops->tx ? p->ops->tx(p, b) : -ENOTSUP;
}

static inline int fos_port_rewind(struct fos_port *p)
{
	return p->ops->rewind ? p->ops->rewind(p) : -ENOTSUP;
}

static inline void fos_port_stats(const struct fos_port *p, struct fos_port_stats *st)
{
	p->ops->stats(p, st);
}

static inline int fos_port_fd(const struct fos_port *p)
{
	return p->ops->fd ? p->ops->fd(p) : -1;
}

static inline void fos_port_ahead(struct fos_port *p, const struct fos_ahead *a)
{
	if (p->ops->ahead)
		p->ops->ahead(p, a);
}

static inline const char *fos_port_error(const struct fos_port *p)
{
	return p->ops->error(p);
}

/* NULL is no port: nothing happens. */
static inline int fos_port_close(struct fos_port *p)
{
	return p ? p->ops->close(p) : 0;
}

#endif
