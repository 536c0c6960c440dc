/* SPDX-License-Identifier: BSD-2-Clause
 *
 * libtrace_abi.h: all that passes between flowos and libtrace_port.so, which is loaded when a trace needs it.
 *
 * Private to io. One thread at a time per call; calls on different files may run at the same time.
 */
#ifndef FLOWOS_IO_LIBTRACE_ABI_H
#define FLOWOS_IO_LIBTRACE_ABI_H

#include <stddef.h>
#include <stdint.h>

#include <flowos/port.h>

enum { FOS__LIBTRACE_ABI = 1 };

struct fos__libtrace_abi {
	uint32_t version; /* FOS__LIBTRACE_ABI */

	/* Opens the capture in the file `fd` (which remains the caller's, and is not needed after the call), called
	 * `name` in messages. Returns 0, or a negative errno with a line in err: -EINVAL libtrace reads it neither. */
	int (*open)(int fd, const char *name, struct fos_port **out, char *err, size_t errlen);

	/* Decompresses the file `fd` and hands the bytes to `sink`, until it returns other than 0. Returns 0 at the
	 * end, what sink returned, -ENOTSUP where there is no decompression, -EBADMSG where compressed data is damaged
	 * (what came before has been handed out). A file that is not compressed is handed out as it is. */
	int (*inflate)(int fd, int (*sink)(void *arg, const void *buf, size_t len), void *arg);
};

#define FOS__LIBTRACE_SYMBOL "fos_libtrace_abi" /* a `const struct fos__libtrace_abi` of this name */

/* Loads the object, once. Returns it, or NULL with a line in err that says what to install. Any thread. */
const struct fos__libtrace_abi *fos__libtrace_load(char *err, size_t errlen);

#endif
