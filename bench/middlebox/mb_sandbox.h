/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_sandbox.h: what the process gives up once everything is open: capabilities, root, system calls.
 *
 * One thread, before others are started: what they may is what it may. Nothing is given back.
 */
#ifndef MB_SANDBOX_H
#define MB_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct mb_sandbox {
	bool live;      /* interfaces are opened again: CAP_NET_RAW, CAP_IPC_LOCK */
	bool net_admin; /* CAP_NET_ADMIN too */
	uid_t uid;      /* (uid_t)-1: stays who it is */
	gid_t gid;
};

/* Looks a user up: 0, or a negative errno with a line in err. May read files. */
int mb_sandbox_user(struct mb_sandbox *s, const char *name, char *err, size_t errlen);

/* Drops all other capabilities, from the bounding set too where it may, and becomes the user. Returns 0 or a negative errno
 * with a line in err. */
int mb_sandbox_drop(const struct mb_sandbox *s, char *err, size_t errlen);

/* Gives the user the files that modules have begun to write, and sees whether they can be given their names once everything is
 * dropped: tried by a child process, which drops it. Before mb_sandbox_drop(). Returns 0 or a negative errno with a line in err. */
int mb_sandbox_files(const struct mb_sandbox *s, char *err, size_t errlen);

/* mb_seccomp.c: from now on only system calls that moving packets, answering and modules that write files need; others
 * fail with EPERM. Programs can no longer be started. Returns 0 or a negative errno with a line in err. */
int mb_seccomp(char *err, size_t errlen);

#endif
