/* SPDX-License-Identifier: BSD-2-Clause
 *
 * module_load.c: finds a module's shared object and checks that it is one.
 */
#include <flowos/module_load.h>

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool in_folder(char *path, size_t len, const char *dir, size_t dirlen, const char *name)
{
	int n = snprintf(path, len, "%.*s/%s.so", (int)dirlen, dir, name);

	return n > 0 && (size_t)n < len && access(path, R_OK) == 0;
}

static bool find(const char *name, char *path, size_t len)
{
	const char *env = getenv("FLOWOS_MODULE_PATH");
	char exe[PATH_MAX + 32];

	for (const char *p = env ? env : ""; *p;) {
		size_t n = strcspn(p, ":");

		if (n && in_folder(path, len, p, n, name))
			return true;
		p += n;
		if (*p == ':')
			p++;
	}
	ssize_t n = readlink("/proc/self/exe", exe, PATH_MAX);

	if (n > 0) {
		exe[n] = '\0';
		char *slash = strrchr(exe, '/');

		if (slash) {
			strcpy(slash, "/../lib/flowos");
			if (in_folder(path, len, exe, strlen(exe), name))
				return true;
		}
	}
	return in_folder(path, len, FLOWOS_MODULE_DIR, strlen(FLOWOS_MODULE_DIR), name);
}

static bool is_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return n > 0 && n < 64 && name[n] == '\0';
}

/* A module that was compiled when the struct was shorter, as it would be now: what it does not have is NULL. */
struct widened {
	struct widened *next;
	const struct fos_module *from;
	struct fos_module to;
};

static const struct fos_module *widen(const struct fos_module *m)
{
	static struct widened *all; /* modules stay loaded */
	struct widened *w = all;

	while (w && w->from != m)
		w = w->next;
	if (w)
		return &w->to;
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	memcpy(&w->to, m, m->size);
	w->to.size = sizeof(w->to);
	w->from = m;
	w->next = all;
	all = w;
	return &w->to;
}

int fos_module_load(const char *name, const struct fos_module **m, char *err, size_t errlen)
{
	char path[PATH_MAX];

	*m = NULL;
	if (!is_name(name) || !find(name, path, sizeof(path))) {
		snprintf(err, errlen,
		         "no module \"%s\" (looked for %s.so in FLOWOS_MODULE_PATH, beside the program and in %s)",
		         name, name, FLOWOS_MODULE_DIR);
		return -ENOENT;
	}
	void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!so) {
		snprintf(err, errlen, "module %s: %s", name, dlerror());
		return -EINVAL;
	}
	const struct fos_module *found = dlsym(so, "fos_module");

	if (!found || found->abi != FOS_MODULE_ABI || found->size < FOS_MODULE_SIZE_MIN ||
	    found->size > sizeof(struct fos_module) || !found->open) {
		snprintf(err, errlen, "%s: %s", path,
		         found ? "made for another version of the module interface" : "not a module");
		dlclose(so);
		return -EINVAL;
	}
	*m = found->size == sizeof(struct fos_module) ? found : widen(found);
	return *m ? 0 : -ENOMEM;
}
