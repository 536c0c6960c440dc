/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mod_harness.c: the fake engine's side that a test drives; mod_stream.c has the side that the module calls.
 */
#include "mod_harness.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MH_ARGS = 32 };

static bool mh_known(const struct fos_module *m, const char *key)
{
	size_t n = strlen(key);

	for (const char *const *h = m->arg_help; h && *h; h++) {
		if (strncmp(*h, key, n) == 0 && (*h)[n] == '=')
			return true;
	}
	return false;
}

int mh_try(struct mh *mh, const char *const *args)
{
	static char keys[MH_ARGS][64];
	struct fos_module_arg arg[MH_ARGS];
	struct fos_module_args all = { 0, arg };

	memset(mh, 0, sizeof(*mh));
	void *so = access(MODULE_PATH, R_OK) ? NULL : dlopen(MODULE_PATH, RTLD_NOW | RTLD_LOCAL);
	if (!so && access(MODULE_PATH, R_OK)) {
		print_message("skipped: %s was not built\n", MODULE_PATH);
		exit(77);
	}
	if (!so)
		fail_msg("%s", dlerror());
	mh->m = dlsym(so, "fos_module");
	assert_non_null(mh->m);
	assert_int_equal(mh->m->abi, FOS_MODULE_ABI);
	assert_string_equal(mh->m->name, MODULE_NAME);
	for (; args[all.n]; all.n++) {
		const char *eq = strchr(args[all.n], '=');
		assert_true(eq && all.n < MH_ARGS && eq - args[all.n] < 64);
		snprintf(keys[all.n], sizeof(keys[0]), "%.*s", (int)(eq - args[all.n]), args[all.n]);
		arg[all.n] = (struct fos_module_arg){ keys[all.n], eq + 1 };
		if (!mh_known(mh->m, keys[all.n]))
			fail_msg("argument %s is not in arg_help", keys[all.n]);
	}
	int rc = mh->m->open(&all, &mh->self, mh->err, sizeof(mh->err));
	if (rc) {
		assert_true(rc < 0);
		assert_true(mh->err[0] && !strchr(mh->err, '\n'));
	}
	return rc;
}

void mh_open(struct mh *mh, ...)
{
	const char *args[MH_ARGS + 1], *a;
	size_t n = 0;
	va_list ap;

	va_start(ap, mh);
	while ((a = va_arg(ap, const char *)) && n < MH_ARGS)
		args[n++] = a;
	va_end(ap);
	args[n] = NULL;
	if (mh_try(mh, args))
		fail_msg("open: %s", mh->err);
}

int mh_finish(struct mh *mh)
{
	while (mh->sessions)
		mh_session_end(mh->sessions, FOS_END_EOF);
	int rc = mh->m->finish ? mh->m->finish(mh->self, mh->err, sizeof(mh->err)) : 0;
	mh_report(mh);
	return rc;
}

void mh_free(struct mh *mh)
{
	while (mh->sessions)
		mh_session_end(mh->sessions, FOS_END_EOF);
	mh->m->close(mh->self);
	mh_report_free(mh);
}

static void mh_endpoint(const char *text, struct fos_key *key, int side)
{
	char host[64];
	const char *colon = strrchr(text, ':');

	assert_non_null(colon);
	bool six = *text == '[';
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text) - 2 * six, text + six);
	assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, host, key->addr[side]), 1);
	key->port[side] = (uint16_t)atoi(colon + 1);
	key->version = six ? 6 : 4;
}

struct fos_session *mh_session(struct mh *mh, const char *proto, const char *a, const char *b)
{
	struct fos_session *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->mh = mh;
	s->id = ++mh->ids;
	s->flow = "default";
	s->key.proto = strcmp(proto, "udp") ? 6 : 17;
	s->key.vlan = 0xffff;
	s->first_ns = s->last_ns = 1700000000000000000u + s->id * 1000;
	s->end[0] = s->end[1] = FOS_END_EOF;
	mh_endpoint(a, &s->key, 0);
	mh_endpoint(b, &s->key, 1);
	for (int dir = 0; dir < 2; dir++) {
		s->stream[dir].session = s;
		s->stream[dir].view.back = (uint16_t)(((uintptr_t)&s->stream[dir] - (uintptr_t)s) / FOS_STREAM_BACK);
		s->stream[dir].view.flags = dir ? FOS_STREAM_SIDE : 0;
		s->stream[dir].dir = dir;
		if (mh->m->stream_state)
			assert_non_null(s->stream[dir].state = calloc(1, mh->m->stream_state));
	}
	s->next = mh->sessions;
	mh->sessions = s;
	return s;
}

struct fos_stream *mh_stream(struct fos_session *s, int dir)
{
	return &s->stream[dir].view;
}

static void mh_pkt_fill(struct fos_session *s, struct fos_pkt *p, int dir, const uint8_t *data, size_t len)
{
	memset(p, 0, sizeof(*p));
	p->app = data;
	p->app_len = p->app_wire_len = (uint32_t)len;
	p->ip_version = s->key.version;
	p->proto = s->key.proto;
	p->l4 = s->key.version == 4 ? 20 : 40;
	p->l4_len = s->key.proto == 6 ? 20 : 8;
	p->ip_len = p->l4 + p->l4_len + (uint32_t)len;
	p->verdict = s->key.proto == 6 ? FOS_PKT_TCP : FOS_PKT_UDP;
	p->sport = s->key.port[dir];
	p->dport = s->key.port[!dir];
	p->id = ++s->mh->packets;
	p->f.ts_ns = s->last_ns += 1000;
}

void mh_put(struct fos_stream *s, const void *data, size_t len, uint64_t ack)
{
	struct mh_span *n = calloc(1, sizeof(*n));

	assert_true(n && len && !mh_of(s)->closed);
	n->bytes = malloc(len); /* exactly: a byte too far is seen */
	assert_non_null(n->bytes);
	memcpy(n->bytes, data, len);
	mh_pkt_fill(mh_of(s)->session, &n->pkt, mh_of(s)->dir, n->bytes, len);
	n->pkt.tcp_flags = FOS_TCP_ACK;
	n->pkt.seq = fos_stream_start_seq(s) + (uint32_t)mh_tail(s);
	n->pkt.ack = fos_stream_start_seq(mh_stream(mh_of(s)->session, !mh_of(s)->dir)) + (uint32_t)ack;
	n->span = (struct fos_span){ .prev = mh_of(s)->last,
		                     .off = mh_tail(s),
		                     .data = n->bytes,
		                     .len = (uint32_t)len,
		                     .flags = FOS_SPAN_PKT,
		                     .pkt = &n->pkt };
	if (mh_of(s)->last)
		mh_of(s)->last->next = &n->span;
	else
		mh_of(s)->first = &n->span;
	mh_of(s)->last = &n->span;
	s->shown += (uint32_t)len;
	mh_of(s)->fresh = true;
}

static void mh_opened(struct fos_stream *s)
{
	const struct fos_module *m = mh_of(s)->session->mh->m;

	if (!mh_of(s)->opened && m->stream_open)
		m->stream_open(mh_of(s)->session->mh->self, s);
	mh_of(s)->opened = true;
}

static bool mh_streams(const struct fos_stream *s)
{
	return mh_of(s)->session->key.proto == 6 || !mh_of(s)->session->mh->m->datagram;
}

void mh_data(struct fos_stream *s)
{
	const struct fos_module *m = mh_of(s)->session->mh->m;

	if (!mh_of(s)->fresh)
		return;
	assert_true(mh_streams(s));
	mh_of(s)->fresh = false;
	mh_opened(s);
	if (m->stream_data)
		m->stream_data(mh_of(s)->session->mh->self, s);
	else
		fos_release_all(s);
	mh_drop(s);
}

void mh_feed(struct fos_stream *s, const void *data, size_t len)
{
	if (len) {
		mh_put(s, data, len, 0);
		mh_data(s);
	}
}

void mh_gap(struct fos_stream *s, uint64_t len)
{
	const struct fos_module *m = mh_of(s)->session->mh->m;

	mh_data(s);
	mh_opened(s);
	mh_of(s)->why = FOS_GAP_TIME;
	if (m->stream_gap)
		m->stream_gap(mh_of(s)->session->mh->self, s, mh_tail(s), len);
	fos_release_all(s);
	mh_drop(s);
	s->head += len;
}

void mh_late(struct fos_stream *s, int64_t off, const void *data, size_t len)
{
	const struct fos_module *m = mh_of(s)->session->mh->m;

	if (m->stream_late)
		m->stream_late(mh_of(s)->session->mh->self, s, off, data, (uint32_t)len);
}

void mh_close(struct fos_stream *s, enum fos_end end)
{
	const struct fos_module *m = mh_of(s)->session->mh->m;

	if (mh_of(s)->closed)
		return;
	mh_data(s);
	mh_of(s)->session->end[mh_of(s)->dir] = end;
	if (mh_of(s)->opened && m->stream_close)
		m->stream_close(mh_of(s)->session->mh->self, s, end);
	mh_of(s)->closed = true;
	fos_release_all(s);
	mh_drop(s);
}

void mh_packet(struct fos_session *s, int dir, const void *data, size_t len, uint8_t flags)
{
	struct fos_pkt p;

	mh_pkt_fill(s, &p, dir, data, len);
	p.tcp_flags = flags;
	if (s->mh->m->packets)
		s->mh->m->packets(s->mh->self, &(struct fos_seen){ s, &p, dir }, 1);
	else if (s->mh->m->packet)
		s->mh->m->packet(s->mh->self, s, &p, dir);
}

void mh_datagram(struct fos_session *s, int dir, const void *data, size_t len)
{
	struct fos_pkt p;

	mh_packet(s, dir, data, len, 0);
	mh_pkt_fill(s, &p, dir, data, len);
	if (s->mh->m->datagram)
		s->mh->m->datagram(s->mh->self, s, &p, dir);
	else if (len)
		mh_feed(mh_stream(s, dir), data, len);
}

void mh_session_end(struct fos_session *s, enum fos_end end)
{
	const struct fos_module *m = s->mh->m;

	for (int dir = 0; dir < 2; dir++)
		mh_close(&s->stream[dir].view, end);
	if (m->session_close)
		m->session_close(s->mh->self, s);
	for (struct fos_session **at = &s->mh->sessions; *at; at = &(*at)->next) {
		if (*at == s) {
			*at = s->next;
			break;
		}
	}
	free(s->stream[0].state);
	free(s->stream[1].state);
	free(s);
}

uint64_t mh_kept(const struct fos_stream *s)
{
	return s->shown;
}
