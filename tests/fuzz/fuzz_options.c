/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz_options.c: any words as the command line of each program, whose main() is run, and any text as what options take:
 * impairments, made-up sessions, stages, filters, numbers. The programs end with a status of theirs and, where that is
 * not 0, a line; nothing is read, written or started: no file, process or device is there for them. What is printed in canonical form
 * and read again is the same.
 *
 * Linked with --wrap for all that reaches outside: see CMakeLists.txt. An input: 0 what it is, then words with NULs
 * between them, or text.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include <flowos/gen.h>
#include <flowos/impair_spec.h>
#include <flowos/module_load.h>
#include <flowos/worker.h>

#include "golden_case.h"
#include "value.h"

enum { WORDS_MAX = 40, TEXT = 2048 };

int fuzz_bench_main(int argc, char **argv);
int fuzz_golden_main(int argc, char **argv);
int fuzz_trace_main(int argc, char **argv);

/* ---- nothing is there ------------------------------------------------------------------------------------------- */

static bool inside; /* a program runs: libFuzzer's own files are there */

#define REFUSE(type, name, failed, parameters, arguments)                                                              \
	type __real_##name parameters;                                                                                 \
	type __wrap_##name parameters;                                                                                 \
	type __wrap_##name parameters                                                                                  \
	{                                                                                                              \
		if (!inside)                                                                                           \
			return __real_##name arguments;                                                                \
		errno = EACCES;                                                                                        \
		return failed;                                                                                         \
	}                                                                                                              \
	_Static_assert(1, "takes a semicolon")

struct fos_outfile;
REFUSE(FILE *, popen, NULL, (const char *command, const char *mode), (command, mode));
REFUSE(DIR *, opendir, NULL, (const char *path), (path));
REFUSE(pid_t, fork, -1, (void), ());
REFUSE(int, posix_spawn, EACCES,
       (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
        char *const argv[], char *const env[]),
       (pid, path, actions, attr, argv, env));
REFUSE(int, posix_spawnp, EACCES,
       (pid_t * pid, const char *name, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
        char *const argv[], char *const env[]),
       (pid, name, actions, attr, argv, env));
REFUSE(int, mkdir, -1, (const char *path, mode_t mode), (path, mode));
REFUSE(char *, mkdtemp, NULL, (char *path), (path));
REFUSE(int, unlink, -1, (const char *path), (path));
REFUSE(int, fos_outfile_open, -EACCES, (const char *path, struct fos_outfile **out), (path, out));
REFUSE(int, fos_trace_open, -EACCES, (const char *path, struct fos_port **out, char *err, size_t errlen),
       (path, out, err, errlen));
REFUSE(int, fos_gen_open, -ENOMEM, (const struct fos_gen_spec *spec, struct fos_port **out), (spec, out));

struct worst_opts;
struct worst_case;
struct worst_result;
/* `flowos-bench worst` needs nothing from outside: it would just run, and for long. */
REFUSE(int, worst_run, -EACCES,
       (const struct worst_opts *o, const struct worst_case *c, struct worst_result *r,
        void (*tick)(void *arg, uint64_t done, uint64_t of), void *arg, char *err, size_t errlen),
       (o, c, r, tick, arg, err, errlen));

struct mb_watch;
struct mb_box;
struct mb_conf;
/* Nothing is received from an interface, and no signal is taken. */
REFUSE(int, mb_watch_open, -EACCES, (struct mb_watch * w), (w));
REFUSE(int, mb_box_make, -EACCES, (struct mb_box * b, const struct mb_conf *c, char *err, size_t errlen),
       (b, c, err, errlen));

/* libFuzzer writes down what a program dies of while it is inside. */
FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
	static const char *const names[] = { "crash-", "timeout-", "oom-", "leak-", "slow-unit-" };
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	bool finding = false;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		finding = finding || (mode[0] == 'w' && strncmp(name, names[i], strlen(names[i])) == 0);
	if (!inside || finding)
		return __real_fopen(path, mode);
	errno = EACCES;
	return NULL;
}

void __wrap_cli_signals(void);
void __wrap_cli_signals(void)
{
}

/* The one module that there is. */
static int fake_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	static int nothing;

	(void)err, (void)errlen;
	for (size_t i = 0; i < args->n; i++)
		FUZZ_CHECK(strcmp(args->arg[i].key, "key") == 0 || strcmp(args->arg[i].key, "out") == 0, "key %s",
		           args->arg[i].key);
	*self = &nothing;
	return 0;
}

static const struct fos_module fake = { .abi = FOS_MODULE_ABI,
	                                .size = sizeof(struct fos_module),
	                                .name = "fake",
	                                .arg_help =
	                                    (const char *const[]){ "key=TEXT  a text", "out=FILE  a file", NULL },
	                                .open = fake_open };

int __wrap_fos_module_load(const char *name, const struct fos_module **m, char *err, size_t errlen);
int __wrap_fos_module_load(const char *name, const struct fos_module **m, char *err, size_t errlen)
{
	*m = strcmp(name, "fake") == 0 ? &fake : NULL;
	if (*m)
		return 0;
	snprintf(err, errlen, "no module \"%s\"", name);
	return -ENOENT;
}

/* ---- command lines -------------------------------------------------------------------------------------------------- */

static void try_program(int (*program)(int argc, char **argv), const char *name, struct fuzz_in *in)
{
	char *text, *argv[WORDS_MAX + 2], *word[WORDS_MAX + 2], first[32];
	size_t left = fuzz_left(in);
	int argc = 0, status;

	text = fuzz_text(in);
	snprintf(first, sizeof(first), "%s", name);
	argv[argc++] = first;
	for (char *p = text; p < text + left && argc <= WORDS_MAX; p += strlen(p) + 1, argc++)
		word[argc] = argv[argc] = (char *)fuzz_exact(p, strlen(p) + 1);
	argv[argc] = NULL;
	inside = true;
	status = program(argc, argv);
	inside = false;
	FUZZ_CHECK(status >= 0 && status <= 2, "status %d", status);
	for (int i = 1; i < argc; i++) /* getopt changes their order */
		free(word[i]);
	free(text);
}

/* Of sweeps with n values each, flowos-bench makes n * n * ... points, 100,000 at most, and an engine for each, to see
 * whether it can. That is what was asked for, but takes seconds: so many values are left out. */
static bool many_values(const struct fuzz_in *in)
{
	unsigned commas = 0;

	for (const uint8_t *p = in->at; p < in->end; p++)
		commas += *p == ',';
	return commas > 20;
}

static void try_bench(struct fuzz_in *in)
{
	if (!many_values(in))
		try_program(fuzz_bench_main, "flowos-bench", in);
}

static void try_golden(struct fuzz_in *in)
{
	try_program(fuzz_golden_main, "flowos-golden", in);
}

static void try_trace(struct fuzz_in *in)
{
	try_program(fuzz_trace_main, "flowos-trace", in);
}

/* ---- what options take ---------------------------------------------------------------------------------------------- */

static void check_line(int rc, const char *err)
{
	FUZZ_CHECK(rc < 0 && err[0], "refused without a word: %d", rc);
}

/* What is printed reads as the same. */
static void check_spec(const struct fos_impair_spec *spec)
{
	struct fos_impair_spec again;
	char err[TEXT] = "", *text[2];
	int len = fos_impair_spec_text(spec, NULL, 0);

	FUZZ_CHECK(len >= 0, "no text");
	for (int i = 0; i < 2; i++) {
		text[i] = malloc((size_t)len + 1);
		if (!text[i])
			abort();
	}
	FUZZ_CHECK(fos_impair_spec_text(spec, text[0], (size_t)len + 1) == len && strlen(text[0]) == (size_t)len,
	           "another length");
	fos_impair_spec_init(&again);
	FUZZ_CHECK(golden_spec_from_text(&again, text[0], err, sizeof(err)) == 0, "%s: %s", text[0], err);
	FUZZ_CHECK(fos_impair_spec_text(&again, text[1], (size_t)len + 1) == len && strcmp(text[0], text[1]) == 0,
	           "\"%s\" became \"%s\"", text[0], text[1]);
	FUZZ_CHECK(fos_impair_spec_active(spec) == fos_impair_spec_active(&again) &&
	               fos_impair_spec_lossless(spec) == fos_impair_spec_lossless(&again) &&
	               fos_impair_spec_depth(spec) == fos_impair_spec_depth(&again) &&
	               fos_impair_spec_delay(spec) == fos_impair_spec_delay(&again),
	           "%s: it does something else", text[0]);
	fos_impair_spec_free(&again);
	free(text[0]);
	free(text[1]);
}

static void try_spec(struct fuzz_in *in)
{
	struct fos_impair_spec spec, copy;
	char *text = fuzz_text(in), err[TEXT] = "";
	int rc;

	fos_impair_spec_init(&spec);
	inside = true; /* --decisions-in reads a file */
	rc = golden_spec_from_text(&spec, text, err, sizeof(err));
	if (rc)
		check_line(rc, err);
	else
		check_spec(&spec);
	FUZZ_CHECK(fos_impair_spec_copy(&copy, &spec) == 0, "no copy");
	inside = false;
	fos_impair_spec_free(&copy);
	fos_impair_spec_free(&spec);
	free(text);
}

static void try_gen(struct fuzz_in *in)
{
	struct fos_gen_spec spec;
	char *text = fuzz_text(in), err[TEXT] = "";
	int rc = fos_gen_parse(text, &spec, err, sizeof(err));

	if (rc)
		check_line(rc, err);
	else
		FUZZ_CHECK(spec.sessions >= 1 && spec.mss >= 1 && spec.mss <= 65000 && spec.vlan <= 4094 &&
		               (spec.ip == 4 || spec.ip == 6) && spec.close <= FOS_GEN_NONE,
		           "%s", text);
	free(text);
}

static void try_stage(struct fuzz_in *in)
{
	struct fos_worker *w;
	char err[TEXT] = "", *text = fuzz_text(in);
	int rc;

	FUZZ_CHECK(fos_worker_create(NULL, &w) == 0, "no worker");
	FUZZ_CHECK(fos_worker_add_flow(w, "all", NULL, NULL, err, sizeof(err)) == 0, "%s", err);
	inside = true; /* key=@FILE reads a file */
	rc = fos_stage_add(w, 0, 0, text, NULL, err, sizeof(err));
	inside = false;
	if (rc < 0)
		check_line(rc, err);
	fos_worker_destroy(w);
	free(text);
}

/* A flow's filter and levels, with a line feed between them. */
static void try_flow(struct fuzz_in *in)
{
	struct fos_worker *w;
	char err[TEXT] = "", *text = fuzz_text(in), *levels = strchr(text, '\n');
	int rc;

	if (levels)
		*levels++ = '\0';
	FUZZ_CHECK(fos_worker_create(NULL, &w) == 0, "no worker");
	inside = true; /* protocols and services have names in files */
	rc = fos_worker_add_flow(w, "flow", strlen(text) < 200 ? text : NULL, levels, err, sizeof(err));
	inside = false;
	if (rc < 0)
		check_line(rc, err);
	fos_worker_destroy(w);
	free(text);
}

static void try_values(struct fuzz_in *in)
{
	char *text = fuzz_text(in), back[64];
	uint64_t n, m;
	double d;

	if (bench_value_count(text, UINT64_MAX, &n) == 0) {
		snprintf(back, sizeof(back), "%llu", (unsigned long long)n);
		FUZZ_CHECK(bench_value_count(back, UINT64_MAX, &m) == 0 && m == n, "%s became %s", text, back);
	}
	if (bench_value_time(text, &n) == 0) {
		snprintf(back, sizeof(back), "%lluns", (unsigned long long)n);
		FUZZ_CHECK(bench_value_time(back, &m) == 0 && m == n, "%s became %s", text, back);
	}
	if (bench_value_number(text, &d) == 0)
		FUZZ_CHECK(d > 0, "%s is not above 0", text);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(struct fuzz_in * in) = { try_bench, try_golden, try_trace, try_spec,
		                                              try_gen,   try_stage,  try_flow,  try_values };
	struct fuzz_in in = { .at = data, .end = data + size };

	fuzz_quiet();
	setenv("FLOWOS_MODULE_PATH", "/nowhere", 1);
	tries[fuzz_u8(&in) & 7](&in);
	return 0;
}
