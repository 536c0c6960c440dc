/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_engine_read.c: what another engine wrote, read as golden lines: the last part of golden_engine.h. Stricter
 * than golden.c, since it is somebody's first try, and addresses may be written in any way. Pure.
 */
#include "golden_engine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next word of *p, ended by a blank or the end; *p goes on behind it. "" at the end. */
static char *word(char **p)
{
	char *w = *p;

	*p += strcspn(*p, " ");
	if (**p)
		*(*p)++ = '\0';
	return w;
}

/* Decimal digits that make a number of at most `max`. */
static bool number(const char *text, unsigned long long max)
{
	size_t n = strlen(text);

	if (n == 0 || n > 20 || strspn(text, "0123456789") != n)
		return false;
	errno = 0;
	return strtoull(text, NULL, 10) <= max && errno == 0;
}

/* Writes "ADDR:PORT" or "[ADDR]:PORT" as this project does; false: it is none. */
static bool endpoint(const char *text, char *buf, size_t len)
{
	const char *colon = strrchr(text, ':');
	char addr[64], shown[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	bool v6 = text[0] == '[';
	size_t n;

	if (!colon || !number(colon + 1, 65535))
		return false;
	n = (size_t)(colon - text);
	if (v6 && (n < 2 || text[n - 1] != ']'))
		return false;
	snprintf(addr, sizeof(addr), "%.*s", (int)(v6 ? n - 2 : n), text + v6);
	if (inet_pton(v6 ? AF_INET6 : AF_INET, addr, bytes) != 1)
		return false;
	inet_ntop(v6 ? AF_INET6 : AF_INET, bytes, shown, sizeof(shown));
	snprintf(buf, len, v6 ? "[%s]:%llu" : "%s:%llu", shown, strtoull(colon + 1, NULL, 10));
	return true;
}

/* "-" or "OFF+LEN,OFF+LEN". */
static bool gaps_ok(const char *text)
{
	if (strcmp(text, "-") == 0)
		return true;
	if (!*text)
		return false;
	while (*text) {
		size_t digits = strspn(text, "0123456789"), more;

		if (!digits || digits > 20 || text[digits] != '+')
			return false;
		text += digits + 1;
		more = strspn(text, "0123456789");
		if (!more || more > 20)
			return false;
		text += more;
		if (*text == ',' && text[1])
			text++;
		else if (*text)
			return false;
	}
	return true;
}

static bool end_ok(const char *text)
{
	return strcmp(text, "fin") == 0 || strcmp(text, "rst") == 0 || strcmp(text, "timeout") == 0 ||
	       strcmp(text, "eof") == 0;
}

/* What is wrong with one "name=value", or NULL; *seen collects which there were. */
static const char *value_wrong(const char *w, bool udp, unsigned *seen)
{
	static const struct {
		const char *name;
		bool tcp, udp;
	} known[] = {
		{ "datagrams=", false, true }, { "bytes=", true, true }, { "sha256=", true, true },
		{ "gaps=", true, false },      { "end=", true, false },  { "start=", true, false },
	};

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t n = strlen(known[i].name);
		const char *v = w + n;

		if (strncmp(w, known[i].name, n) != 0 || !(udp ? known[i].udp : known[i].tcp))
			continue;
		if (*seen >> i)
			return "words stand in the order datagrams, bytes, sha256, gaps, end, start, each once";
		*seen |= 1u << i;
		if (i < 2)
			return number(v, UINT64_MAX) ? NULL : "datagrams= and bytes= take a number";
		if (i == 2)
			return strlen(v) == 64 && strspn(v, "0123456789abcdef") == 64
			           ? NULL
			           : "sha256= takes 64 digits 0-9 and a-f";
		if (i == 3)
			return gaps_ok(v) ? NULL : "gaps= takes OFF+LEN,... or -";
		if (i == 4)
			return end_ok(v) ? NULL : "end= takes fin, rst, timeout or eof";
		return strcmp(v, "mid") == 0 ? NULL : "start= takes mid";
	}
	return "an unknown word";
}

/* Takes `text` apart and writes it as this project does. What is wrong, or NULL. */
static const char *stream_line(char *text, char **out)
{
	char src[80], dst[80], *use = NULL, *rest, *copy, *p = text;
	bool udp = strcmp(word(&p), "udp") == 0;
	const char *wrong = NULL;
	unsigned seen = 0, must = udp ? 7 : 6;

	if (!udp && strcmp(text, "tcp") != 0)
		return "is neither a stream (tcp ..., udp ...) nor a comment (# ...)";
	if (!endpoint(word(&p), src, sizeof(src)) || strcmp(word(&p), ">") != 0 ||
	    !endpoint(word(&p), dst, sizeof(dst)))
		return "behind tcp or udp stands ADDR:PORT > ADDR:PORT, with [ADDR] for IPv6";
	if (!udp) {
		use = word(&p);
		if (use[0] != '#' || !number(use + 1, UINT32_MAX))
			return "behind the addresses stands #K, which use of them it is, from #0";
	}
	rest = p;
	copy = strdup(rest);
	if (!copy)
		return "no memory";
	for (char *c = copy; !wrong && *c;)
		wrong = value_wrong(word(&c), udp, &seen);
	free(copy);
	if (!wrong && (seen & must) != must)
		wrong = udp ? "lacks one of datagrams=, bytes=, sha256=" : "lacks bytes= or sha256=";
	if (!wrong && asprintf(out, "%s %s > %s %s%s%s", text, src, dst, use ? use : "", use ? " " : "", rest) < 0)
		wrong = "no memory";
	return wrong;
}

static const char *one_line(char *line, struct bench_golden *out)
{
	char *colon, *shown = NULL;
	const char *wrong;

	if (line[0] == '#') {
		colon = strstr(line, ": ");
		if (colon && line[1] == ' ' && colon > line + 2) {
			*colon = '\0';
			bench_golden_set(out, line + 2, colon + 2); /* beyond the 32nd they are skipped */
		}
		return NULL;
	}
	wrong = stream_line(line, &shown);
	if (!wrong && bench_golden_add_line(out, shown))
		wrong = "no memory";
	free(shown);
	return wrong;
}

int golden_engine_read(char *text, size_t len, struct bench_golden *out, char *err, size_t errlen)
{
	const char *wrong = NULL;
	size_t lines = 0;

	memset(out, 0, sizeof(*out));
	for (char *line = text, *end; !wrong && line < text + len; line = end) {
		char shown[64];
		size_t n;

		end = memchr(line, '\n', (size_t)(text + len - line));
		n = (size_t)((end ? end : text + len) - line);
		end = end ? end + 1 : text + len;
		lines++;
		line[n] = '\0';
		if (n && line[n - 1] == '\r')
			line[--n] = '\0';
		if (n == 0)
			continue;
		snprintf(shown, sizeof(shown), "%.60s", line);
		for (char *p = shown; *p; p++)
			if ((unsigned char)*p < ' ' || (unsigned char)*p > 126)
				*p = '?';
		if (strlen(line) != n)
			wrong = "has a zero byte";
		else
			wrong = one_line(line, out);
		if (wrong)
			snprintf(err, errlen, "line %zu: %s: \"%s\"", lines, wrong, shown);
	}
	bench_golden_sort(out);
	if (wrong)
		bench_golden_free(out);
	return wrong ? -EINVAL : 0;
}
