/* SPDX-License-Identifier: BSD-2-Clause
 *
 * trace.h: a recorded trace as a port: pcap, pcapng, and with libtrace whatever else there is.
 *
 * Plain pcap (micro- and nanoseconds, both byte orders, Kuznetzov's variant) and pcapng are mapped, never copied:
 * frames point into the map and are FOS_FRAME_STABLE. Standard input, pipes and compressed pcap or pcapng (gzip,
 * bzip2, xz) are first read into an anonymous file in memory, then mapped like the others. What is neither pcap nor
 * pcapng is read by libtrace, packet by packet, and is not stable; so is a compressed pcap file that would fill more
 * than half of the memory.
 *
 * Limit: a file that another program cuts short while it is mapped makes the reader die of SIGBUS, as every reader by
 * mmap does. Copy a capture that is still being written, or read it through a pipe.
 */
#ifndef FLOWOS_TRACE_H
#define FLOWOS_TRACE_H

#include <stddef.h>

#include <flowos/port.h>

/* Opens the trace `path`, "-" for standard input, into *out; fos_port_close() frees it.
 *
 * Threads: any; the port then belongs to one thread at a time. Blocks on the disk, or until a pipe has ended.
 * Environment: FLOWOS_MODULE_PATH, a folder in which libtrace_port.so is looked for first.
 * Returns 0, or a negative errno with one line for a person in `err` (always terminated; may be cut): -EINVAL it is no
 * capture, -EBADMSG it is one whose file header is damaged, -ENOTSUP libtrace is needed and not there (the line says
 * what to install) or cannot read that either, or what open and mmap say.
 *
 * The port: rx gives -EBADMSG where a record contradicts itself or the file ends inside one, after every packet before
 * it; fos_port_error() then names the file, the byte and the packet. rewind works for all of them. A time stamp whose
 * fraction is a second or more counts as the last nanosecond of its second. tx is refused. */
int fos_trace_open(const char *path, struct fos_port **out, char *err, size_t errlen);

#endif
