/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pcapng_writer.h: packets to a pcapng file, in nanoseconds, each with a comment where there is something to say of it.
 *
 * Threads: any may open; the port then belongs to one thread at a time. Blocks on the disk or a pipe's reader.
 */
#ifndef FLOWOS_PCAPNG_WRITER_H
#define FLOWOS_PCAPNG_WRITER_H

#include <flowos/port.h>

/* A port whose tx writes packets to `path`, "-" for standard output, as fos_outfile_open() opens it: the file appears
 * when the port is closed without error, or not at all. An interface is written for each link type as it first
 * appears. Both pieces of a frame are written. rx is -ENODATA, rewind is refused.
 *
 * tx, fos_pcapng_write() and fos_port_close() return a negative errno where writing failed (-ENOSPC); it is final, and
 * no file appears. Returns 0 or a negative errno. */
int fos_pcapng_writer_open(const char *path, struct fos_port **out);

/* The same, with a comment on the file as a whole (in its section header; UTF-8, NULL or "": none). */
int fos_pcapng_writer_open_with(const char *path, const char *comment, struct fos_port **out);

/* Writes one frame with a comment (UTF-8; NULL or "": none; cut after 65532 bytes). `port` is one that
 * fos_pcapng_writer_open() gave. Returns 0 or a negative errno. */
int fos_pcapng_write(struct fos_port *port, const struct fos_frame *f, const char *comment);

/* Closes the port instead of fos_port_close(), and forgets the file. NULL: nothing happens. */
void fos_pcapng_abort(struct fos_port *port);

#endif
