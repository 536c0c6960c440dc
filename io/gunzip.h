/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gunzip.h: gzip-compressed bytes, as far as they go. Any thread. Private to io.
 */
#ifndef FLOWOS_IO_GUNZIP_H
#define FLOWOS_IO_GUNZIP_H

#include <stddef.h>

/* Reads the file behind `fd` from its start and hands what is inside to `sink`, piece by piece; ends early when that returns
 * not 0, with what it returned. Returns 0; -EBADMSG: the data is cut or damaged, what came before has been handed over;
 * another negative errno. The position of `fd` is moved. */
int fos__gunzip(int fd, int (*sink)(void *arg, const void *buf, size_t len), void *arg);

#endif
