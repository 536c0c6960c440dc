/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_conf_read.c: a configuration from a file in libconfig's notation: what is on its top level, ports, engine,
 * impairments. Flows and pipelines are in mb_conf_flows.c. See mb_conf.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "mb_reader.h"
#include "mb_ring.h"

static int set_interfaces(struct mb_reader *r, void *to, const config_setting_t *s)
{
	struct mb_conf *c = to;
	int n = config_setting_length(s);

	if (!config_setting_is_array(s) && !config_setting_is_list(s))
		return mb_bad(r, s, "a list of names is needed: [ \"eth0\", \"eth1\" ]");
	if (n < 1 || n > MB_INTERFACES_MAX)
		return mb_bad(r, s, "one interface (to receive) or two (to forward between them), not %d", n);
	for (int i = 0; i < n; i++) {
		int rc = mb_read_text(r, config_setting_get_elem(s, (unsigned)i), &c->interface[i]);

		if (rc)
			return rc;
	}
	c->interfaces = c->named = (unsigned)n;
	return 0;
}

static int set_trace(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return mb_read_text(r, s, &((struct mb_conf *)to)->trace);
}

static int set_output(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return mb_read_text(r, s, &((struct mb_conf *)to)->output);
}

static int set_ring_bytes(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return mb_read_count(r, s, 1 << 16, (uint64_t)1 << 32, &((struct mb_ring *)to)->bytes);
}

static int set_ring_frame(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return mb_read_count(r, s, 256, 1 << 17, &((struct mb_ring *)to)->frame_bytes);
}

static int set_ring_slot(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return mb_read_count(r, s, 128, 1 << 17, &((struct mb_ring *)to)->slot_bytes);
}

static int set_ring_block(struct mb_reader *r, void *to, const config_setting_t *s)
{
	uint64_t *ns = &((struct mb_ring *)to)->block_ns;
	int rc = mb_read_time(r, s, ns);

	return rc ? rc : *ns % 1000000 || !*ns || *ns > 1000000000 ? mb_bad(r, s, "from 1ms to 1s, in whole ms") : 0;
}

/* One of two words; `out` is whether it is the second. */
static int read_choice(struct mb_reader *r, const config_setting_t *s, const char *no, const char *yes, bool *out)
{
	const char *text = config_setting_get_string(s);

	if (!text || (strcmp(text, no) != 0 && strcmp(text, yes) != 0))
		return mb_bad(r, s, "\"%s\" or \"%s\"", no, yes);
	*out = strcmp(text, yes) == 0;
	return 0;
}

static int set_ring_receive(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return read_choice(r, s, "frames", "blocks", &((struct mb_ring *)to)->blocks);
}

static int set_ring_send(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return read_choice(r, s, "call", "ring", &((struct mb_ring *)to)->send_ring);
}

static int set_ring_bypass(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return mb_read_bool(r, s, &((struct mb_ring *)to)->qdisc_bypass);
}

static int set_ring_port(struct mb_reader *r, void *to, const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);

	return mb_ring_port(to, text ? text : "") ? mb_bad(r, s, "\"afpacket\" or \"afxdp\"") : 0;
}

static int set_ring_xdp(struct mb_reader *r, void *to, const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);

	return mb_ring_xdp(to, text ? text : "")
	           ? mb_bad(r, s, "\"auto\", \"native\", \"generic\", \"copy\" or \"zerocopy\"")
	           : 0;
}

static int set_ring(struct mb_reader *r, void *to, const config_setting_t *s)
{
	static const struct mb_key keys[] = {
		{ "bytes", set_ring_bytes },
		{ "frame-bytes", set_ring_frame },
		{ "slot-bytes", set_ring_slot },
		{ "receive", set_ring_receive },
		{ "block-time", set_ring_block },
		{ "send", set_ring_send },
		{ "qdisc-bypass", set_ring_bypass },
		{ "port", set_ring_port },
		{ "xdp", set_ring_xdp },
		{ NULL, NULL },
	};

	return mb_read_group(r, &((struct mb_conf *)to)->ring, s, keys);
}

static int set_wait(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return mb_read_bool(r, s, &((struct mb_conf *)to)->wait);
}

static int set_ports(struct mb_reader *r, void *to, const config_setting_t *s)
{
	static const struct mb_key keys[] = {
		{ "interfaces", set_interfaces }, { "wait", set_wait },     { "ring", set_ring },
		{ "trace", set_trace },           { "output", set_output }, { NULL, NULL },
	};

	return mb_read_group(r, to, s, keys);
}

static int set_workers(struct mb_reader *r, void *to, const config_setting_t *s)
{
	uint64_t n = 0;
	int rc = mb_read_count(r, s, 1, MB_WORKERS_MAX, &n);

	((struct mb_conf *)to)->workers = (unsigned)n;
	return rc;
}

static int set_release(struct mb_reader *r, void *to, const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);
	char why[64];

	return mb_conf_release(&((struct mb_conf *)to)->release, text ? text : "", why, sizeof(why))
	           ? mb_bad(r, s, "%s", why)
	           : 0;
}

static int set_fail(struct mb_reader *r, void *to, const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);
	char why[64];

	return mb_conf_fail(&((struct mb_conf *)to)->release, text ? text : "", why, sizeof(why))
	           ? mb_bad(r, s, "%s", why)
	           : 0;
}

/* The engine's options under their names, but those that flows and pipelines say. */
static int engine_setting(struct mb_reader *r, const config_setting_t *s)
{
	const char *name = config_setting_name(s), *text;
	const struct bench_option *o = bench_engine_options;
	char value[256], why[256];
	bool on = true;
	int rc;

	while (o->name && strcmp(o->name, name) != 0)
		o++;
	if (!o->name || strcmp(name, "stage") == 0 || strcmp(name, "flow") == 0 || strcmp(name, "level") == 0)
		return mb_bad(r, s, "no such key; there are overlap, checksum, hole-wait, hold-cap, vlan-key");
	if (!o->meta) {
		rc = mb_read_bool(r, s, &on);
		r->conf->engine.vlan_key = on;
		return rc;
	}
	rc = mb_read_any(r, s, value, sizeof(value));
	if (rc)
		return rc;
	r->overlap_given |= strcmp(name, "overlap") == 0;
	text = mb_conf_keep(r->conf, value);
	if (!text || bench_engine_opts_set(&r->conf->engine, name, text, why, sizeof(why)))
		return mb_bad(r, s, "%s", text ? why : "no memory");
	return 0;
}

static int set_engine(struct mb_reader *r, void *to, const config_setting_t *s)
{
	int rc = 0;

	(void)to;
	if (!config_setting_is_group(s))
		return mb_bad(r, s, "a group is needed: { key = value; ... }");
	for (int i = 0; rc == 0 && i < config_setting_length(s); i++)
		rc = engine_setting(r, config_setting_get_elem(s, (unsigned)i));
	return rc;
}

static int set_impair(struct mb_reader *r, void *to, const config_setting_t *s)
{
	char value[1024], why[512];
	int rc = 0;

	(void)to;
	if (!config_setting_is_group(s))
		return mb_bad(r, s, "a group is needed: { key = value; ... }");
	for (int i = 0; rc == 0 && i < config_setting_length(s); i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);

		rc = mb_read_any(r, e, value, sizeof(value));
		if (rc)
			break;
		rc = fos_impair_spec_set(&r->conf->impair, config_setting_name(e), value, why, sizeof(why));
		if (rc == -ENOENT)
			rc = mb_bad(r, e, "no such impairment; they are named as on the command line");
		else if (rc)
			rc = mb_bad(r, e, "%s", why);
	}
	return rc;
}

static int set_control(struct mb_reader *r, void *to, const config_setting_t *s)
{
	struct mb_conf *c = to;

	c->control_given = true;
	return mb_read_text(r, s, &c->control);
}

static int set_metrics(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return mb_read_text(r, s, &((struct mb_conf *)to)->metrics);
}

static int set_user(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return mb_read_text(r, s, &((struct mb_conf *)to)->user);
}

static int set_json(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return mb_read_text(r, s, &((struct mb_conf *)to)->json);
}

static int set_handoff(struct mb_reader *r, void *to, const config_setting_t *s)
{
	bool on = true;
	int rc = mb_read_bool(r, s, &on);

	((struct mb_conf *)to)->no_handoff = !on;
	return rc;
}

static int set_seccomp(struct mb_reader *r, void *to, const config_setting_t *s)
{
	bool on = true;
	int rc = mb_read_bool(r, s, &on);

	((struct mb_conf *)to)->no_seccomp = !on;
	return rc;
}

static int set_net_admin(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return mb_read_bool(r, s, &((struct mb_conf *)to)->keep_net_admin);
}

static int set_duration(struct mb_reader *r, void *to, const config_setting_t *s)
{
	return mb_read_time(r, s, &((struct mb_conf *)to)->duration_ns);
}

static int read_root(struct mb_reader *r, const config_setting_t *root)
{
	static const struct mb_key keys[] = {
		{ "ports", set_ports },       { "workers", set_workers }, { "release", set_release },
		{ "fail", set_fail },         { "engine", set_engine },   { "caps", mb_read_caps },
		{ "impair", set_impair },     { "flows", mb_read_flows }, { "pipelines", mb_read_pipelines },
		{ "control", set_control },   { "metrics", set_metrics }, { "user", set_user },
		{ "json", set_json },         { "seccomp", set_seccomp }, { "net-admin", set_net_admin },
		{ "duration", set_duration }, { "handoff", set_handoff }, { NULL, NULL },
	};
	int rc = mb_read_group(r, r->conf, root, keys);

	return rc ? rc : mb_flows_done(r);
}

/* A regular file of a bearable size, or a pipe. */
static FILE *open_file(const char *path, char *err, size_t errlen)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	struct stat st;

	if (!f) {
		snprintf(err, errlen, "%s: %s", path, strerror(errno));
		return NULL;
	}
	if (fstat(fileno(f), &st) == 0 && !S_ISDIR(st.st_mode) && st.st_size <= MB_FILE_MAX)
		return f;
	snprintf(err, errlen, "%s: %s", path,
	         S_ISDIR(st.st_mode) ? strerror(EISDIR) : "is too large for a configuration");
	if (f != stdin)
		fclose(f);
	return NULL;
}

int mb_conf_read(struct mb_conf *c, const char *path, char *err, size_t errlen)
{
	struct mb_reader *r = calloc(1, sizeof(*r));
	FILE *f = r ? open_file(path, err, errlen) : NULL;
	config_t file;
	int rc = 0;

	if (!f) {
		if (!r)
			snprintf(err, errlen, "no memory");
		free(r);
		return -EINVAL;
	}
	*r = (struct mb_reader){ .conf = c, .path = path, .err = err, .errlen = errlen };
	c->path = mb_conf_keep(c, path);
	config_init(&file);
	if (!config_read(&file, f)) {
		const char *where = config_error_file(&file);

		snprintf(err, errlen, "%s:%d: %s", where ? where : path, config_error_line(&file),
		         config_error_text(&file));
		rc = -EINVAL;
	} else {
		rc = read_root(r, config_root_setting(&file));
	}
	config_destroy(&file);
	if (f != stdin)
		fclose(f);
	free(r);
	return rc;
}
