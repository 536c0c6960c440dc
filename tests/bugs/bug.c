/* SPDX-License-Identifier: BSD-2-Clause
 *
 * bug.c: which bug is on: the one that FLOWOS_BUG names. FLOWOS_BUG=list prints all and ends the program. Linked with the engine that
 * was compiled with its bugs, and with nothing else.
 */
#include "bug.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum fos__bug fos__bug_on;

#define NAME(name, text, what) [FOS__BUG_##name] = { text, what },
static const struct {
	const char *name, *what;
} bugs[FOS__BUGS] = { FOS_BUGS(NAME) };

__attribute__((constructor)) static void choose(void)
{
	const char *name = getenv("FLOWOS_BUG");

	if (!name || !*name)
		return;
	for (int i = 1; i < FOS__BUGS; i++) {
		if (strcmp(name, bugs[i].name) == 0)
			fos__bug_on = (enum fos__bug)i;
		if (strcmp(name, "list") == 0)
			printf("%s\t%s\n", bugs[i].name, bugs[i].what);
	}
	if (fos__bug_on)
		return;
	if (strcmp(name, "list") != 0)
		fprintf(stderr, "FLOWOS_BUG: there is no bug %s\n", name);
	exit(strcmp(name, "list") == 0 ? 0 : 2);
}
