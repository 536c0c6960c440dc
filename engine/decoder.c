/* SPDX-License-Identifier: BSD-2-Clause
 *
 * decoder.c: the registry of decoders, and those that ship: ip, tcp, udp, app, http.
 */
#include <flowos/decoder.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { DECODERS_MAX = 64 };

static const uint8_t *start_ip(const struct fos_pkt *p, const uint8_t *prev, uint64_t off, uint32_t *state)
{
	(void)prev, (void)off, (void)state;
	return p->ip;
}

static const uint8_t *start_tcp(const struct fos_pkt *p, const uint8_t *prev, uint64_t off, uint32_t *state)
{
	(void)prev, (void)off, (void)state;
	return p->proto == IPPROTO_TCP ? p->ip + p->l4 : NULL;
}

static const uint8_t *start_udp(const struct fos_pkt *p, const uint8_t *prev, uint64_t off, uint32_t *state)
{
	(void)prev, (void)off, (void)state;
	return p->proto == IPPROTO_UDP ? p->ip + p->l4 : NULL;
}

static const uint8_t *start_app(const struct fos_pkt *p, const uint8_t *prev, uint64_t off, uint32_t *state)
{
	(void)prev, (void)off, (void)state;
	return p->app;
}

/* Does a stream that begins with these bytes speak HTTP/1 (RFC 9112)? A message begins with a method and a space, or
 * with "HTTP/1.". */
static bool looks_like_http(const uint8_t *d, uint32_t len)
{
	static const char *const begin[] = { "GET ",     "HEAD ",    "POST ",  "PUT ",   "DELETE ",
		                             "CONNECT ", "OPTIONS ", "TRACE ", "PATCH ", "HTTP/1." };

	for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++) {
		size_t n = strlen(begin[i]);

		if (len >= n ? memcmp(d, begin[i], n) == 0 : len >= 3 && memcmp(d, begin[i], len) == 0)
			return true;
	}
	return false;
}

/* A direction is HTTP or is not, by its first packet with payload. Then its level is the payload. */
static const uint8_t *start_http(const struct fos_pkt *p, const uint8_t *prev, uint64_t off, uint32_t *state)
{
	enum { UNKNOWN, YES, NO };

	(void)off;
	if (*state == UNKNOWN)
		*state = looks_like_http(prev, p->app_len) ? YES : NO;
	return *state == YES ? prev : NULL;
}

static const struct fos_decoder builtin[] = {
	{ "ip", start_ip }, { "tcp", start_tcp }, { "udp", start_udp }, { "app", start_app }, { "http", start_http },
};

enum { BUILTINS = sizeof(builtin) / sizeof(builtin[0]) };

static const struct fos_decoder *added[DECODERS_MAX];
static unsigned n_added;

const struct fos_decoder *fos_decoder_find(const char *name, unsigned long len)
{
	for (unsigned i = 0; i < BUILTINS + n_added; i++) {
		const struct fos_decoder *d = i < BUILTINS ? &builtin[i] : added[i - BUILTINS];

		if (strlen(d->name) == len && strncasecmp(d->name, name, len) == 0)
			return d;
	}
	return NULL;
}

int fos_decoder_register(const struct fos_decoder *d)
{
	if (fos_decoder_find(d->name, strlen(d->name)))
		return -EEXIST;
	if (n_added == DECODERS_MAX)
		return -ENOSPC;
	added[n_added++] = d;
	return 0;
}
