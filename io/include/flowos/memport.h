/* SPDX-License-Identifier: BSD-2-Clause
 *
 * memport.h: ports without a device: over an array of frames in memory, and into nothing.
 *
 * Threads: any may open; a port then belongs to one thread at a time. Nothing here blocks.
 */
#ifndef FLOWOS_MEMPORT_H
#define FLOWOS_MEMPORT_H

#include <stddef.h>

#include <flowos/frames.h>
#include <flowos/port.h>

/* A port that gives the n frames at v, as they are. The array and its bytes remain the caller's and must last until the
 * port is closed. rx ends with -ENODATA; rewind works; tx is refused. Returns 0 or -ENOMEM. */
int fos_mem_port_open(const struct fos_frame *v, size_t n, struct fos_port **out);

/* The same over *f, which the port takes over and frees on close: *f is empty afterwards. Frames that are another
 * port's (see fos_frames_load()) still need that port. Where loading had ended in an error, rx gives the frames and then that
 * error with its line. Returns 0, or -ENOMEM with *f as before. */
int fos_mem_port_take(struct fos_frames *f, struct fos_port **out);

/* A port that takes what is sent to it, counts it and forgets it. rx is -ENODATA. Returns 0 or -ENOMEM. */
int fos_null_port_open(struct fos_port **out);

#endif
