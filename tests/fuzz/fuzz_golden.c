/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz_golden.c: any bytes as a golden file, as decisions of an impairment, or as results in JSON. What can be read is
 * written and read back, and is the same; a file compared with itself is the same; a file compared with another one
 * has as many lines as it has.
 *
 * An input: 0 which kind of file; a golden file may have a second one behind a NUL.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <flowos/decisions.h>

#include "compare.h"
#include "golden.h"
#include "golden_line.h"
#include "json_out.h"

enum { TEXT = 1024 };

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", fuzz_folder(), name);
	return path;
}

static void check_refused(int rc, const char *err)
{
	FUZZ_CHECK(rc == -EINVAL || rc == -ENOSPC, "refused with %d: %s", rc, err);
	FUZZ_CHECK(err[0] && !strchr(err, '\n'), "refused without a line");
}

/* ---- golden files ------------------------------------------------------------------------------------------------ */

static bool read_golden(struct bench_golden *g, const void *bytes, size_t len)
{
	struct fuzz_file file;
	char err[TEXT] = "";
	int rc;

	fuzz_file_open(&file, bytes, len);
	rc = bench_golden_read(g, file.path, err, sizeof(err));
	fuzz_file_close(&file);
	if (rc)
		check_refused(rc, err);
	return rc == 0;
}

static void check_lines(const struct bench_golden *g)
{
	static const char *const words[] = { "bytes", "sha256", "gaps", "end", "start", "datagrams" };
	char value[40];

	for (size_t i = 0; i < g->lines; i++) {
		const char *line = g->line[i];

		FUZZ_CHECK(i == 0 || strcmp(g->line[i - 1], line) <= 0, "not in order");
		FUZZ_CHECK(bench_golden_name_len(line) <= strlen(line), "the name is longer than its line");
		for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
			if (bench_golden_word(line, words[w], value, sizeof(value)))
				FUZZ_CHECK(strlen(value) < sizeof(value) && !strchr(value, ' '), "a word: %s", value);
	}
}

static void write_golden(const struct bench_golden *g)
{
	const char *path = path_of("golden");
	struct bench_golden back;
	char err[TEXT] = "";

	FUZZ_CHECK(bench_golden_write(g, path, err, sizeof(err)) == 0, "%s", err);
	FUZZ_CHECK(bench_golden_read(&back, path, err, sizeof(err)) == 0, "what was written: %s", err);
	FUZZ_CHECK(back.lines == g->lines && back.keys == g->keys, "%zu lines became %zu", g->lines, back.lines);
	for (size_t i = 0; i < g->lines; i++)
		FUZZ_CHECK(strcmp(g->line[i], back.line[i]) == 0, "\"%s\" became \"%s\"", g->line[i], back.line[i]);
	for (size_t i = 0; i < g->keys; i++)
		FUZZ_CHECK(strcmp(g->header[i].key, back.header[i].key) == 0 &&
		               strcmp(g->header[i].value, back.header[i].value) == 0,
		           "header %s: \"%s\" became %s: \"%s\"", g->header[i].key, g->header[i].value,
		           back.header[i].key, back.header[i].value);
	bench_golden_free(&back);
	remove(path);
}

static void compare_golden(const struct bench_golden *a, const struct bench_golden *b)
{
	struct bench_golden_diff d;

	for (unsigned flags = 0; flags < 8; flags++) {
		FUZZ_CHECK(bench_golden_diff(a, a, flags, &d) == 0, "no memory");
		FUZZ_CHECK(!d.differ && !d.missing && !d.extra && !d.first, "it differs from itself: %s", d.first);
		FUZZ_CHECK(d.same <= a->lines && (flags || d.same == a->lines), "%zu of %zu", d.same, a->lines);
		bench_golden_diff_free(&d);
		FUZZ_CHECK(bench_golden_diff(a, b, flags, &d) == 0, "no memory");
		FUZZ_CHECK(d.same + d.differ + d.missing <= a->lines && d.same + d.differ + d.extra <= b->lines,
		           "more lines than there are");
		FUZZ_CHECK(flags ||
		               (d.same + d.differ + d.missing == a->lines && d.same + d.differ + d.extra == b->lines),
		           "lines were lost: %zu same, %zu differ, %zu missing, %zu extra", d.same, d.differ, d.missing,
		           d.extra);
		FUZZ_CHECK((d.first != NULL) == (d.differ + d.missing + d.extra > 0), "the first difference");
		bench_golden_diff_free(&d);
	}
}

static void try_golden(const uint8_t *data, size_t size)
{
	const uint8_t *nul = memchr(data, 0, size);
	size_t first = nul ? (size_t)(nul - data) : size;
	struct bench_golden a, b = { 0 };

	if (!read_golden(&a, data, first))
		return;
	check_lines(&a);
	write_golden(&a);
	if (nul && !read_golden(&b, nul + 1, size - first - 1))
		memset(&b, 0, sizeof(b));
	compare_golden(&a, &b);
	bench_golden_free(&a);
	bench_golden_free(&b);
}

/* ---- decisions ------------------------------------------------------------------------------------------------------ */

static void check_decisions(const struct fos_decisions *a, const struct fos_decisions *b)
{
	char text[2][FOS_DECISION_TEXT], note[FOS_DECISION_TEXT];

	FUZZ_CHECK(fos_decisions_count(a) == fos_decisions_count(b), "another number of decisions");
	for (size_t i = 0; i < fos_decisions_count(a); i++) {
		const struct fos_decision *x = fos_decisions_at(a, i), *y = fos_decisions_at(b, i);

		fos_decision_text(x, text[0], sizeof(text[0]));
		fos_decision_text(y, text[1], sizeof(text[1]));
		FUZZ_CHECK(strcmp(text[0], text[1]) == 0, "\"%s\" became \"%s\"", text[0], text[1]);
		fos_decision_note(x, note, sizeof(note));
		FUZZ_CHECK(fos_decisions_find(a, x->num) == x, "frame %llu is not found", (unsigned long long)x->num);
		FUZZ_CHECK(i == 0 || fos_decisions_at(a, i - 1)->num < x->num, "not in order");
	}
}

static void try_decisions(const uint8_t *data, size_t size)
{
	struct fos_decisions *list, *back;
	struct fuzz_file file;
	char err[TEXT] = "";
	const char *path;
	int rc;

	fuzz_file_open(&file, data, size);
	rc = fos_decisions_read(file.path, &list, err, sizeof(err));
	fuzz_file_close(&file);
	if (rc) {
		check_refused(rc, err);
		return;
	}
	path = path_of("decisions");
	FUZZ_CHECK(fos_decisions_write(list, path, "--seed 1", err, sizeof(err)) == 0, "%s", err);
	FUZZ_CHECK(fos_decisions_read(path, &back, err, sizeof(err)) == 0, "what was written: %s", err);
	check_decisions(list, back);
	fos_decisions_put(back);
	fos_decisions_put(list);
	remove(path);
}

/* ---- results ------------------------------------------------------------------------------------------------------- */

static char *json_text(const struct bench_result *r)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	FUZZ_CHECK(out && bench_json_write(r, out) == 0 && fclose(out) == 0, "not written");
	return text;
}

static void try_json(const uint8_t *data, size_t size)
{
	struct bench_compare_options opt = { .threshold = 0.02, .seed = 1, .force = true };
	struct bench_result *r, *back;
	char err[TEXT] = "", path[128], *text[2];
	struct fuzz_file file;
	FILE *nowhere;
	int rc;

	fuzz_file_open(&file, data, size);
	rc = bench_json_load(file.path, &r, err, sizeof(err));
	if (rc) {
		check_refused(rc, err);
		fuzz_file_close(&file);
		return;
	}
	snprintf(path, sizeof(path), "%s", path_of("json"));
	FUZZ_CHECK(bench_json_save(r, path, err, sizeof(err)) == 0, "%s", err);
	FUZZ_CHECK(bench_json_load(path, &back, err, sizeof(err)) == 0, "what was written: %s", err);
	text[0] = json_text(r);
	text[1] = json_text(back);
	FUZZ_CHECK(strcmp(text[0], text[1]) == 0, "written and read:\n%.600s\n%.600s", text[0], text[1]);
	nowhere = fopen("/dev/null", "w");
	rc = bench_compare(path, file.path, &opt, nowhere, err, sizeof(err));
	FUZZ_CHECK(rc == 0 || rc == 1 || rc == -EINVAL || rc == -ENODATA, "compared with itself: %d %s", rc, err);
	fclose(nowhere);
	free(text[0]);
	free(text[1]);
	bench_result_free(back);
	bench_result_free(r);
	fuzz_file_close(&file);
	remove(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(const uint8_t *data, size_t size) = { try_golden, try_golden, try_decisions,
		                                                           try_json };

	if (size == 0)
		return 0;
	tries[data[0] & 3](data + 1, size - 1);
	return 0;
}
