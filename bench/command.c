/* SPDX-License-Identifier: BSD-2-Clause
 *
 * command.c: see command.h. Starts processes; removes its own folder and nothing else.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { LATE_NS = 1000000000, TICK_MS = 50 };

/* For the signal handler. */
static volatile pid_t running;
static char scratch[PATH_MAX];

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void bench_shell_word(FILE *f, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,=+@%";

	if (*text && strspn(text, plain) == strlen(text)) {
		fputs(text, f);
		return;
	}
	fputc('\'', f);
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", f);
		else
			fputc(*text, f);
	}
	fputc('\'', f);
}

int bench_scratch_make(char dir[PATH_MAX])
{
	const char *tmp = getenv("TMPDIR");
	char path[PATH_MAX];

	if (scratch[0])
		return -EBUSY;
	if (snprintf(path, sizeof(path), "%s/flowos-engine-XXXXXX", tmp && *tmp ? tmp : "/tmp") >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (!mkdtemp(path))
		return -errno;
	memcpy(scratch, path, sizeof(path));
	memcpy(dir, path, sizeof(path));
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

void bench_scratch_remove(void)
{
	if (scratch[0])
		nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	scratch[0] = '\0';
}

void bench_command_cleanup(void)
{
	pid_t pid = running;
	int status;

	if (pid > 0)
		kill(-pid, SIGKILL);
	if (!scratch[0])
		return;
	pid = fork();
	if (pid == 0) {
		execl("/bin/rm", "rm", "-rf", "--", scratch, (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

/* The environment with `vars`; the array is the caller's to free, its words are not. */
static char **make_env(const char *const *vars)
{
	size_t n = 0, more = 0, used = 0;
	char **env;

	while (environ && environ[n])
		n++;
	while (vars && vars[more])
		more++;
	env = calloc(n + more + 1, sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		bool replaced = false;

		for (size_t k = 0; k < more; k++) {
			size_t name = strcspn(vars[k], "=") + 1;

			replaced = replaced || strncmp(environ[i], vars[k], name) == 0;
		}
		if (!replaced)
			env[used++] = environ[i];
	}
	for (size_t k = 0; k < more; k++)
		env[used++] = (char *)vars[k];
	return env;
}

/* A pipe that is read without waiting, and is closed in what is started. */
static int make_pipe(int fd[2])
{
	if (pipe2(fd, O_CLOEXEC))
		return -errno;
	if (fcntl(fd[0], F_SETFL, O_NONBLOCK) < 0) {
		int rc = -errno;

		close(fd[0]);
		close(fd[1]);
		return rc;
	}
	return 0;
}

static int start(const struct bench_command *c, int out, int err, pid_t *pid)
{
	const char *argv[] = { "sh", "-c", c->line, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t normal, none;
	char **env = make_env(c->vars);
	int rc;

	if (!env)
		return -ENOMEM;
	sigemptyset(&none);
	sigemptyset(&normal);
	sigaddset(&normal, SIGPIPE);
	sigaddset(&normal, SIGXFSZ);
	sigaddset(&normal, SIGINT);
	sigaddset(&normal, SIGTERM);
	sigaddset(&normal, SIGHUP);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigdefault(&attr, &normal);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_adddup2(&actions, err, 2);
	rc = -posix_spawn(pid, "/bin/sh", &actions, &attr, (char *const *)argv, env);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	free(env);
	return rc;
}

/* Signals wait until `running` is known to their handler. */
static int start_unseen(const struct bench_command *c, int out, int err, pid_t *pid)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	rc = start(c, out, err, pid);
	if (rc == 0)
		running = *pid;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/* The end of what came on standard error. */
struct tail {
	char text[512];
	size_t len;
};

static void tail_add(struct tail *t, const char *text, size_t n)
{
	if (n > sizeof(t->text)) {
		text += n - sizeof(t->text);
		n = sizeof(t->text);
	}
	if (t->len + n > sizeof(t->text)) {
		size_t gone = t->len + n - sizeof(t->text);

		memmove(t->text, t->text + gone, t->len - gone);
		t->len -= gone;
	}
	memcpy(t->text + t->len, text, n);
	t->len += n;
}

static void tail_line(struct tail *t, char *buf, size_t len)
{
	size_t end = t->len, at;

	while (end && (t->text[end - 1] == '\n' || t->text[end - 1] == '\r' || t->text[end - 1] == ' '))
		end--;
	for (at = end; at && t->text[at - 1] != '\n'; at--)
		;
	snprintf(buf, len, "%.*s", (int)(end - at), t->text + at);
	for (char *p = buf; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = ' ';
}

struct reading {
	const struct bench_command *c;
	struct bench_command_result *r;
	struct tail tail;
	size_t room;
	struct pollfd fd[2]; /* standard output, standard error; -1: it has ended */
};

/* Reads what is there from one of them; 0 or -ENOMEM. */
static int take(struct reading *s, int which)
{
	char text[16384];
	ssize_t n = read(s->fd[which].fd, text, sizeof(text));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		s->fd[which].fd = -1;
		return 0;
	}
	if (which == 1) {
		tail_add(&s->tail, text, (size_t)n);
		return 0;
	}
	if (s->r->len + (size_t)n + 1 > s->room) {
		size_t room = (s->room + (size_t)n) * 2;
		char *p = realloc(s->r->out, room);

		if (!p)
			return -ENOMEM;
		s->r->out = p;
		s->room = room;
	}
	memcpy(s->r->out + s->r->len, text, (size_t)n);
	s->r->len += (size_t)n;
	s->r->too_much = s->c->most && s->r->len > s->c->most;
	return 0;
}

/* Reads until both have ended, the command has ended and left its output to another process, or it is to be ended. */
static int read_all(struct reading *s, pid_t pid, bool *reaped)
{
	uint64_t begin = now_ns(), ended = 0;

	while (s->fd[0].fd >= 0 || s->fd[1].fd >= 0) {
		uint64_t now;
		int rc = 0;

		if (poll(s->fd, 2, TICK_MS) < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; rc == 0 && i < 2; i++)
			if (s->fd[i].fd >= 0 && s->fd[i].revents)
				rc = take(s, i);
		if (rc || s->r->too_much)
			return rc;
		now = now_ns();
		if (!*reaped && waitpid(pid, &s->r->status, WNOHANG) == pid) {
			*reaped = true;
			ended = now;
		}
		if (*reaped && now - ended > LATE_NS)
			return 0;
		s->r->timed_out = !*reaped && s->c->limit_ns && now - begin > s->c->limit_ns;
		if (s->r->timed_out)
			return 0;
	}
	/* It closed both, and may go on. */
	while (!*reaped && !s->r->timed_out) {
		struct timespec tick = { .tv_nsec = 1000000 };

		*reaped = waitpid(pid, &s->r->status, WNOHANG) == pid;
		if (!*reaped)
			nanosleep(&tick, NULL);
		s->r->timed_out = !*reaped && s->c->limit_ns && now_ns() - begin > s->c->limit_ns;
	}
	return 0;
}

int bench_command_run(const struct bench_command *c, struct bench_command_result *r)
{
	struct reading s = { .c = c, .r = r, .room = 4096 };
	int out[2], err[2], rc;
	bool reaped = false;
	pid_t pid;

	memset(r, 0, sizeof(*r));
	r->out = malloc(s.room);
	if (!r->out)
		return -ENOMEM;
	rc = make_pipe(out);
	if (rc)
		goto free_out;
	rc = make_pipe(err);
	if (rc)
		goto close_out;
	rc = start_unseen(c, out[1], err[1], &pid);
	close(out[1]);
	close(err[1]);
	out[1] = err[1] = -1;
	if (rc)
		goto close_err;
	s.fd[0] = (struct pollfd){ .fd = out[0], .events = POLLIN };
	s.fd[1] = (struct pollfd){ .fd = err[0], .events = POLLIN };
	rc = read_all(&s, pid, &reaped);
	kill(-pid, SIGKILL); /* what is left of the group */
	while (!reaped && waitpid(pid, &r->status, 0) < 0 && errno == EINTR)
		;
	running = 0;
	r->out[r->len] = '\0';
	tail_line(&s.tail, r->last, sizeof(r->last));
close_err:
	close(err[0]);
	if (err[1] >= 0)
		close(err[1]);
close_out:
	close(out[0]);
	if (out[1] >= 0)
		close(out[1]);
free_out:
	if (rc) {
		free(r->out);
		r->out = NULL;
	}
	return rc;
}

int bench_command_signal(const struct bench_command_result *r)
{
	if (WIFSIGNALED(r->status))
		return WTERMSIG(r->status);
	if (WIFEXITED(r->status) && WEXITSTATUS(r->status) > 128 && WEXITSTATUS(r->status) <= 128 + 64)
		return WEXITSTATUS(r->status) - 128;
	return 0;
}
