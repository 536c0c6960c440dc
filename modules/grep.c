/* SPDX-License-Identifier: BSD-2-Clause
 *
 * grep.c: searches streams for many patterns at once, with vectorscan in streaming mode: a match may lie across any
 * number of packets, and no byte is kept or looked at twice.
 *
 * A match is counted for each place where it can end (`a+` ends three times in `aaa`). A gap ends what was begun: the
 * search starts anew behind it, `^` included, and what needs the stream's end (`$`) does not match at a gap. UDP
 * datagrams are searched one by one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hs.h>

#include <flowos/module.h>

#include "util/args.h"
#include "util/names.h"
#include "util/outfile.h"
#include "util/patterns.h"

struct grep_stream {
	hs_stream_t *search;
	uint64_t base; /* offset in the stream where the search began */
	bool matched, lost;
};

struct grep {
	struct patterns patterns;
	hs_scratch_t *scratch;
	hs_stream_t *datagram; /* one for all: it begins anew with each */
	struct outfile *out;
	uint64_t *matches; /* by pattern */
	uint64_t total, streams, bytes, gaps, streams_matched, datagrams, datagrams_matched, lost;
	/* what is being searched, for grep_match: */
	const struct fos_key *key;
	int dir;
	uint64_t base, before;
};

static int grep_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *arg)
{
	struct grep *g = arg;
	char name[MOD_NAME_TEXT];

	(void)from, (void)flags;
	g->matches[id]++;
	g->total++;
	if (g->out) {
		mod_stream_name(g->key, g->dir, name);
		outfile_line(g->out, "%s\t%llu\t%u", name, (unsigned long long)(g->base + to), g->patterns.list[id].id);
	}
	return 0;
}

/* Says whose matches grep_match gets from now on. */
static void grep_at(struct grep *g, const struct fos_session *s, int dir, uint64_t base)
{
	g->key = fos_session_key(s);
	g->dir = dir;
	g->base = base;
	g->before = g->total;
}

static void grep_close(void *self)
{
	struct grep *g = self;

	hs_close_stream(g->datagram, NULL, NULL, NULL);
	hs_free_scratch(g->scratch);
	patterns_free(&g->patterns);
	outfile_close(g->out);
	free(g->matches);
	free(g);
}

static int grep_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	struct grep *g = calloc(1, sizeof(*g));
	const char *path = NULL;
	int rc;

	if (!g)
		return mod_no_memory(err, errlen);
	rc = mod_arg_path(args, "out", &path, err, errlen);
	if (!rc && hs_valid_platform() != HS_SUCCESS) {
		snprintf(err, errlen, "grep: this processor is older than what the pattern library needs");
		rc = -ENOTSUP;
	}
	if (!rc)
		rc = patterns_read(&g->patterns, args, err, errlen);
	if (!rc) {
		g->matches = calloc(g->patterns.n, sizeof(*g->matches));
		if (!g->matches || hs_alloc_scratch(g->patterns.db, &g->scratch) != HS_SUCCESS ||
		    hs_open_stream(g->patterns.db, 0, &g->datagram) != HS_SUCCESS)
			rc = mod_no_memory(err, errlen);
	}
	if (!rc && path)
		rc = outfile_open(path, OUTFILE_BY_NAME, NULL, &g->out, err, errlen);
	if (rc) {
		grep_close(g);
		return rc;
	}
	*self = g;
	return 0;
}

static void grep_stream_data(void *self, struct fos_stream *s)
{
	struct grep *g = self;
	struct grep_stream *st = fos_stream_state(s);
	const uint8_t *run;
	size_t len;

	if (!st->search && !st->lost) {
		st->lost = hs_open_stream(g->patterns.db, 0, &st->search) != HS_SUCCESS;
		st->base = fos_stream_offset(s);
		g->streams++;
		g->lost += st->lost;
	}
	grep_at(g, fos_stream_session(s), fos_stream_dir(s), st->base);
	while (st->search && (run = fos_stream_take(s, &len))) {
		/* a run is part of one packet, so its length fits */
		hs_scan_stream(st->search, (const char *)run, (unsigned)len, 0, g->scratch, grep_match, g);
		g->bytes += len;
	}
	st->matched |= g->total != g->before;
	fos_release_all(s);
}

static void grep_stream_gap(void *self, struct fos_stream *s, uint64_t off, uint64_t len)
{
	struct grep *g = self;
	struct grep_stream *st = fos_stream_state(s);

	g->gaps++;
	if (st->search)
		hs_reset_stream(st->search, 0, NULL, NULL, NULL);
	st->base = off + len;
}

static void grep_stream_close(void *self, struct fos_stream *s, enum fos_end end)
{
	struct grep *g = self;
	struct grep_stream *st = fos_stream_state(s);

	(void)end;
	grep_at(g, fos_stream_session(s), fos_stream_dir(s), st->base);
	if (st->search)
		hs_close_stream(st->search, g->scratch, grep_match, g);
	st->search = NULL;
	st->matched |= g->total != g->before;
	g->streams_matched += st->matched;
}

static void grep_datagram(void *self, struct fos_session *s, const struct fos_pkt *p, int dir)
{
	struct grep *g = self;

	g->datagrams++;
	if (!p->app_len)
		return;
	g->bytes += p->app_len;
	grep_at(g, s, dir, 0);
	hs_scan_stream(g->datagram, (const char *)p->app, p->app_len, 0, g->scratch, grep_match, g);
	hs_reset_stream(g->datagram, 0, g->scratch, grep_match, g);
	g->datagrams_matched += g->total != g->before;
}

static int grep_finish(void *self, char *err, size_t errlen)
{
	struct grep *g = self;

	return outfile_finish(g->out, err, errlen);
}

static void grep_report(void *self, struct fos_report *r)
{
	struct grep *g = self;

	fos_report_u64(r, "patterns", g->patterns.n);
	fos_report_u64(r, "matches", g->total);
	fos_report_u64(r, "streams", g->streams);
	fos_report_u64(r, "streams_with_matches", g->streams_matched);
	fos_report_u64(r, "datagrams", g->datagrams);
	fos_report_u64(r, "datagrams_with_matches", g->datagrams_matched);
	fos_report_u64(r, "bytes", g->bytes);
	fos_report_u64(r, "gaps", g->gaps);
	fos_report_u64(r, "no_memory", g->lost);
	fos_report_begin(r, "by_pattern");
	for (size_t i = 0; i < g->patterns.n; i++)
		fos_report_u64(r, g->patterns.list[i].key, g->matches[i]);
	fos_report_end(r);
}

/* Both have the same patterns, in the same order. */
static int grep_merge(void *self, void *other)
{
	struct grep *g = self;
	const struct grep *o = other;

	g->total += o->total;
	g->streams += o->streams;
	g->streams_matched += o->streams_matched;
	g->datagrams += o->datagrams;
	g->datagrams_matched += o->datagrams_matched;
	g->bytes += o->bytes;
	g->gaps += o->gaps;
	g->lost += o->lost;
	for (size_t i = 0; i < g->patterns.n; i++)
		g->matches[i] += o->matches[i];
	return 0;
}

static const char *const grep_args[] = {
	"pattern=REGEX  what to look for, in the syntax of PCRE as far as hyperscan has it; repeatable",
	"file=PATH  patterns, one a line, or ID:/REGEX/FLAGS; repeatable",
	"literal=yes|no  patterns are plain text (default no)",
	"nocase=yes|no  letters of either case are the same (default no)",
	"out=FILE  a line a match, by stream: stream, offset behind the match, pattern's id, with tabs between",
	NULL,
};

FOS_MODULE(.name = "grep", .summary = "searches streams for many patterns at once, across packets",
           .arg_help = grep_args, .access = FOS_READ_ONLY, .stream_state = sizeof(struct grep_stream),
           .open = grep_open, .finish = grep_finish, .report = grep_report, .close = grep_close,
           .stream_data = grep_stream_data, .stream_gap = grep_stream_gap, .stream_close = grep_stream_close,
           .datagram = grep_datagram, .merge = grep_merge);
