/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_engine.c: see golden_engine.h. Starts a command; writes in its scratch folder only. golden_engine_read.c reads
 * what the command says.
 */
#include "golden_engine.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "command.h"
#include "golden_capture.h"
#include "value.h"

enum { OUTPUT_MAX = 256 << 20 };

int golden_engine_set(struct golden_engine *e, const char *command, char *err, size_t errlen)
{
	if (!strstr(command, "{}")) {
		snprintf(err, errlen, "\"%.100s\" has no {}, which stands for the path of a capture", command);
		return -EINVAL;
	}
	e->command = command;
	return 0;
}

static const struct {
	const char *word;
	unsigned lack;
} lacks[] = {
	{ "udp", GOLDEN_LACKS_UDP },          { "empty", GOLDEN_LACKS_EMPTY },
	{ "ipv6", GOLDEN_LACKS_IPV6 },        { "mid", GOLDEN_LACKS_MID },
	{ "uses", GOLDEN_LACKS_USES },        { "ends", GOLDEN_LACKS_ENDS },
	{ "gaps", GOLDEN_LACKS_GAPS },        { "gaps-stop", GOLDEN_LACKS_BEHIND },
	{ "gaps-zeros", GOLDEN_LACKS_ZEROS }, { "fragments", GOLDEN_LACKS_FRAGMENTS },
	{ "cut", GOLDEN_LACKS_CUT },          { "checksum", GOLDEN_LACKS_CHECKSUM },
};

int golden_engine_set_lacks(struct golden_engine *e, const char *words, char *err, size_t errlen)
{
	for (const char *at = words;; at++) {
		size_t n = strcspn(at, ","), i = 0;

		while (i < sizeof(lacks) / sizeof(lacks[0]) &&
		       (strlen(lacks[i].word) != n || strncmp(lacks[i].word, at, n) != 0))
			i++;
		if (i == sizeof(lacks) / sizeof(lacks[0])) {
			snprintf(err, errlen,
			         "\"%.*s\" is none of udp, empty, ipv6, mid, uses, ends, gaps, gaps-stop, gaps-zeros, "
			         "fragments, cut, checksum",
			         (int)(n > 40 ? 40 : n), at);
			return -EINVAL;
		}
		e->lacks |= lacks[i].lack;
		at += n;
		if (!*at)
			return 0;
	}
}

char *golden_engine_lacks_text(unsigned wanted, char *buf, size_t len)
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++)
		if ((wanted & lacks[i].lack) && n < len)
			n += (size_t)snprintf(buf + n, len - n, "%s%s", n ? "," : "", lacks[i].word);
	return buf;
}

int golden_engine_set_timeout(struct golden_engine *e, const char *value, char *err, size_t errlen)
{
	if (bench_value_time(value, &e->limit_ns) == 0 && e->limit_ns)
		return 0;
	snprintf(err, errlen, "a time such as 30s or 500ms");
	return -EINVAL;
}

unsigned golden_engine_lacks(const struct golden_engine *e, const struct bench_golden *lines)
{
	const char *gaps = bench_golden_get(lines, "gaps"), *checksum = bench_golden_get(lines, "checksum");
	unsigned found = e->lacks;

	for (size_t i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++) {
		const char *value = bench_golden_get(lines, lacks[i].word);

		if (value && strcmp(value, "no") == 0)
			found |= lacks[i].lack;
	}
	if (checksum && strcmp(checksum, "ignore") == 0)
		found |= GOLDEN_LACKS_CHECKSUM;
	if (gaps && strcmp(gaps, "stop") == 0)
		found |= GOLDEN_LACKS_BEHIND;
	if (gaps && strcmp(gaps, "zeros") == 0)
		found |= GOLDEN_LACKS_ZEROS;
	return found;
}

static int own_lines(const struct bench_engine_opts *o, const struct fos_impair_spec *spec,
                     const struct fos_frames *frames, struct bench_golden *out, char *err, size_t errlen)
{
	struct bench_record *record = NULL;
	int rc = bench_record_run(o, spec, frames, &record, NULL, err, errlen);

	if (rc)
		return rc;
	rc = bench_record_hash(record);
	if (rc == 0)
		rc = bench_golden_add(out, record);
	if (rc) {
		snprintf(err, errlen, "the engine's lines: %s", strerror(-rc));
		bench_golden_free(out);
	}
	bench_record_free(record);
	return rc;
}

/* The command with the path in place of every {}; the caller frees it. NULL: no memory. */
static char *fill_in(const char *command, const char *path)
{
	char *line = NULL;
	size_t len;
	FILE *f = open_memstream(&line, &len);

	if (!f)
		return NULL;
	for (const char *p = command; *p; p++) {
		if (p[0] == '{' && p[1] == '}') {
			bench_shell_word(f, path);
			p++;
		} else {
			fputc(*p, f);
		}
	}
	if (fclose(f)) {
		free(line);
		return NULL;
	}
	return line;
}

/* What became of a command that ran. */
static int outcome(const struct bench_command *c, const struct bench_command_result *r, char *err, size_t errlen)
{
	int number = bench_command_signal(r);

	if (r->timed_out) {
		snprintf(err, errlen, "the engine under test did not end within %.3g s%s%s", (double)c->limit_ns / 1e9,
		         r->last[0] ? ": " : "", r->last);
		return GOLDEN_ENGINE_DIED;
	}
	if (r->too_much) {
		snprintf(err, errlen, "the engine under test wrote more than %zu MiB", c->most >> 20);
		return -EIO;
	}
	if (number) {
		snprintf(err, errlen, "the engine under test died of signal %d (%s)%s%s", number, strsignal(number),
		         r->last[0] ? ": " : "", r->last);
		return GOLDEN_ENGINE_DIED;
	}
	if (WEXITSTATUS(r->status)) {
		snprintf(err, errlen, "the engine under test ended with status %d%s%s", WEXITSTATUS(r->status),
		         r->last[0] ? ": " : "", r->last);
		return -EIO;
	}
	return 0;
}

static int run_command(const struct golden_engine *e, bool verify, const struct fos_impair_spec *spec, const char *dir,
                       char *path, struct bench_golden *out, char *err, size_t errlen)
{
	char seed[48], tmp[PATH_MAX + 16], *trace = NULL;
	const char *vars[] = { verify ? "FLOWOS_CHECKSUM=verify" : "FLOWOS_CHECKSUM=ignore", seed, tmp, NULL, NULL };
	struct bench_command c = {
		.line = fill_in(e->command, path),
		.vars = vars,
		.limit_ns = e->limit_ns ? e->limit_ns : GOLDEN_ENGINE_SECONDS * UINT64_C(1000000000),
		.most = OUTPUT_MAX,
	};
	struct bench_command_result r = { 0 };
	int rc = -ENOMEM;

	snprintf(seed, sizeof(seed), "FLOWOS_SEED=%" PRIu64, spec ? spec->seed : 0);
	snprintf(tmp, sizeof(tmp), "TMPDIR=%s", dir);
	if (c.line && asprintf(&trace, "FLOWOS_TRACE=%s", e->trace ? e->trace : "") >= 0) {
		vars[3] = trace;
		rc = bench_command_run(&c, &r);
	}
	if (rc) {
		snprintf(err, errlen, "the engine under test could not be started: %s", strerror(-rc));
	} else {
		char why[256] = "";

		rc = outcome(&c, &r, err, errlen);
		if (rc == 0)
			rc = golden_engine_read(r.out, r.len, out, why, sizeof(why));
		if (why[0]) {
			snprintf(err, errlen, "the engine under test: its output, %s", why);
			rc = -EIO;
		}
	}
	free(r.out);
	free(trace);
	free((char *)c.line);
	return rc;
}

static int command_lines(const struct golden_engine *e, bool verify, const struct fos_impair_spec *spec,
                         const struct fos_frames *frames, struct bench_golden *out, char *err, size_t errlen)
{
	char dir[PATH_MAX], path[PATH_MAX + 16];
	int rc = bench_scratch_make(dir);

	if (rc) {
		snprintf(err, errlen, "a folder for the engine under test: %s", strerror(-rc));
		return rc;
	}
	snprintf(path, sizeof(path), "%s/capture.%s", dir,
	         golden_capture_form(frames) == GOLDEN_CAPTURE_PCAPNG ? "pcapng" : "pcap");
	rc = golden_capture_write(path, frames);
	if (rc)
		snprintf(err, errlen, "%s: %s", path, strerror(-rc));
	else
		rc = run_command(e, verify, spec, dir, path, out, err, errlen);
	bench_scratch_remove();
	return rc;
}

int golden_engine_lines(const struct golden_engine *e, const struct bench_engine_opts *o,
                        const struct fos_impair_spec *spec, const struct fos_frames *frames, struct bench_golden *out,
                        char *err, size_t errlen)
{
	memset(out, 0, sizeof(*out));
	return e->command ? command_lines(e, o && o->verify, spec, frames, out, err, errlen)
	                  : own_lines(o, spec, frames, out, err, errlen);
}
