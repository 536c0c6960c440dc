/* SPDX-License-Identifier: BSD-2-Clause
 *
 * decisions_text.c: decisions as text: as lines of a file, written and read, and as a person reads them. The form is in
 * decisions.h. Touches the file that it is given, and nothing else.
 */
#include <flowos/decisions.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/outfile.h>

#include "value.h"

static const char head[] = "# flowos-decisions 1";

struct out {
	char *buf;
	size_t len, at;
};

static void put(struct out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct out *o, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(o->buf + o->at, o->len - o->at, format, args);
	va_end(args);
	if (n > 0)
		o->at = o->at + (size_t)n < o->len ? o->at + (size_t)n : o->len - 1;
}

char *fos_decision_text(const struct fos_decision *d, char *buf, size_t len)
{
	struct out o = { .buf = buf, .len = len };

	put(&o, "%" PRIu64, d->num);
	if (d->actions & FOS_DECISION_LOSS)
		put(&o, " loss");
	if (d->actions & FOS_DECISION_AGAIN)
		put(&o, " ns=%" PRIu64, d->hold_ns);
	if (d->actions & FOS_DECISION_CORRUPT)
		put(&o, " corrupt bit=%u%s", d->bit, d->actions & FOS_DECISION_FIX ? " fix" : "");
	if (d->actions & FOS_DECISION_TRUNCATE)
		put(&o, " truncate len=%u", d->cut_len);
	if (d->actions & FOS_DECISION_REORDER_NS)
		put(&o, " reorder ns=%" PRIu64, d->hold_ns);
	else if (d->actions & FOS_DECISION_REORDER)
		put(&o, " reorder k=%u%s", d->reorder_k, d->actions & FOS_DECISION_LINK ? " link" : "");
	if (d->actions & FOS_DECISION_DUP)
		put(&o, " dup k=%u", d->dup_k);
	if (d->actions & FOS_DECISION_DELAY)
		put(&o, " delay ns=%" PRIu64, d->delay_ns);
	return buf;
}

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

static void note_reorder(const struct fos_decision *d, struct out *o)
{
	char time[FOS__VALUE_TEXT];

	if (d->actions & FOS_DECISION_REORDER_NS)
		put(o, "; held back for %s (reorder)", fos__value_time_text(d->hold_ns, time));
	else
		put(o, "; held back by %u packet%s%s (reorder)", d->reorder_k, plural(d->reorder_k),
		    d->actions & FOS_DECISION_LINK ? " of the link" : "");
}

char *fos_decision_note(const struct fos_decision *d, char *buf, size_t len)
{
	struct out o = { .buf = buf, .len = len };
	char time[FOS__VALUE_TEXT];
	size_t start;

	put(&o, "flowos: frame %" PRIu64 ":", d->num);
	start = o.at;
	if (d->actions & FOS_DECISION_AGAIN)
		put(&o, "; lost, sent again after %s (loss)", fos__value_time_text(d->hold_ns, time));
	else if (d->actions & FOS_DECISION_LOSS)
		put(&o, "; lost (loss)");
	if (d->actions & FOS_DECISION_CORRUPT)
		put(&o, "; bit %u of byte %u flipped%s (corrupt)", d->bit % 8, d->bit / 8,
		    d->actions & FOS_DECISION_FIX ? ", checksum repaired" : "");
	if (d->actions & FOS_DECISION_TRUNCATE)
		put(&o, "; cut to %u byte%s (truncate)", d->cut_len, plural(d->cut_len));
	if (d->actions & FOS_DECISION_REORDER)
		note_reorder(d, &o);
	if ((d->actions & FOS_DECISION_DUP) && d->dup_k == 0)
		put(&o, "; sent twice, the copy directly after (dup)");
	else if (d->actions & FOS_DECISION_DUP)
		put(&o, "; sent twice, the copy %u packet%s later (dup)", d->dup_k, plural(d->dup_k));
	if (d->actions & FOS_DECISION_DELAY)
		put(&o, "; delayed by %s (delay)", fos__value_time_text(d->delay_ns, time));
	if (start + 1 < o.at)
		memmove(buf + start, buf + start + 1, o.at - start); /* the first "; " follows a colon */
	return buf;
}

int fos_decisions_write(const struct fos_decisions *l, const char *path, const char *options, char *err, size_t errlen)
{
	struct fos_outfile *o;
	char line[FOS_DECISION_TEXT];
	int r = fos_outfile_open(path, &o);

	if (r == 0) {
		FILE *f = fos_outfile_stream(o);

		fprintf(f, "%s\n", head);
		if (options)
			fprintf(f, "# options: %s\n", options);
		for (size_t i = 0; i < fos_decisions_count(l); i++)
			fprintf(f, "%s\n", fos_decision_text(fos_decisions_at(l, i), line, sizeof line));
		r = fos_outfile_commit(o);
	}
	if (r)
		snprintf(err, errlen, "%s: %s", path, strerror(-r));
	return r;
}

/* A number from 0 to `max` behind "key"; moves *s behind it. */
static bool take_number(char **s, const char *key, uint64_t max, uint64_t *out)
{
	size_t n = strlen(key);
	uint64_t v = 0;
	char *p = *s + n;

	if (strncmp(*s, key, n) != 0 || *p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (v > (max - (uint64_t)(*p - '0')) / 10)
			return false;
		v = v * 10 + (uint64_t)(*p - '0');
	}
	if (*p != ' ' && *p != '\0')
		return false;
	*s = p;
	*out = v;
	return true;
}

static bool take_number32(char **s, const char *key, uint32_t *out)
{
	uint64_t v;

	if (!take_number(s, key, UINT32_MAX, &v))
		return false;
	*out = (uint32_t)v;
	return true;
}

static bool take_word(char **s, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*s, word, n) != 0 || ((*s)[n] != ' ' && (*s)[n] != '\0'))
		return false;
	*s += n;
	return true;
}

static bool take_action(char **s, struct fos_decision *d, uint32_t *got)
{
	const uint64_t hour = UINT64_C(3600) * 1000000000;

	*got = 0;
	if (take_word(s, " loss")) {
		*got = FOS_DECISION_LOSS | (take_number(s, " ns=", hour, &d->hold_ns) ? FOS_DECISION_AGAIN : 0);
	} else if (take_word(s, " corrupt")) {
		*got = FOS_DECISION_CORRUPT;
		if (!take_number32(s, " bit=", &d->bit))
			return false;
		*got |= take_word(s, " fix") ? FOS_DECISION_FIX : 0;
	} else if (take_word(s, " truncate")) {
		*got = FOS_DECISION_TRUNCATE;
		return take_number32(s, " len=", &d->cut_len) && d->cut_len > 0;
	} else if (take_word(s, " reorder")) {
		*got = FOS_DECISION_REORDER;
		if (take_number(s, " ns=", hour, &d->hold_ns))
			*got |= FOS_DECISION_REORDER_NS;
		else if (!take_number32(s, " k=", &d->reorder_k) || d->reorder_k == 0)
			return false;
		else
			*got |= take_word(s, " link") ? FOS_DECISION_LINK : 0;
	} else if (take_word(s, " dup")) {
		*got = FOS_DECISION_DUP;
		return take_number32(s, " k=", &d->dup_k);
	} else if (take_word(s, " delay")) {
		*got = FOS_DECISION_DELAY;
		return take_number(s, " ns=", 2 * hour, &d->delay_ns);
	}
	return *got != 0;
}

/* Returns what is wrong with the line, or NULL. */
static const char *read_line(char *line, struct fos_decision *d)
{
	const uint32_t alone = FOS_DECISION_LOSS | FOS_DECISION_AGAIN | FOS_DECISION_DELAY;
	char *s = line;
	uint32_t got;

	*d = (struct fos_decision){ 0 };
	if (!take_number(&s, "", UINT64_MAX, &d->num) || d->num == 0)
		return "a line begins with the number of a frame";
	while (*s) {
		if (!take_action(&s, d, &got))
			return "not a decision, such as 'reorder k=5'";
		if (d->actions & got)
			return "the same decision twice";
		d->actions |= got;
	}
	if (d->actions == 0)
		return "a decision is missing";
	if ((d->actions & FOS_DECISION_LOSS) && (d->actions & ~alone))
		return "a lost packet is not changed, held back or copied";
	if ((d->actions & FOS_DECISION_CORRUPT) && (d->actions & FOS_DECISION_TRUNCATE))
		return "a corrupted packet is not truncated as well";
	return NULL;
}

static int read_lines(FILE *f, const char *path, struct fos_decisions *l, char *err, size_t errlen)
{
	char *line = NULL;
	const char *why = NULL;
	size_t size = 0;
	unsigned long number = 0;
	struct fos_decision d;
	ssize_t n;
	int r = 0;

	while (!why && r == 0 && (n = getline(&line, &size, f)) >= 0) {
		if (n > 0 && line[n - 1] == '\n')
			line[n - 1] = '\0';
		number++;
		if (number == 1 && strcmp(line, head) != 0)
			why = "not a file of decisions of version 1 (its first line is '# flowos-decisions 1')";
		else if (line[0] != '#' && line[0] != '\0')
			why = read_line(line, &d);
		else
			continue;
		if (!why)
			r = fos_decisions_add(l, &d);
	}
	free(line);
	if (ferror(f) && r == 0 && !why)
		r = errno ? -errno : -EIO;
	if (r == 0 && !why && number == 0)
		why = "an empty file";
	if (!why)
		return r;
	snprintf(err, errlen, "%s:%lu: %s", path, number, why);
	return -EINVAL;
}

int fos_decisions_read(const char *path, struct fos_decisions **out, char *err, size_t errlen)
{
	bool std = strcmp(path, "-") == 0;
	struct fos_decisions *l = NULL;
	uint64_t twice = 0;
	int r = fos_decisions_create(&l);
	FILE *f = NULL;

	if (r == 0) {
		f = std ? stdin : fopen(path, "re");
		r = f ? 0 : -errno;
	}
	if (r == 0)
		r = read_lines(f, path, l, err, errlen);
	if (r != 0 && r != -EINVAL)
		snprintf(err, errlen, "%s: %s", path, strerror(-r));
	if (f && !std)
		fclose(f);
	if (r == 0 && fos_decisions_sort(l, &twice) != 0) {
		snprintf(err, errlen, "%s: frame %" PRIu64 " has two lines", path, twice);
		r = -EINVAL;
	}
	if (r == 0)
		*out = l;
	else
		fos_decisions_put(l);
	return r;
}
