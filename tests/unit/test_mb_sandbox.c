/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mb_sandbox.c: what a process can still do behind the filter, and what not, tried in children; and what a service manager
 * is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "mb_notify.h"
#include "mb_sandbox.h"

/* Runs `body` in a child, locked in: its result is the child's exit status. */
static int locked_in(int (*body)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct mb_sandbox s = { .uid = (uid_t)-1 };
		char err[256];

		if (mb_sandbox_drop(&s, err, sizeof(err)) || mb_seccomp(err, sizeof(err)))
			_exit(100);
		_exit(body());
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int forbidden(void)
{
	char *const no[] = { NULL };

	if (execve("/bin/true", no, no) == 0 || errno != EPERM)
		return 1;
	if (fork() >= 0)
		return 2;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 || errno != EPERM)
		return 3;
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		return 4;
	if (socket(AF_VSOCK, SOCK_STREAM, 0) >= 0 || errno != EPERM)
		return 5;
	if (chroot("/") == 0 || setuid(0) == 0)
		return 6;
	if (kill(getppid(), 0) == 0)
		return 7;
	return 0;
}

static void *nothing(void *arg)
{
	return arg;
}

static int allowed(void)
{
	char folder[] = "/tmp/flowos-locked-XXXXXX", from[64], to[64];
	pthread_t t;
	FILE *f;

	if (!mkdtemp(folder))
		return 1;
	snprintf(from, sizeof(from), "%s/a", folder);
	snprintf(to, sizeof(to), "%s/b", folder);
	f = fopen(from, "we");
	if (!f || fputs("bytes", f) < 0 || fchmod(fileno(f), 0640) || fclose(f))
		return 2;
	if (rename(from, to) || unlink(to) || rmdir(folder))
		return 3;
	if (pthread_create(&t, NULL, nothing, NULL) || pthread_join(t, NULL))
		return 4;
	for (size_t i = 0; i < 3; i++) {
		int fd = socket(((int[]){ AF_UNIX, AF_INET, AF_INET6 })[i], SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0)
			return 5;
		close(fd);
	}
	void *p = malloc((size_t)32 << 20);

	if (!p)
		return 6;
	memset(p, 1, (size_t)32 << 20);
	free(p);
	return 0;
}

static void test_locked_in(void **state)
{
	(void)state;
#if defined(__SANITIZE_THREAD__)
	skip(); /* the sanitizer's own calls are not allowed, and the program does not load the filter with it either */
#endif
	assert_int_equal(locked_in(allowed), 0);
	assert_int_equal(locked_in(forbidden), 0);
}

static int no_capability(void)
{
	unsigned long long effective = 1, permitted = 1;
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, "CapEff: %llx", &effective);
		sscanf(line, "CapPrm: %llx", &permitted);
	}
	if (f)
		fclose(f);
	return effective || permitted;
}

/* A replay needs none. */
static void test_capabilities(void **state)
{
	(void)state;
	assert_int_equal(locked_in(no_capability), 0);
}

static void test_user(void **state)
{
	struct mb_sandbox s = { 0 };
	char err[256];

	(void)state;
	assert_int_equal(mb_sandbox_user(&s, "no-such-user", err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "no-such-user"));
	if (geteuid() == 0) {
		assert_int_equal(mb_sandbox_user(&s, "nobody", err, sizeof(err)), 0);
		assert_int_equal(s.uid, 65534);
	}
}

static void notified(const char *name, size_t len, const char *variable)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char text[64];
	ssize_t n;

	memcpy(a.sun_path, name, len);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)), 0);
	setenv("NOTIFY_SOCKET", variable, 1);
	assert_int_equal(mb_notify("READY=1\nSTATUS=%d", 7), 0);
	n = recv(fd, text, sizeof(text), 0);
	assert_int_equal(n, 16);
	assert_memory_equal(text, "READY=1\nSTATUS=7", 16);
	close(fd);
}

static void test_notify(void **state)
{
	char name[64], variable[64];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(mb_notify("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(mb_notify("READY=1"), -EINVAL);
	setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
	assert_int_equal(mb_notify("READY=1"), -ENOENT);
	snprintf(name, sizeof(name), "/tmp/flowos-notify-%d", getpid());
	notified(name, strlen(name), name);
	unlink(name);
	snprintf(name + 1, sizeof(name) - 1, "flowos-notify-%d", getpid());
	name[0] = '\0';
	snprintf(variable, sizeof(variable), "@%s", name + 1);
	notified(name, 1 + strlen(name + 1), variable);
	unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_locked_in),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_notify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
