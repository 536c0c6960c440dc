/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mod_values.c: a report writer that keeps values by path, random numbers, and files of a test.
 */
#include "mod_harness.h"

#include <dirent.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

struct mh_value {
	struct mh_value *next;
	char *path;
	bool number, object;
	uint64_t u64;
	char *str;
};

struct mh_writer {
	struct fos_report r; /* first */
	struct mh *mh;
	char path[512];
	int depth;
	size_t parent[16]; /* length of the path before the key */
	int index[16];     /* in an array: the next element, else -1 */
};

static struct mh_value *mh_add(struct fos_report *r, const char *key)
{
	struct mh_writer *w = (struct mh_writer *)(void *)r;
	struct mh_value *v = calloc(1, sizeof(*v));
	char number[16];

	assert_true((key != NULL) == (w->index[w->depth] < 0));
	if (!key) {
		snprintf(number, sizeof(number), "%d", w->index[w->depth]++);
		key = number;
	}
	assert_non_null(v);
	assert_true(asprintf(&v->path, "%s%s%s", w->path, *w->path ? "." : "", key) >= 0);
	if (mh_has(w->mh, v->path))
		fail_msg("report key %s is there twice", v->path);
	v->next = w->mh->report;
	w->mh->report = v;
	return v;
}

static void mh_write_u64(struct fos_report *r, const char *key, uint64_t value)
{
	struct mh_value *v = mh_add(r, key);

	v->number = true;
	v->u64 = value;
}

static void mh_write_f64(struct fos_report *r, const char *key, double value)
{
	mh_write_u64(r, key, (uint64_t)value);
}

static void mh_write_str(struct fos_report *r, const char *key, const char *value)
{
	assert_non_null(mh_add(r, key)->str = strdup(value));
}

static void mh_push(struct fos_report *r, const char *key, int index)
{
	struct mh_writer *w = (struct mh_writer *)(void *)r;
	struct mh_value *v = mh_add(r, key);

	v->object = true;
	assert_true(w->depth < 15);
	w->parent[++w->depth] = strlen(w->path);
	w->index[w->depth] = index;
	snprintf(w->path, sizeof(w->path), "%s", v->path);
}

static void mh_write_begin(struct fos_report *r, const char *key)
{
	mh_push(r, key, -1);
}

static void mh_write_begin_array(struct fos_report *r, const char *key)
{
	mh_push(r, key, 0);
}

static void mh_write_end(struct fos_report *r)
{
	struct mh_writer *w = (struct mh_writer *)(void *)r;

	assert_true(w->depth > 0);
	w->path[w->parent[w->depth--]] = 0;
}

void mh_report(struct mh *mh)
{
	static const struct fos_report_ops ops = { mh_write_u64,   mh_write_f64,         mh_write_str,
		                                   mh_write_begin, mh_write_begin_array, mh_write_end };
	struct mh_writer w = { .r.ops = &ops, .mh = mh, .index[0] = -1 };

	mh_report_free(mh);
	if (mh->m->report)
		mh->m->report(mh->self, &w.r);
	assert_int_equal(w.depth, 0);
}

void mh_report_free(struct mh *mh)
{
	while (mh->report) {
		struct mh_value *v = mh->report;
		mh->report = v->next;
		free(v->path);
		free(v->str);
		free(v);
	}
}

static struct mh_value *mh_value(struct mh *mh, const char *path)
{
	struct mh_value *v = mh->report;

	while (v && strcmp(v->path, path))
		v = v->next;
	return v;
}

bool mh_has(struct mh *mh, const char *path)
{
	return mh_value(mh, path) != NULL;
}

uint64_t mh_u64(struct mh *mh, const char *path)
{
	struct mh_value *v = mh_value(mh, path);

	if (!v || !v->number)
		fail_msg("report has no number %s", path);
	return v->u64;
}

const char *mh_str(struct mh *mh, const char *path)
{
	struct mh_value *v = mh_value(mh, path);

	if (!v || !v->str)
		fail_msg("report has no text %s", path);
	return v->str;
}

uint64_t mh_seed(void)
{
	const char *env = getenv("MOD_SEED");
	uint64_t seed = env ? strtoull(env, NULL, 0) : 1;

	print_message("MOD_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

uint64_t mh_random(uint64_t *state, uint64_t below)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u; /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (z ^ (z >> 31)) % below;
}

void mh_fill(uint64_t *state, void *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = (uint8_t)mh_random(state, 256);
}

void mh_feed_pieces(struct fos_stream *s, const void *data, size_t len, size_t most, uint64_t *random)
{
	for (size_t at = 0; at < len;) {
		size_t n = 1 + (size_t)mh_random(random, most);
		n = n < len - at ? n : len - at;
		mh_put(s, (const uint8_t *)data + at, n, 0);
		at += n;
		if (at == len || mh_random(random, 3))
			mh_data(s);
	}
}

static char mh_folder[64];

static int mh_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

void mh_dir_remove(void)
{
	if (*mh_folder)
		nftw(mh_folder, mh_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	*mh_folder = 0;
}

const char *mh_dir(void)
{
	const char *base = getenv("TMPDIR");

	mh_dir_remove();
	snprintf(mh_folder, sizeof(mh_folder), "%.40s/mod.XXXXXX", base && *base ? base : "/tmp");
	assert_non_null(mkdtemp(mh_folder));
	return mh_folder;
}

static char *mh_text(const char *front, const char *name)
{
	static char text[4][512];
	static unsigned turn;
	char *t = text[turn++ % 4];

	snprintf(t, sizeof(text[0]), "%s%s/%s", front, mh_folder, name);
	return t;
}

char *mh_path(const char *name)
{
	return mh_text("", name);
}

char *mh_arg(const char *key, const char *name)
{
	char front[64];

	snprintf(front, sizeof(front), "%s=", key);
	return mh_text(front, name);
}

char *mh_read(const char *name, size_t *len)
{
	FILE *f = fopen(mh_path(name), "rb");
	struct stat st;

	if (!f)
		return NULL;
	assert_int_equal(fstat(fileno(f), &st), 0);
	size_t n = (size_t)st.st_size;
	char *text = test_malloc(n + 1);
	assert_int_equal(fread(text, 1, n, f), n);
	text[n] = 0;
	if (len)
		*len = n;
	fclose(f);
	return text;
}
