/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_capture.h: packets as a capture file that other programs read: plain pcap, which all of them do, wherever it
 * can say what there is to say, else pcapng.
 *
 * One thread; blocks on the disk.
 */
#ifndef BENCH_GOLDEN_CAPTURE_H
#define BENCH_GOLDEN_CAPTURE_H

#include <flowos/frames.h>

enum golden_capture_form {
	GOLDEN_CAPTURE_PCAP,    /* microseconds: every time stamp is a whole number of them */
	GOLDEN_CAPTURE_PCAP_NS, /* nanoseconds (magic a1b23c4d) */
	GOLDEN_CAPTURE_PCAPNG,  /* more than one link type, or a time stamp behind the year 2106 */
};

/* Which one these packets get. */
enum golden_capture_form golden_capture_form(const struct fos_frames *f);

/* Writes them to `path`, a new file; comments are not written. 0 or a negative errno: then there is no file. */
int golden_capture_write(const char *path, const struct fos_frames *f);

#endif
