/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mb_server.c: who asks, in pieces, too much, too slowly, or with no sense: nobody keeps the others waiting. The
 * clients are the test's own sockets.
 */
#include "mb_box_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mb_listen.h"
#include "mb_server.h"

static struct box_fixture *fixture;
static struct mb_server *server;
static char folder[] = "/tmp/flowos-server-XXXXXX", path[64];
static uint16_t http_port;

/* A port that is free now. */
static uint16_t free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static int setup(void **state)
{
	char err[256] = "", metrics[64];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	http_port = free_port();
	snprintf(metrics, sizeof(metrics), "127.0.0.1:%u", http_port);
	fixture = box_open(FLOWOS_TRACES "/mixed.pcap", 20);
	if (mb_server_make(&server, &fixture->box, path, metrics, err, sizeof(err)))
		fail_msg("%s", err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mb_server_free(server);
	box_close(fixture);
	assert_int_equal(access(path, F_OK), -1);
	return rmdir(folder);
}

static int client(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memcpy(a.sun_path, path, strlen(path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	mb_server_turn(server);
	return fd;
}

static int browser(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		                 .sin_port = htons(http_port),
		                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void turns(unsigned n)
{
	while (n--)
		mb_server_turn(server);
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	turns(3);
}

/* What has come; "" nothing, NULL: it was closed. */
static const char *heard(int fd)
{
	static char buf[1 << 20];
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	if (n <= 0)
		return n == 0 || errno != EAGAIN ? NULL : "";
	buf[n] = '\0';
	return buf;
}

/* What comes by TCP: the kernel may be late with it, where others have much to send. */
static const char *answer(int fd)
{
	const char *text = heard(fd);

	for (int i = 0; i < 2000 && text && !*text; i++) {
		usleep(10000);
		turns(5);
		text = heard(fd);
	}
	return text;
}

static void test_control(void **state)
{
	int fd = client();
	struct stat st;
	const char *text;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	say(fd, "{\"command\":");
	assert_string_equal(heard(fd), "");
	say(fd, "\"version\"}\n");
	assert_non_null(strstr(heard(fd), "{\"ok\":true"));
	say(fd, "{\"command\":\"version\"}\n{\"command\":\"help\"}\nnonsense\n{\"comm");
	turns(10);
	text = heard(fd);
	assert_non_null(strstr(text, "\"command\":\"version\""));
	assert_non_null(strstr(text, "\"command\":\"help\""));
	assert_non_null(strstr(text, "\"ok\":false"));
	close(fd);
	turns(3);
}

/* A line without an end is answered once, and that was it. */
static void test_too_long(void **state)
{
	char junk[MB_REQUEST_MAX + 1];
	int fd = client();

	(void)state;
	memset(junk, 'x', sizeof(junk));
	junk[MB_REQUEST_MAX] = '\0';
	say(fd, junk);
	turns(5);
	assert_non_null(strstr(heard(fd), "too long"));
	assert_null(heard(fd));
	close(fd);
}

/* Who asks and asks and takes no answer is asked no more itself, and the others are served. */
static void test_takes_nothing(void **state)
{
	static const char question[] = "{\"command\":\"sessions\",\"max\":1000}\n";
	int bad = client(), good;
	size_t sent = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		ssize_t n = send(bad, question, sizeof(question) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);

		sent += n > 0 ? (size_t)n : 0;
		mb_server_turn(server);
	}
	assert_true(sent < (size_t)4 << 20); /* the kernel's buffers, no more */
	good = client();
	say(good, "{\"command\":\"version\"}\n");
	assert_non_null(strstr(heard(good), "{\"ok\":true"));
	close(bad);
	close(good);
	turns(3);
}

static void test_too_many(void **state)
{
	int fd[MB_PEERS_MAX + 1];

	(void)state;
	for (int i = 0; i <= MB_PEERS_MAX; i++)
		fd[i] = client();
	turns(MB_PEERS_MAX);
	assert_non_null(strstr(heard(fd[MB_PEERS_MAX]), "too many"));
	assert_null(heard(fd[MB_PEERS_MAX]));
	close(fd[0]);
	turns(3);
	close(fd[MB_PEERS_MAX]);
	fd[0] = client();
	say(fd[0], "{\"command\":\"version\"}\n");
	assert_non_null(strstr(heard(fd[0]), "{\"ok\":true"));
	for (int i = 0; i < MB_PEERS_MAX; i++)
		close(fd[i]);
	turns(5);
}

static void http(const char *request, const char *status)
{
	int fd = browser();
	const char *text;

	turns(2);
	say(fd, request);
	turns(5);
	text = answer(fd);
	assert_non_null(text);
	if (strncmp(text, status, strlen(status)) != 0)
		fail_msg("%.40s: %.60s", request, text);
	assert_non_null(strstr(text, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	close(fd);
	turns(2);
}

static void test_metrics(void **state)
{
	char junk[MB_HTTP_MAX + 1];
	int fd;

	(void)state;
	http("GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n");
	http("GET /metrics?x=y HTTP/1.1\r\nHost: here\r\n\r\n", "HTTP/1.0 200 OK\r\n");
	http("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 404 ");
	http("POST /metrics HTTP/1.0\r\n\r\n", "HTTP/1.0 405 ");
	http("hello\r\n\r\n", "HTTP/1.0 400 ");
	http("GET /metrics\r\n\r\n", "HTTP/1.0 400 ");
	memset(junk, 'x', sizeof(junk));
	junk[MB_HTTP_MAX - 1] = '\0';
	http(junk, "HTTP/1.0 400 ");
	fd = browser(); /* goes before it has asked */
	turns(2);
	close(fd);
	turns(2);
	http("GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n");
}

/* Every line of the page is a comment or a sample, and each sample's name has its type before it. */
static void test_exposition(void **state)
{
	struct mb_stats st;
	char *page, *save = NULL, type[128] = "";
	unsigned samples = 0;

	(void)state;
	mb_box_stats(&fixture->box, &st);
	snprintf(st.link[0].name, sizeof(st.link[0].name), "a\"b\\c\nd");
	page = mb_stats_metrics(&st);
	assert_non_null(strstr(page, "{port=\"a\\\"b\\\\c\\nd\"}"));
	for (char *line = strtok_r(page, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char name[128];
		double value;

		if (sscanf(line, "# TYPE %127s", type) == 1 || strncmp(line, "# HELP flowos_", 14) == 0)
			continue;
		assert_int_equal(sscanf(line, "%127[a-z0-9_]", name), 1);
		assert_string_equal(name, type);
		assert_int_equal(sscanf(strrchr(line, ' '), " %lf", &value), 1);
		samples++;
	}
	assert_true(samples > 40);
	free(page);
}

static void test_addresses(void **state)
{
	static const char *const good[] = { "127.0.0.1:1", "127.255.0.9:65535", "[::1]:80" };
	static const char *const bad[] = {
		"",           "127.0.0.1", "127.0.0.1:", "127.0.0.1:0",  "127.0.0.1:65536", "1.2.3.4:5",
		"0.0.0.0:80", "[::]:80",   "::1:80",     "127.0.0.1:5x", "localhost:80"
	};
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(mb_server_loopback(good[i], err, sizeof(err)), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(mb_server_loopback(bad[i], err, sizeof(err)), 0);
}

/* One that is in use is left alone, one that was left behind is taken over, what is no socket stays. */
static void test_who_has_it(void **state)
{
	char err[256], other[80];
	FILE *f;
	int fd;

	(void)state;
	assert_int_equal(mb_listen_unix(path, err, sizeof(err)), -EADDRINUSE);
	snprintf(other, sizeof(other), "%s/o", folder);
	fd = mb_listen_unix(other, err, sizeof(err));
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(access(other, F_OK), 0);
	fd = mb_listen_unix(other, err, sizeof(err));
	assert_true(fd >= 0);
	close(fd);
	unlink(other);
	f = fopen(other, "w");
	fclose(f);
	assert_int_equal(mb_listen_unix(other, err, sizeof(err)), -EEXIST);
	unlink(other);
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(mb_listen_check(pair[0], geteuid()), 0);
	assert_int_equal(mb_listen_check(pair[0], geteuid() + 1), geteuid() ? -EPERM : 0);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control),       cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_takes_nothing), cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_metrics),       cmocka_unit_test(test_exposition),
		cmocka_unit_test(test_addresses),     cmocka_unit_test(test_who_has_it),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
