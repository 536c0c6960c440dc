/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_listen.h: sockets to listen on: a Unix one for one user, a TCP one on loopback; and who is at the other end.
 * Does not block.
 */
#ifndef MB_LISTEN_H
#define MB_LISTEN_H

#include <stddef.h>
#include <sys/types.h>

/* A descriptor, or a negative errno with a line in err. */
int mb_listen_unix(const char *path, char *err, size_t errlen);
int mb_listen_tcp(const char *address, char *err, size_t errlen);

/* May who is at the other end of a Unix socket ask? Root and `uid` may: 0, else -EPERM. */
int mb_listen_check(int fd, uid_t uid);

/* Where the control socket is when nobody says: /run/flowos/control.sock for root, else in XDG_RUNTIME_DIR, else in
 * /tmp with the user's number. Into buf. */
void mb_listen_default(char *buf, size_t len);

/* Makes the folder that root's default is in. */
int mb_listen_folder(const char *path);

#endif
