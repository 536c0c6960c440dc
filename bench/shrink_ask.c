/* SPDX-License-Identifier: BSD-2-Clause
 *
 * shrink_ask.c: see shrink_ask.h. This project's engine runs in a process of its own, so that one that dies is a finding.
 */
#include "shrink_ask.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xxhash.h>

struct shrink_known {
	XXH128_hash_t key;
	bool used, fails;
};

enum { OUTPUT_MAX = 256 << 20 };

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* In the child: the engine's lines to a pipe, or "! why". Does not return. */
static void child(const struct shrink_ask *a, const struct bench_engine_opts *o, const struct fos_frames *f, int fd)
{
	struct bench_golden lines = { 0 };
	char err[512] = "";
	FILE *out = fdopen(fd, "w");
	int rc = golden_engine_lines(a->engine, o, NULL, f, &lines, err, sizeof(err));

	if (!out)
		_exit(3);
	if (rc)
		fprintf(out, "! %s\n", err);
	for (size_t i = 0; i < lines.lines; i++)
		fprintf(out, "%s\n", lines.line[i]);
	_exit(fclose(out) ? 3 : 0);
}

/* Reads until the end of the pipe. -ETIMEDOUT, -ENOMEM. */
static int read_all(int fd, uint64_t limit_ms, char **text, size_t *len)
{
	uint64_t until = now_ms() + limit_ms;
	size_t slots = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = now_ms();
		ssize_t n;

		if (slots - *len < 4096) {
			char *more = realloc(*text, slots = 2 * slots + 16384);

			if (!more || slots > OUTPUT_MAX)
				return more ? (*text = more, -EFBIG) : -ENOMEM;
			*text = more;
		}
		if (now >= until || poll(&p, 1, (int)(until - now)) == 0)
			return -ETIMEDOUT;
		n = read(fd, *text + *len, slots - *len - 1);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n == 0)
			return 0;
		*len += n > 0 ? (size_t)n : 0;
	}
}

static int take_lines(struct shrink_ask *a, char *text, struct bench_golden *got)
{
	int rc = 0;

	if (text[0] == '!') {
		snprintf(a->err, sizeof(a->err), "%.*s", (int)strcspn(text + 2, "\n"), text + 2);
		return -EIO;
	}
	for (char *line = text, *end; rc == 0 && (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		rc = bench_golden_add_line(got, line);
	}
	bench_golden_sort(got);
	return rc;
}

/* How the child ended: 0, GOLDEN_ENGINE_DIED with a line in a->err, or a negative errno. */
static int child_end(struct shrink_ask *a, pid_t pid, int rc)
{
	int status = 0;

	if (rc)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (rc == -ETIMEDOUT) {
		snprintf(a->err, sizeof(a->err), "the engine did not end in time");
		return GOLDEN_ENGINE_DIED;
	}
	if (rc)
		return rc;
	if (WIFSIGNALED(status) || WEXITSTATUS(status)) {
		snprintf(a->err, sizeof(a->err), "the engine died: %s %d", WIFSIGNALED(status) ? "signal" : "status",
		         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		return GOLDEN_ENGINE_DIED;
	}
	return 0;
}

static int own_engine(struct shrink_ask *a, const struct bench_engine_opts *o, const struct fos_frames *f,
                      struct bench_golden *got)
{
	uint64_t limit = a->engine->limit_ns ? a->engine->limit_ns / 1000000 : GOLDEN_ENGINE_SECONDS * 1000;
	char *text = NULL;
	size_t len = 0;
	int end[2], rc;
	pid_t pid;

	fflush(NULL);
	if (pipe(end))
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(end[0]);
		child(a, o, f, end[1]);
	}
	close(end[1]);
	rc = pid < 0 ? -errno : read_all(end[0], limit, &text, &len);
	close(end[0]);
	if (pid > 0)
		rc = child_end(a, pid, rc);
	if (rc == 0) {
		text[len] = '\0';
		rc = take_lines(a, text, got);
	}
	free(text);
	return rc;
}

/* 0, GOLDEN_ENGINE_DIED, or a negative errno. */
static int engine_says(struct shrink_ask *a, const struct bench_engine_opts *o, const struct fos_frames *f,
                       struct bench_golden *got)
{
	memset(got, 0, sizeof(*got));
	if (!a->engine->command)
		return own_engine(a, o, f, got);
	return golden_engine_lines(a->engine, o, NULL, f, got, a->err, sizeof(a->err));
}

static int reference(struct shrink_ask *a, const struct bench_engine_opts *o, struct shrink_run *r)
{
	if (a->model)
		return bench_model_server_ask(a->model, o, &r->schedule.frames, &r->want, a->err, sizeof(a->err));
	return engine_says(a, o, &r->packets, &r->want);
}

static int compare(struct shrink_ask *a, struct shrink_run *r)
{
	struct shrink_view view = a->view;
	int rc;

	view.lacks |= golden_engine_lacks(a->engine, &r->got);
	if (!a->model)
		view.lacks |= GOLDEN_LACKS_ENDS | GOLDEN_LACKS_EMPTY | GOLDEN_LACKS_UDP; /* the order decides */
	rc = shrink_compare(&r->want, &r->got, &view, a->like.kind && !a->any ? &a->like : NULL, &r->found);
	if (rc)
		snprintf(a->err, sizeof(a->err), "comparing: %s", strerror(-rc));
	return rc;
}

int shrink_run(struct shrink_ask *a, const struct shrink_cand *c, struct shrink_run *r)
{
	struct bench_engine_opts o = a->opts;
	struct fos_impair_spec spec;
	int rc;

	memset(r, 0, sizeof(*r));
	a->err[0] = '\0';
	o.hole_packets = c->hole_packets;
	o.hole_ns = c->hole_ns;
	fos_impair_spec_init(&spec);
	rc = shrink_render(c, a->trace, &r->packets, &r->decisions);
	if (rc)
		snprintf(a->err, sizeof(a->err), "%s", strerror(-rc));
	if (rc == 0 && fos_decisions_count(r->decisions)) {
		fos_impair_spec_replay(&spec, r->decisions);
		spec.keep_decisions = true;
	}
	if (rc == 0)
		rc = bench_schedule_make(&r->schedule, &r->packets, &spec, a->err, sizeof(a->err));
	fos_impair_spec_free(&spec);
	if (rc == 0)
		rc = engine_says(a, &o, &r->schedule.frames, &r->got);
	if (rc == GOLDEN_ENGINE_DIED) {
		r->found.kind = SHRINK_DIED;
		snprintf(r->found.text, sizeof(r->found.text), "%.500s", a->err);
		rc = a->model ? reference(a, &o, r) : 0;
	} else if (rc == 0) {
		rc = reference(a, &o, r);
		if (rc == 0)
			rc = compare(a, r);
	}
	if (rc)
		shrink_run_free(r);
	return rc < 0 ? rc : rc ? -EIO : 0;
}

void shrink_run_free(struct shrink_run *r)
{
	bench_golden_free(&r->want);
	bench_golden_free(&r->got);
	bench_schedule_free(&r->schedule);
	fos_decisions_put(r->decisions);
	fos_frames_free(&r->packets);
	memset(r, 0, sizeof(*r));
}

/* What decides the answer: packets, decisions, hole-wait. */
static int key_of(const struct shrink_ask *a, const struct shrink_cand *c, XXH128_hash_t *key)
{
	struct fos_decisions *l = NULL;
	struct fos_frames f;
	XXH3_state_t *x = XXH3_createState();
	int rc = x ? shrink_render(c, a->trace, &f, &l) : -ENOMEM;

	if (rc == 0) {
		uint64_t wait[2] = { c->hole_packets, c->hole_ns };

		XXH3_128bits_reset(x);
		XXH3_128bits_update(x, wait, sizeof(wait));
		for (size_t i = 0; i < f.n; i++) {
			const struct fos_frame *at = &f.v[i];
			uint64_t head[3] = { at->ts_ns, (uint64_t)at->len << 32 | at->ext_len,
				             (uint64_t)at->wire_len << 32 | at->linktype };

			XXH3_128bits_update(x, head, sizeof(head));
			XXH3_128bits_update(x, at->data, at->len);
			if (at->ext_len)
				XXH3_128bits_update(x, at->ext, at->ext_len);
		}
		for (size_t i = 0; i < fos_decisions_count(l); i++) {
			char text[FOS_DECISION_TEXT];

			fos_decision_text(fos_decisions_at(l, i), text, sizeof(text));
			XXH3_128bits_update(x, text, strlen(text) + 1);
		}
		*key = XXH3_128bits_digest(x);
		fos_frames_free(&f);
		fos_decisions_put(l);
	}
	XXH3_freeState(x);
	return rc;
}

/* The entry of a key, or the free one where it belongs. */
static struct shrink_known *entry(struct shrink_known *v, uint32_t slots, XXH128_hash_t key)
{
	uint32_t at = (uint32_t)key.low64 & (slots - 1);

	while (v[at].used && !XXH128_isEqual(v[at].key, key))
		at = (at + 1) & (slots - 1);
	return &v[at];
}

static int make_room(struct shrink_ask *a)
{
	uint32_t slots = a->memory_slots ? 2 * a->memory_slots : 1024;
	struct shrink_known *more;

	if (2 * a->memories < a->memory_slots)
		return 0;
	more = calloc(slots, sizeof(*more));
	if (!more)
		return -ENOMEM;
	for (uint32_t i = 0; i < a->memory_slots; i++)
		if (a->memory[i].used)
			*entry(more, slots, a->memory[i].key) = a->memory[i];
	free(a->memory);
	a->memory = more;
	a->memory_slots = slots;
	return 0;
}

int shrink_fails(struct shrink_ask *a, const struct shrink_cand *c)
{
	struct shrink_known *k;
	struct shrink_run r;
	XXH128_hash_t key;
	int rc = make_room(a);

	if (rc == 0)
		rc = key_of(a, c, &key);
	if (rc)
		return rc;
	k = entry(a->memory, a->memory_slots, key);
	if (k->used) {
		a->known++;
		return k->fails;
	}
	a->tries++;
	rc = shrink_run(a, c, &r);
	if (rc == -ENOMEM || rc == -EPIPE)
		return rc;
	*k = (struct shrink_known){ .key = key, .used = true };
	a->memories++;
	if (rc)
		return 0;
	k->fails = a->any ? r.found.kind != SHRINK_HOLDS : r.found.kind == a->like.kind;
	shrink_run_free(&r);
	return k->fails;
}

void shrink_ask_free(struct shrink_ask *a)
{
	bench_model_server_stop(a->model);
	free(a->memory);
	a->model = NULL;
	a->memory = NULL;
}
