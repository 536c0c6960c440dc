/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frames.h: a whole trace in memory: a growing array of frames, and the bytes of those that were not stable.
 *
 * One thread at a time; once filled, any number may read.
 */
#ifndef FLOWOS_FRAMES_H
#define FLOWOS_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include <flowos/port.h>

struct fos__chunk; /* memory for bytes */

/* All zero is empty. The first two members are for reading; the rest is frames.c's. */
struct fos_frames {
	struct fos_frame *v;
	size_t n;
	size_t cap;
	struct fos__chunk *chunks;
	uint64_t copied; /* bytes that were copied because they were not stable */
	int status;      /* how loading ended: 0, or fos_frames_load()'s error */
	char error[512]; /* the line that goes with it */
};

/* Appends what the port gives until its end. Bytes of frames that are not stable are copied (in one piece), so that all
 * frames are FOS_FRAME_STABLE afterwards; stable ones still belong to the port, which must stay open as long as they
 * are used. `progress`, where it is not NULL, is called from time to time with the packets so far, and stops the
 * loading by returning other than 0.
 *
 * Blocks until the port has ended. Returns 0, or a negative errno: what the port said (-EBADMSG: damaged; the packets
 * before the damage are there, f->error names it), -ENOMEM, -ECANCELED. Frames loaded until then remain. */
int fos_frames_load(struct fos_port *port, struct fos_frames *f, int (*progress)(void *arg, uint64_t packets),
                    void *arg);

/* Makes room for n frames in all. Returns 0 or -ENOMEM. */
int fos_frames_reserve(struct fos_frames *f, size_t n);

/* Appends one frame as it is; its bytes remain whose they were. Returns 0 or -ENOMEM. */
int fos_frames_add(struct fos_frames *f, const struct fos_frame *frame);

/* Memory for `len` bytes that stays where it is until fos_frames_free(); not aligned, not zeroed. NULL: none. */
uint8_t *fos_frames_bytes(struct fos_frames *f, size_t len);

/* Frees all and empties *f. */
void fos_frames_free(struct fos_frames *f);

#endif
