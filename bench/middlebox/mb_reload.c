/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_reload.c: see mb_reload.h.
 */
#include "mb_reload.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mb_engine.h"
#include "mb_notify.h"

struct changes {
	bool impair, metrics, hole_wait;
	unsigned refused;
};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	char text[1200];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	mb_box_say(NULL, text);
}

static void look(void *arg, const char *key, const char *was, const char *now)
{
	struct changes *c = arg;

	if (!mb_conf_changeable(key)) {
		say("%s: %.200s is not changed to %.200s while it runs: start it again for that", key,
		    was ? was : "(nothing)", now ? now : "(nothing)");
		c->refused++;
	} else if (strcmp(key, "metrics") == 0) {
		c->metrics = true;
	} else if (strcmp(key, "engine.hole-wait") == 0) {
		c->hole_wait = true;
	} else {
		c->impair = true;
	}
}

static struct mb_patience patience_of(const struct mb_conf *c)
{
	struct mb_patience p;

	bench_hole_wait(&c->engine, &c->impair, &p.packets, &p.ns);
	return p;
}

/* What holes are waited for: as was asked, and as long as the impairment displaces packets. */
static void change_hole_wait(struct mb_conf *c, struct mb_box *b, const struct mb_conf *now)
{
	struct mb_patience p = patience_of(now);

	for (unsigned i = 0; i < b->made; i++)
		if (mb_worker_ask(&b->worker[i], mb_worker_patience, &p))
			say("hole-wait: worker %u is too busy", i);
	c->engine.hole_packets = now->engine.hole_packets;
	c->engine.hole_ns = now->engine.hole_ns;
}

static void say_hole_wait(const struct mb_conf *c, const struct mb_patience *was)
{
	struct mb_patience p = patience_of(c);
	char text[64];

	if (p.packets == was->packets && p.ns == was->ns)
		return;
	bench_hole_wait_text(p.packets, p.ns, text, sizeof(text));
	say("hole-wait: now %s", text);
}

/* All workers get it; one that is too busy keeps the old one, which is said. */
static void change_impair(struct mb_conf *c, struct mb_box *b, const struct mb_conf *now)
{
	char text[1024];

	if (!c->interfaces) {
		say("impair: a replay's impairment stays as it is");
		return;
	}
	for (unsigned i = 0; i < b->made; i++) {
		struct mb_new_impair n = { .spec = &now->impair, .patience = patience_of(now) };

		if (mb_worker_ask(&b->worker[i], mb_worker_impair, &n))
			say("impair: worker %u is too busy", i);
		else if (n.status)
			say("impair: %s", n.err);
	}
	fos_impair_spec_free(&c->impair);
	if (fos_impair_spec_copy(&c->impair, &now->impair))
		fos_impair_spec_init(&c->impair);
	fos_impair_spec_text(&c->impair, text, sizeof(text));
	say("impair: now %s", text);
}

static void change_metrics(struct mb_conf *c, struct mb_server *s, const struct mb_conf *now)
{
	char err[256];

	if (!s)
		say("metrics: there is no server to answer: start it again for that");
	else if (mb_server_metrics(s, now->metrics, err, sizeof(err)))
		say("metrics: %s", err);
	else {
		c->metrics = now->metrics ? mb_conf_keep(c, now->metrics) : NULL;
		say("metrics: now %s", now->metrics ? now->metrics : "nowhere");
	}
}

void mb_reload(struct mb_conf *c, struct mb_box *b, struct mb_server *s, int argc, char **argv)
{
	struct mb_conf *now = malloc(sizeof(*now));
	struct changes ch = { 0 };
	char err[1024];

	mb_notify("RELOADING=1");
	if (!c->path || !now) {
		say("there is no file to read again");
	} else {
		mb_conf_init(now);
		if (mb_run_opts_again(now, argc, argv, err, sizeof(err)) >= 0 ||
		    mb_engine_check(now, c, err, sizeof(err))) {
			say("%s; nothing is changed", err);
		} else {
			struct mb_patience was = patience_of(c);

			mb_conf_diff(c, now, look, &ch);
			if (ch.hole_wait)
				change_hole_wait(c, b, now);
			if (ch.impair)
				change_impair(c, b, now);
			say_hole_wait(c, &was);
			if (ch.metrics)
				change_metrics(c, s, now);
			if (!ch.impair && !ch.hole_wait && !ch.metrics && !ch.refused)
				say("%s: read again, nothing has changed", c->path);
		}
		mb_conf_free(now);
	}
	free(now);
	mb_notify("READY=1");
}
