/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_notify.h: tells a service manager how far the program is, as sd_notify(3) describes: a datagram to NOTIFY_SOCKET.
 *
 * One thread. Does not block. Without that variable nothing happens.
 */
#ifndef MB_NOTIFY_H
#define MB_NOTIFY_H

/* "READY=1\nSTATUS=...": 0 where it was sent or nobody waits for it, or a negative errno. */
int mb_notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
