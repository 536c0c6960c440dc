/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_conf.c: a configuration's life, and what contradicts itself in one. mb_conf_read.c reads it from a file,
 * mb_conf_list.c tells it.
 */
#include "mb_conf.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mb_conf_init(struct mb_conf *c)
{
	memset(c, 0, sizeof(*c));
	c->program = "flowos run";
	c->workers = 1;
	fos_impair_spec_init(&c->impair);
}

void mb_conf_free(struct mb_conf *c)
{
	for (unsigned i = 0; i < c->texts; i++)
		free(c->text[i]);
	fos_impair_spec_free(&c->impair);
	memset(c, 0, sizeof(*c));
}

const char *mb_conf_keep(struct mb_conf *c, const char *text)
{
	char *copy = c->texts < MB_TEXTS_MAX ? strdup(text) : NULL;

	if (copy) {
		c->place[c->texts] = NULL;
		c->text[c->texts++] = copy;
	}
	return copy;
}

const char *mb_conf_where(const struct mb_conf *c, const char *text)
{
	for (unsigned i = 0; text && i < c->texts; i++)
		if (c->text[i] == text && c->place[i])
			return c->place[i];
	return "";
}

int mb_conf_live(struct mb_conf *c, const char *text, char *err, size_t errlen)
{
	size_t n = strcspn(text, ",");
	char first[64];

	if (n == 0 || n >= sizeof(first) || (text[n] && (!text[n + 1] || strchr(text + n + 1, ',')))) {
		snprintf(err, errlen, "one interface or two, such as eth0,eth1");
		return -EINVAL;
	}
	memcpy(first, text, n);
	first[n] = '\0';
	c->interface[0] = mb_conf_keep(c, first);
	c->interface[1] = text[n] ? text + n + 1 : NULL;
	c->interfaces = text[n] ? 2 : 1;
	return c->interface[0] ? 0 : -ENOMEM;
}

int mb_conf_release(struct mb_release *r, const char *text, char *err, size_t errlen)
{
	if (strcmp(text, "tap") == 0)
		r->how = MB_RELEASE_TAP;
	else if (strcmp(text, "gate") == 0)
		r->how = MB_RELEASE_GATE;
	else {
		snprintf(err, errlen, "tap or gate");
		return -EINVAL;
	}
	return 0;
}

int mb_conf_fail(struct mb_release *r, const char *text, char *err, size_t errlen)
{
	if (strcmp(text, "open") == 0)
		r->fail = MB_FAIL_OPEN;
	else if (strcmp(text, "closed") == 0)
		r->fail = MB_FAIL_CLOSED;
	else {
		snprintf(err, errlen, "open or closed");
		return -EINVAL;
	}
	return 0;
}

enum fos_release mb_conf_flow_release(const struct mb_conf *c, const struct mb_flow *f)
{
	if ((f->release.how ? f->release.how : c->release.how) != MB_RELEASE_GATE)
		return FOS_RELEASE_TAP;
	return (f->release.fail ? f->release.fail : c->release.fail) == MB_FAIL_CLOSED ? FOS_RELEASE_CLOSED
	                                                                               : FOS_RELEASE_OPEN;
}

bool mb_conf_gates(const struct mb_conf *c)
{
	for (unsigned i = 0; i < c->flows; i++)
		if (mb_conf_flow_release(c, &c->flow[i]) != FOS_RELEASE_TAP)
			return true;
	return false;
}

int mb_conf_simple(struct mb_conf *c, const struct bench_engine_opts *o, char *err, size_t errlen)
{
	struct mb_pipeline *p = &c->pipeline[0];

	if (c->flows || c->pipelines) {
		snprintf(err, errlen,
		         "--stage and --flow: the file has flows and pipelines already; they are changed there");
		return -EINVAL;
	}
	*p = (struct mb_pipeline){ .name = "all", .level = o->level, .stages = o->stages };
	memcpy(p->stage, o->stage, sizeof(p->stage));
	c->flow[0] = (struct mb_flow){ .name = "all", .filter = o->filter };
	c->flows = c->pipelines = 1;
	return 0;
}

static int check_ports(const struct mb_conf *c, char *err, size_t errlen)
{
	const char *wrong = NULL, *where = "";

	if (!c->trace && !c->interfaces)
		wrong = "no port: -i IF[,IF], -r TRACE, or ports in a file given with -c";
	else if (c->trace && c->interfaces)
		wrong = "a trace and interfaces: one of them";
	else if (c->output && !c->trace)
		wrong = "an output file needs a trace: what comes from interfaces leaves on them";
	else if (c->interfaces == 2 && strcmp(c->interface[0], c->interface[1]) == 0)
		wrong = "the two interfaces are the same", where = mb_conf_where(c, c->interface[1]);
	else if (c->ring.xdp && c->ring.port != MB_PORT_AFXDP)
		wrong = "ring: xdp says how port afxdp is to be had, which is not asked for";
	else if (c->ring.port == MB_PORT_AFXDP && c->interfaces && c->workers > 1)
		wrong =
		    "ring: with port afxdp there is one worker, which has all receive queues: the NIC divides packets "
		    "among its queues without regard to sessions";
	else if (c->trace && c->workers > 1)
		wrong = "a replay has one worker: more than one is not built yet";
	if (wrong)
		snprintf(err, errlen, "%s%s", where, wrong);
	for (unsigned i = 0; !wrong && i < c->interfaces; i++) {
		if (!*c->interface[i] || strlen(c->interface[i]) >= IFNAMSIZ || strchr(c->interface[i], '/')) {
			snprintf(err, errlen, "%s%.64s is no interface's name", mb_conf_where(c, c->interface[i]),
			         c->interface[i]);
			return -EINVAL;
		}
	}
	return wrong ? -EINVAL : 0;
}

static int check_flow(const struct mb_conf *c, const struct mb_flow *f, char *err, size_t errlen)
{
	bool known = !f->interface;

	for (unsigned i = 0; i < c->named; i++)
		known |= f->interface && strcmp(c->interface[i], f->interface) == 0;
	if (!known)
		snprintf(err, errlen, "%sflow %s: %s is none of the interfaces", mb_conf_where(c, f->interface),
		         f->name, f->interface);
	return known ? 0 : -EINVAL;
}

int mb_conf_check(const struct mb_conf *c, char *err, size_t errlen)
{
	int rc = check_ports(c, err, errlen);

	for (unsigned i = 0; rc == 0 && i < c->flows; i++)
		rc = check_flow(c, &c->flow[i], err, errlen);
	if (rc == 0 && !c->flows) {
		snprintf(err, errlen, "no flow: without one nothing goes through the engine");
		rc = -EINVAL;
	}
	if (rc == 0 && c->interfaces && (c->impair.decisions_in || c->impair.decisions_out)) {
		snprintf(err, errlen, "decisions-in and decisions-out are for traces: live packets have no number");
		rc = -EINVAL;
	}
	return rc;
}
