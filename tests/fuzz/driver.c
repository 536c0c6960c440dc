/* SPDX-License-Identifier: BSD-2-Clause
 *
 * driver.c: runs a fuzz target over the files, and the files of the folders, that it is given. It stands in for
 * libFuzzer in builds without it, so that every compiler and sanitizer runs the corpora. Reads those files only.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECONDS_MAX = 20 }; /* an input that takes longer is a finding */

static char now[4096]; /* the input at hand, for who dies of it */
static FILE *out;

static void say_now(int number)
{
	static const char text[] = "\nthe input at hand was ";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) > 0 && write(STDERR_FILENO, now, strlen(now)) > 0 &&
	    write(STDERR_FILENO, "\n", 1) < 0)
		_exit(1);
	signal(number, SIG_DFL);
	raise(number);
}

static int run_file(const char *path)
{
	size_t len;
	uint8_t *bytes = fuzz_file_bytes(path, &len), *exact = fuzz_exact(bytes, len);

	free(bytes);
	snprintf(now, sizeof(now), "%s", path);
	alarm(SECONDS_MAX);
	LLVMFuzzerTestOneInput(exact, len);
	alarm(0);
	free(exact);
	return 1;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int run(const char *path)
{
	struct dirent **entry = NULL;
	struct stat st;
	char name[4096];
	int n, done = 0;

	if (stat(path, &st)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return run_file(path);
	n = scandir(path, &entry, NULL, by_name);
	for (int i = 0; i < n; i++) {
		if (entry[i]->d_name[0] != '.') {
			snprintf(name, sizeof(name), "%s/%s", path, entry[i]->d_name);
			int more = run(name);

			done = more < 0 || done < 0 ? -1 : done + more;
		}
		free(entry[i]);
	}
	free(entry);
	return done;
}

int main(int argc, char **argv)
{
	static const int deadly[] = { SIGABRT, SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL };
	int done = 0, status = 0;

	out = stdout; /* the target may make stdio quiet */
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
		struct sigaction was;

		/* A sanitizer that handles it says more than we could. */
		if (sigaction(deadly[i], NULL, &was) == 0 && was.sa_handler == SIG_DFL)
			signal(deadly[i], say_now);
	}
	for (int i = 1; i < argc; i++) {
		int n = run(argv[i]);

		if (n < 0)
			status = 1;
		else
			done += n;
	}
	fprintf(out, "%d inputs\n", done);
	if (done == 0)
		status = 1;
	return fflush(out) ? 1 : status;
}
