/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_run_opts.c: see mb_run_opts.h. What the command line says is laid over what the file says.
 */
#include "mb_run_opts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "mb_listen.h"
#include "mb_ring.h"
#include "mb_server.h"
#include "value.h"

static const struct cli_option options[] = {
	{ "config", "FILE", "flows, pipelines and ports: see flowos.conf(5)", 'c' },
	{ "live", "IF[,IF2]", "one interface: receive; two: forward between them, through the pipeline", 'i' },
	{ "in", "IF", "the first interface", 0 },
	{ "out", "IF", "the second", 0 },
	{ "wait", NULL, "at the start, for interfaces that are not there yet", 0 },
	{ "trace", "FILE", "a capture instead of interfaces", 'r' },
	{ "write", "FILE", "of a trace: what leaves, as pcapng", 'w' },
	{ "release", "tap|gate", "tap: every packet leaves at once; gate: once all stages have released its bytes", 0 },
	{ "fail", "open|closed", "of a gate, when a cap is hit: what was not looked at passes, or does not", 0 },
	{ "workers", "N", "threads, each with its own sessions", 0 },
	{ "ring-bytes", "N", "receive ring, per interface and worker", 0 },
	{ "ring", "KEY[=V][,...]", MB_RING_HELP, 0 },
	{ "no-handoff", NULL,
	  "a worker keeps what the kernel gave it: faster, but sessions in tunnels and fragments are torn", 0 },
	{ "control", "PATH|none", "the control socket (live: /run/flowos/control.sock; a trace: none)", 0 },
	{ "metrics", "ADDRESS:PORT", "statistics for Prometheus, on a loopback address", 0 },
	{ "user", "NAME", "whom to run as once everything is open", 0 },
	{ "no-seccomp", NULL, "leave all system calls allowed", 0 },
	{ "net-admin", NULL, "keep CAP_NET_ADMIN", 0 },
	{ "duration", "T", "end after this time", 0 },
	{ "json", "FILE", "what was counted and found, at the end; with - nothing else is on standard output", 0 },
	{ NULL, NULL, NULL, 0 },
};

/* What was said on the command line. */
struct said {
	struct mb_conf *conf;
	struct bench_engine_opts engine;
	struct fos_impair_spec impair;
	const char *config, *in, *out;
	bool live;
};

static int set_count(const char *value, uint64_t least, uint64_t most, uint64_t *out, char *err, size_t errlen)
{
	if (bench_value_count(value, most, out) == 0 && *out >= least)
		return 0;
	snprintf(err, errlen, "a number from %llu to %llu", (unsigned long long)least, (unsigned long long)most);
	return -EINVAL;
}

static const char **text_of(struct said *s, const char *name)
{
	const struct {
		const char *name;
		const char **at;
	} text[] = {
		{ "config", &s->config },
		{ "in", &s->in },
		{ "out", &s->out },
		{ "trace", &s->conf->trace },
		{ "write", &s->conf->output },
		{ "control", &s->conf->control },
		{ "user", &s->conf->user },
		{ "json", &s->conf->json },
		{ "metrics", &s->conf->metrics },
	};

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		if (strcmp(text[i].name, name) == 0)
			return text[i].at;
	return NULL;
}

static int set(void *arg, const char *name, const char *value, char *err, size_t errlen)
{
	struct said *s = arg;
	struct mb_conf *c = s->conf;
	const char **text = text_of(s, name);
	uint64_t n = 0;
	int rc = 0;

	if (text) {
		*text = value;
		c->control_given |= strcmp(name, "control") == 0;
		if (!*value)
			snprintf(err, errlen, "a name is missing");
		return *value ? 0 : -EINVAL;
	}
	if (strcmp(name, "live") == 0) {
		s->live = true;
		return mb_conf_live(c, value, err, errlen);
	}
	if (strcmp(name, "ring") == 0)
		return mb_ring_set(&c->ring, value, err, errlen);
	if (strcmp(name, "release") == 0)
		return mb_conf_release(&c->release, value, err, errlen);
	if (strcmp(name, "fail") == 0)
		return mb_conf_fail(&c->release, value, err, errlen);
	if (strcmp(name, "workers") == 0) {
		rc = set_count(value, 1, MB_WORKERS_MAX, &n, err, errlen);
		c->workers = (unsigned)n;
	} else if (strcmp(name, "ring-bytes") == 0) {
		rc = mb_ring_bytes(&c->ring, value, err, errlen);
	} else if (strcmp(name, "duration") == 0) {
		rc = bench_value_time(value, &c->duration_ns);
		if (rc || c->duration_ns == 0) {
			snprintf(err, errlen, "a time above 0 with its unit, such as 10s");
			rc = -EINVAL;
		}
	} else if (strcmp(name, "wait") == 0) {
		c->wait = true;
	} else if (strcmp(name, "no-handoff") == 0) {
		c->no_handoff = true;
	} else if (strcmp(name, "no-seccomp") == 0) {
		c->no_seccomp = true;
	} else {
		c->keep_net_admin = true;
	}
	return rc;
}

static struct cli_program program = {
	.name = "flowos run",
	.usage = "flowos run -c FILE [options]\n"
	         "       flowos run -i IF[,IF2] [--stage ...] [options]\n"
	         "       flowos run -r TRACE [--stage ...] [options]",
	.about =
	    "Forwards packets between two interfaces (or receives on one, or replays a trace), and shows modules the\n"
	    "byte streams in them. SIGTERM ends it, SIGHUP reads the file again.",
	.more = "Shares need % and times a unit (us, ms, s). Counts take k and M. - is standard input or output.\n\n"
	        "  flowos run -i eth0,eth1 --stage http:out=web.tsv+count\n"
	        "  flowos run -i eth0,eth1 --reorder 5%,delay=3ms --loss 1%\n"
	        "  flowos run -c /etc/flowos/flowos.conf\n"
	        "  flowos run -c /etc/flowos/flowos.conf -r trace.pcap\n\n"
	        "Exit status: 0 done, 1 something did not hold (a module, a damaged trace), 2 could not run.\n",
	.options = options,
	.set = set,
};

int mb_run_fail(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	cli_vfail(&program, format, ap);
	va_end(ap);
	return CLI_CANNOT;
}

/* --- over the file ------------------------------------------------------------------------------------------------- */

/* Ports of the command line take the place of the file's. */
static void lay_ports(struct mb_conf *c, const struct mb_conf *o, bool live)
{
	if (live) {
		c->interface[0] = o->interface[0];
		c->interface[1] = o->interface[1];
		c->interfaces = c->named = o->interfaces;
		c->trace = c->output = NULL;
	}
	if (o->trace) {
		c->trace = o->trace;
		c->interfaces = 0;
	}
	c->output = o->output ? o->output : c->output;
}

/* What the command line says counts for all flows, whatever the file says of one. */
static void lay_release(struct mb_conf *c, const struct mb_release *o)
{
	c->release.how = o->how ? o->how : c->release.how;
	c->release.fail = o->fail ? o->fail : c->release.fail;
	for (unsigned i = 0; i < c->flows; i++) {
		struct mb_release *f = &c->flow[i].release;

		f->how = o->how ? o->how : f->how;
		f->fail = o->fail ? o->fail : f->fail;
	}
}

static void lay_rest(struct mb_conf *c, const struct mb_conf *o)
{
	c->workers = o->workers ? o->workers : c->workers;
	mb_ring_lay(&c->ring, &o->ring);
	c->metrics = o->metrics ? o->metrics : c->metrics;
	c->user = o->user ? o->user : c->user;
	c->json = o->json ? o->json : c->json;
	c->duration_ns = o->duration_ns ? o->duration_ns : c->duration_ns;
	c->wait |= o->wait;
	c->no_seccomp |= o->no_seccomp;
	c->no_handoff |= o->no_handoff;
	c->keep_net_admin |= o->keep_net_admin;
	if (o->control_given) {
		c->control = o->control;
		c->control_given = true;
	}
}

static void lay_engine(struct mb_conf *c, const struct bench_engine_opts *o)
{
	struct bench_engine_opts *e = &c->engine;

	if (o->overlap)
		e->overlap = o->overlap;
	if (o->checksum_given) {
		e->checksum_given = true;
		e->verify = o->verify;
	}
	if (o->hole_packets || o->hole_ns) {
		e->hole_packets = o->hole_packets;
		e->hole_ns = o->hole_ns;
	}
	if (o->hold_cap)
		e->hold_cap = o->hold_cap;
	e->vlan_key |= o->vlan_key;
}

static int lay_impair(struct mb_conf *c, const struct fos_impair_spec *o, char *err, size_t errlen)
{
	char value[1024], none[1024];
	struct fos_impair_spec plain;
	int rc = 0;

	fos_impair_spec_init(&plain);
	for (const struct fos_impair_option *p = fos_impair_options; rc == 0 && p->name; p++) {
		fos_impair_spec_value(o, p->name, value, sizeof(value));
		fos_impair_spec_value(&plain, p->name, none, sizeof(none));
		if (value[0] && strcmp(value, none) != 0)
			rc = fos_impair_spec_set(&c->impair, p->name, value, err, errlen);
	}
	fos_impair_spec_free(&plain);
	return rc;
}

/* Where the control socket is. */
static int place_control(struct mb_conf *c)
{
	char path[256];

	if (c->control_given && c->control && strcmp(c->control, "none") == 0)
		c->control = NULL;
	if (c->control_given || c->trace)
		return 0;
	mb_listen_default(path, sizeof(path));
	c->control = mb_conf_keep(c, path);
	return c->control ? 0 : -ENOMEM;
}

static int in_and_out(struct said *s, char *err, size_t errlen)
{
	struct mb_conf *o = s->conf;

	if (!s->in && !s->out)
		return 0;
	if (s->live || !s->in) {
		snprintf(err, errlen, s->live ? "--in and --out, or -i: one of them" : "--out needs --in");
		return -EINVAL;
	}
	o->interface[0] = s->in;
	o->interface[1] = s->out;
	o->interfaces = s->out ? 2 : 1;
	s->live = true;
	return 0;
}

static int lay_over(struct mb_conf *c, struct said *s, char *err, size_t errlen)
{
	struct mb_conf *o = s->conf;
	char why[256];
	int rc = in_and_out(s, err, errlen);

	if (rc == 0 && s->config)
		rc = mb_conf_read(c, s->config, err, errlen);
	if (rc)
		return rc;
	if (s->live && o->trace) {
		snprintf(err, errlen, "a trace and interfaces: one of them");
		return -EINVAL;
	}
	if ((!c->flows && !c->pipelines) || s->engine.stages || s->engine.filter || s->engine.level)
		rc = mb_conf_simple(c, &s->engine, err, errlen);
	if (rc)
		return rc;
	lay_ports(c, o, s->live);
	lay_release(c, &o->release);
	lay_rest(c, o);
	lay_engine(c, &s->engine);
	rc = lay_impair(c, &s->impair, err, errlen);
	if (rc == 0)
		rc = place_control(c);
	if (rc == 0 && c->metrics && mb_server_loopback(c->metrics, why, sizeof(why))) {
		snprintf(err, errlen, "%s%s", mb_conf_where(c, c->metrics), why);
		rc = -EINVAL;
	}
	return rc ? rc : mb_conf_check(c, err, errlen);
}

int mb_run_opts_again(struct mb_conf *c, int argc, char **argv, char *err, size_t errlen)
{
	struct mb_conf *over = malloc(sizeof(*over));
	struct said s = { .conf = over };
	int first, rc;

	if (!over) {
		snprintf(err, errlen, "no memory");
		return -ENOMEM;
	}
	mb_conf_init(over);
	over->workers = 0;
	fos_impair_spec_init(&s.impair);
	program.arg = &s;
	program.impair = &s.impair;
	program.engine = &s.engine;
	err[0] = '\0';
	rc = cli_parse(&program, argc, argv, &first);
	if (rc < 0) {
		if (argc > first) {
			snprintf(err, errlen, "%s: no such argument; see --help", argv[first]);
			rc = CLI_CANNOT;
		} else if (lay_over(c, &s, err, errlen)) {
			rc = CLI_CANNOT;
		}
	}
	/* Texts that were made here live on with the configuration. */
	for (unsigned i = 0; i < over->texts; i++) {
		if (c->texts < MB_TEXTS_MAX) {
			c->place[c->texts] = NULL;
			c->text[c->texts++] = over->text[i];
		} else {
			free(over->text[i]);
		}
	}
	over->texts = 0;
	mb_conf_free(over);
	free(over);
	fos_impair_spec_free(&s.impair);
	return rc;
}

int mb_run_opts(struct mb_conf *c, int argc, char **argv)
{
	char err[1024];
	int rc = mb_run_opts_again(c, argc, argv, err, sizeof(err));

	return rc == CLI_CANNOT && err[0] ? mb_run_fail("%s", err) : rc;
}
