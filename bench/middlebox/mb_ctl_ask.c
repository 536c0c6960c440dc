/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_ctl_ask.c: the client's end of the control socket. See mb_ctl.h.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "mb_ctl.h"
#include "mb_listen.h"

enum { ANSWER_MS = 15000, ANSWER_MAX = 16 << 20 };

int mb_ctl_connect(const char *path, char *err, size_t errlen)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd, rc;

	if (strlen(path) >= sizeof(a.sun_path)) {
		snprintf(err, errlen, "%.64s...: is too long for a socket's name", path);
		return -ENAMETOOLONG;
	}
	memcpy(a.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		rc = -errno;
		snprintf(err, errlen, "%s: %s%s", path, strerror(-rc),
		         rc == -ENOENT || rc == -ECONNREFUSED ? ": no flowos runs there" : "");
	} else {
		rc = mb_listen_check(fd, geteuid());
		if (rc && geteuid() != 0)
			snprintf(err, errlen, "%s: belongs to somebody else", path);
		rc = geteuid() == 0 ? 0 : rc;
	}
	if (rc == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return rc;
}

static int send_line(int fd, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t len = text ? strlen(text) : 0, done = 0;

	if (!text)
		return -ENOMEM;
	text[len++] = '\n'; /* in the place of the NUL: it is sent by its length */
	while (done < len) {
		ssize_t n = send(fd, text + done, len - done, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	free(text);
	return done == len ? 0 : -EPIPE;
}

/* A line, however long, within bounds of time and size. */
static char *read_line(int fd, size_t *len, char *err, size_t errlen)
{
	size_t n = 0, size = 0;
	char *buf = NULL;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t got;

		if (n == size) {
			char *more = size < ANSWER_MAX ? realloc(buf, size ? 2 * size : 65536) : NULL;

			if (!more)
				break;
			buf = more;
			size = size ? 2 * size : 65536;
		}
		if (poll(&p, 1, ANSWER_MS) <= 0) {
			snprintf(err, errlen, "no answer");
			free(buf);
			return NULL;
		}
		got = recv(fd, buf + n, size - n, 0);
		if (got <= 0)
			break;
		n += (size_t)got;
		if (buf[n - 1] == '\n') {
			*len = n - 1;
			return buf;
		}
	}
	snprintf(err, errlen, "the answer broke off");
	free(buf);
	return NULL;
}

json_t *mb_ctl_ask(int fd, const json_t *request, bool *refused, char *err, size_t errlen)
{
	size_t len = 0;
	char *line;
	json_t *answer, *result;

	*refused = false;
	(void)send_line(fd, request); /* where that fails, it may have answered before it closed */
	line = read_line(fd, &len, err, errlen);
	if (!line)
		return NULL;
	answer = json_loadb(line, len, 0, NULL);
	free(line);
	result = json_incref(json_object_get(answer, "result"));
	if (!json_is_true(json_object_get(answer, "ok")) || !result) {
		const char *why = json_string_value(json_object_get(answer, "error"));

		*refused = why != NULL;
		snprintf(err, errlen, "%s", why ? why : "the answer makes no sense");
		json_decref(result);
		result = NULL;
	}
	json_decref(answer);
	return result;
}
