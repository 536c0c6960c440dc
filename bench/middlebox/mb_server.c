/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_server.c: peers of the control socket and of metrics: what they say, what they get. See mb_server.h. The sockets
 * that they come through are mb_listen.c's.
 */
#include "mb_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mb_clock.h"
#include "mb_listen.h"

enum kind { CONTROL, METRICS, KINDS };

struct peer {
	int fd; /* -1: free */
	enum kind kind;
	char in[MB_REQUEST_MAX];
	size_t in_n;
	char *out;
	size_t out_n, out_at;
	uint64_t last_ms;
	bool last_answer; /* it is closed behind this answer */
	bool eof;         /* it says nothing more */
};

struct mb_server {
	struct mb_box *box;
	int epoll, listen[KINDS];
	char *control;
	uid_t uid;
	struct peer peer[MB_PEERS_MAX];
};

static void drop(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	free(p->out);
	*p = (struct peer){ .fd = -1 };
}

/* epoll's numbers: listeners, then peers. */
static int watch(struct mb_server *s, int op, int fd, unsigned number, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u32 = number };

	return epoll_ctl(s->epoll, op, fd, &ev) ? -errno : 0;
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

static void say(struct peer *p, char *text)
{
	p->out = text;
	p->out_n = text ? strlen(text) : 0;
	p->out_at = 0;
	if (!text)
		p->last_answer = p->eof = true;
}

static void http(struct peer *p, const char *status, const char *more, char *body)
{
	char *text = NULL;

	if (asprintf(&text,
	             "HTTP/1.0 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
	             "Content-Length: %zu\r\n%sConnection: close\r\n\r\n%s",
	             status, strlen(body), more, body) < 0)
		text = NULL;
	p->last_answer = true;
	say(p, text);
}

static void answer_metrics(struct mb_server *s, struct peer *p)
{
	struct mb_stats *st = malloc(sizeof(*st));
	char *body = NULL;

	if (st) {
		mb_box_stats(s->box, st);
		body = mb_stats_metrics(st);
		free(st);
	}
	if (body)
		http(p, "200 OK", "", body);
	else
		http(p, "503 Service Unavailable", "", (char[]){ "no memory\n" });
	free(body);
}

/* A whole request is there, or as much as is ever read. */
static void http_request(struct mb_server *s, struct peer *p, bool whole)
{
	char method[16] = "", path[256] = "";
	int n = sscanf(p->in, "%15[A-Z] %255[^ \r\n] HTTP/1.%*[01]", method, path);

	if (!whole || n < 2 || !strstr(p->in, " HTTP/1."))
		http(p, "400 Bad Request", "", (char[]){ "GET /metrics is answered\n" });
	else if (strcmp(method, "GET") != 0)
		http(p, "405 Method Not Allowed", "Allow: GET\r\n", (char[]){ "GET /metrics is answered\n" });
	else if (strcmp(path, "/metrics") != 0 && strncmp(path, "/metrics?", 9) != 0)
		http(p, "404 Not Found", "", (char[]){ "GET /metrics is answered\n" });
	else
		answer_metrics(s, p);
	p->in_n = 0;
}

/* Takes the next question out of what was read, and answers it. */
static void think(struct mb_server *s, struct peer *p)
{
	char *end;

	if (p->out || p->in_n == 0)
		return;
	if (p->kind == METRICS) {
		p->in[p->in_n < sizeof(p->in) ? p->in_n : sizeof(p->in) - 1] = '\0';
		if (strstr(p->in, "\r\n\r\n") || strstr(p->in, "\n\n"))
			http_request(s, p, true);
		else if (p->in_n >= sizeof(p->in) - 1 || p->eof)
			http_request(s, p, false);
		return;
	}
	end = memchr(p->in, '\n', p->in_n);
	if (end) {
		say(p, mb_answer(s->box, p->in, (size_t)(end - p->in)));
		p->in_n -= (size_t)(end + 1 - p->in);
		memmove(p->in, end + 1, p->in_n);
	} else if (p->in_n == sizeof(p->in)) {
		say(p, strdup("{\"ok\":false,\"error\":\"the question is too long\"}\n"));
		p->last_answer = true;
		p->in_n = 0;
	}
}

/* --- bytes --------------------------------------------------------------------------------------------------------- */

/* Returns false where the peer is gone. */
static bool hear(struct peer *p)
{
	size_t room = sizeof(p->in) - (p->kind == METRICS) - p->in_n;
	ssize_t n;

	if (p->eof || room == 0)
		return true;
	n = recv(p->fd, p->in + p->in_n, room, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		p->eof = true;
	p->in_n += (size_t)n;
	p->last_ms = n ? mb_monotonic_ms() : p->last_ms;
	return true;
}

static bool speak(struct peer *p)
{
	ssize_t n;

	if (!p->out)
		return true;
	n = send(p->fd, p->out + p->out_at, p->out_n - p->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	p->out_at += (size_t)n;
	p->last_ms = mb_monotonic_ms();
	if (p->out_at < p->out_n)
		return true;
	free(p->out);
	p->out = NULL;
	return !p->last_answer;
}

/* One question and its answer at most, so that no peer keeps the others waiting; while it does not take its answer, nothing
 * more is read from it. */
static void serve(struct mb_server *s, unsigned i, uint32_t events)
{
	struct peer *p = &s->peer[i];
	bool alive = true;

	if (p->fd < 0)
		return;
	if (events & EPOLLERR)
		alive = false;
	if (alive && !p->out)
		alive = hear(p);
	if (alive)
		think(s, p);
	if (alive)
		alive = speak(p);
	if (alive && p->eof && !p->out && (p->in_n == 0 || p->kind == METRICS || !memchr(p->in, '\n', p->in_n)))
		alive = false;
	if (!alive) {
		drop(p);
		return;
	}
	bool more = p->kind == CONTROL && !p->out && memchr(p->in, '\n', p->in_n);

	watch(s, EPOLL_CTL_MOD, p->fd, KINDS + i, p->out || more ? EPOLLOUT : EPOLLIN);
}

static void let_in(struct mb_server *s, enum kind kind)
{
	int fd = accept4(s->listen[kind], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	unsigned i = 0;

	if (fd < 0)
		return;
	while (i < MB_PEERS_MAX && s->peer[i].fd >= 0)
		i++;
	if (i == MB_PEERS_MAX || (kind == CONTROL && mb_listen_check(fd, s->uid))) {
		static const char busy[] = "{\"ok\":false,\"error\":\"too many ask at a time\"}\n";
		static const char no[] =
		    "{\"ok\":false,\"error\":\"only root and the user that it runs as may ask\"}\n";

		if (kind == CONTROL)
			(void)!send(fd, i == MB_PEERS_MAX ? busy : no,
			            i == MB_PEERS_MAX ? sizeof(busy) - 1 : sizeof(no) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		close(fd);
		return;
	}
	s->peer[i] = (struct peer){ .fd = fd, .kind = kind, .last_ms = mb_monotonic_ms() };
	if (watch(s, EPOLL_CTL_ADD, fd, KINDS + i, EPOLLIN))
		drop(&s->peer[i]);
}

void mb_server_turn(struct mb_server *s)
{
	struct epoll_event ev[MB_PEERS_MAX + KINDS];
	int n = epoll_wait(s->epoll, ev, MB_PEERS_MAX + KINDS, 0);
	uint64_t now = mb_monotonic_ms();

	for (int i = 0; i < n; i++) {
		if (ev[i].data.u32 < KINDS)
			let_in(s, (enum kind)ev[i].data.u32);
		else
			serve(s, ev[i].data.u32 - KINDS, ev[i].events);
	}
	for (unsigned i = 0; i < MB_PEERS_MAX; i++)
		if (s->peer[i].fd >= 0 && now > s->peer[i].last_ms + MB_PEER_MS)
			drop(&s->peer[i]);
}

/* --- life ---------------------------------------------------------------------------------------------------------- */

int mb_server_metrics(struct mb_server *s, const char *metrics, char *err, size_t errlen)
{
	int fd = -1;

	if (metrics) {
		fd = mb_listen_tcp(metrics, err, errlen);
		if (fd < 0)
			return fd;
		watch(s, EPOLL_CTL_ADD, fd, METRICS, EPOLLIN);
	}
	if (s->listen[METRICS] >= 0)
		close(s->listen[METRICS]);
	s->listen[METRICS] = fd;
	return 0;
}

int mb_server_make(struct mb_server **out, struct mb_box *b, const char *control, const char *metrics, char *err,
                   size_t errlen)
{
	struct mb_server *s = calloc(1, sizeof(*s));
	int rc = 0;

	*out = s;
	if (!s) {
		snprintf(err, errlen, "no memory");
		return -ENOMEM;
	}
	s->box = b;
	s->uid = geteuid();
	for (unsigned i = 0; i < MB_PEERS_MAX; i++)
		s->peer[i].fd = -1;
	s->listen[CONTROL] = s->listen[METRICS] = -1;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (control) {
		s->listen[CONTROL] = mb_listen_unix(control, err, errlen);
		rc = s->listen[CONTROL] < 0 ? s->listen[CONTROL] : 0;
		s->control = rc ? NULL : strdup(control);
		if (rc == 0)
			rc = watch(s, EPOLL_CTL_ADD, s->listen[CONTROL], CONTROL, EPOLLIN);
	}
	return rc ? rc : mb_server_metrics(s, metrics, err, errlen);
}

int mb_server_give(struct mb_server *s, uid_t uid, gid_t gid)
{
	s->uid = uid;
	return s->control && chown(s->control, uid, gid) ? -errno : 0;
}

int mb_server_fd(const struct mb_server *s)
{
	return s->epoll;
}

void mb_server_free(struct mb_server *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < MB_PEERS_MAX; i++)
		drop(&s->peer[i]);
	for (unsigned i = 0; i < KINDS; i++)
		if (s->listen[i] >= 0)
			close(s->listen[i]);
	if (s->control)
		unlink(s->control);
	if (s->epoll >= 0)
		close(s->epoll);
	free(s->control);
	free(s);
}
