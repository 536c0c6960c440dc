/* SPDX-License-Identifier: BSD-2-Clause
 *
 * model.c: see model.h. The packets go to a temporary pcapng file, the lines come back in another.
 */
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <flowos/memport.h>
#include <flowos/pcapng_writer.h>

extern char **environ;

int bench_model_find(char *path, size_t len, char *err, size_t errlen)
{
	const char *env = getenv("FLOWOS_MODEL");

	snprintf(path, len, "%s", env && *env ? env : FLOWOS_SOURCE_DIR "/tests/model/oracle.py");
	if (access(path, R_OK) == 0)
		return 0;
	snprintf(err, errlen, "the model is not here (%s); set FLOWOS_MODEL to the path of oracle.py", path);
	return -ENOENT;
}

static int write_frames(const char *path, const struct fos_frames *f)
{
	struct fos_port *out;
	int rc = fos_pcapng_writer_open(path, &out), closed;

	if (rc)
		return rc;
	for (size_t i = 0; rc == 0 && i < f->n; i++)
		rc = fos_pcapng_write(out, &f->v[i], NULL);
	closed = fos_port_close(out);
	return rc ? rc : closed;
}

/* Runs argv with standard output to `path`. */
static int run(char *const argv[], const char *path, char *err, size_t errlen)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status, rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	rc = -posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc) {
		snprintf(err, errlen, "%s: %s", argv[0], strerror(-rc));
		return rc;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	snprintf(err, errlen, "the model failed (status %d)", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return -EIO;
}

static int ask(const struct bench_engine_opts *o, const struct fos_impair_spec *spec, char *oracle, char *in,
               char *lines, char *err, size_t errlen)
{
	bool verify = bench_verify_checksums(o, spec);
	char wait[64];
	uint32_t packets;
	uint64_t ns;

	bench_hole_wait(o, spec, &packets, &ns);
	bench_hole_wait_text(packets, ns, wait, sizeof(wait));
	char *argv[] = { (char *)"python3",
		         oracle,
		         (char *)"--checksum",
		         (char *)(verify ? "verify" : "ignore"),
		         (char *)"--overlap",
		         (char *)fos_overlap_name(o->overlap),
		         (char *)"--hole-wait",
		         wait,
		         in,
		         o->vlan_key ? (char *)"--vlan-key" : NULL,
		         NULL };

	return run(argv, lines, err, errlen);
}

int bench_model_run(const struct bench_engine_opts *o, const struct fos_impair_spec *spec, const struct fos_frames *f,
                    struct bench_golden *out, char *err, size_t errlen)
{
	const char *tmp = getenv("TMPDIR");
	char oracle[PATH_MAX], dir[PATH_MAX], in[PATH_MAX + 16], lines[PATH_MAX + 16];
	int rc = bench_model_find(oracle, sizeof(oracle), err, errlen);

	if (rc)
		return rc;
	snprintf(dir, sizeof(dir), "%s/flowos-model-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(dir)) {
		rc = -errno;
		snprintf(err, errlen, "%s: %s", dir, strerror(-rc));
		return rc;
	}
	snprintf(in, sizeof(in), "%s/in.pcapng", dir);
	snprintf(lines, sizeof(lines), "%s/lines", dir);
	rc = write_frames(in, f);
	if (rc)
		snprintf(err, errlen, "%s: %s", in, strerror(-rc));
	if (rc == 0)
		rc = ask(o, spec, oracle, in, lines, err, errlen);
	if (rc == 0)
		rc = bench_golden_read(out, lines, err, errlen);
	unlink(in);
	unlink(lines);
	rmdir(dir);
	return rc;
}
