/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_inlet.h: what a worker reads from: all its links as one port, so that one impairment stands over both directions
 * and decides as it does in a replay. A link that is lost is not the port's end; the port's end can be asked for.
 *
 * One thread. The links are the caller's and outlive the port; closing it closes none of them.
 */
#ifndef MB_INLET_H
#define MB_INLET_H

#include "mb_link.h"

struct mb_inlet {
	struct fos_port port;
	struct mb_link *link;
	unsigned links, turn;
	bool trace;      /* the one link is a trace: it ends, and its frames keep their interface */
	bool ending;     /* asked for: rx gives -ENODATA */
	int status;      /* how the trace ended */
	char error[512]; /* the line that goes with it */
};

/* Sets it up; &in->port is the port. */
void mb_inlet_init(struct mb_inlet *in, struct mb_link *link, unsigned links, bool trace);

#endif
