/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_sandbox.c: capabilities (libcap-ng) and the user. See mb_sandbox.h.
 */
#include "mb_sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <flowos/outfile.h>

int mb_sandbox_user(struct mb_sandbox *s, const char *name, char *err, size_t errlen)
{
	const struct passwd *p;

	errno = 0;
	p = getpwnam(name);
	if (!p) {
		snprintf(err, errlen, "user %s: %s", name, errno ? strerror(errno) : "there is none");
		return -ENOENT;
	}
	if (geteuid() != 0 && p->pw_uid != geteuid()) {
		snprintf(err, errlen, "user %s: only root can become somebody else", name);
		return -EPERM;
	}
	s->uid = p->pw_uid;
	s->gid = p->pw_gid;
	return 0;
}

/* Only what is there can be kept: who starts it without root may have been given less. */
static void keep(capng_type_t type, unsigned cap, bool have)
{
	if (have)
		capng_update(CAPNG_ADD, type, cap);
}

int mb_sandbox_drop(const struct mb_sandbox *s, char *err, size_t errlen)
{
	static const unsigned live[] = { CAP_NET_RAW, CAP_IPC_LOCK, CAP_NET_ADMIN };
	const capng_type_t both = CAPNG_EFFECTIVE | CAPNG_PERMITTED;
	bool have[3], bounds, change = s->uid != (uid_t)-1 && s->uid != geteuid();
	int rc = 0;

	capng_get_caps_process();
	for (unsigned i = 0; i < 3; i++)
		have[i] = capng_have_capability(CAPNG_PERMITTED, live[i]) && s->live && (i < 2 || s->net_admin);
	bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	capng_clear(CAPNG_SELECT_BOTH);
	for (unsigned i = 0; i < 3; i++)
		keep(both, live[i], have[i]);
	if (change)
		rc = capng_change_id((int)s->uid, (int)s->gid,
		                     CAPNG_DROP_SUPP_GRP | (bounds ? CAPNG_CLEAR_BOUNDING : CAPNG_NO_FLAG));
	else
		rc = capng_apply(bounds ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS);
	if (rc == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		rc = -1;
	if (rc) {
		snprintf(err, errlen, "capabilities could not be dropped (%d)", rc);
		return -EPERM;
	}
	return 0;
}

/* In the child: can it have another name? Returns an errno. */
static int try_name(const struct mb_sandbox *s, const char *name)
{
	char other[PATH_MAX], err[256];

	if (mb_sandbox_drop(s, err, sizeof(err)))
		return EPERM;
	if (snprintf(other, sizeof(other), "%s~", name) >= (int)sizeof(other))
		return 0; /* not known */
	if (rename(name, other))
		return errno;
	return rename(other, name) ? errno : 0;
}

struct files {
	const struct mb_sandbox *s;
	char *err;
	size_t errlen;
};

static int give_file(void *arg, const char *name)
{
	const struct files *f = arg;
	int status = 0, rc = 0;
	const char *slash = strrchr(name, '/');
	pid_t child;

	if (f->s->uid != (uid_t)-1 && lchown(name, f->s->uid, f->s->gid))
		rc = -errno;
	child = rc == 0 ? fork() : -1;
	if (child == 0)
		_exit(try_name(f->s, name));
	if (child < 0 && rc == 0)
		rc = -errno;
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (child > 0)
		rc = WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
	if (rc)
		snprintf(f->err, f->errlen,
		         "%.*s: a file that a module writes there could not be given its name by whom this runs as: %s",
		         slash > name ? (int)(slash - name) : 1, slash ? name : ".", strerror(-rc));
	return rc;
}

int mb_sandbox_files(const struct mb_sandbox *s, char *err, size_t errlen)
{
	struct files f = { s, err, errlen };

	return fos_outfile_each(give_file, &f);
}
