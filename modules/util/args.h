/* SPDX-License-Identifier: BSD-2-Clause
 *
 * args.h: arguments of modules, read and checked. What cannot be understood is refused with one line that names the
 * argument and what it takes.
 *
 * Pure functions, any thread. Return 0 or a negative errno with a line in err.
 */
#ifndef FLOWOS_MODULE_ARGS_H
#define FLOWOS_MODULE_ARGS_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <flowos/module.h>

static inline int mod_no_memory(char *err, size_t errlen)
{
	snprintf(err, errlen, "out of memory");
	return -ENOMEM;
}

/* `key=yes|no`. */
static inline int mod_arg_bool(const struct fos_module_args *a, const char *key, bool missing, bool *out, char *err,
                               size_t errlen)
{
	const char *v = fos_module_arg(a, key, missing ? "yes" : "no");

	*out = strcmp(v, "yes") == 0;
	if (*out || strcmp(v, "no") == 0)
		return 0;
	snprintf(err, errlen, "%s=%s: takes yes or no", key, v);
	return -EINVAL;
}

/* A number in [from, to], digits only, with k, M or G (powers of 1000) behind it if wanted. */
static inline int mod_arg_u64(const struct fos_module_args *a, const char *key, uint64_t missing, uint64_t from,
                              uint64_t to, uint64_t *out, char *err, size_t errlen)
{
	const char *v = fos_module_arg(a, key, NULL);
	uint64_t n = 0;
	size_t i = 0;

	*out = missing;
	if (!v)
		return 0;
	for (; v[i] >= '0' && v[i] <= '9' && n < UINT64_MAX / 10000000000u; i++)
		n = n * 10 + (uint64_t)(v[i] - '0');
	bool digits = i > 0;
	if (v[i] == 'k' || v[i] == 'M' || v[i] == 'G') {
		n *= v[i] == 'k' ? 1000 : v[i] == 'M' ? 1000000 : 1000000000;
		i++;
	}
	if (digits && !v[i] && n >= from && n <= to) {
		*out = n;
		return 0;
	}
	snprintf(err, errlen, "%s=%s: takes a number from %llu to %llu", key, v, (unsigned long long)from,
	         (unsigned long long)to);
	return -EINVAL;
}

/* One of `names` (NULL behind the last): its index; the first one where the argument is missing. */
static inline int mod_arg_choice(const struct fos_module_args *a, const char *key, const char *const *names, int *out,
                                 char *err, size_t errlen)
{
	const char *v = fos_module_arg(a, key, names[0]);
	char all[128] = "";

	for (int i = 0; names[i]; i++) {
		if (strcmp(v, names[i]) == 0) {
			*out = i;
			return 0;
		}
		size_t n = strlen(all);
		snprintf(all + n, sizeof(all) - n, "%s%s", i ? ", " : "", names[i]);
	}
	snprintf(err, errlen, "%s=%s: takes one of %s", key, v, all);
	return -EINVAL;
}

/* A file's or folder's name: an empty one is refused. */
static inline int mod_arg_path(const struct fos_module_args *a, const char *key, const char **out, char *err,
                               size_t errlen)
{
	*out = fos_module_arg(a, key, NULL);
	if (!*out || **out)
		return 0;
	snprintf(err, errlen, "%s=: takes a name", key);
	return -EINVAL;
}

#endif
