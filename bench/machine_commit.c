/* SPDX-License-Identifier: BSD-2-Clause
 *
 * machine_commit.c: HEAD names a commit or a reference, which is a file of its own or a line in packed-refs; `.git` is a
 * folder, or, in a linked working tree, a file that names one, whose `commondir` has the references.
 */
#include "machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first line of DIR/NAME without its line feed. */
static bool read_line(const char *dir, const char *name, char *buf, int len)
{
	char path[4096];
	FILE *f;
	bool got;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		return false;
	f = fopen(path, "re");
	if (!f)
		return false;
	got = fgets(buf, len, f) != NULL;
	fclose(f);
	if (got)
		buf[strcspn(buf, "\r\n")] = '\0';
	return got;
}

/* What is too long becomes empty, which names nothing. */
static void join(char *to, size_t len, const char *dir, const char *name)
{
	int n;

	if (name[0] == '/')
		n = snprintf(to, len, "%s", name);
	else
		n = snprintf(to, len, "%s/%s", dir, name);
	if (n < 0 || (size_t)n >= len)
		to[0] = '\0';
}

static bool packed_ref(const char *common, const char *ref, char *buf, size_t len)
{
	char path[4096], line[1024];
	bool found = false;
	FILE *f;

	join(path, sizeof(path), common, "packed-refs");
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		char *name = strchr(line, ' ');

		line[strcspn(line, "\r\n")] = '\0';
		if (!name || line[0] == '#' || strcmp(name + 1, ref) != 0)
			continue;
		*name = '\0';
		snprintf(buf, len, "%s", line);
		found = true;
	}
	if (f)
		fclose(f);
	return found;
}

static bool is_digest(const char *s)
{
	size_t n = strspn(s, "0123456789abcdef");

	return s[n] == '\0' && (n == 40 || n == 64);
}

int bench_machine_commit(const char *dir, char **out)
{
	char git[2048], common[4096], line[1024], found[1024] = "";

	join(git, sizeof(git), dir, ".git");
	if (read_line(dir, ".git", line, sizeof(line)) && strncmp(line, "gitdir: ", 8) == 0)
		join(git, sizeof(git), dir, line + 8);
	snprintf(common, sizeof(common), "%s", git);
	if (read_line(git, "commondir", line, sizeof(line)))
		join(common, sizeof(common), git, line);
	if (!read_line(git, "HEAD", line, sizeof(line)))
		return 0;
	if (strncmp(line, "ref: ", 5) != 0)
		snprintf(found, sizeof(found), "%s", line);
	else if (!read_line(common, line + 5, found, sizeof(found)))
		packed_ref(common, line + 5, found, sizeof(found));
	return is_digest(found) ? bench_text_set(out, found) : 0;
}
