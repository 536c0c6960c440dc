/* SPDX-License-Identifier: BSD-2-Clause
 *
 * plot_gnuplot.c: script, picture and complaints are three files in memory, so that nothing can wait for a full pipe.
 */
#include "plot_gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Starts it with these as standard input, output and error. */
static int start(const int fd[3], pid_t *pid)
{
	static char name[] = "gnuplot", plain[] = "--default-settings";
	char *const argv[] = { name, plain, NULL };
	posix_spawn_file_actions_t actions;
	int rc = -posix_spawn_file_actions_init(&actions);

	if (rc)
		return rc;
	for (int i = 0; i < 3 && rc == 0; i++)
		rc = -posix_spawn_file_actions_adddup2(&actions, fd[i], i);
	if (rc == 0)
		rc = -posix_spawnp(pid, name, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

static int read_all(int fd, char **data, size_t *len)
{
	struct stat st;
	size_t at = 0;

	if (fstat(fd, &st))
		return -errno;
	*len = (size_t)st.st_size;
	*data = malloc(*len + 1);
	if (!*data)
		return -ENOMEM;
	while (at < *len) {
		ssize_t n = pread(fd, *data + at, *len - at, (off_t)at);

		if (n <= 0 && !(n < 0 && errno == EINTR)) {
			free(*data);
			return n < 0 ? -errno : -EIO;
		}
		at += n > 0 ? (size_t)n : 0;
	}
	(*data)[*len] = '\0';
	return 0;
}

/* gnuplot shows the line, a caret and then what is wrong with it: the last line that is not empty says it. */
static void complaint(int fd, char *err, size_t errlen)
{
	char *text, *save = NULL, *line, *last = NULL;
	size_t len;

	snprintf(err, errlen, "gnuplot failed");
	if (read_all(fd, &text, &len))
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (line[strspn(line, " \t^")])
			last = line;
	}
	if (last)
		snprintf(err, errlen, "gnuplot failed: %s", last + strspn(last, " \t"));
	free(text);
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

int bench_gnuplot_run(const char *script, size_t script_len, char **data, size_t *len, char *err, size_t errlen)
{
	int fd[3] = { -1, -1, -1 }, rc = 0;
	pid_t pid;

	for (int i = 0; i < 3 && rc == 0; i++) {
		fd[i] = memfd_create("flowos-plot", MFD_CLOEXEC);
		rc = fd[i] < 0 ? -errno : 0;
	}
	if (rc == 0)
		rc = write_all(fd[0], script, script_len);
	if (rc == 0)
		rc = start(fd, &pid);
	if (rc) {
		if (rc == -ENOENT)
			snprintf(
			    err, errlen,
			    "gnuplot is not installed, no plot is drawn (Debian, Ubuntu: apt install gnuplot-nox)");
		else
			snprintf(err, errlen, "cannot start gnuplot: %s", strerror(-rc));
		goto out;
	}
	rc = wait_for(pid);
	if (rc == 0)
		rc = read_all(fd[1], data, len);
	if (rc == 0 && *len == 0) {
		free(*data);
		rc = -EIO;
	}
	if (rc)
		complaint(fd[2], err, errlen);
out:
	for (int i = 0; i < 3; i++) {
		if (fd[i] >= 0)
			close(fd[i]);
	}
	return rc;
}
