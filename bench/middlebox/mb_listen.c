/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_listen.c: see mb_listen.h.
 */
#include "mb_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mb_server.h"

static int failed(char *err, size_t errlen, const char *what, int fd, int number)
{
	snprintf(err, errlen, "%s: %s", what, strerror(number));
	if (fd >= 0)
		close(fd);
	return -number;
}

/* Nobody listens there any more: whoever did ended without removing it. */
static int take_over(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = fd < 0 ? -errno : connect(fd, (const struct sockaddr *)a, sizeof(*a)) ? -errno : -EADDRINUSE;

	if (fd >= 0)
		close(fd);
	if (rc == -ECONNREFUSED)
		return unlink(a->sun_path) ? -errno : 0;
	return rc == -EAGAIN ? -EADDRINUSE : rc == -ENOENT ? 0 : rc;
}

int mb_listen_unix(const char *path, char *err, size_t errlen)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t was;
	int fd, rc = 0;

	if (strlen(path) >= sizeof(a.sun_path)) {
		snprintf(err, errlen, "%.64s...: is too long for a socket's name", path);
		return -ENAMETOOLONG;
	}
	memcpy(a.sun_path, path, strlen(path) + 1);
	if (lstat(path, &st) == 0)
		rc = S_ISSOCK(st.st_mode) ? take_over(&a) : -EEXIST;
	if (rc)
		return failed(err, errlen, path, -1, -rc);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return failed(err, errlen, path, fd, errno);
	was = umask(0177); /* its mode is 0600 from the first moment on */
	rc = bind(fd, (struct sockaddr *)&a, sizeof(a)) ? errno : 0;
	umask(was);
	if (rc == 0 && listen(fd, 16))
		rc = errno;
	return rc ? failed(err, errlen, path, fd, rc) : fd;
}

/* "127.0.0.1:9469" or "[::1]:9469". */
static int parse(const char *text, struct sockaddr_storage *out, socklen_t *len)
{
	struct sockaddr_in *a4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)out;
	const char *colon = strrchr(text, ':');
	char host[64], *end;
	unsigned long port = colon && colon[1] ? strtoul(colon + 1, &end, 10) : 0;
	size_t n = colon ? (size_t)(colon - text) : 0;

	if (!port || *end || port > UINT16_MAX || n == 0 || n >= sizeof(host))
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	memcpy(host, text, n);
	host[n] = '\0';
	if (host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		a6->sin6_family = AF_INET6;
		a6->sin6_port = htons((uint16_t)port);
		*len = sizeof(*a6);
		return inet_pton(AF_INET6, host + 1, &a6->sin6_addr) == 1 ? 0 : -EINVAL;
	}
	a4->sin_family = AF_INET;
	a4->sin_port = htons((uint16_t)port);
	*len = sizeof(*a4);
	return inet_pton(AF_INET, host, &a4->sin_addr) == 1 ? 0 : -EINVAL;
}

static int loopback(const char *text, struct sockaddr_storage *a, socklen_t *len, char *err, size_t errlen)
{
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)a;
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)a;
	bool own;

	if (parse(text, a, len)) {
		snprintf(err, errlen, "%s: an address and a port are needed, such as 127.0.0.1:9469 or [::1]:9469",
		         text);
		return -EINVAL;
	}
	own =
	    a->ss_family == AF_INET ? (ntohl(a4->sin_addr.s_addr) >> 24) == 127 : IN6_IS_ADDR_LOOPBACK(&a6->sin6_addr);
	if (!own)
		snprintf(err, errlen, "%s: only loopback addresses: whoever reaches it may read it", text);
	return own ? 0 : -EINVAL;
}

int mb_server_loopback(const char *text, char *err, size_t errlen)
{
	struct sockaddr_storage a;
	socklen_t len;

	return loopback(text, &a, &len, err, errlen);
}

int mb_listen_tcp(const char *address, char *err, size_t errlen)
{
	struct sockaddr_storage a;
	socklen_t len;
	int on = 1, fd, rc = loopback(address, &a, &len, err, errlen);

	if (rc)
		return rc;
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&a, len) || listen(fd, 16))
		return failed(err, errlen, address, fd, errno);
	return fd;
}

int mb_listen_check(int fd, uid_t uid)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len))
		return -EPERM;
	return who.uid == 0 || who.uid == uid ? 0 : -EPERM;
}

static const char run_folder[] = "/run/flowos";

void mb_listen_default(char *buf, size_t len)
{
	const char *own = getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0)
		snprintf(buf, len, "%s/control.sock", run_folder);
	else if (own && *own)
		snprintf(buf, len, "%s/flowos.sock", own);
	else
		snprintf(buf, len, "/tmp/flowos-%u.sock", (unsigned)geteuid());
}

int mb_listen_folder(const char *path)
{
	if (strncmp(path, run_folder, sizeof(run_folder) - 1) != 0 || path[sizeof(run_folder) - 1] != '/')
		return 0;
	return mkdir(run_folder, 0755) && errno != EEXIST ? -errno : 0;
}
