/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gen_spec.c: reads the text of a --gen option. Pure functions.
 */
#include "gen_internal.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_MAX = 32 };

/* A number with one of the suffixes, each of which multiplies it. Returns 0 or -1. */
struct suffix {
	const char *text;
	uint64_t times;
};

static const struct suffix counts[] = { { "", 1 }, { "k", 1000 }, { "M", 1000000 }, { NULL, 0 } };
static const struct suffix times[] = {
	{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { NULL, 0 }
};

static int number(const char *value, const struct suffix *s, uint64_t *out)
{
	char *end;
	uint64_t v;

	if (!isdigit((unsigned char)*value))
		return -1;
	errno = 0;
	v = strtoull(value, &end, 10);
	if (errno)
		return -1;
	for (; s->text; s++)
		if (!strcmp(end, s->text))
			return __builtin_mul_overflow(v, s->times, out) ? -1 : 0;
	return -1;
}

static int wrong(char *err, size_t errlen, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int wrong(char *err, size_t errlen, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* The keys that are numbers, their bounds, and where they go. */
static const struct field {
	const char *key;
	const struct suffix *suffixes;
	uint64_t min, max;
	size_t offset, size;
} fields[] = {
#define FIELD(name, suffixes, min, max, member)                                                                        \
	{                                                                                                              \
		name, suffixes, min, max, offsetof(struct fos_gen_spec, member),                                       \
		    sizeof(((struct fos_gen_spec *)0)->member)                                                         \
	}
	FIELD("sessions", counts, 1, FOS__GEN_SESSIONS_MAX, sessions),
	FIELD("bytes", counts, 0, UINT64_C(1) << 40, bytes),
	FIELD("request", counts, 0, UINT64_C(1) << 40, request),
	FIELD("mss", counts, 1, 65000, mss),
	FIELD("ack", counts, 0, 1000000, ack),
	FIELD("gap", times, 0, UINT64_C(3600000000000), gap_ns),
	FIELD("concurrent", counts, 1, FOS__GEN_SESSIONS_MAX, concurrent),
	FIELD("vlan", counts, 1, 4094, vlan),
	FIELD("seed", counts, 0, UINT64_MAX, seed),
#undef FIELD
};

static void store(struct fos_gen_spec *spec, const struct field *f, uint64_t v)
{
	char *at = (char *)spec + f->offset;

	if (f->size == sizeof(uint64_t)) {
		memcpy(at, &v, sizeof v);
	} else if (f->size == sizeof(uint32_t)) {
		uint32_t narrow = (uint32_t)v;

		memcpy(at, &narrow, sizeof narrow);
	} else {
		uint16_t narrow = (uint16_t)v;

		memcpy(at, &narrow, sizeof narrow);
	}
}

static int set_close(struct fos_gen_spec *spec, const char *value)
{
	static const char *const names[] = { [FOS_GEN_FIN] = "fin", [FOS_GEN_RST] = "rst", [FOS_GEN_NONE] = "none" };

	for (uint8_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(value, names[i])) {
			spec->close = i;
			return 0;
		}
	return -1;
}

static int set(struct fos_gen_spec *spec, const char *key, const char *value, char *err, size_t errlen)
{
	uint64_t v;

	if (!strcmp(key, "close"))
		return set_close(spec, value) ? wrong(err, errlen, "gen: close=%s: it is fin, rst or none", value) : 0;
	if (!strcmp(key, "ip")) {
		if (strcmp(value, "4") && strcmp(value, "6"))
			return wrong(err, errlen, "gen: ip=%s: it is 4 or 6", value);
		spec->ip = (uint8_t)(*value - '0');
		return 0;
	}
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		const struct field *f = &fields[i];

		if (strcmp(key, f->key))
			continue;
		if (number(value, f->suffixes, &v))
			return wrong(err, errlen, "gen: %s=%s: %s", key, value,
			             f->suffixes == times ? "not a time (a number with ns, us, ms or s)"
			                                  : "not a count (k and M may follow)");
		if (v < f->min || v > f->max)
			return wrong(err, errlen, "gen: %s=%s: not between %" PRIu64 " and %" PRIu64, key, value,
			             f->min, f->max);
		store(spec, f, v);
		return 0;
	}
	return wrong(
	    err, errlen,
	    "gen: %s: no such key (sessions, bytes, request, mss, ack, gap, concurrent, ip, vlan, close, seed)", key);
}

int fos_gen_parse(const char *text, struct fos_gen_spec *spec, char *err, size_t errlen)
{
	*spec = (struct fos_gen_spec){
		.sessions = 100,
		.bytes = 40000,
		.request = 100,
		.gap_ns = 1000,
		.seed = 1,
		.mss = 1448,
		.ack = 2,
		.ip = 4,
	};
	if (errlen)
		err[0] = 0;
	while (*text) {
		size_t len = strcspn(text, ","), key = strcspn(text, "=,");
		char pair[2 * VALUE_MAX];
		int ret;

		if (len >= sizeof pair)
			return wrong(err, errlen, "gen: %.20s...: too long", text);
		memcpy(pair, text, len);
		pair[len] = 0;
		if (key >= len || !key)
			return wrong(err, errlen, "gen: \"%s\": not key=value", pair);
		pair[key] = 0;
		ret = set(spec, pair, pair + key + 1, err, errlen);
		if (ret)
			return ret;
		text += len;
		if (*text == ',' && !*++text)
			return wrong(err, errlen, "gen: a comma at the end");
	}
	return 0;
}
