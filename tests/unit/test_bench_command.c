/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_command.c: commands of others that end as they should, die, hang, write too much or nothing, or leave
 * processes and files behind.
 */
#include "command.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static struct bench_command_result run(const char *line, uint64_t limit_ns, size_t most)
{
	struct bench_command c = { .line = line, .limit_ns = limit_ns, .most = most };
	struct bench_command_result r;

	assert_int_equal(bench_command_run(&c, &r), 0);
	assert_non_null(r.out);
	assert_int_equal(r.out[r.len], '\0');
	return r;
}

static bool alive(const char *pid)
{
	return kill((pid_t)atol(pid), 0) == 0 || errno != ESRCH;
}

static void gone_soon(const char *pid)
{
	const struct timespec tick = { .tv_nsec = 10000000 };

	assert_true(atol(pid) > 1);
	for (int i = 0; i < 3000 && alive(pid); i++)
		nanosleep(&tick, NULL);
	assert_false(alive(pid));
}

static void test_output(void **state)
{
	struct bench_command_result r = run("printf 'a\\nb'; echo first >&2; printf 'last\\001one \\n\\n' >&2", 0, 0);

	(void)state;
	assert_string_equal(r.out, "a\nb");
	assert_string_equal(r.last, "last one");
	assert_true(WIFEXITED(r.status) && WEXITSTATUS(r.status) == 0);
	assert_int_equal(bench_command_signal(&r), 0);
	free(r.out);
	r = run("cat; exit 3", 0, 0); /* standard input is empty */
	assert_int_equal(r.len, 0);
	assert_int_equal(WEXITSTATUS(r.status), 3);
	assert_int_equal(bench_command_signal(&r), 0);
	free(r.out);
}

static void test_environment(void **state)
{
	const char *const vars[] = { "FLOWOS_SEED=7", "HOME=/nowhere in particular", NULL };
	struct bench_command c = { .line = "env | grep -c ^HOME=; echo \"$FLOWOS_SEED $HOME\"", .vars = vars };
	struct bench_command_result r;

	(void)state;
	setenv("HOME", "/root", 1);
	assert_int_equal(bench_command_run(&c, &r), 0);
	assert_string_equal(r.out, "1\n7 /nowhere in particular\n");
	free(r.out);
}

static void test_much(void **state)
{
	struct bench_command_result r = run("head -c 20000000 /dev/zero; head -c 100000 /dev/zero >&2", 0, 0);

	(void)state;
	assert_int_equal(r.len, 20000000);
	assert_false(r.too_much);
	free(r.out);
	r = run("cat /dev/zero", 60000 * MS, 1000000);
	assert_true(r.too_much);
	assert_true(r.len > 1000000 && r.len < 2000000);
	free(r.out);
}

static void test_signals(void **state)
{
	struct bench_command_result r = run("echo before; kill -SEGV $$", 0, 0);

	(void)state;
	assert_int_equal(bench_command_signal(&r), SIGSEGV);
	assert_string_equal(r.out, "before\n");
	free(r.out);
	r = run("sh -c 'kill -ABRT $$'; exit $?", 0, 0); /* as a shell passes it on */
	assert_true(WIFEXITED(r.status));
	assert_int_equal(bench_command_signal(&r), SIGABRT);
	free(r.out);
	r = run("no-such-command-as-this", 0, 0);
	assert_int_equal(WEXITSTATUS(r.status), 127);
	assert_int_equal(bench_command_signal(&r), 0);
	assert_non_null(strstr(r.last, "not found"));
	free(r.out);
	r = run("kill -PIPE $$; echo not reached", 0, 0); /* which this process may ignore */
	assert_int_equal(bench_command_signal(&r), SIGPIPE);
	free(r.out);
}

static void test_time(void **state)
{
	struct bench_command_result r;
	uint64_t limit = 200 * MS; /* in which a shell has to start */

	(void)state;
	r = run("echo $$; echo stuck >&2; sleep 1000 & sleep 1000", limit, 0);
	for (; limit < 20000 * MS && !*r.last; limit *= 4) {
		free(r.out);
		r = run("echo $$; echo stuck >&2; sleep 1000 & sleep 1000", limit * 4, 0);
	}
	assert_true(r.timed_out);
	assert_string_equal(r.last, "stuck");
	gone_soon(r.out);
	free(r.out);
	r = run("exec 1>&- 2>&-; sleep 1000", 200 * MS, 0); /* says nothing more, and goes on */
	assert_true(r.timed_out);
	free(r.out);
}

/* What is left holds the pipe open: it is not waited for, and killed. */
static void test_left_behind(void **state)
{
	struct bench_command_result r = run("sleep 1000 & echo $!", 30000 * MS, 0);

	(void)state;
	assert_false(r.timed_out);
	assert_true(WIFEXITED(r.status) && WEXITSTATUS(r.status) == 0);
	gone_soon(r.out);
	free(r.out);
}

static void test_words(void **state)
{
	static const char *const word[] = { "plain/x.pcap",           "two words", "it's", "",
		                            "$HOME `id` \"x\" \\ {}", "a\nb",      "''" };

	(void)state;
	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		struct bench_command_result r;
		char *line = NULL;
		size_t len;
		FILE *f = open_memstream(&line, &len);

		fputs("printf %s ", f);
		bench_shell_word(f, word[i]);
		fclose(f);
		r = run(line, 0, 0);
		assert_string_equal(r.out, word[i]);
		free(r.out);
		free(line);
	}
}

static void test_scratch(void **state)
{
	char dir[PATH_MAX], other[PATH_MAX], line[PATH_MAX + 100];
	struct bench_command_result r;
	struct stat st;

	(void)state;
	assert_int_equal(bench_scratch_make(dir), 0);
	assert_int_equal(bench_scratch_make(other), -EBUSY);
	snprintf(line, sizeof(line), "cd %s && mkdir -p a/b && echo x >a/b/c && ln -s / root && chmod 500 a/b", dir);
	r = run(line, 0, 0);
	assert_int_equal(r.status, 0);
	free(r.out);
	bench_scratch_remove();
	if (getuid() == 0) /* others cannot remove what is in a/b */
		assert_int_equal(lstat(dir, &st), -1);
	assert_int_equal(stat("/", &st), 0);
	bench_scratch_remove();
	setenv("TMPDIR", "/no/such/folder", 1);
	assert_int_equal(bench_scratch_make(dir), -ENOENT);
	unsetenv("TMPDIR");
}

/* As a program does that is ended by a signal. */
static void by_signal(int number)
{
	bench_command_cleanup();
	signal(number, SIG_DFL);
	raise(number);
}

static void test_interrupted(void **state)
{
	char dir[PATH_MAX], pid[32];
	int fd[2], status;
	struct stat st;
	pid_t child;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	child = fork();
	if (child == 0) {
		struct bench_command c = { .line = "echo $$ >&9; exec 9>&-; sleep 1000" };
		struct bench_command_result r;

		dup2(fd[1], 9);
		close(fd[0]);
		close(fd[1]);
		signal(SIGTERM, by_signal);
		if (bench_scratch_make(dir) || write(9, dir, sizeof(dir)) != sizeof(dir))
			_exit(1);
		bench_command_run(&c, &r);
		_exit(2);
	}
	close(fd[1]);
	assert_int_equal(read(fd[0], dir, sizeof(dir)), sizeof(dir));
	n = read(fd[0], pid, sizeof(pid) - 1);
	assert_true(n > 1);
	pid[n] = '\0';
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(kill(child, SIGTERM), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	assert_int_equal(stat(dir, &st), -1);
	gone_soon(pid);
	close(fd[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output),  cmocka_unit_test(test_environment), cmocka_unit_test(test_much),
		cmocka_unit_test(test_signals), cmocka_unit_test(test_time),        cmocka_unit_test(test_left_behind),
		cmocka_unit_test(test_words),   cmocka_unit_test(test_scratch),     cmocka_unit_test(test_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
