/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_answer_sessions.c: the sessions that are there, a page at a time. Each worker is asked between its batches, for a
 * few at a time; "next" says where the next page begins. See mb_answer.h.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_out_text.h"
#include "mb_answer.h"

struct page {
	/* the filter: what is not 0 must be so */
	const char *flow;
	uint8_t host[16], version, proto;
	uint16_t port;
	/* the walk */
	unsigned worker;
	uint32_t from;
	uint64_t looked, max;
	json_t *list;
};

static bool wanted(const struct page *g, const struct fos_session *s)
{
	const struct fos_key *k = fos_session_key(s);

	if (g->flow && strcmp(g->flow, fos_session_flow(s)) != 0)
		return false;
	if (g->proto && k->proto != g->proto)
		return false;
	if (g->port && k->port[0] != g->port && k->port[1] != g->port)
		return false;
	return !g->version || (k->version == g->version &&
	                       (memcmp(k->addr[0], g->host, 16) == 0 || memcmp(k->addr[1], g->host, 16) == 0));
}

static json_t *direction(const struct fos_session *s, int dir)
{
	struct fos_session_progress p;

	fos_session_progress(s, dir, &p);
	return json_pack("{s:I,s:I,s:I,s:b,s:I,s:I,s:f,s:b}", "packets", (json_int_t)p.packets, "bytes",
	                 (json_int_t)p.passed_bytes, "held", (json_int_t)p.held_bytes, "fin", p.fin, "waiting",
	                 (json_int_t)p.waiting, "waiting_bytes", (json_int_t)p.waiting_bytes, "waits_since",
	                 (double)p.waits_since_ns / 1e9, "shut", p.shut);
}

/* Closed: both ends were seen, and the last acknowledgements may still come. */
static const char *state_of(const struct fos_session *s)
{
	struct fos_session_progress p[2];

	fos_session_progress(s, 0, &p[0]);
	fos_session_progress(s, 1, &p[1]);
	if (p[0].fin && p[1].fin)
		return "closed";
	return fos_session_half_open(s) ? "half-open" : "open";
}

/* From who opened it to the other. */
static int show(void *arg, const struct fos_session *s)
{
	struct page *g = arg;
	const struct fos_key *k = fos_session_key(s);
	int first = fos_session_originator(s);
	char from[FOS_ADDR_TEXT], to[FOS_ADDR_TEXT];

	if (!wanted(g, s))
		return 0;
	json_array_append_new(
	    g->list,
	    json_pack("{s:I,s:I,s:o,s:s,s:s,s:s,s:s,s:f,s:f,s:o,s:o}", "worker", (json_int_t)g->worker, "id",
	              (json_int_t)fos_session_id(s), "flow", bench_json_text(fos_session_flow(s)), "protocol",
	              k->proto == IPPROTO_TCP ? "tcp" : "udp", "from", fos_key_text(k, first, from, sizeof(from)), "to",
	              fos_key_text(k, !first, to, sizeof(to)), "state", state_of(s), "first",
	              (double)fos_session_first_ns(s) / 1e9, "last", (double)fos_session_last_ns(s) / 1e9, "forward",
	              direction(s, first), "back", direction(s, !first)));
	return json_array_size(g->list) >= g->max;
}

static void show_some(struct mb_worker *w, void *arg)
{
	struct page *g = arg;

	g->from = fos_worker_sessions(w->engine, g->from, MB_LOOKS, show, g);
}

/* "2.4096": worker and place. */
static int set_from(struct page *g, const char *text)
{
	char end;

	return sscanf(text, "%u.%u%c", &g->worker, &g->from, &end) == 2 ? 0 : -1;
}

static int set_host(struct page *g, const char *text)
{
	if (inet_pton(AF_INET, text, g->host) == 1)
		g->version = 4;
	else if (inet_pton(AF_INET6, text, g->host) == 1)
		g->version = 6;
	return g->version ? 0 : -1;
}

static int set_one(struct page *g, const char *key, const json_t *value)
{
	const char *text = json_string_value(value);
	json_int_t n = json_integer_value(value);

	if (strcmp(key, "command") == 0 || strcmp(key, "id") == 0)
		return 0;
	if (strcmp(key, "flow") == 0 && text)
		g->flow = text;
	else if (strcmp(key, "host") == 0 && text)
		return set_host(g, text);
	else if (strcmp(key, "from") == 0 && text)
		return set_from(g, text);
	else if (strcmp(key, "protocol") == 0 && text && (strcmp(text, "tcp") == 0 || strcmp(text, "udp") == 0))
		g->proto = text[0] == 't' ? IPPROTO_TCP : IPPROTO_UDP;
	else if (strcmp(key, "port") == 0 && n > 0 && n <= UINT16_MAX)
		g->port = (uint16_t)n;
	else if (strcmp(key, "max") == 0 && n > 0 && n <= MB_PAGE_MAX)
		g->max = (uint64_t)n;
	else
		return -1;
	return 0;
}

/* What a value must be; NULL: there is no such key. */
static const char *value_of(const char *key)
{
	static const char *const key_is[][2] = {
		{ "flow", "the name of a flow" },       { "host", "an IPv4 or IPv6 address" },
		{ "port", "a number from 1 to 65535" }, { "protocol", "tcp or udp" },
		{ "from", "the next of a page" },
	};

	for (size_t i = 0; i < sizeof(key_is) / sizeof(key_is[0]); i++)
		if (strcmp(key, key_is[i][0]) == 0)
			return key_is[i][1];
	return NULL;
}

static int parse(struct page *g, const json_t *request, char *err, size_t errlen)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)request, key, value)
	{
		if (set_one(g, key, value) == 0)
			continue;
		if (value_of(key))
			snprintf(err, errlen, "sessions: %s: %s is needed", key, value_of(key));
		else
			snprintf(err, errlen,
			         "sessions: %.32s: no such key, or not with this value; there are flow, host, port, "
			         "protocol, from, max (1 to %d)",
			         key, MB_PAGE_MAX);
		return -1;
	}
	return 0;
}

static bool is_flow(const struct mb_conf *c, const char *name)
{
	for (unsigned i = 0; i < c->flows; i++)
		if (strcmp(c->flow[i].name, name) == 0)
			return true;
	return false;
}

json_t *mb_answer_sessions(struct mb_box *b, const json_t *request, char *err, size_t errlen)
{
	struct page g = { .max = MB_PAGE, .list = json_array() };
	char next[32] = "";
	unsigned busy = 0;
	json_t *all;

	if (!g.list || parse(&g, request, err, errlen)) {
		json_decref(g.list);
		return NULL;
	}
	if (g.flow && !is_flow(b->conf, g.flow)) {
		snprintf(err, errlen, "sessions: there is no flow %.64s", g.flow);
		json_decref(g.list);
		return NULL;
	}
	while (g.worker < b->made && json_array_size(g.list) < g.max && g.looked < MB_LOOKS_MAX) {
		bool failed = mb_worker_ask(&b->worker[g.worker], show_some, &g) != 0;

		busy += failed;
		g.looked += MB_LOOKS;
		if (failed || g.from == 0) {
			g.worker++;
			g.from = 0;
		}
	}
	if (g.worker < b->made)
		snprintf(next, sizeof(next), "%u.%u", g.worker, g.from);
	all = json_pack("{s:o,s:o,s:i}", "sessions", g.list, "next", next[0] ? json_string(next) : json_null(),
	                "workers_busy", (int)busy);
	if (!all)
		snprintf(err, errlen, "no memory");
	return all;
}
