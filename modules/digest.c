/* SPDX-License-Identifier: BSD-2-Clause
 *
 * digest.c: a hash of every stream, to hold two runs against each other. XXH3 (128 bits) or SHA-256; the latter is the
 * digest that golden files carry.
 *
 * What a stream needs while it is open is one hash state (XXH3: about 600 bytes), made with its first byte and kept
 * for the next stream when it ends. Gaps are left out of the digest and listed beside it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h> /* the same functions, with the widest vectors that the processor has */
#else
#include <xxhash.h>
#endif

#include <flowos/module.h>

#include "util/args.h"
#include "util/names.h"
#include "util/outfile.h"

enum digest_algo { DIGEST_XXH3, DIGEST_SHA256 };
static const char *const digest_algos[] = { "xxh3", "sha256", NULL };

enum { DIGEST_MAX = 32 };

struct digest_gap {
	uint64_t off, len;
};

/* One stream's hash. Kept in a list when no stream needs it. */
struct digest_hash {
	struct digest_hash *next;
	union {
		XXH3_state_t *xxh;
		EVP_MD_CTX *evp;
	} u;
};

struct digest_stream {
	struct digest_hash *hash;
	struct digest_gap *gap;
	uint64_t bytes;
	uint32_t gaps;
	bool lost; /* no memory: it is not in the list and counted */
};

struct digest {
	enum digest_algo algo;
	bool udp;
	struct outfile *out;
	struct digest_hash *idle;
	uint64_t streams, bytes, gaps, gap_bytes, lost, combined;
};

static void digest_hash_free(const struct digest *d, struct digest_hash *h)
{
	if (d->algo == DIGEST_XXH3)
		XXH3_freeState(h->u.xxh);
	else
		EVP_MD_CTX_free(h->u.evp);
	free(h);
}

/* A hash state at its beginning, or NULL. */
static struct digest_hash *digest_hash_get(struct digest *d)
{
	struct digest_hash *h = d->idle;

	if (h) {
		d->idle = h->next;
	} else {
		h = calloc(1, sizeof(*h));
		if (!h)
			return NULL;
		if (d->algo == DIGEST_XXH3)
			h->u.xxh = XXH3_createState();
		else
			h->u.evp = EVP_MD_CTX_new();
	}
	bool ok = d->algo == DIGEST_XXH3 ? h->u.xxh && XXH3_128bits_reset(h->u.xxh) == XXH_OK
	                                 : h->u.evp && EVP_DigestInit_ex(h->u.evp, EVP_sha256(), NULL) == 1;
	if (!ok) {
		digest_hash_free(d, h);
		return NULL;
	}
	return h;
}

static void digest_hash_put(struct digest *d, struct digest_hash *h)
{
	h->next = d->idle;
	d->idle = h;
}

/* Writes the digest as hexadecimal; `hex` takes 2 * DIGEST_MAX + 1 bytes. */
static void digest_hash_hex(const struct digest *d, struct digest_hash *h, char *hex)
{
	unsigned char raw[DIGEST_MAX];
	unsigned n = 0;

	if (d->algo == DIGEST_XXH3) {
		XXH128_canonical_t c;
		XXH128_canonicalFromHash(&c, XXH3_128bits_digest(h->u.xxh));
		n = sizeof(c.digest);
		memcpy(raw, c.digest, n);
	} else if (EVP_DigestFinal_ex(h->u.evp, raw, &n) != 1) {
		n = 0;
	}
	*hex = 0;
	for (unsigned i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", raw[i]);
}

static void digest_close(void *self)
{
	struct digest *d = self;

	while (d->idle) {
		struct digest_hash *h = d->idle;
		d->idle = h->next;
		digest_hash_free(d, h);
	}
	outfile_close(d->out);
	free(d);
}

static int digest_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	struct digest *d = calloc(1, sizeof(*d));
	const char *path;
	int algo = 0, rc;

	if (!d)
		return mod_no_memory(err, errlen);
	rc = mod_arg_choice(args, "algo", digest_algos, &algo, err, errlen);
	d->algo = (enum digest_algo)algo;
	if (!rc)
		rc = mod_arg_bool(args, "udp", false, &d->udp, err, errlen);
	if (!rc)
		rc = mod_arg_path(args, "out", &path, err, errlen);
	if (!rc && path)
		rc = outfile_open(path, OUTFILE_SORTED, NULL, &d->out, err, errlen);
	if (rc) {
		digest_close(d);
		return rc;
	}
	*self = d;
	return 0;
}

static bool digest_wanted(const struct digest *d, const struct fos_stream *s)
{
	return d->udp || fos_session_key(fos_stream_session(s))->proto == IPPROTO_TCP;
}

static void digest_stream_data(void *self, struct fos_stream *s)
{
	struct digest *d = self;
	struct digest_stream *st = fos_stream_state(s);
	const uint8_t *run;
	size_t len;

	if (!st->hash && !st->lost && digest_wanted(d, s)) {
		st->hash = digest_hash_get(d);
		st->lost = !st->hash;
	}
	while (st->hash && (run = fos_stream_take(s, &len))) {
		if (d->algo == DIGEST_XXH3)
			XXH3_128bits_update(st->hash->u.xxh, run, len);
		else
			EVP_DigestUpdate(st->hash->u.evp, run, len);
		st->bytes += len;
	}
	fos_release_all(s);
}

static void digest_stream_gap(void *self, struct fos_stream *s, uint64_t off, uint64_t len)
{
	struct digest *d = self;
	struct digest_stream *st = fos_stream_state(s);

	if (!digest_wanted(d, s))
		return;
	d->gaps++;
	d->gap_bytes += len;
	if ((st->gaps & (st->gaps - 1)) == 0) { /* full: 0, 1, 2, 4, ... */
		size_t room = st->gaps ? 2 * (size_t)st->gaps : 1;
		struct digest_gap *more = realloc(st->gap, room * sizeof(*more));
		if (!more) {
			st->lost = true;
			return;
		}
		st->gap = more;
	}
	st->gap[st->gaps++] = (struct digest_gap){ off, len };
}

/* "OFF+LEN,..." or "-"; NULL: no memory. */
static char *digest_gaps_text(const struct digest_stream *st)
{
	char *text = malloc((size_t)st->gaps * 44 + 2), *at = text;

	if (!text)
		return NULL;
	strcpy(text, "-");
	for (uint32_t i = 0; i < st->gaps; i++)
		at += sprintf(at, "%s%llu+%llu", i ? "," : "", (unsigned long long)st->gap[i].off,
		              (unsigned long long)st->gap[i].len);
	return text;
}

static void digest_stream_close(void *self, struct fos_stream *s, enum fos_end end)
{
	struct digest *d = self;
	struct digest_stream *st = fos_stream_state(s);
	char name[MOD_NAME_TEXT], hex[2 * DIGEST_MAX + 1], *gaps = NULL, *line = NULL;

	(void)end;
	if (!st->hash && !st->gaps && !st->lost)
		return;
	if (!st->hash && !st->lost) { /* gaps and nothing else */
		st->hash = digest_hash_get(d);
		st->lost = !st->hash;
	}
	if (!st->lost)
		gaps = digest_gaps_text(st);
	if (gaps) {
		mod_stream_name(fos_session_key(fos_stream_session(s)), fos_stream_dir(s), name);
		digest_hash_hex(d, st->hash, hex);
		int n = asprintf(&line, "%s bytes=%llu %s gaps=%s", name, (unsigned long long)st->bytes, hex, gaps);
		if (n >= 0) {
			d->streams++;
			d->bytes += st->bytes;
			d->combined += XXH3_64bits(line, (size_t)n);
			outfile_line(d->out, "%s", line);
			free(line);
		} else {
			st->lost = true;
		}
	}
	d->lost += st->lost || !gaps;
	if (st->hash)
		digest_hash_put(d, st->hash);
	free(gaps);
	free(st->gap);
	*st = (struct digest_stream){ 0 };
}

static int digest_finish(void *self, char *err, size_t errlen)
{
	struct digest *d = self;

	return outfile_finish(d->out, err, errlen);
}

static void digest_report(void *self, struct fos_report *r)
{
	struct digest *d = self;

	fos_report_str(r, "algo", digest_algos[d->algo]);
	fos_report_u64(r, "streams", d->streams);
	fos_report_u64(r, "bytes", d->bytes);
	fos_report_u64(r, "gaps", d->gaps);
	fos_report_u64(r, "gap_bytes", d->gap_bytes);
	fos_report_u64(r, "no_memory", d->lost);
	mod_report_sum(r, "combined", d->combined);
}

static int digest_merge(void *self, void *other)
{
	struct digest *d = self;
	const struct digest *o = other;

	d->streams += o->streams;
	d->bytes += o->bytes;
	d->gaps += o->gaps;
	d->gap_bytes += o->gap_bytes;
	d->lost += o->lost;
	d->combined += o->combined;
	return 0;
}

static const char *const digest_args[] = {
	"algo=xxh3|sha256  the hash: XXH3 of 128 bits (default) or SHA-256",
	"out=FILE  a line a stream, sorted: tcp SRC:PORT > DST:PORT bytes=N HEX gaps=OFF+LEN,...",
	"udp=yes|no  UDP conversations too, as streams in order of arrival (default no)",
	NULL,
};

FOS_MODULE(.name = "digest", .summary = "a hash of every stream", .arg_help = digest_args, .access = FOS_READ_ONLY,
           .stream_state = sizeof(struct digest_stream), .open = digest_open, .finish = digest_finish,
           .report = digest_report, .close = digest_close, .stream_data = digest_stream_data,
           .stream_gap = digest_stream_gap, .stream_close = digest_stream_close, .merge = digest_merge);
