/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_conf_list.c: a configuration as keys and texts, and how two of them differ. See mb_conf.h.
 */
#include "mb_conf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mb_ring.h"

static void tell(mb_setting *each, void *arg, const char *key, const char *value)
{
	if (value && *value)
		each(arg, key, value);
}

static void tell_number(mb_setting *each, void *arg, const char *key, uint64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	if (n)
		each(arg, key, text);
}

static void tell_at(mb_setting *each, void *arg, const char *value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void tell_at(mb_setting *each, void *arg, const char *value, const char *format, ...)
{
	char key[96];
	va_list ap;

	va_start(ap, format);
	vsnprintf(key, sizeof(key), format, ap);
	va_end(ap);
	tell(each, arg, key, value);
}

static const char *release_name(struct mb_release r)
{
	static const char *const names[] = { NULL, "tap", "gate" };

	return names[r.how];
}

static const char *fail_name(struct mb_release r)
{
	static const char *const names[] = { NULL, "open", "closed" };

	return names[r.fail];
}

static void list_flows(const struct mb_conf *c, mb_setting *each, void *arg)
{
	for (unsigned i = 0; i < c->flows; i++) {
		const struct mb_flow *f = &c->flow[i];

		tell_at(each, arg, f->name, "flows[%u].name", i);
		tell_at(each, arg, f->filter, "flows[%u].filter", i);
		tell_at(each, arg, f->interface, "flows[%u].interface", i);
		tell_at(each, arg, f->levels, "flows[%u].levels", i);
		tell_at(each, arg, release_name(f->release), "flows[%u].release", i);
		tell_at(each, arg, fail_name(f->release), "flows[%u].fail", i);
		tell_at(each, arg, f->pipeline >= 0 ? c->pipeline[f->pipeline].name : NULL, "flows[%u].pipeline", i);
	}
	for (unsigned i = 0; i < c->pipelines; i++) {
		const struct mb_pipeline *p = &c->pipeline[i];

		tell_at(each, arg, p->name, "pipelines[%u].name", i);
		tell_at(each, arg, p->level, "pipelines[%u].level", i);
		for (unsigned k = 0; k < p->stages; k++)
			tell_at(each, arg, p->stage[k], "pipelines[%u].stages[%u]", i, k);
	}
}

static void list_engine(const struct mb_conf *c, mb_setting *each, void *arg)
{
	const struct bench_engine_opts *o = &c->engine;
	char text[64] = "";

	each(arg, "engine.overlap", fos_overlap_name(o->overlap));
	if (o->checksum_given)
		each(arg, "engine.checksum", o->verify ? "verify" : "ignore");
	if (o->hole_packets || o->hole_ns)
		bench_hole_wait_text(o->hole_packets, o->hole_ns, text, sizeof(text));
	tell(each, arg, "engine.hole-wait", text);
	tell_number(each, arg, "engine.hold-cap", o->hold_cap);
	tell(each, arg, "engine.vlan-key", o->vlan_key ? "true" : NULL);
	tell_number(each, arg, "caps.direction", c->caps.direction);
	tell_number(each, arg, "caps.total", c->caps.total);
	tell_number(each, arg, "caps.retained", c->caps.retained);
	tell_number(each, arg, "caps.sessions", c->caps.sessions);
}

static void list_impair(const struct mb_conf *c, mb_setting *each, void *arg)
{
	char value[1024];

	for (const struct fos_impair_option *o = fos_impair_options; o->name; o++) {
		if (fos_impair_spec_value(&c->impair, o->name, value, sizeof(value)) > 0)
			tell_at(each, arg, value, "impair.%s", o->name);
	}
}

void mb_conf_list(const struct mb_conf *c, mb_setting *each, void *arg)
{
	for (unsigned i = 0; i < c->interfaces; i++)
		tell_at(each, arg, c->interface[i], "ports.interfaces[%u]", i);
	tell(each, arg, "ports.wait", c->wait ? "true" : NULL);
	tell(each, arg, "ports.trace", c->trace);
	tell(each, arg, "ports.output", c->output);
	tell(each, arg, "ports.ring.port", mb_ring_port_name(c->ring.port));
	tell(each, arg, "ports.ring.xdp", mb_ring_xdp_name(c->ring.xdp));
	tell_number(each, arg, "ports.ring.bytes", c->ring.bytes);
	tell_number(each, arg, "ports.ring.frame-bytes", c->ring.frame_bytes);
	tell_number(each, arg, "ports.ring.slot-bytes", c->ring.slot_bytes);
	tell_number(each, arg, "ports.ring.block-time", c->ring.block_ns);
	tell(each, arg, "ports.ring.receive", c->ring.blocks ? "blocks" : NULL);
	tell(each, arg, "ports.ring.send", c->ring.send_ring ? "ring" : NULL);
	tell(each, arg, "ports.ring.qdisc-bypass", c->ring.qdisc_bypass ? "true" : NULL);
	tell_number(each, arg, "workers", c->workers);
	tell(each, arg, "handoff", c->no_handoff ? "false" : NULL);
	tell(each, arg, "release", release_name(c->release));
	tell(each, arg, "fail", fail_name(c->release));
	list_engine(c, each, arg);
	list_impair(c, each, arg);
	list_flows(c, each, arg);
	tell(each, arg, "control", c->control);
	tell(each, arg, "metrics", c->metrics);
	tell(each, arg, "user", c->user);
	tell(each, arg, "json", c->json);
	tell(each, arg, "seccomp", c->no_seccomp ? "false" : NULL);
	tell(each, arg, "net-admin", c->keep_net_admin ? "true" : NULL);
	tell_number(each, arg, "duration", c->duration_ns);
}

struct list {
	struct entry {
		char *key, *value;
		bool found;
	} * v;
	size_t n, size;
	bool failed;
};

static void collect(void *arg, const char *key, const char *value)
{
	struct list *l = arg;

	if (l->n == l->size) {
		size_t size = l->size ? 2 * l->size : 64;
		struct entry *v = reallocarray(l->v, size, sizeof(*v));

		if (!v) {
			l->failed = true;
			return;
		}
		l->v = v;
		l->size = size;
	}
	l->v[l->n] = (struct entry){ .key = strdup(key), .value = strdup(value) };
	l->failed |= !l->v[l->n].key || !l->v[l->n].value;
	l->n++;
}

static void list_free(struct list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].key);
		free(l->v[i].value);
	}
	free(l->v);
}

static struct entry *find(struct list *l, const char *key)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].key, key) == 0)
			return &l->v[i];
	return NULL;
}

int mb_conf_diff(const struct mb_conf *old, const struct mb_conf *now, mb_change *each, void *arg)
{
	struct list a = { 0 }, b = { 0 };

	mb_conf_list(old, collect, &a);
	mb_conf_list(now, collect, &b);
	for (size_t i = 0; !a.failed && !b.failed && i < a.n; i++) {
		struct entry *e = find(&b, a.v[i].key);

		if (e)
			e->found = true;
		if (!e || strcmp(e->value, a.v[i].value) != 0)
			each(arg, a.v[i].key, a.v[i].value, e ? e->value : NULL);
	}
	for (size_t i = 0; !a.failed && !b.failed && i < b.n; i++)
		if (!b.v[i].found)
			each(arg, b.v[i].key, NULL, b.v[i].value);
	list_free(&a);
	list_free(&b);
	return a.failed || b.failed ? -ENOMEM : 0;
}

bool mb_conf_changeable(const char *key)
{
	return strncmp(key, "impair.", 7) == 0 || strcmp(key, "metrics") == 0 || strcmp(key, "engine.hole-wait") == 0;
}
