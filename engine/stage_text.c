/* SPDX-License-Identifier: BSD-2-Clause
 *
 * stage_text.c: a stage as --stage says it. Reads files only for key=@FILE.
 */
#include <flowos/module_load.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/worker.h>

enum { ARGS_MAX = 64, VALUE_MAX = 1 << 20 };

struct parsed {
	char name[64];
	struct fos_module_arg arg[ARGS_MAX];
	char *files[ARGS_MAX]; /* values that were read from files */
	size_t n;
};

static void parsed_free(struct parsed *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->files[i]);
}

/* Cuts the next piece, up to an unescaped character of `stops`, off *text and takes the escapes out of it in place.
 * Returns the character it ended at, 0 at the end. */
static char cut(char **text, char **piece, const char *stops)
{
	char *in = *text, *out = in;

	*piece = in;
	while (*in && !strchr(stops, *in)) {
		if (*in == '\\' && (in[1] == ':' || in[1] == '+'))
			in++;
		*out++ = *in++;
	}
	char stop = *in;

	*text = stop ? in + 1 : in;
	*out = '\0';
	return stop;
}

static int read_value(const char *path, char **value, char *err, size_t errlen)
{
	FILE *f = fopen(path, "re");
	char *buf = f ? malloc(VALUE_MAX) : NULL;
	int rc = f ? 0 : -errno;

	if (f && !buf)
		rc = -ENOMEM;
	if (buf) {
		size_t n = fread(buf, 1, VALUE_MAX - 1, f);

		if (ferror(f))
			rc = -EIO;
		else if (n == VALUE_MAX - 1)
			rc = -EFBIG;
		while (n && (buf[n - 1] == '\n' || buf[n - 1] == '\r'))
			n--;
		buf[n] = '\0';
	}
	if (f)
		fclose(f);
	if (rc) {
		snprintf(err, errlen, "%s: %s", path, strerror(-rc));
		free(buf);
		return rc;
	}
	*value = buf;
	return 0;
}

static int add_arg(struct parsed *m, char *piece, char *err, size_t errlen)
{
	char *eq = strchr(piece, '=');

	if (!eq || eq == piece || m->n == ARGS_MAX) {
		snprintf(err, errlen, "module %s: \"%s\" is not key=value%s", m->name, piece,
		         m->n == ARGS_MAX ? ", or one too many" : "");
		return -EINVAL;
	}
	*eq = '\0';
	m->files[m->n] = NULL;
	m->arg[m->n] = (struct fos_module_arg){ .key = piece, .value = eq + 1 };
	if (eq[1] == '@') {
		int rc = read_value(eq + 2, &m->files[m->n], err, errlen);

		if (rc)
			return rc;
		m->arg[m->n].value = m->files[m->n];
	}
	m->n++;
	return 0;
}

/* One module with its arguments; *more says whether another one follows. */
static int parse(char **text, struct parsed *m, char *stop, char *err, size_t errlen)
{
	char *piece;

	memset(m, 0, sizeof(*m));
	*stop = cut(text, &piece, ":+");
	if (*piece == '\0' || strlen(piece) >= sizeof(m->name)) {
		snprintf(err, errlen, "stage: a module's name is missing or too long");
		return -EINVAL;
	}
	strcpy(m->name, piece);
	while (*stop == ':') {
		*stop = cut(text, &piece, ":+");
		int rc = add_arg(m, piece, err, errlen);

		if (rc)
			return rc;
	}
	return 0;
}

int fos_stage_add(struct fos_worker *w, int flow, unsigned stage, const char *text, const char *level, char *err,
                  size_t errlen)
{
	char *copy = strdup(text), *rest = copy, stop;
	int rc = copy ? 0 : -ENOMEM;

	for (stop = '+'; rc == 0 && stop == '+';) {
		const struct fos_module *mod;
		struct parsed m;

		rc = parse(&rest, &m, &stop, err, errlen);
		if (rc == 0)
			rc = fos_module_load(m.name, &mod, err, errlen);
		if (rc == 0) {
			struct fos_module_args args = { .n = m.n, .arg = m.arg };

			rc = fos_worker_add_module(w, flow, stage, mod, &args, level, err, errlen);
		}
		parsed_free(&m);
	}
	free(copy);
	return rc;
}
