/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_server.h: who asks the box: the control socket (a Unix socket, mode 0600, for the same user and root) and metrics (HTTP/1.0
 * on loopback). Everything about a peer is bounded: how many, how long a question, how long it may take.
 *
 * One thread; never blocks on a peer.
 */
#ifndef MB_SERVER_H
#define MB_SERVER_H

#include <stddef.h>
#include <sys/types.h>

#include "mb_answer.h"

enum {
	MB_PEERS_MAX = 32,
	MB_PEER_MS = 10000, /* without a byte to or from it a peer is dropped */
	MB_HTTP_MAX = 4096, /* bytes of a request */
};

struct mb_server;

/* Opens what `control` and `metrics` say (NULL: neither). An old socket that nobody listens on is taken over; one that is in
 * use is refused. Returns 0 or a negative errno with a line in err. */
int mb_server_make(struct mb_server **out, struct mb_box *b, const char *control, const char *metrics, char *err,
                   size_t errlen);
void mb_server_free(struct mb_server *s); /* removes the socket */

/* Gives the socket to another user, who will be this process. Returns 0 or a negative errno. */
int mb_server_give(struct mb_server *s, uid_t uid, gid_t gid);

/* Metrics elsewhere, or nowhere (NULL). Where that fails it is as it was. */
int mb_server_metrics(struct mb_server *s, const char *metrics, char *err, size_t errlen);

/* A descriptor that is readable when mb_server_turn() has something to do; call it once a second too. */
int mb_server_fd(const struct mb_server *s);
void mb_server_turn(struct mb_server *s);

/* "127.0.0.1:9469", "[::1]:9469": 0 where it is an address of this machine alone, else a negative errno with a line in err. */
int mb_server_loopback(const char *text, char *err, size_t errlen);

#endif
