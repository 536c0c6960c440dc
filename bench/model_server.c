/* SPDX-License-Identifier: BSD-2-Clause
 *
 * model_server.c: see model_server.h. Packets go to the process through a socket, the lines come back through it.
 */
#include "model_server.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model.h"

extern char **environ;

struct bench_model_server {
	pid_t pid;
	int fd;
	FILE *in;  /* its answers; owns fd */
	char *ask; /* a question as it is sent */
	size_t ask_len, ask_slots;
	char *line;
	size_t line_slots;
};

/* What precedes each frame: as oracle.py's FRAME, in little-endian order. */
enum { FRAME_HEAD = 20 };

static int spawn_oracle(struct bench_model_server *m, char *oracle, int end, char *err, size_t errlen)
{
	char *argv[] = { (char *)"python3", (char *)"-B", oracle, (char *)"--server", NULL };
	posix_spawn_file_actions_t actions;
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, end, 0);
	posix_spawn_file_actions_adddup2(&actions, end, 1);
	rc = -posix_spawnp(&m->pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		snprintf(err, errlen, "%s: %s", argv[0], strerror(-rc));
	return rc;
}

static int lost(char *err, size_t errlen)
{
	snprintf(err, errlen, "the model has gone");
	return -EPIPE;
}

/* The next line that it writes, without its end; NULL: it has gone. */
static char *next_line(struct bench_model_server *m)
{
	ssize_t n = getline(&m->line, &m->line_slots, m->in);

	if (n <= 0 || m->line[n - 1] != '\n')
		return NULL;
	m->line[n - 1] = '\0';
	return m->line;
}

int bench_model_server_start(struct bench_model_server **out, char *err, size_t errlen)
{
	char oracle[PATH_MAX], *line;
	struct bench_model_server *m;
	int pair[2], rc = bench_model_find(oracle, sizeof(oracle), err, errlen);

	*out = NULL;
	if (rc)
		return rc;
	m = calloc(1, sizeof(*m));
	if (!m || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		rc = m ? -errno : -ENOMEM;
		snprintf(err, errlen, "the model: %s", strerror(-rc));
		free(m);
		return rc;
	}
	m->fd = pair[0];
	rc = spawn_oracle(m, oracle, pair[1], err, errlen);
	close(pair[1]);
	if (rc == 0) {
		m->in = fdopen(m->fd, "r");
		line = m->in ? next_line(m) : NULL;
		if (!line || strcmp(line, "flowos-model 1") != 0) {
			snprintf(err, errlen, "the model does not start (%s --server)", oracle);
			rc = -EIO;
		}
	}
	if (rc) {
		bench_model_server_stop(m);
		return rc;
	}
	*out = m;
	return 0;
}

void bench_model_server_stop(struct bench_model_server *m)
{
	if (!m)
		return;
	if (m->in)
		fclose(m->in);
	else
		close(m->fd);
	if (m->pid > 0)
		while (waitpid(m->pid, NULL, 0) < 0 && errno == EINTR)
			;
	free(m->ask);
	free(m->line);
	free(m);
}

static int append(struct bench_model_server *m, const void *data, size_t len)
{
	if (m->ask_len + len > m->ask_slots) {
		size_t slots = 2 * (m->ask_len + len) + 4096;
		char *more = realloc(m->ask, slots);

		if (!more)
			return -ENOMEM;
		m->ask = more;
		m->ask_slots = slots;
	}
	if (len)
		memcpy(m->ask + m->ask_len, data, len);
	m->ask_len += len;
	return 0;
}

static void put_le(uint8_t *at, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(v >> (8 * i));
}

static int append_frame(struct bench_model_server *m, const struct fos_frame *f)
{
	uint8_t head[FRAME_HEAD];
	int rc;

	put_le(head, f->ts_ns, 8);
	put_le(head + 8, f->linktype, 4);
	put_le(head + 12, fos_frame_caplen(f), 4);
	put_le(head + 16, f->wire_len, 4);
	rc = append(m, head, sizeof(head));
	if (rc == 0)
		rc = append(m, f->data, f->len);
	return rc ? rc : append(m, f->ext, f->ext_len);
}

static int send_all(const struct bench_model_server *m)
{
	for (size_t at = 0; at < m->ask_len;) {
		ssize_t n = send(m->fd, m->ask + at, m->ask_len - at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += (size_t)n;
	}
	return 0;
}

static int question(struct bench_model_server *m, const struct bench_engine_opts *o, const struct fos_frames *f)
{
	char wait[64], head[256];
	uint32_t packets;
	uint64_t ns;
	int rc;

	bench_hole_wait(o, NULL, &packets, &ns);
	bench_hole_wait_text(packets, ns, wait, sizeof(wait));
	snprintf(
	    head, sizeof(head),
	    "{\"checksum\": \"%s\", \"overlap\": \"%s\", \"hole_wait\": \"%s\", \"vlan_key\": %s, \"frames\": %zu}\n",
	    bench_verify_checksums(o, NULL) ? "verify" : "ignore", fos_overlap_name(o->overlap), wait,
	    o->vlan_key ? "true" : "false", f->n);
	m->ask_len = 0;
	rc = append(m, head, strlen(head));
	for (size_t i = 0; rc == 0 && i < f->n; i++)
		rc = append_frame(m, &f->v[i]);
	return rc;
}

static int answer(struct bench_model_server *m, struct bench_golden *out, char *err, size_t errlen)
{
	char *line = next_line(m), *end;
	unsigned long n;
	int rc = 0;

	if (!line)
		return lost(err, errlen);
	n = strtoul(line, &end, 10);
	if (end == line || *end) {
		snprintf(err, errlen, "the model cannot say: %.200s",
		         line[0] == '!' ? line + 1 + strspn(line + 1, " ") : line);
		return -EIO;
	}
	for (unsigned long i = 0; rc == 0 && i < n; i++) {
		line = next_line(m);
		if (!line)
			return lost(err, errlen);
		rc = bench_golden_add_line(out, line);
	}
	if (rc)
		snprintf(err, errlen, "the model: %s", strerror(-rc));
	bench_golden_sort(out);
	return rc;
}

int bench_model_server_ask(struct bench_model_server *m, const struct bench_engine_opts *o, const struct fos_frames *f,
                           struct bench_golden *out, char *err, size_t errlen)
{
	int rc = question(m, o, f);

	memset(out, 0, sizeof(*out));
	if (rc) {
		snprintf(err, errlen, "the model: %s", strerror(-rc));
		return rc;
	}
	if (send_all(m))
		return lost(err, errlen);
	rc = answer(m, out, err, errlen);
	if (rc)
		bench_golden_free(out);
	return rc;
}
