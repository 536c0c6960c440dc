/* SPDX-License-Identifier: BSD-2-Clause
 *
 * libtrace_load.c: finds libtrace_port.so. libtrace 3 is under the GPL, so nothing else is linked against it.
 *
 * Looked for in the folders of FLOWOS_MODULE_PATH (environment, with colons between), beside the program (../lib/flowos), and where it was
 * built. Once loaded it stays.
 */
#include "libtrace_abi.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OBJECT "libtrace_port.so"

static const struct fos__libtrace_abi *try_folder(const char *folder, char *why, size_t len)
{
	char path[PATH_MAX + sizeof OBJECT + 1];
	const struct fos__libtrace_abi *abi;
	void *so;

	snprintf(path, sizeof path, "%.*s/" OBJECT, PATH_MAX - 1, folder);
	if (access(path, R_OK))
		return NULL;
	so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!so) {
		snprintf(why, len, "%s", dlerror());
		return NULL;
	}
	abi = dlsym(so, FOS__LIBTRACE_SYMBOL);
	if (abi && abi->version == FOS__LIBTRACE_ABI)
		return abi;
	snprintf(why, len, "%.200s is of another version of flowos", path);
	dlclose(so);
	return NULL;
}

/* The folder ../lib/flowos beside the running program. */
static const struct fos__libtrace_abi *try_beside(char *why, size_t len)
{
	char exe[PATH_MAX], folder[PATH_MAX + 32];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	char *slash;

	if (n < 0)
		return NULL;
	exe[n] = 0;
	slash = strrchr(exe, '/');
	if (!slash)
		return NULL;
	*slash = 0;
	snprintf(folder, sizeof folder, "%s/../lib/flowos", exe);
	return try_folder(folder, why, len);
}

static const struct fos__libtrace_abi *try_folders(const char *list, char *why, size_t len)
{
	const struct fos__libtrace_abi *abi = NULL;
	char folder[PATH_MAX];

	for (size_t n; *list && !abi; list += n + (list[n] == ':')) {
		n = strcspn(list, ":");
		if (n == 0 || n >= sizeof folder)
			continue;
		memcpy(folder, list, n);
		folder[n] = 0;
		abi = try_folder(folder, why, len);
	}
	return abi;
}

const struct fos__libtrace_abi *fos__libtrace_load(char *err, size_t errlen)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static const struct fos__libtrace_abi *loaded;
	const char *env = getenv("FLOWOS_MODULE_PATH");
	const struct fos__libtrace_abi *abi;
	char why[256] = OBJECT " was not built or is not installed";

	pthread_mutex_lock(&lock);
	if (!loaded && env)
		loaded = try_folders(env, why, sizeof why);
	if (!loaded)
		loaded = try_beside(why, sizeof why);
	if (!loaded)
		loaded = try_folder(FLOWOS_MODULE_DIR, why, sizeof why);
	abi = loaded;
	pthread_mutex_unlock(&lock);
	if (!abi)
		snprintf(err, errlen, "needs libtrace (Debian: libtrace3; to build: libtrace3-dev): %s", why);
	return abi;
}
