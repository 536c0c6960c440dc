/* SPDX-License-Identifier: BSD-2-Clause
 *
 * template.c: a small module that works, to be copied: it counts lines. Read it from top to bottom; README.md
 * says how to build your own.
 *
 * What a module is: callbacks. The engine brings the bytes of every direction of every session in order, each once,
 * whatever happened to the packets, and calls `stream_data` when there are more. A module looks at the *window* of a
 * stream, [head, tail), and releases what it is done with; what it does not release it sees again, with what came
 * since. That is how this one waits for the end of a line that is not there yet, and it is all the buffering that
 * most modules need: nothing is copied for them, the bytes stay where the packets are.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/module.h> /* brings stream.h and report.h; a module includes nothing else of the engine */

/* Step 1: what an instance keeps. `open` makes one per worker thread, and its callbacks never run at the same time:
 * no locks. What they found is added up in the end: step 9. */
struct template
{
	uint64_t streams, lines, empty, too_long, cut, bytes;
	size_t size; /* of `line`: the longest line that is wanted, and 1 for the NUL */
	char *line;
};

/* Step 2: what is kept per stream. The engine gives `stream_state` bytes to each direction of each session, zeroed,
 * and frees them. Keep it small: there may be a million of them. */
struct template_stream {
	bool skip; /* inside a line that is too long */
};

/* Step 3: `open` reads the arguments (`template:max=100`) and refuses what it cannot use, with one line that says why.
 * Keys that are not in template_args are refused before it is called. */
static int template_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	const char *max = fos_module_arg(args, "max", "1000");
	char *end;
	unsigned long n = strtoul(max, &end, 10);

	if (*max < '0' || *max > '9' || *end || n < 1 || n > 1000000) {
		snprintf(err, errlen, "max=%s: takes a number from 1 to 1000000", max);
		return -EINVAL;
	}
	struct template *t = calloc(1, sizeof(*t));
	if (t)
		t->line = malloc(t->size = n + 1);
	if (!t || !t->line) {
		free(t);
		snprintf(err, errlen, "out of memory");
		return -ENOMEM;
	}
	*self = t;
	return 0;
}

/* Step 4: a direction carries its first bytes. Many modules need no such callback: leave out what you do not use. */
static void template_stream_open(void *self, struct fos_stream *s)
{
	struct template *t = self;

	(void)s;
	t->streams++;
}

static void template_line(struct template *t, size_t len)
{
	t->lines++;
	t->bytes += len;
	t->empty += len == 0;
}

/* A line that is longer than `max`: nothing of it is kept. Its rest is passed over up to its LF, which may be many
 * packets away. Returns false when the LF is still to come. */
static bool template_skip(struct template_stream *st, struct fos_sp *p, const struct fos_sp *tail)
{
	struct fos_sp lf;

	st->skip = fos_sp_find(p, tail, "\n", 1, &lf) != 0; /* found across packets as well as in one */
	*p = st->skip ? *tail : lf;
	if (!st->skip)
		fos_sp_advance(p, 1); /* behind the LF */
	return !st->skip;
}

/* Step 5: bytes. `p` is a stream pointer: a position, to be copied with `=`. It is valid until this function returns,
 * or until what it points to is released; to keep a place for the next call, keep p.off. */
static void template_stream_data(void *self, struct fos_stream *s)
{
	struct template *t = self;
	struct template_stream *st = fos_stream_state(s);
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);
	ssize_t n = 0;

	while (!st->skip || template_skip(st, &p, &tail)) {
		/* Copies a line, in whatever number of packets it came, and moves p behind it. -EAGAIN: no LF yet. (What needs
		 * no copy reads runs in place: fos_stream_take, as sum.c does, fos_sp_run, or bytes: fos_sp_next.) */
		n = fos_sp_read_line(&p, &tail, t->line, t->size);
		if (n == -EAGAIN)
			break;
		if (n == -EMSGSIZE) {
			t->too_long++;
			st->skip = true;
			continue;
		}
		template_line(t, (size_t)n);
	}
	/* Before p everything is done. From p on, an unfinished line stays in the window and comes again. In a gate, what is
	 * not released does not leave the box: do not hold on to more than you need. */
	fos_release(s, &p);
}

/* Step 6: bytes that never came. Called after stream_data for what lies before; what is in the window now is a line
 * whose end is lost. When this returns the engine has released it, and the head is behind the gap. */
static void template_stream_gap(void *self, struct fos_stream *s, uint64_t off, uint64_t len)
{
	struct template *t = self;
	struct template_stream *st = fos_stream_state(s);
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);

	(void)off, (void)len;
	t->cut += st->skip || fos_sp_distance(&p, &tail) > 0;
	st->skip = true; /* what follows is the rest of some line */
}

/* Step 7: the end. What was not released is still there: a last line without LF. Every stream is closed, whichever
 * way it ends, before `finish`. */
static void template_stream_close(void *self, struct fos_stream *s, enum fos_end end)
{
	struct template *t = self;
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);
	int64_t rest = fos_sp_distance(&p, &tail);

	(void)end;
	if (rest > 0)
		template_line(t, (size_t)rest);
}

/* Step 8: what was found. Names do not change from run to run. A module that writes
 * a file has `finish` as well, which closes it and tells of errors. */
static void template_report(void *self, struct fos_report *r)
{
	struct template *t = self;

	fos_report_u64(r, "streams", t->streams);
	fos_report_u64(r, "lines", t->lines);
	fos_report_u64(r, "line_bytes", t->bytes);
	fos_report_u64(r, "empty_lines", t->empty);
	fos_report_u64(r, "too_long", t->too_long);
	fos_report_u64(r, "cut_by_gaps", t->cut);
}

/* Step 9: with more workers there is an instance for each. When all are done, one gets the numbers of the others, and
 * reports; the sum must not depend on which sessions were whose. Without this the module runs with one worker only. */
static int template_merge(void *self, void *other)
{
	struct template *t = self;
	const struct template *o = other;

	t->streams += o->streams;
	t->lines += o->lines;
	t->bytes += o->bytes;
	t->empty += o->empty;
	t->too_long += o->too_long;
	t->cut += o->cut;
	return 0;
}

static void template_close(void *self)
{
	struct template *t = self;

	free(t->line);
	free(t);
}

static const char *const template_args[] = {
	"max=N  bytes of the longest line that is counted (default 1000)",
	NULL,
};

/* Step 10: the one symbol that the engine looks for. All else is static. */
FOS_MODULE(.name = "template", .summary = "counts lines; to be copied", .arg_help = template_args, .level = "app",
           .access = FOS_READ_ONLY, .stream_state = sizeof(struct template_stream), .open = template_open,
           .report = template_report, .close = template_close, .stream_open = template_stream_open,
           .stream_data = template_stream_data, .stream_gap = template_stream_gap,
           .stream_close = template_stream_close, .merge = template_merge);
